"""From whatever stands in a symbol column to a clean ASCII text.

Also the small exact readings that all grammars share: numbers, dates, months.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from variance_bridge.symbology.instrument import InstrumentType, SymbolError

MAX_LENGTH = 128
"""Longer texts are refused unread: no symbol or description of a contract comes near it."""

MONTH_CODES = "FGHJKMNQUVXZ"
"""Delivery months January to December, as all futures exchanges code them."""

_TAPE_SUFFIX = re.compile(r"([A-Z]{1,6})(p[A-Z]?|r|w)")
_TAPE_SUFFIXES = {"p": "PR", "r": "RT", "w": "WI"}
"""What the tape (CQS) writes in lower case behind a root: preferred (`AAICpB`), rights, when issued."""
_BLANKS = " \t\r\n\xa0"
_MONTH_NAMES = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
        start=1,
    )
}


class DateOrder(StrEnum):
    """In which order a source writes day and month where both are figures with slashes."""

    MDY = "mdy"
    """`12/31/2026`: the United States."""
    DMY = "dmy"
    """`31/12/2026`."""


class Hints(Struct, frozen=True):
    """What the caller knows beside the symbol, already checked."""

    type: InstrumentType | None = None
    underlying: str | None = None
    """Cleaned as a symbol is, not yet parsed."""
    expires_on: date | None = None
    as_of: date | None = None
    date_order: DateOrder | None = None


NO_HINTS = Hints()


def clean(symbol: object) -> str:
    """The text in upper case, without blanks around it; tabs and no-break spaces become blanks.

    Raises `SymbolError` for what is not a text, too long, empty, or holds a character that no symbol
    has: letters and digits outside ASCII look like others and are never folded into them.
    """
    if not isinstance(symbol, str):
        raise SymbolError("not a text")
    text = symbol.strip(_BLANKS)
    if len(text) > MAX_LENGTH:
        raise SymbolError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    if not text:
        raise SymbolError("empty")
    text = text.replace("\xa0", " ").replace("\t", " ")
    if not (text.isascii() and text.isprintable()):
        offset = leading_blanks(symbol)
        position = next(
            i for i, char in enumerate(text) if not (char.isascii() and char.isprintable())
        )
        raise SymbolError("a character that no symbol has", offset + position)
    tape = _TAPE_SUFFIX.fullmatch(text)
    if tape is not None:
        return f"{tape[1]}/{_TAPE_SUFFIXES[tape[2][0]]}{tape[2][1:]}"
    return text.upper()


def leading_blanks(symbol: str) -> int:
    """How many characters `clean` drops in front: what positions must be moved by."""
    return len(symbol) - len(symbol.lstrip(_BLANKS))


def exact_number(text: str) -> Decimal | None:
    """The number that ASCII digits with at most one point write; None for any other text.

    Thousands commas are accepted where they stand right (`7,230.50`).
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    whole, _, fraction = text.replace(",", "").partition(".")
    fraction = fraction.rstrip("0")
    return Decimal(f"{whole or '0'}.{fraction}" if fraction else (whole or "0"))


_NUMBER = re.compile(
    r"(?:[0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2})?(?:\.[0-9]{1,9})?(?<=[0-9])", re.ASCII
)


def plain(number: Decimal) -> str:
    """A decimal in digits, without exponent and trailing zeros: `6450`, `0.68`."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def day(year: int, month: int, day_of_month: int, position: int) -> date:
    """A date that exists, or a `SymbolError` at `position`."""
    try:
        return date(year, month, day_of_month)
    except ValueError:
        raise SymbolError("a date that does not exist", position) from None


def compact_day(digits: str, position: int) -> date:
    """`YYMMDD` of this century, as OSI and the futures-option symbols write it."""
    return day(2000 + int(digits[:2]), int(digits[2:4]), int(digits[4:6]), position)


def six_digits(expiration: date) -> str:
    """`YYMMDD`, which can only write days of this century."""
    known = as_date(expiration, "the expiration")
    if known is None or not 2000 <= known.year < 2100:
        raise SymbolError("no day of expiration between 2000 and 2099")
    return f"{known:%y%m%d}"


def month_number(name: str) -> int | None:
    """1 to 12 for an English month name's first three letters in upper case."""
    return _MONTH_NAMES.get(name)


def agreed_expiration(read: date, hints: Hints, position: int = 0) -> date:
    """The date in the symbol; an error where the caller gave another one."""
    if hints.expires_on in (None, read):
        return read
    raise SymbolError("the expiration in the symbol is not the one that came with it", position)


def as_date(value: object, name: str) -> date | None:
    """A hint that must be a date: datetimes give their date, None stays None."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, datetime):
        return value.date()
    raise SymbolError(f"{name} is not a date")
