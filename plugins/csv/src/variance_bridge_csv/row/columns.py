"""A row of the table, seen through its header: each field's cell, cleaned, and read as what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import TypeVar

from variance_bridge.model import Caution, Rejection
from variance_bridge.symbology import Instrument
from variance_bridge_csv.dialect_format import date_formats, regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, RowClass, RowRule
from variance_bridge_csv.file.header import Header
from variance_bridge_csv.file.layout import filled_width
from variance_bridge_csv.file.lines_and_cells import Row
from variance_bridge_csv.name_matching import plain
from variance_bridge_csv.row import cell_values
from variance_bridge_csv.row.cell_values import CellFault

T = TypeVar("T")

_REMEMBERED = 4096
"""How many texts of a column are remembered with what they mean."""

GREEKS = frozenset(
    {
        Field.DELTA,
        Field.GAMMA,
        Field.THETA,
        Field.VEGA,
        Field.BETA_DELTA,
        Field.BETA_GAMMA,
        Field.IMPLIED_VOLATILITY,
    }
)


_IN_FRACTIONS = frozenset(
    {Field.COST_PER_UNIT, Field.MARK, Field.LAST, Field.BID, Field.ASK, Field.UNDERLYING_PRICE}
)
_AMOUNTS = GREEKS | _IN_FRACTIONS | {Field.COST_TOTAL, Field.VALUE, Field.GAIN, Field.DAY_GAIN}
"""What a position does without where it cannot be read."""


class RowRejected(Exception):
    """A row that cannot be read, with the reason, the column that it lies in, and what is wrong there beyond the reason.

    Attributes:
        instrument: what the row is about, where that could be read.
    """

    instrument: Instrument | None = None

    def __init__(self, reason: Rejection, field: Field | None = None, what: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.what = what


class Memo(dict[str | None, T]):
    """What a reader makes of each text, remembered, because texts repeat from row to row. None stands for no cell."""

    def __init__(self, read: Callable[[str], T]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str | None) -> T | None:
        if text is None:
            return None
        if len(self) >= _REMEMBERED:
            self.clear()
        found = self[text] = self._read(text)
        return found


class Column:
    """How the cells of one column are read: as text, as a number, as a date."""

    def __init__(self, place: int, field: Field, dialect: Dialect) -> None:
        rules, entities = dialect.cells, dialect.file.html_entities
        self.place = place
        self.text = Memo(cell_values.text_reader(field, rules, entities))
        self.number_in = cell_values.number_reader(field, rules, entities)
        self.number: Memo[Decimal | None] = Memo(self.number_in)
        self.day = Memo(cell_values.day_reader(field, rules, entities))


class Columns:
    """The columns of a header, each with its reader: made once, used for every row below it."""

    def __init__(self, header: Header, dialect: Dialect, counted_from: date | None = None) -> None:
        self.header = header
        self.dialect = dialect
        self.counted_from = counted_from
        self.by_field: Mapping[Field, Column] = {
            field: Column(place, field, dialect) for field, place in header.columns.items()
        }
        self.copies = tuple((self.by_field[field], place) for field, place in header.copies.items())
        self.width = len(header.row.cells)
        self.without_greeks = GREEKS.isdisjoint(self.by_field)
        self.amounts = tuple(
            (field, column, field in _IN_FRACTIONS)
            for field, column in self.by_field.items()
            if field in _AMOUNTS
        )
        rules = dialect.cells
        self.date_order = date_formats.order_of(
            [*rules.dates, *rules.column_dates.get(Field.EXPIRATION, ())]
        )
        words = dialect.quantity.side_words
        self.sides: Mapping[str, str] = {plain(word): side for word, side in words.items()}

    def with_copies(self, cells: Sequence[str | None]) -> Sequence[str | None]:
        """The cells with those filled that are empty where a second column of the same name is not.

        Where both have something and it differs, the cell says both, which is not a number: neither counts.
        """
        filled = list(cells)
        for column, place in self.copies:
            first, second = column.text[cells[column.place]], column.text[cells[place]]
            if first is None:
                filled[column.place] = cells[place]
            elif second is not None and first != second:
                filled[column.place] = f"{first} / {second}"
        return filled

    def name(self, field: Field | None) -> str:
        """The dialect's name of the field's column, for messages: never the file's own."""
        names = () if field is None else self.dialect.columns.get(field, ())
        return f"in {names[0]}" if names else ""


class RowCells:
    """One row and the meaning of its cells.

    Attributes:
        row: the row.
        columns: how its cells are read.
        dialect: the file's.
        cells: those of the row, and None for each that it lacks.
        cautions: what could not be read and was left out.
    """

    __slots__ = ("cautions", "cells", "columns", "dialect", "row")

    def __init__(self, row: Row, columns: Columns) -> None:
        self.row = row
        self.columns = columns
        self.dialect = columns.dialect
        self.cautions: list[tuple[Caution, Field | None]] = []
        self.cells: Sequence[str | None] = row.cells
        missing = columns.width - len(self.cells)
        if missing > 0:
            self.cells = [*self.cells, *([None] * missing)]
        if columns.copies:
            self.cells = columns.with_copies(self.cells)

    @property
    def filled_width(self) -> int:
        """How many cells the row has in the file, empty ones at its end not counted."""
        cells, header = self.row.cells, self.columns.header.row
        if header.derived and len(cells) == len(header.cells):
            cells = cells[: -len(header.derived)]
        return filled_width(cells)

    def has_column(self, field: Field) -> bool:
        """Whether the header has a column of that field."""
        return field in self.columns.by_field

    def text(self, field: Field) -> str | None:
        """The clean cell of that field; None when there is no such column or cell, or the cell says "unknown"."""
        column = self.columns.by_field.get(field)
        return None if column is None else column.text[self.cells[column.place]]

    def number(self, field: Field) -> Decimal | None:
        """The number of that field.

        Raises:
            CellFault: the cell is not a number.
        """
        column = self.columns.by_field.get(field)
        return None if column is None else column.number[self.cells[column.place]]

    def amounts(
        self, fraction: int | None = None, underlying_fraction: int | None = None
    ) -> dict[Field, Decimal]:
        """The prices, amounts of money and greeks that the row has; a caution for each that cannot be read.

        Args:
            fraction: the denominator of the product's price fraction, where its prices may be written as one.
            underlying_fraction: the same of its underlying.
        """
        found = {}
        cells = self.cells
        for field, column, in_fractions in self.columns.amounts:
            cell = cells[column.place]
            of = underlying_fraction if field is _UNDERLYING_PRICE else fraction
            try:
                if of is None or not in_fractions or cell is None:
                    value = column.number[cell]
                else:
                    value = column.number_in(cell, of)
            except CellFault:
                self.cautions.append((Caution.NUMBER_UNREADABLE, field))
            else:
                if value is not None:
                    found[field] = value
        return found

    def day(self, field: Field) -> date | None:
        """The date of that field.

        Raises:
            CellFault: the cell is not a date.
        """
        column = self.columns.by_field.get(field)
        return None if column is None else column.day[self.cells[column.place]]

    def column(self, field: Field | None) -> int:
        """Where the field's cell starts in its line, counted from 1."""
        column = None if field is None else self.columns.by_field.get(field)
        starts = self.row.columns
        if column is None or column.place >= len(starts):
            return self.row.fault_column
        return starts[column.place]


_POSITION = RowRule(is_=RowClass.POSITION)
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_UNDERLYING_PRICE = Field.UNDERLYING_PRICE


def rule_for(row: RowCells) -> RowRule:
    """The first rule that fits the row, else the one that makes it a position."""
    for rule in row.dialect.rows:
        if _fits(rule, row):
            return rule
    return _POSITION


def _fits(rule: RowRule, row: RowCells) -> bool:
    if rule.width is not None and rule.width != row.filled_width:
        return False
    if rule.first_cell is not None and not regular_expressions.match(
        rule.first_cell, row.row.cells[0]
    ):
        return False
    for field in rule.empty:
        if row.text(field) is not None:
            return False
    for field in rule.filled:
        if row.text(field) is None:
            return False
    if rule.one_of and all(row.text(field) is None for field in rule.one_of):
        return False
    return _says(rule, row)


def _says(rule: RowRule, row: RowCells) -> bool:
    for field, words in rule.words.items():
        text = row.text(field)
        if text is None or plain(text) not in _plain_words(words):
            return False
    for field, pattern in rule.matches.items():
        if regular_expressions.match(pattern, row.text(field) or "") is None:
            return False
    return True


@lru_cache(maxsize=1024)
def _plain_words(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(plain, words))


def has_right_width(row: RowCells, row_class: RowClass) -> bool:
    """Whether the row has a cell for each column, and no more than empty ones beyond.

    A header that ends with a delimiter has one cell more than it has names. A row that ends with one too, and is
    shorter, has lost a cell: what stands behind the gap would be read in the wrong columns.
    """
    ragged, header = row.dialect.ragged, row.columns.header
    count, width = len(row.row.cells), header.width
    if count == len(header.row.cells):
        return True
    has_lost_one = count < len(header.row.cells) and not row.row.cells[-1].strip()
    if count < width or has_lost_one:
        return row_class in ragged.short
    # Where a header ends with nameless columns, nothing stands below them, unless the dialect knows what.
    own = len(header.row.cells) - len(header.row.derived)
    if width < own and not row.dialect.places and any(map(str.strip, row.row.cells[width:own])):
        return False
    beyond = row.row.cells[len(header.row.cells) :]
    return not beyond or (ragged.extra_empty and not any(map(str.strip, beyond)))
