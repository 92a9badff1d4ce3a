"""What the registry imports to learn of this broker. Imports nothing heavy: listing is cheap."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import hookimpl
from variance_bridge.broker import BrokerSpec, Capability


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The one broker of this plugin."""
    return [
        BrokerSpec(
            name="csv",
            slug="csv",
            title="Position files (CSV)",
            broker="variance_bridge_csv.broker:CsvBroker",
            settings="variance_bridge_csv.settings:CsvSettings",
            capabilities=frozenset(
                {
                    Capability.STOCK,
                    Capability.OPTION,
                    Capability.FUTURE,
                    Capability.FUTURE_OPTION,
                    Capability.CRYPTO,
                    Capability.BOND,
                    Capability.FUND,
                    Capability.BALANCES,
                    Capability.QUOTES,
                    Capability.MANY_ACCOUNTS,
                    Capability.READS_FILES,
                }
            ),
        )
    ]
