"""Single puts with single calls of one expiration: straddles, strangles, straps, synthetics and risk reversals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal

from variance_bridge_triage.strategies.groups import Group, free, neighbours, pair
from variance_bridge_triage.strategies.line_matching import grouped, nested
from variance_bridge_triage.strategies.lots import Lot

Keys = Callable[[Lot], Iterable[Hashable]]


def straps(lots: Iterable[Lot]) -> list[Group]:
    """Straddles with one option twice, where nothing else of their side is left on the board."""
    groups: list[Group] = []
    for alike in grouped(neighbours(lots), lambda lot: [(lot.board, lot.sign)]):
        if len(alike) != 2 or alike[0].strike != alike[1].strike or alike[0].kind == alike[1].kind:
            continue
        one, two = sorted(alike, key=lambda lot: lot.left)
        if two.left == 2 * one.left:
            groups.append(Group((one, two, two), one.left))
            one.left = two.left = Decimal(0)
    return groups


def puts_with_calls(lots: Iterable[Lot]) -> list[Group]:
    """Single puts with single calls of one expiration: synthetics, straddles, strangles; equal numbers first."""
    groups: list[Group] = []
    options = neighbours(lots)
    for keys in (_size, _board):
        for alike in grouped(free(options), keys):
            _synthetics(alike, groups)
    for keys in (_size, _board):
        _strangles(options, keys, groups)
    return groups


def _synthetics(alike: list[Lot], groups: list[Group]) -> None:
    def strike_and_direction(lot: Lot) -> Iterable[Hashable]:
        return [(lot.strike, lot.sign == (1 if lot.kind == "call" else -1))]

    for same in grouped(alike, strike_and_direction):
        _enclose(same, "put", groups)


def _strangles(lots: Iterable[Lot], keys: Keys, groups: list[Group]) -> None:
    """The put not above the call first; what is left the other way round."""
    for alike in grouped(free(lots), lambda lot: [(key, lot.sign) for key in keys(lot)]):
        for opening in ("put", "call"):
            _enclose(alike, opening, groups)


def risk_reversals(lots: Iterable[Lot]) -> list[Group]:
    """Single puts below single calls, one bought and one sold, equal in number: they cover nothing, so they come last."""
    groups: list[Group] = []
    for alike in grouped(neighbours(lots), _size):
        for rising in (True, False):
            same = [lot for lot in alike if (lot.sign > 0) == ((lot.kind == "call") == rising)]
            _enclose(same, "put", groups)
    return groups


def _enclose(lots: list[Lot], opening: str, groups: list[Group]) -> None:
    line = sorted(
        (lot for lot in lots if lot.left), key=lambda lot: (lot.strike, lot.kind != opening)
    )
    nested(
        ((lot.kind == opening, lot) for lot in line),
        lambda lot: lot.left,
        lambda a, b, units: groups.append(pair(a, b, units)),
    )


def _board(lot: Lot) -> Iterable[Hashable]:
    return [lot.board]


def _size(lot: Lot) -> Iterable[Hashable]:
    return [(lot.board, lot.left)]
