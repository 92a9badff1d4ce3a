"""Work that is not waited for longer than agreed, whatever it hangs in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(
    seconds: float, work: Callable[[], T], *, thread: str, abandon: Callable[[], None] | None = None
) -> T:
    """What the work returns or raises, from a thread that is left behind when it takes too long.

    Args:
        seconds: the longest that the caller waits.
        work: may hang, so it holds no lock that others need.
        thread: the name of its thread.
        abandon: called when the work has not ended and nobody waits any longer: the time is up, or the user interrupts.

    Raises:
        TimeoutError: the time is up.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            future.set_exception(error)

    threading.Thread(target=run, name=thread, daemon=True).start()
    try:
        return future.result(timeout=seconds)
    finally:
        if abandon is not None and not future.done():
            abandon()
