"""Starting, stopping, swapping and recording."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import variance_bridge
import variance_bridge_tastytrade
from tastytrade_simulator import (
    Fault,
    SimulatedClock,
    SimulatedPortfolio,
    Simulator,
    SimulatorError,
)
from tastytrade_simulator.__main__ import main

ACCOUNTS = "/customers/me/accounts"
POSITIONS = "/accounts/5WX00001/positions"
BALANCES = "/accounts/5WX00001/balances"


def test_it_serves_on_the_loopback_and_on_a_free_port(portfolio):
    with Simulator(portfolio) as one, Simulator(portfolio) as other:
        assert one.url.startswith("http://127.0.0.1:")
        assert one.url != other.url
    with pytest.raises(SimulatorError):
        _ = one.url


def test_starting_and_stopping_takes_milliseconds(portfolio):
    taken = []
    for _ in range(20):
        began = time.monotonic()
        with Simulator(portfolio):
            pass
        taken.append(time.monotonic() - began)
    # A busy machine only ever adds time. A server that polls needs half a second each time.
    assert min(taken) < 0.1
    assert not [thread for thread in threading.enumerate() if thread.name == "simulator"]


def test_a_stopped_simulator_may_be_started_again_and_stopped_twice(portfolio):
    simulator = Simulator(portfolio)
    simulator.stop()
    for _ in range(2):
        with simulator:
            assert simulator.url


def test_the_portfolio_can_be_swapped_while_it_serves(start):
    client = start(SimulatedPortfolio.of([]))
    assert client.get(POSITIONS).items() == []
    client.simulator.portfolio = SimulatedPortfolio.of([{"symbol": "SPY"}])
    assert [row["symbol"] for row in client.get(POSITIONS).items()] == ["SPY"]
    replaced = client.simulator.portfolio.with_positions([])
    client.simulator.portfolio = replaced
    assert client.get(POSITIONS).items() == []


def test_one_connection_is_kept_alive(start):
    client = start()
    for path in (ACCOUNTS, POSITIONS, BALANCES):
        client.get(path)
    assert client.simulator.connections == 1
    client.connection.close()
    client.get(ACCOUNTS)
    assert client.simulator.connections == 2


def test_a_request_is_recorded_with_all_that_a_test_asks_for(start):
    clock = SimulatedClock(datetime(2026, 11, 20, 16, tzinfo=UTC), frozen=True)
    client = start(clock=clock)
    client.get(POSITIONS + "?symbol=BRK%2FB&include-marks=true", Accept_Version="20251101")
    (request,) = client.simulator.requests
    assert (request.method, request.path, request.route) == ("GET", POSITIONS, "positions")
    assert request.parameters == [("symbol", "BRK/B"), ("include-marks", "true")]
    assert request.headers["accept-version"] == "20251101"
    assert request.headers["authorization"] == client.authorization
    assert (request.status, request.at) == (200, clock())
    assert request.answered > request.started


def test_the_text_form_of_a_request_holds_no_secret(start):
    client = start(log_in=False)
    client.log_in()
    client.get(ACCOUNTS)
    text = repr(client.simulator.requests)
    known = client.simulator.credentials
    assert client.simulator.requests[0].body
    for secret in (client.authorization, known.client_secret, known.refresh_token):
        assert secret not in text


def test_requests_can_be_counted_and_forgotten(start):
    client = start()
    client.get(POSITIONS)
    client.get(POSITIONS)
    client.get(BALANCES)
    assert client.simulator.counts() == {"positions": 2, "balances": 1}
    client.simulator.clear()
    assert client.simulator.counts() == {}


def test_too_frequent_requests_are_counted(start):
    clock = SimulatedClock(frozen=True)
    client = start(clock=clock)
    for path, count in ((POSITIONS, 3), (BALANCES, 1), ("/market-data/by-type?equity=SPY", 3)):
        for _ in range(count):
            client.get(path)
    assert client.simulator.rate_excess() == {"positions": 2, "market-data": 1}


def test_requests_a_second_apart_are_not_too_frequent(start):
    clock = SimulatedClock(frozen=True)
    client = start(clock=clock)
    for _ in range(4):
        client.get(POSITIONS)
        clock.advance(1)
    assert client.simulator.rate_excess() == {}


def test_the_rate_over_all_routes_is_counted(start):
    client = start(clock=SimulatedClock(frozen=True))
    for _ in range(52):
        client.get("/market-metrics?symbols=SPY")
    assert client.simulator.rate_excess() == {"*": 2}


def test_limits_can_be_enforced_by_an_empty_429(start):
    clock = SimulatedClock(frozen=True)
    client = start(clock=clock, enforce_rate_limits=True)
    assert client.get(POSITIONS).status == 200
    refused = client.get(POSITIONS)
    assert (refused.status, refused.body) == (429, b"")
    assert "Content-Type" not in refused.headers
    assert client.get(BALANCES).status == 200
    clock.advance(2)
    assert client.get(POSITIONS).status == 200


def test_parallel_requests_are_one_round_trip(start):
    client = start(faults=[Fault("*", "delay", seconds=0.05)])
    simulator = client.simulator
    ready = threading.Barrier(2)

    def read(path):
        connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"))
        ready.wait()
        connection.request(
            "GET", path, headers={"User-Agent": "x/1", "Authorization": client.authorization}
        )
        status = connection.getresponse().status
        connection.close()
        return status

    client.get(ACCOUNTS)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(read, (POSITIONS, BALANCES))) == [200, 200]
    assert len(simulator.requests) == 3
    assert simulator.sequential_round_trips() == 2


def test_a_body_in_chunks_ends_the_connection_and_not_the_server(start):
    client = start()
    address = client.simulator.url.removeprefix("http://").split(":")
    head = b"POST /oauth/token HTTP/1.1\r\nUser-Agent: x/1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((address[0], int(address[1])), timeout=60) as raw:
        raw.sendall(head)
        answer = b"".join(iter(lambda: raw.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert client.get(ACCOUNTS).status == 200


def test_a_failure_outside_an_answer_fails_the_test_too(portfolio):
    def broken_clock():
        raise ArithmeticError

    simulator = Simulator(portfolio, clock=broken_clock)
    with pytest.raises(SimulatorError):
        ask_in_vain(simulator)
    assert isinstance(simulator.errors[0], ArithmeticError)


def ask_in_vain(simulator):
    with simulator:
        connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"))
        connection.request("GET", ACCOUNTS, headers={"User-Agent": "x/1"})
        with contextlib.suppress(http.client.RemoteDisconnected):
            connection.getresponse()
        connection.close()


def test_an_error_of_the_test_is_not_hidden_by_the_simulators(portfolio):
    simulator = Simulator(portfolio)
    simulator.errors.append(ArithmeticError())
    with pytest.raises(KeyError), simulator:
        raise KeyError


def test_a_clock_ticks_unless_it_is_frozen():
    start_time = datetime(2030, 1, 1, tzinfo=UTC)
    ticking, frozen = SimulatedClock(start_time), SimulatedClock(start_time, frozen=True)
    first = ticking()
    assert timedelta() <= first - start_time < timedelta(seconds=5)
    frozen.advance(-60)
    ticking.advance(3600)
    assert frozen() == start_time - timedelta(seconds=60)
    assert ticking() - first >= timedelta(hours=1)


def test_a_clock_needs_a_zone():
    with pytest.raises(ValueError, match="zone"):
        SimulatedClock(datetime(2030, 1, 1))


HERE = str(Path(__file__).parent)


def run(*arguments):
    return [sys.executable, "-m", "tastytrade_simulator", *arguments]


def test_people_can_serve_it_until_they_interrupt():
    process = subprocess.Popen(
        run(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": HERE},
    )
    lines = [process.stdout.readline().strip() for _ in range(4)]
    given = dict(line.split("=", 1) for line in lines)
    assert set(given) == {"API_BASE_URL", "TT_CLIENT_ID", "TT_CLIENT_SECRET", "TT_REFRESH_TOKEN"}
    connection = http.client.HTTPConnection(given["API_BASE_URL"].removeprefix("http://"))
    connection.request("GET", "/", headers={"User-Agent": "x/1"})
    assert connection.getresponse().status == 401
    connection.close()
    os.kill(process.pid, signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Ctrl-C" in words


def test_people_can_print_the_demos_export(capsysbinary):
    assert main(["--csv", "2026"]) == 0
    lines = capsysbinary.readouterr().out.decode().splitlines()
    assert lines[0].startswith("Account,Symbol,")
    assert len(lines) > 20


def test_the_simulator_needs_no_third_party_package():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:];"
        "import tastytrade_simulator, tastytrade_simulator.__main__ as m;"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "own = {'tastytrade_simulator', 'variance_bridge', 'variance_bridge_tastytrade'};"
        "print(sorted(n for n in loaded - own - set(sys.stdlib_module_names) if not n.startswith('_')))"
    )
    sources = [
        str(Path(package.__file__).parents[1])
        for package in (variance_bridge, variance_bridge_tastytrade)
    ]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *sources, HERE],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
