"""A real sync becomes a recording in which nobody can be found, and from which the broker reads the same portfolio."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import attrs
import pytest

from variance_bridge.document import exact_json
from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.personal_values import PersonalKind, PersonalValues, Secret
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.loading import Registry
from variance_bridge.plugins.registry import Plugin
from variance_bridge.settings.configuration import Configuration
from variance_bridge.testing import Exchange, FrozenClock, SimulatedSession, read_recordings, record
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.recorded_run import run_recording
from variance_bridge.testing.recorder import ListeningSession, scrub
from variance_bridge.testing.recordings import Recording

NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)
NUMBER = "7QK44812"
PERSONAL = [
    NUMBER,
    "Maximiliane Musterfrau",
    "max.musterfrau@mail.test",
    "+49 30 901820",
    "cust-3f9a77",
    "my rainy day account",
    "87731",
]
ROWS = [
    {
        "id": 87731,
        "symbol": "SPY",
        "type": "stock",
        "quantity": "100",
        "multiplier": "1",
        "average_price": "450.25",
        "mark": "460.50",
        "note": "my rainy day account",
        "customer": "cust-3f9a77",
    },
    {
        "id": 87732,
        "symbol": "SPY   260320P00440000",
        "type": "option",
        "quantity": "-2",
        "multiplier": "100",
        "average_price": "3.15",
        "mark": "2.05",
        "note": "max.musterfrau@mail.test",
        "customer": "cust-3f9a77",
    },
]


def exchange(path, value):
    return Exchange(
        method="GET",
        url=f"https://api.globex.example{path}",
        headers={"content-type": "application/json", "set-cookie": "session=7QK44812"},
        body=exact_json.dumps(value),
    )


ACCOUNTS = {
    "accounts": [
        {
            "number": NUMBER,
            "holder": "Maximiliane Musterfrau",
            "phone": "+49 30 901820",
            "kind": "Individual",
        }
    ]
}
SEEN = [
    exchange("/v1/accounts", ACCOUNTS),
    exchange(f"/v1/accounts/{NUMBER}/positions", {"positions": ROWS, "owner": NUMBER.lower()}),
]


@pytest.fixture(scope="module")
def project(workshop, tmp_path_factory):
    return workshop.project("globex", tmp_path_factory.mktemp("recorder") / "globex")


@pytest.fixture
def context(project, workshop, monkeypatch, tmp_path):
    """A machine on which the broker of the template is installed, and from which it sees somebody's account."""
    monkeypatch.syspath_prepend(project / "src")
    host = workshop.host
    seen = [attrs.evolve(e, url=e.url.replace("api.globex.example", host)) for e in SEEN]
    point = Plugin("globex", "variance_bridge_globex.plugin")
    clock, personal = FrozenClock(NOW), PersonalValues()
    return RunContext(
        registry=Registry(lambda _group: [point]),
        configuration=Configuration(folder=tmp_path, file=None),
        clock=clock,
        personal=personal,
        find_credential=lambda _broker, _credential: Secret("real-token-55d1c0"),
        store_credential=lambda _broker, _name, _secret: True,
        open_session=lambda reach: SimulatedSession(
            seen, hosts=reach.hosts, token_paths=reach.token_paths, clock=clock, personal=personal
        ),
        hash_account=lambda _broker, _number: "0123456789ab***",
        trust=lambda _plugin: None,
    )


def test_a_setting_reaches_the_sync_that_is_recorded(context, tmp_path):
    with pytest.raises(ConfigurationError, match="no_such_key"):
        record(context, "globex", tmp_path / "recorded.json", overrides={"no_such_key": "x"})


def test_a_secret_in_a_query_is_recorded_as_an_invented_one_and_can_be_replayed():
    url = "https://api.acme.example/flex"
    answer = Exchange(method="GET", url=f"{url}?t=invented&v=3", body=b"[1]")
    inner = SimulatedSession([answer], hosts=["api.acme.example"])
    kept = []
    params = [("t", Secret("real-token-55d1c0")), ("v", "3")]

    assert ListeningSession(inner, kept).get(url, params=params).json() == [1]
    assert [one.url for one in kept] == [answer.url]


def test_nobody_can_be_found_in_a_recording(context, tmp_path):
    file = tmp_path / "recorded.json"
    record(context, "globex", file, title="two positions")

    text = file.read_text()
    assert [value for value in PERSONAL if value.casefold() in text.casefold()] == []
    assert "cookie" not in text
    assert "real-token" not in text


def test_the_broker_reads_the_same_positions_from_the_recording(context, tmp_path):
    file = tmp_path / "recorded.json"
    record(context, "globex", file, title="two positions")

    (recording,) = read_recordings(tmp_path)
    loaded = context.registry.load("globex")
    from variance_bridge_globex.broker import GlobexBroker

    run = run_recording(Subject(broker=GlobexBroker, loaded=loaded), recording)
    assert run.error is None
    (account_run,) = run.account_runs
    assert account_run.account.number == "INV000001"
    told = [
        (one.symbol, one.side, one.quantity, one.cost_basis)
        for one in account_run.portfolio.positions
    ]
    assert told == [("SPY", "long", 100, 45025), ("SPY   260320P00440000", "short", 2, 630)]


def test_what_the_plugin_does_not_read_says_nothing_any_more(context, tmp_path):
    file = tmp_path / "recorded.json"
    record(context, "globex", file)

    table = json.loads(file.read_text())
    accounts, positions = (one["json"] for one in table["exchanges"])
    assert accounts["accounts"] == [
        {"number": "INV000001", "holder": "invented", "phone": "invented", "kind": "invented"}
    ]
    first = positions["positions"][0]
    assert (first["id"], first["note"], first["customer"]) == (1, "invented", "invented")
    assert (first["symbol"], first["type"], first["average_price"]) == ("SPY", "stock", "450.25")
    assert positions["owner"] == "invented"
    assert table["exchanges"][1]["url"].endswith("/v1/accounts/INV000001/positions")


def test_an_existing_file_is_not_overwritten(context, tmp_path):
    file = tmp_path / "recorded.json"
    file.write_text("to keep")

    with pytest.raises(FileExistsError):
        record(context, "globex", file)
    assert file.read_text() == "to keep"


def test_a_broker_that_does_not_run_yet_is_recorded_with_plain_values_alone():
    recording = Recording(name="x.json", taken_at=NOW, exchanges=tuple(SEEN))
    personal = PersonalValues()
    personal.add(NUMBER, PersonalKind.ACCOUNT_NUMBER)

    class Broken:
        error = ValueError()

    scrubbed = scrub(recording, [NUMBER], personal, lambda _recording: Broken())

    text = "".join(one.url + one.body.decode() for one in scrubbed.exchanges)
    assert [value for value in PERSONAL if value.casefold() in text.casefold()] == []
    rows = exact_json.loads(scrubbed.exchanges[1].body)["positions"]
    assert rows[1]["symbol"] == "SPY   260320P00440000"
    assert rows[1]["quantity"] == "-2"


def test_a_recording_that_would_keep_something_personal_is_refused():
    secretive = Exchange(
        method="GET", url="https://api.globex.example/x", body=b"cHJpdmF0ZXBlcnNvbg=="
    )
    recording = Recording(name="x.json", taken_at=NOW, exchanges=(secretive,))
    personal = PersonalValues()
    personal.add("privateperson", PersonalKind.NAME)

    class Broken:
        error = ValueError()

    with pytest.raises(DataRefused, match=r"would hold something personal \(name\)"):
        scrub(recording, [], personal, lambda _recording: Broken())


def test_a_broker_that_asks_no_network_has_nothing_to_record(
    context, tmp_path, project, monkeypatch
):
    class Silent:
        def __init__(self, context):
            pass

        def accounts(self):
            return []

    monkeypatch.setattr("variance_bridge_globex.broker.GlobexBroker", Silent)
    with pytest.raises(DataRefused, match="asked nothing of a network"):
        record(context, "globex", tmp_path / "recorded.json")
    assert list(tmp_path.glob("*.json")) == []


def test_the_listening_session_passes_everything_on_and_keeps_queries_in_their_order():
    kept = []
    url = "https://api.acme.example/v1/quotes"
    answers = [
        Exchange(method="GET", url=f"{url}?symbol=A&symbol=B%2FC", body=b"{}"),
        Exchange(
            method="POST",
            url="https://api.acme.example/token",
            body=b'{"access_token": "abcdefghij"}',
        ),
    ]
    inner = SimulatedSession(answers, hosts=["api.acme.example"], token_paths=["/token"])
    session = ListeningSession(inner, kept)

    assert session.get(url, params=[("symbol", "A"), ("symbol", "B/C")]).json() == {}
    assert session.post_token("https://api.acme.example/token", form={"a": "b"}).status == 200
    assert [(one.method, one.url) for one in kept] == [
        ("GET", f"{url}?symbol=A&symbol=B%2FC"),
        ("POST", "https://api.acme.example/token"),
    ]
    assert session.routes == ()
