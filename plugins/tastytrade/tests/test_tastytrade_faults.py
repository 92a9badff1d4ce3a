"""The table of faults: what each costs. Exit code, words, requests sent, and the last good file as it was.

Every fault is injected into the simulator and met by the whole pipeline: real HTTP, real session, real publish.
"""

from __future__ import annotations

from pathlib import Path
from time import sleep

import attrs
import pytest
from msgspec import structs

from tastytrade_simulator import (
    BodyForm,
    Fault,
    FaultKind,
    SimulatedAccount,
    SimulatedPortfolio,
)
from variance_bridge.document.convert import from_bytes
from variance_bridge.errors import BridgeError
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run import open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync import sync
from variance_bridge.pipeline.sync_records import SyncRequest
from variance_bridge.plugins.loading import Registry
from variance_bridge.settings.configuration import Configuration, ConfigurationFile
from variance_bridge_tastytrade.client import items_and_pages
from variance_bridge_tastytrade.client.items_and_pages import data_of
from variance_bridge_tastytrade.normalize import portfolio as normalize_portfolio
from variance_bridge_tastytrade.normalize.positions import read_position

REQUIRED = ("token", "accounts", "positions", "balances")
BEFORE = {"token": 0, "accounts": 1, "positions": 2, "balances": 3}


@attrs.frozen
class Outcome:
    """Exit code, the error's words, and how many requests the faulty route got."""

    exit_code: int
    words: str
    requests: int
    others: dict[str, int] = attrs.field(factory=dict)


def context_of(desk, folder: Path, **session) -> RunContext:
    known = desk.oauth_credentials
    return RunContext(
        registry=Registry(),
        configuration=Configuration(
            folder=folder, file=None, environment={"API_BASE_URL": desk.simulator.url}
        ),
        clock=desk.clock,
        personal=desk.personal,
        find_credential=lambda _broker, credential: known.get(credential.name),
        store_credential=lambda _broker, name, secret: desk.store(name, secret),
        open_session=lambda _reach: desk.session(**session),
        hash_account=lambda _broker, _number: "a1b2c3d4e5f6***",
        trust=lambda _plugin: None,
        warn=desk.warnings.append,
    )


def run(desk, folder: Path, *, policy: Policy | None = None, **request):
    choice = Choice(broker="tastytrade")
    target = folder / "positions" / "live_tasty.json"
    context = context_of(desk, folder, policy=policy)
    return sync(context, SyncRequest(choice=choice, output=target, **request))


def everywhere(kind, exit_code, words, requests, **fault):
    """The same fault on each of the four required routes."""
    for route in REQUIRED:
        yield (Fault(route, kind, **fault), Outcome(exit_code, words, requests))


def failing(status, **fault):
    return everywhere(FaultKind.STATUS, 5, f"status {status} (3 tries)", 3, status=status, **fault)


def refused(status, words, requests, routes=REQUIRED, **fault):
    for route in routes:
        yield (Fault(route, FaultKind.STATUS, status=status, **fault), Outcome(4, words, requests))


READS = REQUIRED[1:]
TABLE = [
    *failing(429, form=BodyForm.EMPTY),
    *failing(429, form=BodyForm.TEXT),
    *failing(500),
    *failing(502),
    *failing(503, retry_after="2"),
    *failing(504),
    *everywhere(FaultKind.RESET, 5, "cannot be reached", 3),
    *everywhere(FaultKind.CLOSED, 5, "cannot be reached", 3),
    *everywhere(FaultKind.RESET_IN_BODY, 5, "cannot be reached", 3),
    *everywhere(FaultKind.TRUNCATED_BODY, 5, "cannot be reached", 3),
    *everywhere(FaultKind.GARBAGE, 5, "cannot be reached", 3),
    *everywhere(
        FaultKind.REDIRECT, 4, "redirect (302)", 1, status=302, location="http://127.0.0.1:1/"
    ),
    *everywhere(
        FaultKind.REDIRECT, 4, "redirect (307)", 1, status=307, location="http://127.0.0.1:1/"
    ),
    *everywhere(
        FaultKind.REDIRECT, 4, "redirect (308)", 1, status=308, location="http://127.0.0.1:1/"
    ),
    *everywhere(FaultKind.HTML_200, 6, "an HTML page", 1),
    *everywhere(FaultKind.MALFORMED_JSON, 6, "not JSON", 1),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b"", content_type="application/json"),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b"null", content_type="application/json"),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b"[]", content_type="application/json"),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b'{"a":1,"a":2}'),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b"[" * 100_000),
    *everywhere(FaultKind.REPLACE_BODY, 6, "", 1, body=b'{"data":' + b"9" * 5000 + b"}"),
    (Fault("positions", FaultKind.GZIP_BOMB, size=9 << 20), Outcome(6, "longer than", 1)),
    (Fault("balances", FaultKind.ENDLESS_BODY, size=9 << 20), Outcome(6, "longer than", 1)),
    *everywhere(FaultKind.STATUS, 6, "unexpected status", 1, status=204, form=BodyForm.EMPTY),
    *refused(400, "refused", 1, routes=READS, form=BodyForm.EMPTY),
    *refused(403, "do not permit reading this", 1, code="not_permitted"),
    *refused(403, "do not permit reading this", 1, form=BodyForm.NGINX),
    *refused(404, "not found", 1, code="record_not_found"),
    *refused(406, "no longer served", 1, code=406),
    *refused(422, "refused", 1, code="validation_error"),
    *refused(401, "not accepted", 2, routes=READS, code="token_invalid"),
    *refused(401, "proxy", 2, routes=READS, form=BodyForm.NGINX),
    *refused(
        400, "refresh token is not valid", 1, ("token",), form=BodyForm.OAUTH, code="invalid_grant"
    ),
    *refused(
        401,
        "client secret is not valid",
        1,
        ("token",),
        form=BodyForm.RFC_6749,
        code="invalid_client",
    ),
    *refused(401, "not accepted", 1, ("token",), form=BodyForm.ENVELOPE, code="unauthorized"),
    *((Fault(route, FaultKind.MISSING_DATA), Outcome(6, "no `data`", 1)) for route in READS),
    *(
        (Fault(route, FaultKind.DROP_MEMBER, pointer="/data/items"), Outcome(6, "data", 1))
        for route in ("accounts", "positions")
    ),
    *(
        (
            Fault(route, FaultKind.SET_MEMBER, pointer="/data/items", value=None),
            Outcome(6, "data", 1),
        )
        for route in ("accounts", "positions", "balances")
    ),
    *(
        (
            Fault(route, FaultKind.RENAME_MEMBER, pointer="/data/items", value="rows"),
            Outcome(6, "data", 1),
        )
        for route in ("accounts", "positions")
    ),
    (
        Fault("token", FaultKind.RENAME_MEMBER, pointer="/access_token", value="accessToken"),
        Outcome(6, "no access token", 1),
    ),
    (
        Fault("positions", FaultKind.SET_MEMBER, pointer="/pagination", value={"total-items": 201}),
        Outcome(6, "came twice", 2),
    ),
    (
        Fault("positions", FaultKind.SET_MEMBER, pointer="/data/items", value=[]),
        Outcome(6, "", 1),
    ),
    (
        Fault("positions", FaultKind.SET_MEMBER, pointer="/data/items", value=[{}, {}]),
        Outcome(6, "none of the 2 rows could be read", 1),
    ),
    (
        Fault("accounts", FaultKind.SET_MEMBER, pointer="/data/items", value=[]),
        Outcome(6, "no open account", 1),
    ),
]


def name(case):
    fault, _ = case
    details = [
        fault.status,
        fault.form,
        fault.code if fault.form else None,
        fault.pointer,
        fault.body[:9],
    ]
    return "-".join([fault.route, str(fault.kind), *(str(one) for one in details if one)])


@pytest.fixture(scope="module")
def good_document(module_desk, tmp_path_factory) -> bytes:
    """What a sync that went well published, ten minutes before the others."""
    (done,) = run(module_desk, tmp_path_factory.mktemp("good"))
    published: bytes = done.path.read_bytes()
    return published


@pytest.fixture
def good_file(desk, tmp_path, good_document) -> Path:
    """The last good file."""
    desk.clock.passed += 600
    path = tmp_path / "positions" / "live_tasty.json"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(good_document)
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(("fault", "outcome"), TABLE, ids=[name(case) for case in TABLE])
def test_a_fault_ends_with_its_exit_code_and_the_last_good_file_stays(
    desk, tmp_path, good_file, fault, outcome
):
    before = good_file.read_bytes(), good_file.stat()
    desk.simulator.faults = [fault]
    with pytest.raises(BridgeError) as error:
        run(desk, tmp_path)
    assert error.value.exit_code == outcome.exit_code
    assert outcome.words in str(error.value)
    assert error.value.hint or outcome.words == "longer than"
    if outcome.exit_code in {4, 5}:
        assert "the last good file is untouched (10 min old)" in error.value.hint
    counts = desk.simulator.counts()
    assert counts[fault.route] == outcome.requests
    assert all(count <= 3 for count in counts.values())
    assert (good_file.read_bytes(), good_file.stat().st_mtime_ns) == (
        before[0],
        before[1].st_mtime_ns,
    )
    assert {path.name for path in good_file.parent.iterdir() if path.suffix == ".json"} == {
        good_file.name
    }
    assert_nothing_personal(desk, error.value)


def assert_nothing_personal(desk, error):
    text = f"{error} {error.hint} {desk.warnings}"
    assert desk.personal.find(text) == ()
    assert "5WX00001" not in text


@pytest.mark.parametrize("route", REQUIRED)
def test_a_silent_broker_is_given_up_after_three_tries(desk, tmp_path, good_file, route):
    before = good_file.read_bytes()
    desk.simulator.faults = [Fault(route, FaultKind.SILENT)]
    with pytest.raises(BridgeError) as error:
        run(desk, tmp_path, policy=Policy(read_seconds=0.1))
    assert error.value.exit_code == 5
    until(lambda: desk.simulator.counts()[route] == 3)
    assert good_file.read_bytes() == before


def until(holds):
    """On a busy machine the server counts a request after the client has given it up."""
    for _ in range(1000):
        if holds():
            return
        sleep(0.01)
    raise AssertionError("not within ten seconds")


def test_a_body_that_only_drips_is_given_up_within_the_time_for_a_request(
    desk, tmp_path, good_file
):
    before = good_file.read_bytes()
    desk.simulator.faults = [Fault("positions", FaultKind.SLOW_DRIP, seconds=0.05)]
    with pytest.raises(BridgeError) as error:
        run(desk, tmp_path, policy=Policy(total_seconds=0.5))
    assert error.value.exit_code == 5
    assert "within the time allowed" in str(error.value)
    assert desk.simulator.counts()["positions"] <= 3
    assert good_file.read_bytes() == before


@pytest.mark.parametrize("route", REQUIRED)
def test_a_broker_that_recovers_on_the_third_try_is_not_a_fault(desk, tmp_path, good_file, route):
    desk.simulator.faults = [Fault(route, FaultKind.STATUS, times=2, status=503)]
    (done,) = run(desk, tmp_path)
    assert len(done.portfolio.positions) == 2
    assert desk.simulator.counts()[route] == 3
    published, _ = from_bytes(good_file.read_bytes())
    assert published.meta.fetched_at > desk.clock.start


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/octet-stream"])
def test_the_right_json_under_a_wrong_name_is_read(desk, tmp_path, content_type):
    desk.simulator.faults = [
        Fault(route, FaultKind.WRONG_CONTENT_TYPE, content_type=content_type) for route in REQUIRED
    ]
    (done,) = run(desk, tmp_path)
    assert len(done.portfolio.positions) == 2


def test_slow_answers_are_waited_for(desk, tmp_path):
    desk.simulator.faults = [Fault(route, FaultKind.DELAY, seconds=0.05) for route in REQUIRED]
    (done,) = run(desk, tmp_path)
    assert len(done.portfolio.positions) == 2


def test_one_bad_row_among_good_ones_is_published_as_partial(desk, tmp_path):
    desk.simulator.faults = [
        Fault("positions", FaultKind.SET_MEMBER, pointer="/data/items/0/quantity", value="NaN")
    ]
    (done,) = run(desk, tmp_path)
    assert done.published
    assert done.portfolio.meta.status == "partial"
    assert [row.reason for row in done.portfolio.meta.rejected] == ["quantity_unreadable"]
    assert "balances_disagree" in {flag.caution for flag in done.portfolio.meta.flags}


def test_a_strict_run_refuses_what_disagrees(desk, tmp_path, good_file):
    desk.simulator.faults = [
        Fault(
            "balances", FaultKind.SET_MEMBER, pointer="/data/items/0/long-equity-value", value="1"
        )
    ]
    before = good_file.read_bytes()
    with pytest.raises(BridgeError) as error:
        run(desk, tmp_path, strict=True)
    assert error.value.exit_code == 6
    assert "balances_disagree" in str(error.value)
    assert good_file.read_bytes() == before
    assert any("30,020.00" in warning and "1.00" in warning for warning in desk.warnings)


def test_the_published_file_is_private_and_holds_nothing_personal(desk, tmp_path):
    (done,) = run(desk, tmp_path)
    text = done.path.read_text()
    assert desk.personal.find(text) == ()
    assert done.path.stat().st_mode & 0o777 == 0o600
    assert '"source": "tastytrade"' in text
    assert '"environment": "simulator"' in text


def test_a_sync_without_quotes_sends_no_request_for_any(desk, tmp_path):
    run(desk, tmp_path, quotes="none")
    assert desk.simulator.counts() == dict.fromkeys(REQUIRED, 1)


def test_an_outage_of_the_market_data_still_publishes_the_positions(desk, tmp_path):
    desk.simulator.faults = [Fault("market-data", FaultKind.STATUS, status=502)]
    (done,) = run(desk, tmp_path)
    assert done.published
    assert len(done.portfolio.positions) == 2
    assert any("no market data" in warning for warning in desk.warnings)


def test_an_empty_account_is_published_as_empty_and_explained(desk, tmp_path):
    desk.simulator.portfolio = SimulatedPortfolio.of([], cash="1000.00")
    (done,) = run(desk, tmp_path)
    assert done.portfolio.positions == ()
    assert done.note == "the broker answered, and the account holds nothing"


def test_closed_rows_are_counted_and_not_published(desk, tmp_path):
    desk.simulator.faults = [
        Fault("positions", FaultKind.SET_MEMBER, pointer="/data/items/1/quantity", value="0"),
        Fault(
            "positions",
            FaultKind.SET_MEMBER,
            pointer="/data/items/1/quantity-direction",
            value="Zero",
        ),
    ]
    (done,) = run(desk, tmp_path)
    counts = done.portfolio.meta.counts
    assert (counts.fetched, counts.normalized, counts.closed, counts.rejected) == (2, 1, 1, 0)


def test_every_kind_of_fault_is_met():
    """A new kind in the simulator must be given its place here; the three that change the server are met in other files."""
    elsewhere = {FaultKind.EXPIRE_TOKENS, FaultKind.CLOCK_OFFSET, FaultKind.ROTATE_REFRESH_TOKEN}
    here = {FaultKind(fault.kind) for fault, _ in TABLE} | {
        FaultKind.SILENT,
        FaultKind.SLOW_DRIP,
        FaultKind.DELAY,
        FaultKind.WRONG_CONTENT_TYPE,
    }
    assert here | elsewhere == set(FaultKind)


def test_all_accounts_are_read_in_turn_each_into_its_own_file(desk_for, tmp_path):
    accounts = tuple(SimulatedAccount(number=f"5WX0000{n}", cash=1) for n in (1, 2, 3))
    desk = desk_for(SimulatedPortfolio(accounts=accounts), enforce_rate_limits=True)
    hashes = iter(["aaaa***", "bbbb***", "cccc***"])
    known: dict[str, str] = {}
    context = structs.replace(
        context_of(desk, tmp_path),
        hash_account=lambda _b, number: known.setdefault(number, known.get(number) or next(hashes)),
        configuration=Configuration(
            folder=tmp_path,
            file=None,
            stated=ConfigurationFile(output_dir=str(tmp_path / "positions")),
            environment={"API_BASE_URL": desk.simulator.url},
        ),
    )
    done = sync(context, SyncRequest(choice=Choice(broker="tastytrade"), all_accounts=True))
    names = sorted(one.path.name for one in done)
    assert names == ["live_tasty_aaaa.json", "live_tasty_bbbb.json", "live_tasty_cccc.json"]
    assert desk.simulator.rate_excess() == {}
    assert desk.simulator.counts() == {"token": 1, "accounts": 1, "positions": 3, "balances": 3}


def test_balances_that_disagree_are_shown_once_for_each_account(desk_for, tmp_path):
    accounts = (SimulatedAccount(number="5WX00001"), SimulatedAccount(number="5WX00002"))
    desk = desk_for(SimulatedPortfolio(accounts=accounts))
    desk.simulator.faults = [
        Fault(
            "balances",
            FaultKind.SET_MEMBER,
            pointer="/data/items/0/short-derivative-value",
            value="9000.0",
        )
    ]
    opened = open_broker(context_of(desk, tmp_path), Choice(broker="tastytrade"))
    for account in opened.accounts():
        opened.portfolio(account)
        opened.portfolio(account)
    assert len(desk.warnings) == 2
    assert all("9,000.00" in warning for warning in desk.warnings)


def test_each_row_and_each_answer_is_read_once_in_a_sync(desk, tmp_path, monkeypatch):
    rows, answers = [], []

    def counted_row(row, *more):
        rows.append(row.get("symbol"))
        return read_position(row, *more)

    def counted_answer(envelope, what):
        answers.append(what)
        return data_of(envelope, what)

    monkeypatch.setattr(normalize_portfolio, "read_position", counted_row)
    monkeypatch.setattr(items_and_pages, "data_of", counted_answer)
    (done,) = run(desk, tmp_path)

    assert sorted(rows) == sorted(h.broker_symbol or h.symbol for h in done.portfolio.positions)
    assert sorted(answers) == [
        "accounts",
        "balances",
        "market-data",
        "market-metrics",
        "positions",
    ]
