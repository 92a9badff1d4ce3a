"""One row of `GET /accounts/{number}/positions`: a position, or closed, or rejected with its reason. Pure."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from msgspec import structs

from variance_bridge import rows
from variance_bridge.model import Caution, Holding, Rejection, Side
from variance_bridge.money import signed
from variance_bridge.rows import CLOSED, Closed, Members, RowRejected
from variance_bridge.symbology import Instrument, InstrumentType, instrument_type_of
from variance_bridge.trading_hours import exchange_date, trade_date
from variance_bridge_tastytrade.normalize.day_profit import day_profit

SOURCE = "tastytrade"

_SIDES = {"Long": Side.LONG, "Short": Side.SHORT}
_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_FUTURES = frozenset({InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION})
_CODE = re.compile(r"[A-Z0-9][A-Z0-9./&:-]{0,63}")
# A contract that settles at the opening stops trading on the eve.
_EVE = timedelta(days=1)
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_BOND = InstrumentType.BOND
_OTHER = InstrumentType.OTHER
_FUTURE = InstrumentType.FUTURE
_TERMS_CONTRADICT = Rejection.TERMS_CONTRADICT
_TYPE_MISSING = Rejection.TYPE_MISSING
_TYPE_UNKNOWN = Rejection.TYPE_UNKNOWN


def read_position(row: Members, today: date) -> Holding | Closed:
    """What one row means.

    Args:
        row: as it came.
        today: the exchange's day of the fetch. It resolves the decade of one-digit years, and says whether a realized
            gain is today's.

    Raises:
        RowRejected: the row cannot be read.
    """
    quantity = row.quantity("quantity", signed=False)
    if quantity == 0:
        return CLOSED  # closed today; the broker drops the row overnight
    side = _side(row)
    instrument = _instrument(row, today)
    kind = instrument.type
    multiplier = row.multiplier("multiplier", kind)
    average = row.number("average-open-price")
    # How a bond's price relates to its value is not documented: only the broker's own value counts.
    priced = None if kind is _BOND else average
    if priced is None:
        row.caution(Caution.COST_UNKNOWN)
    elif average == 0:
        row.caution(
            Caution.COST_MEANINGLESS
        )  # transferred shares have no price until their cost arrives
    if _is_restricted(row):
        row.caution(Caution.RESTRICTED)
    mark, value = row.number("mark-price"), row.number("mark")
    day_pl = None
    if mark is not None and multiplier is not None:
        day_pl = day_profit(row, side, quantity, multiplier, mark, today)
    held = rows.holding(
        row,
        instrument,
        side,
        quantity,
        multiplier=multiplier,
        average_price=priced,
        mark=mark,
        value=None if value is None else signed(side, value),
        day_pl=day_pl,
        expires_at=_expires_at(row, instrument.expiration),
        opened_on=_opened_on(row, kind),
        broker_symbol=row.get("symbol"),
        source=SOURCE,
    )
    return held if average is priced else structs.replace(held, average_price=average)


def _side(row: Members) -> Side:
    """The side of a position that is not closed. `cost-effect` does not help: it says what closing would do."""
    if (row.word("quantity-direction") or "").casefold() == "zero":
        raise RowRejected(_TERMS_CONTRADICT)
    return row.side("quantity-direction", _SIDES)


def _instrument(row: Members, today: date) -> Instrument:
    """What the row's symbol, type, underlying and expiration say together."""
    kind = _instrument_type(row)
    if kind is _OTHER:
        return _unnamed(row)
    expires_on = None
    if kind is _FUTURE and (expires_at := row.moment("expires-at")):
        expires_on = exchange_date(expires_at)
    underlying = row.word("underlying-symbol") if kind in _OPTIONS else None
    instrument = row.instrument(
        "symbol", kind, underlying=underlying, expires_on=expires_on, as_of=today
    )
    if instrument.type is not kind:
        raise RowRejected(_TERMS_CONTRADICT, symbol=instrument.symbol)
    return instrument


def _instrument_type(row: Members) -> InstrumentType:
    word = row.required("instrument-type", rows.word, _TYPE_MISSING, _TYPE_UNKNOWN)
    kind = instrument_type_of(word)
    if kind is None:
        row.caution(Caution.TYPE_UNKNOWN)
    return kind or _OTHER


def _unnamed(row: Members) -> Instrument:
    """An instrument of a type that we cannot name, under the broker's own symbol if it looks like one."""
    spelled = row.required(
        "symbol", rows.word, Rejection.SYMBOL_MISSING, Rejection.SYMBOL_UNREADABLE
    )
    symbol = spelled.upper()
    if not _CODE.fullmatch(symbol):
        raise RowRejected(Rejection.SYMBOL_UNREADABLE)
    root = symbol.replace("/", "-").replace(".", "-")
    return Instrument(InstrumentType.OTHER, root, symbol, symbol)


def _expires_at(row: Members, expiration: date | None) -> datetime | None:
    """The instant of expiry, if it agrees with the contract's date."""
    expires_at = row.moment("expires-at")
    if expires_at is None or expiration is None:
        return expires_at
    if abs(exchange_date(expires_at) - expiration) > _EVE:
        row.caution(Caution.DATE_UNREADABLE)
        return None
    return expires_at


def _opened_on(row: Members, kind: InstrumentType) -> date | None:
    created_at = row.moment("created-at")
    if created_at is None:
        return None
    return trade_date(created_at) if kind in _FUTURES else exchange_date(created_at)


def _is_restricted(row: Members) -> bool:
    """Whether the broker has frozen the position, or a part of it (an assignment that is pending, for example)."""
    restricted = row.number("restricted-quantity")
    return bool(restricted) or row.get("is-frozen") is True
