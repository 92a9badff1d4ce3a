"""The browser's part of a log-in: the address at which the user agrees, and what the browser brings back. Pure.

OAuth's authorization code (RFC 6749, section 4.1), with `state` against answers to another log-in and, where the broker
takes it, a proof key (RFC 7636).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from msgspec import Struct

from variance_bridge.errors import BrokerRefused, DataRefused
from variance_bridge.personal_values import Secret

MAX_REDIRECT: Final = 4096
"""Characters in an address that a browser brings or a user pastes."""

_AGAIN: Final = "run `variance auth login` again"


class Request(Struct, frozen=True, kw_only=True):
    """One log-in that was begun.

    Attributes:
        redirect: where the browser is sent afterwards, exactly.
        state: comes back unchanged, and says that the answer belongs to this log-in.
        verifier: what the exchange proves itself with; None without a proof key.
    """

    redirect: str
    state: Secret
    verifier: Secret | None = None

    @classmethod
    def begin(cls, redirect: str, *, pkce: bool, random_text: Callable[[int], str]) -> Request:
        """A log-in with values that nobody can guess.

        Args:
            redirect: where the browser is sent afterwards.
            pkce: whether the broker takes a proof key.
            random_text: so many random bytes as a text of letters, digits, `-` and `_`: `secrets.token_urlsafe`.
        """
        return cls(
            redirect=redirect,
            state=Secret(random_text(32)),
            verifier=Secret(random_text(64)) if pkce else None,
        )

    def address(self, page: str, client_id: Secret, scope: str) -> str:
        """The page of the broker with this log-in in its query."""
        parameters = {
            "response_type": "code",
            "client_id": client_id.reveal(),
            "redirect_uri": self.redirect,
            "state": self.state.reveal(),
        }
        if scope:
            parameters["scope"] = scope
        if self.verifier is not None:
            parameters |= {
                "code_challenge": _challenge(self.verifier),
                "code_challenge_method": "S256",
            }
        return f"{page}{'&' if '?' in page else '?'}{urlencode(parameters, quote_via=quote)}"

    def is_answered_by(self, address: str) -> bool:
        """Whether an address is where the browser was to be sent, with an answer in its query."""
        found, wanted = _parts(address), _parts(self.redirect)
        if len(address) > MAX_REDIRECT or found is None or found[:-1] != (wanted or ())[:-1]:
            return False
        return bool({"code", "error"} & set(_query(found[-1])))

    def code(self, address: str, *, needs_state: bool = True) -> Secret:
        """The code that the browser brought.

        Args:
            address: where the browser was sent.
            needs_state: whether an address without `state` is refused, as one with another `state` always is.

        Raises:
            DataRefused: the address is not that of the redirect, answers another log-in, or has no code.
            BrokerRefused: the user, or the broker, said no.
        """
        if not self.is_answered_by(address):
            raise DataRefused(
                "this is not the address to which the broker sent the browser", hint=_AGAIN
            )
        query = _query((_parts(address) or ("",))[-1])
        states = query.get("state", [])
        is_ours = all(_same(one, self.state.reveal()) for one in states)
        if not is_ours or len(states) > 1 or (needs_state and not states):
            raise DataRefused(
                "the answer does not belong to this log-in (its `state` is different)",
                hint=f"close other log-ins, and {_AGAIN}",
            )
        if "error" in query:
            raise _refusal(query["error"][0])
        codes = query["code"]
        if len(codes) != 1 or not codes[0].isascii() or not codes[0].isprintable():
            raise DataRefused("the answer has no code that can be exchanged", hint=_AGAIN)
        return Secret(codes[0])


def _refusal(error: str) -> BrokerRefused:
    """What the broker's error means; its description may say anything, and is not repeated."""
    if error == "access_denied":
        return BrokerRefused(
            "access was denied on the broker's page", hint=f"to allow it, {_AGAIN}"
        )
    known = {
        "invalid_request",
        "unauthorized_client",
        "unsupported_response_type",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
    }
    word = f" ({error})" if error in known else ""
    return BrokerRefused(
        f"the broker refused the log-in{word}",
        hint="check the application's key, and that its redirect address is registered exactly as it is set here",
    )


def _challenge(verifier: Secret) -> str:
    digest = hashlib.sha256(verifier.reveal().encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(errors="replace"), other.encode())


def _parts(address: str) -> tuple[str, ...] | None:
    """Scheme, host with port, path and query; None where there is more, or it cannot be read."""
    try:
        split = urlsplit(address.strip())
        _ = split.port
    except ValueError:
        return None
    return split.scheme, split.netloc, split.path or "/", split.query


def _query(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=False, max_num_fields=50)
    except ValueError:
        return {}
