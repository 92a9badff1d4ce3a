"""What the positions of one account, or of several, come to in each currency. Currencies are never added to each other. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

import attrs

from variance_bridge.model import Balances, Holding, Portfolio
from variance_bridge.money import NO_ACCOUNT, Sum, add_up, together
from variance_bridge.symbology import InstrumentType


@attrs.frozen(kw_only=True)
class Totals:
    """What several accounts come to in one currency. A sum says how many of its numbers are known.

    Attributes:
        market_value: of all positions; of futures, whose value nobody owns, nothing.
        unrealized_pl: of all positions.
        day_pl: of all positions.
        net_liquidating_value: of the accounts in this currency, as is `cash`.
        positions: how many there are.
    """

    market_value: Sum
    unrealized_pl: Sum
    day_pl: Sum
    net_liquidating_value: Sum
    cash: Sum
    positions: int

    @property
    def sums(self) -> dict[str, Sum]:
        """The sums by their names."""
        listed = ((field.name, getattr(self, field.name)) for field in attrs.fields(Totals))
        return {name: value for name, value in listed if isinstance(value, Sum)}


def totals_of(portfolio: Portfolio) -> dict[str | None, Totals]:
    """The sums of one account by currency: the account's own first, then others in the order of their names."""
    own = portfolio.currency
    found: dict[str | None, list[Holding]] = {own: []}
    for holding in portfolio.positions:
        found.setdefault(holding.currency or own, []).append(holding)
    order = sorted(found, key=lambda each: (each != own, each or ""))
    return {currency: _totals(found[currency], portfolio, currency) for currency in order}


def _totals(holdings: Sequence[Holding], portfolio: Portfolio, currency: str | None) -> Totals:
    own = currency == portfolio.currency
    balances = portfolio.balances
    fitting = balances if balances and balances.currency == currency else None

    def of_balances(read: Callable[[Balances], Decimal]) -> Sum:
        return add_up([read(fitting) if fitting else None]) if own else NO_ACCOUNT

    return Totals(
        market_value=add_up(map(_worth, holdings)),
        unrealized_pl=add_up(holding.profit for holding in holdings),
        day_pl=add_up(holding.day_pl for holding in holdings),
        net_liquidating_value=of_balances(lambda each: each.net_liquidating_value),
        cash=of_balances(lambda each: each.cash),
        positions=len(holdings),
    )


def add_totals(several: Iterable[Totals]) -> Totals:
    """The totals of several accounts in one currency."""
    listed = list(several)
    sums: Mapping[str, Sum] = {
        field.name: together(getattr(each, field.name) for each in listed)
        for field in attrs.fields(Totals)
        if field.name != "positions"
    }
    return Totals(**sums, positions=sum(each.positions for each in listed))


def _worth(holding: Holding) -> Decimal | None:
    """What a holding adds to the account's worth. A future's value is its notional, which nobody owns: zero."""
    return Decimal(0) if holding.type is InstrumentType.FUTURE else holding.market_value
