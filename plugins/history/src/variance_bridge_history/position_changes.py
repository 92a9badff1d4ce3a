"""What changed between two documents of one account. Pure.

A position is known by its symbol and its side counts as the sign of its quantity, so that a reversal is a change. A roll is an option that
was closed and one that was opened with the same root, right and signed quantity; an option that is gone after its
expiration expired. One that is gone while what it delivers came or went in its quantity looks exercised, or assigned if it
was short: a document cannot tell for sure.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from variance_bridge import Holding, InstrumentType
from variance_bridge.money import product, quotient, total

_ZERO, _ONE = Decimal(0), Decimal(1)


class Held(Struct, frozen=True, kw_only=True):
    """One symbol of a document.

    Attributes:
        quantity: signed; all rows of the symbol together.
        option_type: call or put; None for what is not an option.
        delivered: the symbol of what an option delivers; None for what is not an option.
        delivers: units of it for one contract; None where unknown.
        unrealized_pl: None where a row does not state it.
    """

    root: str
    symbol: str
    quantity: Decimal
    expiration: date | None = None
    option_type: str | None = None
    delivered: str | None = None
    delivers: Decimal | None = None
    unrealized_pl: Decimal | None = None


class Delivery(StrEnum):
    """What an option looks as if it became of, because what it delivers came or went in its quantity."""

    ASSIGNED = "assigned"
    EXERCISED = "exercised"


class Change(Struct, frozen=True, kw_only=True):
    """A symbol that is held in another quantity than before.

    Attributes:
        profit_before: unrealized; None where unknown or not held, as `profit_after`.
        looks: of an option that is gone.
    """

    root: str
    symbol: str
    before: Decimal
    after: Decimal
    profit_before: Decimal | None = None
    profit_after: Decimal | None = None
    looks: Delivery | None = None

    @property
    def is_reduced(self) -> bool:
        """Whether a part of it was closed, and a part of it is still held."""
        return not self.is_reversed and _ZERO < self.after.copy_abs() < self.before.copy_abs()

    @property
    def is_reversed(self) -> bool:
        """Whether all of it was closed, and the opposite opened."""
        return (self.before > 0 > self.after) or (self.before < 0 < self.after)

    @property
    def profit_gone(self) -> Decimal | None:
        """The last open profit of what was closed, of a part its share by quantity; None where the profit is not known.

        Which lots were closed is not in the documents, so the share of a part is an estimate.
        """
        if self.profit_before is None or not self.is_reduced:
            return self.profit_before
        closed = total(self.before, self.after.copy_negate())
        return quotient(product(self.profit_before, closed), self.before)


class Roll(Struct, frozen=True, kw_only=True):
    """An option that took the place of another."""

    root: str
    closed: Held
    opened: Held


class Changes(Struct, frozen=True, kw_only=True):
    """What changed, each list by root and symbol."""

    opened: tuple[Change, ...] = ()
    closed: tuple[Change, ...] = ()
    changed: tuple[Change, ...] = ()
    rolled: tuple[Roll, ...] = ()
    expired: tuple[Change, ...] = ()


def held(holdings: Iterable[Holding]) -> dict[str, Held]:
    """The positions by symbol, lots together."""
    rows: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        rows[holding.symbol].append(holding)
    return {symbol: _together(lots) for symbol, lots in rows.items()}


def _together(lots: Sequence[Holding]) -> Held:
    first = lots[0]
    profits = [lot.profit for lot in lots if lot.profit is not None]
    return Held(
        root=first.root,
        symbol=first.symbol,
        quantity=total(*(lot.signed_quantity for lot in lots)),
        expiration=first.expiration,
        option_type=None if first.option_type is None else first.option_type.value,
        delivered=None if first.option_type is None else first.underlying or first.root,
        delivers=_ONE if first.type is InstrumentType.FUTURE_OPTION else first.multiplier,
        unrealized_pl=total(*profits) if len(profits) == len(lots) else None,
    )


def changes(old: dict[str, Held], new: dict[str, Held], today: date) -> Changes:
    """What changed from `old` to `new`.

    Args:
        old: of the earlier document.
        new: of the later one, of the same account.
        today: the exchange's day of the later one.
    """
    gone = [old[symbol] for symbol in sorted(old.keys() - new.keys())]
    come = [new[symbol] for symbol in sorted(new.keys() - old.keys())]
    looks = _deliveries(gone, old, new)
    expired = [each for each in gone if _is_over(each, today)]
    ended = [each for each in gone if not _is_over(each, today)]
    rolls = _rolls([each for each in ended if each.symbol not in looks], come)
    rolled = {each.symbol for roll in rolls for each in (roll.closed, roll.opened)}
    return Changes(
        opened=tuple(_change(each, after=each) for each in come if each.symbol not in rolled),
        closed=tuple(
            _change(each, before=each, looks=looks.get(each.symbol))
            for each in ended
            if each.symbol not in rolled
        ),
        changed=tuple(
            _change(new[symbol], before=old[symbol], after=new[symbol])
            for symbol in sorted(old.keys() & new.keys())
            if old[symbol].quantity != new[symbol].quantity
        ),
        rolled=tuple(rolls),
        expired=tuple(_change(each, before=each, looks=looks.get(each.symbol)) for each in expired),
    )


def _deliveries(
    gone: Sequence[Held], old: Mapping[str, Held], new: Mapping[str, Held]
) -> Mapping[str, Delivery]:
    """The options that are gone while what they deliver came or went; each unit that moved explains one option."""
    moved: dict[str, Decimal] = {}
    found = {}
    for each in gone:
        if each.delivered is None or each.delivers is None:
            continue
        units = product(each.quantity, each.delivers, _ONE if each.option_type == "call" else -_ONE)
        if each.delivered not in moved:
            moved[each.delivered] = total(
                _quantity(new, each.delivered), _quantity(old, each.delivered).copy_negate()
            )
        left = moved[each.delivered]
        if units and (units > 0) == (left > 0) and left.copy_abs() >= units.copy_abs():
            moved[each.delivered] = total(left, units.copy_negate())
            found[each.symbol] = Delivery.ASSIGNED if each.quantity < 0 else Delivery.EXERCISED
    return found


def _quantity(positions: Mapping[str, Held], symbol: str) -> Decimal:
    return positions[symbol].quantity if symbol in positions else _ZERO


def _is_over(each: Held, today: date) -> bool:
    return each.expiration is not None and each.expiration < today


def _rolls(gone: Sequence[Held], come: Sequence[Held]) -> list[Roll]:
    """Each option that was closed with the first that was opened in its place and is not taken yet."""
    places: dict[_Place, deque[Held]] = defaultdict(deque)
    for each in come:
        places[_place(each)].append(each)
    found = []
    for closed in gone:
        opened = places.get(_place(closed)) if closed.option_type is not None else None
        if opened:
            found.append(Roll(root=closed.root, closed=closed, opened=opened.popleft()))
    return found


_Place = tuple[str, str | None, Decimal]


def _place(each: Held) -> _Place:
    return each.root, each.option_type, each.quantity


def _change(
    of: Held,
    *,
    before: Held | None = None,
    after: Held | None = None,
    looks: Delivery | None = None,
) -> Change:
    return Change(
        root=of.root,
        symbol=of.symbol,
        before=before.quantity if before else _ZERO,
        after=after.quantity if after else _ZERO,
        profit_before=before.unrealized_pl if before else None,
        profit_after=after.unrealized_pl if after else None,
        looks=looks,
    )
