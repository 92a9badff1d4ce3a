"""Published rates: at most so many requests in any window of time. Every try counts, the retries among them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from variance_bridge.broker import RateLimit


class Rates:
    """When a request may be sent, by the requests before it, on a monotonic clock. The first never waits.

    Several sessions of one broker share the rates, because the broker counts the requests of all of them.

    Args:
        limits: the published rates; all whose path fits a request count for it.

    Attributes:
        turn: held from the question until the request is counted, so that of two sessions one waits for the other.
    """

    def __init__(self, limits: Sequence[RateLimit]) -> None:
        self.turn = threading.Lock()
        self._sent = [(limit, deque[float](maxlen=limit.requests)) for limit in limits]

    def wait(self, path: str, now: float) -> float:
        """Seconds from `now` until a request to that path may be sent."""
        waits = [
            sent[0] + limit.seconds - now
            for limit, sent in self._sent
            if len(sent) == limit.requests and _fits(limit.path, path)
        ]
        return max(0.0, *waits) if waits else 0.0

    def count(self, path: str, now: float) -> None:
        """Remember that a request was sent."""
        for limit, sent in self._sent:
            if _fits(limit.path, path):
                sent.append(now)


def _fits(pattern: str, path: str) -> bool:
    """Whether a path begins with the segments of the pattern; `*` is any one segment, and "" fits all."""
    wanted, given = pattern.strip("/").split("/"), path.strip("/").split("/")
    if wanted == [""]:
        return True
    pairs = list(zip(wanted, given, strict=False))
    return len(pairs) == len(wanted) and all(want in ("*", have) for want, have in pairs)
