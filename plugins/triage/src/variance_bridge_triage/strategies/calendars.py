"""Calendars: options of two expirations, of which the later one covers the earlier one, and futures of two months."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import groupby
from operator import attrgetter

from variance_bridge_triage.strategies.groups import Group, free, joined, pair
from variance_bridge_triage.strategies.line_matching import Point, grouped, nearest, nested
from variance_bridge_triage.strategies.lots import Lot


class TimeSpread(Group, eq=False):
    """Two options of one type and two expirations, one long and one short; the nearer leg comes first."""

    @property
    def near(self) -> Lot:
        """The leg that expires first."""
        return self.legs[0]

    @property
    def far(self) -> Lot:
        """The leg that expires last."""
        return self.legs[1]


def time_spreads(lots: Iterable[Lot]) -> list[TimeSpread]:
    """Calendars, then diagonals: a short option is covered by a later long one."""
    return [spread for line in _lines(lots) for spread in _as_many_as_can_be(line)]


def _lines(lots: Iterable[Lot]) -> list[list[Lot]]:
    """The free options of each pool and type: those of one line can make time spreads with each other."""
    return grouped(free(lots), lambda lot: [(lot.pool, lot.kind)])


def _as_many_as_can_be(line: list[Lot]) -> list[TimeSpread]:
    """Calendars go before diagonals unless that left a short option naked that can be covered."""
    order, before = _order(line, near_sign=-1), [lot.left for lot in line]
    coverable = _coverable(order)
    calendars_first: tuple[Keys, ...] = (_strike_and_size, _strike, _size, _any)
    tried = _spreads(line, calendars_first, order, near_sign=-1)
    covered = sum((spread.units for spread in tried), Decimal(0))
    for lot, left in zip(line, before, strict=True):
        lot.left = left
    keys = calendars_first if covered == coverable else (_any,)
    return list(_spreads(line, keys, order, near_sign=-1))


def _coverable(order: Iterable[Lot]) -> Decimal:
    """How many short options a later long one can cover, whatever the strikes; of one day the long ones come first."""
    naked = covered = Decimal(0)
    for lot in order:
        if lot.sign < 0:
            naked += lot.left
        else:
            now = min(naked, lot.left)
            covered += now
            naked -= now
    return covered


def reverse_time_spreads(lots: Iterable[Lot]) -> list[TimeSpread]:
    """The long option expires first and leaves the short one naked: only what nothing else explains, equal in number."""
    lines = _lines(lots)
    return [spread for keys in (_strike_and_size, _size) for spread in _reverse(lines, keys)]


def _reverse(lines: Iterable[list[Lot]], keys: Keys) -> Iterator[TimeSpread]:
    for line in lines:
        yield from _spreads(line, (keys,), _order(line, near_sign=1), near_sign=1)


def reverse_doubles(lots: Iterable[Lot]) -> list[Group]:
    """A put and a call of one expiration bought, the same of a later one sold, equal in number."""
    lines = _lines(lots)
    groups: list[Group] = []
    for keys in (_strike_and_size, _size):
        spreads = list(_reverse(lines, keys))
        groups += doubled(spreads)
        for spread in spreads:
            spread.near.left += spread.units
            spread.far.left += spread.units
            spread.units = Decimal(0)
    return groups


def jelly_rolls(spreads: Iterable[TimeSpread], lots: Iterable[Lot]) -> list[Group]:
    """Calendars with the reversed one of the other type at the same strike: nothing is left of them but interest."""
    groups: list[Group] = []
    single = {_terms(lot): lot for lot in free(lots)}
    for spread in spreads:
        near, far = spread.near, spread.far
        if near.strike != far.strike:
            continue
        other = "put" if near.kind == "call" else "call"
        left, right = (single.get(_terms(lot, kind=other)) for lot in (near, far))
        if left is None or right is None:
            continue
        units = min(spread.units, left.left, right.left)
        if units:
            left.left -= units
            right.left -= units
            legs = (*spread.take(units).legs, left, right)
            groups.append(Group(legs, units))
    return groups


def _terms(lot: Lot, *, kind: str | None = None) -> tuple[object, ...]:
    """Of the lot; with another `kind`, of what turns it into a synthetic share."""
    sign = lot.sign if kind is None else -lot.sign
    return lot.board, kind or lot.kind, lot.strike, sign


Keys = Callable[[Lot], Iterable[Hashable]]


def _spreads(
    line: list[Lot], by: Iterable[Keys], order: Mapping[Lot, int], *, near_sign: int
) -> Iterator[TimeSpread]:
    """Those of options that have the first key in common, then of the others by the next one, and so on."""
    for keys in by:
        for alike in grouped([lot for lot in line if lot.left], keys):
            alike.sort(key=order.__getitem__)
            yield from _paired(alike, near_sign)


def _strike(lot: Lot) -> Iterable[Hashable]:
    return [lot.strike]


def _strike_and_size(lot: Lot) -> Iterable[Hashable]:
    return [(lot.strike, lot.left)]


def _size(lot: Lot) -> Iterable[Hashable]:
    return [lot.left]


def _any(_lot: Lot) -> Iterable[Hashable]:
    return [None]


def _order(line: Iterable[Lot], *, near_sign: int) -> dict[Lot, int]:
    """Nearest expirations first, as lots come; of one day first what closes, then what opens, strikes from the outside in."""

    def terms(lot: Lot) -> tuple[bool, Decimal]:
        opens = lot.sign == near_sign
        return opens, -lot.strike if opens else lot.strike

    order: dict[Lot, int] = {}
    for _day, same in groupby(line, key=attrgetter("expiration")):
        day = list(same)
        for lot in sorted(day, key=terms) if len(day) > 1 else day:
            order[lot] = len(order)
    return order


def _paired(line: Iterable[Lot], near_sign: int) -> list[TimeSpread]:
    found: list[TimeSpread] = []

    def join(near: Lot, far: Lot, units: Decimal) -> None:
        near.left -= units
        far.left -= units
        found.append(TimeSpread((near, far), units))

    nested(((lot.sign == near_sign, lot) for lot in line), lambda lot: lot.left, join)
    return found


def doubled(spreads: list[TimeSpread]) -> list[Group]:
    """A put and a call spread of the same two expirations, the put not above the call; equal numbers first."""
    groups: list[Group] = []
    boards = Counter(near.board for near in {spread.near for spread in spreads})
    neighbours = [spread for spread in spreads if boards[spread.near.board] > 1]
    for same in grouped(neighbours, _expirations):
        for keys in (_units, _expirations):
            for alike in grouped([spread for spread in same if spread.units], keys):
                line = sorted(
                    alike, key=lambda spread: (spread.near.strike, spread.near.kind == "call")
                )
                nested(
                    ((spread.near.kind == "put", spread) for spread in line),
                    lambda spread: spread.units,
                    lambda a, b, units: groups.append(joined(a, b, units)),
                )
    return groups


def _expirations(spread: TimeSpread) -> Iterable[Hashable]:
    return [(spread.near.board, spread.far.board, spread.near.sign)]


def _units(spread: TimeSpread) -> Iterable[Hashable]:
    return [spread.units]


def futures_calendars(lots: Iterable[Lot]) -> list[Group]:
    """Futures of one product and size, one bought and one sold, of neighbouring months."""
    groups: list[Group] = []
    futures = [lot for lot in lots if lot.kind == "future" and lot.left]
    for line in grouped(futures, _product):
        line.sort(key=lambda lot: _month(lot.holding.symbol))
        points = [Point(Decimal(place), lot.sign * lot.left) for place, lot in enumerate(line)]
        for i, j, units in nearest(points):
            groups.append(pair(line[i], line[j], units))
    return groups


def _product(lot: Lot) -> Iterable[Hashable]:
    return [(lot.holding.multiplier, lot.holding.currency)]


def _month(symbol: str) -> tuple[str, str]:
    """Year and month as the symbol has them: months are lettered in the order of the alphabet."""
    product_and_month = symbol.rstrip("0123456789")
    return symbol[len(product_and_month) :], product_and_month[-1:]
