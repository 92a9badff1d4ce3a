"""The price of what a position is on, and of the position itself, from what its document states. Pure.

What a price is shown or judged by is decided here, once: for the table of positions, the dashboard and its rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import structs

from variance_bridge.model import Holding, Quote
from variance_bridge.money import add, quotient
from variance_bridge.symbology import InstrumentType

_OPTIONS = (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)

Underlying = tuple[str, str | None, str | None]
"""Root, for futures and their options the future's symbol, and the currency where it is not the account's: a share that is
listed in two countries has two prices."""

Prices = Mapping[Underlying, Decimal]
"""Prices of underlyings."""


def underlying_prices(
    positions: Iterable[Holding], currency: str | None = None
) -> dict[Underlying, Decimal]:
    """The newest price of each underlying that any position has: as the underlying of an option, or as its own.

    Args:
        positions: of one account.
        currency: the account's, so that it is the same whether a position states it or not.
    """
    newest: dict[Underlying, tuple[bool, str, Decimal]] = {}
    for holding in positions:
        price = _stated_price(holding)
        if price is None:
            continue
        as_of = holding.quote.as_of.isoformat() if holding.quote and holding.quote.as_of else ""
        found = (holding.type in _OPTIONS, as_of, price)
        key = _underlying(holding, currency)
        newest[key] = max(newest.get(key, found), found)
    return {key: price for key, (_option, _as_of, price) in newest.items()}


def price_for(holding: Holding, prices: Prices, currency: str | None = None) -> Decimal | None:
    """The price of a position's underlying: its own quote's, else what another position of it has."""
    own = _stated_price(holding)
    return own if own is not None else prices.get(_underlying(holding, currency))


def with_underlying_price(holding: Holding, prices: Prices, currency: str | None = None) -> Holding:
    """An option with the price of its underlying where another position of the account knows it; all else as it is."""
    quote, price = holding.quote or Quote(), price_for(holding, prices, currency)
    if holding.type not in _OPTIONS or price is None or quote.underlying_price is not None:
        return holding
    return structs.replace(holding, quote=structs.replace(quote, underlying_price=price))


def _stated_price(holding: Holding) -> Decimal | None:
    quote = holding.quote
    if quote is None:
        return None
    if holding.type in _OPTIONS:
        return quote.underlying_price
    own = quote.mark if quote.mark is not None else quote.last
    if own is None and holding.type is InstrumentType.STOCK:
        return quote.underlying_price  # some exports put a share's own price there
    return own


def _underlying(holding: Holding, account_currency: str | None) -> Underlying:
    currency = None if holding.currency == account_currency else holding.currency
    if holding.type is InstrumentType.FUTURE:
        return holding.root, holding.symbol, currency
    if holding.type is InstrumentType.FUTURE_OPTION:
        return holding.root, holding.underlying, currency
    return holding.root, None, currency


class Mark(NamedTuple):
    """What a position is valued at, per unit; `derived` where the document states no mark."""

    price: Decimal | None
    derived: bool = False


def mark_of(holding: Holding) -> Mark:
    """The mark as it is stated; else the middle of bid and ask, else the last price, else a share's price."""
    quote = holding.quote
    if quote is None:
        return Mark(None)
    if quote.mark is not None:
        return Mark(quote.mark)
    if quote.bid is not None and quote.ask and quote.bid <= quote.ask:
        return Mark(quotient(add(quote.bid, quote.ask), Decimal(2)), derived=True)
    if quote.last is not None:
        return Mark(quote.last, derived=True)
    own = _stated_price(holding) if holding.type is InstrumentType.STOCK else None
    return Mark(own, derived=own is not None)
