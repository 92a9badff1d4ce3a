"""Every row of a file's tables: what it is, and what became of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sized
from datetime import date
from decimal import Decimal
from functools import lru_cache

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural, repr_without
from variance_bridge.model import Rejection
from variance_bridge.symbology import Instrument
from variance_bridge_csv.cut_off import LastCells, cut_in_last_cell, refuse_cut_off
from variance_bridge_csv.dialect_format.dialect_options import (
    Dialect,
    Field,
    RowClass,
)
from variance_bridge_csv.file.layout import Section
from variance_bridge_csv.file.lines_and_cells import Row, is_in_quotes
from variance_bridge_csv.row.cell_values import CellFault
from variance_bridge_csv.row.columns import (
    Columns,
    RowCells,
    RowRejected,
    has_right_width,
)
from variance_bridge_csv.row.money import CostCheck
from variance_bridge_csv.row.position import CheckedHolding, read_position
from variance_bridge_csv.row_kinds import is_prose, is_typed_total, kind_rule

POSITIONS = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET})
OUTSIDE = frozenset({RowClass.LABEL, RowClass.FOOTER, RowClass.IGNORE})
IN_CASH = frozenset({RowClass.CASH, RowClass.PENDING})
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_POSITION = RowClass.POSITION
_LOT = RowClass.LOT
_IGNORE = RowClass.IGNORE
_ACCOUNT_LABEL = Field.ACCOUNT_LABEL
_VALUE = Field.VALUE
_CURRENCY = Field.CURRENCY
_DTE = Field.DTE
_ACCOUNT = Field.ACCOUNT
_WITH_COMMA = r"[-+($\u20ac\u00a3 ]{0,4}(?:[0-9]{1,3}(?:[. ][0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))[)% ]{0,3}"
_WITH_POINT = r"[-+($\u20ac\u00a3 ]{0,4}(?:[0-9]{1,3}(?:[, '][0-9]{3})+\.[0-9]+|[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,}))[)% ]{0,3}"
"""Numbers that can only be read by the other decimal mark."""
_DATE_LIKE = (
    r"[0-9]{1,4}[-/. ](?:[0-9]{1,2}|[A-Za-z]{3})[-/. ][0-9]{1,4}|[A-Za-z]{3}[-/. ][0-9]{1,4}"
)
_NUMBER_LIKE = (
    r"(?!(?:[^0-9]*[0-9]){4})(?:[A-Za-z]{1,5}|[-+]?[0-9.,']{1,8}[A-Za-z%]{0,3}|[#?/-]{1,8})"
)
"""A short word, or at most three digits. A name is longer, as a rule, and so is an account number."""
_HARMLESS = {
    Rejection.DATE_UNREADABLE: _DATE_LIKE,
    Rejection.MULTIPLIER_UNREADABLE: _NUMBER_LIKE,
    Rejection.NUMBER_UNREADABLE: _NUMBER_LIKE,
    Rejection.QUANTITY_UNREADABLE: _NUMBER_LIKE,
}
_ROUNDED = r"[0-9][.,][0-9]+[Ee][+]?[0-9]+"
"""What a spreadsheet program makes of a long account number: others become the same."""
_MAX_NAME_LENGTH = 100
MAX_REJECTED = 100_000
"""Rows that cannot be read. A document lists them all, and nobody reads a longer list."""


class RejectedLine(Struct, frozen=True):
    """A row that could not be read, the place in the file to look at, and what is wrong there, without a value.

    `instrument` is what it is about, where that is known.
    """

    line: int
    column: int
    reason: Rejection
    detail: str = ""
    written: str | None = None
    instrument: Instrument | None = None

    def describe(self) -> str:
        """Why the row was rejected, without a value of the row but a date or a number that cannot be read."""
        if self.written is not None and self.reason is Rejection.DATE_UNREADABLE:
            return f'the date "{self.written}" {self.detail} cannot be read'
        if self.written is not None:
            return f'"{self.written}" {self.detail} is not a number'
        return f"{self.reason.sentence} ({self.detail})" if self.detail else self.reason.sentence


class ReadRow(Struct):
    """A row, what it is, and what became of it: all that is kept of it.

    Nobody changes it; there are too many for the price of a frozen class.

    Attributes:
        section: the line of the header above it.
        account: the account that the row names; None where it should and does not.
        label: the word for the account that it has, or that stands above it.
        value: its value as it stands there, for sums; None where there is none that can be read.
        currency: that of the value, where the row says so.
        value_unread: an amount of cash is missing, cannot be read, or stands there a second time.
        days_left: its days to expiration, as they are written.
        group: which subtotal it belongs to; empty where the dialect has none.
        summed: what it adds to that, or states as it.
        account_column: where the account's cell starts, in a row that should name one and does not.
        other_mark: where a number starts that cannot be read, and is one with the other decimal mark; 0 where there is none.
        ends_unread: the file's last cell cannot be read and no line end follows it.
    """

    line: int
    section: int
    row_class: RowClass
    account: str | None
    label: str | None
    position: CheckedHolding | None
    rejected: RejectedLine | None
    value: Decimal | None
    currency: str | None
    value_unread: bool
    days_left: str | None
    group: tuple[object, ...]
    summed: Decimal | None
    account_column: int
    other_mark: int
    ends_unread: bool

    __repr__ = repr_without("account", "label")


def read_rows(
    rows: Iterable[tuple[Section, Row]],
    dialect: Dialect,
    as_of: date,
    where: str,
    watch: Callable[[Sized], None] = lambda _found: None,
    counted_from: date | None = None,
) -> list[ReadRow]:
    """Every row of the table, in the order of the file. `watch` is given the list before it grows.

    `counted_from` is the day from which days to expiration count, where a row may state nothing else of its expiration.

    Raises:
        DataRefused: the file is cut off in its last row, or more rows cannot be read than a document may list.
    """
    columns: dict[int, Columns] = {}
    found: list[ReadRow] = []
    watch(found)
    rejected = 0
    ends = LastCells()
    cash: set[tuple[object, ...]] = set()
    for section, row in rows:
        start = section.header.row.line
        if start not in columns:
            columns[start] = Columns(section.header, dialect, counted_from)
        read = _read_row(RowCells(row, columns[start]), section, as_of, where)
        if row.last and _may_be_cut(row, read, section, ends):
            raise cut_in_last_cell(row, where)
        if not ends.full:
            ends.add(row)
        if read.row_class in IN_CASH:
            key = (read.section, read.account, read.label, row.text)
            read.value_unread = read.value_unread or key in cash
            cash.add(key)
        found.append(read)
        if read.rejected is not None:
            rejected += 1
            if rejected > MAX_REJECTED:
                raise _too_many_rejected(read.rejected, where)
    return found


def _may_be_cut(row: Row, read: ReadRow, section: Section, ends: LastCells) -> bool:
    """Whether the last cell of the file may be a part of what it was."""
    if read.position is not None and ends.lack(row, len(section.header.row.cells)):
        return True
    return _is_unconfirmed(read.position) and ends.differ(row)


def _is_unconfirmed(position: CheckedHolding | None) -> bool:
    """Whether the amounts of a row do not confirm each other, so that one of them may be a part of what it was."""
    if position is None or position.holding is None or position.check is CostCheck.CONFIRMED:
        return False
    quote = position.holding.quote
    return position.stated_value is None or quote is None or quote.mark is None


def _too_many_rejected(last: RejectedLine, where: str) -> DataRefused:
    return DataRefused(
        f"more than {MAX_REJECTED} rows cannot be read; here: {last.describe()}",
        where=f"{where}, line {last.line}",
        hint="export the positions again; do not save them from a spreadsheet program",
    )


def _read_row(cells: RowCells, section: Section, as_of: date, where: str) -> ReadRow:
    row = cells.row
    row_class, position, rejected = _POSITION, None, None
    if row.fault:
        refuse_cut_off(row, where)
        rejected = RejectedLine(row.line, row.fault_column, Rejection.UNREADABLE_ROW, row.fault)
    elif is_in_quotes(row, section.header.width):
        rejected = RejectedLine(row.line, 1, Rejection.UNREADABLE_ROW, "the whole row is in quotes")
    else:
        rule = kind_rule(cells)
        row_class = rule.is_
        if not has_right_width(cells, row_class):
            refuse_cut_off(row, where)
            rejected = _wrong_cell_count(cells)
        elif row_class in POSITIONS or (row_class is _LOT and cells.dialect.lots.sum):
            try:
                position = read_position(cells, rule, as_of)
            except RowRejected as rejection:
                rejected = _rejected(cells, rejection)
        if rejected is not None and (is_typed_total(row) or is_prose(row)):
            row_class, rejected = _IGNORE, None
    account = _account(cells, section, rejected, where)
    checks = cells.dialect.check
    value = (
        position.stated_value
        if position is not None and position.holding is not None
        else _number_or_none(cells, _VALUE)
    )
    return ReadRow(
        line=row.line,
        section=section.header.row.line,
        row_class=row_class,
        account=account,
        label=_nameable(cells.text(_ACCOUNT_LABEL)) or section.captured.get("account_label"),
        position=position,
        rejected=rejected,
        value=value,
        currency=cells.text(_CURRENCY),
        value_unread=row_class in IN_CASH and value is None and _is_expected(cells, row_class),
        days_left=cells.text(_DTE),
        group=_group(cells, section) if checks.subtotals else (),
        summed=_number_or_none(cells, checks.subtotals_of) if checks.subtotals else None,
        account_column=cells.column(_ACCOUNT) if account is None else 0,
        other_mark=_other_mark(cells, rejected),
        ends_unread=row.last and row_class in POSITIONS and _ends_unread(cells, rejected),
    )


def _is_expected(cells: RowCells, row_class: RowClass) -> bool:
    """Whether a row of cash without an amount says that it is not known. Nothing may be pending."""
    return (
        row_class is RowClass.CASH
        or not cells.has_column(Field.VALUE)
        or cells.text(Field.VALUE) is not None
    )


def _group(cells: RowCells, section: Section) -> tuple[object, ...]:
    return (section.header.row.line, *map(cells.text, cells.dialect.check.subtotals_by))


def _rejected(cells: RowCells, rejection: RowRejected) -> RejectedLine:
    return RejectedLine(
        cells.row.line,
        cells.column(rejection.field),
        rejection.reason,
        ", ".join(filter(None, (rejection.what, cells.columns.name(rejection.field)))),
        _written(cells, rejection),
        rejection.instrument,
    )


def _written(cells: RowCells, rejection: RowRejected) -> str | None:
    """A date or a number that cannot be read, as it is written: what it says of its owner is nothing, and of the fault all."""
    harmless = _HARMLESS.get(rejection.reason)
    if harmless is None or rejection.field is None or not cells.columns.name(rejection.field):
        return None
    text = cells.text(rejection.field) or ""
    return text if re.fullmatch(harmless, text) else None


def _wrong_cell_count(cells: RowCells) -> RejectedLine:
    row, header = cells.row, cells.columns.header
    named_only = len(row.cells) < header.width or len(row.cells) == len(header.row.cells)
    width = header.width if named_only else len(header.row.cells)
    counts = f"{plural(len(row.cells), 'cell')}, and the header has {width}"
    return RejectedLine(row.line, len(row.text) + 1, Rejection.WRONG_CELL_COUNT, counts)


def _rounded_account(cells: RowCells, where: str) -> DataRefused:
    return DataRefused(
        "a spreadsheet program has rounded the account number, so the account cannot be identified",
        where=f"{where}, line {cells.row.line}, column {cells.column(Field.ACCOUNT)}",
        hint="export the positions again, and do not save them from a spreadsheet program",
    )


def _account(
    cells: RowCells, section: Section, rejected: RejectedLine | None, where: str
) -> str | None:
    if cells.has_column(_ACCOUNT):
        if rejected is not None and rejected.reason is Rejection.WRONG_CELL_COUNT:
            return None
        account = _nameable(cells.text(_ACCOUNT))
        if account and _is_rounded(account):
            raise _rounded_account(cells, where)
        return account
    return account_above(section)


@lru_cache(maxsize=1024)
def _is_rounded(account: str) -> bool:
    return re.fullmatch(_ROUNDED, account) is not None


def account_above(section: Section) -> str:
    """The account that stands above a table; "" where none does."""
    captured = section.captured
    return captured.get("account") or captured.get("account_label") or ""


def _nameable(text: str | None) -> str | None:
    """The text where it can be the name of an account: short, and without control characters."""
    return text if text and len(text) <= _MAX_NAME_LENGTH and text.isprintable() else None


def _number_or_none(cells: RowCells, field: Field) -> Decimal | None:
    try:
        return cells.number(field)
    except CellFault:
        return None


def _ends_unread(cells: RowCells, rejected: RejectedLine | None) -> bool:
    """Whether the row's last cell cannot be read: the file may be cut off in that cell."""
    unread = {cells.column(field) for _caution, field in cells.cautions if field}
    if rejected is not None:
        unread.add(rejected.column)
    return cells.row.columns[-1] in unread


def _other_mark(cells: RowCells, rejected: RejectedLine | None) -> int:
    """Where in an unreadable row, or before a number that was left out, a number has the other decimal mark; 0: nowhere."""
    if rejected is None and not cells.cautions:
        return 0
    written = _WITH_COMMA if cells.dialect.cells.decimal == "." else _WITH_POINT
    return next(
        (
            cells.column(field)
            for field in (Field.QUANTITY, *(field for field, *_rest in cells.columns.amounts))
            if re.fullmatch(written, cells.text(field) or "")
        ),
        0,
    )
