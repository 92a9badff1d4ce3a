"""tastytrade's account streamer as an alarm clock: which of its messages count, and a sync within seconds of a fill."""

from __future__ import annotations

import json
import threading
import time
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastytrade_simulator import SimulatedPortfolio, Simulator
from variance_bridge import Secret, load
from variance_bridge.broker import Account, Notice
from variance_bridge.cli.error_report import run
from variance_bridge_tastytrade.account_streamer import TastytradeWake
from variance_bridge_tastytrade.client.hosts import endpoint, streamer_address
from variance_bridge_tastytrade.settings import TastytradeSettings

SOON = 20


def read(message):
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    return TastytradeWake(None).read(text)


POSITION = {"account-number": "5WX00042", "symbol": "AAPL", "quantity": "100", "quantity-direction": "Long"}  # fmt: skip


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ({"type": "CurrentPosition", "data": POSITION, "timestamp": 1688595114405}, Notice.CHANGED),
        ({"type": "CurrentPosition", "data": {**POSITION, "quantity": "0", "quantity-direction": "Zero"}}, Notice.CHANGED),
        ({"type": "CurrentPosition", "data": {**POSITION, "update-type": "Close Price"}}, Notice.OTHER),
        ({"type": "Order", "data": {"status": "Filled"}}, Notice.CHANGED),
        ({"type": "Order", "data": {"status": "Live"}}, Notice.OTHER),
        ({"type": "ExternalTransaction", "data": {}}, Notice.CHANGED),
        ({"type": "AccountBalance", "data": {"cash-balance": "1.0"}}, Notice.OTHER),
        ({"type": "TradingStatus", "data": {}}, Notice.OTHER),
        ({"type": "UnderlyingYearGainSummary", "data": {}}, Notice.OTHER),
        ({"type": "SomethingNew", "data": {"status": "Filled"}}, Notice.OTHER),
        ({"results": [{"type": "AccountBalance"}, {"type": "CurrentPosition", "data": POSITION}]}, Notice.CHANGED),
        ({"status": "ok", "action": "connect", "web-socket-session-id": "5b6e2799", "request-id": 2}, Notice.OTHER),
        ({"status": "ok", "action": "heartbeat"}, Notice.OTHER),
        ({"status": "error", "action": "connect", "message": "Unknown domain"}, Notice.REFUSED),
        ({"status": "error", "action": "heartbeat", "message": "connect-not-completed"}, Notice.REFUSED),
        ({"status": "error", "action": ["connect"]}, Notice.OTHER),
        ({"type": ["CurrentPosition"], "data": 7}, Notice.OTHER),
        ([[[[[{"type": "CurrentPosition"}]]]]], Notice.OTHER),
        (b"[" * 100_000, Notice.OTHER),
        (b"\xff\xfe", Notice.OTHER),
        (b"1" * 10_000, Notice.OTHER),
        (b"", Notice.OTHER),
    ],
)  # fmt: skip
def test_what_a_message_means(message, meaning):
    assert read(message) is meaning


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "data", "status", "action", "results", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(st.binary(max_size=64) | JSON)
def test_no_message_is_an_error(message):
    assert read(message) in Notice


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "wss://streamer.tastyworks.com/"),
        ({"base_url": "api.tastytrade.com"}, "wss://streamer.tastyworks.com/"),
        ({"environment": "sandbox"}, "wss://streamer.cert.tastyworks.com/"),
        ({"environment": "sandbox", "base_url": "api.sandbox.tastytrade.com"}, None),
        ({"base_url": "http://127.0.0.1:8123"}, "ws://127.0.0.1:8123/"),
        ({"base_url": "https://[::1]:8123"}, "wss://[::1]:8123/"),
    ],
)
def test_the_streamer_is_that_of_the_environment(settings, address):
    assert streamer_address(endpoint(TastytradeSettings(**settings))) == address


def test_the_legacy_log_in_is_not_used_for_it(desk):
    wake = TastytradeWake(desk.context(auth="session"))
    assert wake.address is None
    assert desk.simulator.requests == []


def test_the_token_of_the_sync_is_used_and_replaced_in_time(desk, clock):
    wake = TastytradeWake(desk.context())
    accounts = [Account(number="5WX00001"), Account(number="5WX00002")]
    first = wake.hello(accounts)
    second = wake.heartbeat()
    clock.sleep(900)
    third = wake.heartbeat()
    texts = [json.loads(text.reveal()) for text in (first, second, third)]

    assert texts[0] == {"action": "connect", "value": ["5WX00001", "5WX00002"], "auth-token": texts[1]["auth-token"]}  # fmt: skip
    assert texts[1]["action"] == "heartbeat"
    assert texts[1]["auth-token"].startswith("Bearer ")
    assert texts[2]["auth-token"] != texts[1]["auth-token"]
    assert desk.simulator.counts()["token"] == 2
    assert isinstance(first, Secret)
    assert texts[0]["auth-token"] not in repr(first)


@pytest.fixture
def trader(tmp_path, monkeypatch):
    """A simulator, and the configuration of a watch of it, whose longer waits are short."""
    place = tmp_path / "work"
    place.mkdir(mode=0o700)
    monkeypatch.chdir(place)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(place))
    for name in ("QUIET", "MIN_GAP"):
        monkeypatch.setattr(f"variance_bridge.pipeline.watch.{name}", timedelta(seconds=0.5))
    monkeypatch.setattr("variance_bridge_tastytrade.account_streamer.HEARTBEAT_SECONDS", 0.5)
    portfolio = SimulatedPortfolio.of([{"symbol": "MCD", "quantity": 100, "average_open_price": "290.10"}], cash="1000.00")  # fmt: skip
    with Simulator(portfolio) as simulator:
        known = simulator.credentials
        monkeypatch.setenv("TT_CLIENT_SECRET", known.client_secret)
        monkeypatch.setenv("TT_REFRESH_TOKEN", known.refresh_token)
        (place / "variance.toml").write_text(
            f'broker = "tastytrade"\nquotes = "none"\n[brokers.tastytrade]\nbase_url = "{simulator.url}"\n'
        )
        yield simulator


class Watch(threading.Thread):
    """`variance watch` for so many rounds, in a thread."""

    def __init__(self, rounds):
        super().__init__(daemon=True)
        self.rounds, self.code = str(rounds), None
        self.start()

    def run(self):
        self.code = run(["watch", "--always", "--every", "1h", "--count", self.rounds])

    def ended(self):
        self.join(SOON)
        assert not self.is_alive()
        return self.code


def quantity():
    (held,) = load("positions/live_tasty.json").portfolio.positions
    return held.quantity


def bought(simulator, quantity):
    """An order of a hundred fills: the positions are other than before, and every fill is pushed."""
    number = simulator.portfolio.accounts[0].number
    simulator.portfolio = SimulatedPortfolio.of([{"symbol": "MCD", "quantity": quantity, "average_open_price": "290.10"}], cash="1000.00")  # fmt: skip
    data = {"account-number": number, "symbol": "MCD", "quantity": "7777", "quantity-direction": "Long"}  # fmt: skip
    for _ in range(100):
        simulator.streamer.push("CurrentPosition", data)
        simulator.streamer.push("AccountBalance", data)


@pytest.mark.slow
def test_a_fill_is_in_the_file_within_seconds_and_comes_of_rest_alone(trader, capfd):
    watch = Watch(3)
    assert trader.streamer.connected.acquire(timeout=SOON)
    before, began = trader.counts()["positions"], time.monotonic()
    bought(trader, 150)
    while quantity() != 150:
        assert time.monotonic() - began < SOON
        time.sleep(0.05)
    assert time.monotonic() - began < 10
    time.sleep(2)
    assert (before, trader.counts()["positions"]) == (1, 2)  # a hundred fills are one sync
    bought(trader, 175)

    assert watch.ended() == 0
    assert trader.counts()["positions"] == 3
    assert quantity() == 175
    assert trader.rate_excess() == {}
    said = "".join(capfd.readouterr())
    for sent in trader.streamer.received:
        assert sent["auth-token"].removeprefix("Bearer ") not in said
    assert trader.portfolio.accounts[0].number not in said


@pytest.mark.slow
@pytest.mark.parametrize("trouble", ["bye", "expired", "hangs"])
def test_after_trouble_it_listens_again_with_a_new_token(trader, trouble):
    watch = Watch(2)
    assert trader.streamer.connected.acquire(timeout=SOON)
    if trouble == "hangs":
        trader.streamer.answers_heartbeats = False
    else:
        if trouble == "expired":
            trader.expire_access_tokens()
        trader.streamer.close()
    assert trader.streamer.connected.acquire(timeout=SOON)
    time.sleep(0.3)  # the answer is on its way
    bought(trader, 175)

    assert watch.ended() == 0
    assert quantity() == 175
    tokens = {one["auth-token"] for one in trader.streamer.received if one["action"] == "connect"}
    assert len(tokens) == 2
