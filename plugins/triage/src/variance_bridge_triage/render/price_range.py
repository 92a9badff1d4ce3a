"""Where the underlying's price stands among the strikes of a strategy, for the strike line and the page's picture.

All are drawn on one scale with the price in the middle, so that what is near looks near.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from variance_bridge.model import Holding, Side
from variance_bridge.symbology import Deliverable, OptionType
from variance_bridge_triage.rules.expected_move import expected_move
from variance_bridge_triage.rules.metrics import Facts, in_the_money

_REACHES = tuple(map(Decimal, ("0.02", "0.05", "0.1", "0.15", "0.2", "0.3")))
"""How far from the price a scale can go to each side."""


class Strike(NamedTuple):
    """One strike; `short` if an option is short there. Its right is that option's."""

    strike: Decimal
    short: bool
    right: OptionType | None


class PriceRange(NamedTuple):
    """The strikes of a strategy, and the price among them.

    Attributes:
        strikes: in their order, each once for puts and once for calls.
        price: of the underlying.
        tested: a short option is in the money.
        expected: price less and plus one standard deviation to the first expiration; None where no volatility is known.
    """

    strikes: tuple[Strike, ...]
    price: Decimal
    tested: bool
    expected: tuple[Decimal, Decimal] | None

    def distance(self, amount: Decimal) -> Decimal:
        """How far an amount is from the price, as a fraction of it; negative below it."""
        return (amount - self.price) / self.price


class Reach(NamedTuple):
    """How far from the price a scale goes.

    Attributes:
        fraction: of the price, to each side.
        exceeded: whether some strike is beyond it.
    """

    fraction: Decimal
    exceeded: bool


def reach_of(drawn: Sequence[PriceRange]) -> Reach:
    """The smallest reach within which all strikes are, else the largest."""
    farthest = max(
        (abs(each.distance(mark.strike)) for each in drawn for mark in each.strikes),
        default=Decimal(0),
    )
    fraction = next((each for each in _REACHES if farthest <= each), _REACHES[-1])
    return Reach(fraction, farthest > fraction)


def price_range(facts: Facts) -> PriceRange | None:
    """The picture of a strategy with options; None where the price or a strike is unknown.

    None for adjusted options too: their strikes are not prices of one share of what is quoted.
    """
    options, price = facts.options, facts.shown_price
    if not options or price is None or price <= 0:
        return None
    if any(leg.strike is None or leg.deliverable is Deliverable.ADJUSTED for leg in options):
        return None
    return PriceRange(
        strikes=_strikes(options),
        price=price,
        tested=any(_is_tested(leg, price) for leg in options),
        expected=_expected(facts, price),
    )


def _strikes(options: tuple[Holding, ...]) -> tuple[Strike, ...]:
    """Where a strike is both long and short, as in a calendar, the short option is the one that matters."""
    found: dict[tuple[Decimal, str], Strike] = {}
    for leg in sorted(options, key=lambda each: each.side is Side.SHORT):
        if leg.strike is not None:
            mark = Strike(leg.strike, leg.side is Side.SHORT, leg.option_type)
            found[leg.strike, leg.option_type or ""] = mark
    return tuple(found[each] for each in sorted(found))


def _is_tested(leg: Holding, price: Decimal) -> bool:
    return leg.side is Side.SHORT and (in_the_money(leg, price) or 0) > 0


def _expected(facts: Facts, price: Decimal) -> tuple[Decimal, Decimal] | None:
    move = expected_move(facts)
    return None if move is None else (max(price - move, Decimal(0)), price + move)
