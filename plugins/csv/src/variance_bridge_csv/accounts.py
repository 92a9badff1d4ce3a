"""From the sections of a file to what each account holds, with an account of every row. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import attrs

from variance_bridge.errors import DataRefused
from variance_bridge.model import Caution, Flag, Holding, RejectedRow, Rejection
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect import dates
from variance_bridge_csv.dialect.model import (
    Completeness,
    Dialect,
    Field,
    RowClass,
    RowRule,
    TimeRules,
)
from variance_bridge_csv.file.layout import Layout, Section
from variance_bridge_csv.file.lines import Row
from variance_bridge_csv.row import cells
from variance_bridge_csv.row.columns import RowCells, RowRefused, has_right_width, rule_for
from variance_bridge_csv.row.instrument import kind_of
from variance_bridge_csv.row.money import CostCheck
from variance_bridge_csv.row.position import Position, position

_POSITIONS = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET})
_SUMMED = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET, RowClass.CASH, RowClass.PENDING})
_OUTSIDE = frozenset({RowClass.LABEL, RowClass.FOOTER, RowClass.IGNORE})
_IN_CASH = frozenset({RowClass.CASH, RowClass.PENDING})
_CASH = RowRule(is_=RowClass.CASH)
_LONGEST_DTE = 4_000
_YEARS_OF_EXPORTS = range(1970, 2200)
"""Beyond them a time is a mistake of the file, and at the calendar's ends it has no equal in another zone."""
_LONGEST_NAME = 100


@attrs.frozen
class Kept:
    """A row that is a position, and what became of it."""

    line: int
    position: Position


@attrs.frozen
class Refused:
    """A row that was kept out, the place in the file to look at, and what is wrong there in words without a value."""

    line: int
    column: int
    reason: Rejection
    detail: str = ""


@attrs.frozen
class Passed:
    """A row that is no position."""

    line: int
    row_class: RowClass


@attrs.frozen
class Holdings:
    """What one account holds.

    Attributes:
        account: the account's identifier as the file has it; "" when the file names none.
        label: the file's or the user's own word for the account.
        value: the sum of what the total row should be the sum of; None when a value is missing.
    """

    account: str = attrs.field(repr=False)
    label: str | None = attrs.field(repr=False)
    kept: tuple[Kept, ...]
    refused: tuple[Refused, ...]
    cash: Decimal | None
    total: Decimal | None
    total_agrees: bool | None

    @property
    def rejected(self) -> tuple[RejectedRow, ...]:
        """The rows that were kept out, as the document lists them."""
        return tuple(RejectedRow(row=one.line, reason=one.reason) for one in self.refused)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """The cautions about rows that were kept."""
        return tuple(
            Flag(caution=caution, row=one.line, symbol=one.position.holding.symbol)
            for one in self.kept
            if one.position.holding is not None
            for caution in one.position.cautions
        )

    @property
    def positions(self) -> tuple[Holding, ...]:
        """The open positions."""
        return tuple(one.position.holding for one in self.kept if one.position.holding is not None)

    @property
    def closed(self) -> int:
        """How many rows have the quantity 0."""
        return sum(1 for one in self.kept if one.position.holding is None)


@attrs.frozen
class Reading:
    """All that a file says.

    Attributes:
        accounts: in the order of the file; never empty.
        passed: the rows that are no positions, with what they are.
        complete: whether the end of a complete file was seen, where the dialect says that there must be one, and the
            file does not break off in a cell.
        unknown_columns: names that the dialect does not know.
        implied_date: the day from which the days to expiration count, where most rows agree on one.
    """

    accounts: tuple[Holdings, ...]
    passed: tuple[Passed, ...]
    complete: bool
    unknown_columns: tuple[str, ...]
    implied_date: date | None
    simulated: bool


def read(layout: Layout, dialect: Dialect, as_of: date, where: str) -> Reading:
    """What the file says.

    Args:
        layout: the sections of the file.
        dialect: how to read them.
        as_of: the day of the file.
        where: the file, for errors.

    Raises:
        DataRefused: the file is cut off in its last row, or none of its rows can be read.
    """
    outcomes = [
        _read_row(row, section, dialect, as_of, where)
        for section in layout.sections
        for row in section.rows
    ]
    _refuse_unreadable(outcomes, where)
    accounts = _by_account(outcomes, layout, dialect)
    total_seen = any(one.row_class in {RowClass.TOTAL, RowClass.SUBTOTAL} for one in outcomes)
    return Reading(
        accounts=accounts,
        passed=tuple(
            Passed(one.line, one.row_class)
            for one in outcomes
            if one.position is None and one.refused is None
        ),
        complete=not any(_ends_unread(one) for one in outcomes)
        and (layout.ended or total_seen or dialect.check.completeness is Completeness.NONE),
        unknown_columns=tuple(
            dict.fromkeys(name for section in layout.sections for name in section.header.unknown)
        ),
        implied_date=_implied_date(outcomes),
        simulated="simulated" in layout.captured,
    )


@attrs.frozen
class _Outcome:
    """A row, what it is, and what became of it."""

    cells: RowCells
    section: Section
    row_class: RowClass
    position: Position | None = None
    refused: Refused | None = None

    @property
    def line(self) -> int:
        return self.cells.row.line

    @property
    def account(self) -> str | None:
        """The account that the row names; None where it should and does not."""
        if Field.ACCOUNT in self.cells.header.columns:
            if self.refused is not None and self.refused.reason is Rejection.WRONG_CELL_COUNT:
                return None
            return _nameable(self.cells.text(Field.ACCOUNT))
        captured = self.section.captured
        return captured.get("account") or captured.get("account_label") or ""


def _nameable(text: str | None) -> str | None:
    """The text where it can be the name of an account: short, and without control characters."""
    return text if text and len(text) <= _LONGEST_NAME and text.isprintable() else None


def _read_row(row: Row, section: Section, dialect: Dialect, as_of: date, where: str) -> _Outcome:
    seen = RowCells(row, section.header, dialect)
    if row.fault:
        _refuse_cut_off(row, where)
        refused = Refused(row.line, row.fault_column, Rejection.UNREADABLE_ROW, row.fault)
        return _Outcome(seen, section, RowClass.POSITION, refused=refused)
    rule = _rule(seen)
    row_class = rule.is_
    if not has_right_width(seen, row_class):
        _refuse_cut_off(row, where)
        counts = f"{len(row.cells)} cells, and the header has {seen.header.width}"
        refused = Refused(row.line, len(row.text) + 1, Rejection.WRONG_CELL_COUNT, counts)
        return _Outcome(seen, section, row_class, refused=refused)
    if row_class not in _POSITIONS:
        return _Outcome(seen, section, row_class)
    try:
        return _Outcome(seen, section, row_class, position(seen, rule, as_of))
    except RowRefused as refusal:
        refused = Refused(
            row.line, seen.column(refusal.field), refusal.reason, seen.column_name(refusal.field)
        )
        return _Outcome(seen, section, row_class, refused=refused)


def _rule(row: RowCells) -> RowRule:
    """The rule for the row; a row whose type column says cash is cash."""
    found = rule_for(row)
    word = row.text(Field.TYPE)
    if found.is_ is not RowClass.POSITION or word is None:
        return found
    return _CASH if kind_of(word, row.dialect) is InstrumentType.CASH else found


def _refuse_cut_off(row: Row, where: str) -> None:
    if row.last:
        raise DataRefused(
            "the file ends in the middle of a row: it is cut off, and rows may be missing",
            where=f"{where}, line {row.line}, column {len(row.text) + 1}",
            hint="export the positions again",
        )


def _ends_unread(one: _Outcome) -> bool:
    """Whether the file's last cell cannot be read and no line end follows it: it may be cut off in that cell."""
    row = one.cells.row
    if not row.last:
        return False
    unread = {one.cells.column(field) for _caution, field in one.cells.cautions if field}
    if one.refused is not None:
        unread.add(one.refused.column)
    return row.columns[-1] in unread


def _refuse_unreadable(outcomes: Sequence[_Outcome], where: str) -> None:
    refused = [one.refused for one in outcomes if one.refused is not None]
    if refused and not any(one.position for one in outcomes):
        first = refused[0]
        raise DataRefused(
            f"no row can be read: {describe(first)}",
            where=f"{where}, line {first.line}, column {first.column}",
            hint="export the positions again; do not save them from a spreadsheet program",
        )


def describe(refused: Refused) -> str:
    """Why a row was kept out, in words without a value of the row."""
    words = refused.reason.value.replace("_", " ")
    return f"{words} ({refused.detail})" if refused.detail else words


def _by_account(
    outcomes: Sequence[_Outcome], layout: Layout, dialect: Dialect
) -> tuple[Holdings, ...]:
    """The rows of each account. A row that names none, where others do, is kept out of all of them, and told of in all."""
    named: dict[str, list[_Outcome]] = {}
    homeless: list[_Outcome] = []
    for section in layout.sections:
        if Field.ACCOUNT not in section.header.columns:
            captured = section.captured
            named.setdefault(captured.get("account") or captured.get("account_label") or "", [])
    for one in outcomes:
        if one.row_class in _OUTSIDE and one.refused is None:
            continue
        account = one.account
        if account is None:
            homeless.append(one)
        else:
            named.setdefault(account, []).append(one)
    if not named:
        named[""] = []
    if len(named) > 1 and "" in named and not named[""]:
        del named[""]
    if list(named) == [""] and homeless:
        named[""], homeless = sorted([*named[""], *homeless], key=lambda one: one.line), []
    return tuple(
        _holdings(account, rows, homeless, layout, dialect) for account, rows in named.items()
    )


def _holdings(
    account: str,
    outcomes: Sequence[_Outcome],
    homeless: Sequence[_Outcome],
    layout: Layout,
    dialect: Dialect,
) -> Holdings:
    refused = [one.refused for one in outcomes if one.refused is not None]
    for one in homeless:
        if one.refused is not None or one.row_class in _POSITIONS:
            place = one.cells.column(Field.ACCOUNT)
            unattributed = Refused(one.line, place, Rejection.UNREADABLE_ROW, "no account")
            refused.append(one.refused or unattributed)
    total = _total(outcomes)
    return Holdings(
        account=account
        or layout.captured.get("account")
        or layout.captured.get("account_label", ""),
        label=_label(outcomes, layout),
        kept=tuple(Kept(one.line, one.position) for one in outcomes if one.position is not None),
        refused=tuple(sorted(refused, key=lambda one: one.line)),
        cash=_sum(one for one in outcomes if one.row_class in _IN_CASH),
        total=total,
        total_agrees=_total_agrees(total, outcomes, dialect),
    )


def _label(outcomes: Sequence[_Outcome], layout: Layout) -> str | None:
    for one in outcomes:
        label = _nameable(one.cells.text(Field.ACCOUNT_LABEL))
        label = label or one.section.captured.get("account_label")
        if label:
            return label
    return layout.captured.get("account_label")


def _value(one: _Outcome) -> Decimal | None:
    try:
        return one.cells.number(Field.VALUE)
    except cells.CellFault:
        return None


def _sum(outcomes: Iterable[_Outcome]) -> Decimal | None:
    values = [_value(one) for one in outcomes]
    return sum((value for value in values if value is not None), Decimal(0)) if values else None


def _total(outcomes: Sequence[_Outcome]) -> Decimal | None:
    return next(
        (_value(one) for one in reversed(outcomes) if one.row_class is RowClass.TOTAL), None
    )


def _total_agrees(
    total: Decimal | None, outcomes: Sequence[_Outcome], dialect: Dialect
) -> bool | None:
    if total is None:
        return None
    summed = _SUMMED if dialect.check.total_includes_cash else _POSITIONS
    found = _sum(one for one in outcomes if one.row_class in summed) or Decimal(0)
    return abs(found - total) <= dialect.check.total_tolerance


def _implied_date(outcomes: Iterable[_Outcome]) -> date | None:
    """The day that most rows count their days to expiration from; None where few rows tell, or they disagree."""
    days: Counter[date] = Counter()
    for one in outcomes:
        holding = one.position.holding if one.position else None
        if holding is None or holding.expiration is None:
            continue
        try:
            left = one.cells.number(Field.DTE)
        except cells.CellFault:
            continue
        if left is not None and left == left.to_integral_value() and 0 <= left <= _LONGEST_DTE:
            days[holding.expiration - timedelta(days=int(left))] += 1
    if not days:
        return None
    day, count = days.most_common(1)[0]
    return day if count * 2 > days.total() else None


def stated_time(layout: Layout, dialect: Dialect) -> tuple[datetime | None, date | None]:
    """When the file says that it was true: an instant, or a day alone; neither when it says nothing that can be read.

    A day alone comes with the instant at which the market closed on it.
    """
    rules = dialect.time
    captured: Mapping[str, str] = layout.captured
    day = dates.parse_day(captured["date"], rules.dates) if "date" in captured else None
    if day is None:
        day = min(_row_days(layout, dialect), default=None)
        return (
            None if day is None else _instant(day, rules.day_ends, ("%H:%M",), rules, None)
        ), day
    stated = _instant(
        day, captured.get("time", rules.day_ends), rules.times, rules, captured.get("zone")
    )
    if "time" in captured and stated is not None:
        return stated, None
    return _instant(day, rules.day_ends, ("%H:%M",), rules, captured.get("zone")), day


def _row_days(layout: Layout, dialect: Dialect) -> Iterable[date]:
    for section in layout.sections:
        if Field.AS_OF_DATE not in section.header.columns:
            continue
        for row in section.rows:
            try:
                day = RowCells(row, section.header, dialect).day(Field.AS_OF_DATE)
            except cells.CellFault:
                continue
            if day is not None:
                yield day


def _instant(
    day: date, time_text: str, formats: tuple[str, ...], rules: TimeRules, zone: str | None
) -> datetime | None:
    time = dates.parse_time(time_text, formats)
    if time is None or day.year not in _YEARS_OF_EXPORTS:
        return None
    found = (dates.zone(zone) if zone else None) or dates.zone(rules.zone)
    return datetime.combine(day, time, tzinfo=found)


def file_flags(reading: Reading, holdings: Holdings) -> tuple[Flag, ...]:
    """The cautions about a whole account's part of the file."""
    found = []
    with_cost = [one.position for one in holdings.kept if one.position.has_cost]
    if with_cost and all(one.check is CostCheck.IMPOSSIBLE for one in with_cost):
        found.append(Caution.SIGN_UNCONFIRMED)
    if holdings.total_agrees is False:
        found.append(Caution.TOTAL_DISAGREES)
    if not reading.complete:
        found.append(Caution.POSSIBLY_TRUNCATED)
    return tuple(Flag(caution=caution) for caution in found)
