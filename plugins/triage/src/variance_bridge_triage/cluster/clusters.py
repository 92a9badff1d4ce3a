"""Legs into strategies.

Legs of one order come first: what was opened on one day and covers itself is put together before anything else. Then the
risk that is left unexplained is made as small as it can be: short options are covered by long ones of the same expiration,
then of a later one, then by shares, whatever the day. Only then are uncovered options put together, one order before others.
What remains stays alone; unequal numbers are split, never misnamed.

Every contract of every position ends up in exactly one cluster. The order of the rows and their division into lots change
nothing. The work grows with n log n.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Context, Decimal, localcontext
from itertools import groupby

import attrs

from variance_bridge.model import Holding
from variance_bridge_triage.cluster.calendars import TimeSpread, doubled, time_spreads
from variance_bridge_triage.cluster.covers import Cover, collars, covered, covered_strangles
from variance_bridge_triage.cluster.groups import Group, Part
from variance_bridge_triage.cluster.lots import Lot, merge, share
from variance_bridge_triage.cluster.pairing import grouped
from variance_bridge_triage.cluster.pairs import lizards, puts_with_calls, ratios
from variance_bridge_triage.cluster.spreads import Vertical, combined, offsetting, verticals
from variance_bridge_triage.cluster.strategies import Strategies, strategies

UNNAMED = "Custom/Combo"
"""What a kind of instrument that the table does not know is called."""

_EXACT = Context(prec=1000)


@attrs.frozen(kw_only=True)
class Cluster:
    """Legs that are one strategy.

    Attributes:
        root: what they are grouped under (`Holding.root`).
        strategy: its name in strategies.toml.
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
    with localcontext(_EXACT):
        return tuple(
            found
            for root, lots in groupby(merge(positions), key=lambda lot: lot.holding.root)
            for found in _of_root(root, list(lots), today, names)
        )


def _of_root(root: str, lots: Sequence[Lot], today: date, table: Strategies) -> list[Cluster]:
    parts = [Part.of(lot) for lot in lots]
    groups = _group(parts, today, table)
    return _drawn(root, groups, {lot: index for index, lot in enumerate(lots)}, today, table)


@attrs.define
class _Covered:
    """What covers itself, so far."""

    done: list[Group] = attrs.field(factory=list)
    spreads: list[Vertical] = attrs.field(factory=list)
    time_spreads: list[TimeSpread] = attrs.field(factory=list)
    covers: list[Cover] = attrs.field(factory=list)

    def find(self, parts: Sequence[Part], *, one_order: bool) -> None:
        """Take from the parts whatever covers itself; what was found before and was opened on the same day may grow."""
        self.done += offsetting(parts)
        self.spreads += verticals(parts)
        self.done += combined(self.spreads)
        self.time_spreads += time_spreads(parts, one_order=one_order)
        self.done += doubled(self.time_spreads)
        self.covers += covered(parts)
        self.done += collars(self.covers, parts)


def _group(parts: list[Part], today: date, table: Strategies) -> list[Group]:
    found = _Covered()
    for order in grouped(parts, lambda part: [part.day]):
        if order[0].day is not None:
            of_order = _Covered()
            of_order.find(order, one_order=True)
            found.done += of_order.done
            found.spreads += of_order.spreads
            found.time_spreads += of_order.time_spreads
            found.covers += of_order.covers
    found.find(parts, one_order=False)
    groups = found.done
    groups += ratios(found.spreads, table, today)
    groups += lizards(found.spreads, parts)
    groups += covered_strangles(found.covers, parts)
    groups += puts_with_calls(parts)
    groups += [*found.spreads, *found.time_spreads, *found.covers]
    groups += [Group(((part, 1),), part.left) for part in parts if part.left]
    return [group for group in groups if group.units]


def _drawn(
    root: str, groups: Sequence[Group], index: dict[Lot, int], today: date, table: Strategies
) -> list[Cluster]:
    """Groups of the same contracts in the same proportion as one cluster, in the order of their first legs."""
    contracts: dict[tuple[object, ...], int] = {}
    for lot, place in index.items():
        contracts.setdefault(lot.contract, place)
    merged: dict[tuple[object, ...], _Sum] = {}
    for group in groups:
        name = table.name(group.members(), today) or UNNAMED
        proportions = sorted(_proportions(group, contracts).items())
        merged.setdefault((name, *proportions), _Sum(name)).add(group)
    sums = sorted(merged.values(), key=lambda found: found.order(index))
    drawn: dict[Lot, Decimal] = {}
    return [found.cluster(root, index, drawn) for found in sums]


def _proportions(group: Group, contracts: dict[tuple[object, ...], int]) -> dict[int, Decimal]:
    """Quantity of each contract per unit."""
    amounts: dict[int, Decimal] = {}
    for lot, quantity in _quantities(group):
        place = contracts[lot.contract]
        amounts[place] = amounts.get(place, Decimal(0)) + quantity / group.units
    return amounts


def _quantities(group: Group) -> list[tuple[Lot, Decimal]]:
    options = [(part.lot, ratio * group.units) for part, ratio in group.legs]
    return options + [(part.lot, quantity) for part, quantity in group.shares]


@attrs.define(eq=False)
class _Sum:
    name: str
    units: Decimal = Decimal(0)
    quantities: dict[Lot, Decimal] = attrs.field(factory=dict)

    def add(self, group: Group) -> None:
        """Count one more group in."""
        self.units += group.units
        for lot, quantity in _quantities(group):
            self.quantities[lot] = self.quantities.get(lot, Decimal(0)) + quantity

    def order(self, index: dict[Lot, int]) -> tuple[list[int], str]:
        """Where it stands among the clusters."""
        return sorted(index[lot] for lot in self.quantities), self.name

    def cluster(self, root: str, index: dict[Lot, int], drawn: dict[Lot, Decimal]) -> Cluster:
        """The cluster, its legs drawn from the lots behind what was drawn before."""
        legs = []
        for lot in sorted(self.quantities, key=index.__getitem__):
            start = drawn.get(lot, Decimal(0))
            end = drawn[lot] = start + self.quantities[lot]
            legs.append(share(lot.holding, start, end))
        return Cluster(root=root, strategy=self.name, units=self.units, legs=tuple(legs))
