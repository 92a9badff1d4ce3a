"""What one row of Open Positions says. Pure.

Quantity, value and cost are negative when short; prices are not. Value and cost of a future are notional. Source:
docs/brokers/ibkr.md, and the attributes as ibflex (Types.py) lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from variance_bridge import (
    Caution,
    Holding,
    Instrument,
    InstrumentType,
    OptionType,
    Rejection,
    Side,
    SymbolError,
)
from variance_bridge.money import product
from variance_bridge.rows import (
    CLOSED,
    Closed,
    Members,
    RowRejected,
    holding,
    listed_option,
    number,
    side_of,
    word,
)
from variance_bridge.symbology import future_option_symbol, parse
from variance_bridge_ibkr.flex_values import day_or_none, flex_day
from variance_bridge_ibkr.lots import SUMMARY, level_of

SOURCE = "ibkr"

KINDS = {
    "STK": InstrumentType.STOCK,
    "OPT": InstrumentType.OPTION,
    "FSOPT": InstrumentType.OPTION,
    "FUT": InstrumentType.FUTURE,
    "FOP": InstrumentType.FUTURE_OPTION,
    "FSFOP": InstrumentType.FUTURE_OPTION,
    "BOND": InstrumentType.BOND,
    "BILL": InstrumentType.BOND,
    "FUND": InstrumentType.FUND,
    "CRYPTO": InstrumentType.CRYPTO,
    "CASH": InstrumentType.CASH,
    "CFD": InstrumentType.OTHER,
    "FXCFD": InstrumentType.OTHER,
    "WAR": InstrumentType.OTHER,
    "IOPT": InstrumentType.OTHER,
    "CMDTY": InstrumentType.OTHER,
}
"""Asset categories. A contract for difference is not its underlying, and a structured product ("IOPT") not an option."""

_SIDES = {"Long": Side.LONG, "Short": Side.SHORT}
_PER_100 = Decimal("0.01")
# `EW3Z5 P6000`: the series, then right and strike; the strike may be scaled, so it is read from its own attribute.
_ON_FUTURE = re.compile(r"([A-Z0-9]{2,8})(?: +([CP]) ?[0-9.]+)?")
_VENUE = re.compile(r"-[A-Z]+$")


class Terms(Struct, frozen=True, kw_only=True):
    """What rows are read with.

    Attributes:
        base: the account's currency; None where unknown.
        as_of: the day of the statement, which tells the decade of a year with one digit.
        leveled: whether the query has the attribute `levelOfDetail`.
    """

    base: str | None
    as_of: date
    leveled: bool


def read_row(row: Members, terms: Terms) -> Holding | Closed:
    """The position, or `CLOSED`; `RowRejected` is raised for a row that is not understood."""
    if terms.leveled and level_of({"levelOfDetail": row.get("levelOfDetail")}) != SUMMARY:
        raise RowRejected(Rejection.UNREADABLE_ROW)
    quantity = row.quantity("position")
    if quantity == 0:
        return CLOSED
    kind = row.instrument_type("assetCategory", KINDS)
    currency = row.currency("currency")
    if currency is None:
        raise RowRejected(Rejection.UNREADABLE_ROW)
    instrument = _instrument(row, kind, currency, terms.as_of)
    spelled = row.word("symbol")
    if instrument.type is InstrumentType.FUTURE_OPTION and instrument.contract is None:
        row.caution(Caution.SERIES_UNKNOWN)
        spelled = _with_contract_number(row, spelled)
    cost = row.number("costBasisMoney")
    price = row.number("costBasisPrice")
    if cost is None and price is None:
        row.caution(Caution.COST_UNKNOWN)
    found = holding(
        row,
        instrument,
        _side(row, quantity),
        quantity,
        multiplier=_multiplier(row, kind),
        average_price=price,
        mark=row.number("markPrice"),
        cost=cost,
        value=row.number("positionValue"),
        opened_on=day_or_none(row, "openDateTime"),
        broker_symbol=spelled,
        source=SOURCE,
    )
    return found if currency == terms.base else structs.replace(found, currency=currency)


def base_currency(information: Any, rows: Sequence[Any]) -> str | None:
    """The account's currency: as Account Information states it, else the one that is worth 1 in it; None where unknown."""
    named = Members(information).currency("currency")
    if named is not None:
        return named
    at_one = {
        row.currency("currency")
        for row in map(Members, rows)
        if row.number("fxRateToBase") == 1 and row.currency("currency")
    }
    return at_one.pop() if len(at_one) == 1 else None


def _side(row: Members, quantity: Decimal) -> Side:
    """By the sign of the quantity; the word beside it must agree where there is one."""
    side = side_of(quantity)
    if not row.is_absent("side") and row.side("side", _SIDES) is not side:
        raise RowRejected(Rejection.TERMS_CONTRADICT)
    return side


def _multiplier(row: Members, kind: InstrumentType) -> Decimal | None:
    """Money per 1.00 of price; the price of a bond is per 100 of its nominal value, of which its quantity is."""
    multiplier = row.multiplier("multiplier", kind)
    if kind is InstrumentType.STOCK and multiplier is not None and multiplier > 1:
        row.caution(Caution.MULTIPLIER_UNKNOWN)
        return None
    if multiplier is None or kind is not InstrumentType.BOND:
        return multiplier
    return product(multiplier, _PER_100)


def _instrument(row: Members, kind: InstrumentType, currency: str, as_of: date) -> Instrument:
    if kind is InstrumentType.FUTURE_OPTION:
        return _on_future(row)
    if kind is InstrumentType.OPTION:
        return _option(row, currency, as_of)
    if kind is InstrumentType.CRYPTO:
        return _coin(row, currency)
    return row.instrument(
        "symbol", kind, expires_on=_expiration(row) if kind is InstrumentType.FUTURE else None, as_of=as_of
    )  # fmt: skip


def _option(row: Members, currency: str, as_of: date) -> Instrument:
    """By the OSI symbol, with which its terms must agree; outside of the United States by its terms alone."""
    terms: dict[str, Any] = {
        "expires_on": _expiration(row),
        "strike": _strike(row),
        "option_type": _right(row),
    }
    underlying = row.word("underlyingSymbol")
    try:
        return row.instrument(
            "symbol", InstrumentType.OPTION, underlying=underlying, as_of=as_of, **terms
        )
    except RowRejected as error:
        # In dollars, a symbol that is not understood may be that of an adjusted contract.
        if error.reason is not Rejection.SYMBOL_UNREADABLE or currency == "USD":
            raise
        return listed_option(underlying, **terms)


def _on_future(row: Members) -> Instrument:
    """From its terms, and the series that begins its symbol; without the series where the symbol does not tell it."""
    spelled = row.required("symbol", word, Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE)
    future = row.required(
        "underlyingSymbol", word, Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE
    )
    expires_on, strike, right = _expiration(row), _strike(row), _right(row)
    if expires_on is None:
        raise RowRejected(Rejection.EXPIRATION_MISSING)
    if strike is None:
        raise RowRejected(Rejection.STRIKE_MISSING)
    if right is None:
        raise RowRejected(Rejection.TYPE_MISSING)
    read = _ON_FUTURE.fullmatch(spelled)
    if read is None:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE)
    if read[2] is not None and read[2] != right.value[0].upper():
        raise RowRejected(Rejection.TERMS_CONTRADICT)
    for series in (read[1] if read[2] else None, None):
        try:
            symbol = future_option_symbol(future, expires_on, right, strike, contract=series)
            return parse(
                symbol, instrument_type=InstrumentType.FUTURE_OPTION, expires_on=expires_on
            )
        except SymbolError:
            continue
    raise RowRejected(Rejection.SYMBOL_UNREADABLE)


def _with_contract_number(row: Members, spelled: str | None) -> str | None:
    """IBKR's own number of the contract beside its symbol: two of one day and strike differ in nothing else."""
    conid = row.word("conid")
    return f"{spelled} {conid}" if spelled and conid and conid.isdigit() else spelled


def _coin(row: Members, currency: str) -> Instrument:
    """`BTC`, `BTC.USD` and `BTC.USD-PAXOS` are one coin."""
    spelled = row.required("symbol", word, Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE)
    pair = _VENUE.sub("", spelled).replace(".", "/")
    try:
        return parse(
            pair if "/" in pair else f"{pair}/{currency}", instrument_type=InstrumentType.CRYPTO
        )
    except SymbolError:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE) from None


def _expiration(row: Members) -> date | None:
    return flex_day(row.get("expiry"))


def _strike(row: Members) -> Decimal | None:
    return number(row.get("strike"))


def _right(row: Members) -> OptionType | None:
    return row.option_type("putCall")


_ALL = {
    "symbol": "Symbol",
    "assetCategory": "Asset Class",
    "position": "Quantity",
    "currency": "Currency",
}
_OF_CONTRACTS = {"multiplier": "Multiplier"}
_OF_OPTIONS_ON_FUTURES = {
    "underlyingSymbol": "Underlying Symbol",
    "strike": "Strike",
    "expiry": "Expiry",
    "putCall": "Put/Call",
}
_OF_MONEY = {
    ("markPrice", "positionValue"): "Mark Price",
    ("costBasisPrice", "costBasisMoney"): "Cost Basis Price",
}


def needed_settings(rows: Sequence[Any]) -> list[str]:
    """The names in the Client Portal of what the query lacks, without which the rows cannot be read."""
    given = _attributes(rows)
    if not given:
        return []
    kinds = {
        KINDS.get(row.get("assetCategory", ""), InstrumentType.OTHER)
        for row in rows
        if isinstance(row, Mapping) and isinstance(row.get("assetCategory"), str)
    }
    needed = dict(_ALL)
    if kinds - {InstrumentType.STOCK}:
        needed |= _OF_CONTRACTS
    if InstrumentType.FUTURE_OPTION in kinds:
        needed |= _OF_OPTIONS_ON_FUTURES
    return [label for name, label in needed.items() if name not in given]


def useful_settings(rows: Sequence[Any]) -> list[str]:
    """Likewise what it lacks of money."""
    given = _attributes(rows)
    return [label for names, label in _OF_MONEY.items() if given and given.isdisjoint(names)]


def _attributes(rows: Sequence[Any]) -> set[str]:
    return {name for row in rows if isinstance(row, Mapping) for name in row}
