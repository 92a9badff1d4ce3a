"""What tastytrade's account streamer is sent, and which of its messages mean that something changed.

The streamer (https://developer.tastytrade.com, "Streaming Account Data") sends whole objects, and no snapshot at the start. It
is used as an alarm clock: nothing is read of a message but its kind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from variance_bridge import Secret
from variance_bridge.broker import Account, BrokerContext, Notice
from variance_bridge_tastytrade.client.api import api_of
from variance_bridge_tastytrade.client.hosts import streamer_address
from variance_bridge_tastytrade.settings import OAUTH

HEARTBEAT_SECONDS: Final = 30.0
"""From 2 to 60 are asked for; tastyware/tastytrade uses 30."""

_FILLED = "Filled"
_CLOSE_PRICE = "Close Price"
"""The `update-type` of a position of which only yesterday's close is new (QuantConnect/Lean.Brokerages.Tastytrade)."""

_MAX_DEPTH: Final = 3
"""How deep notices are looked for: a batch is an object with a list of them."""


class TastytradeWake:
    """The account streamer of the environment that the settings mean. It shares the broker's access token."""

    def __init__(self, context: BrokerContext) -> None:
        self._context = context

    @property
    def address(self) -> str | None:
        """The streamer's address; None for the legacy log-in, of which each connection would need another."""
        if self._context.settings.auth != OAUTH:
            return None
        return streamer_address(api_of(self._context).endpoint)

    @property
    def heartbeat_seconds(self) -> float:
        """The streamer answers each heartbeat."""
        return HEARTBEAT_SECONDS

    def hello(self, accounts: Sequence[Account]) -> Secret:
        """The accounts whose notices are wanted, and the access token."""
        return self._text("connect", value=[account.number for account in accounts])

    def heartbeat(self) -> Secret:
        """With a token that is valid now: it lasts 15 minutes."""
        return self._text("heartbeat")

    def _text(self, action: str, **members: Any) -> Secret:
        token = api_of(self._context).authorization().reveal()
        return Secret(json.dumps({"action": action, "auth-token": token, **members}))

    def read(self, message: bytes) -> Notice:
        """A position, a filled order or a transfer is a change; a status other than `ok` is a refusal."""
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            return Notice.OTHER
        kinds = {_kind(one) for one in _objects(found)}
        for kind in (Notice.REFUSED, Notice.CHANGED):
            if kind in kinds:
                return kind
        return Notice.OTHER


def _objects(found: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The notices of a message: itself, or those of a batch, `{"results": [...]}`."""
    if isinstance(found, list) and depth < _MAX_DEPTH:
        for one in found:
            yield from _objects(one, depth + 1)
    elif isinstance(found, dict):
        yield found
        yield from _objects(found.get("results"), depth + 1)


def _kind(notice: Mapping[str, Any]) -> Notice:
    if notice.get("status") == "error" and notice.get("action") in ("connect", "heartbeat"):
        return Notice.REFUSED
    data = notice.get("data")
    data = data if isinstance(data, dict) else {}
    match notice.get("type"):
        case "CurrentPosition":
            is_change = data.get("update-type") != _CLOSE_PRICE
        case "Order":
            is_change = data.get("status") == _FILLED
        case "ExternalTransaction":
            is_change = True
        case _:
            is_change = False
    return Notice.CHANGED if is_change else Notice.OTHER
