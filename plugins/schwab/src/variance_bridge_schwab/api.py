"""Requests to Schwab's Trader API, with an access token of half an hour.

Sources: the clients schwab-py (auth.rst, client.rst) and schwabdev (api.md, troubleshooting.md).
"""

from __future__ import annotations

import base64

from variance_bridge import BrokerContext, Environment, Secret
from variance_bridge.addresses import base_address
from variance_bridge.api_client import ApiClient
from variance_bridge.broker import Response
from variance_bridge.oauth_tokens import AccessToken, refusal
from variance_bridge_schwab.plugin import HOST, REFRESH, TOKEN_PATH
from variance_bridge_schwab.settings import SchwabSettings

URL = f"https://{HOST}"

_LOG_IN = "log in again with `variance auth login --broker schwab`: a log-in lasts seven days"
_PERMISSION = f"{_LOG_IN}; if it happens again, check that the app has the product Accounts and Trading Production"


class Api(ApiClient):
    """GET with the access token, and JSON back."""

    def __init__(self, context: BrokerContext) -> None:
        settings: SchwabSettings = context.settings
        self._known = context.credentials
        self._session = context.session
        self._base = base_address(settings.base_url, URL, setting="`base_url` of schwab")
        self.environment = (
            Environment.PRODUCTION if settings.base_url is None else Environment.SIMULATOR
        )
        token = AccessToken(
            context,
            refresh_token=REFRESH,
            ask=self._ask_token,
            refusal=lambda response: refusal(response, hint=_LOG_IN),
        )
        super().__init__(context, self._base, token, hint=_PERMISSION)

    def _ask_token(self, refresh_token: Secret) -> Response:
        known = self._known
        pair = f"{known['SCHWAB_APP_KEY'].reveal()}:{known['SCHWAB_APP_SECRET'].reveal()}"
        encoded = Secret(base64.b64encode(pair.encode()).decode("ascii"))
        return self._session.post_token(
            self._base + TOKEN_PATH,
            form={"grant_type": "refresh_token", "refresh_token": refresh_token},
            headers={"Authorization": encoded.prefixed("Basic ")},
        )
