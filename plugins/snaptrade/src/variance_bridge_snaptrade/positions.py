"""What one row of `/accounts/{id}/positions/all` says. Pure.

Numbers are texts. `units` is negative when short; `price` and `cost_basis` are per share, for options too (the older
`average_purchase_price` of options was per contract, and is not read). Source: the schema `AccountPosition` of SnapTrade's
OpenAPI document.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from msgspec import structs

from variance_bridge import Caution, Holding, Instrument, InstrumentType, Rejection
from variance_bridge.rows import (
    CLOSED,
    Closed,
    Members,
    RowRejected,
    holding,
    number,
    side_of,
    word,
)

SOURCE = "snaptrade"

_KINDS = {
    "stock": InstrumentType.STOCK,
    "adr": InstrumentType.STOCK,
    "etf": InstrumentType.STOCK,
    "cef": InstrumentType.STOCK,
    "mutualfund": InstrumentType.FUND,
    "crypto": InstrumentType.CRYPTO,
    "future": InstrumentType.FUTURE,
    "option": InstrumentType.OPTION,
    "cfd": InstrumentType.OTHER,
    "other": InstrumentType.OTHER,
}
# Prices are per share or coin, and so are the units of these.
_PER_UNIT = frozenset({InstrumentType.STOCK, InstrumentType.FUND, InstrumentType.CRYPTO})
_MAY_BE_CASH = frozenset({"mutualfund", "other"})
_BELOW_ZERO = frozenset({InstrumentType.FUTURE, InstrumentType.OTHER})


def is_in_cash(row: Members) -> bool | None:
    """Whether the account's cash counts the position, too; None where the row does not tell.

    `cash_equivalent` says so. Where it is absent, the price of a money market fund is 1, and that of hardly anything else.
    """
    stated = row.get("cash_equivalent")
    if isinstance(stated, bool):
        return stated
    if stated is not None:
        return None
    try:
        kind = row.nested("instrument").word("kind")
        price = number(row.get("price"))
    except RowRejected:
        return None
    is_other = kind in _KINDS and kind not in _MAY_BE_CASH
    return False if is_other or price not in (None, 1) else None


def read_row(row: Members, *, currency: str | None, as_of: date) -> Holding | Closed:
    """The position, or `CLOSED`; `RowRejected` is raised for a row that is not understood.

    Args:
        row: of `results`.
        currency: the account's.
        as_of: the day of the answer.
    """
    quantity = row.quantity("units")
    if quantity == 0:
        return CLOSED
    listing = row.nested("instrument")
    kind = listing.instrument_type("kind", _KINDS, may_be_new=True)
    unit = row.currency("currency") or listing.currency("currency")
    instrument = _instrument(listing, kind, unit, as_of)
    price, cost = _price(row, kind), row.average_price("cost_basis")
    if not _is_money_of(row, unit):
        row.caution(Caution.COST_UNKNOWN)
        price = cost = None
    if row.get("cash_equivalent") is True:
        row.caution(Caution.COUNTED_IN_CASH)
    held = holding(
        row,
        instrument,
        side_of(quantity),
        quantity,
        multiplier=_multiplier(listing, instrument.type),
        average_price=cost,
        mark=price,
        broker_symbol=listing.word("symbol"),
        source=SOURCE,
    )
    return structs.replace(held, currency=None if unit == currency else unit)


def _is_money_of(row: Members, unit: str | None) -> bool:
    """Whether price and cost are in this currency: the row names it, or names none and the listing does."""
    return unit is not None and (row.get("currency") is None or row.currency("currency") == unit)


def _instrument(
    listing: Members, kind: InstrumentType, unit: str | None, as_of: date
) -> Instrument:
    if kind is InstrumentType.CRYPTO:
        return _coin(listing, unit)
    if kind is InstrumentType.OPTION:
        return listing.instrument(
            "symbol",
            kind,
            expires_on=listing.day("expiration_date"),
            strike=listing.number("strike_price"),
            option_type=listing.option_type("option_type"),
            as_of=as_of,
        )
    expires_on = listing.day("expiration_date") if kind is InstrumentType.FUTURE else None
    return listing.instrument("symbol", kind, expires_on=expires_on, as_of=as_of)


def _coin(listing: Members, unit: str | None) -> Instrument:
    """A coin is named without the currency in which it is priced; the lingua franca names both."""
    coin = listing.required("symbol", word, Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE)
    if unit is None:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE)
    return Members({"symbol": f"{coin}/{unit}"}).instrument("symbol", InstrumentType.CRYPTO)


def _multiplier(listing: Members, kind: InstrumentType) -> Decimal | None:
    if kind in _PER_UNIT and listing.is_absent("multiplier"):
        return Decimal(1)
    return listing.multiplier("multiplier", kind)


def _price(row: Members, kind: InstrumentType) -> Decimal | None:
    price = row.number("price")
    if price is not None and price < 0 and kind not in _BELOW_ZERO:
        row.caution(Caution.VALUE_CONTRADICTED)
        return None
    return price
