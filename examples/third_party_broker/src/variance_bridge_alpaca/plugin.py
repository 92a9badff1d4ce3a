"""What Variance Bridge learns of this broker before it is used. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import BrokerSpec, Capability, Credential, hookimpl


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The one broker of this plugin."""
    return [
        BrokerSpec(
            name="alpaca",
            slug="alpaca",
            title="Alpaca",
            broker="variance_bridge_alpaca.broker:AlpacaBroker",
            hosts=("api.alpaca.markets", "paper-api.alpaca.markets"),
            settings="variance_bridge_alpaca.settings:AlpacaSettings",
            credentials=(
                Credential("APCA_API_KEY_ID", "key of the API, live or paper"),
                Credential("APCA_API_SECRET_KEY", "secret of the key"),
            ),
            capabilities=frozenset(
                {Capability.STOCK, Capability.OPTION, Capability.CRYPTO, Capability.BALANCES}
            ),
            create_credentials="Create them at app.alpaca.markets: Home, API Keys, Generate.",
        )
    ]
