"""From a parsed file to the portfolios of its accounts. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from decimal import Decimal

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
from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import RowClass
from variance_bridge_csv.rows_by_account import AccountPart, ParsedFile, file_flags

SOURCE = "csv"


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
    balances = balances_of(part, parsed)
    if balances is None and promises_balances(part, parsed) and not part.cash_unread:
        flags.append(Flag(caution=Caution.BALANCES_MISSING))
    counts = Counts(
        fetched=len(part.checked) + len(part.rejected_lines),
        normalized=len(positions),
        closed=part.closed,
        rejected=len(part.rejected_lines),
    )
    meta = Meta(
        source=SOURCE,
        environment=Environment.SIMULATOR if _is_simulated(parsed, part) else None,
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


def _is_simulated(parsed: ParsedFile, part: AccountPart) -> bool:
    pattern = parsed.dialect.account.simulated
    return parsed.simulated or (
        pattern is not None and regular_expressions.match(pattern, part.account) is not None
    )


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


def promises_balances(part: AccountPart, parsed: ParsedFile) -> bool:
    """Whether the account should have balances by its dialect.

    Some brokers write no line of cash where there is none; and one total of several accounts is nobody's worth.
    """
    rules, parts = parsed.dialect.account, parsed.accounts
    if rules.balances:
        return len(parts) == 1 or any(one.total is not None for one in parts)
    return rules.worth_is_sum and part.cash is not None


def balances_of(part: AccountPart, parsed: ParsedFile) -> Balances | None:
    """Cash and worth of the account, where the dialect says that the total row or the sum of the rows is its worth.

    Rows of a file whose end is missing have no sum that is anyone's worth.
    """
    dialect, rules = parsed.dialect, parsed.dialect.account
    if rules.currency is None or part.cash is None or part.cash_unread or part.other_currency:
        return None
    if rules.balances and part.total is not None and part.total_agrees is not False:
        includes_cash = dialect.check.total_includes_cash
        worth = part.total if includes_cash else total(part.total, part.cash)
        return Balances(currency=rules.currency, net_liquidating_value=worth, cash=part.cash)
    if rules.worth_is_sum and parsed.complete and not part.rejected_lines:
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
