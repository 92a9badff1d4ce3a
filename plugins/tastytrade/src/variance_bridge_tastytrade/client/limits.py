"""Keeps to the rates that tastytrade publishes: a request that would come too soon waits."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from variance_bridge.broker import Clock

REQUESTS_PER_SECOND: Mapping[str, int] = {
    "accounts": 1,
    "positions": 1,
    "balances": 1,
    "market-data": 2,
}
"""By route, as the vendor's own client limits itself (tastytrade/tastytrade-mcp, safety/rate-limit)."""

TOTAL_PER_SECOND = 50
"""Requests per second over all routes (same source)."""

_WINDOW = 1.0


class Limits:
    """Counts requests on the monotonic clock: at most so many in any second. The first never waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._all = deque[float](maxlen=TOTAL_PER_SECOND)
        self._by_route = {
            route: deque[float](maxlen=rate) for route, rate in REQUESTS_PER_SECOND.items()
        }

    def wait(self, route: str) -> None:
        """Sleep until a request of this route may be sent, and count it."""
        windows = [self._all]
        if route in self._by_route:
            windows.append(self._by_route[route])
        for sent in windows:
            remaining = sent[0] + _WINDOW - self._clock.monotonic() if _is_full(sent) else 0
            if remaining > 0:
                self._clock.sleep(remaining)
        for sent in windows:
            sent.append(self._clock.monotonic())


def _is_full(sent: deque[float]) -> bool:
    return len(sent) == sent.maxlen
