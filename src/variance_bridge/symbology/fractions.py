"""Prices quoted in fractions: `110'155` in 32nds, `0"21` in 64ths, `425'6` in eighths.

The mark between whole and fraction does not tell the denominator (the same `"` means 64ths to some
programs and 32nds to others), so the caller gives it: `FuturesProduct.fraction` for a future,
`option_fraction` for its options.
"""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

_MINUS = "\N{MINUS SIGN}"
_MARKS = (
    "'\"\N{RIGHT SINGLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}\N{PRIME}\N{DOUBLE PRIME}"
)
_TEXT = re.compile(rf"([+{_MINUS}-]?)([0-9]{{1,9}})(?:''|[{_MARKS}])([0-9]{{1,3}})")

_EIGHTHS = {"0": 0, "1": 1, "2": 2, "3": 3, "5": 4, "6": 5, "7": 6, "8": 7}
"""CME's third digit of a 32nd: the first decimal of its eighth (.125 is 1, .5 is 5, .875 is 8)."""

_DIGITS = {8: 1, 32: 2, 64: 2}


class FractionError(ValueError):
    """A text that is not a fraction of the denominator asked for. The message does not repeat it."""


def parse_fraction(text: str, denominator: int) -> Decimal:
    """The exact decimal value of a price quoted in 8ths, 32nds or 64ths.

    The sign counts for the whole: `-0'21` in 64ths is -0.328125. Only 32nds may have a third digit,
    for eighths of a 32nd: `110'155` is 110 + 15.5/32. Raises `FractionError` for any other text, plain
    decimals included.
    """
    digits = _DIGITS.get(denominator)
    if digits is None:
        raise FractionError("the denominator must be 8, 32 or 64")
    match = _TEXT.fullmatch(text.strip()) if len(text) <= 32 else None
    if match is None:
        raise FractionError("not a price in fractions")
    sign, whole, parts = match.groups()
    eighths = (
        _EIGHTHS.get(parts[digits:] or "0")
        if denominator == 32
        else (0 if len(parts) == digits else None)
    )
    if len(parts) < digits or eighths is None or int(parts[:digits]) >= denominator:
        raise FractionError(f"not a number of {denominator}ths")
    with localcontext(prec=28):
        value = int(whole) + (int(parts[:digits]) * 8 + eighths) / Decimal(denominator * 8)
        return -value if sign in ("-", _MINUS) and value else value
