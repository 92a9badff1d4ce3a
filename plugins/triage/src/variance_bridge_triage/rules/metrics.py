"""The numbers of a cluster and of the whole account. An unknown number never counts as zero: a sum says how much of it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

import attrs
from msgspec import Struct, structs

from variance_bridge.model import Balances, Greeks, Holding, Portfolio
from variance_bridge.money import NO_ACCOUNT, Sum, add_up, together
from variance_bridge.prices import Prices, price_for
from variance_bridge.symbology import OptionType
from variance_bridge_triage.strategies.clusters import Cluster
from variance_bridge_triage.strategies.lots import OPTIONS


def greek(name: str) -> Callable[[Holding], Decimal | None]:
    """A reader of one of the greeks of a whole position."""

    def read(holding: Holding) -> Decimal | None:
        value: Decimal | None = getattr(holding.greeks or _NO_GREEKS, name)
        if value is not None:
            return value
        return Decimal(0) if name in holding.zero_by_nature else None

    return read


_NO_GREEKS = Greeks()

_delta, _gamma, _theta = greek("delta"), greek("gamma"), greek("theta")
_beta_delta, _beta_gamma = greek("beta_delta"), greek("beta_gamma")


def beta_gamma(holding: Holding) -> Decimal | None:
    """Beta-weighted gamma: as given, else gamma scaled by the square of what beta-weighting did to delta."""
    given = _beta_gamma(holding)
    if given is not None:
        return given
    gamma, delta, beta_delta = _gamma(holding), _delta(holding), _beta_delta(holding)
    if gamma is None or not delta or beta_delta is None:
        return None
    return gamma * (beta_delta / delta) ** 2


NO_PRICES: Prices = {}


class Facts(Struct, frozen=True, kw_only=True):
    """The numbers of a cluster that the rules and the screen use.

    Attributes:
        cluster: the legs.
        dte: calendar days in New York to the first expiration of a leg; below zero when it has passed; None without one.
        expiration: that first expiration.
        net_pl: unrealized profit.
        net_cost: what opening it cost; negative for a credit.
        delta: in units of the underlying.
        beta_delta: in shares of the benchmark.
        beta_gamma: change of `beta_delta` per 1.00 of the benchmark.
        theta: money per day.
        price: of the underlying, where a position has it.
        lent_price: of the underlying, where only another account of the same day has it: to be shown, never to judge by.
        currency: of its amounts when it is not the account's. Legs of two currencies are never one cluster.
    """

    cluster: Cluster
    dte: int | None
    expiration: date | None
    net_pl: Sum
    net_cost: Sum
    delta: Sum
    beta_delta: Sum
    beta_gamma: Sum
    theta: Sum
    price: Decimal | None
    currency: str | None
    lent_price: Decimal | None = None

    @property
    def shown_price(self) -> Decimal | None:
        """The price of the underlying for people: the account's own, else that of another account."""
        return self.lent_price if self.price is None else self.price

    @property
    def expired(self) -> bool:
        """Whether a leg's expiration has passed."""
        return self.dte is not None and self.dte < 0

    @property
    def options(self) -> tuple[Holding, ...]:
        """The option legs."""
        return tuple(leg for leg in self.cluster.legs if leg.type in OPTIONS)

    @property
    def pl_fraction(self) -> Decimal | None:
        """Profit as a fraction of what was paid or received to open."""
        profit_, cost = self.net_pl.complete, self.net_cost.complete
        return profit_ / abs(cost) if profit_ is not None and cost else None


def facts(cluster: Cluster, today: date, prices: Prices, lent: Prices = NO_PRICES) -> Facts:
    """The numbers of one cluster; `lent` are prices of other accounts."""
    legs = cluster.legs
    expiration = min((leg.expiration for leg in legs if leg.expiration), default=None)
    price = next(_known(price_for(leg, prices) for leg in legs), None)
    other = None if price is not None else next(_known(price_for(leg, lent) for leg in legs), None)
    return Facts(
        cluster=cluster,
        dte=(expiration - today).days if expiration else None,
        expiration=expiration,
        net_pl=add_up(leg.profit for leg in legs),
        net_cost=add_up(leg.paid_to_open for leg in legs),
        delta=add_up(map(_delta, legs)),
        beta_delta=add_up(map(_beta_delta, legs)),
        beta_gamma=add_up(map(beta_gamma, legs)),
        theta=add_up(map(_theta, legs)),
        price=price,
        currency=legs[0].currency,
        lent_price=other,
    )


def _known(prices: Iterable[Decimal | None]) -> Iterator[Decimal]:
    return (price for price in prices if price is not None)


def in_the_money(holding: Holding, price: Decimal) -> Decimal | None:
    """How far an option is in the money, in price units; negative out of it."""
    if holding.strike is None or holding.option_type is None:
        return None
    distance = price - holding.strike
    return distance if holding.option_type is OptionType.CALL else -distance


class Amounts(Struct, frozen=True, kw_only=True):
    """Sums of what is in one currency.

    Attributes:
        net_pl: unrealized profit of the positions.
        theta: money per day.
        beta_delta: of the positions, in shares of the benchmark.
        net_liquidity: of the accounts in this currency, as is `buying_power`.
    """

    net_pl: Sum
    theta: Sum
    beta_delta: Sum
    net_liquidity: Sum
    buying_power: Sum


def amounts(
    holdings: Sequence[Holding],
    *,
    net_liquidity: Sum = NO_ACCOUNT,
    buying_power: Sum = NO_ACCOUNT,
) -> Amounts:
    """The sums of positions in one currency, and of the balances of accounts in it."""
    return Amounts(
        net_pl=add_up(each.profit for each in holdings),
        theta=add_up(map(_theta, holdings)),
        beta_delta=add_up(map(_beta_delta, holdings)),
        net_liquidity=net_liquidity,
        buying_power=buying_power,
    )


NOTHING = amounts(())
"""The amounts of no positions."""


class Totals(Struct, frozen=True, kw_only=True):
    """Of the whole account. In `net_pl` and `theta` positions in another currency than the account's count as unknown.

    Attributes:
        by_currency: the account's currency first (None where it is unknown), then others in the order of their names.
        net_liquidity: the broker's, as `buying_power` and `requirement` (for maintenance); None where it states none.
    """

    net_pl: Sum
    beta_delta: Sum
    theta: Sum
    by_currency: Mapping[str | None, Amounts]
    net_liquidity: Decimal | None
    buying_power: Decimal | None
    requirement: Decimal | None


def in_own_terms(portfolio: Portfolio) -> Portfolio:
    """The portfolio with a currency stated only where it is not the account's: both ways of writing it are one."""
    own = portfolio.currency
    return attrs.evolve(
        portfolio,
        positions=tuple(
            structs.replace(holding, currency=None) if own and holding.currency == own else holding
            for holding in portfolio.positions
        ),
    )


def totals(portfolio: Portfolio) -> Totals:
    """The totals of the rows, before any clustering; of a portfolio `in_own_terms`."""
    balances, currency = portfolio.balances, portfolio.meta.currency
    ours = balances if balances and currency in (None, balances.currency) else None
    by_currency = _by_currency(portfolio, ours)
    own = by_currency.get(portfolio.currency, NOTHING)
    others = Sum(None, 0, sum(each.currency is not None for each in portfolio.positions))
    return Totals(
        net_pl=together([own.net_pl, others]),
        beta_delta=together(each.beta_delta for each in by_currency.values()),
        theta=together([own.theta, others]),
        by_currency=by_currency,
        net_liquidity=ours.net_liquidating_value if ours else None,
        buying_power=ours.buying_power if ours else None,
        requirement=ours.maintenance_requirement if ours else None,
    )


def _by_currency(portfolio: Portfolio, balances: Balances | None) -> dict[str | None, Amounts]:
    own = portfolio.currency
    found: dict[str | None, list[Holding]] = {} if balances is None else {own: []}
    for holding in portfolio.positions:
        found.setdefault(holding.currency or own, []).append(holding)
    others = {
        currency: amounts(found[currency])
        for currency in sorted(found, key=lambda each: (each != own, each or ""))
    }
    if own not in others:
        return others
    of_account = amounts(
        found[own],
        net_liquidity=add_up([balances.net_liquidating_value if balances else None]),
        buying_power=add_up([balances.buying_power if balances else None]),
    )
    return {**others, own: of_account}
