"""The limits of a request, and when it is tried again: back-off with full jitter, and what Retry-After asks for.

urllib3's `Retry` was weighed and left: it sleeps by the global clock, draws its jitter from the global generator, reads
the wall clock for the date form of Retry-After, has no deadline over all tries, and its log line holds the URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import attrs

from variance_bridge.network.access import NetworkAccess
from variance_bridge.storage.read import MEBIBYTE

_SECONDS = re.compile(r"[0-9]{1,9}")
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500


@attrs.frozen(kw_only=True)
class Policy:
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
    access: NetworkAccess = attrs.field(factory=NetworkAccess)


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later: a limit (429), or a failure of the server (5xx)."""
    return status == _TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR


def wait_before(
    attempt: int, asked: float | None, policy: Policy, random: Callable[[], float]
) -> float:
    """Seconds to wait after try number `attempt`, from 1.

    A random part of the doubling back-off ("full jitter"), and at least what the server asked for.
    """
    ceiling = min(policy.longest_wait_seconds, policy.back_off_seconds * 2.0 ** (attempt - 1))
    return max(asked or 0.0, random() * ceiling)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 §10.2.3): a number of seconds or a date; None when it does not.

    A text that is neither is ignored, and a date that has passed means no wait.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    from email.utils import parsedate_to_datetime

    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
