"""Work that is not waited for longer than agreed, whatever it hangs in."""

from __future__ import annotations

import threading
from collections.abc import Callable
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
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
            failures.append(error)

    worker = threading.Thread(target=run, name=thread, daemon=True)
    worker.start()
    try:
        worker.join(timeout=seconds)
        if failures:
            raise failures[0]
        if not results:
            raise TimeoutError
        return results[0]
    finally:
        if abandon is not None and not (results or failures):
            abandon()
