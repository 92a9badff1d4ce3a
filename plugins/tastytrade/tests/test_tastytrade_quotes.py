"""Quotes: which symbols are asked for, how they are matched, and what a failure costs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import attrs
import pytest

from tastytrade_simulator import Fault, FaultKind, SimulatedPortfolio, Simulator
from variance_bridge.commands import simulated_sync
from variance_bridge.model import Caution, Holding, Meta, Portfolio, Side
from variance_bridge.pipeline.enrich import enrich
from variance_bridge.reading.load import load
from variance_bridge.symbology import InstrumentType
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.normalize.market_data import (
    assembled,
    read_items,
    read_metrics,
    wanted,
)
from variance_bridge_tastytrade.quotes import TastytradeQuotes

D = Decimal


def parameters(desk, route="market-data"):
    return [request.parameters for request in desk.simulator.requests if request.route == route]


def synced(desk, **settings):
    context = desk.context(**settings)
    broker = TastytradeBroker(context)
    portfolio = broker.normalize(broker.fetch(broker.accounts()[0]))
    snapshot = TastytradeQuotes(context).fetch(portfolio)
    enriched = enrich(
        portfolio,
        snapshot,
        now=desk.clock.now(),
        source="tastytrade",
        stale_after=timedelta(minutes=15),
    )
    return snapshot, {holding.symbol: holding for holding in enriched.positions}


def test_instruments_and_underlyings_are_asked_for_once_each_under_their_type(desk):
    synced(desk)
    assert parameters(desk) == [
        [("equity", "MCD"), ("equity-option", "MCD   260320C00310000"), ("equity", "SPY")]
    ]
    assert parameters(desk, "market-metrics") == [[("symbols", "MCD")]]


def test_the_greeks_are_those_of_the_position_weighted_against_spy(desk):
    _, holdings = synced(desk)
    call = holdings["MCD   260320C00310000"]
    assert call.quote.bid == D("2.30")
    assert call.quote.underlying_price == D("300.25")
    assert call.quote.as_of == desk.clock.now() - timedelta(seconds=0.1)
    assert call.greeks.delta == D("-30")
    assert call.greeks.theta == D("10")
    assert call.greeks.gamma == D("-2")
    assert call.greeks.vega == D("-35")
    assert call.greeks.implied_volatility == D("0.21")
    assert call.greeks.beta_delta == D("-30") * D("0.5") * D("300.25") / 600
    assert call.unrealized_pl == D("42")
    share = holdings["MCD"]
    assert share.greeks.delta == 100
    assert share.greeks.beta_delta == D("100") * D("0.5") * D("300.25") / 600


def every_type():
    rows = [
        ("SPXW  260318P05750000", "Equity Option", {"underlying_symbol": "SPX"}),
        ("BRKB  260320C00500000", "Equity Option", {"underlying_symbol": "BRK/B"}),
        ("/MESM6", "Future", {"multiplier": "5"}),
        ("./MESM6EX3H6 260320P6450", "Future Option", {"multiplier": "5"}),
        ("ETH/USD", "Cryptocurrency", {}),
        ("NKLAW", "Warrant", {}),
        ("912797QX8", "Fixed Income Security", {"multiplier": "10"}),
    ]
    return SimulatedPortfolio.of(
        [
            {"symbol": symbol, "instrument_type": kind, "mark_price": "1", **more}
            for symbol, kind, more in rows
        ]
    )


def test_each_type_goes_to_its_parameter_with_what_it_is_written_on(desk_for):
    desk = desk_for(every_type())
    synced(desk)
    assert parameters(desk) == [
        [
            ("equity-option", "SPXW  260318P05750000"),
            ("index", "SPX"),
            ("equity-option", "BRKB  260320C00500000"),
            ("equity", "BRK/B"),
            ("future", "/MESM6"),
            ("future-option", "./MESM6EX3H6 260320P6450"),
            ("cryptocurrency", "ETH/USD"),
            ("equity", "SPY"),
        ]
    ]


def test_metrics_of_futures_products_are_asked_for_apart(desk_for):
    portfolio = every_type()
    desk = desk_for(attrs_with_quotes(portfolio))
    synced(desk)
    assert parameters(desk, "market-metrics") == [[("symbols", "BRK/B,SPX")], [("symbols", "/MES")]]


def attrs_with_quotes(portfolio):
    quotes = {"symbol": "SPX", "instrument_type": "Index", "last": "6000", "mark": "5990"}
    return SimulatedPortfolio.of(portfolio.accounts[0].positions, quotes=[quotes])


def test_the_last_trade_of_an_index_is_its_price_and_not_the_mark_of_a_wide_quote(desk_for):
    snapshot, _ = synced(desk_for(attrs_with_quotes(every_type())))
    assert snapshot.instruments == {}
    item = read_items([{"symbol": "SPX", "last": "5528.75", "mark": "5509.565"}])["SPX"]
    assert item.price == D("5528.75")
    assert read_items([{"symbol": "X", "mark": "1.55"}])["X"].price == D("1.55")


def test_the_middle_stands_in_for_a_mark_that_is_not_sent():
    item = read_items([{"symbol": "X", "bid": "1", "ask": "2", "mid": "1.5"}])["X"]
    assert item.mark == D("1.5")


def many(count):
    return SimulatedPortfolio.of(
        [
            {
                "symbol": f"MCD   260320C{strike * 1000:08d}",
                "instrument_type": "Equity Option",
                "quote": {"mark": "1.0"},
            }
            for strike in range(1, count + 1)
        ]
    )


@pytest.mark.parametrize(("positions", "requests"), [(98, 1), (99, 2), (250, 3)])
def test_no_request_asks_for_more_than_a_hundred_symbols(desk_for, positions, requests):
    desk = desk_for(many(positions), enforce_rate_limits=True)
    snapshot, _ = synced(desk)
    assert len(parameters(desk)) == requests
    assert max(map(len, parameters(desk))) <= 100
    assert len(snapshot.instruments) == positions
    assert desk.simulator.rate_excess() == {}


def test_a_symbol_that_is_not_answered_has_no_quote_and_nobody_elses(desk):
    desk.simulator.portfolio = SimulatedPortfolio.of(
        [{"symbol": "MCD", "quote": {"mark": "300"}}, {"symbol": "MCDX", "mark_price": "5"}]
    )
    snapshot, holdings = synced(desk)
    assert set(snapshot.instruments) == {"MCD"}
    assert holdings["MCDX"].quote.bid is None


def test_the_brokers_spelling_is_asked_for_only_where_the_broker_is_tastytrade():
    holding = Holding(
        root="BABA",
        symbol="BABA  251017C00145000",
        broker_symbol="BABA 251017C00145000",
        underlying="BABA",
        type=InstrumentType.OPTION,
        side=Side.LONG,
        quantity=D(1),
    )
    assert wanted(holding, as_spelled=True).own == ("equity-option", "BABA 251017C00145000")
    assert wanted(holding, as_spelled=False).own == ("equity-option", "BABA  251017C00145000")


def test_a_portfolio_of_another_broker_gets_quotes_by_canonical_symbol(desk):
    context = desk.context()
    holding = Holding(
        root="MCD",
        symbol="MCD   260320C00310000",
        broker_symbol="MCD 03/20/2026 310.00 C",
        underlying="MCD",
        type=InstrumentType.OPTION,
        side=Side.LONG,
        quantity=D(1),
    )
    portfolio = Portfolio(
        meta=Meta(source="csv", fetched_at=desk.clock.now()), positions=(holding,)
    )
    snapshot = TastytradeQuotes(context).fetch(portfolio)
    assert snapshot.instruments["MCD   260320C00310000"].mark == D("2.32")


def test_nothing_is_asked_for_a_portfolio_without_quotable_positions(desk):
    desk.simulator.portfolio = SimulatedPortfolio.of(
        [{"symbol": "NKLAW", "instrument_type": "Warrant"}]
    )
    snapshot, _ = synced(desk)
    assert snapshot.instruments == {}
    assert "market-data" not in desk.simulator.counts()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("market-data", FaultKind.STATUS, status=503),
        Fault("market-data", FaultKind.STATUS, status=429),
        Fault(
            "market-data",
            FaultKind.STATUS,
            status=403,
            code="quote_streamer.customer_not_found_error",
        ),
        Fault("market-data", FaultKind.HTML_200),
        Fault("market-data", FaultKind.MISSING_DATA),
        Fault("market-data", FaultKind.RESET),
    ],
    ids=lambda fault: f"{fault.kind} {fault.status}",
)
def test_market_data_that_cannot_be_had_costs_prices_and_not_positions(desk, fault):
    desk.simulator.faults = [fault]
    snapshot, holdings = synced(desk)
    assert not snapshot.available
    assert len(holdings) == 2
    (warning,) = desk.warnings
    assert warning.startswith("market data is incomplete")
    assert desk.simulator.counts()["market-data"] <= 3


def test_what_came_before_a_failure_is_used(desk_for):
    desk = desk_for(many(150))
    desk.simulator.faults = [Fault("market-data", FaultKind.STATUS, at=2, times=3, status=503)]
    snapshot, _ = synced(desk)
    assert len(snapshot.instruments) == 99
    assert snapshot.available


@pytest.mark.parametrize("status", [403, 404, 503])
def test_without_metrics_the_betas_of_the_quotes_are_used(desk, status):
    desk.simulator.faults = [Fault("market-metrics", FaultKind.STATUS, status=status)]
    _, holdings = synced(desk)
    assert holdings["MCD"].greeks.delta == 100
    assert holdings["MCD"].greeks.beta_delta == D("100") * D("0.5") * D("300.25") / 600
    assert holdings["MCD"].quote.iv_rank is None
    assert holdings["MCD"].quote.bid == D("300.10")
    (warning,) = desk.warnings
    assert warning.startswith("IV rank and betas are incomplete")


def market_entry(symbol, **members):
    return {"symbol": symbol, "mark": "300", "last": "300", **members}


@pytest.mark.parametrize(
    ("metrics", "quoted", "beta"),
    [
        ([{"symbol": "MCD", "beta": "0.5"}], {"beta": "1.25"}, "0.5"),
        ([{"symbol": "MCD"}], {"beta": "1.25"}, "1.25"),
        ([], {"beta": "1.25"}, "1.25"),
        ([], {}, None),
    ],
)
def test_the_beta_of_the_quote_stands_in_for_that_of_the_metrics(metrics, quoted, beta):
    held = share("MCD")
    asked = [(held, wanted(held, as_spelled=True))]
    items = read_items([market_entry("MCD", **quoted)])
    found = assembled(asked, items, read_metrics(metrics))["MCD"]

    assert found.beta == (None if beta is None else D(beta))


def test_the_benchmark_has_a_beta_of_one():
    held = share("SPY")
    asked = [(held, wanted(held, as_spelled=True))]

    assert assembled(asked, read_items([market_entry("SPY")]), {})["SPY"].beta == 1


def test_rank_and_percentile_of_the_volatility_are_in_percent():
    held = share("MCD")
    metrics = read_metrics(
        [
            {
                "symbol": "MCD",
                "implied-volatility-index-rank": "0.254361",
                "implied-volatility-percentile": "0.5",
            }
        ]
    )
    asked = [(held, wanted(held, as_spelled=True))]
    found = assembled(asked, read_items([market_entry("MCD")]), metrics)["MCD"]

    assert (found.iv_rank, found.iv_percentile) == (D("25.4361"), D("50"))


def share(symbol):
    return Holding(
        root=symbol, symbol=symbol, type=InstrumentType.STOCK, side=Side.LONG, quantity=D(100)
    )


def test_an_old_quote_is_marked_as_stale(desk_for):
    portfolio = SimulatedPortfolio.of(
        [
            {"symbol": "MCD", "quote": {"mark": "300", "age": "30000"}},
            {"symbol": "SPY", "quote": {"mark": "600"}},
        ]
    )
    desk = desk_for(portfolio)
    context = desk.context()
    broker = TastytradeBroker(context)
    raw = broker.normalize(broker.fetch(broker.accounts()[0]))
    snapshot = TastytradeQuotes(context).fetch(raw)
    enriched = enrich(
        raw, snapshot, now=desk.clock.now(), source="tastytrade", stale_after=timedelta(minutes=15)
    )
    assert [(f.caution, f.symbol) for f in enriched.meta.flags] == [(Caution.QUOTE_STALE, "MCD")]
    assert attrs.asdict(snapshot)["benchmark_price"] == 600


@pytest.mark.parametrize(
    "quote",
    [
        {"bid": "0", "ask": "0", "mark": "0", "last": "52.0", "is_trading_halted": True},
        {"bid": "40", "ask": "41", "mark": "40.5", "last": "52.0", "is_trading_halted": True},
        {"bid": "-1", "ask": "52.1", "mark": "25.55", "last": "52.0"},
    ],
)
def test_a_share_whose_trading_is_halted_keeps_the_brokers_mark(desk_for, quote):
    row = {"symbol": "HLT", "quantity": 100, "average_open_price": "50", "mark_price": "52"}
    portfolio = SimulatedPortfolio.of([{**row, "quote": quote}, {"symbol": "SPY"}])
    desk = desk_for(portfolio)
    context = desk.context()
    broker = TastytradeBroker(context)
    fetched = broker.normalize(broker.fetch(broker.accounts()[0]))
    snapshot = TastytradeQuotes(context).fetch(fetched)
    enriched = enrich(
        fetched, snapshot, now=desk.clock.now(), source="tastytrade", stale_after=timedelta(hours=1)
    )
    (held,) = (each for each in enriched.positions if each.symbol == "HLT")
    assert (held.market_value, held.unrealized_pl) == (5200, 200)
    assert (held.quote.bid, held.quote.last) == (None, 52)
    assert (Caution.QUOTE_UNUSABLE, "HLT") in [(f.caution, f.symbol) for f in enriched.meta.flags]


def test_quotes_that_contradict_the_balances_are_flagged_in_the_document(tmp_path):
    row = {"symbol": "HLT", "quantity": 100, "average_open_price": "50", "mark_price": "52"}
    quotes = {"mark": "20", "bid": "19", "ask": "21"}
    warnings = []
    with Simulator(
        SimulatedPortfolio.of(
            [
                {**row, "quote": quotes},
                {"symbol": "SPY", "quote": {"mark": "600"}, "mark_price": "600"},
            ]
        )
    ) as simulator:
        known = simulator.credentials
        live = simulated_sync(
            "tastytrade",
            tmp_path,
            settings={"base_url": simulator.url},
            credentials={
                "TT_CLIENT_SECRET": known.client_secret,
                "TT_REFRESH_TOKEN": known.refresh_token,
            },
            warn=warnings.append,
        )
    flags = {flag.caution for flag in load(live).portfolio.meta.flags}
    assert flags >= {Caution.BALANCES_DISAGREE, Caution.QUOTE_CONTRADICTED}
    assert any(
        "at the quoted prices, cash and positions come to" in warning for warning in warnings
    )
