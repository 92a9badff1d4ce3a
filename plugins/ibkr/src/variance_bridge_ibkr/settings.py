"""The keys of the table `[brokers.ibkr]`."""

from __future__ import annotations

import attrs

from variance_bridge import setting


@attrs.frozen(kw_only=True)
class IbkrSettings:
    """Which Flex query to run.

    Attributes:
        flex_query: the number of an Activity Flex query, as the Client Portal shows it.
        base_url: a server on this machine, such as `http://127.0.0.1:8000`, in place of IBKR's; for tests.
    """

    flex_query: int | str | None = setting(None, title="number of the Activity Flex query")
    base_url: str | None = setting(None, title="a server on this machine, for tests")
