"""A delta as it is written on the screen, on the page and in reasons. Pure."""

from __future__ import annotations

from decimal import Decimal

from variance_bridge.formatting import number

_MANY = 100
"""From this delta on its tenths are noise."""


def delta_words(amount: Decimal | None) -> str:
    """`-61.0`, `+195`: the delta with its sign."""
    places = 0 if amount is not None and abs(amount) >= _MANY else 1
    return number(amount, places, sign=True)
