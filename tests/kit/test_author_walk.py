"""From `variance plugin new` to a broker that syncs its author's three rows: the whole way, and how many lines it takes."""

from __future__ import annotations

import difflib
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync import sync
from variance_bridge.pipeline.sync_records import NO_QUOTES, SyncRequest
from variance_bridge.plugins.loading import Registry
from variance_bridge.plugins.registry import Plugin
from variance_bridge.settings.configuration import Configuration
from variance_bridge.testing import FrozenClock, SimulatedSession, read_recordings

MAX_LINES = 40

HOST = "api.umbrella.example.com"
ANSWER = {
    "holder": {"full_name": "Invented Holder", "ref": "UMB-0000001"},
    "lots": [
        {"ticker": "SPY", "kind": "EQ", "units": 100, "paid": 450.25, "last": 460.5, "size": 1},
        {
            "ticker": "SPY 20MAR26 440 P",
            "kind": "OP",
            "units": -2,
            "paid": 3.15,
            "last": 2.05,
            "size": 100,
        },
        {"ticker": "F", "kind": "EQ", "units": 0, "paid": 12.1, "last": 11.9, "size": 1},
    ],
}
RECORDING = {
    "format": 1,
    "title": "the three lots of the documentation",
    "taken_at": "2026-01-15T15:00:00Z",
    "settings": {},
    "exchanges": [{"url": f"https://{HOST}/v3/portfolio", "json": ANSWER}],
    "expected": [
        {
            "currency": "USD",
            "positions": [
                {"symbol": "SPY", "side": "long", "quantity": 100, "cost_basis": 45025},
                {
                    "symbol": "SPY   260320P00440000",
                    "side": "short",
                    "quantity": 2,
                    "multiplier": 100,
                    "cost_basis": 630,
                    "market_value": -410,
                },
            ],
            "counts": {"fetched": 3, "normalized": 2, "closed": 1, "rejected": 0},
        }
    ],
}
NOTHING = {
    **RECORDING,
    "title": "a portfolio without lots",
    "exchanges": [{"url": f"https://{HOST}/v3/portfolio", "json": {**ANSWER, "lots": []}}],
    "expected": [{"positions": []}],
}

EDITS = {
    "src/variance_bridge_umbrella/plugin.py": [("api.umbrella.example", HOST)],
    "README.md": [("api.umbrella.example", HOST)],
    "src/variance_bridge_umbrella/broker.py": [
        ("https://api.umbrella.example", f"https://{HOST}"),
        (
            '"""Two requests: the list of accounts, and the positions of one."""',
            '"""One request tells all."""',
        ),
        (
            """        entries = list_of(self._api.get("/v1/accounts"), "accounts")
        numbers = [Members(entry).word("number") for entry in entries]
        if None in numbers:
            self._context.warn("an account without a number is left out")
        return [Account(number=number) for number in numbers if number]
""",
            """        holder = Members(object_of(self._api.get("/v3/portfolio"), "holder"))
        number = holder.word("ref")
        if number is None:
            raise DataRefused("the answer names no holder", hint="run the sync again later")
        self._context.personal.add(holder.word("full_name") or "")
        return [Account(number=number)]
""",
        ),
        (
            "from variance_bridge import Account, BrokerContext, Environment, Portfolio, RawPortfolio\n",
            """from variance_bridge import (
    Account,
    BrokerContext,
    DataRefused,
    Environment,
    Portfolio,
    RawPortfolio,
)
""",
        ),
        ("collect, list_of\n", "collect, list_of, object_of\n"),
        ('        number = quote(account.number, safe="")\n', ""),
        ("from urllib.parse import quote\n", ""),
        (
            'self._api.get(f"/v1/accounts/{number}/positions")',
            'self._api.get("/v3/portfolio")',
        ),
        (
            'list_of(raw.payloads["positions"], "positions")',
            'list_of(raw.payloads["positions"], "lots")',
        ),
    ],
    "src/variance_bridge_umbrella/positions.py": [
        (
            '{"stock": InstrumentType.STOCK, "option": InstrumentType.OPTION}',
            '{"EQ": InstrumentType.STOCK, "OP": InstrumentType.OPTION}',
        ),
        ('row.instrument_type("type"', 'row.instrument_type("kind"'),
        ('row.instrument("symbol"', 'row.instrument("ticker"'),
        ('row.multiplier("multiplier"', 'row.multiplier("size"'),
        ('row.number("average_price")', 'row.number("paid")'),
        ('row.number("mark")', 'row.number("last")'),
        ('row.quantity("quantity")', 'row.quantity("units")'),
    ],
}


@pytest.fixture
def walked(tmp_path):
    """The project after its author's work, and the lines that were written for it."""
    project = tmp_path / "umbrella"
    assert run(["plugin", "new", "umbrella", "--folder", str(project)]) == 0
    written = []
    for name, edits in EDITS.items():
        file = project / name
        before = text = file.read_text()
        for old, new in edits:
            assert old in text, f"{name}: the template has changed, and {old!r} is not in it"
            text = text.replace(old, new)
        file.write_text(text)
        changes = difflib.unified_diff(before.splitlines(), text.splitlines(), lineterm="", n=0)
        if file.suffix == ".py":
            written += [one for one in changes if one.startswith("+") and not one.startswith("+++")]
    recordings = project / "tests" / "recordings"
    (recordings / "positions.json").write_text(json.dumps(RECORDING))
    (recordings / "nothing.json").write_text(json.dumps(NOTHING))
    return project, written


def context(project: Path, folder: Path) -> RunContext:
    point = Plugin("umbrella", "variance_bridge_umbrella.plugin")
    clock, personal = FrozenClock(datetime(2026, 1, 15, 15, tzinfo=UTC)), PersonalValues()
    recording = read_recordings(project / "tests" / "recordings")[1]
    return RunContext(
        registry=Registry(lambda _group: [point]),
        configuration=Configuration(folder=folder, file=None),
        clock=clock,
        personal=personal,
        find_credential=lambda _broker, _credential: Secret("invented-token"),
        store_credential=lambda _broker, _name, _secret: True,
        open_session=lambda reach: SimulatedSession(
            recording.exchanges,
            hosts=reach.hosts,
            token_paths=reach.token_paths,
            clock=clock,
            personal=personal,
        ),
        hash_account=lambda _broker, _number: "0123456789ab***",
        trust=lambda _plugin: None,
    )


def test_fewer_than_forty_lines_make_a_broker_that_syncs_its_three_rows(
    walked, tmp_path, monkeypatch
):
    project, written = walked
    monkeypatch.syspath_prepend(project / "src")

    output = tmp_path / "live_umbrella.json"
    request = SyncRequest(choice=Choice(broker="umbrella"), output=output, quotes=NO_QUOTES)
    sync(context(project, tmp_path / "configuration"), request)

    document = json.loads(output.read_text())
    assert document["meta"]["counts"] == {
        "fetched": 3,
        "normalized": 2,
        "closed": 1,
        "rejected": 0,
    }
    told = [
        (one["symbol"], one["side"], one["quantity"], one["cost_basis"])
        for one in document["positions"]
    ]
    assert told == [("SPY", "long", 100, 45025), ("SPY   260320P00440000", "short", 2, 630)]
    assert "UMB-0000001" not in output.read_text()
    assert 0 < len(written) < MAX_LINES


@pytest.mark.slow
def test_the_broker_of_the_walk_passes_the_whole_kit(walked, workshop):
    project, _written = walked
    results = workshop.run([project], project / "tests")

    failed = {name: c for name, c in results.cases.items() if c["outcome"] in {"failed", "skipped"}}
    assert failed == {}
