"""Every listed contract, exactly: the symbols of all brokers, and one canonical spelling for each.

Depends on nothing in the core. The names below are imported from their modules when they are first used, and the
tables are read when a symbol needs them: a program that wants the enumerations only pays for no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from variance_bridge import lazy_names

if TYPE_CHECKING:
    from variance_bridge.symbology.contract_names import contract_name
    from variance_bridge.symbology.equity_options import listed_option, option_symbol
    from variance_bridge.symbology.fractions import FractionError, parse_fraction
    from variance_bridge.symbology.future_options import future_option_symbol
    from variance_bridge.symbology.futures import contract_expiring, future_may_expire
    from variance_bridge.symbology.instrument import (
        Deliverable,
        Instrument,
        InstrumentType,
        OptionType,
        SymbolError,
    )
    from variance_bridge.symbology.parsing import parse, root
    from variance_bridge.symbology.symbol_text import DateOrder
    from variance_bridge.symbology.tables import (
        FuturesProduct,
        Settlement,
        futures_product,
        index_of,
        instrument_type_of,
    )

_PLACES = {
    "contract_names": ("contract_name",),
    "equity_options": ("listed_option", "option_symbol"),
    "fractions": ("FractionError", "parse_fraction"),
    "future_options": ("future_option_symbol",),
    "futures": ("contract_expiring", "future_may_expire"),
    "instrument": ("Deliverable", "Instrument", "InstrumentType", "OptionType", "SymbolError"),
    "parsing": ("parse", "root"),
    "tables": ("FuturesProduct", "Settlement", "futures_product", "index_of", "instrument_type_of"),
    "symbol_text": ("DateOrder",),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "DateOrder",
    "Deliverable",
    "FractionError",
    "FuturesProduct",
    "Instrument",
    "InstrumentType",
    "OptionType",
    "Settlement",
    "SymbolError",
    "contract_expiring",
    "contract_name",
    "future_may_expire",
    "future_option_symbol",
    "futures_product",
    "index_of",
    "instrument_type_of",
    "listed_option",
    "option_symbol",
    "parse",
    "parse_fraction",
    "root",
]


__getattr__ = lazy_names(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
