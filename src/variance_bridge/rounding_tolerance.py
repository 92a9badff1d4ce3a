"""When two amounts of money are the same: how far apart they may be because of rounding, here and nowhere else. Pure."""

from __future__ import annotations

from decimal import Decimal

from variance_bridge.money import add, difference, multiply

RELATIVE_TOLERANCE = Decimal("0.000001")
"""Relative: what a source loses that writes prices with few digits."""

HALF_A_CENT = Decimal("0.005")
"""Per contract: what a source loses that rounds money to cents."""


def within_tolerance(stated: Decimal, computed: Decimal, quantity: Decimal) -> bool:
    """Whether two amounts of money are the same but for the rounding of their source.

    The tolerance is one millionth, and half a cent for each contract (half a cent for less than one).
    """
    if stated == computed:
        return True
    larger = max(abs(stated), abs(computed))
    rounding = multiply(HALF_A_CENT, max(quantity, Decimal(1)))
    tolerance = add(multiply(RELATIVE_TOLERANCE, larger), rounding)
    return abs(difference(stated, computed)) <= tolerance
