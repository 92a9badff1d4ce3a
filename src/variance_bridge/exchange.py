"""New York's time: in its days contracts expire, and days to expiration are counted."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

EXCHANGE_TIME = ZoneInfo("America/New_York")
"""The time zone of the American exchanges."""


def exchange_date(moment: datetime) -> date:
    """The day that it is in New York at an aware moment."""
    return moment.astimezone(EXCHANGE_TIME).date()
