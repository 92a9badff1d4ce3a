"""The keys of the table `[brokers.tastytrade]`."""

from __future__ import annotations

import re
from typing import Final, Literal

import attrs

from variance_bridge.broker import setting

PRODUCTION: Final = "production"
SANDBOX: Final = "sandbox"
OAUTH: Final = "oauth"
SESSION: Final = "session"

ACCEPT_VERSION = "20251101"
"""The API version that production requests ask for: each route's newest version up to this date.

Without it the newest or the oldest is served: the vendor's sources contradict each other. The most popular client
uses this date (tastyware/tastytrade, session.py); balances are a list since 20240501.
"""

_VERSION = r"[0-9]{8}"


@attrs.frozen(kw_only=True)
class TastytradeSettings:
    """How to reach tastytrade.

    Attributes:
        environment: `production` or `sandbox`. Credentials are valid in one of them only.
        base_url: the API's address, with or without `https://`; None for the environment's own.
        auth: `oauth` is the supported way; `session` is the legacy log-in.
        accept_version: eight digits, sent in production.
    """

    environment: Literal["production", "sandbox"] = setting(
        PRODUCTION, title="production or sandbox"
    )
    base_url: str | None = setting(
        None, title="address of the API, if not the usual one", environment="API_BASE_URL"
    )
    auth: Literal["oauth", "session"] = setting(
        OAUTH, title="oauth, or session for the legacy log-in"
    )
    accept_version: str = setting(ACCEPT_VERSION, title="version of the API: YYYYMMDD")

    def __attrs_post_init__(self) -> None:
        if not re.fullmatch(_VERSION, self.accept_version):
            raise ValueError("accept_version must be eight digits: YYYYMMDD")
