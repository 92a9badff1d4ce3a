"""Hypothesis strategies: valid portfolios of every kind, for property tests of brokers and consumers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any

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
    names = ("bid", "ask", "last", "underlying_price")
    prices = {name: draw(_some(amounts(0, 10**6))) for name in names}
    if prices["bid"] is not None and prices["ask"] is not None:
        prices["bid"], prices["ask"] = sorted((prices["bid"], prices["ask"]))
    return Quote(
        **prices, as_of=draw(st.none() | instants), source=draw(st.sampled_from([None, "acme"]))
    )


@st.composite
def greeks(
    draw: st.DrawFn, delta_sign: int = 1, sign: int = 1, size: Decimal = Decimal(1)
) -> Greeks:
    """Sensitivities, some of them unknown, within what `size` units can have, with the signs of the position."""
    values: dict[str, Any] = {
        "delta": draw(_some(amounts(0, 1).map(lambda unit: delta_sign * unit * size))),
        "gamma": draw(_some(amounts(0).map(lambda value: sign * value))),
        "theta": draw(_some(amounts())),
        "vega": draw(_some(amounts(0).map(lambda value: sign * value))),
        "beta_delta": draw(_some(amounts())),
        "beta_gamma": draw(_some(amounts())),
        "implied_volatility": draw(_some(amounts(0, 10))),
    }
    return Greeks(**values, as_of=draw(st.none() | instants))


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    """One valid position: a stock, an option, a future or a coin. Its money agrees with its price."""
    terms: dict[str, Any] = draw(st.one_of(_stock(), _option(), _future(), _coin()))
    side, quantity = draw(st.sampled_from(Side)), draw(quantities)
    size = quantity * terms["multiplier"]
    price, now = draw(_some(amounts(0, 10**5, 4))), draw(_some(amounts(0, 10**5, 4)))
    cost = None if price is None else price * size
    gain = None if price is None or now is None else side.sign * (now - price) * size
    delta_sign = -side.sign if terms.get("option_type") is OptionType.PUT else side.sign
    opened = draw(st.none() | days)
    return Holding(
        **terms,
        side=side,
        quantity=quantity,
        average_price=price,
        cost_basis=cost,
        unrealized_pl=draw(st.sampled_from([None, gain])),
        day_pl=draw(_some(amounts())),
        opened_on=opened and min(opened, terms.get("expiration") or opened),
        quote=draw(st.none() | quotes()),
        greeks=draw(st.none() | greeks(delta_sign, side.sign, size)),
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


def _times(positions: Iterable[Holding]) -> Iterator[datetime]:
    """Every time before which the positions cannot have been fetched."""
    for holding in positions:
        if holding.opened_on is not None:
            yield datetime.combine(holding.opened_on, time(), UTC)
        for priced in (holding.quote, holding.greeks):
            if priced is not None and priced.as_of is not None:
                yield priced.as_of


rejected_rows = st.builds(
    RejectedRow, row=st.integers(1, 10_000), reason=st.sampled_from(Rejection)
)
flags = st.builds(Flag, caution=st.sampled_from(Caution), row=st.none() | st.integers(1, 10_000))


@st.composite
def portfolios(draw: st.DrawFn, max_size: int = 8) -> Portfolio:
    """A portfolio that is valid as it stands, with up to `max_size` positions."""
    lots = st.lists(
        holdings(), max_size=max_size, unique_by=attrgetter("symbol", "side", "quantity")
    )
    positions = tuple(draw(lots))
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
        fetched_at=max([draw(instants), *_times(positions)]),
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
