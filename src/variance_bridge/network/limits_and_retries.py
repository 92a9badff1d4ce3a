"""The limits of a request, and when it is tried again: back-off with jitter, what Retry-After asks for, published rates.

urllib3's `Retry` was weighed and left: it sleeps by the global clock, draws its jitter from the global generator, reads
the wall clock for the date form of Retry-After, has no deadline over all tries, and its log line holds the URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct, field

from variance_bridge.clock import http_date
from variance_bridge.network.proxy import NetworkAccess
from variance_bridge.storage.read import MEBIBYTE

_SECONDS = r"[0-9]{1,9}"
TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500


class Policy(Struct, frozen=True, kw_only=True):
    """How long, how much and how often. Seconds and bytes.

    Attributes:
        tries: of one request, the first included.
        connect_seconds: for one connection to be made.
        read_seconds: for one silence of the other side.
        total_seconds: for one request with all its tries and waits.
        back_off_seconds: the longest wait before the second try; doubles for each further one.
        longest_wait_seconds: the longest wait; a server that asks for more (Retry-After) is not asked again.
        body_bytes: the longest body, before and after decompression.
        access: proxy and netrc.
    """

    tries: int = 3
    connect_seconds: float = 10.0
    read_seconds: float = 20.0
    total_seconds: float = 60.0
    back_off_seconds: float = 1.0
    longest_wait_seconds: float = 30.0
    body_bytes: int = 8 * MEBIBYTE
    access: NetworkAccess = field(default_factory=NetworkAccess)


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later: a limit (429), or a failure of the server (5xx)."""
    return status == TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR


def wait_before(
    attempt: int,
    asked: float | None,
    policy: Policy,
    random: Callable[[], float],
    *,
    limited: bool = False,
) -> float:
    """Seconds to wait after try number `attempt`, from 1; at least what the server asked for.

    A random part of the doubling back-off ("full jitter"). After a limit (429) all of it and a random part of as much
    again ("equal jitter"): rates are published per second, and a shorter wait would meet the same limit.
    """
    ceiling = min(policy.longest_wait_seconds, policy.back_off_seconds * 2.0 ** (attempt - 1))
    wait = ceiling * random()
    if limited:
        wait = min(policy.longest_wait_seconds, ceiling + wait)
    return max(asked or 0.0, wait)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 §10.2.3): a number of seconds or a date; None when it does not.

    A text that is neither is ignored, and a date that has passed means no wait.
    """
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(_SECONDS, value):
        return float(value)
    moment = http_date(value)
    return None if moment is None else max(0.0, (moment - now).total_seconds())
