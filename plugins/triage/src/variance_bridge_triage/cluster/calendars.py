"""Options of two expirations: the later one covers the earlier one."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal

import attrs

from variance_bridge_triage.cluster.groups import Group, Part, free, joined
from variance_bridge_triage.cluster.pairing import grouped, nested


@attrs.define(eq=False)
class TimeSpread(Group):
    """Two options of one type and two expirations, one long and one short; the nearer leg comes first."""

    @property
    def near(self) -> Part:
        """The leg that expires first."""
        return self.legs[0][0]

    @property
    def far(self) -> Part:
        """The leg that expires last."""
        return self.legs[1][0]


def time_spreads(parts: Iterable[Part], *, one_order: bool) -> list[TimeSpread]:
    """Calendars, then diagonals.

    A short option is covered by a later long one. The reverse (the long one expires first and leaves the short one
    naked) is a strategy only if it was opened as one: it is looked for among legs of one order.
    """
    found: list[TimeSpread] = []
    options = free(parts)
    for place in (_strike, _type):
        for covered_sign in (-1, 1) if one_order else (-1,):
            for keys in (_with_size(place), place):
                for line in grouped([part for part in options if part.left], keys):
                    _pair(line, covered_sign, found)
    return found


def _strike(part: Part) -> Iterable[Hashable]:
    return [(part.lot.pool, part.kind, part.strike)]


def _type(part: Part) -> Iterable[Hashable]:
    return [(part.lot.pool, part.kind)]


def _with_size(place: Callable[[Part], Iterable[Hashable]]) -> Callable[[Part], Iterable[Hashable]]:
    return lambda part: [(key, part.left) for key in place(part)]


def _pair(parts: list[Part], near_sign: int, found: list[TimeSpread]) -> None:
    """Nearest expirations first, strikes in order; what expires on one day is not paired."""

    def join(near: Part, far: Part, units: Decimal) -> None:
        near.left -= units
        far.left -= units
        found.append(TimeSpread(((near, 1), (far, 1)), units))

    def order(part: Part) -> tuple[date, bool, Decimal]:
        opens = part.sign == near_sign
        return part.expiration, opens, -part.strike if opens else part.strike

    line = sorted(parts, key=order)
    nested(((part.sign == near_sign, part) for part in line), lambda part: part.left, join)


def doubled(spreads: list[TimeSpread]) -> list[Group]:
    """A put and a call spread of the same two expirations and one opening day, the put not above the call."""
    groups: list[Group] = []
    for keys in (_same_size, _same_days):
        for alike in grouped([spread for spread in spreads if spread.units], keys):
            line = sorted(
                alike, key=lambda spread: (spread.near.strike, spread.near.kind == "call")
            )
            nested(
                ((spread.near.kind == "put", spread) for spread in line),
                lambda spread: spread.units,
                lambda a, b, units: groups.append(joined(a, b, units)),
            )
    return groups


def _same_days(spread: TimeSpread) -> list[tuple[Hashable, ...]]:
    near, far = spread.near, spread.far
    return [(near.lot.pool, near.sign, near.expiration, far.expiration, day) for day in spread.days]


def _same_size(spread: TimeSpread) -> Iterable[Hashable]:
    return [(*key, spread.units) for key in _same_days(spread)]
