"""The keys of the table `[brokers.snaptrade]`."""

from __future__ import annotations

from typing import Literal

import attrs

from variance_bridge import setting


@attrs.frozen(kw_only=True)
class SnapTradeSettings:
    """How to reach SnapTrade.

    Attributes:
        path_prefix: what stands before every path: nothing, or the old `/api/v1`, which SnapTrade is giving up.
        base_url: a server on this machine, such as `http://127.0.0.1:8000`, in place of SnapTrade's; for tests.
    """

    path_prefix: Literal["", "/api/v1"] = setting("", title="before every path: nothing or /api/v1")
    base_url: str | None = setting(None, title="a server on this machine, for tests")
