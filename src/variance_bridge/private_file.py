"""Reading a file that holds a secret: only when nobody else can read it or has put it there."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from variance_bridge.errors import ConfigurationError

LONGEST: Final = 1024 * 1024


def read_private(path: Path, title: str) -> bytes:
    """The bytes of a file that is this user's alone.

    The checks are made on the opened file, so that it cannot be exchanged between check and reading. A symbolic link
    may lead to it (dotfiles are often kept so) when what it leads to passes the same checks.

    Args:
        path: the file.
        title: what a message calls it: "the .env file".

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: others can read or change it, it belongs to another user, is no regular file, is longer
            than 1 MiB, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "unknown reason"
        raise ConfigurationError(f"{title} cannot be opened: {reason}", where=str(path)) from None
    with os.fdopen(handle, "rb") as file:
        _check(os.fstat(file.fileno()), path, title)
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ConfigurationError(f"{title} is longer than {LONGEST} bytes", where=str(path))
    return data


def _check(state: os.stat_result, path: Path, title: str) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise ConfigurationError(f"{title} is not a regular file", where=str(path))
    if state.st_uid not in {os.geteuid(), 0}:
        raise ConfigurationError(
            f"{title} belongs to another user",
            where=str(path),
            hint="Write it anew as yourself, and set the secrets that it holds anew at the broker.",
        )
    if stat.S_IMODE(state.st_mode) & 0o077:
        raise ConfigurationError(
            f"{title} can be read or changed by other users",
            where=str(path),
            hint=f"Run: chmod 600 {path}",
        )
