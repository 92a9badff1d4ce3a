"""The broker `ibkr`, declared as a record. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import BrokerSpec, Capability, Credential, CredentialPage, hookimpl
from variance_bridge.broker import RateLimit


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The broker `ibkr`."""
    return [
        BrokerSpec(
            name="ibkr",
            slug="ibkr",
            title="Interactive Brokers",
            broker="variance_bridge_ibkr.broker:IbkrBroker",
            hosts=("ndcdyn.interactivebrokers.com", "gdcdyn.interactivebrokers.com"),
            credential_in_query=True,
            # The service wants "technology/version" (IBKR guides, Flex Web Service version 3).
            user_agent="Python/3.11",
            # "One request per second, 10 requests per minute (per token)": its error 1018.
            rate_limits=(RateLimit(requests=1), RateLimit(requests=10, seconds=60)),
            settings="variance_bridge_ibkr.settings:IbkrSettings",
            credentials=(Credential("IBKR_FLEX_TOKEN", "token of the Flex Web Service"),),
            capabilities=frozenset(
                {
                    Capability.STOCK,
                    Capability.OPTION,
                    Capability.FUTURE,
                    Capability.FUTURE_OPTION,
                    Capability.CRYPTO,
                    Capability.BOND,
                    Capability.FUND,
                    Capability.CASH,
                    Capability.BALANCES,
                    Capability.MANY_ACCOUNTS,
                }
            ),
            login=CredentialPage(url="https://www.interactivebrokers.com/"),
            create_credentials=(
                "Create it in IBKR's Client Portal: Performance & Reports, Flex Queries, Flex Web Service Configuration."
            ),
        )
    ]
