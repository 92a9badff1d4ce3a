"""What two vertical spreads of one expiration make: butterflies, condors, boxes and Christmas trees."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal
from itertools import product

from variance_bridge_triage.strategies.groups import Group, joined
from variance_bridge_triage.strategies.line_matching import grouped, nested
from variance_bridge_triage.strategies.vertical_spreads import Vertical


def combined(spreads: list[Vertical]) -> list[Group]:
    """Christmas trees, butterflies, boxes, iron condors and condors; the spreads keep the rest.

    Four legs in one contract less come first: a shared middle strike is the strongest sign of one idea.
    """
    groups: list[Group] = []
    for on_board in grouped(_live(spreads), lambda spread: [spread.low.board]):
        for make in (_trees, _butterflies, _boxes, _irons, _inverted_irons, _condors):
            make(on_board, groups)
    return groups


def _join(groups: list[Group]) -> Callable[[Group, Group, Decimal], None]:
    return lambda a, b, units: groups.append(joined(a, b, units))


def _same_size(spread: Vertical) -> Iterable[Hashable]:
    return [spread.units]


def _same_shape(spread: Vertical) -> Iterable[Hashable]:
    return [(spread.units, spread.width)]


def _any_size(_spread: Vertical) -> Iterable[Hashable]:
    return [None]


def _units(group: Group) -> Decimal:
    return group.units


def _trees(spreads: list[Vertical], groups: list[Group]) -> None:
    """A spread that faces two of half its width: of calls the wide one is below, of puts it is above."""
    narrow = {
        (s.kind, s.rising, s.low.strike if s.kind == "call" else s.high.strike, s.width, s.units): s
        for s in spreads
    }
    for wide in spreads:
        inner = wide.high.strike if wide.kind == "call" else wide.low.strike
        two = narrow.get((wide.kind, not wide.rising, inner, wide.width / 2, wide.units * 2))
        if two is not None and wide.units and two.units:
            units = wide.units
            twice = two.take(units * 2).legs * 2
            groups.append(Group((*wide.take(units).legs, *twice), units))


def _butterflies(spreads: list[Vertical], groups: list[Group]) -> None:
    """Two spreads of one type that share the inner strike and face each other."""
    for keys in (_same_size, _any_size):
        for alike in grouped(_live(spreads), keys):
            above: dict[Hashable, list[Vertical]] = {}
            for spread in alike:
                key = (spread.kind, spread.low.strike, not spread.rising)
                above.setdefault(key, []).append(spread)
            for lower in alike:
                if facing := above.get((lower.kind, lower.high.strike, lower.rising)):
                    line = [(True, lower), *((False, upper) for upper in facing)]
                    nested(line, _units, _join(groups))


def _boxes(spreads: list[Vertical], groups: list[Group]) -> None:
    """A call and a put spread of the same two strikes that face each other."""
    for keys in (_same_size, _any_size):
        for alike in grouped(_live(spreads), keys):
            for box in grouped(alike, _frame):
                line = [(spread.kind == "call", spread) for spread in box]
                nested(sorted(line, key=lambda item: not item[0]), _units, _join(groups))


def _frame(spread: Vertical) -> Iterable[Hashable]:
    long_box = spread.rising == (spread.kind == "call")
    return [(spread.low.strike, spread.high.strike, long_box)]


def _irons(spreads: list[Vertical], groups: list[Group]) -> None:
    """A put spread below a call spread, facing each other."""
    _facing(spreads, groups, opening="put")


def _inverted_irons(spreads: list[Vertical], groups: list[Group]) -> None:
    """The same, rolled until the inner strike of the puts is above that of the calls."""
    _facing(spreads, groups, opening="call")


def _facing(spreads: list[Vertical], groups: list[Group], *, opening: str) -> None:
    for keys in (_same_shape, _same_size, _any_size):
        for alike in grouped(_live(spreads), keys):
            for rising_puts in (True, False):
                puts = [s for s in alike if s.kind == "put" and s.rising == rising_puts]
                calls = [s for s in alike if s.kind == "call" and s.rising != rising_puts]
                line = [(s.high.strike, opening != "put", s) for s in puts]
                line += [(s.low.strike, opening != "call", s) for s in calls]
                line.sort(key=lambda item: item[:2])
                nested(((not closes, s) for _k, closes, s in line), _units, _join(groups))


def _condors(spreads: list[Vertical], groups: list[Group]) -> None:
    """Two spreads of one type and size, one beside the other, facing each other."""
    for kind, keys in product(("call", "put"), (_same_shape, _same_size)):
        for alike in grouped((s for s in _live(spreads) if s.kind == kind), keys):
            waiting: list[Vertical] = []
            for spread in sorted(_live(alike), key=lambda spread: spread.low.strike):
                inner = waiting[-1] if waiting else None
                if inner is None or inner.rising == spread.rising:
                    waiting.append(spread)
                elif inner.high.strike < spread.low.strike:
                    waiting.pop()
                    groups.append(joined(inner, spread, spread.units))


def _live(spreads: list[Vertical]) -> list[Vertical]:
    return [spread for spread in spreads if spread.units]
