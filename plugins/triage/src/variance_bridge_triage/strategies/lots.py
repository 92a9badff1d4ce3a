"""Positions as the clustering sees them: the rows of one contract and side as one lot, in one fixed order.

Everything after this module works on lots, so that neither the order of the rows, nor the way in which a broker splits
a position into rows, nor the days on which it was opened (which many exports do not state) can change a result.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from msgspec import Struct, structs

from variance_bridge.model import Greeks, Holding, Quote
from variance_bridge.money import total
from variance_bridge.symbology import Deliverable, InstrumentType, SymbolError, parse

OPTIONS = (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION)
MONEY = ("cost_basis", "market_value", "unrealized_pl", "day_pl")
"""What of a holding is an amount for the whole position: it adds up over lots and is shared out over clusters."""
SENSITIVITIES = ("delta", "gamma", "theta", "vega", "beta_delta", "beta_gamma")
"""The same for its greeks."""

STANDARD_LOT = Decimal(100)
"""Shares that a standard equity option delivers (OCC: Characteristics and Risks of Standardized Options, chapter II)."""

Deliverables = tuple[str, str, str | None]
"""Something that options deliver: `stock` or `future`, its name and currency."""

_LAST = date.max
_DAYS = _LAST.toordinal() + 1
_NO_STRIKE = Decimal(0)
_MILLIONTHS = Decimal("0.000000")
"""Added to an amount, it gives it six decimals at least."""


class Lot(Struct, eq=False, kw_only=True):
    """Rows of one contract and side, and what the clustering has left of them.

    Attributes:
        place: its number in the order of `merge`.
        holding: the rows of the oldest opening day added up; an amount that is unknown for any row of a day is unknown
            for that day. Its terms are those of the whole lot, its amounts are not.
        later: those of the other days likewise, in order.
        quantity: of all days, unsigned.
        left: what no group has taken yet of it.
        drawn: what clusters have as their legs of it.
        kind: its word in strategy_names.toml.
        sign: +1 long, -1 short.
        strike: 0 where there is none; `expiration` then is the last of all days.
        pool: options with the same number can cover each other over time: they deliver the same thing in the same amount.
            None for anything but an option with strike and expiration.
        board: options with the same number differ in strike and right only: one pool, series, expiration and underlying
            future. SPX is settled on the opening prices and SPXW on the closing ones, so that of one day and strike they
            are two things: never parts of one spread.
        delivers: what one contract delivers, as `(source, name, currency)`, and how much of it; None when that is not
            certain.
    """

    place: int
    holding: Holding
    later: tuple[Holding, ...]
    quantity: Decimal
    left: Decimal
    drawn: Decimal = Decimal(0)
    kind: str
    sign: int
    strike: Decimal
    expiration: date
    pool: int | None
    board: int | None
    delivers: tuple[Deliverables, Decimal] | None

    @property
    def holdings(self) -> tuple[Holding, ...]:
        """One for each opening day, the oldest first."""
        return (self.holding, *self.later)

    @property
    def underlying_price(self) -> Decimal | None:
        """The newest that its rows state."""
        quotes = [each.quote for each in self.holdings if each.quote is not None]
        newest = _newest([quote for quote in quotes if quote.underlying_price is not None])
        return newest.underlying_price if newest else None

    def draw(self, quantity: Decimal) -> Iterator[Holding]:
        """So many contracts behind those that were drawn before, the oldest first, a holding for each opening day.

        What is held in several strategies has its average amounts in each, as if the days were not known.
        """
        start = self.drawn
        end = self.drawn = start + quantity
        if start == 0 and end == self.quantity:
            yield self.holding
            yield from self.later
            return
        if not self.later:
            yield share(self.holding, start, end)
            return
        whole, begin = _sum(list(self.holdings)), Decimal(0)
        for holding in self.holdings:
            first, last = max(start, begin), min(end, begin + holding.quantity)
            if first < last:
                yield share(structs.replace(whole, opened_on=holding.opened_on), first, last)
            begin += holding.quantity


def merge(positions: Iterable[Holding]) -> list[Lot]:
    """The lots of the positions, in an order that does not depend on the order of the positions."""
    shared: dict[object, Any] = {}
    lots: list[Lot] = []
    for rows in _of_same_terms(positions):
        for holdings in _contracts(rows):
            lots.append(_lot(len(lots), holdings, shared))
    return lots


def _of_same_terms(positions: Iterable[Holding]) -> Iterator[list[Holding]]:
    """Those of one root, expiration, strike and symbol, in the order of these."""
    by_day = sorted(sorted(positions, key=_expiration), key=attrgetter("root"))
    for _day, same in groupby(by_day, key=lambda each: (each.root, _expiration(each))):
        day = list(same)
        if len(day) == 1:
            yield day
            continue
        for _terms, rows in groupby(sorted(day, key=_strike_and_symbol), key=_strike_and_symbol):
            yield list(rows)


def _expiration(holding: Holding) -> date:
    return holding.expiration or _LAST


def _strike_and_symbol(holding: Holding) -> tuple[Decimal, str]:
    return holding.strike or _NO_STRIKE, holding.symbol


def _contracts(rows: list[Holding]) -> Sequence[Sequence[Holding]]:
    """The rows of each contract, one for each opening day; nearly always it is a single row."""
    if len(rows) == 1:
        return [rows]
    found: dict[tuple[object, ...], list[Holding]] = {}
    for row in rows:
        found.setdefault(contract(row), []).append(row)
    contracts = [_days(same) for same in found.values()]
    return sorted(contracts, key=lambda days: "|".join(map(str, contract(days[0]))))


def _days(rows: list[Holding]) -> Sequence[Holding]:
    days: dict[date, list[Holding]] = {}
    for row in rows:
        days.setdefault(row.opened_on or _LAST, []).append(row)
    return [_sum(same) for _day, same in sorted(days.items())]


def contract(holding: Holding) -> tuple[object, ...]:
    """What distinguishes two contracts (with their side)."""
    return (
        holding.root,
        holding.type,
        holding.symbol,
        holding.side,
        holding.option_type,
        holding.strike,
        holding.expiration,
        holding.multiplier,
        holding.deliverable,
        holding.currency,
        holding.underlying,
    )


def _sum(rows: list[Holding]) -> Holding:
    if len(rows) == 1:
        return rows[0]
    rows = sorted(rows, key=repr)
    amounts: dict[str, Any] = {name: _added([getattr(row, name) for row in rows]) for name in MONEY}
    return structs.replace(
        rows[0],
        quantity=total(*(row.quantity for row in rows)),
        average_price=_shared([row.average_price for row in rows]),
        quote=_newest([row.quote for row in rows if row.quote is not None]),
        greeks=_added_greeks([row.greeks for row in rows]),
        **amounts,
    )


def _added(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return total(*known) if len(known) == len(amounts) else None


def _shared(values: list[Decimal | None]) -> Decimal | None:
    return values[0] if len(set(values)) == 1 else None


def _newest(quotes: list[Quote]) -> Quote | None:
    if len(quotes) == 1:
        return quotes[0]
    dated = [quote for quote in quotes if quote.as_of is not None]
    if dated:
        return max(dated, key=lambda quote: (quote.as_of, repr(quote)))
    return min(quotes, key=repr, default=None)


def _added_greeks(greeks: list[Greeks | None]) -> Greeks | None:
    known = [each for each in greeks if each is not None]
    if len(known) != len(greeks):
        return None
    sums: dict[str, Any] = {
        name: _added([getattr(each, name) for each in known]) for name in SENSITIVITIES
    }
    return structs.replace(
        known[0], implied_volatility=_shared([each.implied_volatility for each in known]), **sums
    )


def _lot(place: int, holdings: Sequence[Holding], shared: dict[object, Any]) -> Lot:
    """`shared` has what lots have in common: deliveries, and the numbers of pools and boards, which are compared very often."""
    holding, *later = holdings
    expiration = _expiration(holding)
    deliverable, quantity = deliverable_of(holding), total(*(each.quantity for each in holdings))
    delivers = _delivers(holding, deliverable)
    pool = board = None
    if terms := _pool(holding, deliverable):
        pool = shared.setdefault(terms, len(shared) + 1)
        number = shared.setdefault(_side_by_side(holding, pool), len(shared) + 1)
        board = number * _DAYS + expiration.toordinal()
    return Lot(
        place=place,
        holding=holding,
        later=tuple(later),
        quantity=quantity,
        left=quantity,
        kind=_kind(holding),
        sign=holding.side.sign,
        strike=holding.strike or _NO_STRIKE,
        expiration=expiration,
        pool=pool,
        board=board,
        delivers=shared.setdefault(delivers, delivers),
    )


def _kind(holding: Holding) -> str:
    if holding.type in OPTIONS:
        return holding.option_type.value if holding.option_type else "option"
    return holding.type.value


def _pool(holding: Holding, deliverable: Deliverable | None) -> tuple[object, ...] | None:
    """Options of one pool deliver the same thing in the same amount. What a corporate action adjusted stays alone."""
    if holding.type not in OPTIONS or None in (
        holding.option_type,
        holding.strike,
        holding.expiration,
    ):
        return None
    adjusted = deliverable is Deliverable.ADJUSTED
    series = _series(holding) if adjusted else ""
    return (holding.type, series, holding.multiplier, holding.currency)


def _side_by_side(holding: Holding, pool: int) -> tuple[object, ...]:
    """Options with this in common stand on one board where they expire on one day."""
    future = holding.underlying if holding.type is InstrumentType.FUTURE_OPTION else None
    return (pool, _series(holding), future)


def _series(holding: Holding) -> str:
    return holding.symbol[:6].strip() if holding.type is InstrumentType.OPTION else ""


def deliverable_of(holding: Holding) -> Deliverable | None:
    """The lot that an equity or index option delivers; None for all else."""
    if holding.type is not InstrumentType.OPTION:
        return None
    if holding.deliverable is not None:
        return holding.deliverable
    try:
        return parse(holding.symbol, instrument_type=holding.type).deliverable
    except SymbolError:
        return None


def _delivers(
    holding: Holding, deliverable: Deliverable | None
) -> tuple[Deliverables, Decimal] | None:
    """What covers one contract. An option on a future delivers one future (CME Rulebook, chapters on options)."""
    if holding.type is InstrumentType.FUTURE_OPTION and (future := _underlying(holding)):
        return ("future", future, holding.currency), Decimal(1)
    if deliverable is Deliverable.STANDARD:
        return ("stock", holding.root, holding.currency), holding.multiplier or STANDARD_LOT
    return None


def _underlying(holding: Holding) -> str | None:
    if holding.underlying is not None:
        return holding.underlying
    try:
        return parse(holding.symbol, instrument_type=holding.type).underlying
    except SymbolError:
        return None


def share(holding: Holding, start: Decimal, end: Decimal) -> Holding:
    """The part of a lot from its `start`th to its `end`th contract.

    Amounts are shared out in proportion, rounded so that the parts of a lot add up to the lot exactly.
    """
    whole = holding.quantity
    if start == 0 and end == whole:
        return holding
    money: dict[str, Any] = {
        name: _portion(getattr(holding, name), start, end, whole) for name in MONEY
    }
    greeks = holding.greeks
    if greeks is not None:
        parts: dict[str, Any] = {
            name: _portion(getattr(greeks, name), start, end, whole) for name in SENSITIVITIES
        }
        greeks = structs.replace(greeks, **parts)
    return structs.replace(holding, quantity=end - start, greeks=greeks, **money)


def _portion(
    amount: Decimal | None, start: Decimal, end: Decimal, whole: Decimal
) -> Decimal | None:
    if amount is None:
        return None
    amount += _MILLIONTHS
    portion = (amount * end / whole).quantize(amount)
    if start:
        portion -= (amount * start / whole).quantize(amount)
    return portion.normalize() + 0


def covers(holding: Holding) -> Deliverables | None:
    """What a holding is to the options that it could cover: see `Lot.delivers`."""
    if holding.type is InstrumentType.STOCK:
        return ("stock", holding.root, holding.currency)
    if holding.type is InstrumentType.FUTURE:
        return ("future", holding.symbol, holding.currency)
    return None
