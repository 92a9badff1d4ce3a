"""The same portfolio as tastytrade's CSV export of positions writes it.

Signs: `Quantity` and the greeks are signed by the position. `Trade Price` and `Cost` are cash flows (what was paid is
negative), `Mark` and `Net Liq` are what closing would bring. No export with futures was ever published: `Cost` is 0
and `Net Liq` the open profit for them here, since a future costs nothing to hold.
"""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Final

from tastytrade_simulator.portfolio import SimulatedPortfolio
from variance_bridge.trading_hours import EXCHANGE_TIME
from variance_bridge_tastytrade.demo_server.contracts import OptionTerms, option_terms
from variance_bridge_tastytrade.demo_server.exact import difference, product
from variance_bridge_tastytrade.demo_server.portfolio import (
    EQUITY,
    EQUITY_OPTION,
    FUTURE,
    FUTURE_OPTION,
    SimulatedAccount,
    SimulatedPosition,
    SimulatedQuote,
)
from variance_bridge_tastytrade.demo_server.spelling import plain_text

UNKNOWN: Final = "--"
BETA_SYMBOL: Final = "SPY"
_ROUNDING: Final = Context(prec=2000, rounding=ROUND_HALF_EVEN)
_DIVISION: Final = Context(prec=28)


@cache
def _tables() -> Mapping[str, Any]:
    text = files(__package__).joinpath("csv_columns.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def generations() -> tuple[str, ...]:
    """The names of the known column sets."""
    return tuple(_tables()["generations"])


def generation_columns(generation: str) -> tuple[str, ...]:
    """The header of one generation."""
    return tuple(_tables()["generations"][generation])


def file_name(account: SimulatedAccount, today: date) -> str:
    """The name under which the export is saved: `tastytrade_positions_x5WX00001_260104.csv`."""
    return f"tastytrade_positions_x{account.number}_{today:%y%m%d}.csv"


def to_csv(
    portfolio: SimulatedPortfolio,
    columns: str | Sequence[str] = "2026",
    *,
    today: date,
    account: SimulatedAccount | None = None,
    decimals: int | None = 2,
) -> str:
    """The export of one account (the first open one), with the columns of a generation or any of their names.

    `decimals` rounds money as the export does; None writes every number exactly, which no export does, for tests that
    compare it with the API.
    """
    chosen = account or portfolio.first_open_account
    header = generation_columns(columns) if isinstance(columns, str) else tuple(columns)
    aliases, types = _tables()["aliases"], _tables()["types"]
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(header)
    for position in chosen.positions:
        if position.instrument_type in types and position.sign:
            row = _Row(portfolio, chosen, position, today, decimals)
            writer.writerow([_CELLS[aliases.get(name, name)](row) for name in header])
    return output.getvalue()


@dataclass(frozen=True)
class _Row:
    """One position with what the cells are computed from."""

    portfolio: SimulatedPortfolio
    account: SimulatedAccount
    position: SimulatedPosition
    today: date
    decimals: int | None

    @property
    def terms(self) -> OptionTerms | None:
        return option_terms(self.position.symbol)

    @property
    def quote(self) -> SimulatedQuote | None:
        return self.portfolio.quotes.get(self.position.symbol)

    @property
    def underlying(self) -> str:
        """The symbol whose price moves the position; a future's own, not its product."""
        position = self.position
        return position.symbol if position.instrument_type == FUTURE else position.underlying_symbol

    @property
    def beta_symbol(self) -> str:
        """The symbol under which `/market-metrics` has the beta: of futures and their options the product."""
        of_product = self.position.instrument_type in (FUTURE, FUTURE_OPTION)
        return self.underlying[:-2] if of_product else self.underlying

    @property
    def underlying_price(self) -> Decimal | None:
        quote = self.portfolio.quotes.get(self.underlying)
        return None if quote is None else quote.price

    @property
    def signed_quantity(self) -> Decimal:
        return product(self.position.sign, self.position.quantity)

    @property
    def expiration(self) -> date | None:
        if self.terms:
            return self.terms.expiration
        expires_at = self.position.expires_at
        return None if expires_at is None else expires_at.astimezone(EXCHANGE_TIME).date()

    def greek(self, name: str) -> Decimal | None:
        """A greek of the whole position; a share's delta is 1, its other greeks are 0."""
        if self.terms is None:
            unit: Decimal | None = Decimal(1 if name == "delta" else 0)
        else:
            unit = None if self.quote is None else getattr(self.quote, name)
        return None if unit is None else product(unit, self.signed_quantity, self.position.scale)

    def beta_delta(self) -> Decimal | None:
        """The delta in shares of SPY: delta x beta x price / SPY's price."""
        metrics = self.portfolio.metrics.get(self.beta_symbol)
        delta, price = self.greek("delta"), self.underlying_price
        reference = self.portfolio.quotes.get(BETA_SYMBOL)
        if metrics is None or metrics.beta is None or delta is None or price is None:
            return None
        if reference is None or not reference.price:
            return None
        return _DIVISION.divide(product(delta, metrics.beta, price), reference.price)

    def money(self, value: Decimal | None) -> str:
        """A total in money: two decimals, thousands with commas."""
        return UNKNOWN if value is None else _grouped(_rounded(value, self.decimals))

    def price(self, value: Decimal | None) -> str:
        """A price: two decimals for shares and their options, the exchange's own for the rest."""
        if value is None:
            return UNKNOWN
        coarse = self.position.instrument_type in (EQUITY, EQUITY_OPTION)
        return _grouped(_rounded(value, self.decimals) if coarse else value)


def _rounded(value: Decimal, decimals: int | None) -> Decimal:
    return (
        value
        if decimals is None
        else value.quantize(Decimal(1).scaleb(-decimals), context=_ROUNDING)
    )


def _grouped(value: Decimal) -> str:
    whole, point, fraction = plain_text(value).partition(".")
    return f"{int(whole):,}{point}{fraction}" if whole != "-0" else f"-0{point}{fraction}"


def _expiration(row: _Row) -> str:
    day = row.expiration
    return "" if day is None else f"{_MONTHS[day.month - 1]} {day.day}, {day.year}"


def _days_to_expiration(row: _Row) -> str:
    return UNKNOWN if row.expiration is None else f"{(row.expiration - row.today).days}d"


def _cost(row: _Row) -> Decimal:
    position = row.position
    if position.instrument_type == FUTURE:
        return Decimal(0)
    flow = product(-1, row.signed_quantity, position.average_open_price)
    return product(flow, position.scale)


def _open_percent(row: _Row) -> str:
    cost = _cost(row)
    if not cost:
        return UNKNOWN
    share = _DIVISION.divide(row.position.unrealized * 100, cost.copy_abs())
    return f"{plain_text(_rounded(share, 1))}%"


def _day_profit(row: _Row) -> Decimal:
    position = row.position
    price = position.close_price if position.mark_price is None else position.mark_price
    change = difference(price, position.average_daily_market_close_price)
    return product(change, row.signed_quantity, position.scale)


def _net_liquidation(row: _Row) -> Decimal:
    position = row.position
    return position.unrealized if position.instrument_type == FUTURE else position.value


def _extrinsic(row: _Row) -> Decimal | None:
    terms, price, mark = row.terms, row.underlying_price, row.position.mark_price
    if terms is None or price is None or mark is None:
        return None
    inside = price - terms.strike if terms.right == "C" else terms.strike - price
    time_value = mark - max(inside, Decimal(0))
    return product(time_value, row.signed_quantity, row.position.scale)


def _mark(row: _Row) -> Decimal | None:
    mark = row.position.mark_price
    return None if mark is None else product(row.position.sign, mark)


def _futures_delta(row: _Row) -> str:
    """In contracts of the future, for futures and their options."""
    if row.position.instrument_type not in (FUTURE, FUTURE_OPTION):
        return UNKNOWN
    delta = row.greek("delta")
    return UNKNOWN if delta is None else row.money(_DIVISION.divide(delta, row.position.scale))


def _probability(row: _Row) -> str:
    """The probability of profit at expiration, from the delta; 50 % without one."""
    if row.terms is None:
        return "50%"
    if row.quote is None or row.quote.delta is None:
        return UNKNOWN
    inside = row.quote.delta.copy_abs() * 100
    percent = inside if row.position.sign > 0 else 100 - inside
    if percent < 1:
        return "< 1%"
    return "> 99.5%" if percent > Decimal("99.5") else f"{plain_text(_rounded(percent, 0))}%"


def _rank(row: _Row) -> str:
    metrics = row.portfolio.metrics.get(row.beta_symbol)
    rank = None if metrics is None else metrics.implied_volatility_rank
    return UNKNOWN if rank is None else plain_text(_rounded(rank * 100, 1))


def _days_open(row: _Row) -> str:
    if row.terms is None:
        return ""
    return f"{(row.today - row.position.created_at.astimezone(EXCHANGE_TIME).date()).days}d"


_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)

_CELLS: Final[Mapping[str, Callable[[_Row], str]]] = {
    "Account": lambda row: row.account.number,
    "Symbol": lambda row: row.position.symbol,
    "Type": lambda row: _tables()["types"][row.position.instrument_type],
    "Quantity": lambda row: _grouped(row.signed_quantity),
    "Exp Date": _expiration,
    "DTE": _days_to_expiration,
    "Strike Price": lambda row: plain_text(row.terms.strike) if row.terms else "",
    "Call/Put": lambda row: {"C": "CALL", "P": "PUT"}[row.terms.right] if row.terms else "",
    "Underlying Last Price": lambda row: row.price(row.underlying_price),
    "P/L Day": lambda row: row.money(_day_profit(row)),
    "P/L Open": lambda row: row.money(row.position.unrealized),
    "P/L Opn%": _open_percent,
    "Cost": lambda row: row.money(_cost(row)),
    "Trade Price": lambda row: row.price(
        product(-row.position.sign, row.position.average_open_price)
    ),
    "Mark": lambda row: row.price(_mark(row)),
    "Net Liq": lambda row: row.money(_net_liquidation(row)),
    "Ext": lambda row: row.money(_extrinsic(row)),
    "Ext RoR %": lambda _row: UNKNOWN,
    "Bid": lambda row: row.price(row.quote.bid if row.quote else None),
    "Ask": lambda row: row.price(row.quote.ask if row.quote else None),
    "Delta": lambda row: row.money(row.greek("delta")),
    "Gamma": lambda row: row.money(row.greek("gamma")),
    "Theta": lambda row: row.money(row.greek("theta")),
    "Vega": lambda row: row.money(row.greek("vega")),
    "β Delta": lambda row: row.money(row.beta_delta()),
    "/ Delta": _futures_delta,
    "PoP": _probability,
    "IV Rank": _rank,
    "D's Opn": _days_open,
    "Indicators": lambda _row: "",
}
