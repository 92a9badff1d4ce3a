"""What `/market-data/by-type` and `/market-metrics` say, and which symbols to ask for. Pure.

The answer has an order of its own and silently omits unknown symbols, so an item counts only for exactly the symbol that
it names. Numbers are decimal strings; greeks are per unit of the underlying, whatever the side; theta is per day,
volatility a fraction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from variance_bridge.broker import MarketData
from variance_bridge.model import Holding
from variance_bridge.rows import Members
from variance_bridge.symbology import InstrumentType, index_of

BENCHMARK = "SPY"
"""What betas are relative to."""

_PARAMETERS: Mapping[InstrumentType, str] = {
    InstrumentType.STOCK: "equity",
    InstrumentType.OPTION: "equity-option",
    InstrumentType.FUTURE: "future",
    InstrumentType.FUTURE_OPTION: "future-option",
    InstrumentType.CRYPTO: "cryptocurrency",
}


class Item(Struct, frozen=True, kw_only=True):
    """An instrument of the answer, per unit."""

    symbol: str
    bid: Decimal | None
    ask: Decimal | None
    mark: Decimal | None
    last: Decimal | None
    as_of: datetime | None
    delta: Decimal | None
    gamma: Decimal | None
    theta: Decimal | None
    vega: Decimal | None
    volatility: Decimal | None
    beta: Decimal | None
    halted: bool

    @property
    def price(self) -> Decimal | None:
        """The price of the instrument as an underlying: the last trade, else the mark.

        An index has no trades, but its mark is the middle of a quote that is wide and old after hours.
        """
        return self.mark if self.last is None else self.last


class Wanted(Struct, frozen=True, kw_only=True):
    """What to request for a position; None if there is nothing to request.

    Attributes:
        own: parameter and symbol of the instrument itself.
        underlying: parameter and symbol of what an option is on.
        beta: the symbol under which metrics list the underlying.
    """

    own: tuple[str, str] | None
    underlying: tuple[str, str] | None
    beta: str | None


def wanted(holding: Holding, *, as_spelled: bool) -> Wanted:
    """The symbols that a position needs.

    Args:
        holding: a position.
        as_spelled: use the broker's spelling, because the broker is tastytrade.
    """
    parameter = _PARAMETERS.get(holding.type)
    if parameter is None:
        return Wanted(own=None, underlying=None, beta=None)
    symbol = (holding.broker_symbol if as_spelled else None) or holding.symbol
    if holding.type is InstrumentType.STOCK:
        return Wanted(own=(_share_or_index(symbol), symbol), underlying=None, beta=symbol)
    own = (parameter, symbol)
    if holding.type is InstrumentType.FUTURE:
        return Wanted(own=own, underlying=None, beta=holding.root)
    if holding.type is InstrumentType.CRYPTO or holding.underlying is None:
        return Wanted(own=own, underlying=None, beta=None)
    if holding.type is InstrumentType.FUTURE_OPTION:
        return Wanted(own=own, underlying=("future", holding.underlying), beta=holding.root)
    on = (_share_or_index(holding.underlying), holding.underlying)
    return Wanted(own=own, underlying=on, beta=holding.underlying)


def _share_or_index(symbol: str) -> str:
    return "index" if index_of(symbol) == symbol else "equity"


def read_items(items: Iterable[Any]) -> dict[str, Item]:
    """The answer's items by symbol. An unreadable member is unknown and affects nothing else."""
    found: dict[str, Item] = {}
    for entry in items:
        if not isinstance(entry, Mapping):
            continue
        symbol = entry.get("symbol")
        if isinstance(symbol, str):
            found[symbol] = _read_item(symbol, Members(entry))
    return found


def _read_item(symbol: str, members: Members) -> Item:
    mark = members.number("mark")
    return Item(
        symbol=symbol,
        bid=members.number("bid"),
        ask=members.number("ask"),
        mark=members.number("mid") if mark is None else mark,
        last=members.number("last"),
        as_of=members.moment("updated-at"),
        delta=members.number("delta"),
        gamma=members.number("gamma"),
        theta=members.number("theta"),
        vega=members.number("vega"),
        volatility=members.number("volatility"),
        beta=members.number("beta"),
        halted=True in (members.get("is-trading-halted"), members.get("trading-halted")),
    )


class Metrics(Struct, frozen=True, kw_only=True):
    """What the metrics say of an underlying; rank and percentile of its implied volatility in percent."""

    beta: Decimal | None = None
    iv_rank: Decimal | None = None
    iv_percentile: Decimal | None = None


_UNKNOWN = Metrics()


def read_metrics(items: Iterable[Any]) -> dict[str, Metrics]:
    """The metrics by symbol, as far as they are stated."""
    found = {}
    for entry in items:
        if isinstance(entry, Mapping) and isinstance(entry.get("symbol"), str):
            members = Members(entry)
            found[entry["symbol"]] = Metrics(
                beta=members.number("beta"),
                iv_rank=_percent(members, "implied-volatility-index-rank"),
                iv_percentile=_percent(members, "implied-volatility-percentile"),
            )
    return found


def _percent(members: Members, name: str) -> Decimal | None:
    """A fraction of the API as a percentage: 0.254 is 25.4."""
    fraction = members.number(name)
    return None if fraction is None else fraction.scaleb(2)


def assembled(
    holdings: Sequence[tuple[Holding, Wanted]],
    items: Mapping[str, Item],
    metrics: Mapping[str, Metrics],
) -> dict[str, MarketData]:
    """Market data by canonical symbol; positions without an item are omitted."""
    instruments = {}
    for holding, wants in holdings:
        item = items.get(wants.own[1]) if wants.own else None
        if item is None:
            continue
        on = items.get(wants.underlying[1]) if wants.underlying else item
        known = metrics.get(wants.beta or "", _UNKNOWN)
        instruments[holding.symbol] = MarketData(
            bid=item.bid,
            ask=item.ask,
            mark=item.mark,
            last=item.last,
            underlying_price=on.price if on else None,
            as_of=item.as_of,
            delta=item.delta,
            gamma=item.gamma,
            theta=item.theta,
            vega=item.vega,
            implied_volatility=item.volatility,
            beta=_beta(wants.beta, known, on),
            iv_rank=known.iv_rank,
            iv_percentile=known.iv_percentile,
            halted=item.halted,
        )
    return instruments


def _beta(symbol: str | None, metrics: Metrics, underlying: Item | None) -> Decimal | None:
    """Beta of the underlying: the benchmark's own is 1; else that of the metrics, else that of the quote."""
    if symbol is None:
        return None
    if symbol == BENCHMARK:
        return Decimal(1)
    if metrics.beta is not None or underlying is None:
        return metrics.beta
    return underlying.beta
