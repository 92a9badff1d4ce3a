"""JSON whose numbers are exact decimals, in both directions, within limits that a writer and a reader share.

Python's own reader turns `0.1` into a binary fraction, and its writer cannot write a `Decimal` as a number at all; money
needs both. msgspec does the work. What it refuses, and what only the text can show (a name twice in one object), is
judged by Python's own reader, which also finds the words. The limits keep time and memory proportional to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from decimal import Context, Decimal, InvalidOperation, Overflow, Rounded
from functools import cache
from io import BytesIO
from itertools import chain
from typing import TYPE_CHECKING, Any

from variance_bridge.errors import DataRefused
from variance_bridge.storage.read import MAX_DOCUMENT_BYTES

if TYPE_CHECKING:
    import msgspec

MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 300
MAX_PLAIN_DIGITS = 200
MAX_BYTES = MAX_DOCUMENT_BYTES
MAX_JUDGED_BYTES = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
MIN_BYTES_PER_VALUE = 10
"""More values than MAX_VALUES only where each takes ten bytes of the text, as in a document of a million positions: a value
takes some sixty bytes of memory, whatever it takes in the text. `[],` are three bytes, and a list."""

_RANGE = Context(
    prec=MAX_NUMBER_LENGTH - 1,
    Emax=MAX_PLAIN_DIGITS,
    Emin=0,
    traps=[InvalidOperation, Overflow, Rounded],
)
"""Refuses, and never rounds: what it lets through can be written again without an exponent, in as many characters, the point
among them. (The last digit that a context can hold is its `Etiny`, Emin - prec + 1.)"""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_MAX_INTEGER = 10**MAX_NUMBER_LENGTH
_BLANKS = b" \t\r\n"
_STRING = r'(?s:"[^"\\]*+(?:\\.[^"\\]*+)*+"?)'
_BRACKET = r"[\[\]{}]"

_BLOCK = 500
"""Items of a list that are written at once."""
_PIECE_SIZE = 256 * 1024
"""Bytes of a piece of a text, but for the last one."""
_EXACT = frozenset({dict, list, str, int, Decimal, bool, type(None)})
_MAX_ORDINARY_DEPTH = 8
# A line that ends with a figure ends with a number: a text ends with its quote, and holds no line end.
_SUPERFLUOUS = re.compile(rb"[.][0-9]*0(?=,?\n)")
_NOT_PLAIN = (
    re.compile(rb"E[-+]?[0-9]+,?\n"),
    re.compile(rb"-0(?:[.]0*)?,?\n"),
    re.compile(rb"\n[^\n]{%d}" % MAX_PLAIN_DIGITS),
)
"""An exponent, minus zero, a line that may hold more digits than are written; each begins with a sign that is quickly found."""


def loads(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that `text` stands for.

    Integers become `int`, all other numbers `Decimal`, digit for digit as written.

    Raises:
        DataRefused: not UTF-8 or not JSON; NaN or Infinity; a name twice in one object; a lone surrogate; deeper than
            64 levels, a number longer than 300 characters, too many values (`MAX_VALUES`), longer than `max_bytes`
            altogether, or larger than the memory that there is.
    """
    raw = text if isinstance(text, bytes) else _encode(text)
    _check_size(raw, max_bytes)
    raw = without_mark(raw)
    try:
        return _read(raw)
    except MemoryError:
        raise DataRefused("the JSON text needs more memory than there is") from None


def without_mark(raw: bytes) -> bytes:
    """The text without the byte order mark that some editors put before it."""
    return raw.removeprefix(_BYTE_ORDER_MARK)


def _read(raw: bytes) -> Any:
    import msgspec

    written = _names_written(raw)
    try:
        value = _decoder().decode(raw)
    except (msgspec.MsgspecError, ArithmeticError, UnicodeDecodeError, RecursionError):
        return _judge(raw, "not JSON, or not within the limits of JSON here")
    if _count_names(value) == written:
        return value
    return _judge(raw, "an object seems to have the same name twice")


@cache
def _decoder() -> msgspec.json.Decoder[Any]:
    import msgspec

    return msgspec.json.Decoder(float_hook=_RANGE.create_decimal)


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataRefused("a text holds half of a surrogate pair") from None


def _check_size(raw: bytes, max_bytes: int) -> None:
    # A text that is too long is not even looked at.
    values = _count_values(raw) if len(raw) <= max_bytes else 0
    _check_limits(len(raw), values, max_bytes)


def _check_limits(size: int, values: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise DataRefused(f"the JSON text is longer than {max_bytes} bytes")
    max_values = max(MAX_VALUES, size // MIN_BYTES_PER_VALUE)
    if values > max_values:
        raise DataRefused(f"the JSON text has more than {max_values} values")


def _count_values(raw: bytes) -> int:
    """How many values a JSON text has at most."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _decimal(text: str) -> Decimal:
    """The number of a JSON text, all its digits kept.

    Raises:
        DataRefused: it is longer than 300 characters, or beyond the range of any price or quantity.
    """
    _check_length(text)
    try:
        return _RANGE.create_decimal(text)
    except ArithmeticError:
        raise DataRefused("a number is beyond the range of any price or quantity") from None


def _check_length(number: str) -> None:
    if len(number.removeprefix("-")) > MAX_NUMBER_LENGTH:
        raise DataRefused(f"a number is longer than {MAX_NUMBER_LENGTH} characters")


def _count_names(value: Any) -> int:
    """How many members all objects of a value have, level by level.

    Raises:
        DataRefused: it is deeper than 64 levels, or an integer is longer than 300 characters.
    """
    names = 0
    level = [value]
    for _depth in range(MAX_DEPTH + 1):
        deeper: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                names += len(item)
                deeper += item.values()
            elif kind is list:
                deeper += item
            elif kind is int and not -_MAX_INTEGER < item < _MAX_INTEGER:
                _check_length(str(abs(item)))
        if not deeper:
            return names
        level = deeper
    if any(isinstance(item, dict | list) for item in level):
        raise DataRefused(f"the JSON text is nested deeper than {MAX_DEPTH} levels")
    return names


def _names_written(raw: bytes) -> int:
    """How many names of members stand in a JSON text, or more: a text such as `": x"` counts too.

    So it equals the number of members that were read only when none was read twice and nothing was overcounted.
    """
    return raw.translate(None, _BLANKS).count(b'":')


def _judge(raw: bytes, suspicion: str) -> Any:
    """The value by Python's own reader, which is slower, sees each name, and has words for what is wrong.

    Raises:
        DataRefused: as `loads`. A text of more than 64 MiB is refused on suspicion: the reader would need its memory many
            times over.
    """
    if len(raw) > MAX_JUDGED_BYTES:
        raise DataRefused(suspicion)
    import json

    text = _decode(raw)
    _check_depth(text)
    try:
        value = json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise DataRefused(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise DataRefused(f"the JSON text is nested deeper than {MAX_DEPTH} levels") from None
    _encode(json.dumps(value, ensure_ascii=False, default=str))
    return value


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataRefused(f"not UTF-8 at byte {error.start}") from None


def _check_depth(text: str) -> None:
    depth = 0
    for match in re.finditer(_BRACKET, re.sub(_STRING, "", text)):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DataRefused(f"the JSON text is nested deeper than {MAX_DEPTH} levels")
        else:
            depth -= 1
            if depth < 0:
                return  # not JSON; the parser says where


def _integer(text: str) -> int:
    _check_length(text)
    return int(text)


def _refuse_constant(_name: str) -> Any:
    raise DataRefused("NaN and Infinity are not numbers")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DataRefused("an object has the same name twice")
    return members


def dumps(value: Any, *, indent: int | None = 1) -> bytes:
    """`value` as UTF-8 JSON text with a final newline; the same value gives the same bytes.

    Members stand in the order of the mapping. A `Decimal` is written in plain notation without superfluous zeros.

    Args:
        value: mappings with text keys, sequences, text, `int`, `Decimal`, `bool`, None.
        indent: blanks per level; None for one line.

    Raises:
        TypeError: anything else, `float` above all, which has already lost what it stood for.
        ValueError: NaN, Infinity, or a number with an absurd exponent.
        DataRefused: `loads` would refuse what would be written: too deep, too long, too many values.
    """
    if indent == 1 and type(value) is dict:
        # The buffer becomes the value: a list of the pieces and the text made of it would be twice the text.
        buffer = BytesIO()
        buffer.writelines(pieces(value))
        return buffer.getvalue()
    text = _text(value, indent or 0) + b"\n"
    _check_size(text, MAX_BYTES)
    return text


def pieces(value: dict[str, Any]) -> Iterator[bytes]:
    """What `dumps(value)` gives, in pieces, so that the text of a large document need never stand in memory as a whole.

    Nor need the document: a member may be an iterator, which gives a list part by part, none of them empty.

    Raises:
        DataRefused: as `dumps`; too many values or bytes after the last piece, so that what has been written is to be dropped.
    """
    size = values = 0
    piece = b""
    for part in _parts(value, 1):
        piece += part
        if len(piece) >= _PIECE_SIZE:
            size, values = size + len(piece), values + _count_values(piece)
            yield piece
            piece = b""
    _check_limits(size + len(piece), values + _count_values(piece), MAX_BYTES)
    yield piece


def _parts(value: dict[Any, Any], indent: int) -> Iterator[bytes]:
    """The text of an object in pieces. A long list is written in blocks, so that only a block stands in memory twice."""
    before = b"{"
    for name, member in value.items():
        if isinstance(member, Iterator):
            yield from _blocks(before, name, member, indent)
        elif type(member) is list and len(member) > _BLOCK:
            blocks = (member[start : start + _BLOCK] for start in range(0, len(member), _BLOCK))
            yield from _blocks(before, name, blocks, indent)
        else:
            yield before + _text({name: member}, indent)[1:].removesuffix(b"\n}")
        before = b","
    yield b"\n}\n" if value else b"{}\n"


def _blocks(before: bytes, name: Any, blocks: Iterator[list[Any]], indent: int) -> Iterator[bytes]:
    """The text of a member whose value is a list in blocks."""
    opening = _text({name: []}, indent).removesuffix(b"]\n}")
    closing = b"\n" + b" " * indent + b"]"
    before += opening[1:]
    end = before + b"]"  # of a list without a block
    for block in blocks:
        yield before + _text({name: block}, indent)[len(opening) :].removesuffix(closing + b"\n}")
        before, end = b",", closing
    yield end


def _text(value: Any, indent: int) -> bytes:
    """The text of a value. msgspec writes most values as they should be; the others are made ready for it."""
    import msgspec

    writer = _writer()
    if indent and type(value) is dict and _has_exact_types(value):
        with suppress(msgspec.DecodeError):  # NaN and Infinity, which `writable` refuses
            text = msgspec.json.format(writer.encode(value), indent=indent)
            if not any(pattern.search(text) for pattern in _NOT_PLAIN):
                return _SUPERFLUOUS.sub(_without_zeros, text)
    return msgspec.json.format(writer.encode(writer.writable(value, 0)), indent=indent)


def _has_exact_types(value: Any) -> bool:
    """Whether all names are texts, and all values of types that msgspec writes exactly: it writes a `float` too."""
    level = [value]
    for _depth in range(_MAX_ORDINARY_DEPTH):
        kinds = set(map(type, level))
        if not kinds <= _EXACT:
            return False
        objects = [item for item in level if type(item) is dict] if dict in kinds else []
        lists = [item for item in level if type(item) is list] if list in kinds else []
        if not all(type(name) is str for name in set(chain.from_iterable(objects))):
            return False
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
        if not level:
            return True
    return False


def _without_zeros(found: re.Match[bytes]) -> bytes:
    return found[0].rstrip(b"0").removesuffix(b".")


@cache
def _writer() -> _Writer:
    return _Writer()


class _Writer:
    """Turns a value into what msgspec writes exactly."""

    def __init__(self) -> None:
        import msgspec

        self.encode = msgspec.json.Encoder(decimal_format="number").encode
        self._raw = msgspec.Raw

    def writable(self, value: Any, depth: int) -> Any:
        """The same value with nothing in it that has no exact JSON form."""
        kind = type(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        if kind is Decimal:
            return self._number(value)
        if depth > MAX_DEPTH:
            raise DataRefused(f"the JSON text would be nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, Mapping):
            return self._members(value, depth)
        if isinstance(value, list | tuple):
            return self._raw(self._items(value, depth))
        if isinstance(value, str | int):
            return str(value) if isinstance(value, str) else int(value)
        raise TypeError(f"{kind.__name__} has no exact JSON form")

    def _items(self, values: Sequence[Any], depth: int) -> bytes:
        """The text of a list. Item by item, so that a long one never stands in memory a second time, nor its text a third."""
        items = [self.encode(self.writable(item, depth + 1)) for item in values]
        if not items:
            return b"[]"
        items[0] = b"[" + items[0]
        items[-1] += b"]"
        return b",".join(items)

    def _members(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        members = {}
        for name, item in value.items():
            kind = type(item)
            if kind is str or kind is int:
                written = item
            elif kind is Decimal:
                written = self._number(item)
            else:
                written = self.writable(item, depth + 1)
            members[name if type(name) is str else _name(name)] = written
        return members

    def _number(self, value: Decimal) -> Any:
        """A decimal whose own text is plain already, or its plain text."""
        text = str(value)
        if "E" in text or "N" in text or len(text) > MAX_PLAIN_DIGITS:
            return self._raw(plain(value))
        if text[-1] in "123456789":
            return value
        if "." in text:
            text = text.rstrip("0").rstrip(".")
        return self._raw(plain(value) if text in {"-0", "Infinity", "-Infinity"} else text)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("the name of a JSON member is a text")
    return str(name)


def plain(value: Decimal) -> str:
    """`value` in plain notation, without exponent and without superfluous zeros; -0 is 0.

    Raises:
        ValueError: NaN, Infinity, beyond 200 digits before the point, or longer than 300 characters.
    """
    if not value.is_finite():
        raise ValueError("NaN and Infinity are not numbers")
    if not -2 * MAX_PLAIN_DIGITS <= value.adjusted() <= MAX_PLAIN_DIGITS:
        raise ValueError("a number is beyond the range of any price or quantity")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if len(text.removeprefix("-")) > MAX_NUMBER_LENGTH:
        raise ValueError(f"a number is longer than {MAX_NUMBER_LENGTH} characters")
    return "0" if text in {"-0", "-"} else text
