"""Signed requests to SnapTrade's API, and what its refusals mean.

Source: https://docs.snaptrade.com (authentication-methods, request-signatures) and its OpenAPI document.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from variance_bridge import BrokerContext, BrokerRefused, BrokerUnreachable, Secret
from variance_bridge.addresses import base_address
from variance_bridge.errors import ConfigurationError
from variance_bridge.rows import json_of
from variance_bridge_snaptrade.settings import SnapTradeSettings
from variance_bridge_snaptrade.signature import signature

URL = "https://api.snaptrade.com"

_KEY_HINT = (
    "check both parts of the key, and this machine's clock, which the signature depends on; a Personal key takes no"
    " user, a Commercial key needs SNAPTRADE_USER_ID and SNAPTRADE_USER_SECRET"
)
AGAIN = "run the sync again; if it happens again, the API has changed: report it"
RECONNECT = "reconnect the broker at dashboard.snaptrade.com, then run the sync again"
LATER = "SnapTrade is still reading the account: run the sync again in a few minutes"

_BAD_REQUEST, _DISABLED, _TOO_EARLY = 400, 402, 425


class Api:
    """GET with the key, signed, and JSON back."""

    def __init__(self, context: BrokerContext) -> None:
        settings: SnapTradeSettings = context.settings
        self._context = context
        base = base_address(settings.base_url, URL, setting="`base_url` of snaptrade")
        self._base = base + settings.path_prefix
        self.is_simulated = settings.base_url is not None

    def get(self, path: str) -> Any:
        """The JSON of the answer.

        Raises:
            BrokerRefused: the key is not accepted, or the connection to the institution is disabled.
            BrokerUnreachable: no answer, a limit or failures, after three tries; or not read by SnapTrade yet.
            DataRefused: another status, or not JSON.
        """
        params = self._params()
        key = self._context.credentials["SNAPTRADE_CONSUMER_KEY"]
        url = self._base + path
        headers: dict[str, str | Secret] = {
            "Signature": signature(key, urlsplit(url).path, params),
            "Accept": "application/json",
        }
        response = self._context.session.get(url, params=params, headers=headers)
        if response.status == _BAD_REQUEST:
            raise BrokerRefused(
                "SnapTrade does not accept the request (status 400)", hint=_KEY_HINT
            )
        if response.status == _DISABLED:
            raise BrokerRefused("SnapTrade's connection to the broker is disabled", hint=RECONNECT)
        if response.status == _TOO_EARLY:
            raise BrokerUnreachable("SnapTrade has not read this account yet", hint=LATER)
        return json_of(response, hint=_KEY_HINT)

    def _params(self) -> list[tuple[str, str | Secret]]:
        """Of each request: the key, the time of this machine and, with a Commercial key, the user.

        Raises:
            ConfigurationError: of user ID and secret one is missing.
        """
        given = self._context.credentials
        user, secret = given.get("SNAPTRADE_USER_ID"), given.get("SNAPTRADE_USER_SECRET")
        timestamp = str(int(self._context.clock.now().timestamp()))
        params: list[tuple[str, str | Secret]] = [
            ("clientId", given["SNAPTRADE_CLIENT_ID"]),
            ("timestamp", timestamp),
        ]
        if user and secret:
            params += [("userId", user), ("userSecret", secret)]
        elif user or secret:
            missing = "SNAPTRADE_USER_SECRET" if user else "SNAPTRADE_USER_ID"
            raise ConfigurationError(
                f"{missing} is missing",
                hint="a Commercial key needs the user's ID and secret, a Personal key neither",
            )
        return params
