"""New York's time and trading days: contracts expire on them, days to expiration count them; futures trade in days of their own."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from variance_bridge.symbology.trading_days import (
    holidays,
    is_trading_day,
    named_holidays,
    next_trading_day,
    previous_trading_day,
    trading_day_on_or_before,
)

__all__ = [
    "EXCHANGE_TIME",
    "close_of",
    "days_to_expiration",
    "exchange_date",
    "holidays",
    "is_in_session",
    "is_trading_day",
    "next_close",
    "next_open",
    "next_trading_day",
    "previous_trading_day",
    "trade_date",
    "trading_day_on_or_before",
    "why_closed",
]

EXCHANGE_TIME = ZoneInfo("America/New_York")
"""The time zone of the American exchanges."""


@lru_cache(maxsize=4096)  # options of one expiration expire at the same instant
def exchange_date(moment: datetime) -> date:
    """The day that it is in New York at an aware moment."""
    return moment.astimezone(EXCHANGE_TIME).date()


def days_to_expiration(expiration: date, now: datetime) -> int:
    """Calendar days in New York from `now` to the expiration; 0 on the day itself, negative afterwards."""
    return (expiration - exchange_date(now)).days


_CLOSE = time(16)


def close_of(day: date) -> datetime:
    """The regular close of a day, 16:00 New York, in UTC. On a short session it is later than the last trade."""
    return datetime.combine(day, _CLOSE, EXCHANGE_TIME).astimezone(UTC)


def next_close(moment: datetime) -> datetime:
    """The first regular close of a trading day after an aware moment, in UTC."""
    day = exchange_date(moment)
    if is_trading_day(day) and moment < close_of(day):
        return close_of(day)
    return close_of(next_trading_day(day))


_OPEN, _LATE_CLOSE = time(9, 30), time(16, 15)
"""Of regular sessions; options on indices trade until a quarter past four (Cboe rule 5.1)."""


def is_in_session(moment: datetime) -> bool:
    """Whether shares or listed options trade at an aware moment, in regular hours of a full session."""
    local = moment.astimezone(EXCHANGE_TIME)
    return is_trading_day(local.date()) and _OPEN <= local.time() < _LATE_CLOSE


def next_open(moment: datetime) -> datetime:
    """The first regular opening of a trading day after an aware moment, 9:30 New York, in UTC."""
    day = exchange_date(moment)
    opening = datetime.combine(day, _OPEN, EXCHANGE_TIME)
    if not is_trading_day(day) or moment >= opening:
        opening = datetime.combine(next_trading_day(day), _OPEN, EXCHANGE_TIME)
    return opening.astimezone(UTC)


def why_closed(moment: datetime) -> str:
    """Why no share or listed option trades at an aware moment: `Thanksgiving Day`, `the weekend`; empty on a trading day."""
    day = exchange_date(moment)
    if is_trading_day(day):
        return ""
    name = named_holidays(day.year).get(day)
    return name or ("the weekend" if day.weekday() in _WEEKEND else "a holiday")


_WEEKEND = (5, 6)
_FUTURES_OPEN = timedelta(hours=18)


def trade_date(moment: datetime) -> date:
    """The trading day of futures at an aware moment: it begins at 18:00 New York of the day before (CME Globex hours).

    So a trade of Sunday evening belongs to Monday.
    """
    return (
        moment.astimezone(EXCHANGE_TIME).replace(tzinfo=None) + timedelta(days=1) - _FUTURES_OPEN
    ).date()
