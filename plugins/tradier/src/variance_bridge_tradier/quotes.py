"""The quote source `tradier`: prices and greeks of positions and their underlyings, from `/v1/markets/quotes`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from msgspec import structs

from variance_bridge import (
    BrokerContext,
    Holding,
    InstrumentType,
    MarketData,
    MarketSnapshot,
    Portfolio,
)
from variance_bridge.errors import BridgeError
from variance_bridge.money import product, total
from variance_bridge.rows import Members
from variance_bridge_tradier.api import Api, quotes_of
from variance_bridge_tradier.broker import QUOTES

_PRICED = frozenset({InstrumentType.STOCK, InstrumentType.OPTION})
_HALF = Decimal("0.5")
_MAX_MILLISECONDS = Decimal(10) ** 13


class TradierQuotes:
    """Market data of the portfolio's shares and options. The sandbox's is delayed by 15 minutes."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    def fetch(self, portfolio: Portfolio) -> MarketSnapshot:
        """Quotes by canonical symbol. A failure costs quotes, and never the sync."""
        wanted = {_spelled(each): each for each in portfolio.positions if each.type in _PRICED}
        known: dict[str, Mapping[str, Any]] = {}
        for answer in self._context.shared.get(QUOTES, ()):
            known |= quotes_of(answer)
        underlyings = {each.underlying for each in wanted.values() if each.underlying}
        missing = sorted({*wanted, *underlyings} - known.keys())
        try:
            for answer in Api(self._context).quotes(missing):
                known |= quotes_of(answer)
        except BridgeError as error:
            self._context.warn(f"quotes are incomplete: {error}")
        prices = {symbol: market_data(quote) for symbol, quote in known.items()}
        return MarketSnapshot(instruments=dict(_assembled(wanted, prices)), currency="USD")


def _spelled(holding: Holding) -> str:
    """The symbol as Tradier spells it: compact for options."""
    if holding.broker_symbol is not None:
        return holding.broker_symbol
    return holding.symbol.replace(" ", "")


def _assembled(
    wanted: Mapping[str, Holding], prices: Mapping[str, MarketData]
) -> Iterable[tuple[str, MarketData]]:
    for spelled, holding in wanted.items():
        found = prices.get(spelled)
        if found is None:
            continue
        on = prices.get(holding.underlying or "")
        underlying = None if on is None else (on.last if on.last is not None else on.mark)
        yield holding.symbol, structs.replace(found, underlying_price=underlying)


def market_data(quote: Mapping[str, Any]) -> MarketData:
    """One quote. The mark is the middle of bid and ask, or the last trade where there is no market."""
    members = Members(quote)
    bid, ask, last = members.number("bid"), members.number("ask"), members.number("last")
    mark = last
    as_of = _moment(members, "trade_date")
    if bid is not None and ask is not None and 0 < bid <= ask:
        mark = product(total(bid, ask), _HALF)
        as_of = _moment(members, "bid_date") or as_of
    else:
        bid = ask = None  # Tradier writes 0 where nobody bids or asks
    greeks = Members(quote.get("greeks") or {})
    return MarketData(
        bid=bid,
        ask=ask,
        mark=mark,
        last=last,
        as_of=as_of,
        delta=greeks.number("delta"),
        gamma=greeks.number("gamma"),
        theta=greeks.number("theta"),
        vega=greeks.number("vega"),
        implied_volatility=greeks.number("mid_iv"),
    )


def _moment(members: Members, name: str) -> datetime | None:
    """A time in milliseconds since 1970; 0 stands for none."""
    milliseconds = members.number(name)
    if milliseconds is None or not 0 < milliseconds < _MAX_MILLISECONDS:
        return None
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)
