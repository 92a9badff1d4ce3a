"""Market data meets positions: quotes, greeks of the whole position, market value, profit and loss.

A pure function, the same for every quote source. It adds to what the broker said, and replaces it only by something
better: a quote of a market that has a mark and is not stale.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import attrs
from msgspec import structs

from variance_bridge.broker import MarketData, MarketSnapshot
from variance_bridge.clock import CLOCK_TOLERANCE
from variance_bridge.model import Benchmark, Caution, Flag, Greeks, Holding, Portfolio, Quote
from variance_bridge.money import (
    difference,
    market_value,
    product,
    quotient,
    total,
    unrealized_pl,
)
from variance_bridge.pipeline.usable_quotes import is_far, market_of, of_one_unit, only_numbers
from variance_bridge.symbology import InstrumentType

RATIO_DIGITS = 28
"""Significant digits of `beta_delta` and `beta_gamma`, the only results of a division (rounded half to even)."""

_DELTA_OF_ONE = frozenset({InstrumentType.STOCK, InstrumentType.FUTURE, InstrumentType.CRYPTO})
_PRICES = ("bid", "ask", "mark", "last", "underlying_price")
_OF_UNDERLYING = ("underlying_price", "iv_rank", "iv_percentile")
_QUOTED = (*_PRICES, "iv_rank", "iv_percentile")
_SENSITIVITIES = ("delta", "gamma", "theta", "vega")
_GREEKS = (*_SENSITIVITIES, "beta_delta", "beta_gamma", "implied_volatility")
_NOTHING = MarketData()


def enrich(
    portfolio: Portfolio,
    snapshot: MarketSnapshot,
    *,
    now: datetime,
    source: str,
    stale_after: timedelta,
) -> Portfolio:
    """The portfolio with what the snapshot knows of its instruments, matched by exact canonical symbol.

    - `quote`: a fresh quote with a mark replaces the broker's; a stale one, or one without a mark, only fills what the
      broker left open. What is not a market (`variance_bridge.pipeline.usable_quotes`) has neither bid, ask nor mark.
    - `market_value`, `unrealized_pl` and `day_pl` follow the mark, where it was replaced or the broker gave none. Exact.
    - `greeks` are unit value x multiplier x quantity x sign. One share, future or coin has delta 1 and no gamma, theta
      or vega; these need no quote. `beta_delta` = delta x beta x underlying price / benchmark price and
      `beta_gamma` = gamma x (beta x underlying price / benchmark price)^2, to `RATIO_DIGITS` digits.
    - `meta.benchmark` is the benchmark of the snapshot, where it has a price.
    - `meta.flags`: `quote_missing`, `quote_unusable`, `quote_stale` and `quote_contradicted` by symbol; one `quote_missing` for the whole file where the source
      has no market data at all.

    Args:
        portfolio: as the broker's `normalize` gave it.
        snapshot: what the quote source answered.
        now: aware; what the age of a price is measured against.
        source: the quote source's name.
        stale_after: a price is stale when it is older than this, when its time is unknown, or when it lies more than
            `CLOCK_TOLERANCE` in the future.
    """
    positions: list[Holding] = []
    flags: list[Flag] = []
    for holding in portfolio.positions:
        found = _found(holding, portfolio.meta.currency, snapshot)
        stated = only_numbers(found or _NOTHING)
        per_unit = of_one_unit(stated, holding.type)
        data = market_of(per_unit, holding.type, holding.quote.mark if holding.quote else None)
        stale = found is not None and _is_stale(data.as_of, now, stale_after)
        positions.append(_enriched(holding, data, snapshot, source, stale))
        if snapshot.available and holding.type is not InstrumentType.CASH:
            caution = _caution(holding, data, stale=stale, usable=data is stated)
            flags += [] if caution is None else [Flag(caution=caution, symbol=holding.symbol)]
    if not snapshot.available and positions:
        flags.append(Flag(caution=Caution.QUOTE_MISSING))
    meta = structs.replace(
        portfolio.meta,
        flags=tuple(dict.fromkeys((*portfolio.meta.flags, *flags))),
        benchmark=_benchmark(snapshot, source) or portfolio.meta.benchmark,
    )
    return attrs.evolve(portfolio, meta=meta, positions=tuple(positions))


def _found(holding: Holding, account: str | None, snapshot: MarketSnapshot) -> MarketData | None:
    """What the snapshot says of the position. A share that is listed in two countries may have one symbol in both."""
    currency = holding.currency or account
    is_foreign = None not in (currency, snapshot.currency) and currency != snapshot.currency
    if is_foreign or not snapshot.available:
        return None
    return snapshot.instruments.get(holding.symbol)


def _benchmark(snapshot: MarketSnapshot, source: str) -> Benchmark | None:
    symbol, price = snapshot.benchmark_symbol, snapshot.benchmark_price
    if not symbol or price is None or price <= 0:
        return None
    return Benchmark(symbol=symbol, price=price, as_of=snapshot.benchmark_as_of, source=source)


def _is_stale(as_of: datetime | None, now: datetime, stale_after: timedelta) -> bool:
    return as_of is None or not -CLOCK_TOLERANCE <= now - as_of <= stale_after


def _caution(holding: Holding, data: MarketData, *, stale: bool, usable: bool) -> Caution | None:
    if not usable:
        return Caution.QUOTE_UNUSABLE
    if not _has_price(data):
        return Caution.QUOTE_MISSING
    if stale:
        return Caution.QUOTE_STALE
    known = holding.quote.mark if holding.quote else None
    if known is not None and data.mark is not None and is_far(data.mark, known, holding.type):
        return Caution.QUOTE_CONTRADICTED
    return None


def _has_price(data: MarketData) -> bool:
    return any(price is not None for price in (data.bid, data.ask, data.mark, data.last))


def _enriched(
    holding: Holding, data: MarketData, snapshot: MarketSnapshot, source: str, stale: bool
) -> Holding:
    if holding.type is InstrumentType.CASH:
        return holding
    greeks = _greeks(holding, data, snapshot, source, stale)
    changed = structs.replace(
        holding, quote=_quote(holding.quote, data, source, stale), greeks=greeks
    )
    old_mark = holding.quote.mark if holding.quote else None
    new_mark = changed.quote.mark if changed.quote else None
    if new_mark is None or (new_mark == old_mark and holding.market_value is not None):
        return changed
    return _valued(changed, new_mark, old_mark)


def _quote(old: Quote | None, data: MarketData, source: str, stale: bool) -> Quote | None:
    prices = {name: getattr(data, name) for name in _QUOTED}
    if all(price is None for price in prices.values()):
        return old
    if old is None:
        return Quote(**prices, as_of=data.as_of, source=source)
    if data.mark is not None and not stale:
        for name in _OF_UNDERLYING:
            prices[name] = _first(prices[name], getattr(old, name))
        return Quote(**prices, as_of=data.as_of, source=source)
    known = {name: _first(getattr(old, name), price) for name, price in prices.items()}
    return Quote(**known, as_of=old.as_of or data.as_of, source=old.source or source)


def _valued(holding: Holding, mark: Decimal, old_mark: Decimal | None) -> Holding:
    """The holding with the money that its mark means. What cannot be computed stays as the broker said."""
    multiplier = _multiplier(holding)
    if multiplier is None:
        return holding
    worth = market_value(holding.side, mark, holding.quantity, multiplier)
    return structs.replace(
        holding,
        market_value=worth,
        unrealized_pl=_first(_profit(holding, mark, multiplier, worth), holding.unrealized_pl),
        day_pl=_moved(holding, worth, old_mark, multiplier),
    )


def _moved(
    holding: Holding, worth: Decimal, old_mark: Decimal | None, multiplier: Decimal
) -> Decimal | None:
    """The day's profit, moved by as much as the value is: the price from which it is counted stays what it was."""
    before = holding.market_value
    if old_mark is not None:
        before = market_value(holding.side, old_mark, holding.quantity, multiplier)
    if holding.day_pl is None or before is None:
        return holding.day_pl
    return total(holding.day_pl, difference(worth, before))


def _profit(holding: Holding, mark: Decimal, multiplier: Decimal, worth: Decimal) -> Decimal | None:
    if holding.average_price is not None:
        basis = holding.average_price
        return unrealized_pl(holding.side, mark, basis, holding.quantity, multiplier)
    if holding.cost_basis is not None:
        return difference(worth, product(Decimal(holding.side.sign), holding.cost_basis))
    return None


def _multiplier(holding: Holding) -> Decimal | None:
    """The position's multiplier. A share is one share, so a stock without one has 1; nothing else is assumed."""
    if holding.multiplier is None and holding.type is InstrumentType.STOCK:
        return Decimal(1)
    return holding.multiplier


def _greeks(
    holding: Holding, data: MarketData, snapshot: MarketSnapshot, source: str, stale: bool
) -> Greeks | None:
    old = holding.greeks or Greeks()
    said = _values(old)
    multiplier = _multiplier(holding)
    from_source = _position_values(holding, data, multiplier)
    values = _known_by_nature(holding, multiplier) | said | _wanted(from_source, said, stale)
    weighted = _wanted(_beta_weighted(holding, data, snapshot, values), said, stale)
    values |= weighted
    if not values:
        return holding.greeks
    if not weighted and not _wanted(from_source, said, stale):
        return Greeks(**values, as_of=old.as_of, source=old.source)
    if stale and said:
        return Greeks(**values, as_of=old.as_of or data.as_of, source=old.source or source)
    return Greeks(**values, as_of=data.as_of, source=source)


def _values(greeks: Greeks) -> dict[str, Decimal]:
    return {name: value for name in _GREEKS if (value := getattr(greeks, name)) is not None}


def _position_values(
    holding: Holding, data: MarketData, multiplier: Decimal | None
) -> dict[str, Decimal]:
    """What the quote source says, for the whole position."""
    values: dict[str, Decimal] = {}
    if multiplier is not None:
        for name in _SENSITIVITIES:
            unit = getattr(data, name)
            if unit is not None:
                values[name] = product(unit, multiplier, holding.signed_quantity)
    if data.implied_volatility is not None:
        values["implied_volatility"] = data.implied_volatility
    return values


def _wanted(new: dict[str, Decimal], said: dict[str, Decimal], stale: bool) -> dict[str, Decimal]:
    """The new values that count: all of them, or, from a stale quote, those that nobody said yet."""
    return {name: value for name, value in new.items() if not stale or name not in said}


def _known_by_nature(holding: Holding, multiplier: Decimal | None) -> dict[str, Decimal]:
    """What needs no quote: a share, future or coin moves one for one with itself, and has neither curvature nor decay."""
    if multiplier is None or holding.type not in _DELTA_OF_ONE:
        return {}
    zero = {name: Decimal(0) for name in _SENSITIVITIES if name in holding.zero_by_nature}
    return {"delta": product(multiplier, holding.signed_quantity), **zero}


def _beta_weighted(
    holding: Holding, data: MarketData, snapshot: MarketSnapshot, values: dict[str, Decimal]
) -> dict[str, Decimal]:
    price = data.underlying_price
    if price is None and holding.type in _DELTA_OF_ONE:
        price = _first(data.mark, data.last)
    benchmark = snapshot.benchmark_price
    if price is None or data.beta is None or benchmark is None or benchmark <= 0:
        return {}
    moved = product(data.beta, price)
    weighted = {}
    if "delta" in values:
        weighted["beta_delta"] = quotient(product(values["delta"], moved), benchmark, RATIO_DIGITS)
    if "gamma" in values:
        bent = product(values["gamma"], moved, moved)
        weighted["beta_gamma"] = quotient(bent, product(benchmark, benchmark), RATIO_DIGITS)
    return weighted


def _first(preferred: Decimal | None, otherwise: Decimal | None) -> Decimal | None:
    return otherwise if preferred is None else preferred
