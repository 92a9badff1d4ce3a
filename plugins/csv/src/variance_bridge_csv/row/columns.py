"""A row of the table, seen through its header: each field's cell, cleaned, and read as what it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import attrs

from variance_bridge.model import Caution, Rejection
from variance_bridge_csv.dialect import patterns
from variance_bridge_csv.dialect.model import Dialect, Field, RowClass, RowRule
from variance_bridge_csv.file.layout import Header
from variance_bridge_csv.file.lines import Row
from variance_bridge_csv.names import plain
from variance_bridge_csv.row import cells


class RowRefused(Exception):
    """A row that is kept out, with the reason and the column that it lies in."""

    def __init__(self, reason: Rejection, field: Field | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


@attrs.frozen
class RowCells:
    """One row and the meaning of its cells. `cautions` collects what could not be read and was left out."""

    row: Row
    header: Header
    dialect: Dialect
    cautions: list[tuple[Caution, Field | None]] = attrs.field(factory=list)

    def text(self, field: Field) -> str | None:
        """The clean cell of that field; None when there is no such column or cell, or the cell says "unknown"."""
        place = self.header.columns.get(field)
        if place is None or place >= len(self.row.cells):
            return None
        rules = self.dialect.cells
        text = cells.clean(self.row.cells[place], rules, self.dialect.file.html_entities)
        return None if cells.is_null(text, field, rules) else text

    def number(self, field: Field, fraction: int | None = None) -> Decimal | None:
        """The number of that field.

        Raises:
            CellFault: the cell is no number.
        """
        text = self.text(field)
        return None if text is None else cells.number(text, field, self.dialect.cells, fraction)

    def amount(self, field: Field, fraction: int | None = None) -> Decimal | None:
        """The number of that field, or None and a caution when it cannot be read."""
        try:
            return self.number(field, fraction)
        except cells.CellFault:
            self.cautions.append((Caution.NUMBER_UNREADABLE, field))
            return None

    def day(self, field: Field) -> date | None:
        """The date of that field.

        Raises:
            CellFault: the cell is no date.
        """
        text = self.text(field)
        return None if text is None else cells.day(text, field, self.dialect.cells)

    def column_name(self, field: Field | None) -> str:
        """The dialect's name of the field's column, for messages: never the file's own."""
        names = () if field is None else self.dialect.columns.get(field, ())
        return f"in {names[0]}" if names else ""

    def column(self, field: Field | None) -> int:
        """Where the field's cell starts in its line, counted from 1."""
        place = None if field is None else self.header.columns.get(field)
        if place is None or place >= len(self.row.columns):
            return self.row.fault_column
        return self.row.columns[place]


_POSITION = RowRule(is_=RowClass.POSITION)


def rule_for(row: RowCells) -> RowRule:
    """The first rule that fits the row, else the one that makes it a position."""
    return next((rule for rule in row.dialect.rows if _fits(rule, row)), _POSITION)


def _fits(rule: RowRule, row: RowCells) -> bool:
    if rule.width is not None and rule.width != _width(row.row):
        return False
    if rule.first_cell is not None and not patterns.match(rule.first_cell, row.row.cells[0]):
        return False
    if any(row.text(field) is not None for field in rule.empty):
        return False
    if any(row.text(field) is None for field in rule.filled):
        return False
    return _says(rule.words, rule.matches, row)


def _says(
    words: Mapping[Field, tuple[str, ...]], matches: Mapping[Field, str], row: RowCells
) -> bool:
    for field, allowed in words.items():
        text = row.text(field)
        if text is None or plain(text) not in map(plain, allowed):
            return False
    return all(
        patterns.match(pattern, row.text(field) or "") is not None
        for field, pattern in matches.items()
    )


def _width(row: Row) -> int:
    width = len(row.cells)
    while width > 1 and not row.cells[width - 1].strip():
        width -= 1
    return width


def has_right_width(row: RowCells, row_class: RowClass) -> bool:
    """Whether the row has a cell for each column, and no more than empty ones beyond.

    A header that ends with a delimiter has one cell more than it has names. A row that ends with one too, and is
    shorter, has lost a cell: what stands behind the gap would be read in the wrong columns.
    """
    ragged = row.dialect.ragged
    count, width = len(row.row.cells), row.header.width
    has_lost_one = count < len(row.header.row.cells) and not row.row.cells[-1].strip()
    if count < width or has_lost_one:
        return row_class in ragged.short
    beyond = row.row.cells[len(row.header.row.cells) :]
    return not beyond or (ragged.extra_empty and not any(cell.strip() for cell in beyond))
