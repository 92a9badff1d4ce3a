"""The broker `snaptrade`, declared as a record. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import BrokerSpec, Capability, Credential, CredentialPage, hookimpl
from variance_bridge.broker import RateLimit


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The broker `snaptrade`."""
    return [
        BrokerSpec(
            name="snaptrade",
            slug="snaptrade",
            title="SnapTrade",
            broker="variance_bridge_snaptrade.broker:SnapTradeBroker",
            hosts=("api.snaptrade.com",),
            settings="variance_bridge_snaptrade.settings:SnapTradeSettings",
            credential_in_query=True,
            credentials=(
                Credential("SNAPTRADE_CLIENT_ID", "client ID of the API key"),
                Credential("SNAPTRADE_CONSUMER_KEY", "consumer key, which signs each request"),
                Credential(
                    "SNAPTRADE_USER_ID", "user ID, for a Commercial key only", required=False
                ),
                Credential(
                    "SNAPTRADE_USER_SECRET",
                    "secret of that user, for a Commercial key only",
                    required=False,
                ),
            ),
            capabilities=frozenset(
                {
                    Capability.STOCK,
                    Capability.OPTION,
                    Capability.FUTURE,
                    Capability.CRYPTO,
                    Capability.FUND,
                    Capability.BALANCES,
                    Capability.MANY_ACCOUNTS,
                }
            ),
            # Source: docs.snaptrade.com/docs/ratelimiting. Its other limit, 10 a minute for each account, cannot be
            # reached: an account is asked for positions and balances, each at most three times.
            rate_limits=(RateLimit(requests=250, seconds=60),),
            login=CredentialPage(url="https://dashboard.snaptrade.com/"),
            create_credentials="Create a Personal API key at dashboard.snaptrade.com, and connect your broker there.",
        )
    ]
