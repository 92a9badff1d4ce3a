"""Legs into strategies.

The risk that is left unexplained is made as small as it can be: short options are covered by long ones of the same
expiration, then of a later one, then by shares. Only then are uncovered options put together. What remains stays alone;
unequal numbers are split, never misnamed.

Every contract of every position ends up in exactly one cluster. The order of the rows, their division into lots and the days
on which these were opened change nothing: brokers' exports often do not state the days, and one portfolio is the same
strategies whichever way it was read. The work grows with n log n.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from variance_bridge.model import Holding
from variance_bridge.money import exactly
from variance_bridge_triage.strategies.butterflies_and_condors import combined
from variance_bridge_triage.strategies.calendars import (
    doubled,
    futures_calendars,
    jelly_rolls,
    reverse_doubles,
    reverse_time_spreads,
    time_spreads,
)
from variance_bridge_triage.strategies.covered_options import (
    covered,
    covered_strangles,
    spread_collars,
    stock_repairs,
)
from variance_bridge_triage.strategies.groups import Group
from variance_bridge_triage.strategies.lots import Lot, merge
from variance_bridge_triage.strategies.ratios_lizards_ladders import (
    ladders,
    lizards,
    ratios,
    seagulls,
)
from variance_bridge_triage.strategies.straddles_and_strangles import (
    puts_with_calls,
    risk_reversals,
    straps,
)
from variance_bridge_triage.strategies.strategy_names import Strategies, strategies
from variance_bridge_triage.strategies.vertical_spreads import offsetting, verticals

UNNAMED = "Custom/Combo"
"""What a kind of instrument that the table does not know is called."""


class Cluster(Struct, frozen=True, kw_only=True):
    """Legs that are one strategy.

    Attributes:
        root: what they are grouped under (`Holding.root`).
        strategy: its name in strategy_names.toml.
        units: how many times the strategy is held.
        legs: the positions, or the parts of positions, that belong to it; amounts are those of the part. Legs of one
            contract that were opened on different days are legs of their own.
    """

    root: str
    strategy: str
    units: Decimal
    legs: tuple[Holding, ...]


def cluster(
    positions: Iterable[Holding], today: date, table: Strategies | None = None
) -> tuple[Cluster, ...]:
    """The strategies that the positions are, by root, expiration and strike.

    Args:
        positions: of one account.
        today: in New York; only the difference between a diagonal and a "poor man's" cover depends on it.
        table: of strategies; the shipped one by default.
    """
    names = table or strategies()
    with exactly():
        return tuple(
            found
            for root, lots in groupby(merge(positions), key=lambda lot: lot.holding.root)
            for found in _of_root(root, _group(list(lots), today, names), today, names)
        )


def _of_root(root: str, groups: list[Group], today: date, table: Strategies) -> list[Cluster]:
    return [
        _drawn(root, name, alike)
        for _place, same in groupby(_taken_from(groups), key=_first_place)
        for name, alike in _alike(list(same), today, table)
    ]


def _taken_from(groups: list[Group]) -> Iterator[Group]:
    """In the order of their first legs. The list keeps none: a group and its lots are gone when their legs are drawn."""
    groups.sort(key=_first_place)
    groups.reverse()
    while groups:
        yield groups.pop()


def _group(lots: Sequence[Lot], today: date, table: Strategies) -> list[Group]:
    """In the order of what is certain: first what covers itself, then what leaves a side open, then what is left."""
    groups = offsetting(lots)
    spreads = verticals(lots)
    groups += combined(spreads)
    calendars = time_spreads(lots)
    groups += jelly_rolls(calendars, lots)
    groups += doubled(calendars)
    collars, covers = covered(lots)
    groups += [*collars, *spread_collars(covers, spreads), *stock_repairs(covers, spreads)]
    lots = [lot for lot in lots if lot.left]  # what follows looks through them time and again
    groups += ratios(spreads, table, today)
    groups += lizards(spreads, lots)
    groups += covered_strangles(covers, lots)
    groups += reverse_doubles(lots)
    groups += straps(lots)
    groups += puts_with_calls(lots)
    groups += ladders(spreads, lots)
    groups += seagulls(spreads, lots)
    groups += risk_reversals(lots)
    groups += reverse_time_spreads(lots)
    groups += futures_calendars(lots)
    groups += [*spreads, *calendars, *covers]
    groups += [Group((lot,), lot.left) for lot in lots if lot.left]
    return [group for group in groups if group.units]


def _first_place(group: Group) -> int:
    return min(lot.place for lot, _quantity in _quantities(group))


def _alike(
    groups: Sequence[Group], today: date, table: Strategies
) -> Iterator[tuple[str, Sequence[Group]]]:
    """Of groups with one first leg those of the same contracts in the same proportion, with their name, in order."""
    names = [table.name(group.members(), today) or UNNAMED for group in groups]
    if len(groups) == 1:
        yield names[0], groups
        return
    found: dict[tuple[tuple[int, ...], str, tuple[Decimal, ...]], list[Group]] = {}
    for name, group in zip(names, groups, strict=True):
        places, proportions = zip(*sorted(_proportions(group).items()), strict=True)
        found.setdefault((places, name, proportions), []).append(group)
    for likeness in sorted(found, key=itemgetter(0, 1)):
        yield likeness[1], found[likeness]


def _proportions(group: Group) -> dict[int, Decimal]:
    """Quantity of each contract per unit."""
    amounts: dict[int, Decimal] = {}
    for lot, quantity in _quantities(group):
        amounts[lot.place] = amounts.get(lot.place, Decimal(0)) + quantity / group.units
    return amounts


def _quantities(group: Group) -> list[tuple[Lot, Decimal]]:
    options = [(lot, group.units) for lot in group.legs]
    return [*options, *group.shares]


def _drawn(root: str, name: str, alike: Sequence[Group]) -> Cluster:
    """Groups that are alike as one cluster, its legs drawn from the lots behind what was drawn before."""
    quantities: dict[Lot, Decimal] = {}
    for group in alike:
        for lot, quantity in _quantities(group):
            quantities[lot] = quantities.get(lot, Decimal(0)) + quantity
    legs: list[Holding] = []
    for lot in sorted(quantities, key=lambda lot: lot.place):
        legs += lot.draw(quantities[lot])
    units = sum((group.units for group in alike), Decimal(0))
    return Cluster(root=root, strategy=name, units=units, legs=tuple(legs))
