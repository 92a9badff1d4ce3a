"""Balances from the total in `/accounts` and the cash by currency in `/accounts/{id}/balances`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from variance_bridge import Caution, Holding
from variance_bridge.model import Balances
from variance_bridge.money import difference
from variance_bridge.rows import Members
from variance_bridge_snaptrade.accounts import last_sync


def account_currency(entry: Members, sheets: Sequence[Any]) -> str | None:
    """The account's currency: that of its total, else the only one in which it has cash, else unknown."""
    stated = entry.nested("balance").nested("total").currency("currency")
    found = {_currency(Members(sheet)) for sheet in sheets}
    return stated or (found.pop() if len(found) == 1 else None)


def read_balances(
    entry: Members,
    sheets: Sequence[Any],
    currency: str | None,
    in_cash: Iterable[Holding | None],
    fetched_at: datetime,
) -> Balances | None:
    """Total and cash in the account's currency; None, with a caution of the entry, where one of them is unknown.

    The total comes from SnapTrade's daily round, which is the time of the balances unless the positions are older.

    Args:
        entry: of the account.
        sheets: one for each currency.
        currency: the account's.
        in_cash: the positions that the cash counts too; they are taken out of it. None for one that could not be read.
        fetched_at: the time of the positions.
    """
    total = entry.nested("balance").nested("total")
    of_currency = [one for one in map(Members, sheets) if currency and _currency(one) == currency]
    worth = total.number("amount") if total.currency("currency") == currency else None
    cash = of_currency[0].number("cash") if len(of_currency) == 1 else None
    for held in in_cash:
        cash = _without(cash, held, currency)
    daily = last_sync(entry)
    if currency is None or worth is None or cash is None:
        entry.caution(Caution.BALANCES_MISSING)
        return None
    return Balances(
        currency=currency,
        net_liquidating_value=worth,
        cash=cash,
        buying_power=of_currency[0].number("buying_power"),
        as_of=None if daily is None else min(daily, fetched_at),
    )


def other_currencies(sheets: Iterable[Any], currency: str | None) -> list[str]:
    """What the user reads about cash in other currencies, which the document has no place for."""
    found = [
        code
        for sheet in map(Members, sheets)
        if (code := _currency(sheet)) not in (None, currency) and sheet.number("cash") != 0
    ]
    codes = sorted({code for code in found if code})
    if currency is None or not codes:
        return []
    return [
        f"cash in {', '.join(codes)} is not in the document: its balances are those in {currency}"
    ]


def _without(cash: Decimal | None, held: Holding | None, currency: str | None) -> Decimal | None:
    if held is not None and held.currency not in (None, currency):
        return cash
    if cash is None or held is None or held.market_value is None:
        return None
    return difference(cash, held.market_value)


def _currency(sheet: Members) -> str | None:
    return sheet.nested("currency").currency("code")
