"""Values that must not get out: secrets, and everything personal that a run has seen.

`Secret` holds one credential and does not show it. `PersonalValues` is the list of what this run knows to be personal
(account numbers, names, e-mail addresses, tokens); it recognises them in a text in any case and in the encodings in
which values travel through URLs, HTML, JSON and headers, so that logs can be redacted and a document can be refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum
from typing import Final, NoReturn, final
from urllib.parse import unquote

from msgspec import Struct

MASK: Final = "***"
WITHHELD: Final = "[withheld: this text holds a personal value]"

MAX_SECRET_LENGTH: Final = 8192
"""No token is longer, and a header field of more is refused by every server. Redaction takes time and memory by it."""

_MIN_LENGTH = 2
_MIN_ENCODED_LENGTH = 4
_MIN_SUBSTRING_WORD_LENGTH = 6
_MIN_SUBSTRING_NUMBER_LENGTH = 7
_MIN_BASE64_CORE_LENGTH = 6
_DECODING_ROUNDS = 3

_SEPARATORS = re.compile(r"[\s._/-]+")
_BASE64_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_=")
_URL_SAFE = str.maketrans("+/", "-_")
_ESCAPE = (
    r"(?P<units>(?:\\u[0-9a-fA-F]{4})+)"
    r"|\\U(?P<point>00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})"
    r"|\\x(?P<byte>[0-9a-fA-F]{2})"
    r"|\\(?P<sign>[\"'\\/])"
)


@final
class Secret:
    """A credential that cannot be shown by accident.

    Printing, formatting and `repr` give `***`; pickling and JSON are refused; equality takes constant time. It is not
    hashable, because a look-up by hash compares in a time that depends on the value. Whoever needs the value calls
    `reveal()`, which is easy to search for.
    """

    __slots__ = ("__value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: str) -> None:
        if not isinstance(value, str):
            raise TypeError("a secret is made from a str")
        self.__value = value

    def reveal(self) -> str:
        """The value itself. For the wire and the keyring, never for a message."""
        return self.__value

    def prefixed(self, prefix: str) -> Secret:
        """The secret with something before it: `token.prefixed("Bearer ")`."""
        return Secret(prefix + self.__value)

    def __repr__(self) -> str:
        return f"Secret('{MASK}')"

    def __str__(self) -> str:
        return MASK

    def __format__(self, specification: str) -> str:
        return MASK

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        from hmac import compare_digest

        return compare_digest(_encoded(self.__value), _encoded(other.reveal()))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is never pickled")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret has no state to give away")


class PersonalKind(StrEnum):
    """What sort of thing a personal value is: what a refusal names instead of the value."""

    ACCOUNT_NUMBER = "account number"
    NAME = "name"
    EMAIL = "e-mail address"
    ADDRESS = "address"
    CREDENTIAL = "credential or token"
    OTHER = "personal value"


@final
class PersonalValue(Struct, frozen=True, eq=False):
    """One personal value, prepared for the search.

    Attributes:
        kind: what a message calls it.
        spelled: as it was given.
        folded: in the one spelling in which texts are compared.
        bounded: matches `folded` where it stands alone; None when it is searched anywhere in a text.
        folded_forms: the value in hexadecimal.
        exact_forms: the value in base64, at each of the three alignments that it can have inside a longer text.
    """

    kind: PersonalKind
    spelled: str
    folded: str
    bounded: re.Pattern[str] | None
    folded_forms: tuple[str, ...]
    exact_forms: tuple[str, ...]

    def __repr__(self) -> str:
        return f"PersonalValue({self.kind.value!r})"

    def occurs(self, folded: str) -> bool:
        """Whether it stands in a text that `fold` prepared."""
        if self.bounded is not None:
            return self.bounded.search(folded) is not None
        return self.folded in folded

    def occurs_encoded(self, text: str, folded: str) -> bool:
        """Whether it stands in the text as base64 or hexadecimal."""
        return any(form in folded for form in self.folded_forms) or any(
            form in text for form in self.exact_forms
        )


@final
class PersonalValues:
    """Everything personal that this run has seen.

    Values of one character are not kept: they are in every text. Values of two or three characters, and short words
    and numbers, count only where they stand alone ("Jo" is not in "joint"); longer ones count anywhere, also as
    percent-encoding, HTML or JSON escapes, base64 (URL-safe too) and hexadecimal.
    """

    __slots__ = ("_values",)

    def __init__(self) -> None:
        self._values: dict[str, PersonalValue] = {}

    def add(self, value: str | Secret, kind: PersonalKind | None = None) -> None:
        """Remember a value. A second time changes nothing.

        A value that is written with separators ("1234-5678") is known without them too, and a number without its
        leading zeros.
        """
        spelled = (value.reveal() if isinstance(value, Secret) else value).strip()
        if kind is None:
            kind = _guess(spelled, secret=isinstance(value, Secret))
        self._keep(spelled, kind)
        squeezed = _SEPARATORS.sub("", spelled)
        if len(squeezed) >= _MIN_SUBSTRING_WORD_LENGTH and any(map(str.isdigit, squeezed)):
            self._keep(squeezed, kind)
        number = squeezed.lstrip("0")
        if number.isdigit() and len(number) >= _MIN_SUBSTRING_NUMBER_LENGTH:
            self._keep(number, kind)

    def _keep(self, spelled: str, kind: PersonalKind) -> None:
        folded = fold(spelled)
        if len(folded) >= _MIN_LENGTH and folded not in self._values:
            self._values[folded] = _prepare(spelled, folded, kind)

    def find(self, text: str) -> tuple[PersonalKind, ...]:
        """The kinds of the personal values in a text; empty when there is none."""
        if not self._values:
            return ()
        folded = fold(text)
        readings = [folded, *(fold(reading) for reading in decodings(text))]
        kinds = {
            value.kind: None
            for value in self
            if value.occurs_encoded(text, folded) or any(map(value.occurs, readings))
        }
        return tuple(kinds)

    def redact(self, text: str) -> str:
        """The text with `***` for every personal value; withheld as a whole when that is not enough."""
        if not self.find(text):
            return text
        for spans in (_plain_spans, _escaped_spans):
            text = _mask(text, [span for value in self for span in spans(value, text)])
            if not self.find(text):
                return text
        return WITHHELD

    def __iter__(self) -> Iterator[PersonalValue]:
        return iter(tuple(self._values.values()))

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"PersonalValues({len(self)} values)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("personal values are never pickled")


def fold(text: str) -> str:
    """One spelling for all cases and compatibility forms of the same characters (Unicode NFKC and case folding)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def decodings(text: str) -> list[str]:
    """What the text says when percent-encoding, HTML references and backslash escapes are undone, up to three deep."""
    found: list[str] = []
    current = text
    for _ in range(_DECODING_ROUNDS):
        if not any(sign in current for sign in "%&\\+"):
            break
        if "+" in current:
            found.append(_decode_once(current.replace("+", " ")))
        decoded = _decode_once(current)
        if decoded == current:
            break
        found.append(decoded)
        current = decoded
    return found


def _decode_once(text: str) -> str:
    unquoted = unquote(text, errors="replace")
    if "&" in unquoted:
        from html import unescape

        unquoted = unescape(unquoted)
    return re.sub(_ESCAPE, _unescape, unquoted)


def _unescape(match: re.Match[str]) -> str:
    if units := match["units"]:
        return bytes.fromhex(units.replace("\\u", "")).decode("utf-16-be", errors="replace")
    code = match["point"] or match["byte"]
    return chr(int(code, 16)) if code else match["sign"]


def _guess(spelled: str, *, secret: bool) -> PersonalKind:
    if secret:
        return PersonalKind.CREDENTIAL
    return PersonalKind.EMAIL if "@" in spelled else PersonalKind.OTHER


def _prepare(spelled: str, folded: str, kind: PersonalKind) -> PersonalValue:
    encodable = len(folded) >= _MIN_ENCODED_LENGTH
    cases = (spelled, spelled.upper(), spelled.lower()) if encodable else ()
    spellings = {_encoded(case) for case in cases}
    return PersonalValue(
        kind=kind,
        spelled=spelled,
        folded=folded,
        bounded=_bounds(folded),
        folded_forms=tuple(sorted(one.hex() for one in spellings)),
        exact_forms=tuple(sorted({core for one in spellings for core in _base64_cores(one)})),
    )


def _bounds(folded: str) -> re.Pattern[str] | None:
    if folded.isdigit():
        shortest, neighbour = _MIN_SUBSTRING_NUMBER_LENGTH, r"\d"
    elif folded.isalpha():
        shortest, neighbour = _MIN_SUBSTRING_WORD_LENGTH, r"[^\W_]"
    else:
        shortest, neighbour = _MIN_ENCODED_LENGTH, r"[^\W_]"
    if len(folded) >= shortest:
        return None
    return re.compile(rf"(?<!{neighbour}){re.escape(folded)}(?!{neighbour})", re.IGNORECASE)


def _base64_cores(data: bytes) -> Iterator[str]:
    """The base64 characters that depend on `data` alone, for each alignment inside a longer text (RFC 4648 §4, §5)."""
    # Of `base64` only this is needed, and importing it would take a millisecond of each sync.
    from binascii import b2a_base64

    for offset in range(3):
        first = -(-8 * offset // 6)
        last = 8 * (offset + len(data)) // 6
        if last - first >= _MIN_BASE64_CORE_LENGTH:
            padded = b"\0" * offset + data
            core = b2a_base64(padded, newline=False).decode()[first:last]
            yield core
            yield core.translate(_URL_SAFE)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", errors="surrogatepass")


def _plain_spans(value: PersonalValue, text: str) -> Iterator[tuple[int, int]]:
    """Where the value stands in the text as it is, in hexadecimal or in base64."""
    pattern = value.bounded or re.compile(
        "|".join(map(re.escape, (value.spelled, value.folded, *value.folded_forms))), re.IGNORECASE
    )
    yield from (match.span() for match in pattern.finditer(text))
    for form in (*value.exact_forms, *value.folded_forms):
        start = text.find(form)
        while start >= 0:
            yield _whole_base64(text, start, start + len(form))
            start = text.find(form, start + 1)


def _whole_base64(text: str, start: int, end: int) -> tuple[int, int]:
    """The run of base64 characters around a hit: its neighbours hold the rest of the value's bits."""
    while start > 0 and text[start - 1] in _BASE64_ALPHABET:
        start -= 1
    while end < len(text) and text[end] in _BASE64_ALPHABET:
        end += 1
    return start, end


def _escaped_spans(value: PersonalValue, text: str) -> Iterator[tuple[int, int]]:
    """Where the value stands in the text with any of its characters escaped."""
    for spelling in {value.spelled, value.folded}:
        pattern = re.compile("".join(map(_any_escape, spelling)), re.IGNORECASE)
        yield from (match.span() for match in pattern.finditer(text))


def _any_escape(character: str) -> str:
    """A pattern for one character in each way in which it may be escaped."""
    code = ord(character)
    ways = [re.escape(character), "".join(f"%(?:25)*{byte:02x}" for byte in _encoded(character))]
    from html import escape

    named = escape(character)
    if named != character:
        ways.append(re.escape(named))
    if character == " ":
        ways.append(r"\+")
    ways.append(f"&(?:amp;)*#(?:0*{code}|x0*{code:x});?")
    units = character.encode("utf-16-be", errors="surrogatepass").hex()
    ways.append("".join(rf"\\+u{units[i : i + 4]}" for i in range(0, len(units), 4)))
    ways.append(rf"\\+x{code:02x}" if code < 0x100 else rf"\\+U{code:08x}")
    ways.append(rf"\\+{re.escape(character)}")
    return f"(?:{'|'.join(ways)})"


def _mask(text: str, spans: list[tuple[int, int]]) -> str:
    pieces: list[str] = []
    position = 0
    for start, end in sorted(spans):
        if end <= position:
            continue
        if start >= position:
            pieces += (text[position:start], MASK)
        position = end
    return "".join([*pieces, text[position:]])
