"""A broker that says when something changed: it is heard, a sync follows, nothing else does, and every failure leaves the clock."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from wake_server import waking

from variance_bridge.cli.error_report import run
from variance_bridge.cli.invocation import Invocation
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.pipeline.wake import Board, WakePace, WakeRun, Wakes

SOON = 20
"""Seconds: enough on a busy machine, and far less than the "never" that a test looks for."""
NUMBER = "ZZ-7700143"
TOKEN = "token-canary-41c7"

BROKER = """
import attrs, json, pathlib
from decimal import Decimal
from variance_bridge import *
from variance_bridge.broker import Notice
from variance_bridge.symbology import InstrumentType

TOKENS = []

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", settings="acme_plugin:Settings",
                       hosts=("api.acme.example",), wakes="acme_plugin:Wake")]

@attrs.frozen(kw_only=True)
class Settings:
    stream: str = setting("", title="address of the stream")
    fails: str = setting("", title="what fails")

class Broker:
    def __init__(self, context):
        self.context = context
    def accounts(self):
        if self.context.settings.fails == "refused":
            raise BrokerRefused("the log-in is not accepted")
        return [Account(number="ZZ-7700143")]
    def fetch(self, account):
        return RawPortfolio(account=account, payloads={}, fetched_at=self.context.clock.now())
    def normalize(self, raw):
        with pathlib.Path("syncs").open("a") as syncs:
            syncs.write("x")
        held = Holding(root="XYZ", symbol="XYZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1))
        return Portfolio(meta=Meta(source="acme", fetched_at=raw.fetched_at, counts=Counts(fetched=1, normalized=1, closed=0, rejected=0)), positions=(held,))

class Wake:
    heartbeat_seconds = 0.5
    def __init__(self, context):
        self.context = context
    @property
    def address(self):
        return self.context.settings.stream or None
    def hello(self, accounts):
        TOKENS.append(len(TOKENS))
        self.context.personal.add("token-canary-41c7")
        return Secret(json.dumps({"accounts": [one.number for one in accounts], "token": f"token-canary-41c7-{TOKENS[-1]}"}))
    def heartbeat(self):
        if self.context.settings.fails == "crash":
            raise ZeroDivisionError("token-canary-41c7")
        return Secret("beat")
    def read(self, message):
        if self.context.settings.fails == "read":
            raise ZeroDivisionError(message.decode())
        return {b"fill": Notice.CHANGED, b"no": Notice.REFUSED}.get(message, Notice.OTHER)
"""


@pytest.fixture
def configure(folder, install, monkeypatch):
    """A profile of the broker `acme`, whose stream is at an address."""
    install("acme", BROKER)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder))

    def write(stream: str, fails: str = "", more: str = "") -> None:
        (folder / "variance.toml").write_text(
            f'[profiles.mine]\nbroker = "acme"\nstream = "{stream}"\nfails = "{fails}"\n'
            f'[plugins]\nallow = ["acme-plugin"]\n{more}'
        )

    return write


class Ears:
    """The threads of a watch, and what they told the user."""

    def __init__(self, capsys, *, always=True):
        self.capsys = capsys
        self.invocation = Invocation()
        pace = WakePace(back_off=Policy(back_off_seconds=0.05, longest_wait_seconds=0.2))
        context = self.invocation.run_context()
        board = Board(self.invocation.clock)
        run = WakeRun(context=context, board=board, random=lambda: 0.0, always=always, pace=pace)
        self.wakes = Wakes(run)
        self.wakes.start(["mine"])
        self.told = ""

    def hears(self) -> bool:
        heard = self.wakes.wait(SOON)
        return heard and list(self.wakes.take()) == ["mine"]

    def says(self, words: str) -> str:
        """What the user is told, once these words are in it."""
        until = time.monotonic() + SOON
        while words not in self.told and time.monotonic() < until:
            time.sleep(0.02)
            self.told += self.capsys.readouterr().err
        assert words in self.told
        return self.told


@pytest.fixture
def listen(capsys):
    """Start the threads; they end with the test."""
    started = []

    def start(**options) -> Ears:
        started.append(Ears(capsys, **options))
        return started[-1]

    yield start
    for ears in started:
        ears.wakes.stop(["mine"])
        ears.invocation.restore()


def opened(*messages, then=lambda peer, _number: peer.hear()):
    def serve(peer, number):
        peer.open()
        peer.hear()
        for message in messages:
            peer.say(message)
        then(peer, number)

    return serve


def answering(peer, _number):
    while True:
        peer.hear()
        peer.say("ok")


def test_news_is_heard_and_the_broker_is_told_the_accounts_of_the_profile(configure, listen):
    with waking(opened("ok", "fill")) as server:
        configure(server.url)
        assert listen().hears()
        (hello,) = server.peers[0].texts

    assert json.loads(hello) == {"accounts": [NUMBER], "token": f"{TOKEN}-0"}


def test_a_broken_connection_is_made_again_with_a_new_log_in_and_without_a_word(
    configure, listen, capsys
):
    def once(peer, number):
        peer.close() if number == 1 else peer.say("fill")
        answering(peer, number)

    with waking(opened(then=once)) as server:
        configure(server.url)
        ears = listen()
        assert ears.hears()
        assert ears.told + capsys.readouterr().err == ""
        tokens = [json.loads(peer.texts[0])["token"] for peer in server.peers]

    assert tokens == [f"{TOKEN}-0", f"{TOKEN}-1"]


def test_a_log_in_that_is_not_accepted_is_replaced_and_at_last_given_up(configure, listen):
    with waking(opened("no")) as server:
        configure(server.url)
        told = listen().says("did not accept the log-in): it is synced by the clock\n")
        time.sleep(0.3)
        assert len({peer.texts[0] for peer in server.peers}) == len(server.peers) == 3

    assert TOKEN not in told
    assert NUMBER not in told


def test_an_expired_log_in_is_replaced(configure, listen):
    def expires(peer, number):
        if number == 1:
            peer.hear()
            peer.say("no")
        peer.say("fill")
        answering(peer, number)

    with waking(opened("ok", then=expires)) as server:
        configure(server.url)
        assert listen().hears()
        assert len(server.peers) == 2


def test_a_stream_that_is_not_there_is_said_once_and_tried_again_ever_more_slowly(
    configure, listen, capsys
):
    tries = []

    def refuse(peer, _number):
        tries.append(time.monotonic())
        peer.socket.close()

    with waking(refuse) as server:
        configure(server.url)
        ears = listen()
        ears.says("Warning: mine: changes at Acme are not heard of (")
        time.sleep(0.7)
        told = ears.told + capsys.readouterr().err

    assert told.count("Warning") == 1
    assert "until they are" in told
    assert 3 <= len(tries) <= 8


@pytest.mark.parametrize(
    ("stream", "fails", "words"),
    [
        ("wss://other.example/", "", "the host is not one that the plugin declared"),
        ("ws://api.acme.example/", "", "https is required"),
        (None, "refused", "the log-in is not accepted"),
        (None, "crash", "failed while it was listened to: ZeroDivisionError"),
        (None, "read", "failed while it was listened to: ZeroDivisionError"),
    ],
)
def test_what_no_second_try_can_change_is_said_and_given_up(
    configure, listen, stream, fails, words
):
    with waking(opened("message canary", then=answering)) as server:
        configure(stream or server.url, fails)
        told = listen().says("it is synced by the clock\n")
        time.sleep(0.2)
        assert len(server.peers) == (fails in {"crash", "read"})

    assert words in " ".join(told.split())
    assert TOKEN not in told
    assert "message canary" not in told


def test_nobody_listens_while_the_market_is_closed(configure, listen, monkeypatch):
    monkeypatch.setattr("variance_bridge.pipeline.wake.is_in_session", lambda _now: False)
    with waking(opened("fill")) as server:
        configure(server.url)
        ears = listen(always=False)
        time.sleep(0.2)
        assert server.peers == []
        assert not ears.wakes.wait(0.1)


def test_the_connection_ends_when_the_market_closes(configure, listen, monkeypatch):
    is_open = threading.Event()
    is_open.set()
    monkeypatch.setattr(
        "variance_bridge.pipeline.wake.is_in_session", lambda _now: is_open.is_set()
    )
    ended = threading.Event()

    def until_the_end(peer, _number):
        try:
            while True:
                peer.hear()
                peer.say("ok")
        finally:
            ended.set()

    with waking(opened("fill", then=until_the_end)) as server:
        configure(server.url)
        assert listen(always=False).hears()
        is_open.clear()
        assert ended.wait(SOON)
        assert len(server.peers) == 1


def test_a_profile_that_is_given_up_is_not_listened_for(configure, listen):
    with waking(opened("fill", then=answering)) as server:
        configure(server.url)
        ears = listen()
        assert ears.hears()
        ears.wakes.stop(["mine"])
        time.sleep(0.2)
        assert len(server.peers) == 1


def test_without_the_library_the_watch_goes_on_and_says_what_is_missing(
    configure, listen, monkeypatch
):
    monkeypatch.setitem(sys.modules, "websockets", None)
    configure("ws://127.0.0.1:9/")
    listen().says("install `variance-bridge[watch]`")


@pytest.fixture
def impatient(monkeypatch):
    """Seconds in the place of the longer ones."""
    from datetime import timedelta

    for name in ("QUIET", "MIN_GAP"):
        monkeypatch.setattr(f"variance_bridge.pipeline.watch.{name}", timedelta(seconds=0.1))


def watch(*arguments):
    return run(["watch", "--always", "--every", "1h", "--count", "2", *arguments])


def test_a_fill_is_followed_by_a_sync_and_what_was_said_is_in_no_document(
    configure, folder, impatient, capsys
):
    with waking(opened("fill", '{"symbol": "NEVER"}', *["fill"] * 100, then=answering)) as server:
        configure(server.url)
        began = time.monotonic()
        assert watch() == 0
        took = time.monotonic() - began

    assert took < SOON
    assert (folder / "syncs").read_text() == "xx"
    assert "NEVER" not in (folder / "positions" / "live_acme.json").read_text()
    assert capsys.readouterr().err == ""


def test_the_most_talkative_log_holds_neither_the_log_in_nor_a_message(
    configure, impatient, capsys
):
    with waking(opened("message canary", "fill", then=answering)) as server:
        configure(server.url)
        assert run(["-vv", "watch", "--always", "--every", "1h", "--count", "2"]) == 0

    said = "".join(capsys.readouterr())
    assert "mine" in said
    for canary in (TOKEN, NUMBER, "message canary"):
        assert canary not in said


def test_a_terminal_says_who_is_listened_to(configure, impatient, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    with waking(opened("fill", then=answering)) as server:
        configure(server.url)
        assert watch() == 0

    said = " ".join(capsys.readouterr().err.split())
    assert "UTC, or when Acme says that something changed. Ctrl-C ends." in said


@pytest.mark.parametrize(
    ("arguments", "more"), [(["--no-wake"], ""), ([], "[watch]\nwake = false\n")]
)
def test_nobody_is_listened_to_where_the_user_says_so(
    configure, monkeypatch, impatient, arguments, more
):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", interrupt)
    with waking(opened("fill")) as server:
        configure(server.url, more=more)
        assert watch(*arguments) == 130
        assert server.peers == []


def test_the_option_beats_the_file(configure, folder, impatient):
    with waking(opened("fill", then=answering)) as server:
        configure(server.url, more="[watch]\nwake = false\n")
        assert watch("--wake") == 0
        assert len(server.peers) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_watch_that_is_ended_while_it_listens_leaves_a_whole_document_and_no_lock(
    configure, folder, tmp_path, sent, code
):
    said = threading.Event()

    def serve(peer, number):
        said.set()
        answering(peer, number)

    command = [sys.executable, "-m", "variance_bridge", "watch", "--always", "--every", "1h"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    with waking(opened("ok", then=serve)) as server:
        configure(server.url)
        # A shell that starts the tests in the background has them ignore interrupts, and so would what they start.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(command, env=environment, stdout=-1, stderr=-1)
        signal.signal(signal.SIGINT, before)
        try:
            assert said.wait(60)
            process.send_signal(sent)
            began = time.monotonic()
            _out, err = process.communicate(timeout=60)
            assert time.monotonic() - began < SOON
        finally:
            process.kill()

    assert process.returncode == code, err
    assert TOKEN.encode() not in err
    assert run(["validate", "positions/live_acme.json"]) == 0
    assert run(["sync", "--profile", "mine"]) == 0
