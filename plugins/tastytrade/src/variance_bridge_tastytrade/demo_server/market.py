"""Resolves `portfolio.toml` for a day: expirations to listed ones, prices and greeks from the invented market."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.resources import files
from typing import Any, Final

from variance_bridge.trading_hours import EXCHANGE_TIME, trading_day_on_or_before
from variance_bridge_tastytrade.demo_server import black_scholes, contracts, expirations
from variance_bridge_tastytrade.demo_server.expirations import Listing
from variance_bridge_tastytrade.demo_server.portfolio import (
    CRYPTOCURRENCY,
    EQUITY,
    EQUITY_OPTION,
    FUTURE,
    FUTURE_OPTION,
)

# The market of the demo stands at eleven in New York; options of the day still have some life in them.
_HOUR_OF_VALUATION: Final = 11
_HOUR_OF_CLOSE: Final = 16
_MIN_LIFE: Final = timedelta(hours=1)
_GREEK_STEP: Final = Decimal("0.000000001")
_PENNY: Final = Decimal("0.01")
_RELATIVE_SPREAD: Final = Decimal("0.02")
# Implied volatility falls by so much of itself per unit of log moneyness, as it does for indices.
_SKEW: Final = 0.6

Data = dict[str, Any]


@dataclass(frozen=True)
class Underlying:
    """An instrument that options are priced on."""

    symbol: str
    instrument_type: str
    price: Decimal
    previous_close: Decimal
    volatility: float
    carry: float
    option_tick: Decimal


def demo_data(today: date | datetime) -> Data:
    """The demo as plain data for `DemoPortfolio.from_data`. The same day gives the same data.

    Given a time, the day is New York's, and after the close no option expires on it any more.
    """
    source = files(__package__).joinpath("portfolio.toml").read_text(encoding="utf-8")
    market = tomllib.loads(source, parse_float=Decimal)
    if not isinstance(today, datetime):
        return _Market(market, today, first_expiration=today).portfolio()
    local = today.astimezone(EXCHANGE_TIME)
    is_over = local.hour >= _HOUR_OF_CLOSE
    return _Market(market, local.date(), local.date() + timedelta(days=is_over)).portfolio()


class _Market:
    """The invented market of one day, and the quotes that it has been asked for."""

    def __init__(self, source: Mapping[str, Any], today: date, first_expiration: date) -> None:
        self._source = source
        self._today = today
        self._first_expiration = first_expiration
        self._now = contracts.new_york_time(today, _HOUR_OF_VALUATION)
        self._rate = float(source["interest_rate"])
        self._quotes: dict[str, Data] = {}
        self._metrics: dict[str, Data] = {}
        self._shares = {row["symbol"]: row for row in source["underlyings"]}
        self._futures = {row["product"]: row for row in source["futures"]}

    def portfolio(self) -> Data:
        for row in self._shares.values():
            self._quote_share(row)
        positions = [
            *self._stocks(),
            *self._options(),
            *self._outright_futures(),
            *self._future_options(),
            *self._bonds(),
        ]
        return {
            "accounts": [
                {**self._source["account"], "positions": positions},
                self._source["closed_account"],
            ],
            "quotes": list(self._quotes.values()),
            "metrics": self._metrics,
            "adjusted_deliverables": self._source["adjusted_deliverables"],
        }

    def _stocks(self) -> Iterator[Data]:
        for row in self._source["stocks"]:
            share = self._shares[row["symbol"]]
            kind = share.get("instrument_type", EQUITY)
            yield {
                "symbol": row["symbol"],
                "instrument_type": kind,
                "quantity": row["quantity"],
                "average_open_price": row["average_open_price"],
                "mark_price": share["price"],
                "close_price": share["previous_close"],
                "streamer_symbol": contracts.streamer_symbol(row["symbol"], 0, None),
                **self._opened(row),
            }

    def _options(self) -> Iterator[Data]:
        for row in self._source["options"]:
            listing = self._listing(row["cycle"], row["days"])
            root = row.get("root", row["underlying"])
            strike = Decimal(row["strike"])
            symbol = contracts.occ_symbol(root, listing.expiration, row["right"], strike)
            yield {
                **self._option(row, symbol, self._share(row["underlying"], root), listing, 16),
                "instrument_type": EQUITY_OPTION,
                "underlying_symbol": row["underlying"],
                "streamer_symbol": contracts.streamer_symbol(symbol, 0, None),
            }

    def _future_options(self) -> Iterator[Data]:
        for row in self._source["future_options"]:
            product = self._futures[row["product"]]
            listing = self._listing(product["option_cycle"], row["days"])
            future = contracts.future_symbol(row["product"], listing.future_month)
            week = str(listing.week) if listing.week else ""
            series = product["option_series"] + week + contracts.contract_month(listing.month)
            symbol = contracts.future_option_symbol(
                future, series, listing.expiration, row["right"], Decimal(row["strike"])
            )
            underlying = self._future(product, listing.future_month)
            yield {
                **self._option(row, symbol, underlying, listing, product["option_hour"]),
                "instrument_type": FUTURE_OPTION,
                "underlying_symbol": future,
                "multiplier": product["multiplier"],
                "streamer_symbol": contracts.streamer_symbol(
                    symbol, listing.month.year, product["exchange"]
                ),
            }

    def _outright_futures(self) -> Iterator[Data]:
        for row in self._source["outright_futures"]:
            product = self._futures[row["product"]]
            months = tuple(product["months"])
            listing = expirations.front_future(product["rule"], months, self._today)
            future = self._future(product, listing.month)
            yield {
                "symbol": future.symbol,
                "instrument_type": FUTURE,
                "underlying_symbol": row["product"],
                "quantity": row["quantity"],
                "multiplier": product["multiplier"],
                "average_open_price": row["average_open_price"],
                "mark_price": product["price"],
                "close_price": product["previous_close"],
                "expires_at": contracts.new_york_time(listing.expiration, 9, 30),
                "streamer_symbol": contracts.streamer_symbol(
                    future.symbol, listing.month.year, product["exchange"]
                ),
                **self._opened(row),
            }

    def _bonds(self) -> Iterator[Data]:
        for row in self._source["bonds"]:
            taken = {"days_to_maturity", "opened_days_ago"}
            matures = self._today + timedelta(days=row["days_to_maturity"])
            yield {
                **{key: value for key, value in row.items() if key not in taken},
                "instrument_type": "Fixed Income Security",
                "expires_at": contracts.new_york_time(matures, 0),
                **self._opened(row),
            }

    def _option(
        self,
        row: Mapping[str, Any],
        symbol: str,
        underlying: Underlying,
        listing: Listing,
        hour: Any,
    ) -> Data:
        """The members of an option's position that follow from its price; its quote is noted on the way."""
        clock_hour, fraction = divmod(Decimal(hour), 1)
        expires_at = contracts.new_york_time(
            listing.expiration, int(clock_hour), int(fraction * 60)
        )
        quote = self._quote_option(row, symbol, underlying, expires_at)
        tick = underlying.option_tick
        opened = max(_rounded(quote["mark"] * Decimal(row["opened_at"]), tick), tick)
        return {
            "symbol": symbol,
            "quantity": row["quantity"],
            "average_open_price": opened,
            "mark_price": quote["mark"],
            "close_price": quote.pop("close_price"),
            "expires_at": expires_at,
            "realized_today": row.get("realized_today", "0"),
            "realized_day_gain": row.get("realized_today", "0"),
            **self._opened(row),
        }

    def _quote_option(
        self, row: Mapping[str, Any], symbol: str, underlying: Underlying, expires_at: datetime
    ) -> Data:
        strike, tick = Decimal(row["strike"]), underlying.option_tick
        life = expires_at - self._now
        now = self._value(row["right"], underlying.price, strike, life, underlying)
        day_before = life + timedelta(days=1)
        then = self._value(row["right"], underlying.previous_close, strike, day_before, underlying)
        fair = Decimal(now.price)
        spread = max(_rounded(fair * _RELATIVE_SPREAD, tick), tick)
        bid = max(_rounded(fair - spread / 2, tick), Decimal(0))
        is_future_option = underlying.instrument_type == FUTURE
        quote = {
            "symbol": symbol,
            "instrument_type": FUTURE_OPTION if is_future_option else EQUITY_OPTION,
            "bid": bid,
            "ask": bid + spread,
            "mark": _rounded(fair, _GREEK_STEP) if is_future_option else bid + spread / 2,
            "theoretical_price": _rounded(fair, _GREEK_STEP),
            "volatility": _rounded(Decimal(_smile(underlying, strike)), _GREEK_STEP),
        }
        for name in ("delta", "gamma", "theta", "vega", "rho"):
            quote[name] = _rounded(Decimal(getattr(now, name)), _GREEK_STEP)
        if not is_future_option:
            quote["last"] = bid
        self._quotes[symbol] = quote
        return {**quote, "close_price": _rounded(Decimal(then.price), tick)}

    def _value(
        self, right: str, price: Decimal, strike: Decimal, life: timedelta, underlying: Underlying
    ) -> black_scholes.Valuation:
        years = max(life, _MIN_LIFE) / timedelta(days=black_scholes.DAYS_PER_YEAR)
        volatility = _smile(underlying, strike)
        return black_scholes.value(
            right, float(price), float(strike), years, volatility, self._rate, underlying.carry
        )

    def _share(self, symbol: str, root: str) -> Underlying:
        """The stock or index under an option; an adjusted contract is priced on the shares that it delivers."""
        row = self._shares[symbol]
        shares = Decimal(self._source["adjusted_deliverables"].get(root, 100)) / 100
        return Underlying(
            symbol,
            row.get("instrument_type", EQUITY),
            Decimal(row["price"]) * shares,
            Decimal(row["previous_close"]) * shares,
            float(row["volatility"]),
            self._rate - float(row.get("dividend_yield", 0)),
            Decimal(row.get("option_tick", _PENNY)),
        )

    def _future(self, product: Mapping[str, Any], month: date) -> Underlying:
        symbol = contracts.future_symbol(product["product"], month)
        price, tick = Decimal(product["price"]), Decimal(product["tick"])
        self._quotes[symbol] = {
            "symbol": symbol,
            "instrument_type": FUTURE,
            "bid": price - tick,
            "ask": price,
            "mark": price,
            "last": price,
            "previous_close": product["previous_close"],
        }
        # Metrics are asked for by product: whether the real API has those of futures is not documented.
        self._metrics[product["product"]] = {"beta": product["beta"]}
        previous, tick = (
            Decimal(product["previous_close"]),
            Decimal(product.get("option_tick", tick)),
        )
        return Underlying(symbol, FUTURE, price, previous, float(product["volatility"]), 0.0, tick)

    def _quote_share(self, row: Mapping[str, Any]) -> None:
        symbol, price = row["symbol"], Decimal(row["price"])
        spread = Decimal(row.get("spread", "0.02"))
        self._quotes[symbol] = {
            "symbol": symbol,
            "instrument_type": row.get("instrument_type", EQUITY),
            "bid": price - spread / 2,
            "ask": price + spread / 2,
            "mark": price,
            "last": price,
            "previous_close": row["previous_close"],
        }
        if row.get("instrument_type") == CRYPTOCURRENCY:
            return
        self._metrics[symbol] = {
            "beta": row["beta"],
            "implied_volatility_index": row["volatility"],
            "implied_volatility_rank": row["implied_volatility_rank"],
            "implied_volatility_percentile": row["implied_volatility_rank"],
        }

    def _listing(self, cycle: str, days: int) -> Listing:
        target = self._today + timedelta(days=days)
        return expirations.nearest(cycle, self._first_expiration, target)

    def _opened(self, row: Mapping[str, Any]) -> Data:
        """When a position was opened: half an hour into a business day that many days ago."""
        day = trading_day_on_or_before(self._today - timedelta(days=row["opened_days_ago"]))
        opened_at = contracts.new_york_time(day, 10)
        return {"created_at": opened_at, "updated_at": opened_at + timedelta(seconds=2)}


def _smile(underlying: Underlying, strike: Decimal) -> float:
    """The volatility of one strike: higher below the price than above, within half and double."""
    moneyness = (strike / underlying.price).ln()
    return underlying.volatility * min(max(1 - _SKEW * float(moneyness), 0.5), 2.0)


def _rounded(value: Decimal, step: Decimal) -> Decimal:
    """The nearest multiple of a step."""
    return (value / step).quantize(Decimal(1), ROUND_HALF_EVEN) * step
