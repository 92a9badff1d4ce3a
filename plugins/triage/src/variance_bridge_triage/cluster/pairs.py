"""What is left when everything that covers something is found: one order's uneven spreads, and puts with calls."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from variance_bridge_triage.cluster.groups import Group, Part, free, neighbours, pair
from variance_bridge_triage.cluster.pairing import grouped, nested
from variance_bridge_triage.cluster.spreads import Vertical
from variance_bridge_triage.cluster.strategies import Strategies

_MAX_RATIO = 3

Keys = Callable[[Part], Iterable[Hashable]]


def ratios(spreads: Iterable[Vertical], table: Strategies, today: date) -> list[Group]:
    """Spreads of which one leg was traded in a larger number: ratio spreads, backspreads, ZEBRAs.

    Only when the two legs are nothing else: both wholly in this spread but for the surplus of the one. Otherwise the
    spread and the surplus stay apart.
    """
    groups = []
    for spread in spreads:
        for surplus, other in ((spread.low, spread.high), (spread.high, spread.low)):
            found = _ratio(spread, surplus, other)
            if found is not None and table.name(found.members(), today):
                surplus.left = Decimal(0)
                spread.units = Decimal(0)
                groups.append(found)
    return groups


def _ratio(spread: Vertical, surplus: Part, other: Part) -> Group | None:
    larger, smaller = surplus.lot.holding.quantity, other.lot.holding.quantity
    whole = surplus.left and larger == spread.units + surplus.left and smaller == spread.units
    if not whole:
        return None
    ratio = Fraction(larger) / Fraction(smaller)
    if ratio.numerator > _MAX_RATIO:
        return None
    legs = ((other, ratio.denominator), (surplus, ratio.numerator))
    return Group(legs, smaller / ratio.denominator)


Sold = Vertical | Part


def lizards(spreads: Iterable[Vertical], parts: Iterable[Part]) -> list[Group]:
    """A spread that was sold with a single short option of the other type, in one order and in equal number."""
    groups: list[Group] = []

    def join(first: Sold, second: Sold, units: Decimal) -> None:
        for thing, other in ((first, second), (second, first)):
            if isinstance(thing, Vertical) and isinstance(other, Part):
                thing.units -= units
                other.left -= units
                groups.append(Group((*thing.legs, (other, 1)), units))

    one_order = [spread for spread in spreads if spread.units and len(spread.days) == 1]
    for kind in ("call", "put"):
        sold = [s for s in one_order if s.kind == kind and s.rising == (kind == "put")]
        naked = [part for part in free(parts) if part.kind != kind and part.sign < 0]
        every: list[Sold] = [*sold, *naked]
        for alike in grouped(every, _one_order):
            alike.sort(key=lambda thing: (_inner(thing).strike, thing.kind == "call"))
            nested(((thing.kind == "put", thing) for thing in alike), _amount, join)
    return groups


def _inner(thing: Sold) -> Part:
    if isinstance(thing, Part):
        return thing
    return thing.high if thing.kind == "put" else thing.low


def _amount(thing: Sold) -> Decimal:
    return thing.units if isinstance(thing, Vertical) else thing.left


def _one_order(thing: Sold) -> Iterable[Hashable]:
    return [(_inner(thing).board, _inner(thing).day, _amount(thing))]


def puts_with_calls(parts: Iterable[Part]) -> list[Group]:
    """Single puts with single calls of one expiration: synthetics, straddles, strangles, risk reversals.

    Legs of one day go first, legs of one size before others. A risk reversal covers nothing, so it is seen only where
    both legs are known to be of one day and are equal in number.
    """
    groups: list[Group] = []
    options = neighbours(parts)
    for keys in (_day_and_size, _day, _size, _board):
        for alike in grouped(free(options), keys):
            _synthetics(alike, groups)
    for keys in (_day_and_size, _day):
        _strangles(options, keys, groups)
    for alike in grouped(free(options), _day_and_size):
        if alike[0].day is not None:
            _risk_reversals(alike, groups)
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


def _risk_reversals(alike: list[Part], groups: list[Group]) -> None:
    for rising in (True, False):
        same = [part for part in alike if (part.sign > 0) == ((part.kind == "call") == rising)]
        _enclose(same, "put", groups)


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


def _day(part: Part) -> Iterable[Hashable]:
    return [(part.board, part.day)]


def _day_and_size(part: Part) -> Iterable[Hashable]:
    return [(part.board, part.day, part.left)]
