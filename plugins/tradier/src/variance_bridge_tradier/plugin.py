"""The broker `tradier` and the quote source `tradier`, declared as records. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import (
    BrokerSpec,
    Capability,
    Credential,
    CredentialPage,
    QuoteSourceSpec,
    hookimpl,
)

_NAME = "tradier"
_TITLE = "Tradier"
_HOSTS = ("api.tradier.com", "sandbox.tradier.com")
_SETTINGS = "variance_bridge_tradier.settings:TradierSettings"
_CREDENTIALS = (Credential("TRADIER_ACCESS_TOKEN", "access token, production or sandbox"),)


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The broker `tradier`."""
    return [
        BrokerSpec(
            name=_NAME,
            slug=_NAME,
            title=_TITLE,
            broker="variance_bridge_tradier.broker:TradierBroker",
            hosts=_HOSTS,
            settings=_SETTINGS,
            credentials=_CREDENTIALS,
            capabilities=frozenset(
                {
                    Capability.STOCK,
                    Capability.OPTION,
                    Capability.BALANCES,
                    Capability.QUOTES,
                    Capability.MANY_ACCOUNTS,
                }
            ),
            quotes=_NAME,
            login=CredentialPage(url="https://dash.tradier.com/"),
            create_credentials="Create it at dash.tradier.com: Settings, API Access.",
        )
    ]


@hookimpl
def variance_bridge_quotes() -> Iterable[QuoteSourceSpec]:
    """The quote source `tradier`."""
    return [
        QuoteSourceSpec(
            name=_NAME,
            title=_TITLE,
            source="variance_bridge_tradier.quotes:TradierQuotes",
            hosts=_HOSTS,
            settings=_SETTINGS,
            credentials=_CREDENTIALS,
        )
    ]
