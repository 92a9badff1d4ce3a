"""An instrument's own record, as `/instruments` gives it. Pure."""

from __future__ import annotations

from variance_bridge_tastytrade.demo_server.contracts import option_terms
from variance_bridge_tastytrade.demo_server.payloads import Object, present
from variance_bridge_tastytrade.demo_server.portfolio import (
    EQUITY_OPTION,
    FUTURE,
    FUTURE_OPTION,
    DemoPortfolio,
    SimulatedPosition,
)
from variance_bridge_tastytrade.demo_server.spelling import ABSENT, decimal_text, offset_time


def instrument(row: SimulatedPosition, portfolio: DemoPortfolio) -> Object:
    """An instrument's own record. A futures option's `multiplier` there is "1.0" and no money per point."""
    written: Object = {
        "symbol": row.symbol,
        "instrument-type": row.instrument_type,
        "streamer-symbol": row.streamer_symbol or ABSENT,
        "active": True,
        "is-closing-only": False,
    }
    terms = option_terms(row.symbol)
    if terms:
        written |= {
            "underlying-symbol": row.underlying_symbol,
            "option-type": terms.right,
            "strike-price": decimal_text(terms.strike),
            "expiration-date": terms.expiration.isoformat(),
            "expires-at": ABSENT if row.expires_at is None else offset_time(row.expires_at),
        }
    if row.instrument_type == EQUITY_OPTION and terms:
        shares = portfolio.adjusted_deliverables.get(terms.root)
        written |= {
            "root-symbol": terms.root,
            "shares-per-contract": int(row.scale if shares is None else shares),
            "option-chain-type": "Standard" if shares is None else "Non-standard",
        }
    elif row.instrument_type == FUTURE_OPTION:
        written |= {"multiplier": "1.0", "notional-value": "1.0"}
    elif row.instrument_type == FUTURE:
        written |= {
            "product-code": row.underlying_symbol.lstrip("/"),
            "notional-multiplier": decimal_text(row.scale),
        }
    return present(written)
