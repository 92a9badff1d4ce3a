"""What a strategy can lose from today's value: at a price in a range, and at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from variance_bridge.model import Holding, Side
from variance_bridge.money import exactly, total
from variance_bridge.prices import price_for
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.strategies.lots import OPTIONS, deliverable_of

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
    where a value, a multiplier or the price is unknown or contradicts its side, and for adjusted options, whose deliverable is
    not the strike's.
    """
    # A payoff is made of straight lines: its lowest point is at an end or at a strike.
    with exactly():
        return _largest_loss(facts, [low, high, *_strikes(facts, low, high)])


def max_loss(facts: Facts) -> Decimal | None:
    """The most that a strategy can still lose from today's value, in money, whatever the price does.

    None where it is unlimited or a number is unknown, and for options of several expirations, of several series (SPX is
    settled in the morning, SPXW of the same day in the evening) or of several underlyings: there the payoff of one moment does
    not bound the loss (a European put can be worth less than exercise would bring).

    Of shares and futures with options: until the options expire. Where that is today, the options protect nothing.

    Early assignment costs no more than this: who exercises early gives up the rest of the option. Dividends and interest owed
    on shares that were assigned are not in it, nor what the price does between an expiration and the next opening.
    """
    legs = facts.cluster.legs
    if all(leg.side is Side.LONG and leg.type in _CAN_ONLY_GO_TO_ZERO for leg in legs):
        return _value_of_all(legs)
    if not _have_one_payoff(legs):
        return None
    with exactly():
        loss = _loss_at_any_price(facts)
    outright = [leg for leg in legs if leg.type in _OUTRIGHT]
    last_day = facts.dte is not None and facts.dte <= 0
    if loss is None or (outright and not (facts.options and last_day)):
        return loss
    if not all(leg.side is Side.LONG and leg.type is InstrumentType.STOCK for leg in outright):
        return None  # tomorrow nothing limits it any more
    # What the payoff is sure to bring protects no value of today in shares whose put ends today, nor in a box, which is worth
    # less than its width before it expires.
    value = _value_of_all(legs)
    return None if value is None else max(loss, value)


def _loss_at_any_price(facts: Facts) -> Decimal | None:
    known = [facts.price, *(leg.strike for leg in facts.options)]
    # Further out than any strike the payoff is one straight line. Strikes and prices of futures can be below zero.
    beyond = 2 * max((abs(each) for each in known if each is not None), default=Decimal(0)) + 1
    has_floor = not _without_floor(facts.cluster.legs)
    rises = _change_between(facts, beyond, beyond + 1)
    falls = Decimal(0) if has_floor else _change_between(facts, -beyond, -beyond - 1)
    if rises is None or falls is None or rises < 0 or falls < 0:
        return None
    return stress_loss(facts, Decimal(0) if has_floor else -beyond, beyond)


def _have_one_payoff(legs: Iterable[Holding]) -> bool:
    """Whether all depends on one price at one moment."""
    listed = list(legs)
    moments = {(leg.expiration, _series(leg)) for leg in listed if leg.type in OPTIONS}
    delivered = {
        leg.symbol if leg.type is InstrumentType.FUTURE else leg.underlying
        for leg in listed
        if leg.type in {InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION}
    }
    dated = all(expiration is not None for expiration, _ in moments)
    return dated and len(moments) <= 1 and None not in delivered and len(delivered) <= 1


def _series(leg: Holding) -> str:
    """What stands before the date in the symbol of an option: `SPXW`, `./ESH6 EW3F6`."""
    return leg.symbol[:6] if leg.type is InstrumentType.OPTION else leg.symbol.rpartition(" ")[0]


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
    yield from (
        leg.strike for leg in facts.options if leg.strike is not None and low < leg.strike < high
    )


def _change(facts: Facts, at: Decimal) -> Decimal | None:
    """What the strategy gains when the price of its underlying goes to `at`."""
    changes = [_change_of(leg, facts.price, at) for leg in facts.cluster.legs]
    known = [change for change in changes if change is not None]
    return total(*known) if len(known) == len(changes) else None


def _change_of(leg: Holding, price: Decimal | None, at: Decimal) -> Decimal | None:
    if leg.type in OPTIONS:
        return _change_of_option(leg, at)
    if leg.type not in _OUTRIGHT:
        return None
    multiplier = leg.multiplier or (Decimal(1) if leg.type is InstrumentType.STOCK else None)
    if multiplier is None:
        return None
    size = leg.signed_quantity * multiplier
    if leg.type is InstrumentType.STOCK and leg.market_value is not None:
        value = _value(leg)
        return None if value is None else size * at - value
    own = price_for(leg, {})
    now = own if own is not None else price
    return None if now is None else size * (at - now)


def _change_of_option(leg: Holding, at: Decimal) -> Decimal | None:
    if leg.strike is None or leg.option_type is None:
        return None
    if leg.type is InstrumentType.OPTION and deliverable_of(leg) is not Deliverable.STANDARD:
        return None
    value = _value(leg)
    if value is None or not leg.multiplier:
        return None
    distance = at - leg.strike
    worth = max(distance if leg.option_type is OptionType.CALL else -distance, Decimal(0))
    return leg.signed_quantity * leg.multiplier * worth - value


def _value_of_all(legs: Iterable[Holding]) -> Decimal | None:
    values = [_value(leg) for leg in legs]
    known = [value for value in values if value is not None]
    return total(*known) if len(known) == len(values) else None


def _value(leg: Holding) -> Decimal | None:
    """What the position is worth today; None where that is unknown, or below zero for a long position or above for a short."""
    value = leg.market_value
    return None if value is None or value * leg.side.sign < 0 else value
