"""Options together with what they deliver: shares, or the future of a futures option."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from datetime import date
from decimal import Decimal
from itertools import product

import attrs

from variance_bridge_triage.cluster.groups import Group, Part, Shares, free
from variance_bridge_triage.cluster.lots import STANDARD_LOT, covers
from variance_bridge_triage.cluster.pairing import grouped, nested


@attrs.define(eq=False)
class Cover(Group):
    """One option with what it delivers."""

    @property
    def option(self) -> Part:
        """The option."""
        return self.legs[0][0]


Single = Part | Cover


def covered(parts: Iterable[Part]) -> list[Cover]:
    """Options that the shares beside them cover or that insure these shares.

    Long shares go with short calls first, the nearest expiration and lowest strike first, then with long puts; short
    shares with long calls, then with short puts. Only whole contracts are covered, unless a fraction is all there is.
    """
    options: dict[Hashable, list[Part]] = {}
    stocks: dict[tuple[Hashable, int], list[Part]] = {}
    for part in parts:
        if not part.left:
            continue
        if part.board and part.lot.delivers:
            options.setdefault(part.lot.delivers[0], []).append(part)
        elif what := covers(part.lot.holding):
            stocks.setdefault((what, part.sign), []).append(part)
    found: list[Cover] = []
    for (held_thing, sign), held in stocks.items():
        held.sort(key=lambda part: part.day or date.max)
        found += _cover(held, _candidates(options.get(held_thing, []), sign))
    return found


def _candidates(options: list[Part], sign: int) -> list[Part]:
    calls = [part for part in options if part.kind == "call" and part.sign == -sign]
    puts = [part for part in options if part.kind == "put" and part.sign == sign]
    calls.sort(key=lambda part: (part.expiration, part.strike))
    puts.sort(key=lambda part: (part.expiration, -part.strike))
    return calls + puts


def _cover(held: list[Part], options: list[Part]) -> Iterator[Cover]:
    available = sum((part.left for part in held), Decimal(0))
    oldest = deque(held)
    for option in options:
        size = option.lot.delivers[1] if option.lot.delivers else STANDARD_LOT
        units = option.left if available >= option.left * size else available // size
        if units:
            option.left -= units
            available -= units * size
            yield Cover(((option, 1),), units, _drawn(oldest, units * size))


def _drawn(oldest: deque[Part], wanted: Decimal) -> Shares:
    drawn = []
    while wanted:
        part = oldest[0]
        now = min(part.left, wanted)
        part.left -= now
        wanted -= now
        drawn.append((part, now))
        if not part.left:
            oldest.popleft()
    return tuple(drawn)


def collars(covers_: Iterable[Cover], parts: Iterable[Part]) -> list[Group]:
    """Covers whose stock another single option of the same expiration insures too, or covers; the covers keep the rest."""
    singles = free(parts)
    groups: list[Group] = []
    for kind, sign in product(("call", "put"), (1, -1)):
        mine = [
            cover for cover in covers_ if cover.option.kind == kind and cover.option.sign == sign
        ]
        others = [part for part in singles if part.kind != kind and part.sign == -sign]
        groups += _attached(mine, others)
    return groups


def covered_strangles(covers_: Iterable[Cover], parts: Iterable[Part]) -> list[Group]:
    """Covered calls with a single short put of the same expiration; the covers keep the rest."""
    mine = [cover for cover in covers_ if cover.option.kind == "call" and cover.option.sign < 0]
    others = [part for part in free(parts) if part.kind == "put" and part.sign < 0]
    return _attached(mine, others)


def _attached(covers_: list[Cover], singles: list[Part]) -> list[Group]:
    groups: list[Group] = []

    def join(first: Single, second: Single, units: Decimal) -> None:
        for thing, other in ((first, second), (second, first)):
            if isinstance(thing, Cover) and isinstance(other, Part):
                cover = thing.take(units)
                other.left -= units
                groups.append(Group((*cover.legs, (other, 1)), units, cover.shares))

    if not covers_ or not singles:
        return groups
    every: list[Single] = [*covers_, *singles]
    for keys in (_day_and_size, _day, _size, _board):
        for opening in ("put", "call"):
            for alike in grouped(every, keys):
                things = [thing for thing in alike if _amount(thing)]
                things.sort(
                    key=lambda thing: (_option(thing).strike, _option(thing).kind != opening)
                )
                nested(((_option(thing).kind == opening, thing) for thing in things), _amount, join)
    return groups


def _option(thing: Single) -> Part:
    return thing.option if isinstance(thing, Cover) else thing


def _amount(thing: Single) -> Decimal:
    return thing.units if isinstance(thing, Cover) else thing.left


def _board(thing: Single) -> Iterable[Hashable]:
    return [_option(thing).board]


def _size(thing: Single) -> Iterable[Hashable]:
    return [(_option(thing).board, _amount(thing))]


def _day(thing: Single) -> Iterable[Hashable]:
    return [(_option(thing).board, _option(thing).day)]


def _day_and_size(thing: Single) -> Iterable[Hashable]:
    return [(_option(thing).board, _option(thing).day, _amount(thing))]
