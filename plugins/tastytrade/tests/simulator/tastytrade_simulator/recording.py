"""Every request, as the server saw it: what tests count round trips, connections and retries with."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

# Requests per second that the vendor's own client keeps to, by route (tastytrade/tastytrade-mcp, rate limits).
PUBLISHED_LIMITS: Final[Mapping[str, int]] = {
    "accounts": 1,
    "positions": 1,
    "balances": 1,
    "market-data": 2,
    "*": 50,
}
# A client that sleeps exactly one second between two requests may still be seen a little less apart.
_SECOND: Final = timedelta(seconds=0.95)


@dataclass
class RecordedRequest:
    """One request. Headers and body hold secrets, so neither is in the text form of the object.

    Attributes:
        path: as sent, still percent-encoded, without the query.
        headers: names in lower case.
        at: the simulator's clock when the request had arrived.
        started: `time.monotonic()` at that moment, and `answered` when the answer was about to be sent.
        connection: which connection it came over, counted from 1.
        status: of the answer; None while there is none, or where there was none.
    """

    method: str
    path: str
    query: str
    route: str
    at: datetime
    started: float
    connection: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    status: int | None = None
    answered: float | None = None

    @property
    def parameters(self) -> list[tuple[str, str]]:
        """The query's pairs, decoded once, in order."""
        return parse_qsl(self.query, keep_blank_values=True)


class RequestLog:
    """The requests so far; safe to read while the server works."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        self._connections = 0

    def new_connection(self) -> int:
        """The number of a connection that was just accepted."""
        with self._lock:
            self._connections += 1
            return self._connections

    def add(self, request: RecordedRequest) -> None:
        """Record a request when it arrives."""
        with self._lock:
            self._requests.append(request)

    def clear(self) -> None:
        """Forget the requests."""
        with self._lock:
            self._requests.clear()

    def snapshot(self) -> list[RecordedRequest]:
        """All requests in order of arrival."""
        with self._lock:
            return list(self._requests)


def rate_excess(
    requests: Iterable[RecordedRequest], limits: Mapping[str, int] = PUBLISHED_LIMITS
) -> dict[str, int]:
    """How many requests came too soon, by route (`*`: over all); nothing when every limit was kept.

    Time is the simulator's clock.
    """
    times: dict[str, list[datetime]] = defaultdict(list)
    excess: Counter[str] = Counter()
    for request in requests:
        for name in (request.route, "*"):
            recent = [at for at in times[name] if request.at - at < _SECOND]
            times[name] = [*recent, request.at]
            if name in limits and len(recent) >= limits[name]:
                excess[name] += 1
    return dict(excess)


def sequential_round_trips(requests: Iterable[RecordedRequest]) -> int:
    """How many requests had to wait for another's answer: the longest chain of requests that do not overlap.

    Requests on a loopback overlap reliably only when answers are delayed (a `delay` fault on every route).
    """
    spans = sorted((r.answered, r.started) for r in requests if r.answered is not None)
    chain, free_at = 0, float("-inf")
    for answered, started in spans:
        if started >= free_at:
            chain += 1
            free_at = answered
    return chain
