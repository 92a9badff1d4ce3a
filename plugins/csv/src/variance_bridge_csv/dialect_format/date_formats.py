"""Formats of dates, times and zones, as dialects name them: a text matches a format as a whole, or it is not a date."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from datetime import date, time, tzinfo
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

from variance_bridge.symbology import DateOrder

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

MONTH_NAMES = (*_LONG_MONTHS, *_MONTHS)
"""The English ones, the long ones first."""

# US brokers write ET and the like, which no time-zone database knows.
_ZONES = {
    "ET": "America/New_York",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CT": "America/Chicago",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MT": "America/Denver",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "GMT": "UTC",
    "Z": "UTC",
}


_DIRECTIVES = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%y": r"(?P<short_year>[0-9]{2})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%b": r"(?P<month_name>[A-Za-z]{3})",
    "%B": r"(?P<month_name>[^\W\d_]{2,12})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%I": r"(?P<half_hour>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
}
_IN_FIGURES = frozenset({"%Y", "%y", "%m", "%d", "%H", "%I", "%M", "%S"})
_DIRECTIVE = re.compile(r"%.|[^%]", re.DOTALL)


def date_format_fault(date_format: str) -> str | None:
    """What is wrong with a date or time format of a dialect, or None."""
    try:
        _date_pattern(date_format)
    except (KeyError, re.error):
        return f"may have {' '.join(sorted(_DIRECTIVES))}, each once, and plain characters"
    return None


@lru_cache(maxsize=128)
def _date_pattern(date_format: str) -> re.Pattern[str]:
    parts = []
    pieces = _DIRECTIVE.findall(date_format)
    for before, piece, after in zip([None, *pieces], pieces, [*pieces[1:], None], strict=False):
        if piece.startswith("%"):
            pattern = _DIRECTIVES[piece]
            # Beside other figures one of a single digit would be a guess: 202611 is not the first of January.
            beside_figures = before in _IN_FIGURES or after in _IN_FIGURES
            parts.append(pattern.replace("{1,2}", "{2}") if beside_figures else pattern)
        elif piece == " ":
            parts.append(" +")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts))


def order_of(formats: Iterable[str]) -> DateOrder | None:
    """In which order the formats have day and month where both are figures; None where they do not say, or do not agree."""
    orders = set()
    for date_format in formats:
        month, day = date_format.find("%m"), date_format.find("%d")
        year = max(date_format.find("%Y"), date_format.find("%y"))
        if min(month, day) >= 0 and max(month, day) < year:
            orders.add(DateOrder.MDY if month < day else DateOrder.DMY)
    return orders.pop() if len(orders) == 1 else None


def parse_day(
    text: str, formats: tuple[str, ...], months: Mapping[str, int] = MappingProxyType({})
) -> date | None:
    """The date, read by the first format that fits and gives a day of the calendar.

    Month names are English, or those in `months` (lower case). A year of two digits is one of this century: no listed contract expired before 2000.
    """
    for date_format in formats:
        found = _date_pattern(date_format).fullmatch(text) if len(text) <= 40 else None
        if not found:
            continue
        parts = found.groupdict()
        year = int(parts["year"]) if parts.get("year") else 2000 + int(parts.get("short_year") or 0)
        month = _month(parts, months)
        try:
            return date(year, month, int(parts.get("day") or 0))
        except ValueError:
            continue
    return None


def parse_period(
    text: str, formats: tuple[str, ...], months: Mapping[str, int] = MappingProxyType({})
) -> date | None:
    """The date, or the last day of the month where a format without a day fits (`%B %Y`)."""
    day = parse_day(text, formats, months)
    if day is not None:
        return day
    for date_format in formats:
        found = _date_pattern(date_format).fullmatch(text) if "%d" not in date_format else None
        month = _month(found.groupdict(), months) if found and len(text) <= 40 else 0
        if found and 1 <= month <= 12:
            year = int(found.groupdict().get("year") or 0)
            return date(year, month, monthrange(year, month)[1]) if year else None
    return None


def parse_month(text: str, formats: tuple[str, ...]) -> tuple[int, int] | None:
    """Year and month of a text in a format that has no day (`%b%y`), or None."""
    for date_format in formats:
        if "%d" not in date_format and len(text) <= 40:
            found = _date_pattern(date_format).fullmatch(text)
            month = _month(found.groupdict(), {}) if found else 0
            if found and 1 <= month <= 12:
                return int(
                    found.groupdict().get("year") or found.groupdict().get("short_year") or 0
                ), month
    return None


def month_number(name: str) -> int:
    """The number of a month by its English name or the first three letters of it; 0 for any other text."""
    return _month({"month_name": name}, {})


def _month(parts: Mapping[str, str | None], months: Mapping[str, int]) -> int:
    name = (parts.get("month_name") or "").casefold()
    if not name:
        return int(parts.get("month") or 0)
    for names in (_MONTHS, _LONG_MONTHS):
        if name in names:
            return names.index(name) + 1
    return months.get(name, 0)


def parse_time(text: str, formats: tuple[str, ...]) -> time | None:
    """The time of day, read by the first format that fits."""
    for time_format in formats:
        found = _date_pattern(time_format).fullmatch(text) if len(text) <= 40 else None
        if not found:
            continue
        parts = found.groupdict()
        hour = int(parts.get("hour") or 0)
        if parts.get("half_hour"):
            half = int(parts["half_hour"] or 0)
            afternoon = (parts.get("half") or "").casefold().startswith("p")
            hour = half % 12 + (12 if afternoon else 0) if 1 <= half <= 12 else 99
        try:
            return time(hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))
        except ValueError:
            continue
    return None


def zone(name: str) -> tzinfo | None:
    """The time zone that a dialect or a file names, or None."""
    try:
        return ZoneInfo(_ZONES.get(name.upper(), name))
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # ZoneInfo raises these for names of all kinds of oddity
        return None
