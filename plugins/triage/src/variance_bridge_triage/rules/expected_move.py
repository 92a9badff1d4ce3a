"""How far an underlying is expected to go by the first expiration of a strategy, by the implied volatility of its options."""

from __future__ import annotations

from decimal import Decimal

from variance_bridge_triage.rules.metrics import Facts

_DAYS_OF_A_YEAR = 365
"""Calendar days, as in the implied volatilities that brokers state."""


def expected_move(facts: Facts) -> Decimal | None:
    """One standard deviation, in units of the price; on the last day that of a whole day. None where no volatility is known.

    By the volatility of the first options to expire whose strike is nearest to the price.
    """
    price = facts.price
    if price is None or price <= 0 or facts.dte is None or facts.dte < 0:
        return None
    known = [
        (abs((leg.strike or price) - price), leg.greeks.implied_volatility)
        for leg in facts.options
        if leg.expiration == facts.expiration and leg.greeks and leg.greeks.implied_volatility
    ]
    if not known:
        return None
    return price * min(known)[1] * (Decimal(max(facts.dte, 1)) / _DAYS_OF_A_YEAR).sqrt()
