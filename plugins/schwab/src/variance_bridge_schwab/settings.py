"""The keys of the table `[brokers.schwab]`."""

from __future__ import annotations

import re
from typing import Final

import attrs

from variance_bridge import setting

CALLBACK_URL: Final = "https://127.0.0.1"
_CALLBACK: Final = re.compile(r"https://[!-~]+")


@attrs.frozen(kw_only=True)
class SchwabSettings:
    """How to reach Schwab.

    Attributes:
        callback_url: what is registered as the callback of the app, letter by letter: Schwab compares it so.
        base_url: a server on this machine, such as `http://127.0.0.1:8000`, in place of Schwab's; for tests.
    """

    callback_url: str = setting(
        CALLBACK_URL, title="the callback URL that is registered for the app"
    )
    base_url: str | None = setting(None, title="a server on this machine, for tests")

    def __attrs_post_init__(self) -> None:
        if not _CALLBACK.fullmatch(self.callback_url):
            raise ValueError(
                "callback_url must be an https address, as it is registered for the app"
            )
