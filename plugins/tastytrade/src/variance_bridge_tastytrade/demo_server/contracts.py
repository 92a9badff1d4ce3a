"""The API's symbols: built for the demo portfolio, and read back for the terms that they spell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from variance_bridge.trading_hours import EXCHANGE_TIME
from variance_bridge_tastytrade.demo_server.spelling import plain_text

MONTH_CODES: Final = "FGHJKMNQUVXZ"

_EQUITY_OPTION: Final = re.compile(
    r"(?P<root>.+?)\s*(?P<date>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]{8})"
)
_FUTURE_OPTION: Final = re.compile(
    r"\.(?P<future>/[A-Z0-9]{1,4}?[FGHJKMNQUVXZ][0-9]{1,2})\s*(?P<series>[A-Z0-9]+?)\s*"
    r"(?P<date>[0-9]{6})(?P<right>[CP])(?P<strike>[0-9]+(?:\.[0-9]+)?)"
)


@dataclass(frozen=True)
class OptionTerms:
    """What an option symbol spells. `root` is the OCC root, or the series of a futures option (`EX3H6`)."""

    root: str
    underlying: str
    expiration: date
    right: str
    strike: Decimal


def option_terms(symbol: str) -> OptionTerms | None:
    """The terms of an equity or futures option; None where the symbol is no option's."""
    future_option = _FUTURE_OPTION.fullmatch(symbol)
    match = future_option or _EQUITY_OPTION.fullmatch(symbol)
    if match is None:
        return None
    try:
        expiration = datetime.strptime(match["date"], "%y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    strike = Decimal(match["strike"])
    if future_option:
        return OptionTerms(match["series"], match["future"], expiration, match["right"], strike)
    return OptionTerms(match["root"], match["root"], expiration, match["right"], strike / 1000)


def occ_symbol(root: str, expiration: date, right: str, strike: Decimal) -> str:
    """The 21-character OCC symbol: root in six, YYMMDD, C or P, strike in thousandths in eight digits."""
    return f"{root:<6}{expiration:%y%m%d}{right}{int(strike * 1000):08d}"


def future_symbol(product: str, month: date) -> str:
    """A future of a product (`/MES`) and contract month, with the API's one-digit year: `/MESM6`."""
    return f"{product}{contract_month(month)}"


def contract_month(month: date) -> str:
    """Month code and last digit of the year: `M6` for June 2026."""
    return f"{MONTH_CODES[month.month - 1]}{month.year % 10}"


def future_option_symbol(
    future: str, series: str, expiration: date, right: str, strike: Decimal
) -> str:
    """`.` + future padded to six + series padded to six + YYMMDD + right + plain strike.

    A six-character future leaves no space before the series: `./MESM6EX3H6 260320P6450`.
    """
    return f".{future:<6}{series:<6}{expiration:%y%m%d}{right}{plain_text(strike)}"


def streamer_symbol(symbol: str, year: int, exchange: str | None) -> str:
    """The quote stream's spelling of a symbol, by the rules of tastytrade's streaming guide.

    `year` is the contract's year, whose two digits replace the API's one; `exchange` is its MIC (`XCME`).
    """
    terms = option_terms(symbol)
    strike = plain_text(terms.strike) if terms else ""
    if terms and terms.underlying.startswith("/"):
        return f"./{terms.root[:-1]}{year % 100:02d}{terms.right}{strike}:{exchange}"
    if terms:
        return f".{terms.root}{terms.expiration:%y%m%d}{terms.right}{strike}"
    if symbol.startswith("/"):
        return f"{symbol[:-1]}{year % 100:02d}:{exchange}"
    return f"{symbol}:CXTALP" if symbol.endswith("/USD") else symbol


def new_york_time(day: date, hour: int, minute: int = 0) -> datetime:
    """An hour of the exchange's day as a UTC time."""
    return datetime.combine(day, time(hour, minute), EXCHANGE_TIME).astimezone(UTC)
