"""The working material of the clustering: parts of lots that are still free, and groups of parts that belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from msgspec import Struct

from variance_bridge.symbology import InstrumentType
from variance_bridge_triage.strategies.lots import Lot
from variance_bridge_triage.strategies.strategy_names import Member


class Part(Struct, eq=False):
    """What no group has taken yet of a lot: `left` contracts, unsigned."""

    lot: Lot
    left: Decimal
    kind: str
    sign: int
    strike: Decimal
    expiration: date
    pool: int | None
    """The number of the lot's pool."""
    board: int | None
    """Options of one board differ in strike and right only: one pool, series, expiration and underlying future."""

    @classmethod
    def of(cls, lot: Lot, numbers: dict[object, int]) -> Part:
        """The whole lot; `numbers` gives equal pools and boards one number, because they are compared very often."""
        holding = lot.holding
        future = holding.underlying if holding.type is InstrumentType.FUTURE_OPTION else None
        pool = board = None
        if lot.pool:
            pool = numbers.setdefault(lot.pool, len(numbers) + 1)
            terms = (pool, lot.series, holding.expiration, future)
            board = numbers.setdefault(terms, len(numbers) + 1)
        return cls(
            lot=lot,
            left=lot.quantity,
            kind=lot.kind,
            sign=lot.sign,
            strike=holding.strike or Decimal(0),
            expiration=holding.expiration or date.max,
            pool=pool,
            board=board,
        )


Shares = tuple[tuple[Part, Decimal], ...]


class Group(Struct, eq=False):
    """Legs that belong together, `units` times.

    Attributes:
        legs: options (or whatever stands alone), each as often as one unit has it.
        shares: what covers them, as quantity in all; for every unit the same quantity.
    """

    legs: tuple[Part, ...]
    units: Decimal
    shares: Shares = ()

    def take(self, units: Decimal) -> Group:
        """That many units as a group of their own; this one keeps the rest."""
        wanted = sum((q for _part, q in self.shares), Decimal(0)) * units / self.units
        taken, kept = split_shares(self.shares, wanted)
        self.units -= units
        self.shares = kept
        return Group(self.legs, units, taken)

    def members(self) -> list[Member]:
        """Its legs as the table of strategies knows them."""
        ratios: dict[tuple[str, int, Decimal, date, str], int] = {}
        price = None
        for part in self.legs:
            contract = "" if part.board else part.lot.holding.symbol
            key = (part.kind, part.sign, part.strike, part.expiration, contract)
            ratios[key] = ratios.get(key, 0) + 1
            price = price or part.lot.underlying_price
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
    taken: list[tuple[Part, Decimal]] = []
    kept: list[tuple[Part, Decimal]] = []
    for part, quantity in shares:
        now = min(quantity, wanted)
        wanted -= now
        if now:
            taken.append((part, now))
        if quantity > now:
            kept.append((part, quantity - now))
    return tuple(taken), tuple(kept)


def joined(first: Group, second: Group, units: Decimal) -> Group:
    """A group of both, `units` times; the two keep the rest."""
    left, right = first.take(units), second.take(units)
    return Group(left.legs + right.legs, units, left.shares + right.shares)


def pair(first: Part, second: Part, units: Decimal) -> Group:
    """A group of one of each, `units` times; the parts keep the rest."""
    first.left -= units
    second.left -= units
    return Group((first, second), units)


def free(parts: Iterable[Part]) -> list[Part]:
    """Those options of which something is left."""
    return [part for part in parts if part.board and part.left]


def neighbours(parts: Iterable[Part]) -> list[Part]:
    """Those free options that have another free one on their board; a board's only option pairs with nothing on it."""
    options = free(parts)
    boards = Counter(part.board for part in options)
    return [part for part in options if boards[part.board] > 1]
