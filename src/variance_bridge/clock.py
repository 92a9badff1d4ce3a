"""The machine's clock: the only place of the project that reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

CLOCK_TOLERANCE = timedelta(seconds=120)
"""How far two machines' clocks may be apart before a time counts as being in the future."""


def http_date(text: str) -> datetime | None:
    """The instant that a header field such as `Date` names (RFC 9110 §5.6.7), in UTC; None for what is not a date.

    A year of fourteen digits is not a date either, whichever error the parser has for it.
    """
    # Imported here: it is a fifth of what a light command would load.
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


class SystemClock:
    """Satisfies `variance_bridge.broker.Clock`."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, never going back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        time.sleep(seconds)
