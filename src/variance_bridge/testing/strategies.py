"""Hypothesis strategies: valid portfolios of every kind, for property tests of brokers and consumers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
from hypothesis import strategies as st

from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    Environment,
    Flag,
    Greeks,
    Holding,
    Meta,
    Portfolio,
    Quote,
    RejectedRow,
    Rejection,
    Side,
    Status,
)
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType, option_symbol

_TICKERS = ("SPY", "F", "AAPL", "GOOGL", "IWM", "QQQ", "XSP", "MCD")
_FUTURES = (
    ("/ES", "/ESZ6", 50),
    ("/MES", "/MESZ6", 5),
    ("/CL", "/CLF7", 1000),
    ("/6E", "/6EZ6", 125000),
)
_CRYPTO = ("BTC/USD", "ETH/USD")
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)

instants = st.timedeltas(timedelta(0), timedelta(days=15 * 365)).map(lambda later: _FIRST + later)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


def amounts(
    lowest: int = -(10**9), highest: int = 10**9, places: int = 6
) -> st.SearchStrategy[Decimal]:
    """Signed money or prices."""
    return st.decimals(lowest, highest, places=places, allow_nan=False, allow_infinity=False)


quantities = st.one_of(st.integers(1, 10_000).map(Decimal), amounts(0, 1000, 8).filter(bool))
strikes = st.integers(1, 99_999_999).map(lambda thousandths: Decimal(thousandths) / 1000)


def _some(strategy: st.SearchStrategy[Decimal]) -> st.SearchStrategy[Decimal | None]:
    return st.none() | strategy


@st.composite
def quotes(draw: st.DrawFn) -> Quote:
    """Prices, some of them unknown."""
    prices = {
        name: draw(_some(amounts(0, 10**6))) for name in ("bid", "ask", "last", "underlying_price")
    }
    return Quote(
        **prices, as_of=draw(st.none() | instants), source=draw(st.sampled_from([None, "acme"]))
    )


@st.composite
def greeks(draw: st.DrawFn) -> Greeks:
    """Sensitivities, some of them unknown."""
    names = [field.name for field in attrs.fields(Greeks) if field.name not in {"as_of", "source"}]
    values: dict[str, Any] = {name: draw(_some(amounts())) for name in names}
    return Greeks(**values, as_of=draw(st.none() | instants))


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    """One valid position: a stock, an option, a future or a coin. Its money agrees with its price."""
    terms: dict[str, Any] = draw(st.one_of(_stock(), _option(), _future(), _coin()))
    side, quantity = draw(st.sampled_from(Side)), draw(quantities)
    price = draw(_some(amounts(0, 10**5, 4)))
    cost = None if price is None else price * quantity * terms["multiplier"]
    return Holding(
        **terms,
        side=side,
        quantity=quantity,
        average_price=price,
        cost_basis=cost,
        unrealized_pl=draw(_some(amounts())),
        day_pl=draw(_some(amounts())),
        opened_on=draw(st.none() | days),
        quote=draw(st.none() | quotes()),
        greeks=draw(st.none() | greeks()),
    )


@st.composite
def _stock(draw: st.DrawFn) -> dict[str, Any]:
    ticker = draw(st.sampled_from(_TICKERS))
    return {
        "root": ticker,
        "symbol": ticker,
        "type": InstrumentType.STOCK,
        "multiplier": Decimal(1),
    }


@st.composite
def _option(draw: st.DrawFn) -> dict[str, Any]:
    ticker, day, strike = draw(st.sampled_from(_TICKERS)), draw(days), draw(strikes)
    kind = draw(st.sampled_from(OptionType))
    return {
        "root": ticker,
        "underlying": ticker,
        "symbol": option_symbol(ticker, day, kind, strike),
        "type": InstrumentType.OPTION,
        "option_type": kind,
        "strike": strike,
        "expiration": day,
        "multiplier": Decimal(100),
        "deliverable": Deliverable.STANDARD,
    }


@st.composite
def _future(draw: st.DrawFn) -> dict[str, Any]:
    root, symbol, multiplier = draw(st.sampled_from(_FUTURES))
    return {
        "root": root,
        "symbol": symbol,
        "type": InstrumentType.FUTURE,
        "multiplier": Decimal(multiplier),
    }


@st.composite
def _coin(draw: st.DrawFn) -> dict[str, Any]:
    pair = draw(st.sampled_from(_CRYPTO))
    return {
        "root": pair.replace("/", "-"),
        "symbol": pair,
        "type": InstrumentType.CRYPTO,
        "multiplier": Decimal(1),
    }


rejected_rows = st.builds(
    RejectedRow, row=st.integers(1, 10_000), reason=st.sampled_from(Rejection)
)
flags = st.builds(Flag, caution=st.sampled_from(Caution), row=st.none() | st.integers(1, 10_000))


@st.composite
def portfolios(draw: st.DrawFn, max_size: int = 8) -> Portfolio:
    """A portfolio that is valid as it stands, with up to `max_size` positions."""
    positions = tuple(draw(st.lists(holdings(), max_size=max_size)))
    rejected = tuple(draw(st.lists(rejected_rows, max_size=2)))
    closed = draw(st.integers(0, 3))
    counts = Counts(
        fetched=len(positions) + len(rejected) + closed,
        normalized=len(positions),
        closed=closed,
        rejected=len(rejected),
    )
    meta = Meta(
        source="acme",
        fetched_at=draw(instants),
        account_hash="0123456789ab***",
        environment=draw(st.none() | st.sampled_from(Environment)),
        currency="USD",
        status=Status.PARTIAL if rejected else Status.COMPLETE,
        counts=counts,
        rejected=rejected,
        flags=tuple(draw(st.lists(flags, max_size=2))),
        generator="variance-bridge 0.1.0",
    )
    money = st.builds(
        Balances, currency=st.just("USD"), net_liquidating_value=amounts(), cash=amounts()
    )
    return Portfolio(meta=meta, positions=positions, balances=draw(st.none() | money))
