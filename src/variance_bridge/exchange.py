"""New York's time and trading days: contracts expire on them, days to expiration count them; futures trade in days of their own."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from variance_bridge.symbology.trading_days import (
    holidays,
    is_trading_day,
    previous_trading_day,
    trading_day_on_or_before,
)

__all__ = [
    "EXCHANGE_TIME",
    "exchange_date",
    "holidays",
    "is_trading_day",
    "previous_trading_day",
    "trade_date",
    "trading_day_on_or_before",
]

EXCHANGE_TIME = ZoneInfo("America/New_York")
"""The time zone of the American exchanges."""


def exchange_date(moment: datetime) -> date:
    """The day that it is in New York at an aware moment."""
    return moment.astimezone(EXCHANGE_TIME).date()


_FUTURES_OPEN = timedelta(hours=18)


def trade_date(moment: datetime) -> date:
    """The trading day of futures at an aware moment: it begins at 18:00 New York of the day before (CME Globex hours).

    So a trade of Sunday evening belongs to Monday.
    """
    return (
        moment.astimezone(EXCHANGE_TIME).replace(tzinfo=None) + timedelta(days=1) - _FUTURES_OPEN
    ).date()
