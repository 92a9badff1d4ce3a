"""The broker `schwab`, declared as a record. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from variance_bridge import AuthorizationCode, BrokerSpec, Capability, Credential, hookimpl
from variance_bridge.broker import RateLimit

HOST = "api.schwabapi.com"
TOKEN_PATH = "/v1/oauth/token"  # noqa: S105 - a path
_KEY, _SECRET, REFRESH = "SCHWAB_APP_KEY", "SCHWAB_APP_SECRET", "SCHWAB_REFRESH_TOKEN"


@hookimpl
def variance_bridge_brokers() -> Iterable[BrokerSpec]:
    """The broker `schwab`."""
    return [
        BrokerSpec(
            name="schwab",
            slug="schwab",
            title="Charles Schwab",
            broker="variance_bridge_schwab.broker:SchwabBroker",
            hosts=(HOST,),
            token_paths=(TOKEN_PATH,),
            # 120 requests a minute, beyond which it answers 429 (schwabdev, api.md).
            rate_limits=(RateLimit(requests=120, seconds=60),),
            settings="variance_bridge_schwab.settings:SchwabSettings",
            credentials=(
                Credential(_KEY, "app key of your app"),
                Credential(_SECRET, "secret of your app"),
                # Counted from the log-in: a refresh does not prolong it (schwab-py, auth.rst).
                Credential(REFRESH, "refresh token of your log-in", lifetime=timedelta(days=7)),
            ),
            capabilities=frozenset(
                {
                    Capability.STOCK,
                    Capability.OPTION,
                    Capability.BOND,
                    Capability.FUND,
                    Capability.BALANCES,
                    Capability.MANY_ACCOUNTS,
                }
            ),
            login=AuthorizationCode(
                authorize_url=f"https://{HOST}/v1/oauth/authorize",
                token_url=f"https://{HOST}{TOKEN_PATH}",
                client_id=_KEY,
                client_secret=_SECRET,
                refresh_token=REFRESH,
                redirect="https://127.0.0.1",
                redirect_setting="callback_url",
                basic=True,
                # Reports differ on whether Schwab sends it back (docs/brokers/schwab.md).
                returns_state=False,
            ),
            create_credentials=(
                "Create an app at developer.schwab.com, with the product Accounts and Trading Production."
            ),
        )
    ]
