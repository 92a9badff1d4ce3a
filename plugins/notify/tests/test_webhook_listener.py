"""The listener `webhook`: what is posted and where, and that nothing that goes wrong is more than a warning."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from loopback_server import serving

from variance_bridge import (
    Balances,
    ConfigurationError,
    Environment,
    Holding,
    Meta,
    Portfolio,
    Side,
    Status,
)
from variance_bridge.cli.error_report import run
from variance_bridge.symbology import InstrumentType
from variance_bridge_notify.webhook_listener import WebhookSettings, variance_bridge_synced

PORTFOLIO = Portfolio(
    meta=Meta(
        source="acme",
        fetched_at=datetime(2026, 1, 15, 15, 0, 0, 250_000, tzinfo=UTC),
        account_hash="a1b2***",
        status=Status.COMPLETE,
        environment=Environment.SIMULATOR,
    ),
    balances=Balances(currency="USD", net_liquidating_value=Decimal("98765.43"), cash=Decimal(1)),
    positions=(
        Holding(
            root="QZZ", symbol="QZZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1)
        ),
    ),
)


class Receiver:
    """What was posted, and how it answers."""

    def __init__(self, status=204, headers=None, seconds=0.0):
        self.status, self.headers, self.seconds = status, headers or {}, seconds
        self.got = []

    def answer(self, method, target, headers, body):
        self.got.append((method, target, headers, body))
        time.sleep(self.seconds)
        return self.status, self.headers, b""


def listen(url, *, timeout=timedelta(seconds=20)):
    settings = WebhookSettings(url=url, timeout=timeout)
    variance_bridge_synced(PORTFOLIO, Path("/home/quintus/live_acme.json"), settings)


def test_the_facts_are_posted_once_and_nothing_else_is():
    with serving(Receiver()) as receiver:
        listen(f"{receiver.url}/hook?for=me")
    ((method, target, headers, body),) = receiver.got

    assert (method, target) == ("POST", "/hook?for=me")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "event": "synced",
        "account_hash": "a1b2***",
        "source": "acme",
        "environment": "simulator",
        "status": "complete",
        "positions": 1,
        "rejected": 0,
        "fetched_at": "2026-01-15T15:00:00Z",
    }
    for private in (b"quintus", b"QZZ", b"98765"):
        assert private not in body


@pytest.mark.parametrize(
    ("status", "words"), [(302, "never followed"), (404, "status 404"), (500, "status 500")]
)
def test_an_answer_that_does_not_accept_is_an_error_and_not_tried_again(status, words):
    with (
        serving(Receiver(status, {"Location": "/other"})) as receiver,
        pytest.raises(ConfigurationError, match=words),
    ):
        listen(f"{receiver.url}/secret-path")

    assert len(receiver.got) == 1


def test_no_answer_ends_in_time_and_the_address_is_not_repeated():
    with (
        serving(Receiver(seconds=0.5)) as receiver,
        pytest.raises(ConfigurationError, match="in time") as late,
    ):
        listen(f"{receiver.url}/secret-path", timeout=timedelta(seconds=0.1))
    with pytest.raises(ConfigurationError, match="cannot be reached") as closed:
        listen(f"{receiver.url}/secret-path")

    assert "secret-path" not in str(late.value) + str(closed.value)


ALLOWED = [
    {"url": "http://127.0.0.1:8080/"},
    {"url": "http://[::1]/"},
    {"url": "https://hooks.example/a?b=c", "host": "hooks.example"},
    {"url": "https://HOOKS.example:8443/", "host": "hooks.example"},
]
REFUSED = [
    {"url": "http://hooks.example/", "host": "hooks.example"},
    {"url": "https://hooks.example/"},
    {"url": "https://hooks.example.evil.example/", "host": "hooks.example"},
    {"url": "https://hooks.example@evil.example/", "host": "hooks.example"},
    {"url": "https://user:secret@hooks.example/", "host": "hooks.example"},
    {"url": "http://localhost:8080/"},
    {"url": "ftp://127.0.0.1/"},
    {"url": "https://hooks.example/\r\nX: y", "host": "hooks.example"},
    {"url": "https://hooks.example:port/", "host": "hooks.example"},
    {"url": "https:///path", "host": ""},
    {"url": "http://127.0.0.1/", "timeout": timedelta(0)},
]


@pytest.mark.parametrize("keys", ALLOWED, ids=str)
def test_an_address_on_this_machine_or_at_the_declared_host_is_allowed(keys):
    WebhookSettings(**keys)


@pytest.mark.parametrize("keys", REFUSED, ids=str)
def test_any_other_address_is_refused(keys):
    with pytest.raises(ValueError, match="must"):
        WebhookSettings(**keys)


@pytest.fixture
def sync(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "export.csv").write_text(
        "Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Cost,Mark\nQZZ,Stock,10,,,,1000,110\n"
    )

    def sync(table):
        (tmp_path / "variance.toml").write_text(f"[listeners.webhook]\n{table}\n")
        code = run(["sync", "--broker", "csv", "--input", "export.csv"])
        return code, capsys.readouterr().err

    return sync


def test_a_sync_calls_it_and_its_trouble_is_a_warning(sync):
    with serving(Receiver()) as receiver:
        assert sync(f'url = "{receiver.url}/"') == (0, "")
    code, err = sync(f'url = "{receiver.url}/"')

    assert len(receiver.got) == 1
    assert json.loads(receiver.got[0][3])["source"] == "csv"
    assert (code, "listener `webhook`" in err) == (0, True)


def test_a_wrong_address_ends_the_sync_before_anything_is_read(sync):
    code, err = sync('url = "http://hooks.example/"')

    assert (code, "https" in err) == (3, True)
