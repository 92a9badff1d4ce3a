"""What is left when everything that covers something is found: uneven spreads, and puts with calls."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from variance_bridge_triage.strategies.line_matching import Point, grouped, nearest, nested
from variance_bridge_triage.strategies.spreads import Vertical
from variance_bridge_triage.strategies.strategy_names import Strategies
from variance_bridge_triage.strategies.working_lots import Group, Part, free, neighbours, pair

_MAX_RATIO = 5

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
    larger, smaller = surplus.lot.quantity, other.lot.quantity
    whole = surplus.left and larger == spread.units + surplus.left and smaller == spread.units
    if not whole:
        return None
    ratio = Fraction(larger) / Fraction(smaller)
    if ratio.numerator > _MAX_RATIO:
        return None
    legs = ((other, ratio.denominator), (surplus, ratio.numerator))
    return Group(legs, smaller / ratio.denominator)


SpreadOrPart = Vertical | Part


def lizards(spreads: Iterable[Vertical], parts: Iterable[Part]) -> list[Group]:
    """A spread that was sold, with as many single short options of the other type."""
    return _with_short([s for s in spreads if s.units and not _bought(s)], parts)


def seagulls(spreads: Iterable[Vertical], parts: Iterable[Part]) -> list[Group]:
    """A spread that was bought, with as many single short options of the other type."""
    return _with_short([s for s in spreads if s.units and _bought(s)], parts)


def _bought(spread: Vertical) -> bool:
    return spread.rising == (spread.kind == "call")


def _with_short(spreads: list[Vertical], parts: Iterable[Part]) -> list[Group]:
    groups: list[Group] = []
    short = [part for part in free(parts) if part.sign < 0]
    join = _joining(groups)
    for kind in ("call", "put"):
        singles = [part for part in short if part.kind != kind]
        every: list[SpreadOrPart] = [*(s for s in spreads if s.kind == kind), *singles]
        for alike in grouped(every, _board_and_amount):
            alike.sort(key=lambda thing: (_inner(thing).strike, thing.kind == "call"))
            nested(((thing.kind == "put", thing) for thing in alike), _amount, join)
    return groups


def ladders(spreads: Iterable[Vertical], parts: Iterable[Part]) -> list[Group]:
    """A spread with as many more of its outer leg's side beyond that leg; of bought put spreads twice as many too."""
    groups: list[Group] = []
    for times in (1, 2):
        lines = [s for s in spreads if s.units and (times == 1 or _is_bought_put(s))]
        every: list[SpreadOrPart] = [*lines, *free(parts)]
        for alike in grouped(every, _outer_and_amount(times)):
            calls = alike[0].kind == "call"
            # Of one strike the option stands before the spread, which it cannot join: that would be a ratio.
            alike.sort(
                key=lambda thing: (_outer(thing).strike, isinstance(thing, Vertical) == calls),
                reverse=not calls,
            )
            line = [(isinstance(thing, Vertical), thing) for thing in alike]
            nested(line, _amount_times(times), _joining(groups, times))
    return groups


def _is_bought_put(spread: Vertical) -> bool:
    return spread.kind == "put" and _bought(spread)


def _outer(thing: SpreadOrPart) -> Part:
    if isinstance(thing, Part):
        return thing
    return thing.high if thing.kind == "call" else thing.low


def _outer_and_amount(times: int) -> Callable[[SpreadOrPart], Iterable[Hashable]]:
    amount = _amount_times(times)
    return lambda thing: [(_outer(thing).board, thing.kind, _outer(thing).sign, amount(thing))]


def _amount_times(times: int) -> Callable[[SpreadOrPart], Decimal]:
    return lambda thing: thing.units * times if isinstance(thing, Vertical) else thing.left


def _joining(
    groups: list[Group], times: int = 1
) -> Callable[[SpreadOrPart, SpreadOrPart, Decimal], None]:
    """Joins a spread with `times` as many of an option, given the number of options."""

    def join(first: SpreadOrPart, second: SpreadOrPart, amount: Decimal) -> None:
        for thing, other in ((first, second), (second, first)):
            if isinstance(thing, Vertical) and isinstance(other, Part):
                other.left -= amount
                spread = thing.take(amount / times)
                groups.append(Group((*spread.legs, (other, times)), spread.units))

    return join


def _inner(thing: SpreadOrPart) -> Part:
    if isinstance(thing, Part):
        return thing
    return thing.high if thing.kind == "put" else thing.low


def _amount(thing: SpreadOrPart) -> Decimal:
    return thing.units if isinstance(thing, Vertical) else thing.left


def _board_and_amount(thing: SpreadOrPart) -> Iterable[Hashable]:
    return [(_inner(thing).board, _amount(thing))]


def straps(parts: Iterable[Part]) -> list[Group]:
    """Straddles with one option twice, where nothing else of their side is left on the board."""
    groups: list[Group] = []
    for alike in grouped(neighbours(parts), lambda part: [(part.board, part.sign)]):
        if len(alike) != 2 or alike[0].strike != alike[1].strike or alike[0].kind == alike[1].kind:
            continue
        one, two = sorted(alike, key=lambda part: part.left)
        if two.left == 2 * one.left:
            groups.append(Group(((one, 1), (two, 2)), one.left))
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


def futures_calendars(parts: Iterable[Part]) -> list[Group]:
    """Futures of one product and size, one bought and one sold, of neighbouring months."""
    groups: list[Group] = []
    futures = [part for part in parts if part.kind == "future" and part.left]
    for line in grouped(futures, _product):
        line.sort(key=lambda part: _month(part.lot.holding.symbol))
        points = [Point(Decimal(place), part.sign * part.left) for place, part in enumerate(line)]
        for i, j, units in nearest(points):
            groups.append(pair(line[i], line[j], units))
    return groups


def _product(part: Part) -> Iterable[Hashable]:
    return [(part.lot.holding.multiplier, part.lot.holding.currency)]


def _month(symbol: str) -> tuple[str, str]:
    """Year and month as the symbol has them: months are lettered in the order of the alphabet."""
    product_and_month = symbol.rstrip("0123456789")
    return symbol[len(product_and_month) :], product_and_month[-1:]


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
