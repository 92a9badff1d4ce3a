"""Rules about the money of one position: cost, value and profit follow from prices, quantity, multiplier and side.

Each rule compares exactly first, because in most documents that is all; what differs is then looked at with the
tolerance of its source's rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from variance_bridge.document.rules.rule_context import Fault, Frame, limits
from variance_bridge.money import add, difference, multiply, product, total
from variance_bridge.rounding_tolerance import HALF_A_CENT, within_tolerance

_PRICED_FROM_ZERO = frozenset({"stock", "option", "future_option", "crypto"})
_OPTIONS = frozenset({"option", "future_option"})
_CENTS = -2
_ZERO = Decimal(0)

_COST = Fault("cost_basis", "cost_basis", "must be average_price x quantity x multiplier")
_VALUE = Fault(
    "market_value",
    "market_value",
    "must be quote.mark x quantity x multiplier, negative for a short position",
)
_FAR_FROM_LAST = Fault(
    "market_value", "market_value", "is a multiple of what the prices of its quote say"
)
_SIGN = Fault(
    "market_value",
    "market_value",
    "must not be above zero for a short position, nor below for a long one",
)
_PROFIT = Fault(
    "unrealized_pl", "unrealized_pl", "must be market_value - cost_basis (+ for a short position)"
)
_LOSS = Fault("unrealized_pl", "unrealized_pl", "is a loss of more than everything")
_LOT = Fault("multiplier", "multiplier", "must not be above 1: a stock is counted in shares")


def check_amounts(position: Mapping[str, Any], frame: Frame) -> Sequence[Fault]:
    """What in the money of one position contradicts itself."""
    get = position.get
    quantity, multiplier = position["quantity"], get("multiplier")
    faults = []
    if position["type"] == "stock":
        if multiplier is None:
            multiplier = 1
        elif multiplier > 1:
            faults.append(_LOT)
    size = None if multiplier is None else multiply(quantity, multiplier)
    value, cost = get("market_value"), get("cost_basis")
    if size is not None and cost is not None:
        average = get("average_price")
        if average is not None and not _is(cost, multiply(average, size), quantity):
            faults.append(_COST)
    if value is not None:
        faults += _value_faults(position, value, size)
    if (profit := get("unrealized_pl")) is not None and cost is not None:
        faults += _profit_faults(position, frame, profit, size)
    return faults


def _is(stated: Any, computed: Decimal, quantity: Any) -> bool:
    return bool(stated == computed) or within_tolerance(
        Decimal(stated), computed, Decimal(quantity)
    )


def _value_faults(position: Mapping[str, Any], value: Any, size: Decimal | None) -> Sequence[Fault]:
    """What has a price of zero or more is never worth less than nothing to who owns it; a future may have any price."""
    quote = position.get("quote")
    mark = None if quote is None else quote.get("mark")
    long = position["side"] == "long"
    if size is not None and mark is not None:
        computed = multiply(mark, size)
        signed = computed if long else computed.copy_negate()
        return () if _is(value, signed, position["quantity"]) else (_VALUE,)
    owned = value if long else Decimal(value).copy_negate()
    if owned < 0 and position["type"] in _PRICED_FROM_ZERO:
        return (_SIGN,)
    if size is not None and quote is not None and _is_far(position["type"], owned, size, quote):
        return (_FAR_FROM_LAST,)
    return ()


def _is_far(kind: str, owned: Any, size: Decimal, quote: Mapping[str, Any]) -> bool:
    """Whether a value lies far outside of what the last trade, bid and ask say. None of them need be its price."""
    prices = [Decimal(quote[name]) for name in ("last", "bid", "ask") if name in quote]
    if not prices or min(prices) < 0:
        return False
    factor = limits().last_option_factor if kind in _OPTIONS else limits().last_factor
    slack = multiply(limits().last_slack, size)
    low, high = multiply(min(prices), size), multiply(max(prices), size)
    above = owned > add(multiply(high, factor), slack)
    return above or multiply(add(owned, slack), factor) < low


def _profit_faults(
    position: Mapping[str, Any], frame: Frame, profit: Any, size: Decimal | None
) -> Sequence[Fault]:
    cost, value = position["cost_basis"], position.get("market_value")
    long = position["side"] == "long"
    if value is None:
        owned = add(cost, profit) if long else difference(cost, profit)
        if position["type"] not in _PRICED_FROM_ZERO or owned >= 0 or frame.doubts(position):
            return ()
        rounding = _rounding(position, size, cost)
        return () if owned.copy_abs() <= rounding else (_LOSS,)
    computed = difference(value, cost) if long else add(value, cost)
    if profit == computed:
        return ()
    scale = Decimal(max(abs(value), abs(cost)))
    apart = abs(difference(profit, computed))
    if apart <= _rounding(position, size, scale):
        return ()
    if frame.doubts(position) and not is_beyond_counting(Decimal(profit), computed, scale):
        return ()
    return (_PROFIT,)


def is_beyond_counting(profit: Decimal, computed: Decimal, scale: Decimal) -> bool:
    """Whether two profits differ by more than brokers differ in how they count them (`plausibility_limits.toml`, contradicted)."""
    apart, factor = abs(difference(profit, computed)), limits().contradicted_factor
    smaller, larger = sorted((abs(profit), abs(computed)))
    multiple = larger >= multiply(smaller, factor)
    return (multiple and apart > scale) or apart > multiply(scale, factor)


def _rounding(position: Mapping[str, Any], size: Decimal | None, scale: Decimal) -> Decimal:
    """How far a profit may be off because value, cost and the prices they were computed from had few digits."""
    contracts = max(Decimal(position["quantity"]), Decimal(1))
    money = product(2, HALF_A_CENT, contracts)
    prices = _ZERO
    if size is not None:
        mark = position.get("quote", {}).get("mark")
        for price in (mark, position.get("average_price")):
            if price is not None:
                prices = add(prices, multiply(_half_step(Decimal(price)), size))
    return total(multiply(_TWO_MILLIONTHS, scale), money, prices)


_TWO_MILLIONTHS = Decimal("0.000002")


def _half_step(price: Decimal) -> Decimal:
    """Half of the last digit of a price that was rounded to cents or finer; `2` may have been `2.00`."""
    exponent = min(int(price.as_tuple().exponent), _CENTS)
    return Decimal(5).scaleb(exponent - 1)
