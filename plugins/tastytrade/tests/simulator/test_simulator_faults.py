"""Each fault, as a client meets it."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time

import pytest

from tastytrade_simulator import (
    BodyForm,
    Fault,
    FaultKind,
    SimulatedClock,
    SimulatedPortfolio,
    Simulator,
    SimulatorError,
)

ACCOUNTS = "/customers/me/accounts"
POSITIONS = "/accounts/5WX00001/positions"


def broken(start, **fault):
    """A client of a simulator with one fault on the positions."""
    return start(faults=[Fault("positions", **fault)])


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_the_proxys_errors_are_its_pages(start, status):
    reply = broken(start, kind="status", status=status).get(POSITIONS)
    assert reply.status == status
    assert reply.headers["Content-Type"] == "text/html"
    assert f"{status} ".encode() in reply.body


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500, 599])
def test_the_apis_errors_are_envelopes(start, status):
    reply = broken(start, kind="status", status=status, form="envelope", code="some_code").get(
        POSITIONS
    )
    assert (reply.status, reply.code) == (status, "some_code")


def test_a_status_without_a_number_is_the_apis_internal_error(start):
    reply = broken(start, kind="status").get(POSITIONS)
    assert (reply.status, reply.code) == (500, "internal_server_error")


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (BodyForm.EMPTY, b""),
        (BodyForm.TEXT, b"slow down"),
        (BodyForm.OAUTH, b'{"error_code":"c","error_description":"slow down"}'),
        (BodyForm.RFC_6749, b'{"error":"c"}'),
        (BodyForm.ENVELOPE, b'{"error":{"code":"c","message":"slow down"}}'),
    ],
)
def test_an_error_has_the_body_that_was_asked_for(start, form, body):
    fault = {"kind": "status", "status": 429, "form": form, "message": "slow down", "code": "c"}
    assert broken(start, **fault).get(POSITIONS).body == body


def test_a_limit_may_say_when_to_come_back_and_mostly_does_not(start):
    assert (
        broken(start, kind="status", status=429, retry_after="7")
        .get(POSITIONS)
        .headers["Retry-After"]
        == "7"
    )
    assert "Retry-After" not in broken(start, kind="status", status=429).get(POSITIONS).headers


def test_the_token_endpoint_can_fail_in_its_own_words(start):
    message = "User is not a TastyTrade customer"
    fault = Fault(
        "token", "status", at=1, status=400, form="oauth", code="invalid_request", message=message
    )
    client = start(log_in=False, faults=[fault])
    assert client.grant().json()["error_description"] == message
    assert client.grant().status == 200


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_points_at_the_bait(start, status):
    client = broken(start, kind="redirect", status=status, location="http://127.0.0.1:9/bait")
    reply = client.get(POSITIONS)
    assert (reply.status, reply.headers["Location"]) == (status, "http://127.0.0.1:9/bait")


def test_a_maintenance_page_may_come_with_200(start):
    reply = broken(start, kind="html-200").get(POSITIONS)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html")
    assert reply.body.startswith(b"<html>")


def test_the_content_type_may_be_wrong_over_the_right_body(start):
    reply = broken(start, kind="wrong-content-type", content_type="text/plain").get(POSITIONS)
    assert reply.headers["Content-Type"] == "text/plain"
    assert reply.items()


def test_json_may_be_cut_in_a_complete_answer(start):
    reply = broken(start, kind="malformed-json").get(POSITIONS)
    assert int(reply.headers["Content-Length"]) == len(reply.body)
    with pytest.raises(json.JSONDecodeError):
        reply.json()


def test_data_may_be_missing(start):
    assert broken(start, kind="missing-data").get(POSITIONS).json() == {"context": POSITIONS}


def test_a_member_may_be_set_dropped_or_renamed(start):
    pointer = "/data/items/0/quantity-direction"
    changed = broken(start, kind="set-member", pointer=pointer, value=None).get(POSITIONS)
    dropped = broken(start, kind="drop-member", pointer=pointer).get(POSITIONS)
    renamed = broken(start, kind="rename-member", pointer=pointer, value="side").get(POSITIONS)
    assert changed.items()[0]["quantity-direction"] is None
    assert "quantity-direction" not in dropped.items()[0]
    assert renamed.items()[0]["side"] == "Long"
    assert "quantity-direction" not in renamed.items()[0]


def test_an_element_of_a_list_may_be_dropped_or_replaced(start):
    whole = start().get(POSITIONS).items()
    assert (
        broken(start, kind="drop-member", pointer="/data/items/0").get(POSITIONS).items()
        == whole[1:]
    )
    replaced = (
        broken(start, kind="set-member", pointer="/data/items/0", value="row")
        .get(POSITIONS)
        .items()
    )
    assert replaced == ["row", *whole[1:]]


def ask_once(simulator, path):
    """Serve one request in the simulator's own block, whose end tells what went wrong inside it."""
    with simulator:
        connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"))
        connection.request("GET", path, headers={"User-Agent": "x/1"})
        assert connection.getresponse().status == 500
        connection.close()


def test_a_fault_that_names_nothing_fails_the_test_and_not_silently(portfolio):
    simulator = Simulator(
        portfolio, faults=[Fault("no-route", "drop-member", pointer="/data/items")]
    )
    with pytest.raises(SimulatorError):
        ask_once(simulator, "/nowhere")


def test_a_body_may_be_replaced(start):
    client = broken(start, kind="replace-body", body=b"[]", content_type="application/json")
    assert client.get(POSITIONS).json() == []
    client.simulator.faults = [Fault("positions", "replace-body", body=b"", status=204)]
    assert client.get(POSITIONS).status == 204


def test_an_answer_may_be_late(start):
    client = broken(start, kind="delay", seconds=0.05)
    began = time.monotonic()
    assert client.get(POSITIONS).status == 200
    assert time.monotonic() - began >= 0.05


def test_a_body_may_come_byte_by_byte(start):
    client = start(
        SimulatedPortfolio.of([]), faults=[Fault("positions", "slow-drip", seconds=0.0005)]
    )
    began = time.monotonic()
    body = client.get(POSITIONS).body
    assert time.monotonic() - began >= 0.0005 * len(body)
    assert json.loads(body)["data"] == {"items": []}


def test_a_body_may_end_before_its_length(start):
    with pytest.raises(http.client.IncompleteRead) as caught:
        broken(start, kind="truncated-body").get(POSITIONS)
    assert caught.value.partial


def test_a_connection_may_be_reset_before_the_answer(start):
    with pytest.raises(ConnectionResetError):
        broken(start, kind="reset").get(POSITIONS)


def test_a_connection_may_be_reset_in_the_body(start):
    with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
        broken(start, kind="reset-in-body").get(POSITIONS)


def test_a_connection_may_be_closed_without_an_answer(start):
    with pytest.raises(http.client.RemoteDisconnected):
        broken(start, kind="closed").get(POSITIONS)


def test_the_server_may_say_nothing(start):
    client = broken(start, kind="silent")
    client.connection.sock.settimeout(0.05)
    with pytest.raises(TimeoutError):
        client.get(POSITIONS)


def test_the_server_may_say_nothing_for_a_while_and_close(start):
    with pytest.raises(http.client.RemoteDisconnected):
        broken(start, kind="silent", seconds=0.03).get(POSITIONS)


def test_the_answer_may_be_no_http(start):
    with pytest.raises(http.client.BadStatusLine):
        broken(start, kind="garbage").get(POSITIONS)


def test_a_small_body_may_unpack_to_a_large_one(start):
    reply = broken(start, kind="gzip-bomb", size=4 * 1024 * 1024).get(POSITIONS)
    assert reply.headers["Content-Encoding"] == "gzip"
    assert len(reply.body) < 40_000
    assert len(gzip.decompress(reply.body)) >= 4 * 1024 * 1024


def test_a_body_may_go_on_and_on(start):
    reply = broken(start, kind="endless-body", size=1024 * 1024).get(POSITIONS)
    assert "Content-Length" not in reply.headers
    assert len(reply.body) == 1024 * 1024


def test_a_client_that_leaves_in_an_endless_body_does_no_harm(start):
    client = broken(start, kind="endless-body", size=1024 * 1024 * 1024)
    client.connection.request("GET", POSITIONS, headers={"User-Agent": "x/1"})
    client.connection.close()
    assert client.get(ACCOUNTS).status == 200
    assert client.simulator.errors == []


def test_tokens_may_expire_in_mid_run(start):
    client = start(faults=[Fault("positions", "expire-tokens", at=1)])
    assert client.get(ACCOUNTS).status == 200
    assert client.get(POSITIONS).code == "token_invalid"
    client.log_in()
    assert client.get(POSITIONS).status == 200


def test_the_clock_may_jump(start):
    clock = SimulatedClock(frozen=True)
    client = start(clock=clock, faults=[Fault("accounts", "clock-offset", at=1, seconds=86400)])
    before = clock()
    reply = client.get(ACCOUNTS)
    assert (clock() - before).total_seconds() == 86400
    assert reply.status == 401  # the token has expired on that clock
    assert clock().strftime("%d %b %Y") in reply.headers["Date"]


def test_a_jump_of_a_clock_that_cannot_jump_is_the_tests_mistake(portfolio):
    fault = Fault("accounts", "clock-offset", seconds=1)
    simulator = Simulator(portfolio, faults=[fault], clock=SimulatedClock().__call__)
    with pytest.raises(SimulatorError):
        ask_once(simulator, ACCOUNTS)


def test_a_refresh_token_may_be_rotated(start):
    client = start(log_in=False, faults=[Fault("token", "rotate-refresh-token", at=1)])
    first = client.grant().json()
    assert client.grant().json()["error_code"] == "invalid_grant"
    assert client.grant(refresh_token=first["refresh_token"]).status == 200


@pytest.mark.parametrize(
    ("when", "statuses"),
    [
        ({}, [500, 500, 500, 500]),
        ({"at": 2}, [200, 500, 200, 200]),
        ({"at": 2, "times": 2}, [200, 500, 500, 200]),
        ({"times": 3}, [500, 500, 500, 200]),
    ],
)
def test_a_fault_happens_to_the_requests_that_it_names(start, when, statuses):
    client = broken(start, kind="status", **when)
    assert [client.get(POSITIONS).status for _ in range(4)] == statuses
    assert client.get(ACCOUNTS).status == 200


def test_requests_are_counted_by_route(start):
    client = start(faults=[Fault("positions", "status", at=2)])
    paths = [ACCOUNTS, POSITIONS, ACCOUNTS, POSITIONS]
    assert [client.get(path).status for path in paths] == [200, 200, 200, 500]


def test_a_fault_of_every_route_counts_all_requests(start):
    client = start(faults=[Fault("*", "status", at=3)])
    paths = [ACCOUNTS, POSITIONS, ACCOUNTS, POSITIONS]
    assert [client.get(path).status for path in paths] == [200, 200, 500, 200]


def test_faults_combine_and_can_be_taken_away(start):
    client = start(
        faults=[Fault("positions", "status", status=503), Fault("positions", "truncated-body")]
    )
    with pytest.raises(http.client.IncompleteRead):
        client.get(POSITIONS)
    assert client.simulator.requests[-1].status == 503
    client.connection.close()
    client.simulator.faults = []
    assert client.get(POSITIONS).status == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"route": "position", "kind": "reset"},
        {"route": "positions", "kind": "explode"},
        {"route": "positions", "kind": "status", "form": "xml"},
        {"route": "positions", "kind": "reset", "at": 0},
    ],
)
def test_a_fault_that_could_never_happen_is_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        Fault(**wrong)


@pytest.mark.parametrize(
    "kind", [kind for kind in FaultKind if kind not in {"clock-offset", "expire-tokens"}]
)
def test_the_server_outlives_every_fault(start, kind):
    extra = {"pointer": "/data/items", "value": "x"} if kind.endswith("member") else {}
    fault = Fault("positions", kind, at=1, size=200_000, seconds=0.0001, **extra)
    client = start(SimulatedPortfolio.of([]), faults=[fault])
    try:
        client.get(POSITIONS)
    except (http.client.HTTPException, OSError):
        client.connection.close()
    assert client.get(ACCOUNTS).status == 200
    assert client.simulator.errors == []


def test_a_stop_ends_a_client_that_waits(portfolio):
    simulator = Simulator(portfolio, faults=[Fault("*", "silent")])
    simulator.start()
    address = simulator.url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=30) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: x/1\r\n\r\n")
        while not simulator.requests:
            time.sleep(0.001)
        simulator.stop()
        assert client.recv(1) == b""
