"""The broker `tastytrade` and the quote source `tastytrade`, declared as records."""

from __future__ import annotations

from collections.abc import Iterable

from variance_bridge import hookimpl
from variance_bridge.broker import (
    BrokerSpec,
    Credential,
    CredentialPage,
    QuoteSourceSpec,
    RateLimit,
)
from variance_bridge_tastytrade.host_names import PRODUCTION_HOSTS, SANDBOX_HOSTS, STREAMER_HOSTS

_NAME = "tastytrade"
_TITLE = "tastytrade"
_SETTINGS = "variance_bridge_tastytrade.settings:TastytradeSettings"
_HOSTS = PRODUCTION_HOSTS + SANDBOX_HOSTS
_TOKEN_PATHS = ("/oauth/token", "/sessions")
_BY_OAUTH = ("auth", "oauth")
_BY_SESSION = ("auth", "session")
_CREDENTIALS = (
    Credential("TT_CLIENT_SECRET", "client secret of your OAuth application", when=_BY_OAUTH),
    Credential(
        "TT_REFRESH_TOKEN", "refresh token of your grant with the scope read", when=_BY_OAUTH
    ),
    Credential(
        "TT_CLIENT_ID", "client id of your OAuth application", required=False, when=_BY_OAUTH
    ),
    Credential("TASTY_SESSION_TOKEN", "legacy session token", required=False, when=_BY_SESSION),
    Credential(
        "TASTY_USERNAME", "user name of the legacy log-in", required=False, when=_BY_SESSION
    ),
    Credential("TASTY_PASSWORD", "password of the legacy log-in", required=False, when=_BY_SESSION),
)

_RATE_LIMITS = (
    RateLimit(requests=1, path="/customers/me/accounts"),
    RateLimit(requests=1, path="/accounts/*/positions"),
    RateLimit(requests=1, path="/accounts/*/balances"),
    RateLimit(requests=2, path="/market-data"),
    RateLimit(requests=50),
)
"""Per second, as the vendor's own client limits itself (tastytrade/tastytrade-mcp, safety/rate-limit)."""


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The broker `tastytrade`."""
    return [
        BrokerSpec(
            name=_NAME,
            slug="tasty",
            title=_TITLE,
            broker="variance_bridge_tastytrade.broker:TastytradeBroker",
            hosts=_HOSTS + STREAMER_HOSTS,
            token_paths=_TOKEN_PATHS,
            settings=_SETTINGS,
            credentials=_CREDENTIALS,
            wakes="variance_bridge_tastytrade.account_streamer:TastytradeWake",
            answer_modules=(
                "variance_bridge_tastytrade.normalize.accounts",
                "variance_bridge_tastytrade.normalize.portfolio",
            ),
            capabilities=frozenset(
                {
                    "stock",
                    "option",
                    "future",
                    "future_option",
                    "crypto",
                    "bond",
                    "balances",
                    "quotes",
                    "many_accounts",
                }
            ),
            quotes=_NAME,
            rate_limits=_RATE_LIMITS,
            login=CredentialPage(url="https://my.tastytrade.com/"),
            create_credentials=(
                "Create them at my.tastytrade.com: Manage, My Profile, API, OAuth Applications; then"
                " Create Grant, with only the scope `read`."
            ),
        )
    ]


@hookimpl
def variance_bridge_quotes() -> Iterable[QuoteSourceSpec]:
    """The quote source `tastytrade`."""
    return [
        QuoteSourceSpec(
            name=_NAME,
            title=_TITLE,
            source="variance_bridge_tastytrade.quotes:TastytradeQuotes",
            hosts=_HOSTS,
            token_paths=_TOKEN_PATHS,
            settings=_SETTINGS,
            credentials=_CREDENTIALS,
            rate_limits=_RATE_LIMITS,
        )
    ]
