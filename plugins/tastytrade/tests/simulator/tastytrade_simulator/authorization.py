"""Tokens: who may ask. Access tokens live 900 seconds on the simulator's clock."""

from __future__ import annotations

import base64
import json
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

ACCESS_TOKEN_SECONDS: Final = 900
SESSION_HOURS: Final = 24


@dataclass(frozen=True)
class SimulatedCredentials:
    """What a user of the simulated broker holds; made at random, worth nothing anywhere else."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    username: str = "simulated-trader"
    password: str = field(repr=False, default="")
    one_time_password: str = field(repr=False, default="")

    @classmethod
    def generate(cls) -> SimulatedCredentials:
        """New credentials."""
        return cls(
            client_id=secrets.token_hex(16),
            client_secret=secrets.token_hex(20),
            refresh_token=_json_web_token("refresh"),
            password=secrets.token_urlsafe(12),
            one_time_password=f"{secrets.randbelow(10**6):06d}",
        )


class LegacyLogin(StrEnum):
    """What `POST /sessions` does: documented dead since 2026-02-11, seen alive after it."""

    OPEN = "open"
    DEVICE_CHALLENGE = "device-challenge"
    DECOMMISSIONED = "decommissioned"


@dataclass(frozen=True)
class AccessGrant:
    """An issued token and what it allows."""

    expires_at: datetime
    scopes: tuple[str, ...]


class Authority:
    """Issues tokens and knows which are good."""

    def __init__(
        self,
        credentials: SimulatedCredentials,
        clock: Callable[[], datetime],
        scopes: Sequence[str],
        access_token_seconds: int,
    ) -> None:
        self.granted_scopes = tuple(scopes)
        self.access_token_seconds = access_token_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._refresh_tokens = {credentials.refresh_token}
        self._access_tokens: dict[str, AccessGrant] = {}
        self._sessions: dict[str, datetime] = {}
        self._remember_tokens: set[str] = set()

    def knows_refresh_token(self, token: str) -> bool:
        """Whether a refresh token is valid now."""
        with self._lock:
            return token in self._refresh_tokens

    def issue_access_token(self, scopes: tuple[str, ...]) -> str:
        """A new access token."""
        token = _json_web_token("access")
        expires_at = self._clock() + timedelta(seconds=self.access_token_seconds)
        with self._lock:
            self._access_tokens[token] = AccessGrant(expires_at, scopes)
        return token

    def rotate_refresh_token(self, old: str) -> str:
        """A new refresh token; the old one is dead."""
        token = _json_web_token("refresh")
        with self._lock:
            self._refresh_tokens.discard(old)
            self._refresh_tokens.add(token)
        return token

    def revoke_refresh_tokens(self) -> None:
        """What happens when the user deletes the grant."""
        with self._lock:
            self._refresh_tokens.clear()

    def issue_session(self) -> tuple[str, str, datetime]:
        """A session token, a remember token for one use, and when the session ends."""
        session, remember = secrets.token_urlsafe(48), secrets.token_urlsafe(32)
        expires_at = self._clock() + timedelta(hours=SESSION_HOURS)
        with self._lock:
            self._sessions[session] = expires_at
            self._remember_tokens.add(remember)
        return session, remember, expires_at

    def use_remember_token(self, token: str) -> bool:
        """Whether a remember token is good; it is used up by asking."""
        with self._lock:
            known = token in self._remember_tokens
            self._remember_tokens.discard(token)
            return known

    def end_session(self, token: str) -> None:
        """Log out."""
        with self._lock:
            self._sessions.pop(token, None)

    def expire_all(self) -> None:
        """Every access token and session issued so far is dead."""
        with self._lock:
            self._access_tokens.clear()
            self._sessions.clear()

    def scopes_of(self, authorization: str | None) -> tuple[str, ...] | None:
        """What an Authorization header allows; None where it is not good.

        It is `Bearer` and an access token, or a bare session token, which may do everything.
        """
        if not authorization:
            return None
        scheme, _, token = authorization.partition(" ")
        now = self._clock()
        with self._lock:
            if scheme == "Bearer":
                grant = self._access_tokens.get(token)
                return grant.scopes if grant is not None and now < grant.expires_at else None
            ends_at = self._sessions.get(authorization)
            return ("read", "trade") if ends_at is not None and now < ends_at else None


def _json_web_token(kind: str) -> str:
    """A token in the shape of a JWT. Its `iat` and `exp` mislead on purpose: the real ones never move."""
    parts = (
        {"alg": "none", "typ": f"{kind}+jwt"},
        {"iat": 1735689600, "exp": 1767225600, "jti": secrets.token_hex(16)},
    )
    header, claims = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    )
    return f"{header}.{claims}.{secrets.token_urlsafe(24)}"
