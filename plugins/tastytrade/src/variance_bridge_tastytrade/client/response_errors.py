"""What a response means: its JSON, or an error that the user understands. Pure.

The API proper answers `{"error": {"code", "message"}}`, the token endpoint `{"error_code", "error_description"}` or
`{"error"}` (RFC 6749), the proxy in front of both an HTML page. Its messages may repeat
what was sent, so they are never shown. A code only chooses which of our own messages is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from variance_bridge.broker import Response
from variance_bridge.errors import BridgeError, BrokerRefused, BrokerUnreachable, DataRefused

OK = 200
CREATED = 201

CREATE_GRANT = (
    "create a grant with the scope `read` at my.tastytrade.com:"
    " Manage, My Profile, API, OAuth Applications, Create Grant"
)


class Problem(Struct, frozen=True):
    """What the user reads about a code or a status: what happened, and what to do."""

    what: str
    hint: str


_BY_CODE: Mapping[str, Problem] = {
    "invalid_grant": Problem(
        "the refresh token is not valid: it was revoked, mistyped, or made for the other environment",
        f"check TT_REFRESH_TOKEN and the setting `environment`, or {CREATE_GRANT}",
    ),
    "invalid_client": Problem(
        "the client secret is not valid",
        "check TT_CLIENT_SECRET (and TT_CLIENT_ID, if set); regenerating it invalidates the old one",
    ),
    "unauthorized_client": Problem(
        "the OAuth application may not use a refresh token", CREATE_GRANT
    ),
    "invalid_scope": Problem("the grant does not include the scope `read`", CREATE_GRANT),
    "invalid_request": Problem(
        "the token request is not accepted",
        "the sandbox sometimes does this between 9 and 10 a.m. New York time: try again later;"
        " otherwise check the credentials",
    ),
    "invalid_credentials": Problem(
        "wrong user name or password; it is not tried again, because failed log-ins block your"
        " address for hours",
        "correct TASTY_USERNAME and TASTY_PASSWORD before you try again, or use OAuth",
    ),
    "device_challenge_required": Problem(
        "this log-in needs a code sent by text message, which cannot be entered here",
        f'use OAuth (`auth = "oauth"`): {CREATE_GRANT}',
    ),
    "unconfirmed_user": Problem(
        "your e-mail address is not confirmed", "confirm it with tastytrade"
    ),
    "invalid_session": Problem("the session has expired", "log in again, or use OAuth"),
    "token_invalid": Problem(
        "the access token was not accepted", f"check the credentials, or {CREATE_GRANT}"
    ),
    "not_permitted": Problem(
        "these credentials do not permit reading this",
        f"{CREATE_GRANT}; check that the account is yours",
    ),
    "quote_streamer.customer_not_found_error": Problem(
        "market data is only for customers with an approved account", "use `--quotes none`"
    ),
}

_BY_STATUS: Mapping[int, Problem] = {
    401: Problem("the access token was not accepted", f"check the credentials, or {CREATE_GRANT}"),
    403: Problem("these credentials do not permit reading this", CREATE_GRANT),
    404: Problem("not found", "check the account and the setting `environment`"),
    406: Problem(
        "the API's version is no longer served",
        "upgrade variance-bridge-tastytrade, or set `accept_version` to a later date",
    ),
}

_PROXY_REFUSED = Problem(
    "the proxy in front of the API refused the request",
    "upgrade variance-bridge; if you are behind a company's proxy, try without it",
)

_FAILING = frozenset({"internal_server_error"})
_LOGIN_GONE = Problem(
    "the legacy log-in no longer exists", f'use OAuth (`auth = "oauth"`): {CREATE_GRANT}'
)


def envelope_of(response: Response, what: str) -> Any:
    """The JSON of a response with status 200; `items_and_pages` knows what must be in it.

    Raises:
        BridgeError: any other status, as `refusal` explains it.
        DataRefused: the body is not JSON.
    """
    if response.status != OK:
        raise refusal(response, what)
    return json_of(response, what)


def json_of(response: Response, what: str) -> Any:
    """The body as JSON.

    Raises:
        DataRefused: it is something else, such as a proxy's maintenance page.
    """
    try:
        return response.json()
    except DataRefused as error:
        raise DataRefused(
            error.what,
            where=_where(what),
            hint="run the sync again in a few minutes; tastytrade may be under maintenance",
        ) from None


def refusal(response: Response, what: str) -> BridgeError:
    """The error for a response with another status than 200."""
    code = error_code(response)
    if code in _FAILING:
        return BrokerUnreachable(
            f"tastytrade had an internal error (status {response.status})",
            where=_where(what),
            hint="try again in a few minutes",
        )
    if response.status < 400:
        return DataRefused(
            f"an unexpected status: {response.status}", where=_where(what), hint="try again later"
        )
    problem = _BY_CODE.get(code or "") or _BY_STATUS.get(response.status)
    if code is None and response.status == 401 and _is_html(response):
        problem = _PROXY_REFUSED
    if problem is None:
        problem = Problem("the request was refused", "upgrade variance-bridge-tastytrade")
    return BrokerRefused(
        f"{problem.what} (status {response.status})", where=_where(what), hint=problem.hint
    )


def login_refusal(response: Response) -> BridgeError:
    """The error for a failed legacy log-in. A missing endpoint means that tastytrade has shut it down."""
    if response.status in (404, 405, 410):
        return BrokerRefused(
            f"{_LOGIN_GONE.what} (status {response.status})",
            where=_where("log-in"),
            hint=_LOGIN_GONE.hint,
        )
    return refusal(response, "log-in")


def error_code(response: Response) -> str | None:
    """The code in the body, in any of its forms; None if there is none."""
    try:
        body = response.json()
    except DataRefused:
        return None
    if not isinstance(body, Mapping):
        return None
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else error
    found = body.get("error_code") or code
    return found if isinstance(found, str) else None


def _is_html(response: Response) -> bool:
    return "html" in response.headers.get("content-type", "").lower()


def _where(what: str) -> str:
    return f"tastytrade, {what}"
