"""A third party's plugin that is careless or greedy, run through the command: what the core keeps from it, and from the user's file."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from variance_bridge import load
from variance_bridge.cli.error_report import run
from variance_bridge.errors import DataRefused

ROOT = Path(__file__).parents[2]
NUMBER = "ZZ-7700143"
NICKNAME = "Grandmother's wheel"

PLUGIN = """
import os, pathlib
pathlib.Path("at_import.txt").write_text(repr(sorted(os.environ)))

from decimal import Decimal
from variance_bridge import *
from variance_bridge.errors import *

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="careless", slug="careless", title="Care\x1b[2Jless", broker="careless_plugin:Broker",
                       hosts=("api.careless.example",), token_paths=("/oauth/token",), credentials=(Credential("CARELESS_TOKEN", "a token", required=False),),
                       capabilities={capabilities})]

class Broker:
    def __init__(self, context):
        self.context = context
    def accounts(self):
        pathlib.Path("at_run.txt").write_text(repr([sorted(self.context.credentials), sorted(os.environ)]))
        return [Account(number="ZZ-7700143", nickname="Grandmother's wheel", kind="Joint\x1b[2J")]
    def fetch(self, account):
        self.context.personal.add("owner@mail.example")
        {fetch}
        return RawPortfolio(account=account, payloads={{}}, fetched_at=self.context.clock.now())
    def again(self):
        self.context.shared["times"] = self.context.shared.get("times", 0) + 1
        return self.context.shared["times"] > 1
    def normalize(self, raw):
        rows = ({rows})
        counts = Counts(fetched=len(rows), normalized=len(rows), closed=0, rejected=0)
        return Portfolio(meta=Meta({meta}, counts=counts), positions=rows)

def shares(symbol="SPY", quantity=7, **more):
    root = symbol if symbol.isalpha() else "SPY"
    return Holding(root=root, symbol=symbol, type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(quantity), **more)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    place = tmp_path / "work"
    place.mkdir(mode=0o700)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def install(tmp_path, folder, monkeypatch):
    """What an installer leaves behind for `NAME-plugin 1.0`, allowed by the configuration; gone after the test."""
    site = tmp_path / "site"
    allowed: list[str] = []
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setenv("VARIANCE_CONFIG", str(folder / "mine.toml"))

    def make(name: str, source: str, *, allow: bool = True, group: str = "variance_bridge") -> None:
        about = site / f"{name}_plugin-1.0.dist-info"
        about.mkdir(parents=True, exist_ok=True)
        (site / f"{name}_plugin.py").write_text(source)
        (about / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n"
        )
        (about / "entry_points.txt").write_text(
            f"[{group}]\n{name} = {name}_plugin{TARGETS[group]}\n"
        )
        sys.modules.pop(f"{name}_plugin", None)
        importlib.invalidate_caches()
        if allow:
            allowed.append(f"{name}-plugin")
        (folder / "mine.toml").write_text(f'broker = "careless"\n[plugins]\nallow = {allowed}\n')

    yield make
    for name in [name for name in sys.modules if name in {"careless_plugin", "prices_plugin"}]:
        del sys.modules[name]


@pytest.fixture
def careless(install, monkeypatch):
    """The plugin; what is careless about it is passed in."""
    monkeypatch.setenv("CARELESS_TOKEN", "its-own-token-41c7")

    def make(*, allow: bool = True, **parts: str) -> None:
        usual = {
            "fetch": "pass",
            "rows": "shares(),",
            "capabilities": "()",
            "meta": 'source="careless", fetched_at=raw.fetched_at',
        }
        install("careless", PLUGIN.format(**{**usual, **parts}), allow=allow)

    return make


@pytest.mark.parametrize(
    "error",
    [
        f'DataRefused("account {NUMBER} is odd")',
        f'BrokerRefused("no", where="/accounts/{NUMBER}/positions")',
        f'BrokerUnreachable("no", hint="call about {NUMBER}")',
        'DataRefused("owner@mail.example does not own it")',
        'BrokerRefused("the token its-own-token-41c7 is refused")',
        f'''DataRefused("{NICKNAME} is no account")''',
    ],
)
def test_an_error_in_which_a_plugin_quotes_something_personal_is_redacted(careless, capsys, error):
    careless(fetch=f"raise {error}")

    assert run(["-vv", "sync"]) in {4, 5, 6}
    told = "".join(capsys.readouterr())
    assert "***" in told
    for value in (NUMBER, "7700143", "owner@", "its-own-token", "Grandmother"):
        assert value not in told


def test_a_token_that_a_plugin_got_and_did_not_tell_of_is_redacted(careless, serve, capsys):
    body = b'{"access_token": "granted-just-now-5e1d"}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = serve(lambda connection, _request: connection.sendall(head + body))
    careless(
        fetch=f"granted = self.context.session.post_token('{server.url}/oauth/token', form={{'grant': 'x'}})\n"
        "        self.context.warn('got ' + granted.json()['access_token'])"
    )

    assert run(["-vv", "sync"]) == 0
    told = "".join(capsys.readouterr())
    assert "got ***" in told
    assert "granted-just-now" not in told


@pytest.mark.parametrize(
    ("fetch", "arguments"),
    [
        ("raise DataRefused('a\\x1b[2Jb', hint='c\\x1b[2Jd')", ["sync"]),
        ("self.context.warn('a\\x1b[2Jb')", ["sync"]),
        ("pass", ["accounts"]),
        ("pass", ["brokers"]),
        ("pass", ["doctor"]),
    ],
    ids=["error", "warning", "account", "title", "doctor"],
)
def test_what_a_plugin_says_is_shown_and_not_obeyed(careless, capsys, fetch, arguments):
    careless(fetch=fetch)
    run(arguments)
    told = "".join(capsys.readouterr())

    assert "?[2J" in told
    assert "\x1b" not in told


def test_a_bug_is_reported_by_class_and_place_and_never_by_its_message(
    careless, capsys, monkeypatch
):
    def broken(*_arguments: object) -> None:
        raise RuntimeError(f"account {NUMBER}")

    careless()
    monkeypatch.setattr("variance_bridge.pipeline.contradictory_rows.draft", broken)

    assert run(["-vv", "sync"]) == 1
    told = "".join(capsys.readouterr())
    assert "RuntimeError" in told
    assert "7700143" not in told


def test_a_reader_of_an_export_is_not_reported_either(careless, folder):
    careless(fetch=f"raise DataRefused('account {NUMBER} is odd')", capabilities="['reads_files']")
    (folder / "export.careless").write_text("x")

    with pytest.raises(DataRefused) as caught:
        load("export.careless")
    assert "7700143" not in f"{caught.value} {caught.value!r} {caught.value.args}"


@pytest.mark.parametrize(
    "rows",
    [
        f'shares(broker_symbol="{NUMBER}"),',
        'shares(broker_symbol="zz7700143"),',
        'shares(broker_symbol="WlotNzcwMDE0Mw=="),',
        'shares(sector="owner@mail.example"),',
        'shares(sector="its-own-token-41c7"),',
        'shares(broker_symbol="ITS-OWN-TOKEN-41C7"),',
    ],
)
def test_a_document_into_which_a_plugin_put_something_personal_is_not_published(
    careless, folder, capsys, rows
):
    careless()
    assert run(["sync"]) == 0
    good = (folder / "positions/live_careless.json").read_bytes()
    careless(rows=rows)

    assert run(["sync"]) == 6
    told = "".join(capsys.readouterr())
    assert "7700143" not in told
    assert "owner@" not in told
    assert (folder / "positions/live_careless.json").read_bytes() == good


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ('shares(symbol="SPY\\x1b[2J"),', "/positions/0/symbol"),
        ('shares(average_price=Decimal(2), cost_basis=Decimal(999), multiplier=Decimal(1)),', "numbers_contradict"),
    ],
)  # fmt: skip
def test_a_document_of_a_plugin_that_breaks_the_schema_or_the_arithmetic_is_not_published(
    careless, folder, capsys, rows, words
):
    careless(rows=rows)

    assert run(["sync"]) == 6
    assert words in capsys.readouterr().err
    assert not (folder / "positions/live_careless.json").exists()


def test_a_plugin_does_not_say_whose_positions_these_are(careless, folder):
    careless(
        meta='source="another", account_hash="0123456789ab***", generator="another 1.0",'
        " status=Status.PARTIAL, fetched_at=raw.fetched_at"
    )

    assert run(["sync"]) == 0
    meta = json.loads((folder / "positions/live_careless.json").read_bytes())["meta"]
    assert (meta["source"], meta["status"]) == ("careless", "complete")
    assert meta["generator"].startswith("variance-bridge ")
    assert re.fullmatch(r"[0-9a-f]{12}\*{3}", meta["account_hash"])
    assert meta["account_hash"] != "0123456789ab***"


def test_a_plugin_does_not_make_positions_younger_than_they_are(careless, folder, capsys):
    careless(meta='source="careless", fetched_at=self.context.clock.now()')

    assert run(["sync"]) == 3
    assert "changed the time of the fetch" in capsys.readouterr().err
    assert not (folder / "positions/live_careless.json").exists()


def test_an_empty_answer_does_not_replace_positions_whatever_the_plugin_thinks(
    careless, folder, capsys
):
    careless()
    assert run(["sync"]) == 0
    good = (folder / "positions/live_careless.json").read_bytes()
    careless(rows="")

    assert run(["sync"]) == 6
    assert "--allow-empty" in capsys.readouterr().err
    assert (folder / "positions/live_careless.json").read_bytes() == good


TEN = "*(shares(sign) for sign in 'ABCDEFGHIJ'),"
ONE = "shares('A'),"
ONE_THEN_TEN = "*(shares(sign) for sign in ('ABCDEFGHIJ' if self.again() else 'A')),"


@pytest.mark.parametrize(("rows", "code"), [(ONE_THEN_TEN, 6), (ONE, 0)], ids=["no", "yes"])
def test_a_great_loss_of_rows_is_believed_when_a_second_fetch_finds_it_too(
    careless, folder, capsys, rows, code
):
    careless(rows=TEN)
    assert run(["sync"]) == 0
    good = (folder / "positions/live_careless.json").read_bytes()
    careless(rows=rows)

    assert run(["sync"]) == code
    assert "a second fetch" in capsys.readouterr().err
    assert ((folder / "positions/live_careless.json").read_bytes() == good) is bool(code)


TARGETS = {"variance_bridge": "", "variance_bridge.commands": ":gadget"}
COMMAND = """
import os, pathlib, click
pathlib.Path("at_import.txt").write_text(repr(sorted(os.environ)))

@click.command()
def gadget():
    pass
"""
COMMANDS = {
    "sync": ["sync"],
    "show": ["show", "export.careless"],
    "accounts": ["accounts"],
    "brokers": ["brokers"],
    "doctor": ["doctor"],
    "auth": ["auth", "status"],
}


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=list(COMMANDS))
def test_no_command_imports_a_plugin_into_an_environment_with_secrets(
    careless, folder, monkeypatch, arguments
):
    (folder / "export.careless").write_text("x")
    monkeypatch.setenv("ANOTHER_BROKERS_TOKEN", "not-for-you-93f1")
    careless(capabilities="['reads_files']")
    run(arguments)

    seen = (folder / "at_import.txt").read_text()
    assert "PATH" in seen
    assert "_TOKEN" not in seen
    assert os.environ["ANOTHER_BROKERS_TOKEN"] == "not-for-you-93f1"


def test_no_command_of_a_plugin_is_imported_into_an_environment_with_secrets(
    install, folder, monkeypatch
):
    monkeypatch.setenv("ANOTHER_BROKERS_TOKEN", "not-for-you-93f1")
    install("careless", COMMAND, group="variance_bridge.commands")

    assert run(["careless"]) == 0
    seen = (folder / "at_import.txt").read_text()
    assert "PATH" in seen
    assert "_TOKEN" not in seen


def test_a_plugin_is_given_the_credentials_that_it_declared_and_no_others(
    careless, folder, monkeypatch
):
    monkeypatch.setenv("ANOTHER_BROKERS_TOKEN", "not-for-you-93f1")
    careless()

    assert run(["sync"]) == 0
    seen = (folder / "at_run.txt").read_text()
    assert seen.startswith("[['CARELESS_TOKEN'],")
    assert "ANOTHER" not in seen


@pytest.mark.parametrize("command", ["sync", "accounts", "doctor"])
def test_a_plugin_that_nobody_allowed_is_given_nothing_and_not_run(
    careless, folder, capsys, command
):
    careless(allow=False)

    assert run([command]) == 3
    assert "careless-plugin 1.0 has not been allowed" in "".join(capsys.readouterr())
    assert not (folder / "at_run.txt").exists()


PRICES = """
import pathlib
from variance_bridge import *
from variance_bridge.errors import ForbiddenRequest

@hookimpl
def variance_bridge_brokers():
    return [BrokerSpec(name="prices", slug="prices", title="Prices", broker="prices_plugin:Nobody")]

@hookimpl
def variance_bridge_quotes():
    return [QuoteSourceSpec(name="prices", title="Prices", source="prices_plugin:Quotes", hosts=("api.prices.example",),
                            credentials=(Credential("PRICES_TOKEN", "a token"),))]

class Quotes:
    def __init__(self, context):
        self.context = context
    def fetch(self, portfolio):
        try:
            self.context.session.get("https://api.careless.example/")
            reached = "reached"
        except ForbiddenRequest:
            reached = "stopped"
        pathlib.Path("at_quotes.txt").write_text(f"{sorted(self.context.credentials)} {reached}")
        return MarketSnapshot(instruments={})
"""


def test_another_partys_quotes_are_not_given_what_is_the_brokers(
    careless, install, folder, monkeypatch
):
    monkeypatch.setenv("PRICES_TOKEN", "of-the-prices-8a20")
    careless()
    install("prices", PRICES)

    assert run(["sync", "--quotes", "prices"]) == 0
    assert (folder / "at_quotes.txt").read_text() == "['PRICES_TOKEN'] stopped"


def test_another_partys_quotes_are_asked_for_too(careless, install, folder, capsys, monkeypatch):
    monkeypatch.setenv("PRICES_TOKEN", "of-the-prices-8a20")
    careless()
    install("prices", PRICES, allow=False)

    assert run(["sync", "--quotes", "prices"]) == 3
    assert "prices-plugin 1.0 has not been allowed" in capsys.readouterr().err
    assert not (folder / "at_quotes.txt").exists()


def test_a_file_in_the_working_folder_is_not_taken_for_a_module(tmp_path):
    launcher = (ROOT / "scripts" / "environment.sh").read_text(encoding="utf-8")
    option = re.search(r'exec "\$environment_python" (.*) "\$@"', launcher)
    arguments = re.search(r'requirements.lock (.*) "\$@"', (ROOT / "variance").read_text("utf-8"))
    assert option is not None
    assert arguments is not None
    for name in ("click", "json", "variance_bridge"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the planted module ran')\n")
    done = subprocess.run(
        [sys.executable, *option[1].split(), *arguments[1].split(), "schema"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["$id"] == "urn:variance-bridge:positions:1"
