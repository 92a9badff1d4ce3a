"""`variance sync --broker tradier` against a server that behaves like Tradier's: every number, and every fault."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from json_faults import FAULTS
from loopback_server import serving
from tradier_server import TOKEN, Tradier

from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json

D = Decimal
CALL, PUT, ADJUSTED = "MCD260320C00310000", "MCD260320P00280000", "BABA2260320C00090000"
PROFILE = "/v1/user/profile"
POSITIONS = "/v1/accounts/INV00000001/positions"
BALANCES = "/v1/accounts/INV00000001/balances"
QUOTES = "/v1/markets/quotes"


def row(symbol, quantity, cost):
    return {
        "cost_basis": cost,
        "date_acquired": "2026-01-06T14:51:00.000Z",
        "id": 1,
        "quantity": quantity,
        "symbol": symbol,
    }


def quote(symbol, bid, ask, last, **members):
    moment = int((datetime.now(UTC) - timedelta(seconds=2)).timestamp() * 1000)
    return {"symbol": symbol, "bid": bid, "ask": ask, "last": last, "bid_date": moment, "trade_date": moment, **members}  # fmt: skip


ROWS = [
    row("MCD", 100.0, 29010.0),
    row("F", -200.0, -2370.0),
    row(CALL, -1.0, -274.0),
    row(PUT, 2.0, 610.0),
    row(ADJUSTED, 1.0, 60.0),
    row("T", 0.0, 0.0),
]
SHEET = {
    "account_number": "INV00000001",
    "account_type": "margin",
    "total_equity": 30000.5,
    "total_cash": 1000.25,
    "market_value": 29000.25,
    "current_requirement": 12000.0,
    "margin": {"option_buying_power": 5000.0, "stock_buying_power": 10000.0},
}


@pytest.fixture
def tradier():
    greeks = {"delta": 0.3, "gamma": 0.01, "theta": -0.05, "vega": 0.35, "mid_iv": 0.21}
    account = {"account_number": "INV00000001", "status": "active", "type": "margin"}
    answers = {
        PROFILE: {"profile": {"id": "id-invented", "name": "Quintus Invented", "account": account}},
        POSITIONS: {"positions": {"position": ROWS}},
        BALANCES: {"balances": SHEET},
    }
    quotes = {
        "MCD": quote("MCD", 300.1, 300.3, 300.25),
        "F": quote("F", 0, 0, 11.4),
        CALL: quote(CALL, 2.3, 2.34, 2.3, contract_size=100, greeks=greeks),
        PUT: quote(PUT, 2.05, 2.15, 2.1, contract_size=100, greeks=None),
        ADJUSTED: quote(ADJUSTED, 1.0, 1.2, 1.1, contract_size=50),
    }
    with serving(Tradier(answers, quotes)) as server:
        yield server


@pytest.fixture
def sync(tradier, tmp_path, monkeypatch, capsys):
    """Run the command; its exit code, the document (None where there is none) and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda *_: None)

    def call(*arguments, token=TOKEN):
        monkeypatch.setenv("TRADIER_ACCESS_TOKEN", token)
        code = run(["sync", "--broker", "tradier", "--set", f"base_url={tradier.url}", *arguments])
        file = tmp_path / "positions" / "live_tradier.json"
        document = exact_json.loads(file.read_bytes()) if file.exists() else None
        return code, document, "".join(capsys.readouterr())

    return call


def test_every_number_of_an_invented_portfolio(sync):
    code, document, printed = sync()

    assert code == 0, printed
    meta = document["meta"]
    assert (meta["source"], meta["environment"], meta["currency"]) == (
        "tradier",
        "simulator",
        "USD",
    )
    assert meta["counts"] == {"fetched": 6, "normalized": 5, "closed": 1, "rejected": 0}
    assert document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": D("30000.5"),
        "cash": D("1000.25"),
        "buying_power": 5000,
        "maintenance_requirement": 12000,
    }
    held = {position["symbol"]: position for position in document["positions"]}
    money = {
        symbol: tuple(
            position.get(name)
            for name in (
                "side",
                "quantity",
                "multiplier",
                "cost_basis",
                "market_value",
                "unrealized_pl",
            )
        )
        for symbol, position in held.items()
    }
    assert money == {
        "MCD": ("long", 100, 1, 29010, 30020, 1010),
        "F": ("short", 200, 1, 2370, -2280, 90),
        "MCD   260320C00310000": ("short", 1, 100, 274, -232, 42),
        "MCD   260320P00280000": ("long", 2, 100, 610, 420, -190),
        "BABA2 260320C00090000": ("long", 1, 50, 60, 55, -5),
    }
    call = held["MCD   260320C00310000"]
    assert call["greeks"]["delta"] == -30
    assert call["greeks"]["theta"] == 5
    assert call["greeks"]["implied_volatility"] == D("0.21")
    assert call["quote"]["underlying_price"] == D("300.25")
    assert held["F"]["quote"]["mark"] == D("11.4")  # no market: the last trade
    assert (held["BABA2 260320C00090000"]["root"], held["BABA2 260320C00090000"]["deliverable"]) == ("BABA", "adjusted")  # fmt: skip


def test_nothing_personal_is_printed_or_written(sync, tmp_path):
    code, document, printed = sync("--json")
    everything = printed + json.dumps(document, default=str)

    assert code == 0
    for value in ("Quintus", "INV00000001", "id-invented", TOKEN):
        assert value not in everything


def test_only_gets_are_sent_and_each_address_once(sync, tradier):
    sync()
    paths = [target.partition("?")[0] for _method, target in tradier.asked]

    assert {method for method, _target in tradier.asked} == {"GET"}
    assert sorted(paths) == sorted([PROFILE, POSITIONS, BALANCES, QUOTES, QUOTES])


def test_without_quotes_there_are_costs_only(sync):
    code, document, _printed = sync("--quotes", "none")

    assert code == 0
    assert [each.get("market_value") for each in document["positions"]] == [None] * 5
    assert document["positions"][0]["cost_basis"] == 60


def test_one_position_is_an_object_and_none_is_a_text(sync, tradier):
    tradier.answers[POSITIONS] = {"positions": {"position": row("MCD", 1.0, 290.0)}}
    assert len(sync()[1]["positions"]) == 1

    tradier.answers[POSITIONS] = {"positions": "null"}
    tradier.answers[BALANCES] = {"balances": SHEET | {"total_equity": 1000.25, "current_requirement": 0, "market_value": 0}}  # fmt: skip
    code, document, printed = sync()
    assert (code, document["positions"]) == (0, []), printed


def test_null_for_positions_is_not_empty_where_the_balances_hold_something(sync, tradier):
    tradier.answers[POSITIONS] = {"positions": None}

    assert sync()[:2] == (6, None)


def test_an_option_that_the_quotes_do_not_know_is_kept_without_a_multiplier(sync, tradier):
    del tradier.quotes[PUT]
    code, document, _printed = sync()
    put = next(each for each in document["positions"] if each["symbol"].startswith("MCD   260320P"))

    assert code == 0
    assert (put["cost_basis"], put.get("multiplier"), put.get("market_value")) == (610, None, None)
    assert {"caution": "multiplier_unknown", "row": 4, "symbol": put["symbol"]} in document["meta"]["flags"]  # fmt: skip


def test_a_broken_row_is_rejected_alone(sync, tradier):
    tradier.answers[POSITIONS] = {
        "positions": {"position": [*ROWS[:2], row("MCD", "many", 1), None]}
    }
    code, document, _printed = sync()

    assert code == 0
    assert len(document["positions"]) == 2
    assert [each["row"] for each in document["meta"]["rejected"]] == [3, 4]


def test_closed_accounts_are_left_out_and_none_at_all_is_refused(sync, tradier):
    profile = tradier.answers[PROFILE]["profile"]
    known = profile["account"]
    gone = {"account_number": "INV00000009", "status": "closed", "type": "margin"}
    profile["account"] = [gone, *([known] if isinstance(known, dict) else known)]
    code, document, printed = sync()
    assert code == 0, printed
    assert document["positions"]

    profile["account"] = gone
    code, _document, printed = sync("--output", "positions/other.json")
    assert code == 6
    assert "none of the accounts in the profile is open" in printed
    assert "dash.tradier.com" in printed


@pytest.mark.parametrize(
    "path", [POSITIONS, *(pytest.param(one, marks=pytest.mark.slow) for one in (PROFILE, BALANCES))]
)
@pytest.mark.parametrize(("fault", "times", "code"), FAULTS)
def test_each_fault_has_its_exit_and_leaves_no_document(sync, tradier, path, fault, times, code):
    tradier.faults[path] = [fault] * times
    found, document, printed = sync()

    assert (found, document) == (code, None), printed
    assert TOKEN not in printed
    assert "\n  " in printed, "the error does not say what to do"


def test_a_rate_limit_and_an_outage_are_retried(sync, tradier):
    tradier.faults[POSITIONS] = [(429, {"Retry-After": "1"}, b""), (500, {}, b"")]

    assert sync()[0] == 0


def test_a_token_that_is_not_accepted_is_tried_once(sync, tradier):
    code, document, printed = sync(token="another-token")

    assert (code, document, len(tradier.asked)) == (4, None, 1)
    assert "environment" in printed


def test_the_token_never_goes_to_another_address(sync, tradier):
    code, _document, printed = sync("--set", "base_url=https://evil.example")

    assert code == 2 or "given twice" in printed
    tradier.url = "https://evil.example"
    assert sync()[0] == 3
    assert tradier.asked == []
