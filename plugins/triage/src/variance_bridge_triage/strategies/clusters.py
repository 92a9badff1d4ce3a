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
from variance_bridge_triage.strategies.lots import Lot, merge
from variance_bridge_triage.strategies.parts_and_groups import Group, Part
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
            for found in _of_root(root, list(lots), today, names)
        )


def _of_root(root: str, lots: Sequence[Lot], today: date, table: Strategies) -> list[Cluster]:
    index = {lot: place for place, lot in enumerate(lots)}
    groups = _group(_parts(lots), today, table)
    drawn: dict[Lot, Decimal] = {}
    return [
        _drawn(root, name, alike, index, drawn)
        for name, alike in _alike(groups, index, today, table)
    ]


def _parts(lots: Sequence[Lot]) -> list[Part]:
    numbers: dict[object, int] = {}
    return [Part.of(lot, numbers) for lot in lots]


def _group(parts: list[Part], today: date, table: Strategies) -> list[Group]:
    """In the order of what is certain: first what covers itself, then what leaves a side open, then what is left."""
    groups = offsetting(parts)
    spreads = verticals(parts)
    groups += combined(spreads)
    calendars = time_spreads(parts)
    groups += jelly_rolls(calendars, parts)
    groups += doubled(calendars)
    collars, covers = covered(parts)
    groups += [*collars, *spread_collars(covers, spreads), *stock_repairs(covers, spreads)]
    groups += ratios(spreads, table, today)
    groups += lizards(spreads, parts)
    groups += covered_strangles(covers, parts)
    groups += reverse_doubles(parts)
    groups += straps(parts)
    groups += puts_with_calls(parts)
    groups += ladders(spreads, parts)
    groups += seagulls(spreads, parts)
    groups += risk_reversals(parts)
    groups += reverse_time_spreads(parts)
    groups += futures_calendars(parts)
    groups += [*spreads, *calendars, *covers]
    groups += [Group((part,), part.left) for part in parts if part.left]
    return [group for group in groups if group.units]


_Likeness = tuple[tuple[tuple[int, ...], str], tuple[Decimal, ...]]
"""Places of the contracts and the name, by which clusters are ordered; and the proportions of the contracts."""


def _alike(
    groups: Iterable[Group], index: dict[Lot, int], today: date, table: Strategies
) -> Iterator[tuple[str, Sequence[Group]]]:
    """Groups of the same contracts in the same proportion, with their name, in the order of their first legs."""
    found: dict[_Likeness, Group | list[Group]] = {}
    for group in groups:
        name = table.name(group.members(), today) or UNNAMED
        places, proportions = zip(*sorted(_proportions(group, index).items()), strict=True)
        likeness = (places, name), proportions
        there = found.setdefault(likeness, group)
        # A group that no other is like stays bare: lists would be as many as there are clusters.
        if isinstance(there, list):
            there.append(group)
        elif there is not group:
            found[likeness] = [there, group]
    for likeness in sorted(found, key=itemgetter(0)):
        alike = found[likeness]
        (_places, name), _proportions_ = likeness
        yield name, alike if isinstance(alike, list) else (alike,)


def _proportions(group: Group, index: dict[Lot, int]) -> dict[int, Decimal]:
    """Quantity of each contract per unit."""
    amounts: dict[int, Decimal] = {}
    for lot, quantity in _quantities(group):
        place = index[lot]
        amounts[place] = amounts.get(place, Decimal(0)) + quantity / group.units
    return amounts


def _quantities(group: Group) -> list[tuple[Lot, Decimal]]:
    options = [(part.lot, group.units) for part in group.legs]
    return options + [(part.lot, quantity) for part, quantity in group.shares]


def _drawn(
    root: str,
    name: str,
    alike: Sequence[Group],
    index: dict[Lot, int],
    drawn: dict[Lot, Decimal],
) -> Cluster:
    """Groups that are alike as one cluster, its legs drawn from the lots behind what was drawn before."""
    quantities: dict[Lot, Decimal] = {}
    for group in alike:
        for lot, quantity in _quantities(group):
            quantities[lot] = quantities.get(lot, Decimal(0)) + quantity
    legs: list[Holding] = []
    for lot in sorted(quantities, key=index.__getitem__):
        start = drawn.get(lot, Decimal(0))
        end = drawn[lot] = start + quantities[lot]
        legs += lot.drawn(start, end)
    units = sum((group.units for group in alike), Decimal(0))
    return Cluster(root=root, strategy=name, units=units, legs=tuple(legs))
