"""Single puts with single calls of one expiration: straddles, strangles, straps, synthetics and risk reversals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from decimal import Decimal

from variance_bridge_triage.strategies.line_matching import grouped, nested
from variance_bridge_triage.strategies.parts_and_groups import Group, Part, free, neighbours, pair

Keys = Callable[[Part], Iterable[Hashable]]


def straps(parts: Iterable[Part]) -> list[Group]:
    """Straddles with one option twice, where nothing else of their side is left on the board."""
    groups: list[Group] = []
    for alike in grouped(neighbours(parts), lambda part: [(part.board, part.sign)]):
        if len(alike) != 2 or alike[0].strike != alike[1].strike or alike[0].kind == alike[1].kind:
            continue
        one, two = sorted(alike, key=lambda part: part.left)
        if two.left == 2 * one.left:
            groups.append(Group((one, two, two), one.left))
            one.left = two.left = Decimal(0)
    return groups


def puts_with_calls(parts: Iterable[Part]) -> list[Group]:
    """Single puts with single calls of one expiration: synthetics, straddles, strangles; equal numbers first."""
    groups: list[Group] = []
    options = neighbours(parts)
    for keys in (_size, _board):
        for alike in grouped(free(options), keys):
            _synthetics(alike, groups)
    for keys in (_size, _board):
        _strangles(options, keys, groups)
    return groups


def _synthetics(alike: list[Part], groups: list[Group]) -> None:
    def strike_and_direction(part: Part) -> Iterable[Hashable]:
        return [(part.strike, part.sign == (1 if part.kind == "call" else -1))]

    for same in grouped(alike, strike_and_direction):
        _enclose(same, "put", groups)


def _strangles(parts: Iterable[Part], keys: Keys, groups: list[Group]) -> None:
    """The put not above the call first; what is left the other way round."""
    for alike in grouped(free(parts), lambda part: [(key, part.sign) for key in keys(part)]):
        for opening in ("put", "call"):
            _enclose(alike, opening, groups)


def risk_reversals(parts: Iterable[Part]) -> list[Group]:
    """Single puts below single calls, one bought and one sold, equal in number: they cover nothing, so they come last."""
    groups: list[Group] = []
    for alike in grouped(neighbours(parts), _size):
        for rising in (True, False):
            same = [part for part in alike if (part.sign > 0) == ((part.kind == "call") == rising)]
            _enclose(same, "put", groups)
    return groups


def _enclose(parts: list[Part], opening: str, groups: list[Group]) -> None:
    line = sorted(
        (part for part in parts if part.left), key=lambda part: (part.strike, part.kind != opening)
    )
    nested(
        ((part.kind == opening, part) for part in line),
        lambda part: part.left,
        lambda a, b, units: groups.append(pair(a, b, units)),
    )


def _board(part: Part) -> Iterable[Hashable]:
    return [part.board]


def _size(part: Part) -> Iterable[Hashable]:
    return [(part.board, part.left)]
