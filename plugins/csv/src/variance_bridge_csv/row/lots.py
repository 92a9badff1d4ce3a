"""Tax lots, where the file has no row for the position that they are parts of: the position is their sum. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeVar

from msgspec import structs

from variance_bridge.model import Holding
from variance_bridge_csv.row.money import CostCheck, quotient
from variance_bridge_csv.row.position import CheckedHolding

_Value = TypeVar("_Value")


def sum_of(lots: Sequence[CheckedHolding]) -> CheckedHolding:
    """The position that lots of one contract and one side make. What one of them lacks, the sum lacks too."""
    first, holdings = lots[0], [one.holding for one in lots if one.holding is not None]
    if len(holdings) == 1:
        return structs.replace(first, holding=holdings[0])
    if not holdings:
        return first
    cost = _total(one.cost_basis for one in holdings)
    quantity = sum((one.quantity for one in holdings), Decimal(0))
    return structs.replace(
        first,
        holding=structs.replace(
            holdings[0],
            quantity=quantity,
            cost_basis=cost,
            average_price=_average(cost, quantity, holdings[0].multiplier),
            market_value=_total(one.market_value for one in holdings),
            unrealized_pl=_total(one.unrealized_pl for one in holdings),
            day_pl=_total(one.day_pl for one in holdings),
            opened_on=_same(one.opened_on for one in holdings),
            greeks=None,
        ),
        cautions=tuple(dict.fromkeys(caution for one in lots for caution in one.cautions)),
        check=first.check if len({one.check for one in lots}) == 1 else CostCheck.IMPOSSIBLE,
        sign_agrees=_same(one.sign_agrees for one in lots),
        has_cost=cost is not None,
        stated_value=_total(one.stated_value for one in lots),
    )


def contract_of(one: CheckedHolding) -> tuple[object, ...]:
    """What lots of one position have in common."""
    holding: Holding | None = one.holding
    if holding is None:
        return ()
    return holding.symbol, holding.side, holding.currency, holding.multiplier


def _total(amounts: Iterable[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _average(cost: Decimal | None, quantity: Decimal, multiplier: Decimal | None) -> Decimal | None:
    return None if cost is None or not multiplier else quotient(cost, quantity * multiplier)


def _same(values: Iterable[_Value]) -> _Value | None:
    found = set(values)
    return found.pop() if len(found) == 1 else None
