"""Rules about what the market says of one position: its quote and its greeks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from variance_bridge.document.rules.rule_context import Fault, Frame, limits
from variance_bridge.money import multiply

_PRICED_FROM_ZERO = frozenset({"stock", "option", "future_option", "crypto", "fund", "bond"})
_PRICES = ("bid", "ask", "mark", "last")
_ZERO = Decimal(0)
_OPTIONS = frozenset({"option", "future_option"})
_ONE_FOR_ONE = frozenset({"stock", "future", "crypto"})
_NEVER_NEGATIVE = ("gamma", "vega")

_CROSSED = Fault("quote/bid", "quote", "must not be above the ask")
_VOLATILITY = Fault("greeks/implied_volatility", "greeks", "must not be negative")
_UNDERLYING = Fault("quote/underlying_price", "quote", "must not be negative")
_RANK = Fault("quote/iv_rank", "quote", "is not a rank in percent")
_PERCENTILE = Fault("quote/iv_percentile", "quote", "must be between 0 and 100 percent")
_DELTA = Fault("greeks/delta", "greeks", "is more than so many contracts can have")
_DELTA_SIGN = Fault("greeks/delta", "greeks", "has the sign of the opposite position")


def check_quote(position: Mapping[str, Any], _frame: Frame) -> Sequence[Fault]:
    """Bid and ask in order, no price below zero where there is none, ranks in percent. A future and a spread may have any price."""
    quote = position.get("quote")
    if quote is None:
        return ()
    faults: list[Fault] = []
    bid, ask = quote.get("bid"), quote.get("ask")
    if bid is not None and ask is not None and bid > ask:
        faults.append(_CROSSED)
    if position["type"] in _PRICED_FROM_ZERO:
        for name in _PRICES:
            if name in quote and quote[name] < _ZERO:
                faults += (Fault(f"quote/{name}", "quote", "must not be negative"),)
    if position["type"] == "option" and quote.get("underlying_price", _ZERO) < _ZERO:
        faults.append(_UNDERLYING)
    rank = quote.get("iv_rank")
    if rank is not None and not limits().rank_least <= rank <= limits().rank_most:
        faults.append(_RANK)
    percentile = quote.get("iv_percentile")
    if percentile is not None and not 0 <= percentile <= 100:
        faults.append(_PERCENTILE)
    return faults


def check_greeks(position: Mapping[str, Any], _frame: Frame) -> Sequence[Fault]:
    """Greeks within what the contracts can have. Adjusted contracts deliver more than their multiplier says."""
    greeks = position.get("greeks")
    if greeks is None:
        return ()
    faults: list[Fault] = []
    volatility = greeks.get("implied_volatility")
    if volatility is not None and volatility < 0:
        faults.append(_VOLATILITY)
    kind = position["type"]
    is_option = kind in _OPTIONS
    multiplier = position.get("multiplier", 1 if kind == "stock" else None)
    if multiplier is None or not (is_option or kind in _ONE_FOR_ONE):
        return faults
    size = multiply(position["quantity"], multiplier)
    is_long = position["side"] == "long"
    if (delta := greeks.get("delta")) is not None:
        faults += _delta_faults(position, delta, size, is_long=is_long != (_is_put(position)))
    if is_option:
        faults += _curvature_faults(greeks, size, is_long=is_long)
    return faults


def _is_put(position: Mapping[str, Any]) -> bool | None:
    """Whether the position is a put; None for an option of which the document does not say it."""
    if position["type"] not in _OPTIONS:
        return False
    stated = position.get("option_type")
    if stated is not None:
        return bool(stated == "put")
    return position["symbol"][12] == "P" if position["type"] == "option" else None


def _delta_faults(
    position: Mapping[str, Any], delta: Any, size: Decimal, *, is_long: bool
) -> Sequence[Fault]:
    if position.get("deliverable") != "adjusted" and abs(delta) > multiply(
        limits().greeks_delta, size
    ):
        return (_DELTA,)
    against = delta < 0 if is_long else delta > 0
    if against and abs(delta) > multiply(limits().greeks_delta_noise, size):
        return (_DELTA_SIGN,) if _is_put(position) is not None else ()
    return ()


def _curvature_faults(
    greeks: Mapping[str, Any], size: Decimal, *, is_long: bool
) -> Sequence[Fault]:
    faults = []
    for name in _NEVER_NEGATIVE:
        value = greeks.get(name)
        if value is None or (value >= 0 if is_long else value <= 0):
            continue
        if abs(value) > multiply(limits().greeks_noise, size):
            faults.append(
                Fault(f"greeks/{name}", "greeks", "has the sign of the opposite position")
            )
    return faults
