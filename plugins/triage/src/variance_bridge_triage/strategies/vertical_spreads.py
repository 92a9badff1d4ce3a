"""Two options of one type and expiration that cover each other: vertical spreads, and pairs that offset each other."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal

from variance_bridge_triage.strategies.line_matching import Point, grouped, nearest, nested
from variance_bridge_triage.strategies.parts_and_groups import Group, Part, neighbours, pair

_OUTRIGHT = ("stock", "future", "crypto")

Keys = Callable[["Vertical"], Iterable[Hashable]]


class Vertical(Group, eq=False):
    """Two options of one type and expiration, one long and one short."""

    @property
    def low(self) -> Part:
        """The leg of the lower strike."""
        return self.legs[0]

    @property
    def high(self) -> Part:
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


def offsetting(parts: Iterable[Part]) -> list[Group]:
    """Long and short of one strike, type and expiration, or of one share: nothing is left of them but their history."""
    groups: list[Group] = []
    parts = list(parts)
    outright = [part for part in parts if part.left and part.kind in _OUTRIGHT]
    for same in grouped([*outright, *neighbours(parts)], lambda part: [_same_thing(part)]):
        longs = [part for part in same if part.sign > 0]
        shorts = [part for part in same if part.sign < 0]
        line = [(True, part) for part in longs] + [(False, part) for part in shorts]
        _pair_nested(line, groups)
    return groups


def _same_thing(part: Part) -> Hashable:
    if part.board:
        return part.board, part.kind, part.strike
    return part.lot.holding.symbol, part.lot.holding.currency


def _pair_nested(line: list[tuple[bool, Part]], groups: list[Group]) -> None:
    nested(line, lambda part: part.left, lambda a, b, n: groups.append(pair(a, b, n)))


def verticals(parts: Iterable[Part]) -> list[Vertical]:
    """As many as there can be, with small distances between their strikes. Nothing offsetting may be left."""
    found = []
    for line in grouped(neighbours(parts), lambda part: [(part.board, part.kind)]):
        line.sort(key=lambda part: part.strike)
        points = [Point(part.strike, part.sign * part.left) for part in line]
        for i, j, units in nearest(points):
            line[i].left -= units
            line[j].left -= units
            found.append(Vertical((line[i], line[j]), units))
    return found
