"""Positions as the Variance engine reads them: 24 columns of text, in its units, signs and symbols.

What each column means to that engine was found by running it; where it derives a position's group from the column
`Symbol`, this module gives it a symbol from which it derives the right one.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import MethodType
from typing import Generic, TypeVar

import attrs

from variance_bridge.document.exact_json import plain
from variance_bridge.model import Greeks, Holding, Portfolio, Quote
from variance_bridge.reading.load import Snapshot, load
from variance_bridge.symbology import InstrumentType, OptionType, SymbolError, parse
from variance_bridge.trading_hours import days_to_expiration

"""Days to expiration are counted in calendar days of the exchanges' time zone."""

COLUMNS = (
    "Symbol",
    "Type",
    "Quantity",
    "Exp Date",
    "DTE",
    "Strike Price",
    "Call/Put",
    "Underlying Last Price",
    "P/L Open",
    "Cost",
    "IV Rank",
    "IV Percentile",
    "Delta",
    "beta_delta",
    "Theta",
    "Vega",
    "Gamma",
    "beta_gamma",
    "Value",
    "Bid",
    "Ask",
    "Mark",
    "Open Date",
    "Sector",
)

_TYPES = {
    InstrumentType.STOCK: "Stock",
    InstrumentType.OPTION: "Option",
    InstrumentType.FUTURE: "Future",
    InstrumentType.FUTURE_OPTION: "Future Option",
    InstrumentType.CRYPTO: "Crypto",
    InstrumentType.BOND: "Bond",
    InstrumentType.FUND: "Fund",
    InstrumentType.OTHER: "Other",
}
_CALL_PUT = {OptionType.CALL: "Call", OptionType.PUT: "Put"}
_ENGINE_FUTURE = re.compile(r"(/[A-Z0-9]{1,3})[FGHJKMNQUVXZ][0-9]{1,2}")
_MIN_DELTA = Decimal("0.001")
"""From a smaller delta the engine does not derive how gamma is weighted."""
_LOG = logging.getLogger(__name__)

T = TypeVar("T")


class Rows(list[T]):
    """A list that carries how far it may be trusted: `snapshot` has freshness, age, warnings and the portfolio."""

    def __init__(self, items: Iterable[T], snapshot: Snapshot) -> None:
        super().__init__(items)
        self.snapshot = snapshot


@attrs.frozen(kw_only=True)
class Position:
    """One row with its numbers as numbers. None is unknown.

    Attributes:
        symbol: as in the column `Symbol`.
        root_symbol: what the position is grouped under.
        asset_type: as in the column `Type`.
        quantity: signed contracts, shares or coins.
        dte: calendar days in New York until expiration; negative when expired.
        cost: total money, credit negative, debit positive.
        pl_open: total money.
        delta: whole position, as are the other greeks.
        underlying_price: per unit, as are bid, ask and mark.
    """

    symbol: str
    root_symbol: str
    asset_type: str
    quantity: Decimal
    strike: Decimal | None = None
    dte: int | None = None
    exp_date: date | None = None
    call_put: str | None = None
    underlying_price: Decimal | None = None
    pl_open: Decimal | None = None
    cost: Decimal | None = None
    delta: Decimal | None = None
    beta_delta: Decimal | None = None
    theta: Decimal | None = None
    gamma: Decimal | None = None
    vega: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put, on a share, an index or a future."""
        return self.call_put is not None

    @property
    def is_stock(self) -> bool:
        """Whether it is shares."""
        return self.asset_type == _TYPES[InstrumentType.STOCK]

    @property
    def is_short(self) -> bool:
        """Whether it was sold to open."""
        return self.quantity < 0

    @property
    def is_long(self) -> bool:
        """Whether it was bought to open."""
        return self.quantity > 0


class _Reading(Generic[T]):
    """A method of `PortfolioParser` that the class answers too, as a parser made without arguments.

    The engine never makes a parser: it says `PortfolioParser.parse(path)`.
    """

    def __init__(self, method: Callable[[PortfolioParser, str | Path], Rows[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    def __get__(
        self, parser: PortfolioParser | None, parsers: type[PortfolioParser]
    ) -> Callable[[str | Path], Rows[T]]:
        return MethodType(self._method, parsers() if parser is None else parser)


class PortfolioParser:
    """Reads positions for the Variance engine, from a document or a broker's export.

    Its methods can be called on the class as well, as the engine does.

    Args:
        now: gives the present, aware; the machine's time by default.
        any_age: do not refuse old positions.
    """

    def __init__(self, now: Callable[[], datetime] | None = None, *, any_age: bool = False) -> None:
        self._now = now
        self._any_age = any_age

    @_Reading
    def parse(self, path: str | Path) -> Rows[dict[str, str]]:
        """The rows: exactly `COLUMNS`, all values texts, "" for unknown.

        Raises:
            PositionsTooOld: older than 24 hours, or from the future.
            DataRefused: not readable, or not valid.
        """
        snapshot, now = self._load(path)
        return Rows(rows(snapshot.portfolio, now), snapshot)

    @_Reading
    def parse_positions(self, path: str | Path) -> Rows[Position]:
        """The rows as `Position` objects; raises as `parse`."""
        snapshot, now = self._load(path)
        return Rows(positions(snapshot.portfolio, now), snapshot)

    def _load(self, path: str | Path) -> tuple[Snapshot, datetime]:
        from variance_bridge.clock import SystemClock

        now = (self._now or SystemClock().now)()
        snapshot = load(path, now, any_age=self._any_age)
        for warning in snapshot.warnings:
            _LOG.warning("%s", warning)
        return snapshot, now


def rows(portfolio: Portfolio, now: datetime) -> list[dict[str, str]]:
    """The positions as rows of the engine, in the document's order; cash is not a position there."""
    prices = _underlying_prices(portfolio.positions)
    return [
        _row(position, holding)
        for holding in portfolio.positions
        if holding.type in _TYPES
        for position in [_position(holding, now, prices)]
    ]


def positions(portfolio: Portfolio, now: datetime) -> list[Position]:
    """The positions as objects, in the document's order."""
    prices = _underlying_prices(portfolio.positions)
    return [_position(h, now, prices) for h in portfolio.positions if h.type in _TYPES]


def engine_root(symbol: str) -> str:
    """The group that the engine derives from its column `Symbol`."""
    token = symbol.strip().removeprefix("$").split()[0] if symbol.strip() else ""
    token = token.partition("_")[0]
    token = f"/{token[2:]}" if token.startswith("./") else token
    if not token.startswith("/"):
        return token.replace("/", "-")
    match = _ENGINE_FUTURE.fullmatch(token.upper())
    return match[1] if match else token


def _engine_symbol(holding: Holding) -> str:
    """The most telling symbol from which the engine derives the right group; the group itself when none is."""
    telling = (holding.symbol, _future_of(holding), holding.underlying)
    return next((s for s in telling if s and engine_root(s) == holding.root), holding.root)


def _future_of(holding: Holding) -> str | None:
    """The future that a futures option delivers, from its symbol."""
    if holding.type is not InstrumentType.FUTURE_OPTION:
        return None
    try:
        return parse(holding.symbol, instrument_type=holding.type).underlying
    except SymbolError:
        return None


def _underlying_prices(holdings: Iterable[Holding]) -> Mapping[str, Decimal]:
    """Prices of underlyings by symbol, from shares and futures that are held, for options that state none."""
    prices = {}
    for holding in holdings:
        quote = holding.quote or Quote()
        own = quote.mark if quote.mark is not None else quote.last
        if own is not None and holding.type in {InstrumentType.STOCK, InstrumentType.FUTURE}:
            prices[holding.symbol] = own
        if quote.underlying_price is not None and holding.underlying:
            prices.setdefault(holding.underlying, quote.underlying_price)
    return prices


def _position(holding: Holding, now: datetime, prices: Mapping[str, Decimal]) -> Position:
    quote, greeks = holding.quote or Quote(), holding.greeks or Greeks()
    price = quote.underlying_price
    if price is None:
        price = prices.get(holding.underlying or holding.symbol, prices.get(holding.symbol))
    return Position(
        symbol=_engine_symbol(holding),
        root_symbol=holding.root,
        asset_type=_TYPES[holding.type],
        quantity=holding.signed_quantity,
        strike=holding.strike,
        dte=days_to_expiration(holding.expiration, now) if holding.expiration else None,
        exp_date=holding.expiration,
        call_put=_call_put(holding),
        underlying_price=price,
        pl_open=holding.unrealized_pl,
        cost=holding.paid_to_open,
        delta=greeks.delta,
        beta_delta=greeks.beta_delta,
        theta=greeks.theta,
        gamma=greeks.gamma,
        vega=greeks.vega,
        bid=quote.bid,
        ask=quote.ask,
        mark=quote.mark,
    )


def _call_put(holding: Holding) -> str | None:
    """Readers derive the option type from the symbol where a document does not state it."""
    if holding.type not in {InstrumentType.OPTION, InstrumentType.FUTURE_OPTION}:
        return None
    if holding.option_type is not None:
        return _CALL_PUT[holding.option_type]
    try:
        instrument = parse(
            holding.symbol, instrument_type=holding.type, expires_on=holding.expiration
        )
    except SymbolError:
        return None
    return _CALL_PUT[instrument.option_type] if instrument.option_type else None


def _weighable(greeks: Greeks, type_: InstrumentType) -> tuple[Decimal | None, Decimal | None]:
    """Delta and gamma where the engine cannot mistake them for beta-weighted ones.

    It takes `Delta` for shares of the benchmark where `beta_delta` is empty, and `Gamma` for theirs where it knows
    neither `beta_gamma` nor both deltas. Of shares that is an approximation of its own; of futures, whose delta counts
    units of the contract (125,000 for one of euros), it drowns the whole portfolio: they are left empty.
    """
    delta, gamma = greeks.delta, greeks.gamma
    if type_ not in {InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION}:
        return delta, gamma
    if delta and greeks.beta_delta is None:
        delta = None
    scaled = delta is not None and delta.copy_abs() > _MIN_DELTA
    if gamma and greeks.beta_gamma is None and not scaled:
        gamma = None
    return delta, gamma


def _row(position: Position, holding: Holding) -> dict[str, str]:
    quote, greeks = holding.quote or Quote(), holding.greeks or Greeks()
    delta, gamma = _weighable(greeks, holding.type)
    values = (
        position.symbol,
        position.asset_type,
        _text(position.quantity),
        _text(position.exp_date),
        _text(position.dte),
        _text(position.strike),
        position.call_put or "",
        _text(position.underlying_price),
        _text(position.pl_open),
        _text(position.cost),
        _text(quote.iv_rank),
        _text(quote.iv_percentile),
        _text(delta),
        _text(position.beta_delta),
        _text(position.theta),
        _text(position.vega),
        _text(gamma),
        _text(greeks.beta_gamma),
        _text(holding.market_value),
        _text(position.bid),
        _text(position.ask),
        _text(position.mark),
        _text(holding.opened_on),
        holding.sector or "",
    )
    return dict(zip(COLUMNS, values, strict=True))


def _text(value: Decimal | date | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else str(value)
