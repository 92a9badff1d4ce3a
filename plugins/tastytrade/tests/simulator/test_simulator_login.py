"""The token endpoint and the legacy sessions."""

from __future__ import annotations

import json

import pytest

from tastytrade_simulator import LegacyLogin, SimulatedClock

ACCOUNTS = "/customers/me/accounts"


def test_a_grant_gives_a_bearer_token_for_900_seconds(start):
    answer = start(log_in=False).grant().json()
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope"}
    assert (answer["token_type"], answer["expires_in"], answer["scope"]) == ("Bearer", 900, "read")


def test_the_token_request_may_be_json(start):
    client = start(log_in=False)
    known = client.simulator.credentials
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": known.refresh_token,
        "client_secret": known.client_secret,
        "client_id": known.client_id,
    }
    reply = client.send("POST", "/oauth/token", json.dumps(fields), Content_Type="application/json")
    assert reply.status == 200


def test_a_token_ends_after_900_seconds_of_the_simulators_clock(start):
    clock = SimulatedClock(frozen=True)
    client = start(clock=clock)
    clock.advance(899)
    assert client.get(ACCOUNTS).status == 200
    clock.advance(1)
    assert client.get(ACCOUNTS).code == "token_invalid"
    client.log_in()
    assert client.get(ACCOUNTS).status == 200


@pytest.mark.parametrize(
    ("changes", "status", "body"),
    [
        (
            {"refresh_token": "wrong"},
            400,
            {"error_code": "invalid_grant", "error_description": "Invalid JWT"},
        ),
        ({"client_secret": "wrong"}, 401, {"error": "invalid_client"}),
        ({"client_id": "wrong"}, 401, {"error": "invalid_client"}),
        ({"scope": "read trade"}, 400, {"error": "invalid_scope"}),
    ],
)
def test_a_wrong_credential_is_refused_in_the_endpoints_own_words(start, changes, status, body):
    reply = start(log_in=False).grant(**changes)
    assert (reply.status, reply.json()) == (status, body)


def test_credentials_of_another_environment_are_an_invalid_grant(start):
    other = start(log_in=False).simulator.credentials
    changes = {"refresh_token": other.refresh_token, "client_secret": other.client_secret}
    assert start(log_in=False).grant(**changes).json()["error_code"] == "invalid_grant"


@pytest.mark.parametrize("missing", ["grant_type", "refresh_token", "client_secret"])
def test_a_missing_field_is_an_invalid_request(start, missing):
    reply = start(log_in=False).grant(**{missing: None})
    assert (reply.status, reply.json()["error_code"]) == (400, "invalid_request")


def test_another_grant_type_is_unsupported(start):
    reply = start(log_in=False).grant(grant_type="password")
    assert (reply.status, reply.json()["error_code"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize("body", ["", "{", "[]", '"text"', "null"])
def test_a_token_request_that_is_not_an_object_is_refused(start, body):
    reply = start(log_in=False).send("POST", "/oauth/token", body, Content_Type="application/json")
    assert (reply.status, reply.json()["error_code"]) == (400, "invalid_request")


def test_an_old_authorization_header_spoils_the_token_request(start):
    client = start()
    reply = client.send("POST", "/oauth/token", "{}", Authorization=client.authorization)
    assert (reply.status, reply.json()["error_code"]) == (400, "invalid_request")


def test_asking_for_less_than_was_granted_gives_less(start):
    client = start(log_in=False, scopes=("read", "trade"))
    assert client.grant(scope="read").json()["scope"] == "read"
    assert client.grant().json()["scope"] == "read trade"


def test_a_server_that_does_not_narrow_grants_all(start):
    client = start(log_in=False, scopes=("read", "trade", "openid"), narrows_scope=False)
    assert client.grant(scope="read").json()["scope"] == "read trade openid"


def test_a_revoked_grant_is_invalid(start):
    client = start()
    client.simulator.state.authority.revoke_refresh_tokens()
    assert client.grant().json()["error_code"] == "invalid_grant"


def test_expired_tokens_are_refused_and_a_new_grant_works(start):
    client = start()
    client.simulator.expire_access_tokens()
    assert client.get(ACCOUNTS).status == 401
    client.log_in()
    assert client.get(ACCOUNTS).status == 200


def test_the_text_form_of_credentials_holds_no_secret(start):
    known = start(log_in=False).simulator.credentials
    for secret in (
        known.client_secret,
        known.refresh_token,
        known.password,
        known.one_time_password,
    ):
        assert secret
        assert secret not in repr(known)


def sign_in(client, **headers):
    known = client.simulator.credentials
    fields = {"login": known.username, "password": known.password, "remember-me": True}
    return client.send("POST", "/sessions", json.dumps(fields), **headers)


def test_a_session_token_is_sent_without_bearer(start):
    client = start(log_in=False)
    reply = sign_in(client)
    token = reply.json()["data"]["session-token"]
    assert reply.status == 201
    assert client.get(ACCOUNTS, Authorization=token).status == 200
    assert client.get(ACCOUNTS, Authorization=f"Bearer {token}").status == 401


def test_a_session_can_be_validated_and_ended(start):
    client = start(log_in=False)
    token = sign_in(client).json()["data"]["session-token"]
    assert client.send("POST", "/sessions/validate", Authorization=token).status == 200
    assert client.send("DELETE", "/sessions", Authorization=token).status == 204
    assert client.send("POST", "/sessions/validate", Authorization=token).status == 401


def test_a_session_ends_after_a_day(start):
    clock = SimulatedClock(frozen=True)
    client = start(log_in=False, clock=clock)
    token = sign_in(client).json()["data"]["session-token"]
    clock.advance(24 * 3600)
    assert client.get(ACCOUNTS, Authorization=token).status == 401


def test_a_remember_token_works_once(start):
    client = start(log_in=False)
    remember = sign_in(client).json()["data"]["remember-token"]
    fields = json.dumps(
        {"login": client.simulator.credentials.username, "remember-token": remember}
    )
    assert [client.send("POST", "/sessions", fields).status for _ in range(2)] == [201, 401]


def test_a_wrong_password_is_named(start):
    reply = start(log_in=False).send("POST", "/sessions", '{"login":"x","password":"y"}')
    assert (reply.status, reply.code) == (401, "invalid_credentials")
    assert "support identifier" in reply.json()["error"]["message"]


def test_too_many_wrong_passwords_lock_the_address_out(start):
    client = start(log_in=False)
    for _ in range(3):
        client.send("POST", "/sessions", '{"login":"x","password":"y"}')
    client.connection.timeout = 0.1
    client.connection.close()
    with pytest.raises(TimeoutError):
        sign_in(client)


def test_an_unknown_device_is_challenged(start):
    client = start(log_in=False, legacy_login=LegacyLogin.DEVICE_CHALLENGE)
    reply = sign_in(client)
    assert (reply.status, reply.code) == (403, "device_challenge_required")
    assert reply.json()["error"]["redirect"]["url"] == "/device-challenge"
    challenge = {"X_Tastyworks_Challenge_Token": reply.headers["X-Tastyworks-Challenge-Token"]}
    assert client.send("POST", "/device-challenge").status == 403
    sent = client.send("POST", "/device-challenge", **challenge)
    assert sent.json()["data"]["step"] == "otp_verification"
    password = client.simulator.credentials.one_time_password
    assert sign_in(client, X_Tastyworks_OTP="wrong", **challenge).status == 403
    assert sign_in(client, X_Tastyworks_OTP=password, **challenge).status == 201


def test_a_decommissioned_login_is_gone(start):
    client = start(log_in=False, legacy_login=LegacyLogin.DECOMMISSIONED)
    assert sign_in(client).status == 404
