"""Asking again until an answer is ready: politely, on the clock of the context, and not for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from variance_bridge.broker import Clock
from variance_bridge.errors import BridgeError

Answer = TypeVar("Answer")

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 15.0, *(30.0,) * 20)
"""Seconds between the tries where the broker asks for none: quick at first, then twice a minute."""


@attrs.frozen
class NotReady:
    """What a try gives in place of an answer that is not ready yet.

    Attributes:
        error: how the polling ends if it stays so, such as a `BrokerUnreachable` (exit 5).
        waits: seconds before each further try; after the last of them it is enough. Tries with other waits do not count.
    """

    error: BridgeError
    waits: tuple[float, ...] = WAITS


def poll(ask: Callable[[], Answer | NotReady], *, clock: Clock, seconds: float = 220.0) -> Answer:
    """The first answer that is ready.

    Args:
        ask: sends the request, and gives the answer, or a `NotReady`. What it raises ends the polling.
        clock: of the context.
        seconds: no further try begins after so many.

    Raises:
        BridgeError: the error of the last `NotReady`, when the tries or the seconds are over.
    """
    began = clock.monotonic()
    tries: dict[tuple[float, ...], int] = {}
    while True:
        answer = ask()
        if not isinstance(answer, NotReady):
            return answer
        tried = tries.get(answer.waits, 0)
        if tried == len(answer.waits):
            raise answer.error
        wait = answer.waits[tried]
        if clock.monotonic() - began + wait > seconds:
            raise answer.error
        tries[answer.waits] = tried + 1
        clock.sleep(wait)
