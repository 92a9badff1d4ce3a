"""GET with a log-in, and the answer as JSON: what the requests of most brokers are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from variance_bridge.broker import BrokerContext, Response
from variance_bridge.personal_values import Secret
from variance_bridge.rows.response_body import body_of, json_of

_UNAUTHORIZED = 401


class LogIn(Protocol):
    """What proves to the broker who asks. `FixedSecret` is one, and `variance_bridge.oauth_tokens.AccessToken` another."""

    def headers(self) -> Mapping[str, str | Secret]:
        """The header fields that go with each request."""
        ...

    def params(self) -> Sequence[tuple[str, str | Secret]]:
        """What goes into the query of each request, before its own parameters."""
        ...

    def replace(self, refused: Mapping[str, str | Secret]) -> bool:
        """Get another proof after a request was refused with these header fields; False if there is no other."""
        ...


class FixedSecret:
    """A log-in by credentials that never change: a token or a key, sent with each request.

    Args:
        context: of the broker.
        bearer: the credential that goes into the header `Authorization`, behind `Bearer`.
        headers: header fields, and the credential of each: `{"X-Api-Key": "ACME_KEY"}`.
        params: names in the query, and the credential of each; declare `credential_in_query`.
    """

    def __init__(
        self,
        context: BrokerContext,
        *,
        bearer: str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        self._context = context
        self._bearer = bearer
        self._headers = dict(headers or {})
        self._params = dict(params or {})

    def headers(self) -> Mapping[str, str | Secret]:
        """The credentials, by header field."""
        known = self._context.credentials
        found: dict[str, str | Secret] = {
            field: known[name] for field, name in self._headers.items()
        }
        if self._bearer is not None:
            found["Authorization"] = known[self._bearer].prefixed("Bearer ")
        return found

    def params(self) -> Sequence[tuple[str, str | Secret]]:
        """The credentials, by name in the query."""
        known = self._context.credentials
        return [(name, known[credential]) for name, credential in self._params.items()]

    def replace(self, refused: Mapping[str, str | Secret]) -> bool:  # noqa: ARG002 - there is no other
        """Never: there is no other, and failed log-ins are counted."""
        return False


class ApiClient:
    """GET to one API, with a log-in.

    Args:
        context: of the broker.
        address: what stands before every path; see `variance_bridge.addresses.base_address`.
        log_in: a `FixedSecret`, an `AccessToken`, or your own.
        hint: what the user does when the credentials are not accepted.
        headers: further header fields of each request; None for `Accept: application/json`.
    """

    def __init__(
        self,
        context: BrokerContext,
        address: str,
        log_in: LogIn,
        *,
        hint: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._context = context
        self._address = address
        self._log_in = log_in
        self._hint = hint
        self._headers = {"Accept": "application/json"} if headers is None else dict(headers)

    def get(self, path: str, params: Sequence[tuple[str, str | Secret]] = ()) -> Any:
        """The JSON of a good answer.

        Args:
            path: from a slash on. Percent-encode what comes from an answer: `urllib.parse.quote(number, safe="")`. Or a
                whole address, as `variance_bridge.paging.next_address` gives it.
            params: of the query, each encoded once, in order, repeats kept.

        Raises:
            BrokerRefused: the credentials are not accepted, or do not permit this.
            BrokerUnreachable: no answer, a limit or failures, after three tries.
            DataRefused: another status, or not JSON.
        """
        return json_of(self.response(path, params), hint=self._hint)

    def body(self, path: str, params: Sequence[tuple[str, str | Secret]] = ()) -> bytes:
        """The bytes of a good answer that is not JSON; otherwise as `get`."""
        return body_of(self.response(path, params), hint=self._hint)

    def response(self, path: str, params: Sequence[tuple[str, str | Secret]] = ()) -> Response:
        """The answer, whatever its status, for an API whose refusals say more.

        After 401 a log-in that has another proof (`AccessToken`) uses it, once.
        """
        headers = self._log_in.headers()
        answer = self._send(path, params, headers)
        if answer.status == _UNAUTHORIZED and self._log_in.replace(headers):
            answer = self._send(path, params, self._log_in.headers())
        return answer

    def _send(
        self,
        path: str,
        params: Sequence[tuple[str, str | Secret]],
        headers: Mapping[str, str | Secret],
    ) -> Response:
        is_whole = path.startswith(("https://", "http://"))
        return self._context.session.get(
            path if is_whole else self._address + path,
            params=[*self._log_in.params(), *params],
            headers={**self._headers, **headers},
        )
