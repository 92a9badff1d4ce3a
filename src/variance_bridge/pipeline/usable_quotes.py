"""Whether what a quote source says of an instrument is a market at all, whether it is the broker's market, and how old it may be."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import structs

from variance_bridge.broker import MarketData
from variance_bridge.money import difference, product
from variance_bridge.symbology import InstrumentType

_MAY_BE_NEGATIVE = frozenset({InstrumentType.FUTURE, InstrumentType.OTHER})
_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_MARKET = ("bid", "ask", "mark")


@cache
def _limits() -> Mapping[str, Decimal]:
    text = Path(__file__).with_name("quote_limits.toml").read_text(encoding="utf-8")
    return {
        name: Decimal(value) for name, value in tomllib.loads(text, parse_float=Decimal).items()
    }


def stale_after() -> timedelta:
    """How old a quote may be before it only fills what the broker left open."""
    return timedelta(minutes=int(_limits()["stale_after_minutes"]))


def only_numbers(data: MarketData) -> MarketData:
    """The data without what is not a number (NaN, infinity), which some feeds send for "no price"."""
    strange: dict[str, Any] = {
        name: None
        for name in MarketData.__struct_fields__
        if isinstance(value := getattr(data, name), Decimal) and not value.is_finite()
    }
    return structs.replace(data, **strange) if strange else data


def of_one_unit(data: MarketData, kind: InstrumentType) -> MarketData:
    """The data without greeks that cannot be those of one unit: a source that gives them for a contract is 100 times off.

    One unit of an option moves at most one for one with its underlying.
    """
    if kind not in _OPTIONS or data.delta is None or abs(data.delta) <= _limits()["option_delta"]:
        return data
    return structs.replace(data, delta=None, gamma=None, theta=None, vega=None)


def market_of(data: MarketData, kind: InstrumentType, known: Decimal | None) -> MarketData:
    """The data as it is where bid, ask and mark are a market, else without them.

    Nobody quotes below zero what cannot be worth less than nothing, or bids more than is asked: such numbers stand for
    "no price" (-1), or belong to a market that is closed, and a mark in the middle of them is as wrong as they are. Bid,
    ask and mark of zero are a market only of what the broker holds to be worthless too.

    Args:
        data: finite numbers.
        kind: of the instrument.
        known: the broker's own mark.
    """
    if _is_market(data, kind, known):
        return data
    last = data.last if data.last is not None and _may_be(data.last, kind) else None
    nothing: dict[str, Any] = dict.fromkeys(_MARKET)
    return structs.replace(data, **nothing, last=last)


def _is_market(data: MarketData, kind: InstrumentType, known: Decimal | None) -> bool:
    prices = [price for price in (data.bid, data.ask, data.mark, data.last) if price is not None]
    if data.halted or not all(_may_be(price, kind) for price in prices):
        return False
    if data.bid is not None and data.ask is not None and data.bid > data.ask:
        return False
    without_sides = data.bid == 0 and data.ask == 0
    is_displaced = known is not None and data.mark == 0 and not data.bid and not data.ask
    return known == 0 or not (without_sides or is_displaced)


def _may_be(price: Decimal, kind: InstrumentType) -> bool:
    return price >= 0 or kind in _MAY_BE_NEGATIVE


def is_far(mark: Decimal, known: Decimal, kind: InstrumentType) -> bool:
    """Whether a quote's mark is further from the broker's own than markets move (`quote_limits.toml`)."""
    if mark == known:
        return False
    is_option = kind in _OPTIONS
    if is_option and abs(difference(mark, known)) <= _limits()["slack"]:
        return False
    smaller, larger = sorted((abs(mark), abs(known)))
    factor = _limits()["option_factor" if is_option else "factor"]
    return larger > product(smaller, factor) or (mark < 0) != (known < 0)
