"""One row of `GET /accounts/{number}/positions`, in the lingua franca. Pure.

A row becomes a holding, a closed position, or a rejection with its reason; never an exception, and never another row's
problem. Its terms are read here, its money in `money`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from variance_bridge.model import Caution, Holding, RejectedRow, Rejection, Side
from variance_bridge.symbology import (
    Deliverable,
    Instrument,
    InstrumentType,
    SymbolError,
    instrument_type_of,
    parse,
)
from variance_bridge_tastytrade.normalize import fields
from variance_bridge_tastytrade.normalize.fields import Members, Unreadable
from variance_bridge_tastytrade.normalize.money import read_money, read_multiplier

_SIDES = {"long": Side.LONG, "short": Side.SHORT}
_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_LONGEST_SYMBOL = 64
_SYMBOL = re.compile(r"[A-Z0-9./^$][A-Z0-9 ./^$%&*+:'()#-]*")
_ROOT = re.compile(r"/?[A-Z0-9^$][A-Z0-9 .^$%&*+:'()#-]*")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9./&:-]{0,63}")
_BROKER_SYMBOL = re.compile(r"[!-~](?:[ -~]*[!-~])?")


@attrs.frozen
class Kept:
    """A holding, and what a reader should know of it."""

    holding: Holding
    cautions: tuple[Caution, ...] = ()


@attrs.frozen
class Closed:
    """A position of quantity 0: closed today; the broker forgets it overnight."""


class _RefusedError(Exception):
    """The row cannot be kept. `symbol` is canonical, or None where it could not be read."""

    def __init__(self, reason: Rejection, symbol: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.symbol = symbol


def read_position(row: Any, number: int, fetched_at: datetime) -> Kept | Closed | RejectedRow:
    """What one row means.

    Args:
        row: as it came; any JSON value.
        number: its place in the answer, from 1.
        fetched_at: resolves the decade of one-digit years, and says which day's realized gain is today's.
    """
    if not isinstance(row, Mapping):
        return RejectedRow(row=number, reason=Rejection.UNREADABLE_ROW)
    try:
        quantity = _quantity(row)
        if quantity == 0:
            return Closed()
        side = _side(row)
        members = Members(row)
        instrument = _instrument(row, members, fetched_at)
        return _kept(row, members, instrument, side, quantity, fetched_at)
    except _RefusedError as refused:
        return RejectedRow(row=number, reason=refused.reason, symbol=refused.symbol)


def _quantity(row: Mapping[str, Any]) -> Decimal:
    try:
        quantity = fields.number(row.get("quantity"))
    except Unreadable:
        raise _RefusedError(Rejection.QUANTITY_UNREADABLE) from None
    if quantity is None:
        raise _RefusedError(Rejection.QUANTITY_MISSING)
    if quantity < 0:
        raise _RefusedError(Rejection.OUT_OF_RANGE)
    return quantity


def _side(row: Mapping[str, Any]) -> Side:
    """The side of a position that is not closed. `cost-effect` is of no use: it tells what closing would do."""
    try:
        direction = fields.word(row.get("quantity-direction"))
    except Unreadable:
        raise _RefusedError(Rejection.SIDE_UNKNOWN) from None
    if direction is None:
        raise _RefusedError(Rejection.SIDE_MISSING)
    if direction.casefold() == "zero":
        raise _RefusedError(Rejection.TERMS_CONTRADICT)
    side = _SIDES.get(direction.casefold())
    if side is None:
        raise _RefusedError(Rejection.SIDE_UNKNOWN)
    return side


def _instrument(row: Mapping[str, Any], members: Members, fetched_at: datetime) -> Instrument:
    """What the row's symbol, type, underlying and expiration say together."""
    kind = _instrument_type(row, members)
    symbol = _required_word(row, "symbol", Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE)
    if kind is InstrumentType.OTHER:
        return _unnamed(symbol)
    expires_on = None
    if kind is InstrumentType.FUTURE and (expires_at := members.moment("expires-at")):
        expires_on = fields.exchange_day(expires_at)
    as_of = fields.exchange_day(fetched_at)
    try:
        instrument = parse(symbol, instrument_type=kind, expires_on=expires_on, as_of=as_of)
    except SymbolError:
        raise _RefusedError(Rejection.SYMBOL_UNREADABLE) from None
    underlying = members.word("underlying-symbol") if kind in _OPTIONS else None
    if underlying is not None:
        try:
            instrument = parse(symbol, instrument_type=kind, underlying=underlying, as_of=as_of)
        except SymbolError:
            raise _RefusedError(Rejection.TERMS_CONTRADICT, instrument.symbol) from None
    if instrument.type is not kind:
        raise _RefusedError(Rejection.TERMS_CONTRADICT, instrument.symbol)
    _check_publishable(instrument)
    return instrument


def _unnamed(spelled: str) -> Instrument:
    """An instrument of a type that we cannot name, under the broker's own symbol, as long as it looks like one."""
    symbol = spelled.upper()
    if not _CODE.fullmatch(symbol):
        raise _RefusedError(Rejection.SYMBOL_UNREADABLE)
    root = symbol.replace("/", "-").replace(".", "-")
    return Instrument(InstrumentType.OTHER, root, symbol, symbol)


def _instrument_type(row: Mapping[str, Any], members: Members) -> InstrumentType:
    word = _required_word(row, "instrument-type", Rejection.TYPE_MISSING, Rejection.TYPE_UNKNOWN)
    kind = instrument_type_of(word)
    if kind is None:
        members.caution(Caution.TYPE_UNKNOWN)
    return kind or InstrumentType.OTHER


def _required_word(
    row: Mapping[str, Any], name: str, missing: Rejection, unreadable: Rejection
) -> str:
    try:
        word = fields.word(row.get(name))
    except Unreadable:
        raise _RefusedError(unreadable) from None
    if word is None:
        raise _RefusedError(missing)
    return word


def _check_publishable(instrument: Instrument) -> None:
    """A text that the schema refuses would cost all rows, so it costs this one."""
    texts = (instrument.symbol, instrument.underlying or instrument.symbol)
    if (
        any(len(text) > _LONGEST_SYMBOL or not _SYMBOL.fullmatch(text) for text in texts)
        or len(instrument.root) > _LONGEST_SYMBOL
        or not _ROOT.fullmatch(instrument.root)
    ):
        raise _RefusedError(Rejection.SYMBOL_UNREADABLE)


def _kept(
    row: Mapping[str, Any],
    members: Members,
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    fetched_at: datetime,
) -> Kept:
    if instrument.type in _OPTIONS and instrument.expiration is None:
        raise _RefusedError(Rejection.EXPIRATION_MISSING)
    if instrument.deliverable is Deliverable.ADJUSTED:
        members.caution(Caution.ADJUSTED_DELIVERABLE)
    multiplier = read_multiplier(members, instrument.type)
    money = read_money(members, instrument.type, side, quantity, multiplier, fetched_at)
    holding = Holding(
        root=instrument.root,
        symbol=instrument.symbol,
        broker_symbol=_broker_symbol(row["symbol"], instrument.symbol),
        underlying=instrument.underlying,
        type=instrument.type,
        side=side,
        quantity=quantity,
        option_type=instrument.option_type,
        strike=instrument.strike,
        expiration=instrument.expiration,
        expires_at=_expires_at(members, instrument.expiration),
        multiplier=multiplier,
        deliverable=instrument.deliverable,
        opened_on=_opened_on(members),
        average_price=money.average_price,
        cost_basis=money.cost_basis,
        market_value=money.market_value,
        unrealized_pl=money.unrealized_pl,
        day_pl=money.day_pl,
        quote=money.quote,
    )
    return Kept(holding, members.cautions)


def _broker_symbol(spelled: str, canonical: str) -> str | None:
    text = spelled.strip()
    publishable = len(text) <= _LONGEST_SYMBOL and _BROKER_SYMBOL.fullmatch(text)
    return text if text != canonical and publishable else None


def _expires_at(members: Members, expiration: date | None) -> datetime | None:
    """The instant of expiry, where it fits the contract's date.

    One day apart is right for contracts that stop trading on the eve of an opening settlement.
    """
    expires_at = members.moment("expires-at")
    if expires_at is None or expiration is None:
        return expires_at
    if abs(fields.exchange_day(expires_at) - expiration) > timedelta(days=1):
        members.caution(Caution.DATE_UNREADABLE)
        return None
    return expires_at


def _opened_on(members: Members) -> date | None:
    created_at = members.moment("created-at")
    return fields.exchange_day(created_at) if created_at else None
