"""Accounts, positions, balances, quotes and metrics as they stand on the wire."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastytrade_simulator import (
    ABSENT,
    NumberForm,
    SimulatedClock,
    SimulatedPortfolio,
    SimulatedPosition,
    WireForm,
    wire,
)
from variance_bridge_tastytrade.demo_server import payloads

POSITIONS = "/accounts/5WX00001/positions"
BALANCES = "/accounts/5WX00001/balances"
NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def rows(client, path=POSITIONS):
    return {row["symbol"]: row for row in client.get(path).items()}


def quotes(client, query):
    return {item["symbol"]: item for item in client.get(f"/market-data/by-type?{query}").items()}


def test_accounts_are_nested_and_closed_ones_are_listed(start):
    items = start().get("/customers/me/accounts").items()
    assert [set(item) for item in items] == [{"account", "authority-level"}] * 2
    assert [item["account"]["account-number"] for item in items] == ["5WX00001", "5WX00002"]
    assert [item["account"]["is-closed"] for item in items] == [False, True]


def test_one_account_is_not_nested(start):
    assert start().get("/customers/me/accounts/5WX00001").json()["data"]["nickname"] == "Individual"


def test_the_customer_has_a_name_that_nobody_has(start):
    assert start().get("/customers/me").json()["data"]["email"].endswith(".invalid")


@pytest.mark.parametrize("path", ["positions", "balances", "balances/USD"])
def test_nothing_of_another_persons_account_is_reported(start, path):
    client = start()
    assert client.get(f"/accounts/5WX09999/{path}").code == "not_permitted"
    assert client.get("/customers/me/accounts/5WX09999").code == "not_permitted"


def test_an_account_of_2018_has_no_word_on_being_closed(start):
    client = start(SimulatedPortfolio.of([], is_closed=None))
    assert "is-closed" not in client.get("/customers/me/accounts").items()[0]["account"]


def test_an_empty_account_is_an_empty_list(start):
    reply = start(SimulatedPortfolio.of([])).get(POSITIONS).json()
    assert reply == {"data": {"items": []}, "context": POSITIONS}


def test_a_quantity_is_unsigned_and_its_side_is_a_word(start):
    sides = {
        symbol: (row["quantity"], row["quantity-direction"])
        for symbol, row in rows(start()).items()
    }
    assert sides["SPY"] == ("100.29", "Long")
    assert sides["IWM   270115P00225000"] == (40, "Short")


def test_the_cost_effect_is_that_of_closing(start):
    effects = {row["quantity-direction"]: row["cost-effect"] for row in rows(start()).values()}
    assert effects == {"Long": "Credit", "Short": "Debit"}


def test_closed_rows_come_on_request_only(start):
    client = start()
    assert "AAPL" not in rows(client)
    assert (
        rows(client, POSITIONS + "?include-closed-positions=true")["AAPL"]["quantity-direction"]
        == "Zero"
    )
    assert "AAPL" not in rows(client, POSITIONS + "?include-closed-positions=True")


def test_marks_come_on_request_and_only_where_there_is_one(start):
    client = start()
    assert "mark" not in rows(client)["SPY"]
    marked = rows(client, POSITIONS + "?include-marks=true")
    assert (marked["SPY"]["mark-price"], marked["SPY"]["mark"]) == ("684.2", "68618.418")
    assert marked["./MESH7EX3Z6 261218P6400"]["mark"] == "517.19552829"
    assert "mark" not in marked["NKLAW"]


def test_positions_can_be_filtered(start):
    client = start()
    assert set(
        rows(client, POSITIONS + "?underlying-symbol[]=BRK%2FB&underlying-symbol[]=SPY")
    ) == {"BRK/B", "SPY"}
    assert set(rows(client, POSITIONS + "?instrument-type=Future")) == {"/MYMH7"}


def test_the_underlying_of_a_future_is_its_product_and_of_its_option_the_future(start):
    underlyings = {symbol: row["underlying-symbol"] for symbol, row in rows(start()).items()}
    assert underlyings["/MYMH7"] == "/MYM"
    assert underlyings["./MESH7EX3Z6 261218P6400"] == "/MESH7"
    assert underlyings["IWM   270115P00225000"] == "IWM"


def test_realized_amounts_are_unsigned_with_an_effect_and_a_day(start):
    client = start(clock=SimulatedClock(datetime(2026, 11, 20, 3, 0, tzinfo=UTC), frozen=True))
    row = rows(client)["IWM   270115P00225000"]
    assert row["realized-today"] == "12.5"
    assert row["realized-today-effect"] == "Debit"
    assert row["realized-today-date"] == "2026-11-19"  # still yesterday in New York
    assert rows(client)["SPY"]["realized-today-effect"] == "None"


def test_an_old_realized_amount_keeps_its_day(start):
    old = {"symbol": "SPY", "realized_today": "5", "realized_date": "2026-11-02"}
    row = rows(start(SimulatedPortfolio.of([SimulatedPosition.from_data(old)])))["SPY"]
    assert (row["realized-today-date"], row["realized-day-gain-date"]) == (
        "2026-11-02",
        "2026-11-02",
    )


@pytest.mark.parametrize(
    ("form", "multiplier", "quantity"),
    [
        (wire.PRODUCTION_2026, "0.5", 1),
        (wire.PRODUCTION_2025, "0.5", 1),
        (wire.DOCUMENTATION, "0.5", "1"),
        (WireForm(multiplier=NumberForm.NUMBER), 0.5, 1),
        (WireForm(quantity=NumberForm.DECIMAL_STRING), "0.5", "1.0"),
    ],
)
def test_numbers_drift_between_types(start, form, multiplier, quantity):
    row = rows(start(wire=form))["/MYMH7"]
    assert (row["multiplier"], row["quantity"]) == (multiplier, quantity)


def test_a_whole_multiplier_is_an_integer_or_a_string_by_year(start):
    client = start()
    symbol = "IWM   270115P00225000"
    assert rows(client)[symbol]["multiplier"] == "100.0"
    client.simulator.wire = replace(
        client.simulator.wire, multiplier=NumberForm.INTEGER, stray_spaces=True
    )
    assert rows(client)[symbol]["multiplier"] == 100
    assert rows(client)[symbol]["realized-today-effect"] == " Debit"


def test_mixed_forms_hold_every_type_at_once(start):
    many = [{"symbol": f"S{n}", "quantity": 3, "average_open_price": "1"} for n in range(4)]
    client = start(SimulatedPortfolio.of(many), wire=wire.MIXED)
    assert sorted(repr(row["quantity"]) for row in rows(client).values()) == [
        "'3'",
        "'3.0'",
        "3",
        "3",
    ]
    assert {row["streamer-symbol"] for row in rows(client).values()} == {None}


def test_the_sandboxs_short_row_lacks_what_it_lacks(start):
    row = rows(start(wire=wire.SANDBOX_2025))["SPY"]
    assert row["realized-today"] == "0.0"
    absent = {"realized-today-effect", "realized-today-date", "average-daily-market-close-price"}
    assert not absent & set(row)


def test_a_rows_members_can_be_overwritten_and_taken_away(start):
    given = {"symbol": "SPY", "members": {"multiplier": ABSENT, "fixing-price": "NaN"}}
    row = rows(start(SimulatedPortfolio.of([given])))["SPY"]
    assert "multiplier" not in row
    assert row["fixing-price"] == "NaN"


def test_balances_are_a_list_since_may_2024_and_an_object_before(start):
    client = start()
    new = client.get(BALANCES, Accept_Version="20240501").json()["data"]
    old = client.get(BALANCES, Accept_Version="20240430").json()["data"]
    assert [set(new), len(new["items"])] == [{"items"}, 1]
    assert old["account-number"] == new["items"][0]["account-number"]
    assert "items" in client.get(BALANCES).json()["data"]


def test_balances_without_a_version_have_the_default_shape(start):
    assert "items" not in start(default_version="20230101").get(BALANCES).json()["data"]


def test_balances_of_a_currency_are_an_object(start):
    client = start()
    assert client.get(BALANCES + "/USD").json()["data"]["currency"] == "USD"
    assert client.get(BALANCES + "/EUR").code == "record_not_found"


def test_balances_agree_with_the_positions(start):
    balances = start().get(BALANCES).items()[0]
    assert balances["long-equity-value"] == "68618.418"
    assert balances["short-equity-value"] == "3600.0"
    assert balances["short-derivative-value"] == "1640.0"
    assert balances["short-futures-derivative-value"] == "517.19552829"
    assert balances["long-cryptocurrency-value"] == "471.1469578695"
    # Cash and every value but the future's.
    assert balances["net-liquidating-value"] == "64332.6194295795"


def test_pending_cash_is_unsigned_with_an_effect(start):
    balances = (
        start(SimulatedPortfolio.of([], cash="0", pending_cash="-500")).get(BALANCES).items()[0]
    )
    assert (balances["pending-cash"], balances["pending-cash-effect"]) == ("500.0", "Debit")
    assert balances["net-liquidating-value"] == "-500.0"


def test_balances_can_be_made_to_disagree(start):
    portfolio = SimulatedPortfolio.of([], balance_members={"long-equity-value": "1.0"})
    assert start(portfolio).get(BALANCES).items()[0]["long-equity-value"] == "1.0"


MONEY = st.decimals(min_value=0, max_value=10**9, places=8, allow_nan=False)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["Equity", "Equity Option", "Cryptocurrency"]),
            MONEY,
            MONEY,
            MONEY,
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_the_buckets_of_the_balances_are_the_exact_sum_of_the_marks(given_rows):
    positions = [
        {
            "symbol": f"X{index}",
            "instrument_type": kind,
            "quantity": quantity,
            "multiplier": multiplier,
            "mark_price": price,
            "direction": "Long" if is_long else "Short",
        }
        for index, (kind, quantity, multiplier, price, is_long) in enumerate(given_rows)
    ]
    account = SimulatedPortfolio.of(positions, cash="12.34").accounts[0]
    balances = payloads.balances(account, NOW)
    expected: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for kind, quantity, multiplier, price, is_long in given_rows:
        expected[kind, "long" if is_long else "short"] += (
            Fraction(quantity) * Fraction(multiplier) * Fraction(price)
        )
    for name, kind in (
        ("equity", "Equity"),
        ("derivative", "Equity Option"),
        ("cryptocurrency", "Cryptocurrency"),
    ):
        for side in ("long", "short"):
            assert Fraction(balances[f"{side}-{name}-value"]) == expected[kind, side]
    signed = sum(
        (value if side == "long" else -value for (_, side), value in expected.items()), Fraction(0)
    )
    assert Fraction(balances["net-liquidating-value"]) == signed + Fraction("12.34")


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**30),
    st.sampled_from(NumberForm),
)
def test_a_number_in_any_form_reads_back_exactly(value, form):
    written = json.dumps(wire.number(value, form, row=2))
    read = json.loads(written, parse_float=Decimal)
    assert Decimal(read) == value


def test_quotes_match_by_type_and_unknown_symbols_are_dropped(start):
    client = start()
    found = quotes(client, "equity=SPY&equity=NOPE&cryptocurrency=ETH%2FUSD&future=SPY")
    assert set(found) == {"SPY", "ETH/USD"}
    assert quotes(client, "equity-option=SPY") == {}


@pytest.mark.parametrize(
    "query",
    ["equity=SPY&equity=IWM", "equity[]=SPY&equity[]=IWM", "equity=SPY,IWM", "equity=SPY,IWM,,SPY"],
)
def test_lists_come_in_three_styles(start, query):
    portfolio = SimulatedPortfolio.of(
        [], quotes=[{"symbol": "SPY", "mark": 1}, {"symbol": "IWM", "mark": 2}]
    )
    assert set(quotes(start(portfolio), query)) == {"SPY", "IWM"}


def test_quotes_come_in_an_order_of_their_own(start):
    symbols = [f"S{n:02d}" for n in range(20)]
    portfolio = SimulatedPortfolio.of(
        [], quotes=[{"symbol": symbol, "mark": 1} for symbol in symbols]
    )
    found = list(quotes(start(portfolio), "equity=" + ",".join(symbols)))
    assert found != symbols
    assert sorted(found) == symbols


def test_a_hundred_symbols_are_the_limit_over_all_types(start):
    client = start()
    path = "/market-data/by-type?equity={}&future={}"
    fifty, fifty_one = ",".join(["A"] * 50), ",".join(["A"] * 51)
    assert client.get(path.format(fifty, fifty)).status == 200
    reply = client.get(path.format(fifty, fifty_one))
    assert (reply.status, reply.code) == (400, "validation_error")


def test_a_quote_is_made_of_strings_and_has_its_own_time(start):
    portfolio = SimulatedPortfolio.of(
        [],
        quotes=[
            {
                "symbol": "SPY",
                "bid": "1.10",
                "ask": "1.25",
                "mark": "1.2",
                "last": "1.2",
                "age": "3600",
            }
        ],
    )
    client = start(portfolio, clock=SimulatedClock(NOW, frozen=True))
    quote = quotes(client, "equity=SPY")["SPY"]
    assert (quote["bid"], quote["ask"], quote["mid"]) == ("1.1", "1.25", "1.175")
    assert quote["updated-at"] == "2026-11-20T15:00:00.000Z"
    assert client.get("/market-data/by-type?equity=SPY").json()["pagination"] is None


def test_a_futures_option_has_greeks_and_no_last_trade(start):
    quote = quotes(start(), "future-option=./MESH7EX3Z6%20261218P6400")["./MESH7EX3Z6 261218P6400"]
    assert (quote["delta"], quote["mark"]) == ("-0.2", "34.479701886")
    assert "last" not in quote
    assert "prev-close" not in quote


def test_an_index_may_have_no_bid_and_no_ask(start):
    portfolio = SimulatedPortfolio.of(
        [], quotes=[{"symbol": "VIX", "instrument_type": "Index", "last": "17.2", "mark": "17.2"}]
    )
    client = start(portfolio)
    assert not {"bid", "ask", "mid"} & set(quotes(client, "index=VIX")["VIX"])
    assert set(quotes(client, "equity=VIX")) == {"VIX"}


def test_metrics_know_the_beta(start):
    items = start().get("/market-metrics?symbols=BRK%2FB,SPY,NOPE").items()
    assert {item["symbol"]: item["beta"] for item in items} == {"BRK/B": "0.71", "SPY": "1"}


def test_an_adjusted_option_says_what_it_delivers(start):
    option = {
        "symbol": "BABA2 270219C00175000",
        "instrument_type": "Equity Option",
        "underlying_symbol": "BABA",
    }
    portfolio = SimulatedPortfolio.from_data(
        {"accounts": [{"positions": [option]}], "adjusted_deliverables": {"BABA2": 110}}
    )
    client = start(portfolio)
    found = client.get("/instruments/equity-options?symbol[]=BABA2%20270219C00175000").items()[0]
    assert (found["shares-per-contract"], found["option-chain-type"]) == (110, "Non-standard")
    assert rows(client)["BABA2 270219C00175000"]["multiplier"] == "100.0"


def test_the_multiplier_of_a_futures_options_instrument_is_a_trap(start):
    client = start()
    assert client.get("/instruments/future-options").items()[0]["multiplier"] == "1.0"
    assert client.get("/instruments/futures").items()[0]["notional-multiplier"] == "0.5"


def test_a_portfolio_is_read_from_toml_and_json_alike(tmp_path):
    toml = tmp_path / "portfolio.toml"
    toml.write_text(
        '[[accounts]]\nnumber = "5WX00001"\ncash = 12.34\n'
        '[[accounts.positions]]\nsymbol = "SPY"\nquantity = -1.5\naverage_open_price = "0.1"\n'
    )
    other = tmp_path / "portfolio.json"
    other.write_text(
        '{"accounts": [{"number": "5WX00001", "cash": 12.34, "positions":'
        ' [{"symbol": "SPY", "quantity": -1.5, "average_open_price": "0.1"}]}]}'
    )
    portfolio = SimulatedPortfolio.load(toml)
    assert portfolio == SimulatedPortfolio.load(other)
    position = portfolio.accounts[0].positions[0]
    assert (position.direction, position.quantity, position.value) == (
        "Short",
        Decimal("1.5"),
        Decimal("-0.15"),
    )


@pytest.mark.parametrize(
    ("data", "error"),
    [
        ({"symbol": "SPY", "quantity": 1.5}, TypeError),
        ({"symbol": "SPY", "quantity": True}, TypeError),
        ({"symbol": "SPY", "colour": "red"}, ValueError),
        ({"symbol": "/MESZ6", "instrument_type": "Future"}, ValueError),
    ],
)
def test_a_position_that_cannot_be_meant_is_refused(data, error):
    with pytest.raises(error):
        SimulatedPosition.from_data(data)


def test_a_portfolio_with_an_unknown_key_is_refused():
    with pytest.raises(ValueError, match="colour"):
        SimulatedPortfolio.from_data({"accounts": [], "colour": "red"})
