"""JSON whose numbers are exact decimals, in both directions, with limits on what is read.

Python's own reader turns `0.1` into a binary fraction and its writer cannot write a `Decimal` as a number at all; money
needs both. The limits make the time and memory of reading proportional to the text, whatever the text is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from itertools import chain
from typing import Any

from variance_bridge.errors import DataRefused

MAX_DEPTH = 64
MAX_NUMBER_LENGTH = 100
MAX_PLAIN_DIGITS = 200
MAX_BYTES = 64 * 1024 * 1024
MAX_VALUES = 2_000_000
"""A value takes some hundred bytes of memory, whatever it takes in the text: `[],` are three bytes, and a list."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def loads(text: str | bytes, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value that `text` stands for.

    Integers become `int`, all other numbers `Decimal`, digit for digit as written.

    Raises:
        DataRefused: not UTF-8 or not JSON; NaN or Infinity; a name twice in one object; a lone surrogate; deeper than
            64 levels, a number longer than 100 characters, more than 2 million values, or longer than `max_bytes`
            altogether.
    """
    if len(text) > max_bytes:
        raise DataRefused(f"the JSON text is longer than {max_bytes} bytes")
    decoded = _decode(text) if isinstance(text, bytes) else text
    if decoded.count(",") + decoded.count("[") + decoded.count("{") > MAX_VALUES:
        raise DataRefused(f"the JSON text has more than {MAX_VALUES} values")
    _check_depth(decoded)
    try:
        value = json.loads(
            decoded,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except json.JSONDecodeError as error:
        raise DataRefused(f"not JSON at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise DataRefused(f"the JSON text is nested deeper than {MAX_DEPTH} levels") from None
    if "\\u" in decoded or not isinstance(text, bytes):
        _check_strings(value)
    return value


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataRefused(f"not UTF-8 at byte {error.start}") from None


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKET.finditer(_STRING.sub("", text)):
        bracket = match.group()
        if bracket in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DataRefused(f"the JSON text is nested deeper than {MAX_DEPTH} levels")
        elif bracket in "]}":
            depth -= 1
            if depth < 0:
                return  # no JSON; the parser says where


def _number_length(text: str) -> None:
    if len(text) > MAX_NUMBER_LENGTH:
        raise DataRefused(f"a number is longer than {MAX_NUMBER_LENGTH} characters")


def _decimal(text: str) -> Decimal:
    _number_length(text)
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise DataRefused("a number is beyond the range of any price or quantity") from None
    if not -MAX_PLAIN_DIGITS <= value.adjusted() <= MAX_PLAIN_DIGITS:
        raise DataRefused("a number is beyond the range of any price or quantity")
    return value


def _integer(text: str) -> int:
    _number_length(text)
    return int(text)


def _refuse_constant(_name: str) -> Any:
    raise DataRefused("NaN and Infinity are not numbers")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise DataRefused("an object has the same name twice")
    return members


def _check_strings(value: Any) -> None:
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, str):
            if _SURROGATE.search(item):
                raise DataRefused("a text holds half of a surrogate pair")
        elif isinstance(item, dict):
            pending.extend(chain(item.keys(), item.values()))
        elif isinstance(item, list):
            pending.extend(item)


def dumps(value: Any, *, indent: int | None = 1) -> bytes:
    """`value` as UTF-8 JSON text with a final newline; the same value gives the same bytes.

    Members stand in the order of the mapping. A `Decimal` is written in plain notation without superfluous zeros.

    Args:
        value: mappings with text keys, sequences, text, `int`, `Decimal`, `bool`, None.
        indent: blanks per level; None for one line.

    Raises:
        TypeError: anything else, `float` above all, which has already lost what it stood for.
        ValueError: NaN, Infinity, or a number with an absurd exponent.
    """
    parts: list[str] = []
    _write(value, parts, "" if indent is None else "\n", indent or 0)
    parts.append("\n")
    return "".join(parts).encode("utf-8")


def _write(value: Any, parts: list[str], newline: str, indent: int) -> None:
    if isinstance(value, Mapping):
        entries = [(f"{_text(_key(name))}: ", item) for name, item in value.items()]
        _write_container("{}", entries, parts, newline, indent)
    elif isinstance(value, list | tuple):
        _write_container("[]", [("", item) for item in value], parts, newline, indent)
    else:
        parts.append(_scalar(value))


def _write_container(
    brackets: str, entries: list[tuple[str, Any]], parts: list[str], newline: str, indent: int
) -> None:
    if not entries:
        parts.append(brackets)
        return
    inner = newline + " " * indent if newline else ""
    separator = "," + (inner or " ")
    parts.append(brackets[0] + inner)
    for position, (prefix, item) in enumerate(entries):
        if position:
            parts.append(separator)
        parts.append(prefix)
        _write(item, parts, inner, indent)
    parts.append(newline + brackets[1])


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError("the name of a JSON member is a text")
    return name


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no exact JSON form")


def _text(value: str) -> str:
    return json.dumps(str(value), ensure_ascii=False)


def plain(value: Decimal) -> str:
    """`value` in plain notation, without exponent and without superfluous zeros; -0 is 0.

    Raises:
        ValueError: NaN, Infinity, or more than 200 digits before or after the point.
    """
    if not value.is_finite():
        raise ValueError("NaN and Infinity are not numbers")
    exponent = value.as_tuple().exponent
    if value.adjusted() > MAX_PLAIN_DIGITS or (isinstance(exponent, int) and exponent < -400):
        raise ValueError("a number is beyond the range of any price or quantity")
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "-"} else text
