"""Spreads with single options beside them: ratio spreads, lizards, seagulls and ladders."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

from variance_bridge_triage.strategies.groups import Group, free
from variance_bridge_triage.strategies.line_matching import grouped, nested
from variance_bridge_triage.strategies.lots import Lot
from variance_bridge_triage.strategies.strategy_names import Strategies
from variance_bridge_triage.strategies.vertical_spreads import Vertical

_MAX_RATIO = 5


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


def _ratio(spread: Vertical, surplus: Lot, other: Lot) -> Group | None:
    larger, smaller = surplus.quantity, other.quantity
    whole = surplus.left and larger == spread.units + surplus.left and smaller == spread.units
    if not whole:
        return None
    ratio = Fraction(larger) / Fraction(smaller)
    if ratio.numerator > _MAX_RATIO:
        return None
    legs = (*[other] * ratio.denominator, *[surplus] * ratio.numerator)
    return Group(legs, smaller / ratio.denominator)


SpreadOrLot = Vertical | Lot


def lizards(spreads: Iterable[Vertical], lots: Iterable[Lot]) -> list[Group]:
    """A spread that was sold, with as many single short options of the other type."""
    return _with_short([s for s in spreads if s.units and not _bought(s)], lots)


def seagulls(spreads: Iterable[Vertical], lots: Iterable[Lot]) -> list[Group]:
    """A spread that was bought, with as many single short options of the other type."""
    return _with_short([s for s in spreads if s.units and _bought(s)], lots)


def _bought(spread: Vertical) -> bool:
    return spread.rising == (spread.kind == "call")


def _with_short(spreads: list[Vertical], lots: Iterable[Lot]) -> list[Group]:
    groups: list[Group] = []
    short = [lot for lot in free(lots) if lot.sign < 0]
    join = _joining(groups)
    for kind in ("call", "put"):
        singles = [lot for lot in short if lot.kind != kind]
        every: list[SpreadOrLot] = [*(s for s in spreads if s.kind == kind), *singles]
        for alike in grouped(every, _board_and_amount):
            alike.sort(key=lambda thing: (_inner(thing).strike, thing.kind == "call"))
            nested(((thing.kind == "put", thing) for thing in alike), _amount, join)
    return groups


def ladders(spreads: Iterable[Vertical], lots: Iterable[Lot]) -> list[Group]:
    """A spread with as many more of its outer leg's side beyond that leg; of bought put spreads twice as many too."""
    groups: list[Group] = []
    for times in (1, 2):
        lines = [s for s in spreads if s.units and (times == 1 or _is_bought_put(s))]
        every: list[SpreadOrLot] = [*lines, *free(lots)]
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


def _outer(thing: SpreadOrLot) -> Lot:
    if isinstance(thing, Lot):
        return thing
    return thing.high if thing.kind == "call" else thing.low


def _outer_and_amount(times: int) -> Callable[[SpreadOrLot], Iterable[Hashable]]:
    amount = _amount_times(times)
    return lambda thing: [(_outer(thing).board, thing.kind, _outer(thing).sign, amount(thing))]


def _amount_times(times: int) -> Callable[[SpreadOrLot], Decimal]:
    return lambda thing: thing.units * times if isinstance(thing, Vertical) else thing.left


def _joining(
    groups: list[Group], times: int = 1
) -> Callable[[SpreadOrLot, SpreadOrLot, Decimal], None]:
    """Joins a spread with `times` as many of an option, given the number of options."""

    def join(first: SpreadOrLot, second: SpreadOrLot, amount: Decimal) -> None:
        for thing, other in ((first, second), (second, first)):
            if isinstance(thing, Vertical) and isinstance(other, Lot):
                other.left -= amount
                spread = thing.take(amount / times)
                groups.append(Group((*spread.legs, *[other] * times), spread.units))

    return join


def _inner(thing: SpreadOrLot) -> Lot:
    if isinstance(thing, Lot):
        return thing
    return thing.high if thing.kind == "put" else thing.low


def _amount(thing: SpreadOrLot) -> Decimal:
    return thing.units if isinstance(thing, Vertical) else thing.left


def _board_and_amount(thing: SpreadOrLot) -> Iterable[Hashable]:
    return [(_inner(thing).board, _amount(thing))]
