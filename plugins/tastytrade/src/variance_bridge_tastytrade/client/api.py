"""Requests to the API: addresses, headers, and one new access token after a 401."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol
from urllib.parse import quote

from variance_bridge import Secret
from variance_bridge.broker import BrokerContext, Response
from variance_bridge.rows import http_date
from variance_bridge_tastytrade.client.hosts import Endpoint, endpoint
from variance_bridge_tastytrade.client.oauth_grant import OAuthAccess
from variance_bridge_tastytrade.client.password_session import SessionAccess
from variance_bridge_tastytrade.client.response_errors import envelope_of
from variance_bridge_tastytrade.settings import SESSION, TastytradeSettings

_SHARED = "tastytrade.api"
_UNAUTHORIZED = 401

CLOCK_TOLERANCE = 60.0
"""Seconds by which this machine's clock may differ from the broker's before the user is warned."""


class Access(Protocol):
    """A way to log in."""

    def header(self) -> Secret:
        """The value of the Authorization header."""
        ...

    def replace(self, refused: Secret) -> bool:
        """Get a new value after one was refused; False if there is no other."""
        ...


class Api:
    """The reading side of tastytrade's REST API."""

    def __init__(self, context: BrokerContext) -> None:
        settings: TastytradeSettings = context.settings
        self.endpoint: Endpoint = endpoint(settings)
        self._context = context
        self._headers = {"Accept": "application/json"}
        if not self.endpoint.is_sandbox:
            self._headers["Accept-Version"] = settings.accept_version
        access = SessionAccess if settings.auth == SESSION else OAuthAccess
        self._access: Access = access(context, self.endpoint.base_url, self._headers)
        self._clock_checked = False

    def get(
        self, what: str, segments: Sequence[str], params: Sequence[tuple[str, str]] = ()
    ) -> Any:
        """The JSON of a successful response, not yet checked.

        Args:
            what: the route's name, for messages.
            segments: of the path; each is percent-encoded as a whole, so that a slash in a symbol does not separate segments.
            params: of the query, repeats kept.

        Raises:
            BrokerRefused: not permitted, even with a new access token.
            BrokerUnreachable: no response, or only failures.
            DataRefused: the response is not JSON.
        """
        url = "/".join((self.endpoint.base_url, *(quote(part, safe="") for part in segments)))
        header = self._access.header()
        response = self._send(url, params, header)
        if response.status == _UNAUTHORIZED and self._access.replace(header):
            response = self._send(url, params, self._access.header())
        envelope = envelope_of(response, what)
        self._check_clock(response)
        return envelope

    def authorization(self) -> Secret:
        """The value of the Authorization header, valid for a while; raises as `get`."""
        return self._access.header()

    def _send(self, url: str, params: Sequence[tuple[str, str]], header: Secret) -> Response:
        headers: dict[str, str | Secret] = {**self._headers, "Authorization": header}
        return self._context.session.get(url, params=params, headers=headers)

    def _check_clock(self, response: Response) -> None:
        """Warn once if this machine's clock is wrong: the age of positions is computed with it."""
        if self._clock_checked:
            return
        self._clock_checked = True
        theirs = http_date(response.headers.get("date", ""))
        if theirs is None:
            return
        off = (self._context.clock.now() - theirs).total_seconds()
        if abs(off) > CLOCK_TOLERANCE:
            direction = "ahead of" if off > 0 else "behind"
            self._context.warn(
                f"this machine's clock is {abs(off):.0f} s {direction} tastytrade's:"
                " the age of positions will be wrong until it is set"
            )


def api_of(context: BrokerContext) -> Api:
    """The one `Api` of this run: the broker and the quote source share its access token."""
    api = context.shared.get(_SHARED)
    if not isinstance(api, Api):
        api = context.shared[_SHARED] = Api(context)
    return api
