"""The same portfolio through the API and through the CSV export gives the same positions.

Random portfolios are served by the simulator, which also prints them as the broker's CSV export. Compared is every
member that the export can carry. It cannot carry: the instant of expiry, the day of opening, the time and source of
prices, implied volatility, gamma against the benchmark.
"""

from __future__ import annotations

import os
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tastytrade_simulator import SimulatedPortfolio, WireForm
from tastytrade_simulator.csv_file import file_name, to_csv
from tastytrade_simulator.wire import NumberForm, Presence
from variance_bridge.broker import BrokerContext
from variance_bridge.document.convert import in_canonical_order
from variance_bridge.pipeline.enrich import enrich
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.settings import CsvSettings
from variance_bridge_tastytrade.broker import TastytradeBroker
from variance_bridge_tastytrade.quotes import TastytradeQuotes

TODAY = date(2026, 2, 6)
COLUMNS = (
    "Account", "Symbol", "Type", "Quantity", "Exp Date", "DTE", "Strike Price", "Call/Put", "Underlying Last Price",
    "P/L Open", "P/L Day", "Cost", "Trade Price", "Mark", "Net Liq", "Bid", "Ask", "Delta", "Gamma", "Theta", "Vega",
    "β Delta",
)  # fmt: skip
CARRIED = (
    "root",
    "symbol",
    "underlying",
    "type",
    "side",
    "quantity",
    "option_type",
    "strike",
    "expiration",
    "multiplier",
    "deliverable",
    "currency",
    "average_price",
    "cost_basis",
    "market_value",
    "unrealized_pl",
    "day_pl",
)
CARRIED_QUOTE = ("bid", "ask", "mark", "underlying_price")
CARRIED_GREEKS = ("delta", "gamma", "theta", "vega", "beta_delta")

PRICES = {
    "SPY": "600.25",
    "MCD": "300.25",
    "BRK/B": "481.5",
    "SPX": "6002.5",
    "/MESM6": "6010.25",
    "/MCLJ6": "63.12",
}
BETAS = {"SPY": "1", "MCD": "0.55", "BRK/B": "0.71", "SPX": "1.01"}
OPTION_ROOTS = {"MCD": "MCD", "BRKB": "BRK/B", "SPXW": "SPX", "SPX": "SPX", "SPY": "SPY"}
FUTURE_SERIES = {"./MESM6EX3H6 260320": ("/MESM6", 5), "./MCLJ6MCOJ6 260317": ("/MCLJ6", 100)}
FUTURES = {"/MESM6": 5, "/MYMM6": "0.5", "/6EM6": 125000, "/ESH6": 50}

contracts = st.integers(1, 500)
cents = st.decimals(min_value="0.01", max_value=5000, places=2)
averages = st.decimals(min_value="0.00000001", max_value=5000, places=8)
unit_delta = st.decimals(-1, 1, places=9)
"""A source whose deltas of options go beyond is not read: they are those of whole contracts."""
greek = st.decimals(min_value=-5, max_value=5, places=9)


@st.composite
def held(draw, symbol, kind, quantities, **more):
    """A position of either side with a mark and a quote of its own."""
    mark = draw(cents)
    bid, ask = sorted((draw(cents), draw(cents)))
    quote = {"bid": str(bid), "ask": str(ask), "mark": str(mark)}
    if "Option" in kind:
        names = draw(st.lists(st.sampled_from(["delta", "gamma", "theta", "vega"]), unique=True))
        quote |= {name: str(draw(unit_delta if name == "delta" else greek)) for name in names}
    elif kind != "Future" or draw(st.booleans()):
        quote["last"] = str(draw(cents))
    return {
        "symbol": symbol,
        "instrument_type": kind,
        "quantity": str(draw(quantities) * draw(st.sampled_from([1, -1]))),
        "average_open_price": str(draw(averages)),
        "average_daily_market_close_price": str(draw(cents)),
        "quote": quote,
        **more,
    }


@st.composite
def equity_option(draw):
    root = draw(st.sampled_from(sorted(OPTION_ROOTS)))
    day = TODAY + timedelta(days=draw(st.integers(1, 800)))
    strike = draw(st.integers(500, 9_999_500))
    symbol = f"{root:<6}{day:%y%m%d}{draw(st.sampled_from('CP'))}{strike:08d}"
    return draw(held(symbol, "Equity Option", contracts, underlying_symbol=OPTION_ROOTS[root]))


@st.composite
def future_option(draw):
    series = draw(st.sampled_from(sorted(FUTURE_SERIES)))
    future, multiplier = FUTURE_SERIES[series]
    strike = draw(st.decimals(min_value="0.5", max_value=9999, places=1)).normalize()
    symbol = f"{series}{draw(st.sampled_from('CP'))}{strike:f}"
    more = {"multiplier": multiplier, "underlying_symbol": future}
    return draw(held(symbol, "Future Option", contracts, **more))


@st.composite
def future(draw):
    symbol = draw(st.sampled_from(sorted(FUTURES)))
    day = {"H": "2026-03-20", "M": "2026-06-18"}[symbol[-2]]
    expires_at = draw(st.sampled_from([None, f"{day}T13:30:00+00:00"]))
    return draw(
        held(symbol, "Future", contracts, multiplier=FUTURES[symbol], expires_at=expires_at)
    )


shares = st.decimals(min_value="0.00001", max_value=10**5, places=5)
coins = st.decimals(min_value="0.00000001", max_value=1000, places=8)
position = st.one_of(
    st.sampled_from(["MCD", "SPY", "BRK/B", "F"]).flatmap(lambda s: held(s, "Equity", shares)),
    equity_option(),
    future(),
    future_option(),
    st.sampled_from(["BTC/USD", "ETH/USD"]).flatmap(lambda s: held(s, "Cryptocurrency", coins)),
)
portfolios = st.lists(position, min_size=1, max_size=8, unique_by=lambda row: row["symbol"])
wires = st.builds(
    WireForm,
    multiplier=st.sampled_from(list(NumberForm)),
    quantity=st.sampled_from(list(NumberForm)),
    streamer_symbol=st.sampled_from(list(Presence)),
    stray_spaces=st.booleans(),
)


def simulated(rows):
    held_symbols = {row["symbol"] for row in rows}
    quotes = [
        {"symbol": symbol, "instrument_type": kind_of(symbol), "last": price, "mark": "1"}
        for symbol, price in PRICES.items()
        if symbol not in held_symbols
    ]
    return SimulatedPortfolio.of(rows, quotes=quotes, betas=BETAS, cash="1000")


def kind_of(symbol):
    if symbol.startswith("/"):
        return "Future"
    return "Index" if symbol == "SPX" else "Equity"


def from_the_api(desk):
    context = desk.context()
    broker = TastytradeBroker(context)
    portfolio = broker.normalize(broker.fetch(broker.accounts()[0]))
    return enrich(
        portfolio,
        TastytradeQuotes(context).fetch(portfolio),
        now=desk.clock.now(),
        source="tastytrade",
        stale_after=timedelta(minutes=15),
    )


def from_the_export(desk, folder):
    served = desk.simulator.portfolio
    file = folder / file_name(served.first_open_account, TODAY)
    file.write_text(to_csv(served, COLUMNS, today=TODAY, decimals=None), encoding="utf-8")
    moment = desk.clock.now().timestamp()
    os.utime(file, (moment, moment))
    broker = CsvBroker(
        BrokerContext(
            settings=CsvSettings(),
            credentials={},
            session=desk.session(),
            clock=desk.clock,
            personal=desk.personal,
            input_file=file,
            warn=desk.warnings.append,
        )
    )
    return broker.normalize(broker.fetch(broker.accounts()[0]))


def carried(holding):
    quote, greeks = holding.quote, holding.greeks
    return {
        **{name: getattr(holding, name) for name in CARRIED},
        **{f"quote.{name}": quote and getattr(quote, name) for name in CARRIED_QUOTE},
        **{f"greeks.{name}": greeks and getattr(greeks, name) for name in CARRIED_GREEKS},
    }


@pytest.fixture(scope="module")
def export_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("exports")


@given(rows=portfolios, wire=wires)
def test_api_and_export_of_one_portfolio_give_the_same_positions(
    module_desk, export_folder, rows, wire
):
    module_desk.simulator.portfolio = simulated(rows)
    module_desk.simulator.wire = wire
    module_desk.simulator.clear()
    api = from_the_api(module_desk)
    export = from_the_export(module_desk, export_folder)
    assert len(api.positions) == len(rows)
    assert [carried(holding) for holding in in_canonical_order(api.positions)] == [
        carried(holding) for holding in in_canonical_order(export.positions)
    ]
    assert api.meta.rejected == export.meta.rejected == ()


def test_what_is_compared_is_really_there(module_desk, export_folder):
    """Guards the comparison itself: two unknowns are equal too."""
    rows = [
        {
            "symbol": "MCD   260320C00310000",
            "instrument_type": "Equity Option",
            "quantity": "-2",
            "average_open_price": "2.74",
            "average_daily_market_close_price": "2.5",
            "quote": {
                "bid": "2.3",
                "ask": "2.34",
                "mark": "2.32",
                "delta": "0.3",
                "gamma": "0.02",
                "theta": "-0.1",
                "vega": "0.35",
            },
        }
    ]
    module_desk.simulator.portfolio = simulated(rows)
    (api,) = from_the_api(module_desk).positions
    (export,) = from_the_export(module_desk, export_folder).positions
    known = carried(export)
    assert [name for name, value in known.items() if value is None] == ["currency"]
    assert known == carried(api)
    assert known["unrealized_pl"] == Decimal(84)
