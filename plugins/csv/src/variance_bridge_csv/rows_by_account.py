"""From the sections of a file to what each account holds, with an account of every row. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from datetime import date, timedelta
from decimal import Decimal

from msgspec import Struct, structs

from variance_bridge.formatting import repr_without
from variance_bridge.model import Caution, Flag, Holding, RejectedRow, Rejection
from variance_bridge_csv.dialect_format import date_formats
from variance_bridge_csv.dialect_format.dialect_options import (
    Completeness,
    Dialect,
    Field,
    RowClass,
)
from variance_bridge_csv.file.layout import Layout
from variance_bridge_csv.file.lines_and_cells import Line
from variance_bridge_csv.file_refusals import (
    refuse_lots,
    refuse_other_mark,
    refuse_repeated,
    refuse_unreadable,
)
from variance_bridge_csv.name_matching import plain, shown
from variance_bridge_csv.row.cell_values import CellFault, number_reader
from variance_bridge_csv.row.money import CostCheck
from variance_bridge_csv.row.position import CheckedHolding
from variance_bridge_csv.row_kinds import TYPED_TOTALS
from variance_bridge_csv.stated_totals import compared_with_total, sum_of_values, total_seen
from variance_bridge_csv.table_rows import (
    IN_CASH,
    OUTSIDE,
    POSITIONS,
    ReadRow,
    RejectedLine,
    account_above,
    read_rows,
)

_TOTALS = frozenset({RowClass.TOTAL, RowClass.SUBTOTAL})
_PENDING = RowClass.PENDING
_TOTAL = RowClass.TOTAL
_TOTAL_WORDS = TYPED_TOTALS | {"positions total"}
_MAX_DTE = 4_000
_NO_ACCOUNT = "it names no account, so it is in no document"


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
        """The rows that could not be read, as the document lists them.

        A symbol is named where positions of its root are in the document: in a broken row anything may stand in its place.
        """
        roots = {position.root for position in self.positions} if self.rejected_lines else set()
        return tuple(
            RejectedRow(
                row=one.line,
                reason=one.reason,
                symbol=one.instrument.symbol
                if one.instrument is not None and one.instrument.root in roots
                else None,
            )
            for one in self.rejected_lines
        )

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
    lines: Iterable[Line],
    layout: Layout,
    dialect: Dialect,
    as_of: date,
    where: str,
    watch: Callable[[Sized], None] = lambda _found: None,
) -> ParsedFile:
    """What the file says.

    Args:
        lines: the lines of the file.
        layout: which of them are rows of a table.
        dialect: how to read them.
        as_of: the day of the file.
        where: the file, for errors.
        watch: is given the rows that are read, while they are read.

    Raises:
        DataRefused: the file is cut off in its last row, or none of its rows can be read.
    """
    counted_from = _counted_from(layout, dialect)
    found = read_rows(layout.table_rows(lines), dialect, as_of, where, watch, counted_from)
    if dialect.lots.sum:
        found = _with_sums(found)
    refuse_other_mark(found, dialect, where)
    refuse_unreadable(found, where)
    refuse_lots(found, where)
    refuse_repeated(found, layout, dialect.header.repeats, where)
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
    # Few formats state lots alone: the others start without this module.
    from variance_bridge_csv.row.lots import contract_of, sum_of

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
    if layout.begun and not layout.ended:
        return False
    completeness = dialect.check.completeness
    if completeness is Completeness.TOTAL:
        totals = {row.section for row in rows if _is_total(row, layout)}
        return totals >= {section.header.row.line for section in layout.sections}
    return completeness is Completeness.NONE or layout.ended or total_seen(rows, dialect)


def _is_total(row: ReadRow, layout: Layout) -> bool:
    """Whether the row is a total, and a whole one: one that lacks its value may be the place where the file was cut."""
    if row.row_class not in _TOTALS:
        return False
    valued = any(Field.VALUE in section.header.columns for section in layout.sections)
    return not valued or row.value is not None


def _by_account(
    rows: Sequence[ReadRow], layout: Layout, dialect: Dialect
) -> tuple[AccountPart, ...]:
    """The rows of each account. A row that names none, where others do, belongs to no account and is listed in all."""
    named: dict[str, list[ReadRow]] = {}
    homeless: list[ReadRow] = []
    ignored: list[ReadRow] = []
    for section in layout.sections:
        if Field.ACCOUNT not in section.header.columns:
            named.setdefault(account_above(section), [])
    for row in rows:
        if row.row_class in OUTSIDE and row.rejected is None:
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
    if not any(compared_with_total(row, rows, dialect)[0] is False for row in whole):
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
        if row.rejected is not None or row.row_class in POSITIONS:
            unattributed = RejectedLine(
                row.line, row.account_column, Rejection.UNREADABLE_ROW, _NO_ACCOUNT
            )
            rejected.append(row.rejected or unattributed)
    total = next((row for row in reversed(rows) if row.row_class is _TOTAL), None)
    agrees, not_compared = compared_with_total(total, rows, dialect)
    return AccountPart(
        account=account
        or layout.captured.get("account")
        or layout.captured.get("account_label", ""),
        label=next((row.label for row in rows if row.label), None)
        or layout.captured.get("account_label"),
        checked=tuple(row.position for row in rows if row.position is not None),
        rejected_lines=tuple(sorted(rejected, key=lambda line: line.line)),
        cash=sum_of_values(row for row in rows if row.row_class in IN_CASH),
        cash_unread=tuple(row.line for row in rows if row.value_unread),
        pending=sum_of_values(row for row in rows if row.row_class is _PENDING),
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
            if row is total or row.row_class in IN_CASH
        ),
    )


def _counted_from(layout: Layout, dialect: Dialect) -> date | None:
    """The day that the file states, as it is written, where days of expiration are counted from it."""
    if not dialect.time.expiration_by_dte:
        return None
    rules = dialect.time
    return date_formats.parse_day(layout.captured.get("date", ""), rules.dates, rules.months)


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
