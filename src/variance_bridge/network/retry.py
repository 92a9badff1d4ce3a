"""When a request is tried again: back-off with full jitter, and what the server asks for in Retry-After.

urllib3's `Retry` was weighed and left: it sleeps by the global clock, draws its jitter from the global generator, reads
the wall clock for the date form of Retry-After, has no deadline over all tries, and its log line holds the URL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from variance_bridge.network.policy import Policy

_SECONDS = re.compile(r"[0-9]{1,9}")
_FIRST_SERVER_ERROR = 500


def is_passing(status: int) -> bool:
    """Whether the same request may succeed later: a limit (429), or a failure of the server (5xx)."""
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= _FIRST_SERVER_ERROR


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

    A text that is neither is ignored, and a date that has passed is no wait.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
