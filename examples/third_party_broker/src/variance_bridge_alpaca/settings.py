"""The keys of the table `[brokers.alpaca]`."""

from __future__ import annotations

import attrs

from variance_bridge import setting


@attrs.frozen(kw_only=True)
class AlpacaSettings:
    """How to reach Alpaca."""

    paper: bool = setting(False, title="true for the account of paper trading")
