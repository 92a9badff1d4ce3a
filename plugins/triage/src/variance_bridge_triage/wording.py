"""Numbers and days as people read them. What is unknown is a dash."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal

UNKNOWN = "–"
_EXACT = Context(prec=1000, rounding=ROUND_HALF_UP)
_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}


def rounded(number: Decimal, places: int) -> Decimal:
    """Commercially rounded; a negative number that rounds to zero is zero."""
    shown = _EXACT.quantize(number, Decimal(1).scaleb(-places))
    return shown or shown.copy_abs()


def number(value: Decimal | None, places: int = 0, *, sign: bool = False) -> str:
    """`1,234.5`; with `sign`, what is above zero has a plus."""
    if value is None:
        return UNKNOWN
    shown = rounded(value, places)
    return f"{shown:{'+' if sign and shown else ''},.{places}f}"


def money(
    amount: Decimal | None, currency: str | None, *, sign: bool = False, places: int = 0
) -> str:
    """`$1,234` or `CHF 1,234`; without a currency just the number."""
    if amount is None:
        return UNKNOWN
    unit = _SIGNS.get(currency or "", f"{currency} " if currency else "")
    text = number(amount.copy_abs(), places)
    if not rounded(amount, places):
        return unit + text
    prefix = "-" if amount < 0 else "+" if sign else ""
    return prefix + unit + text


def percent(fraction: Decimal | None, places: int = 0, *, sign: bool = False) -> str:
    """0.5 is `50 %`."""
    if fraction is None:
        return UNKNOWN
    return f"{number(fraction * 100, places, sign=sign)} %"


def price(value: Decimal | None) -> str:
    """A price or strike, as traders write it: at most six digits after the point, no zeros at the end, no commas."""
    if value is None:
        return UNKNOWN
    return f"{_EXACT.normalize(rounded(value, 6)):f}"


def quantity(value: Decimal) -> str:
    """`2` or `0.25`."""
    return f"{_EXACT.normalize(value):,f}"


def days(count: int) -> str:
    """`1 day`, `3 days`."""
    return f"{count} day{'' if count == 1 else 's'}"


def dte(count: int | None) -> str:
    """Days to expiration in a column: `14d`, `today`, `expired`."""
    if count is None:
        return ""
    if count == 0:
        return "today"
    return f"{count}d" if count > 0 else "expired"


def of(known: int, count: int) -> str:
    """`3 of 4` where not all is known, else nothing."""
    return "" if known == count else f"{known} of {count}"
