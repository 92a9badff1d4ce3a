"""What a strategy would lose by its first expiration if its underlying moved by a fifth: a weight for the expiry calendar."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from variance_bridge.model import Holding
from variance_bridge.money import total
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.strategies.lots import OPTIONS

MOVE = Decimal("0.2")
"""Of the underlying's price, up and down. One size for all, so that strategies compare."""

_OUTRIGHT = {InstrumentType.STOCK, InstrumentType.FUTURE}


def stress_loss(facts: Facts) -> Decimal | None:
    """The largest loss from today's value, in money, for a price between 80 % and 120 % of today's; 0 without one.

    Options count at what exercise would bring, also those that expire later: a long one is worth at least that much. None
    where a value, a multiplier or the price is unknown, and for adjusted options, whose deliverable is not the strike's.
    """
    price = facts.price
    if price is None or price <= 0:
        return None
    changes = [
        [_change(leg, price, at) for leg in facts.cluster.legs] for at in _prices(facts, price)
    ]
    if any(change is None for each in changes for change in each):
        return None
    worst = min(total(*(change for change in each if change is not None)) for each in changes)
    return max(-worst, Decimal(0))


def _prices(facts: Facts, price: Decimal) -> Iterator[Decimal]:
    """A payoff is made of straight lines: its lowest point is at an end or at a strike."""
    low, high = price * (1 - MOVE), price * (1 + MOVE)
    yield from (low, price, high)
    yield from (leg.strike for leg in facts.options if leg.strike and low < leg.strike < high)


def _change(leg: Holding, price: Decimal, at: Decimal) -> Decimal | None:
    """What the leg gains when the price goes to `at`."""
    if leg.type in OPTIONS:
        return _change_of_option(leg, at)
    if leg.type not in _OUTRIGHT:
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
