"""What `enrich` promises: market data by exact symbol, exact money, greeks of the whole position, honest ages."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.broker import MarketData, MarketSnapshot
from variance_bridge.model import (
    Benchmark,
    Caution,
    Flag,
    Greeks,
    Holding,
    Meta,
    Portfolio,
    Quote,
    Side,
)
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge.pipeline.enrich import enrich
from variance_bridge.symbology import InstrumentType, OptionType

NOW = datetime(2026, 2, 6, 15, 0, tzinfo=UTC)
FRESH = NOW - timedelta(seconds=2)
OLD = NOW - timedelta(hours=8)
D = Decimal

STOCK = Holding(
    root="TQQQ",
    symbol="TQQQ",
    type=InstrumentType.STOCK,
    side=Side.LONG,
    quantity=D(742),
    multiplier=D(1),
    average_price=D("52.73"),
    cost_basis=D("39125.66"),
)
SHORT_PUT = Holding(
    root="/MES",
    symbol="./MESM6EX3H6 260320P6450",
    underlying="/MESM6",
    type=InstrumentType.FUTURE_OPTION,
    side=Side.SHORT,
    quantity=D(3),
    strike=D(6450),
    option_type=OptionType.PUT,
    expiration=date(2026, 3, 20),
    multiplier=D(5),
    average_price=D("47.58333333"),
)


def enriched(holding, data=None, *, now=NOW, stale_after=timedelta(minutes=15), **snapshot):
    instruments = {} if data is None else {holding.symbol: data}
    return enrich(
        Portfolio(meta=Meta(source="acme", fetched_at=NOW), positions=(holding,)),
        MarketSnapshot(instruments=instruments, **snapshot),
        now=now,
        source="acme",
        stale_after=stale_after,
    )


def only(portfolio):
    (holding,) = portfolio.positions
    return holding


@pytest.mark.parametrize(
    ("account", "own", "prices", "priced"),
    [
        ("USD", None, "USD", True),
        ("CAD", "USD", "USD", True),
        (None, None, "USD", True),
        ("CAD", None, None, True),
        ("CAD", None, "USD", False),
        ("USD", "GBP", "USD", False),
    ],
)
def test_a_quote_in_another_currency_is_that_of_another_listing(account, own, prices, priced):
    held = attrs.evolve(STOCK, symbol="RY", root="RY", currency=own)
    portfolio = enrich(
        Portfolio(meta=Meta(source="acme", fetched_at=NOW, currency=account), positions=(held,)),
        MarketSnapshot(
            instruments={"RY": MarketData(mark=D(60), beta=D(1), as_of=FRESH)},
            benchmark_price=D(600),
            currency=prices,
        ),
        now=NOW,
        source="acme",
        stale_after=timedelta(minutes=15),
    )
    found = only(portfolio)
    assert (found.market_value == 742 * 60) is priced
    assert (found.greeks.beta_delta is not None) is priced
    flagged = {flag.caution for flag in portfolio.meta.flags}
    assert (Caution.QUOTE_MISSING in flagged) is not priced


def test_a_short_position_gains_when_the_mark_falls():
    holding = only(enriched(SHORT_PUT, MarketData(mark=D("34.5"), as_of=FRESH)))
    assert holding.unrealized_pl == D("196.24999995")
    assert holding.market_value == D("-517.5")


def test_a_long_position_loses_when_the_mark_falls():
    holding = only(enriched(STOCK, MarketData(mark=D("49.39"), as_of=FRESH)))
    assert holding.unrealized_pl == D("-2478.28")
    assert holding.market_value == D("36647.38")


def test_money_is_exact_beyond_the_28_digits_of_the_default_context():
    coins = attrs.evolve(
        STOCK,
        root="BTC-USD",
        symbol="BTC/USD",
        type=InstrumentType.CRYPTO,
        quantity=D("1.234567890123456789"),
        average_price=D("94005.12345678"),
    )
    holding = only(enriched(coins, MarketData(mark=D("94485.80512345"), as_of=FRESH)))
    quantity = Fraction("1.234567890123456789")
    assert Fraction(holding.market_value) == Fraction("94485.80512345") * quantity
    assert Fraction(holding.unrealized_pl) == Fraction("480.68166667") * quantity


def test_greeks_are_those_of_the_whole_position_with_its_sign():
    data = MarketData(
        mark=D("34.5"),
        delta=D("-0.25"),
        gamma=D("0.001"),
        theta=D("-1.5"),
        vega=D("2"),
        implied_volatility=D("0.18"),
        as_of=FRESH,
    )
    greeks = only(enriched(SHORT_PUT, data)).greeks
    assert greeks == Greeks(
        delta=D("3.75"),
        gamma=D("-0.015"),
        theta=D("22.5"),
        vega=D("-30"),
        implied_volatility=D("0.18"),
        as_of=FRESH,
        source="acme",
    )


def test_the_delta_of_100_shares_is_100_and_they_have_no_other_greeks_even_without_a_quote():
    short = attrs.evolve(STOCK, quantity=D(100), side=Side.SHORT)
    assert only(enriched(short)).greeks == Greeks(delta=D(-100), gamma=D(0), theta=D(0), vega=D(0))


def test_a_future_has_its_multiplier_as_delta():
    future = attrs.evolve(
        STOCK,
        type=InstrumentType.FUTURE,
        symbol="/ESZ6",
        root="/ES",
        quantity=D(2),
        multiplier=D(50),
    )
    assert only(enriched(future)).greeks == Greeks(delta=D(100), gamma=D(0), theta=D(0), vega=D(0))


def test_an_option_without_greeks_gets_none():
    assert only(enriched(SHORT_PUT, MarketData(mark=D(1), as_of=FRESH))).greeks is None


def test_beta_weighting_uses_the_ratio_of_prices_once_for_delta_and_squared_for_gamma():
    data = MarketData(
        mark=D("34.5"),
        delta=D("-0.25"),
        gamma=D("0.001"),
        underlying_price=D(6600),
        beta=D("1.5"),
        as_of=FRESH,
    )
    greeks = only(enriched(SHORT_PUT, data, benchmark_price=D(660))).greeks
    assert greeks.beta_delta == D("56.25")
    assert greeks.beta_gamma == D("-3.375")


def test_beta_weighted_values_carry_28_digits():
    data = MarketData(mark=D(10), beta=D(1), as_of=FRESH)
    greeks = only(enriched(attrs.evolve(STOCK, quantity=D(1)), data, benchmark_price=D(3))).greeks
    assert greeks.beta_delta == D("3.333333333333333333333333333")


@pytest.mark.parametrize("benchmark", [None, D(0), D(-1)])
def test_without_a_price_of_the_benchmark_nothing_is_beta_weighted(benchmark):
    data = MarketData(mark=D(10), beta=D(1), as_of=FRESH)
    greeks = only(enriched(STOCK, data, benchmark_price=benchmark)).greeks
    assert greeks.beta_delta is None
    assert greeks.beta_gamma is None


def test_without_a_multiplier_an_option_gets_a_quote_and_no_money_and_no_greeks():
    unknown = attrs.evolve(SHORT_PUT, multiplier=None)
    holding = only(enriched(unknown, MarketData(mark=D("34.5"), delta=D("-0.25"), as_of=FRESH)))
    assert holding.quote.mark == D("34.5")
    assert (holding.market_value, holding.unrealized_pl, holding.greeks) == (None, None, None)


@pytest.mark.parametrize("delta", [D(-25), D("1.51"), D(100)])
def test_greeks_that_are_not_those_of_one_unit_are_left_out_and_flagged(delta):
    data = MarketData(
        mark=D("34.5"), delta=delta, theta=D(-5), implied_volatility=D("0.2"), as_of=FRESH
    )
    portfolio = enriched(SHORT_PUT, data)

    greeks = only(portfolio).greeks
    assert (greeks.delta, greeks.theta, greeks.implied_volatility) == (None, None, D("0.2"))
    assert only(portfolio).quote.mark == D("34.5")
    assert [flag.caution for flag in portfolio.meta.flags] == ["quote_unusable"]


@pytest.mark.parametrize("delta", [D(-1), D("1.0003"), D(0)])
def test_an_option_may_move_one_for_one_with_its_underlying(delta):
    portfolio = enriched(SHORT_PUT, MarketData(mark=D("34.5"), delta=delta, as_of=FRESH))

    assert only(portfolio).greeks.delta is not None
    assert portfolio.meta.flags == ()


def test_profit_comes_from_the_cost_where_the_average_price_is_unknown():
    holding = attrs.evolve(SHORT_PUT, average_price=None, cost_basis=D("713.75"))
    assert only(enriched(holding, MarketData(mark=D("34.5"), as_of=FRESH))).unrealized_pl == D(
        "196.25"
    )


def test_profit_stays_unknown_without_cost_and_average_price():
    holding = attrs.evolve(STOCK, average_price=None, cost_basis=None)
    assert only(enriched(holding, MarketData(mark=D(1), as_of=FRESH))).unrealized_pl is None


def test_a_fresh_mark_replaces_the_brokers_together_with_the_money_that_follows_from_it():
    holding = attrs.evolve(
        STOCK,
        quote=Quote(mark=D(40), bid=D(39), source="broker"),
        market_value=D(29680),
        unrealized_pl=D("-9445.66"),
    )
    after = only(enriched(holding, MarketData(mark=D("49.39"), as_of=FRESH)))
    assert after.quote == Quote(mark=D("49.39"), as_of=FRESH, source="acme")
    assert (after.market_value, after.unrealized_pl) == (D("36647.38"), D("-2478.28"))


@pytest.mark.parametrize(
    "data",
    [
        MarketData(mark=D(50), bid=D(48), ask=D(52), as_of=OLD),
        MarketData(bid=D(48), ask=D(52), as_of=FRESH),
    ],
    ids=["stale", "without a mark"],
)
def test_a_worse_quote_only_fills_what_the_broker_left_open(data):
    holding = attrs.evolve(
        STOCK,
        quote=Quote(mark=D(40), bid=D(39), source="broker"),
        market_value=D(29680),
        unrealized_pl=D("-9445.66"),
    )
    after = only(enriched(holding, data))
    assert (after.quote.mark, after.quote.bid, after.quote.ask) == (D(40), D(39), D(52))
    assert after.quote.source == "broker"
    assert (after.market_value, after.unrealized_pl) == (D(29680), D("-9445.66"))


def test_stale_greeks_do_not_replace_the_brokers():
    holding = attrs.evolve(SHORT_PUT, greeks=Greeks(delta=D(4), source="broker"))
    greeks = only(
        enriched(holding, MarketData(mark=D(1), delta=D(-1), theta=D(-1), as_of=OLD))
    ).greeks
    assert greeks == Greeks(delta=D(4), theta=D(15), as_of=OLD, source="broker")


def test_fresh_greeks_replace_the_brokers_and_keep_what_they_do_not_know():
    holding = attrs.evolve(SHORT_PUT, greeks=Greeks(delta=D(4), vega=D(-7), source="broker"))
    greeks = only(enriched(holding, MarketData(mark=D(1), delta=D(-1), as_of=FRESH))).greeks
    assert greeks == Greeks(delta=D(15), vega=D(-7), as_of=FRESH, source="acme")


@pytest.mark.parametrize(
    ("age", "stale"),
    [
        (timedelta(minutes=15), False),
        (timedelta(minutes=15, microseconds=1), True),
        (-timedelta(seconds=120), False),
        (-timedelta(seconds=121), True),
    ],
)
def test_the_edges_of_staleness_are_exact(age, stale):
    portfolio = enriched(STOCK, MarketData(mark=D(1), as_of=NOW - age))
    expected = (Flag(caution=Caution.QUOTE_STALE, symbol="TQQQ"),) if stale else ()
    assert portfolio.meta.flags == expected


def test_a_price_without_a_time_is_not_taken_for_fresh():
    portfolio = enriched(STOCK, MarketData(mark=D(1)))
    assert portfolio.meta.flags == (Flag(caution=Caution.QUOTE_STALE, symbol="TQQQ"),)
    assert only(portfolio).market_value == D(742)


@pytest.mark.parametrize("data", [None, MarketData(delta=D(1), as_of=FRESH)])
def test_a_missing_quote_is_reported_and_never_a_zero(data):
    portfolio = enriched(SHORT_PUT, data)
    assert portfolio.meta.flags == (Flag(caution=Caution.QUOTE_MISSING, symbol=SHORT_PUT.symbol),)
    assert only(portfolio).quote is None
    assert only(portfolio).market_value is None


def test_a_source_without_market_data_is_reported_once_for_the_file():
    portfolio = enriched(STOCK, available=False)
    assert portfolio.meta.flags == (Flag(caution=Caution.QUOTE_MISSING),)
    assert only(portfolio).greeks.delta == D(742)


def test_cash_needs_no_quote():
    cash = attrs.evolve(STOCK, type=InstrumentType.CASH)
    portfolio = enriched(cash)
    assert portfolio.meta.flags == ()
    assert only(portfolio) == cash


def test_only_the_exact_symbol_gets_the_quote():
    other = MarketData(mark=D(1), as_of=FRESH)
    portfolio = enrich(
        Portfolio(meta=Meta(source="acme", fetched_at=NOW), positions=(STOCK,)),
        MarketSnapshot(instruments={"TQQQ ": other, "tqqq": other, "TQQ": other}),
        now=NOW,
        source="acme",
        stale_after=timedelta(minutes=15),
    )
    assert only(portfolio).quote is None


numbers = st.decimals(min_value=0, max_value=10**6, places=8)
unit_greeks = st.decimals(min_value=-10, max_value=10, places=9)


@given(
    quantity=st.decimals(min_value="0.00000001", max_value=10**6, places=8),
    multiplier=st.sampled_from([D(1), D("0.5"), D(5), D(100), D(125000)]),
    average=numbers,
    mark=numbers,
    delta=st.decimals(min_value=-1, max_value=1, places=9),
    theta=unit_greeks,
)
def test_flipping_the_side_flips_every_sign(quantity, multiplier, average, mark, delta, theta):
    long = attrs.evolve(
        SHORT_PUT, side=Side.LONG, quantity=quantity, multiplier=multiplier, average_price=average
    )
    data = MarketData(
        mark=mark, delta=delta, theta=theta, underlying_price=mark, beta=D("0.7"), as_of=FRESH
    )
    bought = only(enriched(long, data, benchmark_price=D(500)))
    sold = only(enriched(attrs.evolve(long, side=Side.SHORT), data, benchmark_price=D(500)))
    # A minus sign would round to 28 digits.
    assert bought.market_value == sold.market_value.copy_negate()
    assert bought.unrealized_pl == sold.unrealized_pl.copy_negate()
    assert bought.greeks.delta == sold.greeks.delta.copy_negate()
    assert bought.greeks.theta == sold.greeks.theta.copy_negate()
    assert bought.greeks.beta_delta == sold.greeks.beta_delta.copy_negate()
    cost = Fraction(quantity) * Fraction(multiplier) * Fraction(average)
    assert Fraction(bought.market_value) - cost == Fraction(bought.unrealized_pl)


@given(
    data=st.builds(MarketData, mark=numbers, bid=numbers, delta=unit_greeks, as_of=st.just(FRESH))
)
def test_enriching_twice_changes_nothing(data):
    once = enriched(SHORT_PUT, data)
    twice = enrich(
        once,
        MarketSnapshot(instruments={SHORT_PUT.symbol: data}),
        now=NOW,
        source="acme",
        stale_after=timedelta(minutes=15),
    )
    assert twice == once


def test_the_price_that_betas_were_weighted_with_is_kept():
    snapshot = {"benchmark_symbol": "SPY", "benchmark_price": D(680), "benchmark_as_of": FRESH}

    portfolio = enriched(STOCK, MarketData(mark=D(50), beta=D(1), as_of=FRESH), **snapshot)

    assert portfolio.meta.benchmark == Benchmark(
        symbol="SPY", price=D(680), as_of=FRESH, source="acme"
    )


@pytest.mark.parametrize("price", [None, D(0), D(-1)])
def test_a_benchmark_without_a_price_is_not_written(price):
    portfolio = enriched(STOCK, benchmark_symbol="SPY", benchmark_price=price)

    assert portfolio.meta.benchmark is None


@pytest.mark.parametrize("as_of", [FRESH, OLD])
@pytest.mark.parametrize("known", [None, Quote(mark=D(50))])
def test_rank_and_percentile_of_volatility_are_published(known, as_of):
    holding = attrs.evolve(STOCK, quote=known)
    data = MarketData(mark=D(51), iv_rank=D("31.5"), iv_percentile=D(44), as_of=as_of)

    quote = only(enriched(holding, data)).quote

    assert (quote.iv_rank, quote.iv_percentile) == (D("31.5"), D(44))


SHARES = Holding(
    root="HLT", symbol="HLT", type=InstrumentType.STOCK, side=Side.LONG, quantity=D(100),
    multiplier=D(1), average_price=D(50), cost_basis=D(5000), market_value=D(5200),
    unrealized_pl=D(200), day_pl=D(100), quote=Quote(mark=D(52)),
)  # fmt: skip


@pytest.mark.parametrize(
    "market",
    [
        {"bid": D(0), "ask": D(0), "mark": D(0), "last": D(52), "halted": True},
        {"bid": D(0), "ask": D(0), "mark": D(0), "last": D(52)},
        {"bid": D(0), "ask": D(0), "mark": D(26)},
        {"mark": D(0)},
        {"bid": D(-1), "ask": D("52.1"), "mark": D("25.55"), "last": D("NaN")},
        {"bid": D(53), "ask": D(51), "mark": D(52)},
        {"bid": D(51), "ask": D(53), "mark": D(-52)},
        {"bid": D("51.9"), "ask": D("52.1"), "mark": D(60), "halted": True},
    ],
)
def test_a_quote_without_a_market_never_replaces_the_brokers_mark(market):
    portfolio = enriched(SHARES, MarketData(**market, as_of=FRESH))
    holding = only(portfolio)

    assert (holding.market_value, holding.unrealized_pl, holding.day_pl) == (5200, 200, 100)
    assert holding.quote.mark == 52
    assert (holding.quote.bid, holding.quote.ask) == (None, None)
    assert portfolio.meta.flags == (Flag(caution=Caution.QUOTE_UNUSABLE, symbol="HLT"),)


def test_a_quote_that_is_not_a_number_is_a_missing_quote():
    nan = D("NaN")
    data = MarketData(bid=nan, ask=nan, mark=nan, last=nan, delta=nan, beta=nan, as_of=FRESH)

    portfolio = enriched(SHARES, data)

    assert only(portfolio).quote == SHARES.quote
    assert portfolio.meta.flags == (Flag(caution=Caution.QUOTE_MISSING, symbol="HLT"),)


def test_what_the_broker_holds_to_be_worthless_is_quoted_at_zero():
    worthless = attrs.evolve(
        SHARES, market_value=D(0), unrealized_pl=D(-5000), quote=Quote(mark=D(0))
    )
    data = MarketData(bid=D(0), ask=D(0), mark=D(0), as_of=FRESH)

    portfolio = enriched(worthless, data)

    assert only(portfolio).quote.source == "acme"
    assert portfolio.meta.flags == ()


def test_a_future_may_be_quoted_below_zero():
    future = attrs.evolve(
        SHARES, root="/CL", symbol="/CLK0", type=InstrumentType.FUTURE, multiplier=D(1000),
        quantity=D(1), quote=None, market_value=None, day_pl=None,
    )  # fmt: skip
    data = MarketData(bid=D("-37.7"), ask=D("-37.5"), mark=D("-37.6"), as_of=FRESH)

    portfolio = enriched(future, data)

    assert only(portfolio).market_value == -37600
    assert portfolio.meta.flags == ()


@pytest.mark.parametrize(
    ("mark", "flags"),
    [
        ("65", ()),
        ("65.01", (Caution.QUOTE_CONTRADICTED,)),
        ("41.6", ()),
        ("41.59", (Caution.QUOTE_CONTRADICTED,)),
        ("5.2", (Caution.QUOTE_CONTRADICTED,)),
    ],
)
def test_a_mark_far_from_the_brokers_is_flagged(mark, flags):
    portfolio = enriched(SHARES, MarketData(mark=D(mark), as_of=FRESH))

    assert tuple(flag.caution for flag in portfolio.meta.flags) == flags
    assert only(portfolio).quote.mark == D(mark)


@pytest.mark.parametrize(
    ("mark", "flags"),
    [("0.30", ()), ("6", ()), ("6.01", (Caution.QUOTE_CONTRADICTED,)), ("0.05", ())],
)
def test_an_option_may_move_by_a_multiple(mark, flags):
    known = D(2) if D(mark) > 1 else D("0.1")
    option = attrs.evolve(SHORT_PUT, quote=Quote(mark=known))

    portfolio = enriched(option, MarketData(mark=D(mark), as_of=FRESH))

    assert tuple(flag.caution for flag in portfolio.meta.flags) == flags


@pytest.mark.parametrize(("side", "day", "expected"), [(Side.LONG, 0, 100), (Side.SHORT, 0, -100)])
@pytest.mark.parametrize("valued", [True, False])
def test_the_days_profit_follows_the_mark_that_is_published(side, day, expected, valued):
    sign = side.sign
    holding = attrs.evolve(
        SHARES, side=side, market_value=D(sign * 5200) if valued else None, day_pl=D(day)
    )

    moved = only(enriched(holding, MarketData(mark=D(53), as_of=FRESH)))

    assert (moved.market_value, moved.day_pl) == (sign * 5300, expected)


def test_an_unknown_profit_of_the_day_stays_unknown():
    holding = attrs.evolve(SHARES, day_pl=None)

    assert only(enriched(holding, MarketData(mark=D(53), as_of=FRESH))).day_pl is None


maybe = st.none() | st.sampled_from([D("NaN"), D(-1), D(0), D("0.01"), D(52), D(10**6)])


@given(
    data=st.builds(
        MarketData, bid=maybe, ask=maybe, mark=maybe, last=maybe, delta=maybe, gamma=maybe,
        implied_volatility=maybe, as_of=st.just(FRESH) | st.just(OLD), halted=st.booleans(),
    ),
    known=st.none() | st.just(D(52)),
)  # fmt: skip
def test_whatever_a_quote_source_says_the_position_is_published_and_true_to_its_mark(data, known):
    holding = SHARES if known else attrs.evolve(SHARES, quote=None, market_value=None)
    portfolio = enriched(holding, data)
    hashed = attrs.evolve(portfolio.meta, account_hash="0123456789ab***")

    settled = settle(attrs.evolve(portfolio, meta=hashed))

    assert settled.violations == []
    (published,) = settled.portfolio.positions
    if published.quote is not None and published.quote.mark is not None:
        assert published.market_value == 100 * published.quote.mark
