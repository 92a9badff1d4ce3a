"""The forty quirks of the API that were reported in public, each with the test that holds it down.

The table names, for each, the tests that live elsewhere, or says why nothing can happen here. What no other test covered
is tested below, with the published rows that `data/real_rows.json` lacks and the vendor's own worked examples.
Abbreviations of the trackers: TW tastyware/tastytrade, LEAN QuantConnect/Lean.Brokerages.Tastytrade, JS and PY the
vendor's SDKs, JB joaquinbejar/tastytrade.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from one_row import outcome_of
from tastytrade_simulator import Fault, FaultKind, SimulatedPortfolio
from variance_bridge.errors import BrokerRefused
from variance_bridge.model import Caution, Side
from variance_bridge.rows import CLOSED
from variance_bridge.symbology import Deliverable, InstrumentType
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.client.api import api_of
from variance_bridge_tastytrade.normalize.accounts import read_accounts
from variance_bridge_tastytrade.quotes import TastytradeQuotes

HERE = Path(__file__).parent
D = Decimal

STREAMER = "test_a_whole_sync_asks_for_six_things_and_for_nothing_else"
"""No streamer is opened, no instrument looked up, no order read: what breaks there cannot break here."""


@attrs.frozen
class Quirk:
    """One report: where it was published, what happened, and the tests that cover it."""

    source: str
    what: str
    tests: tuple[str, ...]


def quirk(source: str, what: str, *tests: str) -> Quirk:
    return Quirk(source, what, tests)


QUIRKS = {
    1: quirk(
        "TW#328",
        "a multiplier of 0.5 lost all rows",
        "test_a_real_row_is_the_position_that_was_written_down_by_hand",
        "test_one_bad_row_never_loses_the_others_and_is_never_lost_silently",
    ),
    2: quirk(
        "LEAN#19",
        "every multiplier turned from int to text",
        "test_the_multiplier_is_the_same_in_every_type_it_came_in",
        "test_api_and_export_of_one_portfolio_give_the_same_positions",
    ),
    3: quirk(
        "LEAN#11",
        "futures options without the space",
        "test_a_real_row_is_the_position_that_was_written_down_by_hand",
    ),
    4: quirk(
        "TW#257", "adjusted roots end in a digit", "test_an_adjusted_root_belongs_to_its_underlying"
    ),
    5: quirk(
        "TW#138, PY#16",
        "streamer symbols are wrong or missing",
        "test_members_that_say_nothing_of_a_position_may_drift_as_they_like",
    ),
    6: quirk("TW#81", "an option is found by its OCC symbol only", STREAMER),
    7: quirk("TW#277", "an unknown streamer symbol stalls the stream", STREAMER),
    8: quirk(
        "TW#351",
        "the sandbox refuses a good grant for a while",
        "test_a_sandbox_that_denies_its_customer_for_a_while_says_to_try_later",
    ),
    9: quirk(
        "TW#281",
        "invalid_grant comes without an envelope",
        "test_a_refused_token_is_final_and_explained",
    ),
    10: quirk(
        "TW PR#255",
        "an old Authorization header spoils the renewal",
        "test_no_token_request_ever_carries_the_old_token",
    ),
    11: quirk(
        "JS#64",
        "renewals without a User-Agent were refused",
        "test_no_token_request_ever_carries_the_old_token",
    ),
    12: quirk(
        "JS#65, LEAN PR#21",
        "sessions died after 15 minutes",
        "test_a_token_is_renewed_sixty_seconds_before_its_end",
        "test_the_lifetime_runs_from_the_request_and_on_the_monotonic_clock",
        "test_a_token_that_expires_in_mid_run_is_renewed_once_and_the_request_repeated",
    ),
    13: quirk(
        "TW#261",
        "429 has no JSON body",
        "test_a_fault_ends_with_its_exit_code_and_the_last_good_file_stays",
    ),
    14: quirk(
        "TW#190",
        "a 401 in JSON that is not the API's envelope",
        "test_a_401_from_the_layer_in_front_is_an_ordinary_refusal",
    ),
    15: quirk(
        "TW#269",
        "the session log-in goes away",
        "test_a_log_in_that_cannot_work_any_more_points_to_oauth",
    ),
    16: quirk(
        "TW#193",
        "is-test-drive vanished from accounts",
        "test_an_account_needs_a_number_and_nothing_else",
    ),
    17: quirk(
        "TW#58",
        "day-trader-status is a boolean or a text",
        "test_an_account_needs_a_number_and_nothing_else",
    ),
    18: quirk("TW#116", "members missing in the trading status", STREAMER),
    19: quirk(
        "JB issues",
        "one unreadable account dropped the list; two shapes of balances",
        "test_an_account_without_a_number_costs_only_itself",
        "test_balances_are_read_in_both_shapes",
        "test_a_drifted_account_is_right_or_left_out_and_reported",
    ),
    20: quirk(
        "LEAN PR#10",
        "unknown types crashed",
        "test_an_instrument_type_that_is_unknown_is_kept_as_other_and_reported",
        STREAMER,
    ),
    21: quirk(
        "LEAN#29",
        "positions lag fills by seconds",
        "test_fetched_at_is_the_time_before_the_first_required_request",
        "test_disagreeing_balances_are_a_flag_and_a_warning_with_both_figures",
    ),
    22: quirk("JS#36", "heartbeat before connect", STREAMER),
    23: quirk("JS#8", "account-subscribe was replaced", STREAMER),
    24: quirk(
        "ai-income-lab",
        "without Bearer the streamer is silent",
        "test_requests_are_marked_as_the_api_wants_them",
        "test_the_legacy_log_in_sends_the_bare_token",
    ),
    25: quirk("ai-income-lab", "the quote stream's host differs from the documented", STREAMER),
    26: quirk("TW#338", "the stream hangs without authorization", STREAMER),
    27: quirk("TW#229", "the stream closes with Bye", STREAMER),
    28: quirk(
        "clarion-intelligence-system#77",
        "close-price taken for a mark",
        "test_without_marks_there_is_no_value_and_the_close_is_not_taken_for_one",
    ),
    29: quirk(
        "tastytrade-cli#27, #29",
        "wrong sign of shorts, quantity forgotten",
        "test_money_is_exact_and_changes_its_sign_with_the_side",
        "test_the_days_profit_counts_what_was_realized_on_that_day_with_its_sign",
        "test_the_vendors_worked_examples_come_out",
    ),
    30: quirk(
        "TW#52",
        "the sandbox does not know BTC/USD",
        "test_market_data_that_is_not_found_costs_no_position",
    ),
    31: quirk(
        "TW#291",
        "the sandbox takes no version",
        "test_the_sandbox_is_sent_no_version_and_asked_for_no_quotes",
    ),
    32: quirk(
        "TW#8",
        "the default User-Agent of Python looks suspicious",
        "test_requests_are_marked_as_the_api_wants_them",
    ),
    33: quirk(
        "PY#37",
        "credentials of the other environment",
        "test_the_address_of_the_other_environment_says_which_setting_is_wrong",
        "test_a_refused_token_is_final_and_explained",
    ),
    34: quirk(
        "JS#60",
        "lists of symbols want their own spelling",
        "test_each_type_goes_to_its_parameter_with_what_it_is_written_on",
    ),
    35: quirk(
        "JS#40",
        "no greeks for some symbols",
        "test_a_quote_without_greeks_is_a_quote_and_the_greeks_stay_unknown",
    ),
    36: quirk(
        "tastyworks-pnl#10, #24, #26, #40",
        "fractions of coins, adjusted and renamed symbols, futures without prices",
        "test_a_real_row_is_the_position_that_was_written_down_by_hand",
        "test_an_adjusted_root_belongs_to_its_underlying",
        "test_an_option_keeps_its_old_root_when_the_underlying_was_renamed",
        "test_a_future_without_prices_is_a_position_of_unknown_cost",
    ),
    37: quirk(
        "xmandeng notebook",
        "no streamer symbol; fractions of shares",
        "test_a_published_row_is_the_position_that_it_says",
    ),
    38: quirk(
        "tastytrade-mcp",
        "closed enumerations refused valid data",
        "test_an_instrument_type_that_is_unknown_is_kept_as_other_and_reported",
        "test_an_effect_that_is_unknown_costs_no_position",
    ),
    39: quirk("ai-income-lab", "orders are rejected in the sandbox", STREAMER),
    40: quirk(
        "TW utils.py:279",
        "no data and an empty list are different things",
        "test_an_answer_that_is_not_understood_is_never_an_empty_portfolio",
        "test_an_empty_list_is_an_empty_portfolio",
    ),
}


@pytest.fixture(scope="module")
def tests_there_are() -> set[str]:
    """The names of the test functions of this plugin."""
    return {
        name
        for file in HERE.rglob("test_tastytrade_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }


def test_all_forty_quirks_are_accounted_for():
    assert sorted(QUIRKS) == list(range(1, 41))


@pytest.mark.parametrize("number", QUIRKS)
def test_the_tests_that_cover_a_quirk_exist(number, tests_there_are):
    assert QUIRKS[number].tests
    assert set(QUIRKS[number].tests) <= tests_there_are


def fetch_first(context):
    broker = TastytradeBroker(context)
    return broker.normalize(broker.fetch(broker.accounts()[0]))


def test_a_whole_sync_asks_for_six_things_and_for_nothing_else(desk_for, clock):
    desk = desk_for(SimulatedPortfolio.demo(clock.now()))
    context = desk.context()
    TastytradeQuotes(context).fetch(fetch_first(context))
    asked = {(request.method, request.route) for request in desk.simulator.requests}
    assert asked == {
        ("POST", "token"),
        ("GET", "accounts"),
        ("GET", "positions"),
        ("GET", "balances"),
        ("GET", "market-data"),
        ("GET", "market-metrics"),
    }
    symbols = [value for r in desk.simulator.requests for _, value in r.parameters]
    assert not any(":" in symbol for symbol in symbols), "a streamer symbol is no symbol"


def test_a_sandbox_that_denies_its_customer_for_a_while_says_to_try_later(desk_for):
    desk = desk_for(environment="sandbox")
    body = b'{"error_code":"invalid_request","error_description":"User is not a customer"}'
    desk.simulator.faults = [
        Fault(
            "token",
            FaultKind.REPLACE_BODY,
            status=400,
            body=body,
            content_type="application/json",
        )
    ]
    with pytest.raises(BrokerRefused) as refused:
        TastytradeBroker(desk.context(environment="sandbox")).accounts()
    assert "sandbox" in refused.value.hint
    assert "try again later" in refused.value.hint
    assert desk.simulator.counts() == {"token": 1}


def test_no_token_request_ever_carries_the_old_token(desk, clock):
    context = desk.context()
    for _ in range(3):
        api_of(context).get("accounts", ("customers", "me", "accounts"))
        clock.passed += 900
    requests = [request for request in desk.simulator.requests if request.route == "token"]
    assert len(requests) == 3
    assert not any("authorization" in request.headers for request in requests)
    assert all(r.headers["user-agent"].startswith("variance-bridge/") for r in requests)


@pytest.mark.parametrize(
    ("symbol", "segment"),
    [
        ("/ESZ4", "%2FESZ4"),
        ("BTC/USD", "BTC%2FUSD"),
        ("BRK/B", "BRK%2FB"),
        ("./ESZ4 EW4U4 240927P5520", ".%2FESZ4%20EW4U4%20240927P5520"),
        ("SPY   240324P00480500", "SPY%20%20%20240324P00480500"),
    ],
)
def test_a_segment_of_a_path_is_encoded_whole_and_once(desk, symbol, segment):
    """A raw slash would select another route without a word (the API's conventions; JB, tests of paths)."""
    with pytest.raises(BrokerRefused):
        api_of(desk.context()).get("instrument", ("instruments", "anything", symbol))
    assert desk.simulator.requests[-1].path == f"/instruments/anything/{segment}"


@pytest.mark.parametrize(
    "body", [b'{"message":"Unauthorized"}', b'{"error":null}', b'"no"', b'{"error":{"code":401}}']
)
@pytest.mark.parametrize(("route", "tokens"), [("accounts", 2), ("token", 1)])
def test_a_401_from_the_layer_in_front_is_an_ordinary_refusal(desk, route, tokens, body):
    desk.simulator.faults = [
        Fault(route, FaultKind.REPLACE_BODY, status=401, body=body, content_type="application/json")
    ]
    with pytest.raises(BrokerRefused) as refused:
        TastytradeBroker(desk.context()).accounts()
    assert refused.value.exit_code == 4
    assert refused.value.hint
    assert desk.simulator.counts()["token"] == tokens


@pytest.mark.parametrize("status", [True, False, "true", "No Restrictions", None])
def test_an_account_needs_a_number_and_nothing_else(status):
    """As in 2018 (no `is-closed`), as since 2025 (no `is-test-drive`), and with a day that is none."""
    bare = {"account-number": "5WX00001"}
    full = {
        "account-number": "5WX00002",
        "day-trader-status": status,
        "is-test-drive": False,
        "is-foreign": "no",
        "funding-date": "2021-03-82680",
    }
    items = [{"account": bare, "authority-level": "owner"}, {"account": full}]
    listed = read_accounts({"data": {"items": items}, "context": "/customers/me/accounts"})
    assert [account.number for account in listed.open] == ["5WX00001", "5WX00002"]
    assert listed.unreadable == 0


def test_market_data_that_is_not_found_costs_no_position(desk):
    desk.simulator.portfolio = SimulatedPortfolio.of(
        [{"symbol": "BTC/USD", "instrument_type": "Cryptocurrency", "quantity": "0.01"}]
    )
    desk.simulator.faults = [
        Fault("market-data", FaultKind.STATUS, status=404, code="record_not_found")
    ]
    context = desk.context()
    portfolio = fetch_first(context)
    assert not TastytradeQuotes(context).fetch(portfolio).available
    assert [holding.symbol for holding in portfolio.positions] == ["BTC/USD"]
    assert desk.simulator.counts()["market-data"] == 1


def test_a_quote_without_greeks_is_a_quote_and_the_greeks_stay_unknown(desk):
    desk.simulator.portfolio = SimulatedPortfolio.of(
        [
            {
                "symbol": "SPXW  260318P05750000",
                "instrument_type": "Equity Option",
                "underlying_symbol": "SPX",
                "quantity": -1,
                "quote": {"bid": "41.0", "ask": "41.4", "mark": "41.2"},
            }
        ]
    )
    context = desk.context()
    data = TastytradeQuotes(context).fetch(fetch_first(context)).instruments
    (quoted,) = data.values()
    assert quoted.mark == D("41.2")
    assert (quoted.delta, quoted.gamma, quoted.theta, quoted.vega) == (None,) * 4
    assert quoted.implied_volatility is None


FETCHED_AT = datetime(2026, 2, 6, 16, 0, tzinfo=UTC)
SHORT_CALL = {
    "instrument-type": "Equity Option",
    "symbol": "CSCO  260227C00078000",
    "underlying-symbol": "CSCO",
    "quantity": 1,
    "quantity-direction": "Short",
    "multiplier": "100.0",
    "average-open-price": "2.0",
    "average-daily-market-close-price": "7.98",
    "close-price": "7.98",
    "cost-effect": "Debit",
    "expires-at": "2026-02-27T21:00:00.000+00:00",
    "realized-day-gain": "0.0",
    "realized-day-gain-effect": "None",
    "realized-day-gain-date": "2026-02-06",
}


def read(row, fetched_at=FETCHED_AT, **changes):
    members = {name.replace("_", "-"): value for name, value in changes.items()}
    return outcome_of({**row, **members}, fetched_at)


@pytest.mark.parametrize(
    ("symbol", "underlying"),
    [
        ("GREE1 260320C00025000", "GREE"),
        ("MDU1  260320C00025000", "MDU"),
        ("SDS1  260320C00025000", "SDS"),
        ("BABA2 260320C00145000", "BABA"),
    ],
)
def test_an_adjusted_root_belongs_to_its_underlying(symbol, underlying):
    for stated in (underlying, None):
        outcome = read(SHORT_CALL, symbol=symbol, underlying_symbol=stated, expires_at=None)
        assert outcome.holding.root == outcome.holding.underlying == underlying
        assert outcome.holding.deliverable is Deliverable.ADJUSTED
        assert outcome.cautions == (Caution.ADJUSTED_DELIVERABLE,)


def test_an_option_keeps_its_old_root_when_the_underlying_was_renamed():
    holding = read(SHORT_CALL, symbol="GOLD  260227C00025000", underlying_symbol="B").holding
    assert (holding.root, holding.underlying) == ("B", "B")
    assert holding.symbol == "GOLD  260227C00025000"
    assert (holding.side, holding.strike) == (Side.SHORT, 25)


def test_a_future_without_prices_is_a_position_of_unknown_cost():
    row = {
        "instrument-type": "Future",
        "symbol": "/MYMM6",
        "quantity": 1,
        "quantity-direction": "Short",
        "multiplier": "0.5",
    }
    outcome = read(row)
    assert (outcome.holding.root, outcome.holding.side) == ("/MYM", Side.SHORT)
    assert (outcome.holding.cost_basis, outcome.holding.unrealized_pl) == (None, None)
    assert outcome.cautions == (Caution.COST_UNKNOWN,)


@pytest.mark.parametrize("effect", ["None", " None", "Cancel Requested", None, 7])
def test_an_effect_that_is_unknown_costs_no_position(effect):
    holding = read(
        SHORT_CALL, mark_price="7.98", realized_day_gain="5.0", realized_day_gain_effect=effect
    ).holding
    assert (holding.side, holding.unrealized_pl) == (Side.SHORT, -598)
    assert holding.day_pl is None, "a gain of unknown sign makes the day's sum unknown"


PUBLISHED = {
    "CSCO, the covered call": (
        SHORT_CALL,
        FETCHED_AT,
        {"mark-price": "7.98", "mark": "798.0"},
        {
            "root": "CSCO",
            "type": InstrumentType.OPTION,
            "cost_basis": D(200),
            "market_value": D(-798),
            "unrealized_pl": D(-598),
            "day_pl": D(0),
            "expiration": date(2026, 2, 27),
        },
    ),
    "CSCO, fractions of shares, streamer symbol null": (
        {
            "instrument-type": "Equity",
            "streamer-symbol": None,
            "symbol": "CSCO",
            "underlying-symbol": "CSCO",
            "quantity": "100.56",
            "quantity-direction": "Long",
            "average-daily-market-close-price": "85.98",
            "average-open-price": "61.2345",
            "close-price": "85.98",
            "cost-effect": "Credit",
            "multiplier": "1.0",
        },
        FETCHED_AT,
        {},
        {
            "type": InstrumentType.STOCK,
            "quantity": D("100.56"),
            "cost_basis": D("6157.74132"),
            "market_value": None,
            "unrealized_pl": None,
        },
    ),
    "SPX, the monthly that settles in the morning": (
        {
            **SHORT_CALL,
            "symbol": "SPX   260320P05700000",
            "underlying-symbol": "SPX",
            "average-open-price": "48.5",
            "expires-at": "2026-03-20T13:30:00.000+00:00",
        },
        FETCHED_AT,
        {"mark-price": "41.2", "mark": "4120.0"},
        {
            "root": "SPX",
            "underlying": "SPX",
            "strike": D(5700),
            "expiration": date(2026, 3, 20),
            "expires_at": datetime(2026, 3, 20, 13, 30, tzinfo=UTC),
            "unrealized_pl": D(730),
        },
    ),
    "/ES, two futures short, with marks and a loss realized today": (
        {
            "instrument-type": "Future",
            "streamer-symbol": "/ESZ26:XCME",
            "symbol": "/ESZ6",
            "underlying-symbol": "/ES",
            "quantity": 2,
            "quantity-direction": "Short",
            "average-daily-market-close-price": "6850.25",
            "average-open-price": "6801.5",
            "close-price": "6850.25",
            "cost-effect": "Debit",
            "mark": "685500.0",
            "mark-price": "6855.0",
            "multiplier": "50.0",
            "expires-at": "2026-12-18T14:30:00.000+00:00",
            "realized-day-gain": "12.5",
            "realized-day-gain-date": "2026-11-20",
            "realized-day-gain-effect": "Debit",
        },
        datetime(2026, 11, 20, 15, 0, tzinfo=UTC),
        {},
        {
            "root": "/ES",
            "symbol": "/ESZ6",
            "side": Side.SHORT,
            "cost_basis": D(680150),
            "market_value": D(-685500),
            "unrealized_pl": D(-5350),
            "day_pl": D("-487.5"),
            "expiration": date(2026, 12, 18),
        },
    ),
    "NFLX of 2018, the whole mark and no multiplier": (
        {
            "instrument-type": "Equity Option",
            "symbol": "NFLX  180518C00305000",
            "underlying-symbol": "NFLX",
            "quantity": 1,
            "quantity-direction": "Short",
            "close-price": "0.0",
            "average-open-price": "13.63",
            "mark": "1240.0",
            "cost-effect": "Debit",
        },
        datetime(2018, 5, 1, 15, 0, tzinfo=UTC),
        {},
        {
            "multiplier": None,
            "cost_basis": None,
            "market_value": D(-1240),
            "unrealized_pl": None,
            "expiration": date(2018, 5, 18),
        },
    ),
    "a bond, whose price convention nobody published": (
        {
            "instrument-type": "Fixed Income Security",
            "symbol": "912797QX8",
            "underlying-symbol": "912797QX8",
            "quantity": "10.0",
            "quantity-direction": "Long",
            "average-open-price": "98.75",
            "close-price": "99.1",
            "face-value": "1000.0",
            "par-size": "100.0",
            "multiplier": "10.0",
            "cost-effect": "Credit",
        },
        FETCHED_AT,
        {},
        {"type": InstrumentType.BOND, "cost_basis": None, "market_value": None},
    ),
    "an allocation of an offering, without a price": (
        {
            "instrument-type": "Equity Offering",
            "symbol": "XYZ",
            "underlying-symbol": "XYZ",
            "quantity": 25,
            "quantity-direction": "Long",
            "average-open-price": "18.0",
            "close-price": "0.0",
            "multiplier": "1.0",
            "cost-effect": "Credit",
        },
        FETCHED_AT,
        {},
        {"symbol": "XYZ", "cost_basis": D(450), "market_value": None, "unrealized_pl": None},
    ),
    "a warrant": (
        {
            "instrument-type": "Warrant",
            "symbol": "NKLAW",
            "underlying-symbol": "NKLAW",
            "quantity": 100,
            "quantity-direction": "Long",
            "average-open-price": "0.35",
            "close-price": "0.02",
            "multiplier": "1.0",
        },
        FETCHED_AT,
        {},
        {"type": InstrumentType.OTHER, "cost_basis": D(35), "market_value": None},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_row_is_the_position_that_it_says(name):
    row, fetched_at, marks, expected = PUBLISHED[name]
    holding = read({**row, **marks}, fetched_at).holding
    assert {member: getattr(holding, member) for member in expected} == expected


def test_the_published_closed_row_is_closed():
    row = {
        "symbol": "AAPL  240119C00150000",
        "quantity": "0",
        "quantity-direction": "Zero",
        "close-price": "0.0",
        "average-open-price": "3.00",
        "realized-day-gain": "150.0",
        "realized-day-gain-effect": "Credit",
        "realized-day-gain-date": "2024-01-19",
    }
    assert read(row) is CLOSED


SHARES = {
    "instrument-type": "Equity",
    "symbol": "ABC",
    "underlying-symbol": "ABC",
    "quantity-direction": "Long",
    "multiplier": 1,
}
FUTURES = {**SHARES, "instrument-type": "Future", "symbol": "/ESZ6", "multiplier": "50.0"}


@pytest.mark.parametrize(
    ("row", "quantity", "side", "average", "mark", "value", "profit"),
    [
        (SHARES, 100, "Long", "100", "100", "10000", "0"),
        (SHARES, 100, "Short", "50", "50", "-5000", "0"),
        (SHARES, 75, "Long", "10", "11", "825", "75"),
        (SHARES, 200, "Long", "10.50", "11", "2200", "100"),
        (SHARES, 100, "Long", "185", "190", "19000", "500"),
        (SHARES, 100, "Short", "185", "190", "-19000", "-500"),
        (FUTURES, 10, "Long", "5750", "5800", "2900000", "25000"),
        (FUTURES, 10, "Short", "5750", "5800", "-2900000", "-25000"),
    ],
)
def test_the_vendors_worked_examples_come_out(row, quantity, side, average, mark, value, profit):
    """https://developer.tastytrade.com/api-guides/account-positions and tastytrade-mcp, with both sides of each."""
    holding = read(
        row,
        quantity=quantity,
        quantity_direction=side,
        average_open_price=average,
        mark_price=mark,
    ).holding
    assert (holding.market_value, holding.unrealized_pl) == (D(value), D(profit))


def test_a_partial_close_leaves_the_rest_unrealized_and_counts_the_realized_in_the_days_profit():
    """100 at 10, yesterday's close 10, 25 sold at 11: 25 realized today, 75 unrealized."""
    holding = read(
        SHARES,
        quantity=75,
        average_open_price="10",
        average_daily_market_close_price="10",
        mark_price="11",
        realized_day_gain="25.0",
        realized_day_gain_effect="Credit",
        realized_day_gain_date="2026-02-06",
    ).holding
    assert (holding.unrealized_pl, holding.day_pl) == (75, 100)
