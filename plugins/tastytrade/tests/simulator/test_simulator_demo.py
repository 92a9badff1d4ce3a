"""The demo portfolio: every type, every kind of trouble, on whatever day it is started."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastytrade_simulator import SimulatedPortfolio
from tastytrade_simulator.csv_file import to_csv
from variance_bridge.trading_hours import EXCHANGE_TIME, is_trading_day
from variance_bridge_tastytrade.demo_server.contracts import option_terms

TODAY = date(2026, 11, 20)
DAYS = st.dates(date(2025, 1, 1), date(2034, 12, 31))


def held(portfolio, **wanted):
    """The open positions whose attributes are these."""
    return [
        position
        for position in portfolio.first_open_account.positions
        if position.sign and all(getattr(position, name) == value for name, value in wanted.items())
    ]


def days_left(position, today):
    return (option_terms(position.symbol).expiration - today).days


@pytest.fixture(scope="module")
def demo():
    return SimulatedPortfolio.demo(TODAY)


def test_the_demo_has_about_25_positions_of_every_type(demo):
    assert 24 <= len(held(demo)) <= 28
    assert {position.instrument_type for position in held(demo)} == {
        "Equity", "Equity Option", "Future", "Future Option", "Cryptocurrency", "Fixed Income Security",
    }  # fmt: skip


def test_the_demo_has_a_closed_row_and_a_closed_account(demo):
    assert [p.direction for p in demo.first_open_account.positions].count("Zero") == 1
    assert [account.is_closed for account in demo.accounts] == [False, True]


def test_the_demo_has_the_symbols_that_break_others(demo):
    symbols = {position.symbol for position in held(demo)}
    assert {
        "BRK/B",
        "BTC/USD",
        "/MYMZ6",
        "./MESH7EXZ6  261231P6400",
        "BABA2 270219C00175000",
    } <= symbols
    assert any(symbol.startswith("SPXW") for symbol in symbols)
    assert any(symbol.startswith("BRKB ") for symbol in symbols)
    (future,) = held(demo, instrument_type="Future")
    assert future.multiplier == Decimal("0.5")


def test_the_demo_has_winners_and_losers(demo):
    profits = [position.unrealized for position in held(demo)]
    assert min(profits) < -100
    assert max(profits) > 100


def test_everything_in_the_demo_has_a_quote_but_the_bill(demo):
    without = {p.symbol for p in held(demo) if p.symbol not in demo.quotes}
    assert without == {p.symbol for p in held(demo, instrument_type="Fixed Income Security")}
    for position in held(demo):
        if position.symbol not in without:
            assert demo.quotes[position.symbol].mark == position.mark_price
    for position in held(demo, instrument_type="Future Option") + held(
        demo, instrument_type="Equity Option"
    ):
        on = position.underlying_symbol
        assert on in demo.quotes
        # Betas of futures are those of the product: `/MES` for `/MESH7`.
        assert (on[:-2] if on.startswith("/") else on) in demo.metrics


def test_the_marks_of_the_demo_are_plausible(demo):
    for position in held(demo, instrument_type="Equity Option"):
        quote = demo.quotes[position.symbol]
        assert Decimal(0) <= quote.bid < quote.ask
        assert quote.bid <= quote.mark <= quote.ask
        assert Decimal("0.05") < quote.volatility < 1
        assert (quote.delta > 0) == (option_terms(position.symbol).right == "C")


@given(DAYS)
def test_no_day_is_too_late_for_the_demo(today):
    demo = SimulatedPortfolio.demo(today)
    assert 24 <= len(held(demo)) <= 28
    assert len({position.symbol for position in held(demo)}) == len(held(demo))
    for position in held(demo):
        terms = option_terms(position.symbol)
        if terms:
            assert terms.expiration >= today
            assert position.expires_at.astimezone(EXCHANGE_TIME).date() == terms.expiration
            assert position.average_open_price > 0
            assert position.mark_price > 0
    assert demo.first_open_account.net_liquidating_value > 100_000
    assert to_csv(demo, today=today).count("\n") == len(held(demo))


@given(DAYS)
def test_every_day_of_the_demo_has_something_to_harvest_and_to_defend(today):
    demo = SimulatedPortfolio.demo(today)
    strangle = held(demo, underlying_symbol="IWM")
    credit = sum(p.average_open_price * p.quantity * 100 for p in strangle)
    assert sum(p.unrealized for p in strangle) >= credit / 2
    assert all(days_left(p, today) > 21 for p in strangle)
    short = held(demo, underlying_symbol="NVDA", direction="Short")[0]
    assert option_terms(short.symbol).strike > demo.quotes["NVDA"].price
    assert 0 < days_left(short, today) <= 21
    (naked,) = held(demo, underlying_symbol="TSLA")
    assert option_terms(naked.symbol).strike < demo.quotes["TSLA"].price
    assert 0 < days_left(naked, today) <= 21
    near, far = held(demo, underlying_symbol="GLD")
    assert days_left(near, today) + 21 <= days_left(far, today)
    if is_trading_day(today):
        assert {days_left(p, today) for p in held(demo, underlying_symbol="SPX")} == {0}


def test_the_same_day_gives_the_same_demo(demo):
    assert SimulatedPortfolio.demo(TODAY) == demo


def test_the_demo_follows_new_yorks_day_and_close():
    before = datetime(2026, 11, 20, 20, 59, tzinfo=UTC)
    assert SimulatedPortfolio.demo(before) == SimulatedPortfolio.demo(TODAY)
    after = SimulatedPortfolio.demo(before + timedelta(minutes=1))
    assert {days_left(p, TODAY) for p in held(after, underlying_symbol="SPX")} == {3}
    assert SimulatedPortfolio.demo(
        datetime(2026, 11, 20, 3, tzinfo=UTC)
    ) != SimulatedPortfolio.demo(TODAY)


def test_the_demo_is_served_with_balances_that_fit(start, demo):
    client = start(demo)
    balances = client.get("/accounts/5WX00001/balances").items()[0]
    rows = client.get("/accounts/5WX00001/positions?include-marks=true").items()
    long_options = sum(
        Decimal(row["mark"])
        for row in rows
        if (row["instrument-type"], row["quantity-direction"]) == ("Equity Option", "Long")
    )
    assert Decimal(balances["long-derivative-value"]) == long_options
    assert Decimal(balances["long-fixed-income-security-value"]) == Decimal(9910)
