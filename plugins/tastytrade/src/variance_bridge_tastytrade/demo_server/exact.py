"""Sums and products of decimals without rounding. Of its own, because the demo server needs no package beside the standard library."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Final

_EXACT: Final = Context(prec=2000, traps=[Inexact, InvalidOperation])


def product(*factors: Decimal | int) -> Decimal:
    """The exact product."""
    result = Decimal(1)
    for factor in factors:
        result = _EXACT.multiply(result, factor)
    return result


def total(terms: Iterable[Decimal]) -> Decimal:
    """The exact sum; 0 of nothing."""
    result = Decimal(0)
    for term in terms:
        result = _EXACT.add(result, term)
    return result


def difference(left: Decimal, right: Decimal) -> Decimal:
    """The exact difference."""
    return _EXACT.subtract(left, right)
