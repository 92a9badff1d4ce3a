"""The keys of the table `[brokers.tradier]`."""

from __future__ import annotations

from typing import Final, Literal

import attrs

from variance_bridge import setting

PRODUCTION: Final = "production"
SANDBOX: Final = "sandbox"


@attrs.frozen(kw_only=True)
class TradierSettings:
    """How to reach Tradier.

    Attributes:
        environment: `production` or `sandbox`. Each has a token of its own.
        base_url: a server on this machine, such as `http://127.0.0.1:8000`, in place of Tradier's; for tests.
    """

    environment: Literal["production", "sandbox"] = setting(
        PRODUCTION, title="production or sandbox"
    )
    base_url: str | None = setting(None, title="a server on this machine, for tests")
