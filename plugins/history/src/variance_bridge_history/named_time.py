"""The times that a user names, for `--since` and in place of files: a day of the exchanges, in New York, or an instant. Pure.

What is named is a span: a day from midnight to midnight, an instant for as long as the last digit that was written. So
`2026-03-02T16:00Z`, copied from the table of `variance history`, finds the document of 16:00:33.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta

from msgspec import Struct

from variance_bridge.errors import UsageError
from variance_bridge.trading_hours import EXCHANGE_TIME, exchange_date

_ONE_DAY = timedelta(days=1)
_CLOCK = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1)}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAYS = ("today", "yesterday", *_WEEKDAYS)
"""The days that have names."""

TIMES = (
    "today, yesterday, monday, 5d (days ago), 2h (hours ago), 2026-03-02, or 2026-03-02T16:00Z"
    " (days begin and end at midnight in New York)"
)
_EXAMPLES = f"for example: --since yesterday; or {TIMES}"
_AGO = re.compile(r"([0-9]{1,4}) ?(m|min|h|d|w)")
_PRECISION = (
    (re.compile(r"[T ]\d\d:?\d\d:?\d\d[.,]\d"), datetime.resolution),
    (re.compile(r"[T ]\d\d:?\d\d:?\d\d"), timedelta(seconds=1)),
    (re.compile(r"[T ]\d\d:?\d\d"), timedelta(minutes=1)),
    (re.compile(r""), timedelta(hours=1)),
)


class Span(Struct, frozen=True):
    """A named time, from its first moment to its last, in UTC.

    Attributes:
        day: where a whole day was named.
    """

    begins: datetime
    ends: datetime
    day: date | None = None


def named_span(text: str, now: datetime) -> Span | None:
    """What the text names; None where that is not a time.

    Args:
        text: `today`, `yesterday`, `monday` or `mon` (the last one before today), `5d` or `1w` (that day), `2h` or `30m`
            (that long ago), a day (`2026-03-02`), or an instant with its zone.
        now: aware.

    Raises:
        UsageError: an instant without its zone.
    """
    word = text.strip().lower()
    ago = _AGO.fullmatch(word)
    if ago and ago[2] in _CLOCK:
        moment = now.astimezone(UTC) - int(ago[1]) * _CLOCK[ago[2]]
        return Span(moment, moment)
    day = _day(word, exchange_date(now))
    if day is not None:
        try:
            return Span(_midnight(day), _midnight(day + _ONE_DAY) - datetime.resolution, day)
        except OverflowError:
            return None
    try:
        moment = datetime.fromisoformat(text.strip().upper())
        if moment.tzinfo is None:
            named = moment.isoformat(timespec="minutes")
            utc = f"{named}Z is UTC, as `variance history` shows times"
            raise UsageError(f"the time {named} has no zone", hint=f"{utc}\n  {_EXAMPLES}")
        begins = moment.astimezone(UTC)
        length = next(length for form, length in _PRECISION if form.search(text.upper()))
        return Span(begins, begins + length - datetime.resolution)
    except (ValueError, OverflowError):
        return None


def _day(word: str, today: date) -> date | None:
    if word in {"today", "yesterday"}:
        return today if word == "today" else today - _ONE_DAY
    if ago := _AGO.fullmatch(word):
        return today - int(ago[1]) * (7 * _ONE_DAY if ago[2] == "w" else _ONE_DAY)
    for number, name in enumerate(_WEEKDAYS):
        if word in {name, name[:3]}:
            return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def beginning(text: str, now: datetime) -> datetime:
    """The first moment of what `--since` names, in UTC.

    Raises:
        UsageError: it is not a time, or lacks its zone.
    """
    return _named(text, now).begins


def base(text: str, now: datetime) -> datetime:
    """The last moment of the state to compare with since then: the end of that day or instant, but the night before for today.

    Raises:
        UsageError: it is not a time, lacks its zone, or has not begun.
    """
    span = _begun(text, now)
    return span.begins - datetime.resolution if span.day == exchange_date(now) else span.ends


def end(text: str, now: datetime) -> datetime:
    """The last moment of what was named, in UTC. Raises as `base`."""
    return _begun(text, now).ends


def _begun(text: str, now: datetime) -> Span:
    span = _named(text, now)
    if span.begins > now:
        raise UsageError(f"{text} is in the future", hint=_EXAMPLES)
    return span


def _named(text: str, now: datetime) -> Span:
    span = named_span(text, now)
    if span is None:
        raise UsageError("`--since` is not a day, nor an instant with its zone", hint=_EXAMPLES)
    return span


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), EXCHANGE_TIME).astimezone(UTC)
