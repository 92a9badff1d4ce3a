"""What one row of `GET /v2/positions` says. Pure; a row that cannot be read costs no other."""

from __future__ import annotations

from decimal import Decimal

from variance_bridge import Caution, Holding, InstrumentType, Rejection, Side
from variance_bridge.money import cost_basis
from variance_bridge.rounding_tolerance import within_tolerance
from variance_bridge.rows import CLOSED, Closed, Members, RowRejected, holding

TYPES = {
    "us_equity": InstrumentType.STOCK,
    "us_option": InstrumentType.OPTION,
    "crypto": InstrumentType.CRYPTO,
}
SIDES = {"long": Side.LONG, "short": Side.SHORT}
STANDARD_LOT = Decimal(100)


def read_row(row: Members) -> Holding | Closed:
    """The position, or `CLOSED`; `RowRejected` is raised for a row that is not understood."""
    quantity = row.quantity("qty")
    if quantity == 0:
        return CLOSED
    side = row.side("side", SIDES)
    if quantity < 0 and side is Side.LONG:
        raise RowRejected(Rejection.TERMS_CONTRADICT)
    kind = row.instrument_type("asset_class", TYPES)
    return holding(
        row,
        row.instrument("symbol", kind),
        side,
        quantity,
        multiplier=_multiplier(row, kind, abs(quantity)),
        average_price=row.number("avg_entry_price"),
        mark=row.number("current_price"),
        cost=row.number("cost_basis"),
        value=row.number("market_value"),
        broker_symbol=row.word("symbol"),
        source="alpaca",
    )


def _multiplier(row: Members, kind: InstrumentType, quantity: Decimal) -> Decimal | None:
    """Of an option, the standard lot where the broker's own total is price x quantity x that lot; the API states none."""
    if kind is not InstrumentType.OPTION:
        return Decimal(1)
    for price_name, total_name in (
        ("current_price", "market_value"),
        ("avg_entry_price", "cost_basis"),
    ):
        price, total = row.number(price_name), row.number(total_name)
        if price is not None and total is not None:
            lot = cost_basis(price, quantity, STANDARD_LOT)
            if within_tolerance(abs(total), lot, quantity):
                return STANDARD_LOT
            break
    row.caution(Caution.MULTIPLIER_UNKNOWN)
    return None
