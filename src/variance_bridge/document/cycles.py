"""A pause of the collector of cycles while a document is read.

What is built from JSON has no cycles, but the collector looks for them again each time that a quarter more objects have
been made: a quarter of the time of a large book.
"""

from __future__ import annotations

import gc
from threading import Lock


class _Pause:
    """No collections while any thread is inside; afterwards as it was before the first of them came."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._was_enabled = False

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._was_enabled = gc.isenabled()
                gc.disable()
            self._inside += 1

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._was_enabled:
                gc.enable()


paused_collection = _Pause()
"""A context manager for everybody who reads documents, from any number of threads."""
