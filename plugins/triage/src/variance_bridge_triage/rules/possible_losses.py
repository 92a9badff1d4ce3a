"""What a strategy can lose from today's value: at a price in a range, and at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from variance_bridge.model import Holding, Side
from variance_bridge.money import total
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.strategies.lots import OPTIONS

_OUTRIGHT = {InstrumentType.STOCK, InstrumentType.FUTURE}
_CAN_ONLY_GO_TO_ZERO = {
    InstrumentType.STOCK,
    InstrumentType.CRYPTO,
    InstrumentType.BOND,
    InstrumentType.FUND,
}


def stress_loss(facts: Facts, low: Decimal, high: Decimal) -> Decimal | None:
    """The largest loss from today's value, in money, for a price of the underlying from `low` to `high`; 0 without a loss.

    Options count at what exercise would bring, also those that expire later: a long option is worth at least that much. None
    where a value, a multiplier or the price is unknown, and for adjusted options, whose deliverable is not the strike's.
    """
    # A payoff is made of straight lines: its lowest point is at an end or at a strike.
    return _largest_loss(facts, [low, high, *_strikes(facts, low, high)])


def max_loss(facts: Facts) -> Decimal | None:
    """The most that a strategy can still lose from today's value, in money, whatever the price does.

    None where it is unlimited or a number is unknown, and for options of several expirations or of several underlyings: there
    the payoff of one day does not bound the loss (a European put can be worth less than exercise would bring).
    """
    legs = facts.cluster.legs
    if all(leg.side is Side.LONG and leg.type in _CAN_ONLY_GO_TO_ZERO for leg in legs):
        values = [leg.market_value for leg in legs]
        known = [value for value in values if value is not None]
        return total(*known) if len(known) == len(values) else None
    if not _have_one_payoff(legs):
        return None
    highest = max((leg.strike for leg in facts.options if leg.strike is not None), default=None)
    # Above the highest strike and, for what has no floor at zero, below the lowest the payoff is one straight line.
    beyond = 2 * max(highest or Decimal(0), facts.price or Decimal(0)) + 1
    rises = _change_between(facts, beyond, beyond + 1)
    falls = _change_between(facts, -beyond, -beyond - 1) if _without_floor(legs) else Decimal(0)
    if rises is None or falls is None or rises < 0 or falls < 0:
        return None
    lowest = -beyond if _without_floor(legs) else Decimal(0)
    return stress_loss(facts, lowest, beyond)


def _have_one_payoff(legs: Iterable[Holding]) -> bool:
    """Whether all depends on one price at one moment."""
    listed = list(legs)
    expirations = {leg.expiration for leg in listed if leg.type in OPTIONS}
    delivered = {
        leg.symbol if leg.type is InstrumentType.FUTURE else leg.underlying
        for leg in listed
        if leg.type in {InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION}
    }
    return len(expirations) <= 1 and None not in expirations | delivered and len(delivered) <= 1


def _without_floor(legs: Iterable[Holding]) -> bool:
    """Prices of futures have been below zero (crude oil, 2020-04-20)."""
    return any(leg.type in {InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION} for leg in legs)


def _largest_loss(facts: Facts, prices: Iterable[Decimal]) -> Decimal | None:
    changes = [_change(facts, at) for at in prices]
    known = [change for change in changes if change is not None]
    return max(-min(known), Decimal(0)) if len(known) == len(changes) else None


def _change_between(facts: Facts, one: Decimal, other: Decimal) -> Decimal | None:
    before, after = _change(facts, one), _change(facts, other)
    return None if before is None or after is None else after - before


def _strikes(facts: Facts, low: Decimal, high: Decimal) -> Iterator[Decimal]:
    yield from (leg.strike for leg in facts.options if leg.strike and low < leg.strike < high)


def _change(facts: Facts, at: Decimal) -> Decimal | None:
    """What the strategy gains when the price of its underlying goes to `at`."""
    changes = [_change_of(leg, facts.price, at) for leg in facts.cluster.legs]
    known = [change for change in changes if change is not None]
    return total(*known) if len(known) == len(changes) else None


def _change_of(leg: Holding, price: Decimal | None, at: Decimal) -> Decimal | None:
    if leg.type in OPTIONS:
        return _change_of_option(leg, at)
    if leg.type not in _OUTRIGHT or price is None:
        return None
    multiplier = leg.multiplier or (Decimal(1) if leg.type is InstrumentType.STOCK else None)
    return None if multiplier is None else leg.signed_quantity * multiplier * (at - price)


def _change_of_option(leg: Holding, at: Decimal) -> Decimal | None:
    if leg.strike is None or leg.option_type is None or leg.deliverable is Deliverable.ADJUSTED:
        return None
    if leg.market_value is None or leg.multiplier is None:
        return None
    distance = at - leg.strike
    worth = max(distance if leg.option_type is OptionType.CALL else -distance, Decimal(0))
    return leg.signed_quantity * leg.multiplier * worth - leg.market_value
