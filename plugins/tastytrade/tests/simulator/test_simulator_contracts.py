"""Symbols, listed expirations and prices: what the demo's market is made of, against known contracts."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from variance_bridge.trading_hours import is_trading_day
from variance_bridge_tastytrade.demo_server import black_scholes, contracts, expirations

DAYS = st.dates(date(2024, 1, 1), date(2035, 12, 31))


def listing(cycle, day):
    """The listing of a cycle on exactly that day."""
    return expirations.nearest(cycle, day, day)


@pytest.mark.parametrize(
    ("symbol", "year", "exchange", "streamer"),
    [
        ("SPY", 0, None, "SPY"),
        ("BRK/B", 0, None, "BRK/B"),
        ("BTC/USD", 0, None, "BTC/USD:CXTALP"),
        ("BABA2 251017C00145000", 0, None, ".BABA2251017C145"),
        ("F     250620P00002170", 0, None, ".F250620P2.17"),
        ("SPXW  250530C01400000", 0, None, ".SPXW250530C1400"),
        ("/ESZ6", 2026, "XCME", "/ESZ26:XCME"),
        ("/MCLJ6", 2026, "XNYM", "/MCLJ26:XNYM"),
        ("./MESM6EX3H6 260320P6450", 2026, "XCME", "./EX3H26P6450:XCME"),
        ("./ESZ5 EWX5  251128C5950", 2025, "XCME", "./EWX25C5950:XCME"),
        ("./6EM6 EUUJ6 260403C1.225", 2026, "XCME", "./EUUJ26C1.225:XCME"),
    ],
)
def test_a_streamer_symbol_follows_the_published_rule(symbol, year, exchange, streamer):
    assert contracts.streamer_symbol(symbol, year, exchange) == streamer


@pytest.mark.parametrize(
    ("future", "series", "day", "right", "strike", "symbol"),
    [
        ("/MESM6", "EX3H6", date(2026, 3, 20), "P", "6450", "./MESM6EX3H6 260320P6450"),
        ("/MESM6", "EXH6", date(2026, 3, 31), "P", "6575", "./MESM6EXH6  260331P6575"),
        ("/MCLJ6", "MCOJ6", date(2026, 3, 17), "C", "84", "./MCLJ6MCOJ6 260317C84"),
        ("/6EM6", "EUUJ6", date(2026, 4, 3), "C", "1.225", "./6EM6 EUUJ6 260403C1.225"),
    ],
)
def test_a_futures_options_symbol_has_fixed_widths(future, series, day, right, strike, symbol):
    built = contracts.future_option_symbol(future, series, day, right, Decimal(strike))
    assert built == symbol
    terms = contracts.option_terms(symbol)
    assert (terms.underlying, terms.root, terms.expiration) == (future, series, day)
    assert (terms.right, terms.strike) == (right, Decimal(strike))


@given(
    st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    DAYS,
    st.sampled_from("CP"),
    st.integers(1, 99_999_999),
)
def test_an_equity_options_symbol_reads_back(root, day, right, thousandths):
    strike = Decimal(thousandths) / 1000
    symbol = contracts.occ_symbol(root, day, right, strike)
    assert len(symbol) == 21
    terms = contracts.option_terms(symbol)
    assert (terms.root, terms.expiration, terms.right, terms.strike) == (root, day, right, strike)


@pytest.mark.parametrize("symbol", ["SPY", "BTC/USD", "/ESZ6", "SPY   261399C00450000", ""])
def test_what_is_not_an_option_has_no_terms(symbol):
    assert contracts.option_terms(symbol) is None


@pytest.mark.parametrize(
    ("rule", "month", "day"),
    [
        ("third-friday", "2026-12-01", "2026-12-18"),
        ("third-friday", "2027-06-01", "2027-06-17"),
        ("third-friday", "2025-04-01", "2025-04-17"),
        ("crude-oil", "2026-04-01", "2026-03-20"),
        ("micro-crude-oil", "2026-04-01", "2026-03-19"),
        ("currency", "2026-06-01", "2026-06-15"),
    ],
)
def test_a_future_expires_by_its_exchanges_rule(rule, month, day):
    assert expirations.future_expiration(rule, date.fromisoformat(month)) == date.fromisoformat(day)


@pytest.mark.parametrize(
    ("cycle", "day", "code", "future", "week"),
    [
        ("equity-index-weekly", "2026-03-20", "H6", "M6", 3),
        ("equity-index-weekly", "2024-09-20", "U4", "Z4", 3),
        ("equity-index-weekly", "2024-08-23", "Q4", "U4", 4),
        ("equity-index-weekly", "2025-11-28", "X5", "Z5", 0),
        ("equity-index-weekly", "2024-03-28", "H4", "M4", 0),
        ("equity-index-weekly", "2026-12-24", "Z6", "H7", 4),
        ("equity-index-weekly", "2026-12-31", "Z6", "H7", 0),
        ("energy-monthly", "2026-03-17", "J6", "J6", 0),
        ("currency-monthly", "2026-04-03", "J6", "M6", 0),
        ("currency-monthly", "2026-05-08", "K6", "M6", 0),
    ],
)
def test_a_futures_option_is_listed_on_the_day_and_future_of_real_contracts(
    cycle, day, code, future, week
):
    found = listing(cycle, date.fromisoformat(day))
    assert found.expiration == date.fromisoformat(day)
    assert contracts.contract_month(found.month) == code
    assert contracts.contract_month(found.future_month) == future
    assert found.week == week


@given(
    DAYS,
    st.integers(0, 120),
    st.sampled_from(["daily", "weekly", "monthly", "equity-index-weekly"]),
)
@example(date(2026, 9, 1), 117, "equity-index-weekly")  # Christmas and New Year on Fridays
@example(date(2026, 12, 26), 0, "equity-index-weekly")
def test_a_listed_day_is_near_open_and_not_in_the_past(today, days, cycle):
    target = today + timedelta(days=days)
    found = expirations.nearest(cycle, today, target).expiration
    assert found >= today
    assert is_trading_day(found)
    assert (
        abs((found - target).days)
        <= {"daily": 5, "weekly": 7, "equity-index-weekly": 8, "monthly": 35}[cycle]
    )


@given(DAYS, st.integers(0, 120), st.sampled_from(["energy-monthly", "currency-monthly"]))
def test_a_futures_option_never_outlives_its_future(today, days, cycle):
    rule = {"energy-monthly": "crude-oil", "currency-monthly": "currency"}[cycle]
    found = expirations.nearest(cycle, today, today + timedelta(days=days))
    assert today <= found.expiration <= expirations.future_expiration(rule, found.future_month)


def test_the_front_future_has_some_days_to_go():
    front = expirations.front_future("third-friday", (3, 6, 9, 12), date(2026, 12, 15))
    assert contracts.future_symbol("/MYM", front.month) == "/MYMH7"


def test_a_future_that_is_never_listed_is_an_error():
    with pytest.raises(ValueError, match="no contract month"):
        expirations.front_future("third-friday", (), date(2026, 12, 15))


def test_the_formula_gives_the_textbooks_prices():
    """Hull, Options, Futures and Other Derivatives, example 15.6: call 4.76, put 0.81."""
    call = black_scholes.value("C", 42, 40, 0.5, 0.2, 0.1, 0.1)
    put = black_scholes.value("P", 42, 40, 0.5, 0.2, 0.1, 0.1)
    assert round(call.price, 2) == 4.76
    assert round(put.price, 2) == 0.81


@given(
    st.sampled_from("CP"),
    st.floats(0.7, 1.4),
    st.floats(0.02, 2),
    st.floats(0.05, 1),
    st.sampled_from([0.0, 0.03, 0.05]),
)
def test_the_greeks_are_the_derivatives_of_the_price(right, moneyness, years, volatility, carry):
    def price(underlying=100.0, life=years, deviation=volatility):
        value = black_scholes.value(
            right, underlying, 100 * moneyness, life, deviation, 0.05, carry
        )
        return value.price

    value = black_scholes.value(right, 100, 100 * moneyness, years, volatility, 0.05, carry)
    assume(value.price > 0.01)
    step = 0.01
    assert value.delta == pytest.approx(
        (price(100 + step) - price(100 - step)) / (2 * step), abs=1e-3
    )
    curve = (price(100 + step) - 2 * price() + price(100 - step)) / step**2
    assert value.gamma == pytest.approx(curve, abs=1e-3)
    day = 1e-4
    assert value.theta * 365 == pytest.approx(
        (price(life=years - day) - price(life=years + day)) / (2 * day), rel=0.02, abs=0.02
    )
    up, down = price(deviation=volatility + 1e-4), price(deviation=volatility - 1e-4)
    assert value.vega * 100 == pytest.approx((up - down) / 2e-4, rel=0.01, abs=0.01)


@given(st.floats(50, 200), st.floats(0.01, 2), st.floats(0.05, 1))
def test_calls_and_puts_keep_their_parity(strike, years, volatility):
    import math

    call = black_scholes.value("C", 100, strike, years, volatility, 0.04, 0.0)
    put = black_scholes.value("P", 100, strike, years, volatility, 0.04, 0.0)
    forward = math.exp(-0.04 * years) * (100 - strike)
    assert call.price - put.price == pytest.approx(forward, abs=1e-9)
    assert call.delta - put.delta == pytest.approx(math.exp(-0.04 * years), abs=1e-9)
    assert call.rho - put.rho == pytest.approx(
        years * strike * math.exp(-0.04 * years) / 100, abs=1e-9
    )
