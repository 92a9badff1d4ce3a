"""Access by OAuth: a refresh token that never expires gives access tokens of 900 seconds, one at a time.

- An access token is renewed 60 s before it expires, and once after a 401; the times inside the JWT are those of the grant.
- The token request carries no Authorization header: with an old one the endpoint fails (tastyware/tastytrade #255).
- Only the scope `read` is requested.

https://developer.tastytrade.com/docs/authentication/oauth2
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from variance_bridge import Secret
from variance_bridge.broker import BrokerContext, Response
from variance_bridge.errors import CredentialsMissing
from variance_bridge.oauth_tokens import AccessToken
from variance_bridge_tastytrade.client.response_errors import OK, json_of, refusal

CLIENT_SECRET = "TT_CLIENT_SECRET"  # noqa: S105 - a variable's name
REFRESH_TOKEN = "TT_REFRESH_TOKEN"  # noqa: S105 - a variable's name
CLIENT_ID = "TT_CLIENT_ID"
PATH = "/oauth/token"
SCOPE = "read"

_WHAT = "token"
_KNOWN_SCOPES = ("trade", "openid")


class OAuthAccess:
    """The Authorization header of requests."""

    def __init__(self, context: BrokerContext, base_url: str, headers: Mapping[str, str]) -> None:
        self._context = context
        self._url = base_url + PATH
        self._headers = headers
        self._warned = False
        self._token = AccessToken(
            context,
            refresh_token=REFRESH_TOKEN,
            ask=self._ask,
            refusal=lambda response: refusal(response, _WHAT),
            granted=lambda answer: self._check_scope(answer.get("scope")),
        )

    def header(self) -> Secret:
        """`Bearer` and a token that is valid for a while."""
        self._check_credentials()
        return self._token.header()

    def replace(self, refused: Secret) -> bool:
        """Renew the token that a request was refused with, unless another request did so already."""
        self._token.renew(refused)
        return True

    def _check_credentials(self) -> None:
        needed = (CLIENT_SECRET, REFRESH_TOKEN)
        missing = [name for name in needed if name not in self._context.credentials]
        if missing:
            raise CredentialsMissing(
                f"tastytrade needs {' and '.join(missing)}",
                hint="`variance auth login --broker tastytrade`; without an account: `variance demo`",
            )

    def _ask(self, refresh_token: Secret) -> Response:
        known = self._context.credentials
        request: dict[str, str | Secret] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_secret": known[CLIENT_SECRET],
            "scope": SCOPE,
        }
        if CLIENT_ID in known:
            request["client_id"] = known[CLIENT_ID]
        response = self._context.session.post_token(self._url, json=request, headers=self._headers)
        if response.status == OK:
            json_of(response, _WHAT)  # a page in place of JSON is called that
        return response

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
