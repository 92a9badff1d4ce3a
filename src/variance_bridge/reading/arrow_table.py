"""Flat rows as an Arrow table whose numbers are exact decimals. Pure; needs the extra `parquet` (pyarrow)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from variance_bridge.document.exact_json import plain
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.model import Greeks, Holding, Meta, Quote
from variance_bridge.reading.export_columns import ROW_COLUMNS, Cell

if TYPE_CHECKING:
    import pyarrow as pa

MAX_DIGITS = 38
"""Of a decimal128, before and after the point together (Arrow columnar format, Decimal; Parquet, DECIMAL)."""

_NO_DIGITS = (0, 0)
_NOT_PLAIN = frozenset("ENI")
"""What is in the text of a number with an exponent, and of NaN and Infinity."""

_KINDS = (Decimal, datetime, date, str)
"""What a member's type is looked for in, in this order: a datetime is a date, and words are texts."""


def arrow_table(
    rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, type[Any]] | None = None
) -> pa.Table:
    """Rows as a table: by default those of `flat_rows`, with the columns `ROW_COLUMNS`.

    Args:
        rows: one mapping each.
        kinds: what each column holds, in the order of the columns: `str`, `Decimal`, `date`, `datetime`, `int`, `float`
            or `bool`.

    Texts are `string`, days `date32`, instants `timestamp[us, UTC]`, and numbers `decimal128(38, scale)`: each column has
    the least scale that holds its values exactly. Unknown is null.

    Raises:
        DataRefused: a column would need more than 38 digits; names the row and the column. Nothing is rounded.
        ConfigurationError: pyarrow is not installed.
    """
    arrow = import_pyarrow()
    stated = _kinds() if kinds is None else kinds
    types = {
        datetime: arrow.timestamp("us", tz="UTC"),
        date: arrow.date32(),
        int: arrow.int64(),
        float: arrow.float64(),
        bool: arrow.bool_(),
    }
    columns = [
        _decimals(arrow, rows, name)
        if kind is Decimal
        else arrow.array([row[name] for row in rows], types.get(kind, arrow.string()))
        for name, kind in stated.items()
    ]
    return arrow.table(columns, names=list(stated))


def import_pyarrow() -> Any:
    """The library.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError:
        raise ConfigurationError(
            "Arrow tables and Parquet files need pyarrow, which is not installed",
            hint='pip install "variance-bridge[parquet]"; in a checkout: .venv/bin/pip install -r requirements-extras.lock',
        ) from None
    return pa


@cache
def _kinds() -> Mapping[str, type[Any]]:
    prefixes = {"": Holding, "quote_": Quote, "greeks_": Greeks}
    hints = {name: hint for name, hint in get_type_hints(Meta).items() if name in ROW_COLUMNS}
    for prefix, cls in prefixes.items():
        hints |= {prefix + name: hint for name, hint in get_type_hints(cls).items()}
    return {name: _kind(hints.get(name, str)) for name in ROW_COLUMNS}


def _kind(hint: Any) -> type[Any]:
    members = [each for each in get_args(hint) or (hint,) if each is not type(None)]
    return next(kind for kind in _KINDS if all(issubclass(each, kind) for each in members))


def _decimals(arrow: Any, rows: Sequence[Mapping[str, Any]], column: str) -> Any:
    cells = [row[column] for row in rows]
    if not any(cell is not None for cell in cells):  # most columns of most accounts
        return arrow.nulls(len(cells), arrow.decimal128(MAX_DIGITS, 0))
    numbers = [None if cell is None else _exact(cell) for cell in cells]
    places = [_NO_DIGITS if number is None else number[1:] for number in numbers]
    scale = max(fraction for _whole, fraction in places)
    whole = max(whole for whole, _fraction in places)
    if whole + scale > MAX_DIGITS:
        raise _too_long(rows, column, places)
    values = [None if number is None else number[0] for number in numbers]
    return arrow.array(values, arrow.decimal128(MAX_DIGITS, scale))


def _exact(cell: Cell) -> tuple[Decimal, int, int]:
    """A number as Arrow takes it, and how many digits it has before and after its point."""
    if not isinstance(cell, Decimal):
        raise TypeError("a column of numbers holds something else")
    text = str(cell)
    if len(text) > MAX_DIGITS or not _NOT_PLAIN.isdisjoint(text):
        text = plain(cell)
        cell = Decimal(text)
    whole, _, fraction = text.partition(".")
    return cell, len(whole.lstrip("-0")), len(fraction.rstrip("0"))


def _too_long(
    rows: Sequence[Mapping[str, Any]], column: str, places: Sequence[tuple[int, int]]
) -> DataRefused:
    """Names the first row that is too long by itself, else the two that do not fit one column."""
    alone = next((row for row, digits in enumerate(places) if sum(digits) > MAX_DIGITS), None)
    largest, finest = (places.index(max(places, key=itemgetter(part))) for part in (0, 1))
    numbers = sorted({largest, finest}) if alone is None else [alone]
    return DataRefused(
        f"{column} would need more than {MAX_DIGITS} digits, and nothing is rounded",
        where=" and ".join(
            f"row {row + 1} ({rows[row].get('symbol') or rows[row].get('root')})" for row in numbers
        ),
        hint="export to csv, which holds any number, or leave that file out",
    )
