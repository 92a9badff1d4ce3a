"""The exchange's calendar day."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

_NEW_YORK = ZoneInfo("America/New_York")


def exchange_day(instant: datetime) -> date:
    """The day of an instant in New York: what the API calls today."""
    return instant.astimezone(_NEW_YORK).date()
