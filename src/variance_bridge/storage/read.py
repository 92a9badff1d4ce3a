"""Reading a file whole, with a limit and with words for what can go wrong."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from variance_bridge.errors import DataRefused

MAX_BYTES = 64 * 1024 * 1024


def read_bounded(file: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a regular file.

    Raises:
        DataRefused: it is not there, not a regular file, not readable, or larger than `max_bytes`.
    """
    try:
        # Opening a named pipe without O_NONBLOCK would wait for a writer that may never come.
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DataRefused("is not a regular file", where=str(file))
            data = stream.read(max_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not usable"
        raise DataRefused(f"cannot be read: {reason}", where=str(file)) from None
    if len(data) > max_bytes:
        raise DataRefused(f"is larger than {max_bytes // 2**20} MiB", where=str(file))
    return data
