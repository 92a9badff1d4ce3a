"""The instrument of a row: what its symbol says, and what stands beside it. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from variance_bridge.model import Rejection
from variance_bridge.rows.values import RowRejected
from variance_bridge.symbology import (
    Instrument,
    InstrumentType,
    OptionType,
    SymbolError,
    option_symbol,
    parse,
)

OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})


def agreed_instrument(
    symbol: str,
    kind: InstrumentType | None = None,
    *,
    underlying: str | None = None,
    expires_on: date | None = None,
    strike: Decimal | None = None,
    option_type: OptionType | None = None,
    as_of: date | None = None,
) -> Instrument:
    """The instrument that a symbol names, if all that is stated beside it agrees; None states nothing.

    A broker's word "option" may cover options on futures too, so that a `kind` of `option` lets both pass.

    Raises:
        RowRejected: `symbol_unreadable`, or `terms_contradict` with the symbol.
    """
    try:
        found = parse(
            symbol,
            instrument_type=kind,
            underlying=underlying if kind in OPTIONS else None,
            expires_on=expires_on,
            as_of=as_of,
        )
    except SymbolError:
        raise _rejected(symbol, kind, as_of) from None
    agreed = (
        (kind in (None, found.type) or (kind in OPTIONS and found.type in OPTIONS))
        and strike in (None, found.strike)
        and option_type in (None, found.option_type)
        and expires_on in (None, found.expiration)
    )
    if not agreed:
        raise RowRejected(Rejection.TERMS_CONTRADICT, symbol=found.symbol)
    return found


def _rejected(symbol: str, kind: InstrumentType | None, as_of: date | None) -> RowRejected:
    """Why a symbol cannot be read together with what stands beside it."""
    try:
        alone = parse(symbol, instrument_type=kind, as_of=as_of)
    except SymbolError:
        return RowRejected(Rejection.SYMBOL_UNREADABLE)
    return RowRejected(Rejection.TERMS_CONTRADICT, symbol=alone.symbol)


def listed_option(
    root: str | None,
    expires_on: date | None,
    option_type: OptionType | None,
    strike: Decimal | None,
) -> Instrument:
    """The equity or index option of a broker that states its terms one by one; None is a term that is not there.

    Raises:
        RowRejected: with the reason for the first term that is missing, or for terms that no option has.
    """
    if root is None:
        raise RowRejected(Rejection.SYMBOL_MISSING)
    if expires_on is None:
        raise RowRejected(Rejection.EXPIRATION_MISSING)
    if option_type is None:
        raise RowRejected(Rejection.TYPE_MISSING)
    if strike is None:
        raise RowRejected(Rejection.STRIKE_MISSING)
    try:
        symbol = option_symbol(root, expires_on, option_type, strike)
        return parse(symbol, instrument_type=InstrumentType.OPTION)
    except SymbolError:
        raise RowRejected(Rejection.SYMBOL_UNREADABLE) from None
