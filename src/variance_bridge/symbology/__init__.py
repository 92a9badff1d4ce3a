"""Every listed contract, exactly: the symbols of all brokers, and one canonical spelling for each.

Depends on nothing in the core and reads its tables only when a symbol needs them.
"""

from variance_bridge.symbology.equity_options import option_symbol
from variance_bridge.symbology.fractions import FractionError, parse_fraction
from variance_bridge.symbology.future_options import future_option_symbol
from variance_bridge.symbology.instrument import (
    Deliverable,
    Instrument,
    InstrumentType,
    OptionType,
    SymbolError,
)
from variance_bridge.symbology.parsing import parse, root
from variance_bridge.symbology.tables import (
    FuturesProduct,
    futures_product,
    index_of,
    instrument_type_of,
)

__all__ = [
    "Deliverable",
    "FractionError",
    "FuturesProduct",
    "Instrument",
    "InstrumentType",
    "OptionType",
    "SymbolError",
    "future_option_symbol",
    "futures_product",
    "index_of",
    "instrument_type_of",
    "option_symbol",
    "parse",
    "parse_fraction",
    "root",
]
