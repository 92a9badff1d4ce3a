"""Which texts of a document an assistant may see: words of closed lists, and symbols. Pure.

A document's texts come from a broker, or from whoever can write into the folder; a model that reads them may take them for
instructions. So no free text leaves: not `broker_symbol`, `sector`, profile or nickname, and no symbol that could be a sentence.
"""

from __future__ import annotations

import re
from datetime import date

from variance_bridge import InstrumentType, SymbolError
from variance_bridge.symbology import parse

WITHHELD = "WITHHELD"
"""In the place of a symbol that is none."""

_TICKER = re.compile(r"[A-Z0-9./^$][A-Z0-9./^$-]{0,11}")
"""Tickers, futures, CUSIP and ISIN; no blank, and too short to say anything."""

_LISTED = {InstrumentType.OPTION, InstrumentType.FUTURE, InstrumentType.FUTURE_OPTION}


def symbol(text: str, kind: str, expires_on: date | None = None) -> str:
    """The symbol of a position if it is one: a listed contract, or as short as a ticker."""
    if _TICKER.fullmatch(text):
        return text
    try:
        instrument_type = InstrumentType(kind)
        if instrument_type in _LISTED:
            parse(text, instrument_type=instrument_type, expires_on=expires_on)
            return text
    except (SymbolError, ValueError):
        pass
    return WITHHELD


def ticker(text: str) -> str:
    """A root or an underlying if it is as short as one."""
    return text if _TICKER.fullmatch(text) else WITHHELD


def option(text: str) -> str:
    """The symbol of an option or of a ticker, where the type is not stated."""
    for kind in (InstrumentType.OPTION, InstrumentType.FUTURE_OPTION):
        if (found := symbol(text, kind)) != WITHHELD:
            return found
    return WITHHELD
