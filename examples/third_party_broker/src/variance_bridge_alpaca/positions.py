"""What one row of `GET /v2/positions` says. Pure; a row that cannot be read costs no other."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from variance_bridge.model import Caution, Holding, Quote, Rejection, Side
from variance_bridge.money import cost_basis, difference, market_value, product, within_tolerance
from variance_bridge.symbology import Deliverable, InstrumentType, SymbolError, parse
from variance_bridge_alpaca.fields import Members, UnreadableError, number, word

TYPES = {
    "us_equity": InstrumentType.STOCK,
    "us_option": InstrumentType.OPTION,
    "crypto": InstrumentType.CRYPTO,
}
SIDES = {"long": Side.LONG, "short": Side.SHORT}
STANDARD_LOT = Decimal(100)


class RowRejectedError(Exception):
    """The row is kept out, for one of the reasons that the lingua franca knows."""

    def __init__(self, reason: Rejection) -> None:
        super().__init__(reason)
        self.reason = reason


@attrs.frozen(kw_only=True)
class _Money:
    """What the row's prices make; None is unknown."""

    multiplier: Decimal | None
    price: Decimal | None
    mark: Decimal | None
    cost: Decimal | None
    value: Decimal | None
    profit: Decimal | None


def read_row(row: Any) -> tuple[Holding | None, tuple[Caution, ...]]:
    """The position, None for a closed one, and what a reader should be warned of.

    Raises:
        RowRejectedError: the row is not understood.
    """
    if not isinstance(row, Mapping):
        raise RowRejectedError(Rejection.UNREADABLE_ROW)
    signed = _quantity(row)
    if signed == 0:
        return None, ()
    side, quantity = _side(row, signed), abs(signed)
    kind = TYPES.get(_word(row, "asset_class", Rejection.TYPE_MISSING))
    if kind is None:
        raise RowRejectedError(Rejection.TYPE_UNKNOWN)
    try:
        symbol = _word(row, "symbol", Rejection.SYMBOL_MISSING)
        instrument = parse(symbol, instrument_type=kind)
    except SymbolError:
        raise RowRejectedError(Rejection.SYMBOL_UNREADABLE) from None
    members = Members(row)
    money = _money(members, kind, side, quantity)
    if instrument.deliverable is Deliverable.ADJUSTED:
        members.cautions[Caution.ADJUSTED_DELIVERABLE] = None
    holding = Holding(
        root=instrument.root,
        symbol=instrument.symbol,
        broker_symbol=None if symbol == instrument.symbol else symbol,
        underlying=instrument.underlying,
        type=instrument.type,
        side=side,
        quantity=quantity,
        option_type=instrument.option_type,
        strike=instrument.strike,
        expiration=instrument.expiration,
        deliverable=instrument.deliverable,
        multiplier=money.multiplier,
        average_price=money.price,
        cost_basis=money.cost,
        market_value=money.value,
        unrealized_pl=money.profit,
        quote=None if money.mark is None else Quote(mark=money.mark, source="alpaca"),
    )
    return holding, tuple(members.cautions)


def _quantity(row: Mapping[str, Any]) -> Decimal:
    try:
        quantity = number(row.get("qty"))
    except UnreadableError:
        raise RowRejectedError(Rejection.QUANTITY_UNREADABLE) from None
    if quantity is None:
        raise RowRejectedError(Rejection.QUANTITY_MISSING)
    return quantity


def _side(row: Mapping[str, Any], signed: Decimal) -> Side:
    """The side is what `side` says; a quantity that says the opposite makes the row a riddle."""
    side = SIDES.get(_word(row, "side", Rejection.SIDE_MISSING))
    if side is None:
        raise RowRejectedError(Rejection.SIDE_UNKNOWN)
    if signed < 0 and side is Side.LONG:
        raise RowRejectedError(Rejection.TERMS_CONTRADICT)
    return side


def _word(row: Mapping[str, Any], name: str, missing: Rejection) -> str:
    found = word(row.get(name))
    if found is None:
        raise RowRejectedError(missing)
    return found


def _money(members: Members, kind: InstrumentType, side: Side, quantity: Decimal) -> _Money:
    price, mark = members.number("avg_entry_price"), members.number("current_price")
    stated_cost, stated_value = members.number("cost_basis"), members.number("market_value")
    multiplier: Decimal | None = Decimal(1)
    if kind is InstrumentType.OPTION:
        multiplier = _lot(quantity, ((mark, stated_value), (price, stated_cost)))
    if multiplier is None:
        members.cautions[Caution.MULTIPLIER_UNKNOWN] = None
        return _Money(
            multiplier=None, price=price, mark=mark, cost=None, value=stated_value, profit=None
        )
    cost = value = profit = None
    if price is not None:
        cost = cost_basis(price, quantity, multiplier)
        if stated_cost is not None and not within_tolerance(abs(stated_cost), cost, quantity):
            members.cautions[Caution.COST_CONTRADICTED] = None
            price = cost = None
    if mark is not None:
        value = market_value(side, mark, quantity, multiplier)
        if stated_value is not None and not within_tolerance(stated_value, value, quantity):
            members.cautions[Caution.VALUE_CONTRADICTED] = None
            mark = value = None
    if cost is not None and value is not None:
        profit = difference(value, product(Decimal(side.sign), cost))
    return _Money(
        multiplier=multiplier, price=price, mark=mark, cost=cost, value=value, profit=profit
    )


def _lot(
    quantity: Decimal, pairs: tuple[tuple[Decimal | None, Decimal | None], ...]
) -> Decimal | None:
    """The standard lot, where the broker's own total is its price times quantity times that lot; else unknown."""
    for price, total in pairs:
        if price is not None and total is not None:
            made = cost_basis(price, quantity, STANDARD_LOT)
            return STANDARD_LOT if within_tolerance(abs(total), made, quantity) else None
    return None
