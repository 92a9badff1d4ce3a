"""What a position is worth, from price, quantity and multiplier: products of decimals, exact to the last digit.

Python's default decimal context rounds at 28 digits; an average price of eight decimals times a crypto quantity of
eighteen is longer than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import Context, Decimal, localcontext
from functools import lru_cache, reduce
from typing import Final

from variance_bridge.model import Side
from variance_bridge.symbology.instrument import Value

_EXACT = Context(prec=1000)
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_LONG = Side.LONG


# The context's own methods: a function around each would cost more than the arithmetic.
multiply: Final = _EXACT.multiply
"""The product of two numbers, unrounded (up to 1000 digits)."""

add: Final = _EXACT.add
"""The sum of two numbers, unrounded."""

difference: Final = _EXACT.subtract
"""The first number less the second, unrounded."""


def exactly() -> AbstractContextManager[Context]:
    """Inside it, operators and `abs` of decimals do not round (up to 1000 digits), whatever the program around us has set."""
    return localcontext(_EXACT)


def product(factor: Decimal | int, other: Decimal | int, *more: Decimal | int) -> Decimal:
    """The product of two factors or more, unrounded."""
    return reduce(multiply, more, multiply(factor, other))


def signed(side: Side, amount: Decimal) -> Decimal:
    """The amount as it counts for the owner: negated for a short position. `-amount` would round at 28 digits."""
    return amount if side is _LONG else amount.copy_negate()


def cost_basis(average_price: Decimal, quantity: Decimal, multiplier: Decimal) -> Decimal:
    """Total paid (long) or received (short) to open. For a future it is the notional, which is not money paid."""
    return multiply(multiply(average_price, quantity), multiplier)


def market_value(side: Side, mark: Decimal, quantity: Decimal, multiplier: Decimal) -> Decimal:
    """Signed worth of the whole position: a short position is worth less than zero."""
    return signed(side, multiply(multiply(mark, quantity), multiplier))


def unrealized_pl(
    side: Side, mark: Decimal, basis: Decimal, quantity: Decimal, multiplier: Decimal
) -> Decimal:
    """Gain since the price was `basis` per unit: positive when the position earned."""
    return signed(side, multiply(multiply(difference(mark, basis), quantity), multiplier))


def total(*summands: Decimal) -> Decimal:
    """The sum, unrounded; zero for none."""
    result = Decimal(0)
    for summand in summands:
        result = add(result, summand)
    return result


class Sum(Value, frozen=True, gc=False):
    """A sum of `count` numbers of which `known` are known. `amount` is the sum of the known ones; None without any."""

    amount: Decimal | None
    known: int
    count: int

    @property
    def complete(self) -> Decimal | None:
        """The sum when all of it is known."""
        return self.amount if self.known == self.count else None


NO_ACCOUNT = Sum(None, 0, 0)
"""A balance in a currency that no account is in: unknown, although no number of it is missing."""


def add_up(amounts: Iterable[Decimal | None]) -> Sum:
    """The sum of what is known. The sum of nothing at all is zero, and complete."""
    listed = list(amounts)
    known = [amount for amount in listed if amount is not None]
    if listed and not known:
        return _nothing_known(len(listed))
    return Sum(total(*known), len(known), len(listed))


@lru_cache(maxsize=256)  # a quote source without greeks leaves them unknown in every strategy
def _nothing_known(count: int) -> Sum:
    return Sum(None, 0, count)


def together(sums: Iterable[Sum]) -> Sum:
    """Several sums as one."""
    listed = list(sums)
    known, count = sum(each.known for each in listed), sum(each.count for each in listed)
    amounts = [each.amount for each in listed if each.amount is not None]
    if (listed and not amounts) or (count and not known):
        return _nothing_known(count)
    return Sum(total(*amounts), known, count)


def quotient(dividend: Decimal, divisor: Decimal, digits: int = 1000) -> Decimal:
    """`dividend` / `divisor` to so many significant digits, rounded half to even."""
    return Context(prec=digits).divide(dividend, divisor)
