"""The demo's server: it answers as the tests' simulator of the API does, and lets nobody else in."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest

import variance_bridge
import variance_bridge_tastytrade
from tastytrade_simulator import SimulatedClock, SimulatedPortfolio, Simulator
from variance_bridge_tastytrade.demo_server import DemoPortfolio, DemoServer

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def ask(url, method, path, body=None, authorization=None):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=5)
    headers = {"User-Agent": "tests/1.0", "Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def log_in(url, client_secret, refresh_token):
    grant = {
        "grant_type": "refresh_token",
        "client_secret": client_secret,
        "refresh_token": refresh_token,
    }
    status, answer = ask(url, "POST", "/oauth/token", grant)
    assert status == 200
    return f"Bearer {answer['access_token']}"


@pytest.fixture(scope="module")
def servers():
    """The demo's server and the simulator with the same portfolio, each with a token."""
    with (
        DemoServer(DemoPortfolio.demo(NOW), lambda: NOW) as demo,
        Simulator(
            SimulatedPortfolio.demo(NOW), clock=SimulatedClock(NOW, frozen=True)
        ) as simulator,
    ):
        known = simulator.credentials
        yield [
            (demo.url, log_in(demo.url, demo.client_secret, demo.refresh_token)),
            (simulator.url, log_in(simulator.url, known.client_secret, known.refresh_token)),
        ]


SYMBOLS = ",".join(quote(symbol, safe="") for symbol in DemoPortfolio.demo(NOW).quotes)
KINDS = ("equity", "index", "equity-option", "future", "future-option", "cryptocurrency")


@pytest.mark.parametrize(
    "path",
    [
        "/customers/me/accounts",
        "/accounts/5WX00001/positions?include-marks=true",
        "/accounts/5WX00001/balances",
        f"/market-metrics?symbols={SYMBOLS}",
        *(f"/market-data/by-type?{kind}={SYMBOLS}" for kind in ("equity-option", "future")),
    ],
    ids=lambda path: path[:30],
)
def test_the_demo_server_answers_what_the_simulator_answers(servers, path):
    (status, demo), (_, simulator) = (
        ask(url, "GET", path, authorization=token) for url, token in servers
    )
    assert status == 200
    by_symbol = [
        {json.dumps(item, sort_keys=True) for item in answer["data"]["items"]}
        for answer in (demo, simulator)
    ]
    if (
        "by-type" in path
    ):  # the demo's server does not look at the kind: the client asks for the right one
        assert by_symbol[1] < by_symbol[0]
    else:
        assert by_symbol[0] == by_symbol[1]
    assert demo["context"] == simulator["context"]


@pytest.mark.parametrize("path", ["/accounts/5WX09999/positions", "/nothing", "/customers/me"])
def test_the_demo_server_says_that_it_does_not_have_something(servers, path):
    url, token = servers[0]
    assert ask(url, "GET", path, authorization=token)[0] == 404


def test_the_demo_server_lets_nobody_else_in(servers):
    url, _ = servers[0]
    assert ask(url, "GET", "/customers/me/accounts")[0] == 401
    assert ask(url, "GET", "/customers/me/accounts", authorization="Bearer x")[0] == 401
    status, answer = ask(url, "POST", "/oauth/token", {"refresh_token": "x", "client_secret": "x"})
    assert (status, answer["error_code"]) == (400, "invalid_grant")
    assert ask(url, "POST", "/sessions", {})[0] == 404


def test_the_demo_server_needs_no_third_party_package():
    code = (
        "import sys; sys.path[:0] = sys.argv[1:];"
        "import variance_bridge_tastytrade.demo_server.market, variance_bridge_tastytrade.demo_server as d;"
        "loaded = {name.partition('.')[0] for name in sys.modules};"
        "loaded -= {'variance_bridge', 'variance_bridge_tastytrade'};"
        "print(sorted(n for n in loaded - set(sys.stdlib_module_names) if not n.startswith('_')))"
    )
    sources = [
        str(Path(package.__file__).parents[1])
        for package in (variance_bridge, variance_bridge_tastytrade)
    ]
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *sources], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
