"""The JSON objects of the API, written from a simulated portfolio. Pure; the time is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from variance_bridge.trading_hours import EXCHANGE_TIME, previous_trading_day
from variance_bridge_tastytrade.demo_server.exact import difference, product, total
from variance_bridge_tastytrade.demo_server.portfolio import (
    CRYPTOCURRENCY,
    EQUITY,
    EQUITY_OPTION,
    FUTURE_OPTION,
    LONG,
    SHORT,
    DemoPortfolio,
    SimulatedAccount,
    SimulatedMetrics,
    SimulatedPosition,
    SimulatedQuote,
)
from variance_bridge_tastytrade.demo_server.spelling import (
    ABSENT,
    decimal_text,
    integer_or_text,
    offset_time,
    plain_text,
    zulu_time,
)

Object = dict[str, Any]

# The effect of *closing*, as observed on every real row: the opposite of the documentation, and so of no use.
_COST_EFFECTS: Final = {LONG: "Credit", SHORT: "Debit"}

_BALANCE_CLASSES: Final = {
    "equity": (EQUITY, "Warrant", "Equity Offering"),
    "derivative": (EQUITY_OPTION,),
    "futures-derivative": (FUTURE_OPTION,),
    "cryptocurrency": (CRYPTOCURRENCY,),
}
# What the API states beside them of an account without calls, deposits that are not settled, or futures overnight. Members: a
# capture of LEAN's tests (Get_Account_Balance.json) and the models of the SDK tastyware/tastytrade 13.2, which refuse a sheet
# that lacks one.
_ZERO_BALANCES: Final = (
    "bond-margin-requirement",
    "closed-loop-available-balance",
    "cryptocurrency-margin-requirement",
    "day-equity-call-value",
    "day-trade-excess",
    "day-trading-call-value",
    "equity-offering-margin-requirement",
    "futures-intraday-margin-requirement",
    "futures-margin-requirement",
    "futures-overnight-margin-requirement",
    "maintenance-call-value",
    "pending-margin-interest",
    "reg-t-call-value",
    "unsettled-cryptocurrency-fiat-amount",
)
_LONG_ONLY_CLASSES: Final = {
    "long-bond-value": "Bond",
    "long-fixed-income-security-value": "Fixed Income Security",
}


def listed_account(simulated: SimulatedAccount) -> Object:
    """One item of the list of accounts."""
    return {"account": account(simulated), "authority-level": simulated.authority_level}


def account(simulated: SimulatedAccount) -> Object:
    """The account object, bare. Field set: a capture of the sandbox of August 2026."""
    written: Object = {
        "account-number": simulated.number,
        "account-type-name": simulated.account_type,
        "created-at": offset_time(simulated.opened_at),
        "day-trader-status": False,
        "investment-objective": "SPECULATION",
        "is-closed": ABSENT if simulated.is_closed is None else simulated.is_closed,
        "is-firm-error": False,
        "is-firm-proprietary": False,
        "is-foreign": False,
        "is-futures-approved": True,
        "margin-or-cash": simulated.margin_or_cash,
        "nickname": simulated.nickname,
        "opened-at": offset_time(simulated.opened_at),
        "suitable-options-level": "No Restrictions",
    }
    return present({**written, **simulated.members})


def position(
    row: SimulatedPosition,
    account_number: str,
    now: datetime,
    *,
    marks: bool,
) -> Object:
    """One row of the positions list, as the API of 2026 writes it."""
    written: Object = {
        "account-number": account_number,
        "instrument-type": row.instrument_type,
        "streamer-symbol": row.streamer_symbol,
        "symbol": row.symbol,
        "underlying-symbol": row.underlying_symbol,
        "quantity": integer_or_text(row.quantity),
        "average-daily-market-close-price": decimal_text(row.average_daily_market_close_price),
        "average-open-price": decimal_text(row.average_open_price),
        "average-yearly-market-close-price": decimal_text(row.average_yearly_market_close_price),
        "close-price": decimal_text(row.close_price),
        "cost-effect": _COST_EFFECTS.get(row.direction, "None"),
        "is-frozen": row.is_frozen,
        "is-suppressed": row.is_suppressed,
        "multiplier": ABSENT if row.multiplier is None else decimal_text(row.multiplier),
        "quantity-direction": row.direction,
        "restricted-quantity": integer_or_text(row.restricted_quantity),
        "expires-at": ABSENT if row.expires_at is None else offset_time(row.expires_at),
        **_realized("realized-day-gain", row.realized_day_gain, row, now),
        **_realized("realized-today", row.realized_today, row, now),
        "created-at": offset_time(row.created_at),
        "updated-at": offset_time(row.updated_at),
    }
    if marks and row.mark_price is not None:
        written["mark"] = decimal_text(product(row.mark_price, row.quantity, row.scale))
        written["mark-price"] = decimal_text(row.mark_price)
    return present({**written, **row.members})


def balances(simulated: SimulatedAccount, now: datetime) -> Object:
    """The balances, which agree with the positions to the last digit; every number is unsigned.

    Long and short futures values are zero: futures are settled into cash daily. How the real API fills them is not
    documented.
    """
    net_liquidating_value = simulated.net_liquidating_value
    free = max(difference(net_liquidating_value, simulated.maintenance_requirement), Decimal(0))
    written: Object = {
        "account-number": simulated.number,
        "currency": simulated.currency,
        "cash-balance": decimal_text(simulated.cash),
        "net-liquidating-value": decimal_text(net_liquidating_value),
        "pending-cash": decimal_text(simulated.pending_cash.copy_abs()),
        "pending-cash-effect": _effect(simulated.pending_cash),
        "long-futures-value": "0.0",
        "short-futures-value": "0.0",
        "equity-buying-power": decimal_text(product(free, 2)),
        "derivative-buying-power": decimal_text(free),
        "maintenance-requirement": decimal_text(simulated.maintenance_requirement),
        "snapshot-date": f"{now.astimezone(EXCHANGE_TIME):%Y-%m-%d}",
        "updated-at": offset_time(now),
    }
    for name, types in _BALANCE_CLASSES.items():
        for direction in (LONG, SHORT):
            value = total(simulated.class_value(kind, direction) for kind in types)
            written[f"{direction.lower()}-{name}-value"] = decimal_text(value)
    for name, kind in _LONG_ONLY_CLASSES.items():
        written[name] = decimal_text(simulated.class_value(kind, LONG))
    written |= _margins(simulated, free, written)
    return present({**written, **simulated.balance_members})


def _margins(simulated: SimulatedAccount, free: Decimal, written: Object) -> Object:
    """Requirements and what they leave free, of an account that is margined by its maintenance requirement alone."""
    required, left = decimal_text(simulated.maintenance_requirement), decimal_text(free)
    return {
        **dict.fromkeys(_ZERO_BALANCES, "0.0"),
        "unsettled-cryptocurrency-fiat-effect": "None",
        "long-margineable-value": written["long-equity-value"],
        "short-margineable-value": written["short-equity-value"],
        "margin-equity": written["net-liquidating-value"],
        "day-trading-buying-power": left,
        "available-trading-funds": left,
        "maintenance-excess": left,
        "effective-cryptocurrency-buying-power": left,
        "cash-available-to-withdraw": decimal_text(max(min(simulated.cash, free), Decimal(0))),
        "used-derivative-buying-power": required,
        "reg-t-margin-requirement": required,
    }


def market_data(quote: SimulatedQuote, now: datetime, portfolio: DemoPortfolio) -> Object:
    """One item of `/market-data`: numbers are strings, what is unknown is left out."""
    today = now.astimezone(EXCHANGE_TIME).date()
    written: Object = {
        "symbol": quote.symbol,
        "instrument-type": quote.instrument_type,
        "updated-at": zulu_time(now - timedelta(seconds=float(quote.age))),
        **_two_sided(quote),
        "mark": _optional(quote.mark),
        "close-price-type": "Regular",
        "prev-close": _optional(quote.previous_close),
        "prev-close-date": previous_trading_day(today).isoformat(),
        "prev-close-price-type": "Regular",
        "summary-date": today.isoformat(),
        "is-trading-halted": quote.is_trading_halted,
        "halt-start-time": -1,
        "halt-end-time": -1,
    }
    if quote.instrument_type == FUTURE_OPTION:
        written["prev-close"] = ABSENT
    else:
        written["last"] = _optional(quote.last)
    if quote.instrument_type in (EQUITY_OPTION, FUTURE_OPTION):
        written.update(_greeks(quote))
    if quote.instrument_type == EQUITY and quote.symbol in portfolio.metrics:
        written["beta"] = _optional(portfolio.metrics[quote.symbol].beta)
    return present({**written, **quote.members})


def market_metrics(symbol: str, metrics: SimulatedMetrics, now: datetime) -> Object:
    """One item of `/market-metrics`."""
    written = {
        "symbol": symbol,
        "implied-volatility-index": _optional(metrics.implied_volatility_index),
        "implied-volatility-index-rank": _optional(metrics.implied_volatility_rank),
        "implied-volatility-percentile": _optional(metrics.implied_volatility_percentile),
        "beta": _optional(metrics.beta),
        "market-cap": "0.0",
        "updated-at": zulu_time(now),
    }
    return present(written)


def present(written: Mapping[str, Any]) -> Object:
    """The object without its absent members."""
    return {name: value for name, value in written.items() if value is not ABSENT}


def _optional(value: Decimal | None) -> Any:
    return ABSENT if value is None else plain_text(value)


def _effect(amount: Decimal) -> str:
    if amount == 0:
        return "None"
    return "Credit" if amount > 0 else "Debit"


def _realized(name: str, amount: Decimal, row: SimulatedPosition, now: datetime) -> Object:
    """A realized amount: unsigned, with its sign in an effect and with the exchange's day."""
    day: date = row.realized_date or now.astimezone(EXCHANGE_TIME).date()
    return {
        name: decimal_text(amount.copy_abs()),
        f"{name}-date": day.isoformat(),
        f"{name}-effect": _effect(amount),
    }


def _two_sided(quote: SimulatedQuote) -> Object:
    """Bid, ask and their middle; an index such as VIX has none of them."""
    if quote.bid is None or quote.ask is None:
        return {"bid": _optional(quote.bid), "ask": _optional(quote.ask)}
    return {
        "bid": plain_text(quote.bid),
        "bid-size": "10.0",
        "ask": plain_text(quote.ask),
        "ask-size": "0.0" if quote.instrument_type == CRYPTOCURRENCY else "12.0",
        "mid": plain_text(product(total([quote.bid, quote.ask]), Decimal("0.5"))),
    }


def _greeks(quote: SimulatedQuote) -> Object:
    return {
        "delta": _optional(quote.delta),
        "gamma": _optional(quote.gamma),
        "theta": _optional(quote.theta),
        "vega": _optional(quote.vega),
        "rho": _optional(quote.rho),
        "theo-price": _optional(quote.theoretical_price),
        "volatility": _optional(quote.volatility),
    }
