"""A TOML file that the user wrote: read with limits, its numbers exact, every fault with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from variance_bridge.errors import ConfigurationError
from variance_bridge.formatting import printable
from variance_bridge.storage.read import Reader

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 100
"""Digits of a number, and powers of ten before and after its point."""

_MAX_BITS: Final = 333  # of a number with MAX_DIGITS digits
_KEY = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')"""
# `a.a.a. ...` takes tomllib time that grows with the square of the number of dots: minutes for 1 MiB.
_MANY_DOTS = re.compile(rf"(?<![\w-]){_KEY}(?:[ \t]*+\.[ \t]*+{_KEY}){{{MAX_DEPTH}}}")
_MANY_DIGITS = rf"[0-9](?:_?[0-9]){{{MAX_DIGITS}}}"
_PLACE = re.compile(r"(.*) \(at (.*)\)", re.DOTALL)


class _NumberRefused(ValueError):
    """A number with a point or an exponent that is beyond all bounds; `args` has its text."""


def merge_tables(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A table of the user's on top of one that is shipped: tables are merged key by key, all else is replaced, lists too."""
    merged = dict(base)
    for key, value in own.items():
        beneath = merged.get(key)
        if isinstance(beneath, Mapping) and isinstance(value, Mapping):
            merged[key] = merge_tables(beneath, value)
        else:
            merged[key] = value
    return merged


def read_toml(
    file: Path, *, where: str | None = None, max_bytes: int = MAX_BYTES
) -> dict[str, Any]:
    """The table in a TOML file of the user's.

    Numbers with a point or an exponent are exact `Decimal`s. A byte-order mark at the start is read past.

    Args:
        file: a regular file.
        where: what messages call it; its path by default.
        max_bytes: the largest size that is read.

    Raises:
        ConfigurationError: it cannot be read, is too large, not UTF-8 or not TOML, has a number of more than 100
            digits or is nested deeper than 32 levels. Says at which line, or at which key.
    """
    shown = where or str(file)
    reader = Reader(max_bytes=max_bytes, error=ConfigurationError)
    data = reader.read_named(file, shown=shown).data
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"line {line}: not UTF-8",
            where=shown,
            hint="save it as UTF-8; every editor can",
        ) from None
    return parse_toml(text, shown)


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The table that a TOML text stands for; see `read_toml`.

    Raises:
        ConfigurationError: as `read_toml`.
    """
    if dotted := _MANY_DOTS.search(text):
        raise _refused(_line_of(text, dotted.start()), _TOO_DEEP, where)
    try:
        table = tomllib.loads(text, parse_float=_exact)
    except tomllib.TOMLDecodeError as error:
        raise _not_toml(error, where) from None
    except _NumberRefused as error:
        raise _refused(_line_of(text, text.find(error.args[0])), _TOO_LONG, where) from None
    except ValueError:  # int() refuses more than 4,300 digits and does not say where they are
        digits = re.search(_MANY_DIGITS, text)
        place = _line_of(text, digits.start()) if digits else ""
        raise _refused(place, _TOO_LONG, where) from None
    except RecursionError:
        raise _refused(_deep_line(text), _TOO_DEEP, where) from None
    _check_limits(table, where)
    return table


_TOO_LONG = f"a number of more than {MAX_DIGITS} digits"
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def _exact(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise _NumberRefused(text) from None
    if len(text) > MAX_DIGITS or not -MAX_DIGITS <= number.adjusted() <= MAX_DIGITS:
        raise _NumberRefused(text)
    return number


def _check_limits(table: dict[str, Any], where: str) -> None:
    """Without recursion: a deep table must not end in a traceback here or in what reads it later."""
    pending: list[tuple[Any, tuple[str, ...]]] = [(table, ())]
    while pending:
        value, path = pending.pop()
        if len(path) > MAX_DEPTH:
            raise _refused(".".join(path[:3]) + "…", _TOO_DEEP, where)
        if isinstance(value, dict):
            pending += [(inner, (*path, key)) for key, inner in value.items()]
        elif isinstance(value, list):
            pending += [(inner, (*path, str(place))) for place, inner in enumerate(value)]
        elif isinstance(value, int) and value.bit_length() > _MAX_BITS:
            raise _refused(".".join(path), _TOO_LONG, where)


def _line_of(text: str, position: int) -> str:
    return f"line {text.count(chr(10), 0, max(position, 0)) + 1}"


def _deep_line(text: str) -> str:
    """The line on which brackets are nested too deep; brackets within texts count, as this is a guess for a message."""
    depth = 0
    for bracket in re.finditer(r"[\[\]{}]", text):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            return _line_of(text, bracket.start())
    return ""


def _not_toml(error: tomllib.TOMLDecodeError, where: str) -> ConfigurationError:
    found = _PLACE.fullmatch(str(error))
    what, place = found.groups() if found else (str(error), "")
    return _refused(place, f"not TOML ({what})", where)


def _refused(place: str, what: str, where: str) -> ConfigurationError:
    shown = printable(place, limit=80)
    return ConfigurationError(
        printable(f"{shown}: {what}" if shown else what, limit=200), where=where
    )
