"""Variance Bridge: what a trader holds, from any broker, in one documented form.

The names below are the public interface. They are imported from their modules when they are first used, so that
`import variance_bridge` costs next to nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from variance_bridge.broker import (
        HOOK_API,
        Account,
        AuthorizationCode,
        Broker,
        BrokerContext,
        BrokerSpec,
        Capability,
        Clock,
        Credential,
        CredentialPage,
        MarketData,
        MarketSnapshot,
        QuoteSource,
        QuoteSourceSpec,
        RawPortfolio,
        Response,
        Session,
        setting,
    )
    from variance_bridge.errors import (
        BridgeError,
        BrokerRefused,
        BrokerUnreachable,
        ConfigurationError,
        CredentialsMissing,
        DataRefused,
        PluginError,
        PositionsTooOld,
        SyncRunning,
    )
    from variance_bridge.model import (
        Balances,
        Benchmark,
        Caution,
        Counts,
        Environment,
        ExchangeRate,
        Flag,
        Greeks,
        Holding,
        Meta,
        Portfolio,
        Quote,
        RejectedRow,
        Rejection,
        Side,
        Status,
        Timeliness,
    )
    from variance_bridge.personal_values import PersonalKind, PersonalValues, Secret
    from variance_bridge.plugins.hookspecs import hookimpl
    from variance_bridge.reading.book import Book, Held, Source, load_all
    from variance_bridge.reading.engine_rows import PortfolioParser, Position
    from variance_bridge.reading.export_columns import ROW_COLUMNS, flat_rows
    from variance_bridge.reading.freshness import AgeLimits, Freshness
    from variance_bridge.reading.load import Snapshot, load
    from variance_bridge.reading.totals import Totals
    from variance_bridge.symbology import (
        Deliverable,
        Instrument,
        InstrumentType,
        OptionType,
        SymbolError,
    )

__version__ = "0.1.0"

_PLACES = {
    "broker": (
        "HOOK_API",
        "Account",
        "AuthorizationCode",
        "Broker",
        "BrokerContext",
        "BrokerSpec",
        "Capability",
        "Clock",
        "Credential",
        "CredentialPage",
        "MarketData",
        "MarketSnapshot",
        "QuoteSource",
        "QuoteSourceSpec",
        "RawPortfolio",
        "Response",
        "Session",
        "setting",
    ),
    "reading.book": ("Book", "Held", "Source", "load_all"),
    "reading.engine_rows": ("PortfolioParser", "Position"),
    "errors": (
        "BridgeError",
        "BrokerRefused",
        "BrokerUnreachable",
        "ConfigurationError",
        "CredentialsMissing",
        "DataRefused",
        "PluginError",
        "PositionsTooOld",
        "SyncRunning",
    ),
    "reading.export_columns": ("ROW_COLUMNS", "flat_rows"),
    "reading.freshness": ("AgeLimits", "Freshness"),
    "plugins.hookspecs": ("hookimpl",),
    "model": (
        "Balances",
        "Benchmark",
        "Caution",
        "Counts",
        "Environment",
        "ExchangeRate",
        "Flag",
        "Greeks",
        "Holding",
        "Meta",
        "Portfolio",
        "Quote",
        "RejectedRow",
        "Rejection",
        "Side",
        "Status",
        "Timeliness",
    ),
    "personal_values": ("PersonalKind", "PersonalValues", "Secret"),
    "reading.load": ("Snapshot", "load"),
    "reading.totals": ("Totals",),
    "symbology": ("Deliverable", "Instrument", "InstrumentType", "OptionType", "SymbolError"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "HOOK_API",
    "ROW_COLUMNS",
    "Account",
    "AgeLimits",
    "AuthorizationCode",
    "Balances",
    "Benchmark",
    "Book",
    "BridgeError",
    "Broker",
    "BrokerContext",
    "BrokerRefused",
    "BrokerSpec",
    "BrokerUnreachable",
    "Capability",
    "Caution",
    "Clock",
    "ConfigurationError",
    "Counts",
    "Credential",
    "CredentialPage",
    "CredentialsMissing",
    "DataRefused",
    "Deliverable",
    "Environment",
    "ExchangeRate",
    "Flag",
    "Freshness",
    "Greeks",
    "Held",
    "Holding",
    "Instrument",
    "InstrumentType",
    "MarketData",
    "MarketSnapshot",
    "Meta",
    "OptionType",
    "PersonalKind",
    "PersonalValues",
    "PluginError",
    "Portfolio",
    "PortfolioParser",
    "Position",
    "PositionsTooOld",
    "Quote",
    "QuoteSource",
    "QuoteSourceSpec",
    "RawPortfolio",
    "RejectedRow",
    "Rejection",
    "Response",
    "Secret",
    "Session",
    "Side",
    "Snapshot",
    "Source",
    "Status",
    "SymbolError",
    "SyncRunning",
    "Timeliness",
    "Totals",
    "__version__",
    "flat_rows",
    "hookimpl",
    "load",
    "load_all",
    "setting",
]


def lazy_names(package: str, module_of: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose names are imported from its modules when they are first used.

    Args:
        package: its name.
        module_of: the module of each name, below the package.
    """

    def get(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{module_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get


__getattr__ = lazy_names(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
