"""Access: the OAuth refresh grant and the legacy log-in, against the simulator's token endpoint."""

from __future__ import annotations

import json
import threading

import pytest

from tastytrade_simulator import (
    BodyForm,
    Fault,
    FaultKind,
    LegacyLogin,
    SimulatedClock,
)
from variance_bridge.errors import (
    BrokerRefused,
    BrokerUnreachable,
    ConfigurationError,
    CredentialsMissing,
    DataRefused,
)
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.personal_values import Secret
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.client.api import api_of

SESSION_CREDENTIALS = ("TASTY_SESSION_TOKEN", "TASTY_USERNAME", "TASTY_PASSWORD")


def accounts(context):
    return TastytradeBroker(context).accounts()


def get_accounts(context, times=1):
    for _ in range(times):
        api_of(context).get("accounts", ("customers", "me", "accounts"))


def token_body(desk, place=0):
    requests = [request for request in desk.simulator.requests if request.route == "token"]
    return json.loads(requests[place].body)


def test_the_token_request_asks_for_the_scope_read_and_nothing_more(desk):
    accounts(desk.context())
    known = desk.simulator.credentials
    assert token_body(desk) == {
        "grant_type": "refresh_token",
        "refresh_token": known.refresh_token,
        "client_secret": known.client_secret,
        "scope": "read",
    }


def test_the_client_id_is_sent_where_there_is_one(desk):
    client_id = Secret(desk.simulator.credentials.client_id)
    accounts(desk.context(credentials={**desk.oauth_credentials, "TT_CLIENT_ID": client_id}))
    assert token_body(desk)["client_id"] == desk.simulator.credentials.client_id


@pytest.mark.parametrize("name", ["TT_CLIENT_SECRET", "TT_REFRESH_TOKEN"])
def test_a_missing_credential_is_named_before_anything_is_sent(desk, name):
    credentials = {key: one for key, one in desk.oauth_credentials.items() if key != name}
    with pytest.raises(CredentialsMissing) as missing:
        accounts(desk.context(credentials=credentials))
    assert missing.value.exit_code == 3
    assert name in missing.value.what
    assert "variance demo" in missing.value.hint
    assert desk.simulator.requests == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 400, "form": BodyForm.OAUTH, "code": "invalid_grant"}, "refresh token"),
        ({"status": 401, "form": BodyForm.RFC_6749, "code": "invalid_client"}, "client secret"),
        ({"status": 400, "form": BodyForm.RFC_6749, "code": "invalid_scope"}, "scope `read`"),
        ({"status": 400, "form": BodyForm.OAUTH, "code": "invalid_request"}, "not accepted"),
        ({"status": 401, "form": BodyForm.NGINX}, "proxy"),
        (
            {"status": 403, "form": BodyForm.ENVELOPE, "code": "not_permitted"},
            "do not permit reading",
        ),
        ({"status": 403, "form": BodyForm.NGINX}, "do not permit reading"),
        ({"status": 400, "form": BodyForm.EMPTY}, "refused"),
    ],
)
def test_a_refused_token_is_final_and_explained(desk, answer, words):
    desk.simulator.faults = [Fault("token", FaultKind.STATUS, message="5WX00001 s3cr3t", **answer)]
    with pytest.raises(BrokerRefused) as refused:
        accounts(desk.context())
    assert refused.value.exit_code == 4
    assert words in refused.value.what
    assert refused.value.hint
    assert "s3cr3t" not in str(refused.value) + refused.value.hint
    assert desk.simulator.counts() == {"token": 1}


def test_a_failing_backend_behind_a_400_is_an_outage_and_still_not_tried_again(desk):
    desk.simulator.faults = [
        Fault(
            "token", FaultKind.STATUS, status=400, form=BodyForm.OAUTH, code="internal_server_error"
        )
    ]
    with pytest.raises(BrokerUnreachable) as unreachable:
        accounts(desk.context())
    assert unreachable.value.exit_code == 5
    assert desk.simulator.counts() == {"token": 1}


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_outage_of_the_token_endpoint_is_tried_three_times(desk, status):
    desk.simulator.faults = [Fault("token", FaultKind.STATUS, status=status)]
    with pytest.raises(BrokerUnreachable):
        accounts(desk.context())
    assert desk.simulator.counts() == {"token": 3}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("token", FaultKind.HTML_200),
        Fault("token", FaultKind.MALFORMED_JSON),
        Fault("token", FaultKind.DROP_MEMBER, pointer="/access_token"),
        Fault("token", FaultKind.SET_MEMBER, pointer="/access_token", value=""),
        Fault("token", FaultKind.SET_MEMBER, pointer="/access_token", value=17),
        Fault("token", FaultKind.REPLACE_BODY, body=b"[]", content_type="application/json"),
    ],
    ids=lambda fault: fault.kind,
)
def test_an_answer_without_a_token_is_not_taken_for_one(desk, fault):
    desk.simulator.faults = [fault]
    with pytest.raises(DataRefused):
        accounts(desk.context())
    assert desk.simulator.counts() == {"token": 1}


def test_a_token_is_renewed_sixty_seconds_before_its_end(desk, clock):
    context = desk.context()
    get_accounts(context)
    clock.passed += 839
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 1
    clock.passed += 1
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 2


def test_the_lifetime_runs_from_the_request_and_on_the_monotonic_clock(desk_for, clock):
    desk = desk_for(clock=SimulatedClock(clock.now(), frozen=True))
    desk.simulator.faults = [Fault("token", FaultKind.STATUS, at=1, status=503)]
    context = desk.context()
    get_accounts(context)
    assert 0 < clock.passed < 10
    clock.start = clock.start.replace(year=2030)
    clock.passed = 839.9
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 2
    clock.start = clock.start.replace(year=2020)
    clock.passed = 840.0
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 3


@pytest.mark.parametrize("lifetime", [None, "soon", -5, True])
def test_a_token_of_unknown_lifetime_is_trusted_for_half_a_minute(desk, clock, lifetime):
    desk.simulator.faults = [
        Fault("token", FaultKind.SET_MEMBER, pointer="/expires_in", value=lifetime)
    ]
    context = desk.context()
    get_accounts(context)
    clock.passed += 29
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 1
    clock.passed += 1
    get_accounts(context)
    assert desk.simulator.counts()["token"] == 2


def test_several_threads_share_one_renewal(desk, clock):
    context = desk.context()
    api = api_of(context)
    stale = api._access.header()
    threads = [threading.Thread(target=api._access.replace, args=(stale,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.simulator.counts()["token"] == 2


def test_every_token_is_personal_from_the_moment_it_is_known(desk):
    context = desk.context()
    get_accounts(context)
    bearer = desk.simulator.requests[-1].headers["authorization"]
    assert desk.personal.redact(bearer) == "***" or "***" in desk.personal.redact(bearer)
    assert bearer.removeprefix("Bearer ") not in desk.personal.redact(bearer)
    assert desk.simulator.credentials.refresh_token not in repr(context)


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        (("read", "trade", "openid"), "trade, openid"),
        (("read", "trade"), "trade"),
        (("read", "withdraw"), "others"),
    ],
)
def test_a_wider_grant_than_reading_is_reported_once(desk_for, clock, scopes, told):
    desk = desk_for(scopes=scopes, narrows_scope=False)
    context = desk.context()
    get_accounts(context)
    clock.passed += 900
    get_accounts(context)
    (warning,) = desk.warnings
    assert f"({told})" in warning


def test_a_grant_that_only_reads_is_not_worth_a_word(desk_for):
    desk = desk_for(scopes=("read", "trade"), narrows_scope=True)
    get_accounts(desk.context())
    assert desk.warnings == []


def test_a_rotated_refresh_token_is_stored_and_used_from_then_on(desk, clock):
    desk.simulator.faults = [Fault("token", FaultKind.ROTATE_REFRESH_TOKEN, at=1)]
    context = desk.context()
    get_accounts(context)
    stored = desk.stored["TT_REFRESH_TOKEN"].reveal()
    clock.passed += 900
    get_accounts(context)
    assert token_body(desk, 1)["refresh_token"] == stored != token_body(desk, 0)["refresh_token"]
    assert desk.warnings == []
    assert desk.personal.find(stored)


def test_a_rotated_refresh_token_that_cannot_be_stored_ends_the_run_before_it_is_used(desk):
    desk.can_store = False
    desk.simulator.faults = [Fault("token", FaultKind.ROTATE_REFRESH_TOKEN, at=1)]
    with pytest.raises(ConfigurationError):
        get_accounts(desk.context())
    assert desk.simulator.counts() == {"token": 1}


def session_credentials(desk, **changes):
    known = desk.simulator.credentials
    named = {"TASTY_USERNAME": known.username, "TASTY_PASSWORD": known.password, **changes}
    return {name: Secret(value) for name, value in named.items() if value}


def test_the_legacy_log_in_is_used_only_where_the_settings_say_so(desk):
    credentials = {**desk.oauth_credentials, **session_credentials(desk)}
    accounts(desk.context(credentials=credentials))
    assert "sessions" not in desk.simulator.counts()


def test_the_legacy_log_in_sends_the_bare_token(desk):
    context = desk.context(credentials=session_credentials(desk), auth="session")
    get_accounts(context, times=2)
    assert desk.simulator.counts() == {"sessions": 1, "accounts": 2}
    assert " " not in desk.simulator.requests[-1].headers["authorization"]
    assert desk.personal.find("simulated-trader@example.invalid")
    assert desk.personal.find("simulated-trader")


def test_a_given_session_token_needs_no_log_in(desk):
    token, _, _ = desk.simulator.state.authority.issue_session()
    context = desk.context(credentials={"TASTY_SESSION_TOKEN": Secret(token)}, auth="session")
    get_accounts(context)
    assert desk.simulator.counts() == {"accounts": 1}


def test_a_session_that_is_over_is_not_begun_again(desk):
    context = desk.context(credentials=session_credentials(desk), auth="session")
    desk.simulator.faults = [Fault("accounts", FaultKind.EXPIRE_TOKENS)]
    with pytest.raises(BrokerRefused):
        get_accounts(context)
    assert desk.simulator.counts() == {"sessions": 1, "accounts": 1}


def test_a_wrong_password_is_tried_once_however_often_one_asks(desk):
    context = desk.context(
        credentials=session_credentials(desk, TASTY_PASSWORD="wrong"), auth="session"
    )
    for _ in range(3):
        with pytest.raises(BrokerRefused) as refused:
            get_accounts(context)
        assert "lock" in refused.value.what
    assert desk.simulator.counts() == {"sessions": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("sessions", FaultKind.STATUS, status=503),
        Fault("sessions", FaultKind.STATUS, status=429),
        Fault("sessions", FaultKind.RESET),
        Fault("sessions", FaultKind.SILENT),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_a_log_in_without_an_answer_is_not_repeated_either(desk, fault):
    desk.simulator.faults = [fault]
    context = desk.context(
        credentials=session_credentials(desk), auth="session", policy=Policy(read_seconds=0.1)
    )
    with pytest.raises(BrokerUnreachable):
        get_accounts(context)
    assert desk.simulator.counts() == {"sessions": 1}


@pytest.mark.parametrize(
    ("login", "words"),
    [
        (LegacyLogin.DECOMMISSIONED, "no longer exists"),
        (LegacyLogin.DEVICE_CHALLENGE, "text message"),
    ],
)
def test_a_log_in_that_cannot_work_any_more_points_to_oauth(desk_for, login, words):
    desk = desk_for(legacy_login=login)
    context = desk.context(credentials=session_credentials(desk), auth="session")
    with pytest.raises(BrokerRefused) as refused:
        get_accounts(context)
    assert words in refused.value.what
    assert "OAuth" in refused.value.hint
    assert desk.simulator.counts() == {"sessions": 1}


def test_a_log_in_without_credentials_says_which(desk):
    with pytest.raises(CredentialsMissing) as missing:
        get_accounts(desk.context(credentials={}, auth="session"))
    assert all(name in missing.value.what for name in SESSION_CREDENTIALS)
    assert desk.simulator.requests == []


def test_a_log_in_that_is_answered_without_a_token_says_so(desk):
    desk.simulator.faults = [
        Fault("sessions", FaultKind.DROP_MEMBER, pointer="/data/session-token")
    ]
    context = desk.context(credentials=session_credentials(desk), auth="session")
    with pytest.raises(DataRefused) as refused:
        get_accounts(context)
    assert "OAuth" in refused.value.hint


def test_the_same_refresh_token_again_is_not_a_rotation(desk):
    same = desk.simulator.credentials.refresh_token
    desk.simulator.faults = [
        Fault("token", FaultKind.SET_MEMBER, pointer="/refresh_token", value=same)
    ]
    get_accounts(desk.context())
    assert desk.stored == {}
