"""The money of one positions row: multiplier, cost, value, profit. Pure and exact.

- `multiplier` is the broker's. A share or a coin is one unit, so it has 1 where the row says nothing; nothing else is
  assumed: an option or a future without a readable multiplier has no cost and no profit, and is flagged.
- `close-price` is the last session's, and no mark. The mark is `mark-price`; `mark` is that of the whole position.
- The day's profit is measured from `average-daily-market-close-price`, plus what was realized on that day.
- A bond's price convention is not public, so only its value as the broker states it is told.

Formulas: https://developer.tastytrade.com/api-guides/account-positions
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from variance_bridge.model import Caution, Quote, Side
from variance_bridge.money import (
    cost_basis,
    difference,
    market_value,
    product,
    total,
    unrealized_pl,
    within_tolerance,
)
from variance_bridge.symbology import InstrumentType
from variance_bridge_tastytrade.normalize import fields
from variance_bridge_tastytrade.normalize.fields import Members

SOURCE = "tastytrade"

_ONE_BY_NATURE = frozenset({InstrumentType.STOCK, InstrumentType.CRYPTO})
_EFFECTS = {"credit": Decimal(1), "debit": Decimal(-1)}


@attrs.frozen(kw_only=True)
class Money:
    """The members of a holding that are money or prices; None is unknown."""

    average_price: Decimal | None = None
    cost_basis: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pl: Decimal | None = None
    day_pl: Decimal | None = None
    quote: Quote | None = None


def read_multiplier(members: Members, kind: InstrumentType) -> Decimal | None:
    """Money per 1.00 of price per contract, as the row says it; unknown and flagged where it does not."""
    if kind in _ONE_BY_NATURE and members.is_absent("multiplier"):
        return Decimal(1)
    multiplier = members.number("multiplier")
    if multiplier is None or multiplier <= 0:
        members.caution(Caution.MULTIPLIER_UNKNOWN)
        return None
    return multiplier


def read_money(
    members: Members,
    kind: InstrumentType,
    side: Side,
    quantity: Decimal,
    multiplier: Decimal | None,
    fetched_at: datetime,
) -> Money:
    """What the row's prices mean for the whole position.

    Args:
        members: the row.
        kind: of the instrument.
        side: of the position.
        quantity: positive.
        multiplier: None where unknown.
        fetched_at: its day in New York is the day of `day_pl`.
    """
    average = members.number("average-open-price")
    cost = None
    if average is not None and multiplier is not None and kind is not InstrumentType.BOND:
        cost = cost_basis(average, quantity, multiplier)
    if average is None or kind is InstrumentType.BOND:
        members.caution(Caution.COST_UNKNOWN)
    mark, value = _mark_and_value(members, side, quantity, multiplier)
    profit = None
    if cost is not None and value is not None:
        profit = difference(value, product(Decimal(side.sign), cost))
    day_pl = None
    if mark is not None and multiplier is not None:
        day_pl = _day_pl(members, side, quantity, multiplier, mark, fetched_at)
    return Money(
        average_price=average,
        cost_basis=cost,
        market_value=value,
        unrealized_pl=profit,
        day_pl=day_pl,
        quote=None if mark is None else Quote(mark=mark, source=SOURCE),
    )


def _mark_and_value(
    members: Members, side: Side, quantity: Decimal, multiplier: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """Mark per unit and signed value. Where the broker's two figures contradict each other, neither is told."""
    mark, whole = members.number("mark-price"), members.number("mark")
    stated = None if whole is None else product(Decimal(side.sign), whole)
    if mark is None or multiplier is None:
        return mark, stated
    value = market_value(side, mark, quantity, multiplier)
    if stated is not None and not within_tolerance(stated, value, quantity):
        members.caution(Caution.VALUE_CONTRADICTED)
        return None, None
    return mark, value


def _day_pl(
    members: Members,
    side: Side,
    quantity: Decimal,
    multiplier: Decimal,
    mark: Decimal,
    fetched_at: datetime,
) -> Decimal | None:
    basis = members.number("average-daily-market-close-price")
    realized = _realized_today(members, fetched_at)
    if basis is None or realized is None:
        return None
    return total(unrealized_pl(side, mark, basis, quantity, multiplier), realized)


def _realized_today(members: Members, fetched_at: datetime) -> Decimal | None:
    """Signed gain realized on the day of `fetched_at`: Credit is a gain. The figure of another day does not count."""
    amount = members.number("realized-day-gain")
    if amount is None or amount == 0:
        return amount
    on = members.day("realized-day-gain-date")
    if on is not None and on != fields.exchange_day(fetched_at):
        return Decimal(0)
    sign = _EFFECTS.get((members.word("realized-day-gain-effect") or "").casefold())
    return None if sign is None or on is None else product(sign, amount)
