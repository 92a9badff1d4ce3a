"""The working material of the clustering: groups of lots that belong together, and what is still free."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from msgspec import Struct

from variance_bridge_triage.strategies.lots import Lot
from variance_bridge_triage.strategies.strategy_names import Member

Shares = tuple[tuple[Lot, Decimal], ...]


class Group(Struct, eq=False):
    """Legs that belong together, `units` times.

    Attributes:
        legs: options (or whatever stands alone), each as often as one unit has it.
        shares: what covers them, as quantity in all; for every unit the same quantity.
    """

    legs: tuple[Lot, ...]
    units: Decimal
    shares: Shares = ()

    def take(self, units: Decimal) -> Group:
        """That many units as a group of their own; this one keeps the rest."""
        wanted = sum((q for _lot, q in self.shares), Decimal(0)) * units / self.units
        taken, kept = split_shares(self.shares, wanted)
        self.units -= units
        self.shares = kept
        return Group(self.legs, units, taken)

    def members(self) -> list[Member]:
        """Its legs as the table of strategies knows them."""
        ratios: dict[tuple[str, int, Decimal, date, str], int] = {}
        price = None
        for lot in self.legs:
            contract = "" if lot.board else lot.holding.symbol
            key = (lot.kind, lot.sign, lot.strike, lot.expiration, contract)
            ratios[key] = ratios.get(key, 0) + 1
            price = price or lot.underlying_price
        members = [
            Member(
                kind=kind,
                ratio=sign * ratio,
                strike=strike,
                expiration=expiration,
                contract=contract,
                underlying_price=price,
            )
            for (kind, sign, strike, expiration, contract), ratio in ratios.items()
        ]
        return members + self._underlying()

    def _underlying(self) -> list[Member]:
        if not self.shares:
            return []
        return [Member(kind="stock", ratio=self.shares[0][0].sign)]


def split_shares(shares: Shares, wanted: Decimal) -> tuple[Shares, Shares]:
    """The first `wanted` of them, and the others."""
    taken: list[tuple[Lot, Decimal]] = []
    kept: list[tuple[Lot, Decimal]] = []
    for lot, quantity in shares:
        now = min(quantity, wanted)
        wanted -= now
        if now:
            taken.append((lot, now))
        if quantity > now:
            kept.append((lot, quantity - now))
    return tuple(taken), tuple(kept)


def joined(first: Group, second: Group, units: Decimal) -> Group:
    """A group of both, `units` times; the two keep the rest."""
    left, right = first.take(units), second.take(units)
    return Group(left.legs + right.legs, units, left.shares + right.shares)


def pair(first: Lot, second: Lot, units: Decimal) -> Group:
    """A group of one of each, `units` times; the lots keep the rest."""
    first.left -= units
    second.left -= units
    return Group((first, second), units)


def free(lots: Iterable[Lot]) -> list[Lot]:
    """Those options of which something is left."""
    return [lot for lot in lots if lot.board and lot.left]


def neighbours(lots: Iterable[Lot]) -> list[Lot]:
    """Those free options that have another free one on their board; a board's only option pairs with nothing on it."""
    options = free(lots)
    boards = Counter(lot.board for lot in options)
    return [lot for lot in options if boards[lot.board] > 1]
