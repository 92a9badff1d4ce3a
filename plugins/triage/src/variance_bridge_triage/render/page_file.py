"""Writing the page: whole or not at all, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from variance_bridge.errors import DataRefused


def write_page(file: Path, data: bytes) -> None:
    """Replace `file` by the page (0600).

    Raises:
        DataRefused: it cannot be written there; what was there before is untouched.
    """
    try:
        _replace(file, data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not usable"
        raise DataRefused(
            f"the page cannot be written: {reason}",
            where=str(file),
            hint="name another place with `--html FILE`",
        ) from None


def _replace(file: Path, data: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(8)}.tmp")
    try:
        _write_new(temporary, data)
        temporary.replace(file)
    finally:
        with suppress(OSError, ValueError):
            temporary.unlink()


def _write_new(file: Path, data: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(file, flags, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
