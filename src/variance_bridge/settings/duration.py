"""Lengths of time as people write them: `90 s`, `15 min`, `1 h 30 min`, `3 d`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

MAX_DURATION: Final = timedelta(days=3660)

_UNITS: Final = {
    "s": "seconds",
    "sec": "seconds",
    "second": "seconds",
    "m": "minutes",
    "min": "minutes",
    "minute": "minutes",
    "h": "hours",
    "hour": "hours",
    "d": "days",
    "day": "days",
    "w": "weeks",
    "week": "weeks",
}
_PART = r"\s*([0-9]{1,9})\s*([a-z]+?)s?(?=\s|[0-9]|$)"


def parse_duration(text: str) -> timedelta:
    """The length of time that a text names; reads all that `variance_bridge.formatting.format_age` writes.

    Raises:
        ValueError: no such length of time, a number without a unit, or more than ten years.
    """
    length, place = timedelta(), 0
    while place < len(text.rstrip()):
        part = re.compile(_PART).match(text.lower(), place)
        if part is None or part[2] not in _UNITS:
            raise ValueError("a length of time is written like 90 s, 15 min, 2 h or 3 d")
        length += timedelta(**{_UNITS[part[2]]: int(part[1])})
        place = part.end()
    if not place or length > MAX_DURATION:
        raise ValueError("a length of time is written like 90 s, 15 min, 2 h or 3 d")
    return length
