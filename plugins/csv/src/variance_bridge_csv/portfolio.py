"""From a parsed file to the portfolios of its accounts, and to what the user should know of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from variance_bridge.formatting import plural
from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    Environment,
    ExchangeRate,
    Flag,
    Meta,
    PassedOver,
    Portfolio,
    Status,
)
from variance_bridge.money import difference, total
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.accounts import AccountPart, ParsedFile, file_flags
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, RowClass
from variance_bridge_csv.table_rows import RejectedLine

SOURCE = "csv"
_MAX_LISTED = 5


def portfolio(
    parsed: ParsedFile,
    part: AccountPart,
    *,
    fetched_at: datetime,
    time_caution: Caution | None,
) -> Portfolio:
    """What one account holds.

    Args:
        parsed: what the file says.
        part: the account's part of it.
        fetched_at: when it was true.
        time_caution: what a reader should know of that time.
    """
    dialect = parsed.dialect
    positions = part.positions
    flags = [*part.flags, *file_flags(parsed, part)]
    if time_caution is not None:
        flags.append(Flag(caution=time_caution))
    balances = _balances(part, dialect)
    if balances is None and _promises_balances(part, parsed) and not part.cash_unread:
        flags.append(Flag(caution=Caution.BALANCES_MISSING))
    counts = Counts(
        fetched=len(part.checked) + len(part.rejected_lines),
        normalized=len(positions),
        closed=part.closed,
        rejected=len(part.rejected_lines),
    )
    meta = Meta(
        source=SOURCE,
        environment=Environment.SIMULATOR if parsed.simulated else None,
        fetched_at=fetched_at,
        currency=dialect.account.currency,
        exchange_rates=_exchange_rates(part, dialect.account.currency, fetched_at),
        status=Status.PARTIAL if part.rejected_lines else Status.COMPLETE,
        counts=counts,
        passed_over=_passed_over(parsed, part),
        rejected=part.rejected,
        flags=tuple(flags),
    )
    return Portfolio(meta=meta, positions=positions, balances=balances)


_KINDS = {
    RowClass.CASH: "cash",
    RowClass.PENDING: "pending",
    RowClass.LOT: "lots",
    RowClass.SUBTOTAL: "totals",
    RowClass.TOTAL: "totals",
    RowClass.IGNORE: "ignored",
}


def _exchange_rates(
    part: AccountPart, currency: str | None, fetched_at: datetime
) -> tuple[ExchangeRate, ...]:
    stated = [
        (one.holding.currency, one.rate_to_base)
        for one in part.checked
        if one.holding and one.rate_to_base is not None
    ]
    if not stated:
        return ()
    # Few formats state rates: the others start without these modules.
    from variance_bridge.rows import exchange_rates
    from variance_bridge.trading_hours import exchange_date

    return exchange_rates(stated, currency, exchange_date(fetched_at))


def _passed_over(parsed: ParsedFile, part: AccountPart) -> PassedOver | None:
    """How many rows are not positions, by their kind. Titles and footers are not rows of the table."""
    counted: Counter[str] = Counter()
    for row_class, count in part.passed_over.items():
        if row_class in _KINDS:
            counted[_KINDS[row_class]] += count
    counted["other_tables"] += parsed.passed
    found = {name: count for name, count in counted.items() if count}
    return PassedOver(**found) if found else None


def _promises_balances(part: AccountPart, parsed: ParsedFile) -> bool:
    """Whether the account should have balances by its dialect.

    Some brokers write no line of cash where there is none; and one total of several accounts is nobody's worth.
    """
    rules, parts = parsed.dialect.account, parsed.accounts
    if rules.balances:
        return len(parts) == 1 or any(one.total is not None for one in parts)
    return rules.worth_is_sum and part.cash is not None


def _balances(part: AccountPart, dialect: Dialect) -> Balances | None:
    """Cash and worth of the account, where the dialect says that the total row or the sum of the rows is its worth."""
    rules = dialect.account
    if rules.currency is None or part.cash is None or part.cash_unread or part.other_currency:
        return None
    if rules.balances and part.total is not None and part.total_agrees is not False:
        includes_cash = dialect.check.total_includes_cash
        worth = part.total if includes_cash else total(part.total, part.cash)
        return Balances(currency=rules.currency, net_liquidating_value=worth, cash=part.cash)
    if rules.worth_is_sum and not part.rejected_lines:
        return _summed(part, rules.currency)
    return None


def _summed(part: AccountPart, currency: str) -> Balances | None:
    """The balances of an account whose rows are all that it is worth; None where a value or a currency is not known."""
    if any(position.type is InstrumentType.FUTURE for position in part.positions):
        # What a future is worth is settled in cash every day; its notional value is nobody's money.
        return None
    values = [position.market_value for position in part.positions]
    if any(position.currency is not None for position in part.positions):
        return None
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    cash, pending = part.cash or Decimal(0), part.pending
    return Balances(
        currency=currency,
        net_liquidating_value=total(cash, *known),
        cash=cash if pending is None else difference(cash, pending),
        pending_cash=pending,
    )


def notes(parsed: ParsedFile) -> Iterator[str]:
    """What the user should know of the file, without a value out of it."""
    dialect = parsed.dialect
    if dialect.account.leaves_out is not None:
        yield f"this is not the whole account: the file leaves out {dialect.account.leaves_out}"
    if dialect.detect.only_named:
        pairs = ", ".join(f'{field} from "{name}"' for field, name in parsed.understood.items())
        comma = " and with a decimal comma" if dialect.cells.decimal == "," else ""
        yield f"read by the names of its columns{comma}, unconfirmed: {pairs}"
    if parsed.unknown_columns:
        names = ", ".join(f'"{name}"' for name in parsed.unknown_columns[:_MAX_LISTED])
        more = len(parsed.unknown_columns) - _MAX_LISTED
        yield (
            f'columns that the dialect "{parsed.dialect.name}" does not know, not read: {names}'
            + (f" and {more} more" if more > 0 else "")
        )
    if parsed.titles:
        yield _on_titles(parsed.titles)
    if parsed.other_tables:
        yield _on_other_tables(parsed)
    yield from _on_rejected(parsed)
    for part in parsed.accounts:
        yield from _notes_on_rows(parsed, part)
    if not parsed.complete:
        yield "the end of a complete file is missing: it may be cut off; export it again"


def _on_titles(lines: Sequence[int]) -> str:
    listed = ", ".join(map(str, lines[:_MAX_LISTED]))
    more = f" and {len(lines) - _MAX_LISTED} more" if len(lines) > _MAX_LISTED else ""
    lines_above = "line" if len(lines) == 1 else "lines"
    return (
        f"{lines_above} {listed}{more} above the table: not read; in a dialect of your own, [[capture]] takes an account or a date "
        "from such a line, and detect.before_header knows the file by its title"
    )


def _on_other_tables(parsed: ParsedFile) -> str:
    first, *more = parsed.other_tables
    also = ""
    if more:
        listed = ", ".join(map(str, more[: _MAX_LISTED - 1]))
        also = f" (and at {listed}{' and more' if len(more) >= _MAX_LISTED else ''})"
    return f"line {first}: another table begins{also}, which is not in this format: {plural(parsed.unknown_lines, 'line')} not read"


def _on_rejected(parsed: ParsedFile) -> Iterator[str]:
    """Why rows were rejected. One that names no account is rejected in every document, and is one row all the same."""
    rejected = {one.line: one for part in parsed.accounts for one in part.rejected_lines}
    reasons: dict[str, list[RejectedLine]] = {}
    for line in sorted(rejected):
        reasons.setdefault(rejected[line].describe(), []).append(rejected[line])
    for reason, lines in list(reasons.items())[:_MAX_LISTED]:
        first, more = lines[0], len(lines) - 1
        same = f"; {plural(more, 'more row')} for the same reason" if more else ""
        yield f"line {first.line}: row rejected: {reason}{same}"
    others = sum(len(lines) for lines in list(reasons.values())[_MAX_LISTED:])
    if others:
        yield f"{plural(others, 'more row')} rejected: see meta.rejected"


def _notes_on_rows(parsed: ParsedFile, part: AccountPart) -> Iterator[str]:
    doubted = _rows_with(part, Caution.COST_CONTRADICTED)
    if doubted:
        yield (
            f"cost, profit and price contradict each other in {doubted} of {len(part.positions)} "
            "positions (flag cost_contradicted)"
        )
    unvalued = _rows_with(part, Caution.MULTIPLIER_UNKNOWN)
    if unvalued:
        yield (
            f"{_have(unvalued)} an unknown multiplier: totals are as the file states them, and nothing is computed from "
            f"a price{_missing_column(parsed)} (flag multiplier_unknown)"
        )
    unread = _rows_with(part, Caution.NUMBER_UNREADABLE)
    if unread:
        yield (
            f"{_have(unread)} a number that cannot be read and was left out; if the file was "
            "saved from a spreadsheet program, export it again (flag number_unreadable)"
        )
    if part.cash_unread:
        yield f"line {part.cash_unread[0]}: this amount of cash is missing, cannot be read or stands there twice, so the document has no balances"
    elif (
        parsed.dialect.account.balances
        and part.total_agrees is not False
        and _promises_balances(part, parsed)
        and _balances(part, parsed.dialect) is None
    ):
        lack = _what_they_lack(part, parsed.dialect)
        yield f"the document has no balances: {lack} (flag balances_missing)"
    if part.not_compared:
        yield f"the file's total is not compared: rows in {' and '.join(part.not_compared)}"
    if part.total_agrees is False:
        yield "the file's total is not the sum of its rows (flag total_disagrees)"


def _what_they_lack(part: AccountPart, dialect: Dialect) -> str:
    """Why an account has no balances although its dialect says that the file states them."""
    if dialect.account.currency is None:
        return "the dialect does not say in which currency they are (account.currency)"
    if part.cash is None:
        return "no row is cash"
    if part.total is None:
        return "no row is the total"
    return "the cash or the total is in a currency that is not the account's"


def _missing_column(parsed: ParsedFile) -> str:
    """What to add to the export, where the format has a column for the multiplier and this file does not."""
    names = parsed.dialect.columns.get(Field.MULTIPLIER, ())
    if not names or Field.MULTIPLIER in parsed.understood:
        return ""
    return f'; add the column "{names[0]}" to the export'


def _have(positions: int) -> str:
    return "1 position has" if positions == 1 else f"{positions} positions have"


def _rows_with(part: AccountPart, caution: Caution) -> int:
    return sum(1 for one in part.checked if caution in one.cautions)
