"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

DEFAULT_START = datetime(2026, 1, 15, 15, 0, tzinfo=UTC)


class FrozenClock:
    """Satisfies `variance_bridge.broker.Clock`; sleeping moves it and takes no time.

    Attributes:
        slept: the seconds of each sleep so far.
    """

    def __init__(self, start: datetime = DEFAULT_START) -> None:
        self._start = start
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """The moment at which it stands, aware, in UTC."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Seconds since it was made."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Move on by that much, and remember it."""
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move on by that much."""
        self._passed += seconds
