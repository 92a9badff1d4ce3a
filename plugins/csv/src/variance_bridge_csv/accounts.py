"""From the sections of a file to what each account holds, with an account of every row. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct, structs

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural, repr_without
from variance_bridge.model import Caution, Flag, Holding, RejectedRow, Rejection
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect.schema import (
    Completeness,
    Dialect,
    Field,
    RepeatedHeader,
    RowClass,
    RowRule,
)
from variance_bridge_csv.file.layout import Layout, Section
from variance_bridge_csv.file.lines import Line, Row, is_in_quotes
from variance_bridge_csv.name_matching import plain, shown, visible
from variance_bridge_csv.row.cells import CellFault, number_reader
from variance_bridge_csv.row.columns import (
    Columns,
    RowCells,
    RowRejected,
    has_right_width,
    rule_for,
)
from variance_bridge_csv.row.instrument import kind_of
from variance_bridge_csv.row.lots import contract_of, sum_of
from variance_bridge_csv.row.money import CostCheck
from variance_bridge_csv.row.position import CheckedHolding, read_position

_POSITIONS = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET})
_SUMMED = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET, RowClass.CASH, RowClass.PENDING})
_OUTSIDE = frozenset({RowClass.LABEL, RowClass.FOOTER, RowClass.IGNORE})
_TOTALS = frozenset({RowClass.TOTAL, RowClass.SUBTOTAL})
_IN_CASH = frozenset({RowClass.CASH, RowClass.PENDING})
_CASH = RowRule(is_=RowClass.CASH)
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_POSITION = RowClass.POSITION
_LOT = RowClass.LOT
_IGNORE = RowClass.IGNORE
_TOTAL = RowClass.TOTAL
_PENDING = RowClass.PENDING
_ACCOUNT_LABEL = Field.ACCOUNT_LABEL
_VALUE = Field.VALUE
_CURRENCY = Field.CURRENCY
_DTE = Field.DTE
_ACCOUNT = Field.ACCOUNT
_SYMBOL = Field.SYMBOL
_TYPE = Field.TYPE
_CASH_KIND = InstrumentType.CASH
_TYPED_TOTAL = RowRule(is_=RowClass.IGNORE)
_TYPED_TOTALS = frozenset(
    {"total", "totals", "grand total", "account total", "portfolio total", "sum", "subtotal"}
)
"""What people write before a total that they add below an export."""
_TOTAL_WORDS = _TYPED_TOTALS | {"positions total"}
_NO_TICKERS = _TYPED_TOTALS - {"sum"}
"""Those that are nothing else in the column of the symbol: SUM was a share."""
_MAX_DTE = 4_000
_WITH_COMMA = re.compile(
    r"[-+($\u20ac\u00a3 ]{0,4}(?:[0-9]{1,3}(?:[. ][0-9]{3})+,[0-9]+|[0-9]+,(?:[0-9]{1,2}|[0-9]{4,}))[)% ]{0,3}"
)
_WITH_POINT = re.compile(
    r"[-+($\u20ac\u00a3 ]{0,4}(?:[0-9]{1,3}(?:[, '][0-9]{3})+\.[0-9]+|[0-9]+\.(?:[0-9]{1,2}|[0-9]{4,}))[)% ]{0,3}"
)
"""Numbers that can only be read by the other decimal mark."""
_DATE_LIKE = re.compile(
    r"[0-9]{1,4}[-/. ](?:[0-9]{1,2}|[A-Za-z]{3})[-/. ][0-9]{1,4}|[A-Za-z]{3}[-/. ][0-9]{1,4}"
)
_ROUNDED = re.compile(r"[0-9][.,][0-9]+[Ee][+]?[0-9]+")
"""What a spreadsheet program makes of a long account number: others become the same."""
_PAGE = re.compile(r"(?i:page|seite) [0-9]{1,4}(?: ?(?i:of|von|/) ?[0-9]{1,4})?")
_LOWER_CASE_WORD = re.compile(r"\b[a-z\u00df-\u00ff]{2,}\b")
_DIGIT = re.compile(r"[0-9]")
_MIN_WORDS = 3
"""So many words in lower case are a sentence: the names of securities have fewer."""
_NO_ACCOUNT = "it names no account, so it is in no document"
_MAX_NAME_LENGTH = 100
_ROUNDING = Decimal("0.05")
"""So far a sum of values that are rounded to cents may be from their total."""
_ENDS_SEEN = 100
MAX_REJECTED = 100_000
"""Rows that cannot be read. A document lists them all, and nobody reads a longer list."""


class RejectedLine(Struct, frozen=True):
    """A row that could not be read, the place in the file to look at, and what is wrong there, without a value."""

    line: int
    column: int
    reason: Rejection
    detail: str = ""
    written: str | None = None

    def describe(self) -> str:
        """Why the row was rejected, without a value of the row but a date that cannot be read."""
        if self.written is not None:
            return f'the date "{self.written}" {self.detail} cannot be read'
        reason = self.reason.value.replace("_", " ")
        return f"{reason} ({self.detail})" if self.detail else reason


class SkippedRow(Struct, frozen=True):
    """A row that is not a position."""

    line: int
    row_class: RowClass


class AccountPart(Struct, frozen=True):
    """An account's part of the file.

    Attributes:
        account: the account's identifier as the file has it; "" when the file names none.
        label: the file's or the user's own word for the account.
        checked: the positions, closed ones included, in the order of the file.
        rejected_lines: the rows that could not be read.
        cash: the sum of the rows of cash and of pending cash.
        pending: the sum of the latter.
        cash_unread: the lines of such rows whose amount is missing or cannot be read, or that stand there a second time.
        passed_over: how many rows of each kind are not positions.
        total: what the total row says.
        total_agrees: whether that is the sum of the rows; None where they are not compared.
        not_compared: the currencies of the rows, where a sum over them cannot be compared with the total.
        other_currency: the total or an amount of cash is in a currency that is not the account's.
    """

    account: str
    label: str | None
    checked: tuple[CheckedHolding, ...]
    rejected_lines: tuple[RejectedLine, ...]
    cash: Decimal | None
    pending: Decimal | None
    cash_unread: tuple[int, ...]
    passed_over: Mapping[RowClass, int]
    total: Decimal | None
    total_agrees: bool | None
    not_compared: tuple[str, ...] = ()
    other_currency: bool = False

    __repr__ = repr_without("account", "label")

    @property
    def rejected(self) -> tuple[RejectedRow, ...]:
        """The rows that could not be read, as the document lists them."""
        return tuple(RejectedRow(row=one.line, reason=one.reason) for one in self.rejected_lines)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The cautions about positions."""
        return tuple(
            Flag(caution=caution, row=one.line, symbol=one.holding.symbol)
            for one in self.checked
            if one.cautions and one.holding is not None
            for caution in one.cautions
        )

    @property
    def positions(self) -> tuple[Holding, ...]:
        """The open positions."""
        return tuple(one.holding for one in self.checked if one.holding is not None)

    @property
    def closed(self) -> int:
        """How many rows have the quantity 0."""
        return sum(1 for one in self.checked if one.holding is None)


class ParsedFile(Struct, frozen=True):
    """All that a file says.

    Attributes:
        dialect: how it was read.
        accounts: in the order of the file; never empty.
        skipped: the rows that are not positions, with what they are.
        complete: whether the end of a complete file was seen, where the dialect says that there must be one, and the
            file does not break off in a cell.
        unknown_columns: names that the dialect does not know.
        other_tables: the lines at which tables begin that are of another kind and that the dialect does not name.
        unknown_lines: how many lines those have.
        titles: lines above the first table that nothing reads.
        passed: how many rows of all other tables were not read.
        understood: of the first header, the name of each column that means something, by its field.
        implied_date: the day from which the days to expiration count, where most rows agree on one.
    """

    dialect: Dialect
    accounts: tuple[AccountPart, ...]
    skipped: tuple[SkippedRow, ...]
    complete: bool
    unknown_columns: tuple[str, ...]
    other_tables: tuple[int, ...]
    unknown_lines: int
    titles: tuple[int, ...]
    passed: int
    understood: Mapping[Field, str]
    implied_date: date | None
    simulated: bool


def parse(
    lines: Iterable[Line], layout: Layout, dialect: Dialect, as_of: date, where: str
) -> ParsedFile:
    """What the file says.

    Args:
        lines: the lines of the file.
        layout: which of them are rows of a table.
        dialect: how to read them.
        as_of: the day of the file.
        where: the file, for errors.

    Raises:
        DataRefused: the file is cut off in its last row, or none of its rows can be read.
    """
    found = read_rows(layout.table_rows(lines), dialect, as_of, where)
    if dialect.lots.sum:
        found = _with_sums(found)
    _refuse_other_mark(found, dialect, where)
    _refuse_unreadable(found, where)
    _refuse_lots(found, where)
    _refuse_repeated(found, layout, dialect.header.repeats, where)
    return ParsedFile(
        dialect=dialect,
        accounts=_by_account(found, layout, dialect),
        skipped=tuple(
            SkippedRow(row.line, row.row_class)
            for row in found
            if row.position is None and row.rejected is None
        ),
        complete=not any(row.ends_unread for row in found) and _has_its_end(found, layout, dialect),
        unknown_columns=tuple(
            dict.fromkeys(name for section in layout.sections for name in section.header.unknown)
        ),
        other_tables=layout.unknown_tables,
        unknown_lines=layout.unknown_lines,
        titles=layout.titles,
        passed=layout.passed,
        understood=_understood(layout),
        implied_date=_implied_date(found, dialect),
        simulated="simulated" in layout.captured,
    )


def _with_sums(rows: list[ReadRow]) -> list[ReadRow]:
    """The rows, and instead of lots whose position has no row of its own one row with their sum."""
    lots: dict[tuple[object, ...], list[ReadRow]] = {}
    whole = set()
    for row in rows:
        if row.position is not None:
            key = (row.account, row.section, *contract_of(row.position))
            if row.row_class is RowClass.LOT:
                lots.setdefault(key, []).append(row)
            else:
                whole.add(key)
    if not lots:
        return rows
    sums = {
        own[0].line: structs.replace(
            own[0],
            row_class=RowClass.POSITION,
            position=sum_of([one.position for one in own if one.position is not None]),
        )
        for key, own in lots.items()
        if key not in whole
    }
    return [
        sums.get(row.line)
        or (structs.replace(row, position=None) if row.row_class is RowClass.LOT else row)
        for row in rows
    ]


def _understood(layout: Layout) -> Mapping[Field, str]:
    header = layout.sections[0].header
    return {field: shown(header.row.cells[place]) for field, place in header.columns.items()}


def _has_its_end(rows: Sequence[ReadRow], layout: Layout, dialect: Dialect) -> bool:
    """Whether all is there that stands at the end of every complete file of the dialect."""
    completeness = dialect.check.completeness
    if completeness is Completeness.TOTAL:
        totals = {row.section for row in rows if _is_total(row, layout)}
        return totals >= {section.header.row.line for section in layout.sections}
    return completeness is Completeness.NONE or layout.ended or _total_seen(rows, dialect)


def _is_total(row: ReadRow, layout: Layout) -> bool:
    """Whether the row is a total, and a whole one: one that lacks its value may be the place where the file was cut."""
    if row.row_class not in _TOTALS:
        return False
    valued = any(Field.VALUE in section.header.columns for section in layout.sections)
    return not valued or row.value is not None


# gc=False: a record of each row, and part of no cycle that Python would have to look for.
class ReadRow(Struct, gc=False):
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
    rows: Iterable[tuple[Section, Row]], dialect: Dialect, as_of: date, where: str
) -> list[ReadRow]:
    """Every row of the table, in the order of the file.

    Raises:
        DataRefused: the file is cut off in its last row, or more rows cannot be read than a document may list.
    """
    columns: dict[int, Columns] = {}
    found, rejected = [], 0
    ends = LastCells()
    cash: set[tuple[object, ...]] = set()
    for section, row in rows:
        start = section.header.row.line
        if start not in columns:
            columns[start] = Columns(section.header, dialect)
        read = _read_row(RowCells(row, columns[start]), section, as_of, where)
        if row.last and _is_unconfirmed(read.position) and ends.differ(row):
            raise _cut_in_last_cell(row, where)
        if not ends.full:
            ends.add(row)
        if read.row_class in _IN_CASH:
            key = (read.section, read.account, read.label, row.text)
            read.value_unread = read.value_unread or key in cash
            cash.add(key)
        found.append(read)
        if read.rejected is not None:
            rejected += 1
            if rejected > MAX_REJECTED:
                raise _too_many_rejected(read.rejected, where)
    return found


def _is_unconfirmed(position: CheckedHolding | None) -> bool:
    """Whether the amounts of a row do not confirm each other, so that one of them may be a part of what it was."""
    if position is None or position.holding is None or position.check is CostCheck.CONFIRMED:
        return False
    quote = position.holding.quote
    return position.stated_value is None or quote is None or quote.mark is None


class LastCells:
    """How the last cells of the rows are written, so that the one at the end of a file can be told from a part of one."""

    full = False
    """The first hundred rows tell enough."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, str] | None] = []

    def add(self, row: Row) -> None:
        """One more row."""
        self._seen.append(_shape(row.cells[-1]))
        self.full = len(self._seen) >= _ENDS_SEEN

    def differ(self, row: Row) -> bool:
        """Whether the number there has fewer decimals than all others, or not the sign behind it that all others have."""
        last, seen = _shape(row.cells[-1]), [shape for shape in self._seen if shape is not None]
        if last is None or not seen or len(seen) < len(self._seen):
            return False
        decimals, sign = last
        signs = {sign for _decimals, sign in seen}
        return decimals < min(seen)[0] or (len(signs) == 1 and sign not in signs)


def _shape(cell: str) -> tuple[int, str] | None:
    """How many decimals a number has, and what stands behind its digits (`%`, `d`, `)`); None for what is not a number."""
    text = cell.strip()
    number = text.rstrip("%)dMKx ")
    if not number[-1:].isdigit():
        return None
    return len(number.partition(".")[2]), text[len(number) :]


def _cut_in_last_cell(row: Row, where: str) -> DataRefused:
    return DataRefused(
        "the file has no line end after its last cell, which is shorter than those above it: it is cut off there",
        where=f"{where}, line {row.line}, column {len(row.text) + 1}",
        hint="export the positions again; if the file is whole, add a line end to it",
    )


def _too_many_rejected(last: RejectedLine, where: str) -> DataRefused:
    return DataRefused(
        f"more than {MAX_REJECTED} rows cannot be read; here: {last.describe()}",
        where=f"{where}, line {last.line}, column {last.column}",
        hint="export the positions again; do not save them from a spreadsheet program",
    )


def _read_row(cells: RowCells, section: Section, as_of: date, where: str) -> ReadRow:
    row = cells.row
    row_class, position, rejected = _POSITION, None, None
    if row.fault:
        _refuse_cut_off(row, where)
        rejected = RejectedLine(row.line, row.fault_column, Rejection.UNREADABLE_ROW, row.fault)
    elif is_in_quotes(row, section.header.width):
        rejected = RejectedLine(row.line, 1, Rejection.UNREADABLE_ROW, "the whole row is in quotes")
    else:
        rule = _rule(cells)
        row_class = rule.is_
        if not has_right_width(cells, row_class):
            _refuse_cut_off(row, where)
            rejected = _wrong_cell_count(cells)
        elif row_class in _POSITIONS or (row_class is _LOT and cells.dialect.lots.sum):
            try:
                position = read_position(cells, rule, as_of)
            except RowRejected as rejection:
                rejected = _rejected(cells, rejection)
        if rejected is not None and (_is_typed_total(row) or _is_prose(row)):
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
        value_unread=row_class in _IN_CASH and value is None and _is_expected(cells, row_class),
        days_left=cells.text(_DTE),
        group=_group(cells, section) if checks.subtotals else (),
        summed=_number_or_none(cells, checks.subtotals_of) if checks.subtotals else None,
        account_column=cells.column(_ACCOUNT) if account is None else 0,
        other_mark=_other_mark(cells, rejected),
        ends_unread=row.last and row_class in _POSITIONS and _ends_unread(cells, rejected),
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
        _date_written(cells, rejection),
    )


def _date_written(cells: RowCells, rejection: RowRejected) -> str | None:
    """A date that cannot be read, as it is written: what it says of its owner is nothing, and of the fault all."""
    if rejection.reason is not Rejection.DATE_UNREADABLE or rejection.field is None:
        return None
    text = cells.text(rejection.field) or ""
    return text if _DATE_LIKE.fullmatch(text) else None


def _is_typed_total(row: Row) -> bool:
    """Whether somebody added the row below the export: a total, in no column's terms."""
    first = next((cell for cell in row.cells if cell.strip()), "")
    return plain(first).rstrip(":") in _TYPED_TOTALS


def _is_prose(row: Row) -> bool:
    """Whether the row is a sentence (a disclaimer, the foot of a page), and no part of a position."""
    filled = [cell for cell in row.cells if cell.strip()]
    if len(filled) != 1:
        return False
    text = visible(filled[0])
    if _PAGE.fullmatch(text) or len(_LOWER_CASE_WORD.findall(text)) >= _MIN_WORDS:
        return True
    return text[-1:] in ".:" and " " in text and not _DIGIT.search(text)


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
        if account and _ROUNDED.fullmatch(account):
            raise _rounded_account(cells, where)
        return account
    return _account_above(section)


def _account_above(section: Section) -> str:
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


def _rule(row: RowCells) -> RowRule:
    """The rule for the row; a row whose type column says cash is cash, and one whose symbol is "Total" was typed below."""
    found = rule_for(row)
    if found.is_ is not _POSITION:
        return found
    if (row.text(_SYMBOL) or "").rstrip(": ").casefold() in _NO_TICKERS:
        return _TYPED_TOTAL
    word = row.text(_TYPE)
    if word is None or kind_of(word, row.dialect) is not _CASH_KIND:
        return found
    return _CASH


def _refuse_cut_off(row: Row, where: str) -> None:
    if row.last:
        raise DataRefused(
            "the file ends in the middle of a row: it is cut off, and rows may be missing",
            where=f"{where}, line {row.line}, column {len(row.text) + 1}",
            hint="export the positions again",
        )


def _ends_unread(cells: RowCells, rejected: RejectedLine | None) -> bool:
    """Whether the row's last cell cannot be read: the file may be cut off in that cell."""
    unread = {cells.column(field) for _caution, field in cells.cautions if field}
    if rejected is not None:
        unread.add(rejected.column)
    return cells.row.columns[-1] in unread


def _refuse_unreadable(rows: Sequence[ReadRow], where: str) -> None:
    first = next((row.rejected for row in rows if row.rejected is not None), None)
    if first is not None and not any(row.position for row in rows):
        raise DataRefused(
            f"no row can be read: {first.describe()}",
            where=f"{where}, line {first.line}, column {first.column}",
            hint="export the positions again; do not save them from a spreadsheet program",
        )


def _other_mark(cells: RowCells, rejected: RejectedLine | None) -> int:
    """Where in an unreadable row, or before a number that was left out, a number has the other decimal mark; 0: nowhere."""
    if rejected is None and not cells.cautions:
        return 0
    written = _WITH_COMMA if cells.dialect.cells.decimal == "." else _WITH_POINT
    return next(
        (
            cells.column(field)
            for field in (Field.QUANTITY, *(field for field, *_rest in cells.columns.amounts))
            if written.fullmatch(cells.text(field) or "")
        ),
        0,
    )


def _refuse_other_mark(rows: Sequence[ReadRow], dialect: Dialect, where: str) -> None:
    """Refuses numbers with the other decimal mark: where one cannot be read, "1,125" beside it may be read a thousand times too large."""
    marked = [row for row in rows if row.other_mark]
    read = sum(row.position is not None or row.rejected is not None for row in rows)
    if not marked or (len(marked) == 1 and read > 1):
        return
    here, there = ("point", "comma") if dialect.cells.decimal == "." else ("comma", "point")
    raise DataRefused(
        f"numbers have a decimal {there} here, and a decimal {here} in this format: others may be read a thousand times too large",
        where=f"{where}, line {marked[0].line}, column {marked[0].other_mark}",
        hint="export the positions again, and do not save them from a spreadsheet program; if the broker writes them this way, say so "
        f'in a dialect of your own: decimal = "{"," if there == "comma" else "."}" (docs/dialects.md)',
    )


def _refuse_lots(rows: Iterable[ReadRow], where: str) -> None:
    """Lots are parts of positions. Without the positions that they are parts of, an account would look empty."""
    lots: dict[str | None, int] = {}
    whole: set[str | None] = set()
    for row in rows:
        if row.row_class is _LOT:
            lots.setdefault(row.account, row.line)
        elif row.row_class in _POSITIONS:
            whole.add(row.account)
    alone = [line for account, line in lots.items() if account not in whole]
    if alone:
        raise DataRefused(
            "the file lists tax lots, and not the positions that they are parts of",
            where=f"{where}, line {alone[0]}, column 1",
            hint="include the positions themselves in the export (in a Flex Query: the level of detail Summary)",
        )


def _refuse_repeated(
    rows: Iterable[ReadRow], layout: Layout, repeats: RepeatedHeader, where: str
) -> None:
    """An account whose rows stand in two tables was exported twice: they would be counted twice."""
    if len(layout.sections) == 1 or repeats is RepeatedHeader.CONTINUE:
        return
    sections: dict[str, int] = {}
    for row in rows:
        if not row.account or (row.row_class in _OUTSIDE and row.rejected is None):
            continue
        if sections.setdefault(row.account, row.section) != row.section:
            raise DataRefused(
                "an account that was read above stands here a second time: two exports in one file would count "
                "positions twice",
                where=f"{where}, line {row.line}, column 1",
                hint="export the positions again, into a file of their own",
            )


def _by_account(
    rows: Sequence[ReadRow], layout: Layout, dialect: Dialect
) -> tuple[AccountPart, ...]:
    """The rows of each account. A row that names none, where others do, belongs to no account and is listed in all."""
    named: dict[str, list[ReadRow]] = {}
    homeless: list[ReadRow] = []
    ignored: list[ReadRow] = []
    for section in layout.sections:
        if Field.ACCOUNT not in section.header.columns:
            named.setdefault(_account_above(section), [])
    for row in rows:
        if row.row_class in _OUTSIDE and row.rejected is None:
            ignored += [row] if row.row_class is RowClass.IGNORE else []
            continue
        if row.account is None:
            homeless.append(row)
        else:
            named.setdefault(row.account, []).append(row)
    whole = _without_totals(named)
    if not named:
        named[""] = []
    if len(named) > 1 and "" in named and not named[""]:
        del named[""]
    if list(named) == [""] and homeless:
        named[""], homeless = sorted([*named[""], *homeless], key=lambda row: row.line), []
    of_none = [row for row in (*ignored, *homeless) if row.account not in named]
    parts = tuple(
        _part(
            account,
            own_rows,
            homeless,
            [*of_none, *whole, *(row for row in ignored if row.account == account)],
            layout,
            dialect,
        )
        for account, own_rows in named.items()
    )
    if not any(_against_total(row, rows, dialect)[0] is False for row in whole):
        return parts
    return tuple(structs.replace(part, total_agrees=False) for part in parts)


def _without_totals(named: dict[str, list[ReadRow]]) -> list[ReadRow]:
    """Takes out the total of the whole file, which a word in the column of the account seems to make an account of."""
    found = []
    for account, rows in list(named.items()):
        totals = all(row.row_class in _TOTALS for row in rows)
        if totals and len(named) > 1 and plain(account).rstrip(":") in _TOTAL_WORDS:
            found += named.pop(account)
    return found


def _part(
    account: str,
    rows: Sequence[ReadRow],
    homeless: Sequence[ReadRow],
    passed: Sequence[ReadRow],
    layout: Layout,
    dialect: Dialect,
) -> AccountPart:
    rejected = [row.rejected for row in rows if row.rejected is not None]
    for row in homeless:
        if row.rejected is not None or row.row_class in _POSITIONS:
            unattributed = RejectedLine(
                row.line, row.account_column, Rejection.UNREADABLE_ROW, _NO_ACCOUNT
            )
            rejected.append(row.rejected or unattributed)
    total = next((row for row in reversed(rows) if row.row_class is _TOTAL), None)
    agrees, not_compared = _against_total(total, rows, dialect)
    return AccountPart(
        account=account
        or layout.captured.get("account")
        or layout.captured.get("account_label", ""),
        label=next((row.label for row in rows if row.label), None)
        or layout.captured.get("account_label"),
        checked=tuple(row.position for row in rows if row.position is not None),
        rejected_lines=tuple(sorted(rejected, key=lambda line: line.line)),
        cash=_sum(row for row in rows if row.row_class in _IN_CASH),
        cash_unread=tuple(row.line for row in rows if row.value_unread),
        pending=_sum(row for row in rows if row.row_class is _PENDING),
        passed_over=Counter(
            row.row_class
            for row in (*rows, *passed)
            if row.position is None and row.rejected is None
        ),
        total=None if total is None else total.value,
        total_agrees=agrees,
        not_compared=not_compared,
        other_currency=any(
            row.currency not in {None, dialect.account.currency}
            for row in rows
            if row is total or row.row_class in _IN_CASH
        ),
    )


def _sum(rows: Iterable[ReadRow]) -> Decimal | None:
    """What the rows are worth together; None where there are none, or an amount among them is not known."""
    values: list[Decimal | None] = []
    for row in rows:
        if row.value_unread:
            return None
        values.append(row.value)
    return sum((value for value in values if value is not None), Decimal(0)) if values else None


def _against_total(
    total: ReadRow | None, rows: Sequence[ReadRow], dialect: Dialect
) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the rows add up to the total, and the currencies of the rows where that cannot be compared.

    A file may have a total for each currency. A single one over rows in several was converted at rates that are not in the rows.
    """
    check, own = dialect.check, dialect.account.currency
    if check.subtotals:
        return _subtotals_agree(rows, dialect), ()
    if total is None or total.value is None:
        return None, ()
    summed = _SUMMED if check.total_includes_cash else _POSITIONS
    counted = [row for row in rows if row.row_class in summed]
    stated = {row.currency: row.value for row in rows if row.row_class is _TOTAL and row.value}
    if None not in stated and len(stated) > 1:
        off = [
            _sum_off((row for row in counted if (row.currency or own) == currency), value)
            for currency, value in stated.items()
        ]
        return all(one <= check.total_tolerance for one in off), ()
    off_by = _sum_off(counted, total.value)
    found = {row.currency or own for row in counted if row.value}
    if found <= {total.currency or own}:
        return off_by <= check.total_tolerance, ()
    if off_by <= min(check.total_tolerance, _ROUNDING):
        # What a row calls its currency is the instrument's: the values are all in the total's.
        return True, ()
    return None, tuple(sorted(one for one in found if one is not None))


def _sum_off(rows: Iterable[ReadRow], total: Decimal) -> Decimal:
    return abs((_sum(rows) or Decimal(0)) - total)


def _subtotals_agree(rows: Sequence[ReadRow], dialect: Dialect) -> bool | None:
    """Whether each group of rows has the sum that a subtotal row states; None where no group has one.

    A group may have a second one, in another currency: one that agrees is enough.
    """
    stated = _subtotals(rows)
    own: dict[tuple[object, ...], Decimal] = {}
    for row in rows:
        if row.row_class in _SUMMED:
            own[row.group] = own.get(row.group, Decimal(0)) + (row.summed or 0)
    agree = [
        any(
            abs(own.get(group, Decimal(0)) - value) <= dialect.check.total_tolerance
            for value in values
        )
        for group, values in stated.items()
        if group in own or not dialect.check.subtotals_by
    ]
    return all(agree) if agree else None


def _subtotals(rows: Iterable[ReadRow]) -> dict[tuple[object, ...], list[Decimal]]:
    stated: dict[tuple[object, ...], list[Decimal]] = {}
    for row in rows:
        if row.row_class is RowClass.SUBTOTAL and row.summed is not None:
            stated.setdefault(row.group, []).append(row.summed)
    return stated


def _total_seen(rows: Sequence[ReadRow], dialect: Dialect) -> bool:
    """Whether the total that ends a complete file is there; with subtotals, that of every group."""
    if not dialect.check.subtotals:
        return any(row.row_class in {RowClass.TOTAL, RowClass.SUBTOTAL} for row in rows)
    if not dialect.check.subtotals_by:
        return False
    if any(row.row_class is RowClass.SUBTOTAL and row.summed is None for row in rows[:-1]):
        # A subtotal in a form of its own: of which group it is cannot be read. The last row may be cut off.
        return True
    return {row.group for row in rows if row.row_class in _POSITIONS} <= _subtotals(rows).keys()


def _implied_date(rows: Iterable[ReadRow], dialect: Dialect) -> date | None:
    """The day that most rows count their days to expiration from; None where few rows say, or they disagree."""
    read_number = number_reader(Field.DTE, dialect.cells)
    counted = Counter(
        (row.position.holding.expiration, row.days_left)
        for row in rows
        if row.days_left and row.position and row.position.holding
    )
    days: Counter[date] = Counter()
    for (expiration, written), count in counted.items():
        try:
            left = read_number(written, None)
        except CellFault:
            continue
        if expiration is None or left is None:
            continue
        if left == left.to_integral_value() and 0 <= left <= _MAX_DTE:
            days[expiration - timedelta(days=int(left))] += count
    if not days:
        return None
    day, count = days.most_common(1)[0]
    return day if count * 2 > days.total() else None


def file_flags(parsed: ParsedFile, part: AccountPart) -> tuple[Flag, ...]:
    """The cautions about a whole account's part of the file."""
    found = []
    with_cost = [one for one in part.checked if one.has_cost]
    unconfirmed = with_cost and all(one.check is CostCheck.IMPOSSIBLE for one in with_cost)
    if unconfirmed or parsed.dialect.detect.only_named:
        found.append(Caution.SIGN_UNCONFIRMED)
    if part.total_agrees is False:
        found.append(Caution.TOTAL_DISAGREES)
    if part.cash_unread:
        found.append(Caution.BALANCES_MISSING)
    if not parsed.complete:
        found.append(Caution.POSSIBLY_TRUNCATED)
    return tuple(Flag(caution=caution) for caution in found)
