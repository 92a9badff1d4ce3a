"""Access by the legacy session log-in, for profiles with `auth = "session"`.

The vendor announced its end for 2026-02-11. There is only one attempt: failed log-ins block the address for about
eight hours, in which no request is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from variance_bridge import Secret
from variance_bridge.broker import BrokerContext
from variance_bridge.errors import BridgeError, CredentialsMissing, DataRefused
from variance_bridge_tastytrade.client.response_errors import (
    CREATE_GRANT,
    CREATED,
    OK,
    json_of,
    login_refusal,
)

SESSION_TOKEN = "TASTY_SESSION_TOKEN"  # noqa: S105 - a variable's name
USERNAME = "TASTY_USERNAME"
PASSWORD = "TASTY_PASSWORD"  # noqa: S105 - a variable's name
PATH = "/sessions"

_WHAT = "log-in"
_PERSONAL_MEMBERS = ("email", "username", "name", "nickname", "external-id")


class SessionAccess:
    """The Authorization header of requests: a bare session token, without `Bearer`."""

    def __init__(self, context: BrokerContext, base_url: str, headers: Mapping[str, str]) -> None:
        self._context = context
        self._url = base_url + PATH
        self._headers = headers
        self._lock = threading.Lock()
        self._token = context.credentials.get(SESSION_TOKEN)
        self._failure: BridgeError | None = None

    def header(self) -> Secret:
        """The configured session token, or the one from the log-in."""
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._token is None:
                try:
                    self._token = self._logged_in()
                except BridgeError as error:
                    self._failure = error
                    raise
            return self._token

    def replace(self, refused: Secret) -> bool:  # noqa: ARG002 - an expired session is not renewed
        """Never: a refused session is an error, because a second log-in could block the address."""
        return False

    def _logged_in(self) -> Secret:
        username = self._context.credentials.get(USERNAME)
        password = self._context.credentials.get(PASSWORD)
        if username is None or password is None:
            raise CredentialsMissing(
                f"the legacy log-in needs {SESSION_TOKEN}, or {USERNAME} and {PASSWORD}",
                hint=f'better, use OAuth (`auth = "oauth"`): {CREATE_GRANT}',
            )
        response = self._context.session.post_token(
            self._url,
            json={"login": username, "password": password},
            headers=self._headers,
            once=True,
        )
        if response.status not in (OK, CREATED):
            raise login_refusal(response)
        answer = json_of(response, _WHAT)
        data = answer.get("data") if isinstance(answer, Mapping) else None
        self._learn(data)
        token = data.get("session-token") if isinstance(data, Mapping) else None
        if not isinstance(token, str) or not token:
            raise DataRefused(
                "the answer has no session token",
                where=f"tastytrade, {_WHAT}",
                hint=f'use OAuth (`auth = "oauth"`): {CREATE_GRANT}',
            )
        self._context.personal.add(Secret(token))
        return Secret(token)

    def _learn(self, data: Any) -> None:
        """Keep what identifies the user out of logs, files and messages."""
        user = data.get("user") if isinstance(data, Mapping) else None
        for name in _PERSONAL_MEMBERS if isinstance(user, Mapping) else ():
            value = user.get(name) if isinstance(user, Mapping) else None
            if isinstance(value, str) and value:
                self._context.personal.add(value)
