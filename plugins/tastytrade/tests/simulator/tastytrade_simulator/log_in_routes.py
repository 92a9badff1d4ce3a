"""The two ways to log in: the OAuth token endpoint, and the legacy sessions with their device challenge."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from tastytrade_simulator.authorization import LegacyLogin
from tastytrade_simulator.responses import (
    Response,
    error_envelope,
    json_response,
    oauth_error,
    rfc_6749_error,
    supported_message,
)
from tastytrade_simulator.state import BrokerState
from variance_bridge_tastytrade.demo_server.spelling import zulu_time

CHALLENGE_HEADER: Final = "X-Tastyworks-Challenge-Token"
ONE_TIME_PASSWORD_HEADER: Final = "X-Tastyworks-OTP"


def token(headers: Mapping[str, str], body: bytes, state: BrokerState) -> Response:
    """`POST /oauth/token` with `grant_type=refresh_token`, as a form or as JSON.

    An `Authorization` header makes the real endpoint fail (tastyware/tastytrade pull request 255), and so here.
    """
    if "authorization" in headers:
        return oauth_error(400, "invalid_request", "Authorization header is not allowed")
    fields = _fields(headers, body)
    if fields is None:
        return oauth_error(400, "invalid_request", "The request body could not be read")
    refused = _client_error(fields, state)
    if refused is not None:
        return refused
    granted = state.authority.granted_scopes
    asked = tuple(str(fields.get("scope", "")).split())
    if not set(asked) <= set(granted):
        return rfc_6749_error(400, "invalid_scope")
    scopes = asked if asked and state.narrows_scope else granted
    answer: dict[str, Any] = {
        "access_token": state.authority.issue_access_token(scopes),
        "token_type": "Bearer",
        "expires_in": state.authority.access_token_seconds,
        "scope": " ".join(scopes),
    }
    if state.rotate_refresh_token:
        answer["refresh_token"] = state.authority.rotate_refresh_token(fields["refresh_token"])
    return json_response(answer)


def _client_error(fields: Mapping[str, Any], state: BrokerState) -> Response | None:
    """What is wrong with the token request.

    The grant is looked at before the client: credentials of the other environment, where both are wrong, get the
    400 that was seen on the wire.
    """
    for name in ("grant_type", "refresh_token", "client_secret"):
        if not isinstance(fields.get(name), str) or not fields[name]:
            return oauth_error(400, "invalid_request", f"Missing required parameter: {name}")
    if fields["grant_type"] != "refresh_token":
        return oauth_error(400, "unsupported_grant_type", "The grant type is not supported")
    if not state.authority.knows_refresh_token(fields["refresh_token"]):
        return oauth_error(400, "invalid_grant", "Invalid JWT")
    known = state.credentials
    secret_is_right = secrets.compare_digest(
        fields["client_secret"].encode(), known.client_secret.encode()
    )
    if not secret_is_right or fields.get("client_id", known.client_id) != known.client_id:
        return rfc_6749_error(401, "invalid_client")
    return None


def session(route: str, headers: Mapping[str, str], body: bytes, state: BrokerState) -> Response:
    """The legacy routes under `/sessions` and `/device-challenge`."""
    if state.legacy_login is LegacyLogin.DECOMMISSIONED:
        return error_envelope(404, "not_found", "The requested resource could not be found")
    if route == "sessions-validate":
        return json_response({"data": _user(state), "context": "/sessions/validate"})
    if route == "sessions-delete":
        state.authority.end_session(headers.get("authorization", ""))
        return Response(HTTPStatus.NO_CONTENT, content_type=None)
    if route == "device-challenge":
        return _device_challenge(headers, state)
    return _log_in(headers, body, state)


def _log_in(headers: Mapping[str, str], body: bytes, state: BrokerState) -> Response:
    fields = _fields(headers, body) or {}
    known = state.credentials
    by_password = (fields.get("login"), fields.get("password")) == (known.username, known.password)
    by_token = fields.get("login") == known.username and state.authority.use_remember_token(
        str(fields.get("remember-token", ""))
    )
    if not by_password and not by_token:
        state.failed_logins += 1
        message = supported_message("Invalid login, please check your username and password")
        return error_envelope(HTTPStatus.UNAUTHORIZED, "invalid_credentials", message)
    if state.legacy_login is LegacyLogin.DEVICE_CHALLENGE and not _challenge_met(headers, state):
        return _challenge(state)
    session_token, remember_token, ends_at = state.authority.issue_session()
    data = {
        "user": _user(state),
        "session-token": session_token,
        "remember-token": remember_token,
        "session-expiration": zulu_time(ends_at),
    }
    return json_response({"data": data, "context": "/sessions"}, HTTPStatus.CREATED)


def _user(state: BrokerState) -> dict[str, Any]:
    name = state.credentials.username
    return {
        "email": f"{name}@example.invalid",
        "username": name,
        "external-id": "U00000000-0000-4000-8000-000000000000",
        "is-confirmed": True,
    }


def _challenge_token(state: BrokerState) -> str:
    return f"challenge-{state.credentials.client_id}"


def _challenge_met(headers: Mapping[str, str], state: BrokerState) -> bool:
    return (
        headers.get(CHALLENGE_HEADER.lower()) == _challenge_token(state)
        and headers.get(ONE_TIME_PASSWORD_HEADER.lower()) == state.credentials.one_time_password
    )


def _challenge(state: BrokerState) -> Response:
    """An unknown device must answer a text message first; the token for that is in a response header."""
    return error_envelope(
        HTTPStatus.FORBIDDEN,
        "device_challenge_required",
        "Device authentication challenge required",
        headers=((CHALLENGE_HEADER, _challenge_token(state)),),
        redirect={
            "method": "POST",
            "url": "/device-challenge",
            "required_headers": [CHALLENGE_HEADER],
        },
    )


def _device_challenge(headers: Mapping[str, str], state: BrokerState) -> Response:
    if headers.get(CHALLENGE_HEADER.lower()) != _challenge_token(state):
        return error_envelope(HTTPStatus.FORBIDDEN, "not_permitted", "User not permitted access")
    return json_response({"data": {"step": "otp_verification"}, "context": "/device-challenge"})


def _fields(headers: Mapping[str, str], body: bytes) -> dict[str, Any] | None:
    """The members of a form or JSON body; None where it is neither."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        text = body.decode()
        if content_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(text, keep_blank_values=True))
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
