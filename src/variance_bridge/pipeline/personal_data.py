"""The last look before a document is published: nothing in it may be a personal value that this run has seen.

The closed schema is the first wall; this is the second. It is not the schema's twin, and must not refuse what is legal:
a portfolio that holds SPY is published also by somebody who named the account "SPY". So the values are distinguished by
what they look like, and the places by what may stand in them:

- A *distinctive* value (a credential, an e-mail address, seven digits and more, or letters with digits) has no business
  anywhere: it is searched in every name, text and number, in any case and encoding.
- An *ordinary* value (a name, a nickname, a short number) is a word that may mean something else. It is searched
  wherever free text could stand, but not in a text that the schema's grammar explains in full (a time, a currency, a
  hash, a registry name). In a symbol only values of several words count, because a single word looks like a ticker;
  in a sector only values that are not themselves words of which sectors are made.
- A member's name or an enumeration's word from the schema is never personal, whatever the user is called.
- A number is compared by its integer part, with values of seven digits and more; a digit string inside a longer run of
  letters and digits in a symbol (`251219P00450000`) is a date or a strike.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum, auto
from functools import cache
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from variance_bridge.document.schema import schema
from variance_bridge.errors import DataRefused
from variance_bridge.personal_values import (
    PersonalKind,
    PersonalValue,
    PersonalValues,
    decodings,
    fold,
)

_MIN_CREDENTIAL_LENGTH: Final = 8
_MIN_NUMBER_LENGTH: Final = 7
_MIN_MIXED_LENGTH: Final = 6
_HITS_SHOWN: Final = 3

_TIME: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]{8,18}(?:Z|[+]00:00))?"
_NAME: Final = r"[a-z][a-z0-9_]{0,31}"
_GRAMMARS: Final[Mapping[str, str]] = {
    "account_hash": r"[0-9a-f]{4,64}[*]{3}",
    "as_of": _TIME,
    "currency": r"[A-Z]{3}",
    "expiration": _TIME,
    "expires_at": _TIME,
    "fetched_at": _TIME,
    "generator": r"[a-z][a-z0-9-]* [0-9][0-9a-z.+-]*",
    "opened_on": _TIME,
    "schema_version": r"[0-9]+[.][0-9]+",
    "source": _NAME,
}
_SYMBOLS: Final = frozenset({"broker_symbol", "root", "symbol", "underlying"})
_SECTOR_FILE: Final = "sector_words_not_personal.toml"
_WORD: Final = r"\w+"
_RUN: Final = r"[^\W_]+"


class _Place(Enum):
    """What may stand in a text."""

    ANYTHING = auto()
    GRAMMAR = auto()
    SYMBOL = auto()
    SECTOR = auto()


class Hit(Struct, frozen=True):
    """A personal value in a document.

    Attributes:
        pointer: where (RFC 6901); names that are not in the schema are shown as `*`, because they may be what was hit.
        kind: what sort of value.
    """

    pointer: str
    kind: PersonalKind

    def __str__(self) -> str:
        return f"{self.pointer or '/'} ({self.kind.value})"


class _Text(Struct, frozen=True):
    """A name, text or number of the document."""

    pointer: str
    text: str
    place: _Place
    number: bool = False


def seal(document: Mapping[str, Any], personal: PersonalValues) -> None:
    """Return if the document holds no personal value.

    Raises:
        DataRefused: it holds a personal value; the message says where and of which kind, never which.
    """
    hits = find_personal(document, personal)
    if not hits:
        return
    shown = ", ".join(str(hit) for hit in hits[:_HITS_SHOWN])
    more = f" and {len(hits) - _HITS_SHOWN} more" if len(hits) > _HITS_SHOWN else ""
    raise DataRefused(
        f"the document was not written, because it would hold something personal: {shown}{more}",
        hint="A fault of the broker's plugin: report it with the place and the kind that are named here.\n"
        "  If a quantity or an amount is the account's number by chance: sync again when it has changed, or name the account "
        "otherwise in the file.",
    )


def find_personal(document: Mapping[str, Any], personal: PersonalValues) -> list[Hit]:
    """All personal values in a document, in its order."""
    suspects = suspected(personal, distinct_texts(document))
    if not suspects:
        return []
    return [
        Hit(one.pointer, value.kind)
        for one in _texts(document, "")
        for value in suspects
        if _is_hit(value, one) and _occurs_in(value, one)
    ]


def suspected(personal: PersonalValues, texts: Iterable[str]) -> Sequence[PersonalValue]:
    """The values that stand in one of the `distinct_texts` of a document: it holds no others, and perhaps not these."""
    return _occurring(personal, "\n".join(texts)) if personal else ()


def distinct_texts(document: Mapping[str, Any]) -> set[str]:
    """All that `_texts` finds and could be a hit, each once, without its place: enough to say that there is no hit."""
    names: set[Any] = set()
    texts: set[str] = set()
    groups: list[Any] = [document]
    for group in groups:  # which grows as it is walked
        # A dict is most of what there is, and asking the abstract class takes ten times as long.
        is_object = type(group) is dict or isinstance(group, Mapping)
        if is_object:
            names.update(group)
        for value in group.values() if is_object else group:
            kind = type(value)
            if kind is str:
                texts.add(value)
            elif kind is Decimal:
                if value.adjusted() >= _MIN_NUMBER_LENGTH - 1:
                    texts.add(_integer_part(value))
            elif kind is dict or isinstance(value, list | tuple | Mapping):
                groups.append(value)
            elif isinstance(value, str):
                texts.add(str(value))
            elif isinstance(value, int | float | Decimal):
                texts.add(_integer_part(value))
    texts.update(map(str, names))
    return texts - vocabulary()


def _texts(value: Any, pointer: str, name: str = "") -> Iterator[_Text]:
    """Every name, text and number, but for the schema's own words."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            known = key in vocabulary()
            inner = f"{pointer}/{key if known else '*'}"
            if not known:
                yield _Text(inner, str(key), _Place.ANYTHING)
            yield from _texts(member, inner, key if known else "")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{pointer}/{index}", name)
    elif isinstance(value, str):
        if value not in vocabulary():
            yield _Text(pointer, value, _place(name, value))
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        yield _Text(pointer, _integer_part(value), _Place.GRAMMAR, number=True)


def _place(name: str, text: str) -> _Place:
    grammar = _GRAMMARS.get(name)
    if grammar is not None and re.fullmatch(grammar, text):
        return _Place.GRAMMAR
    if name in _SYMBOLS:
        return _Place.SYMBOL
    return _Place.SECTOR if name == "sector" else _Place.ANYTHING


def _integer_part(number: float | Decimal) -> str:
    exact = Decimal(number)
    if not exact.is_finite() or exact.adjusted() > 200:
        return ""
    return format(abs(exact), "f").partition(".")[0]


def _is_hit(value: PersonalValue, one: _Text) -> bool:
    """Whether this sort of value counts in that sort of place."""
    if _is_distinctive(value):
        return not one.number or value.folded.isdigit()
    if one.place is _Place.SYMBOL:
        return len(value.folded.split()) > 1
    if one.place is _Place.SECTOR:
        return not set(re.findall(_WORD, value.folded)) <= _sector_words()
    return one.place is _Place.ANYTHING


def _is_distinctive(value: PersonalValue) -> bool:
    folded = value.folded
    if value.kind is PersonalKind.CREDENTIAL and len(folded) >= _MIN_CREDENTIAL_LENGTH:
        return True
    if folded.isdigit():
        return len(folded) >= _MIN_NUMBER_LENGTH
    signs = [sign for sign in folded if sign.isalnum()]
    mixed = any(map(str.isdigit, signs)) and any(map(str.isalpha, signs))
    return "@" in folded or (mixed and len(signs) >= _MIN_MIXED_LENGTH)


def _occurs_in(value: PersonalValue, one: _Text) -> bool:
    if one.number:
        return one.text == value.folded
    if value.folded.isdigit() and one.place is not _Place.ANYTHING:
        readings = map(fold, (one.text, *decodings(one.text)))
        return value.occurs_encoded(one.text, fold(one.text)) or any(
            value.folded in re.findall(_RUN, reading) for reading in readings
        )
    return _occurs(value, one.text)


def _occurs(value: PersonalValue, text: str) -> bool:
    return bool(_occurring((value,), text))


def _occurring(values: Iterable[PersonalValue], text: str) -> list[PersonalValue]:
    """Those of the values that stand in a text, in whatever encoding."""
    folded, *decoded = map(fold, (text, *decodings(text)))
    return [
        value
        for value in values
        if value.occurs(folded)
        or value.occurs_encoded(text, folded)
        or any(map(value.occurs, decoded))
    ]


@cache
def _sector_words() -> frozenset[str]:
    text = Path(__file__).with_name(_SECTOR_FILE).read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)["words"])


@cache
def vocabulary() -> frozenset[str]:
    """The names of the schema's members and the words of its enumerations."""
    words: set[str] = set()
    waiting: list[Any] = [schema()]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += one.values()
            words |= set(one.get("properties", ()))
            words |= {word for word in one.get("enum", ()) if isinstance(word, str)}
    return frozenset(words)
