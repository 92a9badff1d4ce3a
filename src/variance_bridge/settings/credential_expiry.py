"""Credentials that stop working some time after the log-in: when a user is warned, and in which words. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from variance_bridge.formatting import plural
from variance_bridge.settings.credential_owner import Login

if TYPE_CHECKING:
    from variance_bridge.broker import Credential

MAX_NOTICE: Final = timedelta(days=3)
"""So long before the end users are warned, or for the second half of a shorter life."""


def expiry_words(expires_at: datetime, now: datetime) -> str:
    """`expires in 2 days`, `expires in 5 hours`, `has expired`."""
    left = expires_at - now
    if left <= timedelta(0):
        return "has expired"
    if left >= timedelta(days=2):
        return f"expires in {plural(left.days, 'day')}"
    if left >= timedelta(hours=2):
        return f"expires in {plural(int(left.total_seconds() // 3600), 'hour')}"
    return f"expires in {plural(int(left.total_seconds() // 60), 'minute')}"


def is_near(expires_at: datetime, now: datetime, credential: Credential) -> bool:
    """Whether the user should log in again soon."""
    notice = MAX_NOTICE
    if credential.lifetime is not None:
        notice = min(notice, credential.lifetime / 2)
    return expires_at - now <= notice


def renewal(login: Login) -> str:
    """What to do about it."""
    return f"log in again with `variance auth login {login.flags}`"
