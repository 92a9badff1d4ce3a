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
from variance_bridge.broker import RateLimit

_NAME = "tradier"
_TITLE = "Tradier"
_HOSTS = ("api.tradier.com", "sandbox.tradier.com")
_SETTINGS = "variance_bridge_tradier.settings:TradierSettings"
# A minute and a token, for each group of paths: 120 in production, 60 in the sandbox (docs.tradier.com, rate limiting).
# What is declared here is for both.
_RATE_LIMITS = tuple(
    RateLimit(requests=60, seconds=60, path=path)
    for path in ("/v1/user", "/v1/accounts", "/v1/markets")
)
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
            rate_limits=_RATE_LIMITS,
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
            rate_limits=_RATE_LIMITS,
        )
    ]
