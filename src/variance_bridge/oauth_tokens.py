"""OAuth for brokers: access tokens from a refresh token, renewed in time, and a new refresh token kept before it is used."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from variance_bridge.broker import BrokerContext, Response
from variance_bridge.errors import BridgeError, BrokerRefused, DataRefused
from variance_bridge.personal_values import PersonalKind, Secret

RENEWAL_MARGIN: Final = 60.0
"""Seconds before it expires at which an access token is renewed; half its lifetime if that is shorter."""

UNSTATED_LIFETIME: Final = 60.0
"""Seconds that an access token is used for if the answer does not say."""

_MAX_LIFETIME: Final = Decimal(86400)


class AccessToken:
    """The value of `Authorization`, renewed in time. Safe to use from several threads: one renewal at a time.

    The lifetime is `expires_in`, counted on the monotonic clock from before the request, so a wrong clock does not matter.

    Args:
        context: of the broker.
        refresh_token: the name of the credential.
        ask: sends the token request with a refresh token, by `context.session.post_token`.
        refusal: the error that an answer other than 200 means; `refusal` of this module suits most brokers.
        granted: looks at what else the answer says, such as its scope.
    """

    def __init__(
        self,
        context: BrokerContext,
        *,
        refresh_token: str,
        ask: Callable[[Secret], Response],
        refusal: Callable[[Response], BridgeError],
        granted: Callable[[Mapping[str, Any]], None] = lambda _answer: None,
    ) -> None:
        self._context = context
        self._name = refresh_token
        self._ask = ask
        self._refusal = refusal
        self._granted = granted
        self._lock = threading.Lock()
        self._rotated: Secret | None = None
        self._header: Secret | None = None
        self._renew_at = 0.0

    def header(self) -> Secret:
        """`Bearer` and a token that is valid for a while.

        Raises:
            BridgeError: what `refusal` makes of the answer.
            ConfigurationError: the answer has a new refresh token, and it cannot be kept.
            DataRefused: the answer has no access token.
        """
        with self._lock:
            if self._header is None or self._context.clock.monotonic() >= self._renew_at:
                self._header = self._renewed()
            return self._header

    def headers(self) -> Mapping[str, str | Secret]:
        """`Authorization`, for `variance_bridge.api_client.ApiClient`. Raises as `header`."""
        return {"Authorization": self.header()}

    def params(self) -> Sequence[tuple[str, str | Secret]]:
        """Nothing goes into the query."""
        return ()

    def replace(self, refused: Mapping[str, str | Secret]) -> bool:
        """Get another token after a request was refused with these header fields. Raises as `header`."""
        header = refused["Authorization"]
        if isinstance(header, Secret):
            self.renew(header)
        return True

    def renew(self, refused: Secret) -> None:
        """Get another one after a request was refused with this header, unless another thread did so already."""
        with self._lock:
            if self._header is None or self._header == refused:
                self._header = self._renewed()

    def _renewed(self) -> Secret:
        self._header = None
        # Of two syncs that start together the second reads the token that the first was given: its own is dead by then.
        with self._context.hold_credential(self._name) as kept:
            return self._exchanged(kept or self._rotated or self._context.credentials[self._name])

    def _exchanged(self, known: Secret) -> Secret:
        asked_at = self._context.clock.monotonic()
        response = self._ask(known)
        if response.status != 200:
            raise self._refusal(response)
        answer = response.json()
        token = answer.get("access_token") if isinstance(answer, Mapping) else None
        if not isinstance(token, str) or not token:
            raise DataRefused(
                "the answer to the token request has no access token",
                hint="run the sync again in a few minutes",
            )
        self._context.personal.add(token, PersonalKind.CREDENTIAL)
        self._keep_rotated(known, answer.get("refresh_token"))
        self._granted(answer)
        lifetime = _lifetime(answer.get("expires_in"))
        self._renew_at = asked_at + lifetime - min(RENEWAL_MARGIN, lifetime / 2)
        return Secret(f"Bearer {token}")

    def _keep_rotated(self, known: Secret, token: Any) -> None:
        """A new refresh token is kept before anything is done with the answer that brought it: the old one may be dead."""
        if not isinstance(token, str) or not token or Secret(token) == known:
            return
        rotated = Secret(token)
        self._context.personal.add(rotated, PersonalKind.CREDENTIAL)
        self._context.store_credential(self._name, rotated)
        self._rotated = rotated


def refusal(response: Response, *, hint: str) -> BridgeError:
    """What an answer other than 200 to a token request means.

    Args:
        response: to the request.
        hint: what the user does when the credentials are not accepted.
    """
    where = getattr(response, "request", None)
    if response.status in (400, 401, 403):
        what = f"the log-in is not accepted (status {response.status})"
        return BrokerRefused(what, where=where, hint=hint)
    return DataRefused(
        f"the answer to the token request has the status {response.status}",
        where=where,
        hint="run the sync again in a few minutes",
    )


def _lifetime(stated: Any) -> float:
    # Imported here: the request need not wait for what reads its answer.
    from variance_bridge.rows import RowRejected, number

    try:
        lifetime = number(stated)
    except RowRejected:
        lifetime = None
    if lifetime is None or lifetime <= 0:
        return UNSTATED_LIFETIME
    return float(min(lifetime, _MAX_LIFETIME))
