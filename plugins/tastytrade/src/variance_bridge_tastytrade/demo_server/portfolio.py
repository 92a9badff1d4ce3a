"""A portfolio as the simulated broker knows it: accounts, positions, quotes and metrics, given as data.

All money is `Decimal`. Everything can be built from plain dicts with strings (`DemoPortfolio.from_data`),
so that a TOML or JSON file and a generated test case take the same way in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, Self

from variance_bridge_tastytrade.demo_server.contracts import new_york_time, option_terms
from variance_bridge_tastytrade.demo_server.exact import difference, product, total

EQUITY: Final = "Equity"
EQUITY_OPTION: Final = "Equity Option"
FUTURE: Final = "Future"
FUTURE_OPTION: Final = "Future Option"
CRYPTOCURRENCY: Final = "Cryptocurrency"

LONG: Final = "Long"
SHORT: Final = "Short"
ZERO: Final = "Zero"
SIGNS: Final = {LONG: 1, SHORT: -1, ZERO: 0}

DEFAULT_ACCOUNT_NUMBER: Final = "5WX00001"
_DEFAULT_TIME: Final = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
_DEFAULT_MULTIPLIERS: Final = {
    EQUITY: Decimal(1),
    EQUITY_OPTION: Decimal(100),
    CRYPTOCURRENCY: Decimal(1),
    "Warrant": Decimal(1),
    "Equity Offering": Decimal(1),
}


@dataclass(frozen=True)
class SimulatedPosition:
    """One row of `/accounts/{n}/positions`, in the units of the API.

    Attributes:
        quantity: contracts, shares or coins; never negative, the side is in `direction`.
        multiplier: money per 1.00 of price per contract; None leaves the member out, as in 2018.
        average_open_price: per unit, unsigned, like every price here.
        mark_price: None where the API has none; then `include-marks` adds nothing to the row.
        realized_today: signed, in money; so is `realized_day_gain`.
        members: members written over the row as they are; `ABSENT` takes one away.
    """

    symbol: str
    instrument_type: str
    underlying_symbol: str
    quantity: Decimal
    direction: str
    multiplier: Decimal | None
    average_open_price: Decimal
    close_price: Decimal
    mark_price: Decimal | None
    average_daily_market_close_price: Decimal
    average_yearly_market_close_price: Decimal
    streamer_symbol: str | None = None
    expires_at: datetime | None = None
    restricted_quantity: Decimal = Decimal(0)
    realized_day_gain: Decimal = Decimal(0)
    realized_today: Decimal = Decimal(0)
    realized_date: date | None = None
    is_frozen: bool = False
    is_suppressed: bool = False
    created_at: datetime = _DEFAULT_TIME
    updated_at: datetime = _DEFAULT_TIME
    members: Mapping[str, object] = field(default_factory=dict)

    @property
    def sign(self) -> int:
        """+1 long, -1 short, 0 closed."""
        return SIGNS[self.direction]

    @property
    def value(self) -> Decimal:
        """Signed market value at the mark, or at the last close where there is no mark."""
        price = self.close_price if self.mark_price is None else self.mark_price
        return product(self.sign, price, self.quantity, self.scale)

    @property
    def scale(self) -> Decimal:
        """The multiplier that values are computed with; 1 where the row states none."""
        return Decimal(1) if self.multiplier is None else self.multiplier

    @property
    def unrealized(self) -> Decimal:
        """Signed profit or loss since the position was opened."""
        price = self.close_price if self.mark_price is None else self.mark_price
        gain = difference(price, self.average_open_price)
        return product(self.sign, gain, self.quantity, self.scale)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """A position from plain values; what is left out follows from the symbol and the type.

        `quantity` may carry the sign instead of `direction`. Dates and times may be ISO strings.
        """
        known = _convert(cls, data)
        quantity = known.get("quantity", Decimal(1))
        known.setdefault("direction", _direction(quantity))
        known["quantity"] = quantity.copy_abs()
        kind = known.setdefault("instrument_type", EQUITY)
        known.setdefault("underlying_symbol", _underlying(known["symbol"], kind))
        if "multiplier" not in known:
            known["multiplier"] = _default_multiplier(kind, known["symbol"])
        mark = known.setdefault("mark_price", None)
        opened = known.setdefault("average_open_price", mark or Decimal(0))
        close = known.setdefault("close_price", opened if mark is None else mark)
        known.setdefault("average_daily_market_close_price", close)
        known.setdefault("average_yearly_market_close_price", opened)
        terms = option_terms(known["symbol"])
        if terms and "expires_at" not in known:
            known["expires_at"] = new_york_time(terms.expiration, 16)
        return cls(**known)


@dataclass(frozen=True)
class SimulatedQuote:
    """One instrument's market data. Greeks are per unit; volatility is a fraction; `age` is in seconds.

    None means that the API does not send the member. `updated-at` is the clock's time less `age`.
    """

    symbol: str
    instrument_type: str = EQUITY
    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    last: Decimal | None = None
    previous_close: Decimal | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    rho: Decimal | None = None
    theoretical_price: Decimal | None = None
    volatility: Decimal | None = None
    age: Decimal = Decimal("0.1")
    is_trading_halted: bool = False
    members: Mapping[str, object] = field(default_factory=dict)

    @property
    def price(self) -> Decimal | None:
        """The last trade, else the mark."""
        return self.mark if self.last is None else self.last

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """A quote from plain values."""
        return cls(**_convert(cls, data))


@dataclass(frozen=True)
class SimulatedMetrics:
    """What `/market-metrics` says of one symbol; ranks are fractions (0.217 for 21.7)."""

    beta: Decimal | None = None
    implied_volatility_index: Decimal | None = None
    implied_volatility_rank: Decimal | None = None
    implied_volatility_percentile: Decimal | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Metrics from plain values."""
        return cls(**_convert(cls, data))


@dataclass(frozen=True)
class SimulatedAccount:
    """One account. `balance_members` are written over the balances as they are, like `members` over the account.

    `is_closed` None leaves the member out, as the API did in 2018. `pending_cash` is signed.
    """

    number: str
    positions: tuple[SimulatedPosition, ...] = ()
    cash: Decimal = Decimal(0)
    pending_cash: Decimal = Decimal(0)
    maintenance_requirement: Decimal = Decimal(0)
    currency: str = "USD"
    nickname: str = "Individual"
    account_type: str = "Individual"
    margin_or_cash: str = "Margin"
    authority_level: str = "owner"
    is_closed: bool | None = False
    opened_at: datetime = _DEFAULT_TIME
    balance_members: Mapping[str, object] = field(default_factory=dict)
    members: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """An account from plain values; `positions` is a list of dicts for `SimulatedPosition.from_data`."""
        positions = tuple(_positions(data.get("positions", ())))
        rest = {key: value for key, value in data.items() if key != "positions"}
        rest.setdefault("number", DEFAULT_ACCOUNT_NUMBER)
        return cls(positions=positions, **_convert(cls, rest))

    def class_value(self, instrument_type: str, direction: str) -> Decimal:
        """The unsigned value of all positions of one type and direction, exactly."""
        return total(
            position.value.copy_abs()
            for position in self.positions
            if (position.instrument_type, position.direction) == (instrument_type, direction)
        )

    @property
    def net_liquidating_value(self) -> Decimal:
        """Cash, pending cash and all position values; futures are settled into cash every day and add none."""
        values = (p.value for p in self.positions if p.instrument_type != FUTURE)
        return total([self.cash, self.pending_cash, *values])


@dataclass(frozen=True)
class DemoPortfolio:
    """Everything that the simulated broker knows: accounts, quotes by symbol, metrics by symbol.

    `adjusted_deliverables` gives the shares per contract of adjusted options by OCC root.
    """

    accounts: tuple[SimulatedAccount, ...]
    quotes: Mapping[str, SimulatedQuote] = field(default_factory=dict)
    metrics: Mapping[str, SimulatedMetrics] = field(default_factory=dict)
    adjusted_deliverables: Mapping[str, Decimal] = field(default_factory=dict)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """A portfolio from plain data with `accounts`, `quotes`, `metrics` and `adjusted_deliverables`."""
        unknown = set(data) - {item.name for item in fields(cls)}
        if unknown:
            raise ValueError(f"unknown keys in a portfolio: {', '.join(sorted(unknown))}")
        quotes = [SimulatedQuote.from_data(quote) for quote in data.get("quotes", ())]
        positions = [row for account in data["accounts"] for row in account.get("positions", ())]
        quotes += [own_quote(row) for row in positions if "quote" in row]
        deliverables = data.get("adjusted_deliverables", {})
        return cls(
            accounts=tuple(SimulatedAccount.from_data(account) for account in data["accounts"]),
            quotes={quote.symbol: quote for quote in quotes},
            metrics={s: SimulatedMetrics.from_data(m) for s, m in data.get("metrics", {}).items()},
            adjusted_deliverables={root: _decimal(n) for root, n in deliverables.items()},
        )

    @classmethod
    def demo(cls, today: date | datetime) -> Self:
        """The demo portfolio with expirations as they are listed around a day or a time; see `portfolio.toml`."""
        from variance_bridge_tastytrade.demo_server.market import demo_data

        return cls.from_data(demo_data(today))

    def account(self, number: str) -> SimulatedAccount | None:
        """The account of that number."""
        return next((account for account in self.accounts if account.number == number), None)


def _positions(
    rows: Iterable[Mapping[str, Any] | SimulatedPosition],
) -> Iterable[SimulatedPosition]:
    for row in rows:
        if isinstance(row, SimulatedPosition):
            yield row
            continue
        data = {key: value for key, value in row.items() if key != "quote"}
        if "quote" in row and "mark_price" not in data:
            data["mark_price"] = row["quote"].get("mark")
        yield SimulatedPosition.from_data(data)


def own_quote(row: Mapping[str, Any]) -> SimulatedQuote:
    """The quote inside a position's plain data."""
    kind = row.get("instrument_type", EQUITY)
    return SimulatedQuote.from_data(
        {"symbol": row["symbol"], "instrument_type": kind, **row["quote"]}
    )


def _direction(quantity: Decimal) -> str:
    if quantity == 0:
        return ZERO
    return LONG if quantity > 0 else SHORT


def _underlying(symbol: str, instrument_type: str) -> str:
    """What the API writes as `underlying-symbol`: of a future its product root (tastyware/tastytrade issue 328)."""
    terms = option_terms(symbol)
    if terms:
        return terms.underlying
    return symbol[:-2] if instrument_type == FUTURE else symbol


def _default_multiplier(instrument_type: str, symbol: str) -> Decimal | None:
    if instrument_type in (FUTURE, FUTURE_OPTION):
        raise ValueError(f"a {instrument_type} needs a multiplier: {symbol}")
    return _DEFAULT_MULTIPLIERS.get(instrument_type)


def _convert(cls: type, data: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values turned into the types that the class names; an unknown key is an error."""
    types = {item.name: str(item.type) for item in fields(cls)}
    unknown = set(data) - set(types)
    if unknown:
        raise ValueError(f"unknown keys for {cls.__name__}: {', '.join(sorted(unknown))}")
    return {name: _value(types[name], value) for name, value in data.items()}


def _value(type_name: str, value: Any) -> Any:
    if value is None:
        return None
    if type_name.startswith("Decimal"):
        return _decimal(value)
    if type_name.startswith("datetime") and isinstance(value, str):
        return datetime.fromisoformat(value)
    if type_name.startswith("date") and isinstance(value, str):
        return date.fromisoformat(value)
    return value


def _decimal(value: Any) -> Decimal:
    if isinstance(value, float | bool):
        raise TypeError("money is given as a string, an integer or a Decimal")
    return Decimal(value)
