"""The values of Flex attributes: all are texts, and several of them stand for nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from variance_bridge import Rejection
from variance_bridge.rows import Members, RowRejected

_NOTHING = ("", "-", "--", "N/A", "MULTI")
_DIGITS = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_NAMED_MONTH = re.compile(r"[0-9]{2}-[A-Z][a-z]{2}-[0-9]{2}")
_AFTER_DATE = re.compile(r"[;, T]")


def stated(row: Any) -> Any:
    """A row without the attributes that say nothing; what is not a row as it is."""
    if not isinstance(row, Mapping):
        return row
    return {name: value for name, value in row.items() if value not in _NOTHING}


def flex_day(value: Any) -> date | None:
    """The day of a Flex date, or date and time, in one of the formats that can be read in one way only.

    `2026-01-14`, `20260114`, `14-Jan-26`. The user chooses the format in the query; those with slashes are refused,
    because day and month cannot be told apart.

    Raises:
        RowRejected: `date_unreadable`.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise RowRejected(Rejection.DATE_UNREADABLE)
    text = _AFTER_DATE.split(value.strip(), maxsplit=1)[0]
    try:
        if found := _DIGITS.fullmatch(text):
            return date(*map(int, found.groups()))
        if _NAMED_MONTH.fullmatch(text):
            return datetime.strptime(text, "%d-%b-%y").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        pass
    raise RowRejected(Rejection.DATE_UNREADABLE)


def day_or_none(row: Members, name: str) -> date | None:
    """An optional day; None where it is absent or cannot be read."""
    try:
        return flex_day(row.get(name))
    except RowRejected:
        return None
