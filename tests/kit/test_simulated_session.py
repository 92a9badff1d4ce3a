"""The simulated session refuses what the real one refuses, and answers from its recording and nothing else."""

from __future__ import annotations

import pytest

from variance_bridge.errors import BrokerRefused, BrokerUnreachable, DataRefused, ForbiddenRequest
from variance_bridge.network.connection import ConnectionFailure
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge.testing import Exchange, FrozenClock, SimulatedSession
from variance_bridge.testing.simulated_session import UnrecordedRequestError

HOST = "api.acme.example"
URL = f"https://{HOST}/v1/x"


def session(*exchanges, **options):
    return SimulatedSession(exchanges, hosts=[HOST], token_paths=["/token"], **options)


def answer(body=b"{}", **about):
    return Exchange(**{"method": "GET", "url": URL, "body": body, **about})


def test_the_same_request_gets_one_answer_after_the_other_and_then_the_last_again():
    talk = session(answer(b"1"), answer(b"2"))

    assert [talk.get(URL).json() for _ in range(3)] == [1, 2, 2]


def test_queries_are_distinguished_whatever_their_order():
    talk = session(answer(b"1", url=f"{URL}?a=1&b=2"), answer(b"2", url=f"{URL}?a=2&b=2"))

    assert talk.get(URL, params=[("b", "2"), ("a", "2")]).json() == 2
    assert talk.get(URL, params=[("b", "2"), ("a", "1")]).json() == 1


def test_a_signed_request_is_answered_though_its_time_is_another_one():
    talk = session(answer(b"1", url=f"{URL}?a=1&timestamp=1768489200"))

    assert talk.get(URL, params=[("a", "1"), ("timestamp", "1768489263")]).json() == 1
    with pytest.raises(UnrecordedRequestError):
        talk.get(URL, params=[("a", "2"), ("timestamp", "1768489200")])


def test_a_request_that_was_not_recorded_fails_with_what_there_is():
    talk = session(answer())

    with pytest.raises(UnrecordedRequestError, match=r"/v1/y, and the recording .*GET .*/v1/x"):
        talk.get(f"https://{HOST}/v1/y")
    assert [str(one) for one in talk.wire.unrecorded] == [f"GET https://{HOST}/v1/y"]


@pytest.mark.parametrize(
    "forbidden",
    [
        lambda talk: talk.get("https://elsewhere.example/"),
        lambda talk: talk.get(f"http://{HOST}/v1/x"),
        lambda talk: talk.post_token(URL, json={}),
        lambda talk: talk.get(URL, headers={"X-HTTP-Method-Override": "DELETE"}),
    ],
)
def test_what_the_real_session_forbids_is_forbidden_and_remembered(forbidden):
    talk = session(answer())

    with pytest.raises(ForbiddenRequest):
        forbidden(talk)
    assert len(talk.forbidden) == 1
    assert talk.wire.sent == []


def test_failures_are_those_of_the_real_session_and_cost_no_time():
    clock = FrozenClock()

    with pytest.raises(BrokerUnreachable, match="status 503"):
        session(answer(status=503), clock=clock).get(URL)
    assert len(clock.slept) == 2
    with pytest.raises(BrokerRefused, match="redirect"):
        session(answer(status=302)).get(URL)
    with pytest.raises(DataRefused):
        session(answer(b" " * (9 * 1024 * 1024))).get(URL)
    with pytest.raises(BrokerUnreachable, match="cannot be reached"):
        session(answer(), alter=lambda _sent: ConnectionFailure.UNRESOLVED).get(URL)
    assert session(answer(b"no", status=403)).get(URL).status == 403


def test_the_clock_moves_with_each_request():
    clock = FrozenClock()
    talk = session(answer(), clock=clock)
    before = clock.now()
    talk.get(URL)

    assert clock.now() > before


def test_secrets_that_are_sent_and_tokens_that_come_back_are_personal_from_then_on():
    personal = PersonalValues()
    token = Exchange(
        method="POST", url=f"https://{HOST}/token", body=b'{"access_token": "abcdefghij"}'
    )
    talk = session(token, personal=personal)
    talk.post_token(f"https://{HOST}/token", form={"secret": Secret("hidden-secret")})

    assert personal.find("abcdefghij")
    assert personal.find("hidden-secret")
    assert "hidden-secret" not in repr(talk.wire.sent)


def test_the_fixtures_of_the_pytest_plugin_are_there(simulated_session, frozen_clock, request):
    talk = simulated_session([answer(b"7")], hosts=[HOST])

    assert talk.get(URL).json() == 7
    assert frozen_clock.now().isoformat() == "2026-01-15T15:00:01+00:00"


def test_no_socket_can_be_made_with_the_network_blocked(blocked_network):
    import socket

    from variance_bridge.testing.blockade import BlockedError

    with pytest.raises(BlockedError):
        socket.create_connection(("127.0.0.1", 9))
    assert [one.kind.value for one in blocked_network] == ["the network"]
