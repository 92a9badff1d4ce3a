"""When a request is tried again, after how long, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.broker import RateLimit
from variance_bridge.errors import BrokerUnreachable
from variance_bridge.network.answer import Answer
from variance_bridge.network.connection import ConnectionFailure, NoResponse
from variance_bridge.network.limits_and_retries import (
    Policy,
    is_transient,
    retry_after,
    wait_before,
)

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
URL = "https://api.acme.example/positions"


@pytest.fixture
def script(monkeypatch):
    """Answers and silences, in order; each try takes the next one. Seconds allowed to each try are noted."""
    outcomes: list[Answer | ConnectionFailure] = []
    allowed: list[float] = []

    class ScriptedWire:
        def __init__(self, policy: Policy) -> None:
            pass

        def send(self, request, seconds, proxy):
            allowed.append(seconds)
            outcome = outcomes.pop(0)
            if isinstance(outcome, ConnectionFailure):
                raise NoResponse(outcome)
            return outcome

        def close(self) -> None:
            pass

    monkeypatch.setattr("variance_bridge.network.request.Wire", ScriptedWire)

    def write(*steps: int | Answer | ConnectionFailure) -> list[float]:
        outcomes[:] = [Answer(status=one, headers={}) if type(one) is int else one for one in steps]
        return allowed

    return write


def limited(value: str) -> Answer:
    return Answer(status=429, headers={"retry-after": value})


@pytest.mark.parametrize(
    "first",
    [
        429,
        500,
        503,
        *(one for one in ConnectionFailure if one is not ConnectionFailure.CERTIFICATE),
    ],
)
@pytest.mark.parametrize("method", ["get", "token"])
def test_a_passing_failure_is_tried_again_until_it_succeeds(
    script, open_session, first, method: str
) -> None:
    session = open_session()
    script(first, first, 200)
    if method == "get":
        assert session.get(URL).status == 200
    else:
        assert session.post_token("https://api.acme.example/oauth/token", form={}).status == 200
    assert (session.statistics.requests, session.statistics.retries) == (3, 2)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_token_request_is_final(script, open_session, clock, status: int) -> None:
    session = open_session()
    script(status, 200)
    response = session.post_token("https://api.acme.example/oauth/token", json={"a": "b"})
    assert response.status == status
    assert session.statistics.requests == 1
    assert clock.slept == []


def test_there_are_three_tries_and_no_more(script, open_session) -> None:
    session = open_session()
    script(503, ConnectionFailure.READ_TIMEOUT, 429, 200)
    with pytest.raises(BrokerUnreachable, match=r"status 429 \(3 tries\)"):
        session.get(URL)
    assert session.statistics.requests == 3


def test_a_bad_certificate_is_not_tried_again(script, open_session) -> None:
    session = open_session()
    script(ConnectionFailure.CERTIFICATE, 200)
    with pytest.raises(BrokerUnreachable, match=r"certificate is not valid \(1 try\)"):
        session.get(URL)


def test_the_wait_doubles_and_is_a_random_part_of_that(script, open_session, clock) -> None:
    script(503, 503, 503, 503, 200)
    open_session(random=lambda: 0.25, tries=5, back_off_seconds=2.0).get(URL)
    assert clock.slept == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("value", "waited"),
    [
        ("7", 7.0),
        ("0", 1.5),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 1.5),
        ("soon", 1.5),
        ("-5", 1.5),
        ("1e3", 1.5),
        ("7 seconds", 1.5),
        ("", 1.5),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", 1.5),
    ],
)
def test_the_server_may_ask_for_a_longer_wait(
    script, open_session, clock, value: str, waited: float
) -> None:
    script(limited(value), 200)
    open_session().get(URL)
    assert clock.slept == [waited]


@pytest.mark.parametrize("value", ["31", "3600", "999999999", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_server_that_asks_for_too_long_a_wait_is_not_asked_again(
    script, open_session, clock, value: str
) -> None:
    script(limited(value), 200)
    with pytest.raises(BrokerUnreachable) as caught:
        open_session().get(URL)
    assert clock.slept == []
    assert "asks to wait" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("value", "wait"),
    [("45", "45 s"), ("61", "2 min"), ("3600", "1 h 0 min"), ("86400", "1 d 0 h")],
)
def test_a_wait_that_the_broker_asks_for_is_said_in_full(script, open_session, value, wait):
    script(limited(value), 200)
    with pytest.raises(BrokerUnreachable) as caught:
        open_session().get(URL)
    assert f"wait {wait}:" in str(caught.value.hint)


def test_a_limit_without_a_time_is_not_a_matter_of_the_network(script, open_session):
    script(429, 429, 429)
    with pytest.raises(BrokerUnreachable) as caught:
        open_session().get(URL)
    assert "limits how often" in str(caught.value.hint)


def test_tries_and_waits_together_stay_within_the_total(script, open_session, clock) -> None:
    allowed = script(limited("20"), limited("20"), limited("20"), 200)
    with pytest.raises(BrokerUnreachable, match=r"\(3 tries\)"):
        open_session(tries=9, total_seconds=50).get(URL)
    assert clock.slept == [20, 20]
    assert allowed == [pytest.approx(50, abs=1), pytest.approx(30, abs=1), pytest.approx(10, abs=1)]


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_after_a_limit_at_least_the_published_second_passes(
    script, open_session, clock, chance
) -> None:
    script(429, 429, 200)
    open_session(random=lambda: chance).get(URL)
    assert clock.slept == [1 + chance, 2 * (1 + chance)]


def test_every_try_counts_for_the_published_rates(script, open_session, clock) -> None:
    limits = (RateLimit(requests=1, seconds=5.0, path="/positions"),)
    session = open_session(rate_limits=limits)
    script(503, 200, 200, 200)
    session.get(URL)
    session.get(URL)
    session.get("https://api.acme.example/other")
    # The wait after the failure is the longer of back-off and rate; the second request waits for the rate alone.
    assert [round(seconds) for seconds in clock.slept] == [5, 5]
    assert session.statistics.seconds_waited == pytest.approx(sum(clock.slept))


@given(
    attempt=st.integers(1, 60),
    asked=st.none() | st.floats(0, 1e9),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_a_wait_is_what_was_asked_or_within_the_bounds(attempt, asked, chance) -> None:
    policy = Policy()
    for limited in (False, True):
        wait = wait_before(attempt, asked, policy, lambda: chance, limited=limited)
        assert wait >= max(asked or 0, limited * policy.back_off_seconds)
        assert wait <= max(asked or 0, policy.longest_wait_seconds)


@given(st.text(max_size=40))
def test_any_text_in_retry_after_is_survived(text: str) -> None:
    seconds = retry_after({"retry-after": text}, NOW)
    assert seconds is None or seconds >= 0


def test_what_passes_and_what_stays() -> None:
    assert [status for status in range(100, 600) if is_transient(status)] == [429, *range(500, 600)]


def test_a_naive_date_in_retry_after_is_in_utc() -> None:
    later = (NOW + timedelta(seconds=9)).strftime("%a, %d %b %Y %H:%M:%S -0000")
    assert retry_after({"retry-after": later}, NOW) == 9


@pytest.mark.parametrize("first", [429, 503, ConnectionFailure.READ_TIMEOUT])
def test_a_log_in_that_may_be_sent_once_is_never_sent_again(
    script, open_session, clock, first
) -> None:
    session = open_session()
    script(first, 200)
    with pytest.raises(BrokerUnreachable, match=r"\(1 try\)"):
        session.post_token("https://api.acme.example/oauth/token", form={"a": "b"}, once=True)
    assert session.statistics.requests == 1
    assert clock.slept == []
