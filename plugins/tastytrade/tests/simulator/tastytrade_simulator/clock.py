"""The simulator's own clock, which a test can stop, turn and set wrong."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """A callable that tells the time in UTC.

    It ticks with the machine's clock unless `frozen`. `advance` moves it, so that a 900-second token can
    expire in a test that takes a millisecond.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("a clock needs a time with a zone")
        machine_time = datetime.now(UTC)
        self._lock = threading.Lock()
        self._frozen_at = (start or machine_time).astimezone(UTC) if frozen else None
        self._offset = timedelta() if start is None else start.astimezone(UTC) - machine_time

    def __call__(self) -> datetime:
        """The time now, in UTC."""
        with self._lock:
            return self._frozen_at or datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock by so many seconds; a negative number sets it back."""
        with self._lock:
            if self._frozen_at is None:
                self._offset += timedelta(seconds=seconds)
            else:
                self._frozen_at += timedelta(seconds=seconds)
