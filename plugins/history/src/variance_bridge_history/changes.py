"""What changed between two documents of one account. Pure.

A position is known by its symbol and its side counts as the sign of its quantity, so that a reversal is a change. A roll is an option that
was closed and one that was opened with the same root, right and signed quantity; an option that is gone after its
expiration expired (or was exercised or assigned: a document cannot tell).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from variance_bridge import Holding
from variance_bridge.money import total

_ZERO = Decimal(0)


class Held(Struct, frozen=True, kw_only=True):
    """One symbol of a document.

    Attributes:
        quantity: signed; all rows of the symbol together.
        option_type: call or put; None for what is not an option.
        unrealized_pl: None where a row does not state it.
    """

    root: str
    symbol: str
    quantity: Decimal
    expiration: date | None = None
    option_type: str | None = None
    unrealized_pl: Decimal | None = None


class Change(Struct, frozen=True, kw_only=True):
    """A symbol that is held in another quantity than before."""

    root: str
    symbol: str
    before: Decimal
    after: Decimal


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
    profits = [lot.unrealized_pl for lot in lots if lot.unrealized_pl is not None]
    return Held(
        root=first.root,
        symbol=first.symbol,
        quantity=total(*(lot.signed_quantity for lot in lots)),
        expiration=first.expiration,
        option_type=None if first.option_type is None else first.option_type.value,
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
    expired = [each for each in gone if _is_over(each, today)]
    ended = [each for each in gone if not _is_over(each, today)]
    rolls = _rolls(ended, come)
    rolled = {id(each) for roll in rolls for each in (roll.closed, roll.opened)}
    return Changes(
        opened=tuple(_change(each, after=each) for each in come if id(each) not in rolled),
        closed=tuple(_change(each, before=each) for each in ended if id(each) not in rolled),
        changed=tuple(
            _change(new[symbol], before=old[symbol], after=new[symbol])
            for symbol in sorted(old.keys() & new.keys())
            if old[symbol].quantity != new[symbol].quantity
        ),
        rolled=tuple(rolls),
        expired=tuple(_change(each, before=each) for each in expired),
    )


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


def _change(of: Held, *, before: Held | None = None, after: Held | None = None) -> Change:
    return Change(
        root=of.root,
        symbol=of.symbol,
        before=before.quantity if before else _ZERO,
        after=after.quantity if after else _ZERO,
    )
