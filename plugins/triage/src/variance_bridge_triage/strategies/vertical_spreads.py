"""Two options of one type and expiration that cover each other: vertical spreads, and pairs that offset each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal

from variance_bridge_triage.strategies.groups import Group, neighbours, pair
from variance_bridge_triage.strategies.line_matching import Point, grouped, nearest, nested
from variance_bridge_triage.strategies.lots import Lot

_OUTRIGHT = ("stock", "future", "crypto")

Keys = Callable[["Vertical"], Iterable[Hashable]]


class Vertical(Group, eq=False):
    """Two options of one type and expiration, one long and one short."""

    @property
    def low(self) -> Lot:
        """The leg of the lower strike."""
        return self.legs[0]

    @property
    def high(self) -> Lot:
        """The leg of the higher strike."""
        return self.legs[1]

    @property
    def kind(self) -> str:
        """The option type."""
        return self.low.kind

    @property
    def rising(self) -> bool:
        """Whether it gains when the underlying rises: the lower strike is the long one, for calls and puts alike."""
        return self.low.sign > 0

    @property
    def width(self) -> Decimal:
        """Between the strikes."""
        return self.high.strike - self.low.strike


def offsetting(lots: Iterable[Lot]) -> list[Group]:
    """Long and short of one strike, type and expiration, or of one share: nothing is left of them but their history."""
    groups: list[Group] = []
    lots = list(lots)
    outright = [lot for lot in lots if lot.left and lot.kind in _OUTRIGHT]
    for same in grouped([*outright, *neighbours(lots)], lambda lot: [_same_thing(lot)]):
        longs = [lot for lot in same if lot.sign > 0]
        shorts = [lot for lot in same if lot.sign < 0]
        line = [(True, lot) for lot in longs] + [(False, lot) for lot in shorts]
        _pair_nested(line, groups)
    return groups


def _same_thing(lot: Lot) -> Hashable:
    if lot.board:
        return lot.board, lot.kind, lot.strike
    return lot.holding.symbol, lot.holding.currency


def _pair_nested(line: list[tuple[bool, Lot]], groups: list[Group]) -> None:
    nested(line, lambda lot: lot.left, lambda a, b, n: groups.append(pair(a, b, n)))


def verticals(lots: Iterable[Lot]) -> list[Vertical]:
    """As many as there can be, with small distances between their strikes. Nothing offsetting may be left."""
    found = []
    for line in grouped(neighbours(lots), lambda lot: [(lot.board, lot.kind)]):
        line.sort(key=lambda lot: lot.strike)
        points = [Point(lot.strike, lot.sign * lot.left) for lot in line]
        for i, j, units in nearest(points):
            line[i].left -= units
            line[j].left -= units
            found.append(Vertical((line[i], line[j]), units))
    return found
