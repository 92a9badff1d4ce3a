"""Contracts as people call them: the terms of an option written out."""

from __future__ import annotations

from variance_bridge.symbology.instrument import Deliverable, InstrumentType, SymbolError
from variance_bridge.symbology.parsing import parse


def contract_name(symbol: str) -> str:
    """`SPY 2026-12-18 640 put` for the canonical symbol of an option; any other text as it is.

    The series stands first, for SPXW and SPX are different contracts, and so are BABA2 and BABA.
    """
    try:
        option = parse(symbol)
    except SymbolError:
        return symbol
    if option.option_type is None or option.strike is None:
        return symbol
    series = symbol[:6].strip()
    if option.type is InstrumentType.FUTURE_OPTION:
        series = f"{option.underlying} {option.contract}"
    strike = f"{option.strike.normalize():f}"
    adjusted = " adj" if option.deliverable is Deliverable.ADJUSTED else ""
    return f"{series} {option.expiration} {strike} {option.option_type}{adjusted}"
