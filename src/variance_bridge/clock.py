"""The machine's clock: the only place of the project that reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

CLOCK_TOLERANCE = timedelta(seconds=120)
"""How far two machines' clocks may be apart before a time counts as being in the future."""


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
