"""Every listener that the configuration names is called after a publish; none of them can undo or stop anything."""

from __future__ import annotations

import json

import pytest

HEARS = """
from variance_bridge import hookimpl
import variance_bridge.errors as e

@hookimpl
def variance_bridge_synced(portfolio, path):
    print("noise")
    with open("heard.txt", "a") as file:
        print({name!r}, portfolio.meta.source, len(portfolio.positions), path.name, path.exists(), file=file)
    {action}
"""
GROUP = "variance_bridge.listeners"


@pytest.fixture
def listener(install):
    """Installs a listener that writes down what it heard, then does something else."""

    def make(name: str, action: str = "pass", **about: str) -> None:
        install(name, HEARS.format(name=name, action=action), group=GROUP, **about)

    return make


@pytest.fixture
def configure(folder, monkeypatch):
    """Writes the configuration; third parties' listeners are allowed unless a test says otherwise."""
    monkeypatch.setenv("VARIANCE_CONFIG", "mine.toml")

    def write(text: str, *allowed: str) -> None:
        (folder / "mine.toml").write_text(f"{text}\n[plugins]\nallow = {json.dumps(allowed)}\n")

    return write


def heard(folder) -> list[str]:
    file = folder / "heard.txt"
    return file.read_text().splitlines() if file.exists() else []


SYNC = ("sync", "--broker", "csv", "--input", "export.csv")

FAILURES = {
    "raise RuntimeError('5WX00001')": "its hook failed: RuntimeError",
    "raise SystemExit(9)": "its hook failed: SystemExit",
    "class Panic(BaseException): pass\n    raise Panic('5WX00001')": "its hook failed: Panic",
    "raise e.BrokerUnreachable('no', where='there')": "there: no",
    "raise e.DataRefused('not mine')": "not mine",
}


@pytest.mark.parametrize("action", FAILURES)
def test_a_listener_that_fails_is_named_and_costs_neither_the_sync_nor_the_others(
    variance, listener, configure, folder, export, action
):
    listener("first")
    listener("bad", action)
    listener("last")
    configure('listeners = ["first", "bad", "last"]', "first-plugin", "bad-plugin", "last-plugin")

    done = variance(*SYNC)

    assert done.code == 0, done.err
    assert heard(folder) == [
        f"{name} csv 3 live_csv.json True" for name in ("first", "bad", "last")
    ]
    warnings = [line for line in done.err.splitlines() if "listener" in line]
    assert warnings == [f"Warning: listener `bad` (bad-plugin 1.0): {FAILURES[action]}"]
    assert "5WX00001" not in done.err
    assert "noise" not in done.out


def test_tables_name_listeners_as_a_list_does(variance, listener, configure, folder, export):
    listener("first")
    configure("[listeners.first]", "first-plugin")

    assert variance(*SYNC).code == 0
    assert len(heard(folder)) == 1


def test_a_listener_that_is_not_named_is_not_even_imported(variance, install, configure, export):
    install("journal", "raise SystemExit('imported')", group=GROUP)
    configure("")

    done = variance(*SYNC)

    assert (done.code, "imported" in done.err) == (0, False)


@pytest.mark.parametrize(
    "command", [("show",), ("validate", "positions/live_csv.json"), ("schema",)]
)
def test_a_command_that_does_not_sync_imports_no_listener(
    variance, install, configure, export, command, folder
):
    configure("")
    assert variance(*SYNC).code == 0
    install("journal", "open('imported', 'w')", group=GROUP)
    configure('listeners = ["journal"]')

    assert variance(*command).code == 0
    assert not (folder / "imported").exists()


def test_a_dry_run_calls_no_listener(variance, listener, configure, folder, export):
    listener("first")
    configure('listeners = ["first"]', "first-plugin")

    assert variance(*SYNC, "--dry-run").code == 0
    assert heard(folder) == []


def test_a_refused_sync_calls_no_listener(variance, listener, configure, folder, export):
    listener("first")
    configure('listeners = ["first"]', "first-plugin")
    export.write_text("")

    assert variance(*SYNC).code == 6
    assert heard(folder) == []


def test_the_broker_that_was_synced_is_called_with_its_settings_and_once(
    variance, install, configure, folder
):
    source = """
import attrs
from variance_bridge import *

@attrs.frozen
class Settings:
    size: int = 7

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="acme", slug="acme", title="Acme", broker="acme_plugin:Broker", settings="acme_plugin:Settings")]

@hookimpl
def variance_bridge_synced(portfolio, settings):
    print(settings.size, portfolio.warnings, file=open("heard.txt", "a"))

class Broker:
    def __init__(self, context):
        self.context = context
    def accounts(self):
        return [Account(number="ZZ-00099911")]
    def fetch(self, account):
        return RawPortfolio(account=account, payloads={}, fetched_at=self.context.clock.now())
    def normalize(self, raw):
        counts = Counts(fetched=0, normalized=0, closed=0, rejected=0)
        meta = Meta(source="acme", fetched_at=raw.fetched_at, counts=counts)
        return Portfolio(meta=meta, warnings=("careful",))
"""
    install("acme", source)
    configure("[brokers.acme]\nsize = 5", "acme-plugin")

    done = variance("sync", "--broker", "acme", "--allow-empty")

    assert done.code == 0, done.err
    assert heard(folder) == ["5 ()"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('listeners = ["jornal"]', ['no listener "jornal"', 'did you mean "journal"?']),
        ('listeners = ["zzzzzz"]', ['no listener "zzzzzz"', "take it out of `listeners`"]),
        ('listeners = ["broken"]', ["broken-plugin 1.0 cannot be imported: ZeroDivisionError"]),
        ("[listeners.journal]\nrun = 3", ["listeners.journal.run: unknown key"]),
        ("[listeners]\njournal = 3", ["listeners.journal: must be a table, not 3"]),
        ('listeners = ["journal", 3]', ["listeners[1]: must be text in quotes, not 3"]),
        ("listeners = 3", ["listeners: must be a list, not 3"]),
        ('listeners = ["twice"]', ["two plugins claim the listener `twice`", "a 1.0 and b 1.0"]),
    ],
)
def test_a_listener_that_cannot_be_used_is_an_error_before_anything_is_fetched(
    variance, listener, install, configure, folder, export, text, words
):
    listener("journal")
    listener("twice", distribution="a")
    listener("twice", distribution="b")
    install("broken", "1 / 0", group=GROUP)
    configure(text, "journal-plugin", "broken-plugin")

    done = variance(*SYNC)

    assert done.code == 3
    for word in words:
        assert word in done.err
    assert not (folder / "positions").exists()
    assert variance("doctor", "--offline", "--broker", "csv").code == 3


def test_a_third_partys_listener_needs_a_yes_of_its_own(
    variance, listener, configure, folder, export
):
    listener("journal")
    configure('listeners = ["journal"]')

    refused = variance(*SYNC)
    assert (refused.code, "journal-plugin 1.0 has not been allowed" in refused.err) == (3, True)
    assert heard(folder) == []
    assert variance(*SYNC, "--yes").code == 0
    assert variance(*SYNC).code == 0
    assert len(heard(folder)) == 2


def test_listeners_are_listed_with_their_state(variance, listener, install, configure):
    listener("journal")
    listener("idle", "raise SystemExit")
    install("broken", "1 / 0", group=GROUP)
    configure('listeners = ["journal", "broken", "gone"]')

    entries = json.loads(variance("brokers", "--json").out)["listeners"]
    states = {entry["name"]: entry["state"] for entry in entries}

    ours = {"command", "history", "webhook"}
    assert {name: state for name, state in states.items() if name not in ours} == {
        "broken": "broken",
        "gone": "not installed",
        "idle": "not used",
        "journal": "ready",
    }
    screen = variance("brokers").out
    assert "broken: broken-plugin 1.0 cannot be" in screen
    lines = {
        line.split(":")[0].split("listener ")[-1]: line
        for line in variance("-v", "doctor", "--offline", "--broker", "csv").out.splitlines()
        if "listener" in line
    }
    assert "journal-plugin 1.0: OK" in lines["journal"]
    assert "not used" in lines["idle"]
    short = variance("doctor", "--offline", "--broker", "csv").out
    assert "ok      listeners: command, history, idle, webhook: not used\n" in short
    assert "ZeroDivisionError" in lines["broken"]
