"""Access by OAuth: a refresh token that never expires gives access tokens of 900 seconds, one at a time.

- The lifetime is `expires_in`, measured on the monotonic clock; the times inside the JWT are those of the grant.
- A token is renewed 60 s before it expires, and once after a 401.
- The token request carries no Authorization header: with an old one the endpoint fails (tastyware/tastytrade #255).
- Only the scope `read` is requested.

https://developer.tastytrade.com/docs/authentication/oauth2
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from variance_bridge import Secret
from variance_bridge.broker import BrokerContext
from variance_bridge.errors import CredentialsMissing, DataRefused
from variance_bridge.rows import RowRejected, number
from variance_bridge_tastytrade.client.responses import OK, json_of, refusal

CLIENT_SECRET = "TT_CLIENT_SECRET"  # noqa: S105 - a variable's name
REFRESH_TOKEN = "TT_REFRESH_TOKEN"  # noqa: S105 - a variable's name
CLIENT_ID = "TT_CLIENT_ID"
PATH = "/oauth/token"
SCOPE = "read"

RENEWAL_MARGIN = 60.0
"""Seconds before it expires at which a token is renewed; half its lifetime if that is shorter."""

UNSTATED_LIFETIME = 60.0
"""Seconds that a token is used for if the response does not say (the vendor's own client does the same)."""

_WHAT = "token"
_KNOWN_SCOPES = ("trade", "openid")


class OAuthAccess:
    """The Authorization header of requests, renewed in time. Safe to use from several threads: one renewal at a time."""

    def __init__(self, context: BrokerContext, base_url: str, headers: Mapping[str, str]) -> None:
        self._context = context
        self._url = base_url + PATH
        self._headers = headers
        self._lock = threading.Lock()
        self._refresh_token: Secret | None = context.credentials.get(REFRESH_TOKEN)
        self._header: Secret | None = None
        self._renew_at = 0.0
        self._warned = False

    def header(self) -> Secret:
        """`Bearer` and a token that is valid for a while."""
        with self._lock:
            if self._header is None or self._context.clock.monotonic() >= self._renew_at:
                self._header = self._renewed()
            return self._header

    def replace(self, refused: Secret) -> bool:
        """Renew the token that a request was refused with, unless another request did so already."""
        with self._lock:
            if self._header is None or self._header == refused:
                self._header = self._renewed()
            return True

    def _renewed(self) -> Secret:
        asked_at = self._context.clock.monotonic()
        self._header = None
        response = self._context.session.post_token(
            self._url, json=self._request(), headers=self._headers
        )
        if response.status != OK:
            raise refusal(response, _WHAT)
        answer = json_of(response, _WHAT)
        token = _token_of(answer)
        self._context.personal.add(token)
        lifetime = _lifetime_of(answer)
        self._renew_at = asked_at + lifetime - min(RENEWAL_MARGIN, lifetime / 2)
        self._keep_rotated(answer.get("refresh_token"))
        self._check_scope(answer.get("scope"))
        return token.prefixed("Bearer ")

    def _request(self) -> dict[str, str | Secret]:
        secret = self._context.credentials.get(CLIENT_SECRET)
        if secret is None or self._refresh_token is None:
            missing = [
                n for n in (CLIENT_SECRET, REFRESH_TOKEN) if n not in self._context.credentials
            ]
            raise CredentialsMissing(
                f"tastytrade needs {' and '.join(missing)}",
                hint="`variance auth set --broker tastytrade`; without an account: `variance demo`",
            )
        request: dict[str, str | Secret] = {
            "grant_type": "refresh_token",
            "refresh_token": self._refresh_token,
            "client_secret": secret,
            "scope": SCOPE,
        }
        client_id = self._context.credentials.get(CLIENT_ID)
        if client_id is not None:
            request["client_id"] = client_id
        return request

    def _keep_rotated(self, token: Any) -> None:
        """A new refresh token replaces the old one, which may no longer be valid."""
        if not isinstance(token, str) or not token or self._refresh_token is None:
            return
        rotated = Secret(token)
        if rotated == self._refresh_token:
            return
        self._context.personal.add(rotated)
        self._context.store_credential(REFRESH_TOKEN, rotated)
        self._refresh_token = rotated

    def _check_scope(self, scope: Any) -> None:
        granted = set(scope.split()) if isinstance(scope, str) else {SCOPE}
        wider = granted - {SCOPE}
        if not wider or self._warned:
            return
        self._warned = True
        known = [word for word in _KNOWN_SCOPES if word in wider]
        others = ["others"] if wider - set(_KNOWN_SCOPES) else []
        self._context.warn(
            f"the grant allows more than reading ({', '.join(known + others)}): variance-bridge only"
            " reads, but anyone who gets hold of it could do more; create one with only the scope `read`"
        )


def _token_of(answer: Any) -> Secret:
    token = answer.get("access_token") if isinstance(answer, Mapping) else None
    if not isinstance(token, str) or not token:
        raise DataRefused(
            "the answer has no access token",
            where=f"tastytrade, {_WHAT}",
            hint="run the sync again in a few minutes",
        )
    return Secret(token)


def _lifetime_of(answer: Mapping[str, Any]) -> float:
    try:
        lifetime = number(answer.get("expires_in"))
    except RowRejected:
        lifetime = None
    if lifetime is None or lifetime <= 0:
        return UNSTATED_LIFETIME
    return float(min(lifetime, Decimal(86400)))
