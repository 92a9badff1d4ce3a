"""Options together with what they deliver: shares, or the future of a futures option."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from variance_bridge_triage.strategies.groups import Group, Shares, free, joined
from variance_bridge_triage.strategies.line_matching import grouped, nested
from variance_bridge_triage.strategies.lots import STANDARD_LOT, Deliverables, Lot, covers
from variance_bridge_triage.strategies.vertical_spreads import Vertical


class Cover(Group, eq=False):
    """One option with what it delivers."""

    @property
    def option(self) -> Lot:
        """The option."""
        return self.legs[0]


class _Supply(Struct, eq=False):
    """Shares of one side that options deliver, or futures."""

    held: deque[Lot]
    left: Decimal

    @classmethod
    def of(cls, held: Iterable[Lot]) -> _Supply:
        lots = deque(held)
        return cls(lots, sum((lot.left for lot in lots), Decimal(0)))

    def units(self, option: Lot) -> Decimal:
        """How many of an option's contracts it covers: whole ones, unless a fraction is all there is."""
        size = _size_of(option)
        return option.left if self.left >= option.left * size else self.left // size

    def draw(self, option: Lot, units: Decimal) -> Shares:
        """What covers that many contracts of the option."""
        wanted = units * _size_of(option)
        self.left -= wanted
        drawn = []
        while wanted:
            lot = self.held[0]
            now = min(lot.left, wanted)
            lot.left -= now
            wanted -= now
            drawn.append((lot, now))
            if not lot.left:
                self.held.popleft()
        return tuple(drawn)


def _size_of(option: Lot) -> Decimal:
    return option.delivers[1] if option.delivers else STANDARD_LOT


Single = Lot | Cover


def covered(lots: Iterable[Lot]) -> tuple[list[Group], list[Cover]]:
    """Collars, and the options that the shares beside them cover or that insure these shares.

    Collars come first, those of one expiration before others: a short call and a long put share what they stand on.
    From the rest of long shares short calls take theirs, the nearest expiration and lowest strike first, then long puts;
    of short shares long calls, then short puts.
    """
    options: dict[Deliverables, list[Lot]] = {}
    stocks: dict[tuple[Deliverables, int], list[Lot]] = {}
    for lot in lots:
        if not lot.left:
            continue
        if lot.board and lot.delivers:
            options.setdefault(lot.delivers[0], []).append(lot)
        elif what := covers(lot.holding):
            stocks.setdefault((what, lot.sign), []).append(lot)
    collars: list[Group] = []
    found: list[Cover] = []
    for (held_thing, sign), held in stocks.items():
        candidates = _candidates(options.get(held_thing, []), sign)
        supply = _Supply.of(held)
        collars += _collars(supply, candidates)
        found += _cover(supply, candidates)
    return collars, found


def _candidates(options: list[Lot], sign: int) -> list[Lot]:
    calls = [lot for lot in options if lot.kind == "call" and lot.sign == -sign]
    puts = [lot for lot in options if lot.kind == "put" and lot.sign == sign]
    calls.sort(key=lambda lot: (lot.expiration, lot.strike))
    puts.sort(key=lambda lot: (lot.expiration, -lot.strike))
    return calls + puts


def _collars(supply: _Supply, options: Sequence[Lot]) -> list[Group]:
    groups: list[Group] = []

    def join(first: Lot, second: Lot, units: Decimal) -> None:
        first.left -= units
        second.left -= units
        groups.append(Group((first, second), units, supply.draw(first, units)))

    nearest_first = sorted(options, key=lambda lot: lot.expiration)
    for keys in (_board_and_size, _board, _pool):
        for opening in ("put", "call"):
            for alike in grouped((lot for lot in nearest_first if lot.left), keys):
                alike.sort(key=lambda lot: (lot.strike, lot.kind != opening))
                line = [(lot.kind == opening, lot) for lot in alike]
                nested(line, supply.units, join)
    return groups


def _cover(supply: _Supply, options: Sequence[Lot]) -> Iterator[Cover]:
    for option in options:
        units = supply.units(option)
        if units:
            option.left -= units
            yield Cover((option,), units, supply.draw(option, units))


def spread_collars(covers_: Iterable[Cover], spreads: Iterable[Vertical]) -> list[Group]:
    """Covered calls with a bought put spread below them; covered puts with a bought call spread above them."""
    groups: list[Group] = []
    for kind, opens in (("call", False), ("put", True)):
        things: list[Cover | Vertical] = [
            cover for cover in covers_ if cover.option.kind == kind and cover.option.sign < 0
        ]
        things += [s for s in spreads if s.kind != kind and s.rising == (s.kind == "call")]
        for keys in (_group_and_size, _group):
            for alike in grouped((thing for thing in things if thing.units), keys):
                alike.sort(key=lambda thing: (_inner(thing), isinstance(thing, Cover) != opens))
                line = [(isinstance(thing, Cover) == opens, thing) for thing in alike]
                nested(
                    line,
                    lambda thing: thing.units,
                    lambda a, b, units: groups.append(joined(a, b, units)),
                )
    return groups


def stock_repairs(covers_: Iterable[Cover], spreads: Iterable[Vertical]) -> list[Group]:
    """Covered calls with a bought call spread whose short call is the same contract: two are sold for each bought."""
    groups: list[Group] = []
    things: list[Cover | Vertical] = [
        cover for cover in covers_ if cover.option.kind == "call" and cover.option.sign < 0
    ]
    things += [spread for spread in spreads if spread.kind == "call" and spread.rising]
    for alike in grouped((thing for thing in things if thing.units), _short_call):
        line = [(isinstance(thing, Cover), thing) for thing in alike]
        nested(
            line,
            lambda thing: thing.units,
            lambda a, b, units: groups.append(joined(a, b, units)),
        )
    return groups


def _short_call(thing: Cover | Vertical) -> Iterable[Hashable]:
    lot = thing.option if isinstance(thing, Cover) else thing.high
    return [(lot.board, lot.strike)]


def _inner(thing: Cover | Vertical) -> Decimal:
    if isinstance(thing, Cover):
        return thing.option.strike
    return thing.low.strike if thing.kind == "call" else thing.high.strike


def _group(thing: Cover | Vertical) -> Iterable[Hashable]:
    return [thing.legs[0].board]


def _group_and_size(thing: Cover | Vertical) -> Iterable[Hashable]:
    return [(thing.legs[0].board, thing.units)]


def covered_strangles(covers_: Iterable[Cover], lots: Iterable[Lot]) -> list[Group]:
    """Covered calls with a single short put of the same expiration; the covers keep the rest."""
    groups: list[Group] = []

    def join(first: Single, second: Single, units: Decimal) -> None:
        for thing, other in ((first, second), (second, first)):
            if isinstance(thing, Cover) and isinstance(other, Lot):
                cover = thing.take(units)
                other.left -= units
                groups.append(Group((*cover.legs, other), units, cover.shares))

    calls = [cover for cover in covers_ if cover.option.kind == "call" and cover.option.sign < 0]
    puts = [lot for lot in free(lots) if lot.kind == "put" and lot.sign < 0]
    if not calls or not puts:
        return groups
    every: list[Single] = [*calls, *puts]
    for keys in (_same_size, _same_board):
        for opening in ("put", "call"):
            for alike in grouped((thing for thing in every if _amount(thing)), keys):
                alike.sort(
                    key=lambda thing: (_option(thing).strike, _option(thing).kind != opening)
                )
                nested(((_option(thing).kind == opening, thing) for thing in alike), _amount, join)
    return groups


def _option(thing: Single) -> Lot:
    return thing.option if isinstance(thing, Cover) else thing


def _amount(thing: Single) -> Decimal:
    return thing.units if isinstance(thing, Cover) else thing.left


def _same_board(thing: Single) -> Iterable[Hashable]:
    return [_option(thing).board]


def _same_size(thing: Single) -> Iterable[Hashable]:
    return [(_option(thing).board, _amount(thing))]


Keys = Callable[[Lot], Iterable[Hashable]]


def _pool(lot: Lot) -> Iterable[Hashable]:
    return [lot.pool]


def _board(lot: Lot) -> Iterable[Hashable]:
    return [lot.board]


def _board_and_size(lot: Lot) -> Iterable[Hashable]:
    return [(lot.board, lot.left)]
