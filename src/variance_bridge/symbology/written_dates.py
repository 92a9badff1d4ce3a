"""Days of expiration as brokers write them out: `09/11/2026`, `16JUN26`, `Dec 31 '26`, `11.09.2026`, `062714`.

A day and a month in figures can stand in two orders. Where nothing states the order, the reading is taken on which
the contract can expire; where both are such days, or neither is, the text is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date

from variance_bridge.symbology.instrument import SymbolError
from variance_bridge.symbology.symbol_text import (
    DateOrder,
    Hints,
    agreed_expiration,
    day,
    month_number,
)

DATE = (
    r"(?P<date>"
    r"[0-9]{1,2}/[0-9]{1,2}/[0-9]{2}(?:[0-9]{2})?"
    r"|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{2}(?:[0-9]{2})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"|20[0-9]{6}"
    r"|[0-9]{1,2} ?[A-Z]{3} ?'?[0-9]{2}(?:[0-9]{2})?"
    r"|[A-Z]{3} ?[0-9]{1,2},? ?'[0-9]{2}"
    r"|[A-Z]{3} [0-9]{1,2},? [0-9]{2}(?:[0-9]{2})?"
    r"|[A-Z]{3} [0-9]{4}"
    r")"
)
"""Names of months are English, whatever the locale of the process."""

_YEARS = range(2000, 2100)


def written_day(
    match: re.Match[str], hints: Hints, can_expire: Callable[[date], bool], group: str = "date"
) -> date:
    """The day that a group of the match writes, `DATE` or six digits.

    Where it has no day (`JAN 2028`), it is the caller's in that month. `can_expire`: whether the contract can expire
    on a day. Raises `SymbolError`.
    """
    text, position = match[group], match.start(group)
    readings = _readings(text, hints, position)
    if hints.expires_on is not None and hints.expires_on in readings:
        return hints.expires_on
    if hints.expires_on is not None or len(readings) == 1:
        return agreed_expiration(readings[0], hints, position)
    possible = [reading for reading in readings if can_expire(reading)]
    if len(possible) != 1:
        raise SymbolError(
            "a date that can be read in two orders: the order must come with it", position
        )
    return possible[0]


def _readings(text: str, hints: Hints, position: int) -> Sequence[date]:
    """What a text can mean, at least one day. Eight digits are year, month, day."""
    numbers = [int(part) for part in re.findall(r"[0-9]+", text)]
    if "/" in text:
        first, second, year = numbers
        return _in_orders(
            {DateOrder.MDY: (year, first, second), DateOrder.DMY: (year, second, first)},
            hints.date_order,
            position,
        )
    if "." in text:
        return _existing([(numbers[2], numbers[1], numbers[0])], position)
    if "-" in text:
        return _existing([(numbers[0], numbers[1], numbers[2])], position)
    if text.isdigit() and len(text) == 8:
        return _existing([(int(text[:4]), int(text[4:6]), int(text[6:]))], position)
    if text.isdigit():
        one, two, three = int(text[:2]), int(text[2:4]), int(text[4:])
        return _existing([(three, one, two), (one, two, three)], position)
    return [_named_month(text, numbers, hints, position)]


def _in_orders(
    terms: dict[DateOrder, tuple[int, int, int]], stated: DateOrder | None, position: int
) -> Sequence[date]:
    return _existing(list(terms.values()) if stated is None else [terms[stated]], position)


def _existing(terms: Sequence[tuple[int, int, int]], position: int) -> Sequence[date]:
    """The days of these years, months and days of months that exist, each once."""
    found = []
    for year, month, day_of_month in terms:
        try:
            found.append(date(_full_year(year), month, day_of_month))
        except ValueError:
            continue
    found = [each for each in dict.fromkeys(found) if each.year in _YEARS]
    if not found:
        raise SymbolError("a date that does not exist", position)
    return found


def _named_month(text: str, numbers: Sequence[int], hints: Hints, position: int) -> date:
    name = re.search(r"[A-Z]{3}", text)
    month = None if name is None else month_number(name[0])
    if month is None:
        raise SymbolError("not the name of a month", position)
    if len(numbers) == 1:
        return _given_day(numbers[0], month, hints, position)
    return day(_full_year(numbers[1]), month, numbers[0], position)


def _given_day(year: int, month: int, hints: Hints, position: int) -> date:
    if hints.expires_on is None:
        raise SymbolError("no day of expiration", position)
    if (hints.expires_on.year, hints.expires_on.month) != (year, month):
        raise SymbolError("the expiration in the symbol is not the one that came with it", position)
    return hints.expires_on


def _full_year(year: int) -> int:
    return 2000 + year if year < 100 else year
