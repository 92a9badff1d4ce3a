"""The way in: a symbol and what is known beside it, to an instrument.

Each grammar is imported when a symbol needs it: a run that holds nothing but equity options in the form of brokers' APIs
needs none but theirs.
"""

from __future__ import annotations

from datetime import date

from variance_bridge.symbology import tables
from variance_bridge.symbology.equity_options import parse_compact, parse_padded
from variance_bridge.symbology.instrument import Instrument, InstrumentType, SymbolError
from variance_bridge.symbology.symbol_text import DateOrder, Hints, as_date, clean, leading_blanks

_OPTION_OR_UNKNOWN = (None, InstrumentType.OPTION)


def parse(
    symbol: str,
    *,
    instrument_type: InstrumentType | str | None = None,
    underlying: str | None = None,
    expires_on: date | None = None,
    as_of: date | None = None,
    date_order: DateOrder | str | None = None,
) -> Instrument:
    """Reads a symbol as any broker spells it.

    Args:
        symbol: as it stands in the broker's answer or file.
        instrument_type: an `InstrumentType` or the broker's word for it; a word in no table is ignored.
        underlying: what the broker names as underlying beside the symbol; it is believed.
        expires_on: the expiration that stands beside the symbol; it must agree with the symbol's own.
        as_of: the day for which the symbol was written; it resolves the decade of a one-digit year.
            Without it and without `expires_on` such a contract keeps its symbol, and its
            `contract_month` is None. The clock is never read.
        date_order: `mdy` or `dmy`, the order of a date with slashes (`03/12/2027`). Without it the reading is taken
            on which the contract can expire, and a text with two of them is refused.

    Returns:
        The instrument with its canonical symbol.

    Raises:
        SymbolError: nothing else; the text is not a symbol, or it can be read in more than one way.
    """
    if type(symbol) is str and (found := parse_padded(symbol)) is not None:
        bare = instrument_type is None and underlying is None and expires_on is None
        if bare or _agrees(found, instrument_type, underlying, expires_on):
            return found
    kind = tables.instrument_type_of(instrument_type)
    hints = Hints(
        kind,
        None if _is_blank(underlying) else clean(underlying),
        as_date(expires_on, "expires_on"),
        as_date(as_of, "as_of"),
        _order(date_order),
    )
    text = clean(symbol)
    try:
        return _parse(text, hints)
    except SymbolError as error:
        raise SymbolError(error.reason, error.position + leading_blanks(symbol)) from None


def _order(date_order: DateOrder | str | None) -> DateOrder | None:
    try:
        return None if date_order is None else DateOrder(date_order)
    except ValueError:
        raise SymbolError("the order of a date is neither mdy nor dmy") from None


def _is_blank(underlying: object) -> bool:
    return underlying is None or (isinstance(underlying, str) and not underlying.strip())


def _agrees(
    found: Instrument, instrument_type: object, underlying: object, expires_on: object
) -> bool:
    """Whether the hints say nothing that the symbol does not say itself."""
    kind = tables.instrument_type_of(instrument_type)
    return (
        kind in _OPTION_OR_UNKNOWN
        and underlying in (None, found.underlying)
        and expires_on in (None, found.expiration)
    )


def root(symbol: str) -> str:
    """What a position is grouped under: `SPX` for SPXW options, `BRK-B`, `/ES`, `BTC-USD`.

    Raises `SymbolError` like `parse`.
    """
    return parse(symbol).root


def _parse(text: str, hints: Hints) -> Instrument:
    match hints.type:
        case InstrumentType.OPTION | InstrumentType.FUTURE_OPTION:
            return _option(text, hints)
        case InstrumentType.FUTURE:
            from variance_bridge.symbology.futures import parse_future

            return parse_future(text, hints)
        case None:
            return _untyped(text, hints)
        case _:
            return _outright(text, hints, hints.type)


def _outright(text: str, hints: Hints, kind: InstrumentType) -> Instrument:
    """What is held outright: `kind` is neither an option nor a future."""
    from variance_bridge.symbology import shares_funds_coins

    match kind:
        case InstrumentType.CRYPTO:
            return shares_funds_coins.parse_crypto(text, hints)
        case InstrumentType.BOND:
            return shares_funds_coins.parse_bond(text)
        case InstrumentType.CASH:
            return shares_funds_coins.parse_cash(text, hints)
        case _:
            return shares_funds_coins.parse_share(text, hints, kind)


def _option(text: str, hints: Hints) -> Instrument:
    """An option on anything: brokers call both kinds "option", so the grammar tells them apart."""
    found = _any_option(text, hints)
    if found is None:
        raise SymbolError("not the symbol of an option")
    if hints.type is InstrumentType.FUTURE_OPTION and found.type is InstrumentType.OPTION:
        raise SymbolError("the symbol of an equity option where a futures option was announced")
    return found


def _any_option(text: str, hints: Hints) -> Instrument | None:
    from variance_bridge.symbology.future_options import parse_future_option, refuse_scaled_strike
    from variance_bridge.symbology.written_options import parse_written

    if text.startswith(("./", "/")):
        return parse_future_option(text, hints) or parse_written(text, hints)
    refuse_scaled_strike(text)
    if hints.type is InstrumentType.FUTURE_OPTION:
        return parse_written(text, hints) or parse_future_option(text, hints)
    return parse_compact(text, hints) or parse_written(text, hints)


def _untyped(text: str, hints: Hints) -> Instrument:
    from variance_bridge.symbology import futures, shares_funds_coins

    option = _any_option(text, hints)
    if option is not None:
        return option
    if text.startswith(("./", "/", "@")) or text.endswith("=F"):
        return futures.parse_future(text, hints)
    return (
        futures.parse_previous_name(text, hints)
        or futures.parse_chart_name(text, hints)
        or futures.parse_numbered_month(text, hints)
        or futures.parse_workstation_name(text, hints)
        or shares_funds_coins.parse_untyped(text, hints)
    )
