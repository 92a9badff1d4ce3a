"""Files that hold a secret: read only when nobody else can read them, written so that nobody else ever could."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from variance_bridge.errors import ConfigurationError
from variance_bridge.storage.filesystem import SYSTEM, FileSystem, reason
from variance_bridge.storage.read import MEBIBYTE, Reader
from variance_bridge.storage.replace import replace_file

MAX_BYTES: Final = MEBIBYTE
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_LOCK_NAME: Final = ".lock"
_PAUSE: Final = 0.1
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022


def read_private(path: Path, title: str, *, files: FileSystem = SYSTEM) -> bytes:
    """The bytes of a file that is this user's alone.

    The checks are made on the opened file, so that it cannot be exchanged between check and reading. A symbolic link
    may lead to it (dotfiles are often kept so) when what it leads to passes the same checks.

    Args:
        path: the file.
        title: what a message calls it: "the .env file".
        files: the operating system.

    Raises:
        FileNotFoundError: there is none.
        ConfigurationError: others can read or change it, it belongs to another user, is not a regular file, is larger
            than 1 MiB, or cannot be read.
    """
    data, problem = inspect_private(path, title, files=files)
    if problem is not None:
        raise problem
    return data


def inspect_private(
    path: Path, title: str, *, files: FileSystem = SYSTEM
) -> tuple[bytes, ConfigurationError | None]:
    """The bytes of a file, and why they should not be relied on (see `read_private`); empty when it was not read.

    For a file that may be somebody else's business, so that its being open to others is not an error by itself.

    Raises:
        FileNotFoundError: there is none.
    """
    reader = Reader(max_bytes=MAX_BYTES, title=title, error=ConfigurationError, files=files)
    try:
        content = reader.read(path)
    except ConfigurationError as problem:
        return b"", problem
    return content.data, _not_private(content.status, path, title)


def _not_private(state: os.stat_result, path: Path, title: str) -> ConfigurationError | None:
    if state.st_uid not in {os.geteuid(), 0}:
        return ConfigurationError(
            f"{title} belongs to another user",
            where=str(path),
            hint="Write it anew as yourself. What it held is known to that user: change it at the broker.",
        )
    if stat.S_IMODE(state.st_mode) & _OTHERS:
        return ConfigurationError(
            f"{title} can be read or changed by other users",
            where=str(path),
            hint=f"Run: chmod 600 '{path}'",
        )
    return None


def write_private(
    path: Path, data: bytes, title: str, *, replace: bool, files: FileSystem = SYSTEM
) -> bool:
    """Write a file that only this user can read, whole or not at all.

    Args:
        path: the file; its folder is made (0700) when it does not exist.
        data: its content.
        title: what a message calls it.
        replace: whether a file that is there already is replaced.
        files: the operating system.

    Returns:
        False when there was one already, and it was left as it is.

    Raises:
        ConfigurationError: the folder is open to others' writing, or the disk says no.
    """
    try:
        make_private_folder(path.parent)
        replace_file(path, data, overwrite=replace, files=files)
    except FileExistsError:
        return False
    except OSError as error:
        raise _failed(error, f"{title} cannot be written", path) from None
    return True


def make_private_folder(folder: Path) -> None:
    """Make a folder (0700) where there is none; refuse one in which others can write.

    Raises:
        ConfigurationError: others can exchange the files in it.
        OSError: it cannot be made.
    """
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    state = folder.stat()
    if stat.S_IMODE(state.st_mode) & _OTHERS_WRITE or state.st_uid not in {os.geteuid(), 0}:
        raise ConfigurationError(
            "other users can write in the configuration folder",
            where=str(folder),
            hint=f"Run: chmod 700 '{folder}'",
        )


@contextmanager
def exclusive_lock(
    folder: Path, name: str = _LOCK_NAME, *, wait: float | None = None
) -> Iterator[None]:
    """One process at a time inside the `with` block, where the file system can lock; the lock file stays.

    Args:
        folder: in which the lock file lies.
        name: of the lock file.
        wait: seconds to wait for another process; None for as long as it takes.

    Raises:
        ConfigurationError: the folder cannot be made or written.
        TimeoutError: another process held it for all that time.
    """
    try:
        make_private_folder(folder)
        handle = os.open(
            folder / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE
        )
    except OSError as error:
        raise _failed(error, "the configuration folder cannot be used", folder) from None
    try:
        if wait is None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        else:
            _lock_within(handle, wait)
        yield
    finally:
        os.close(handle)


def _lock_within(handle: int, wait: float) -> None:
    pauses = round(wait / _PAUSE)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pauses <= 0:
                raise TimeoutError from None
            pauses -= 1
            time.sleep(_PAUSE)
        except OSError:
            return  # a file system that cannot lock
        else:
            return


def _failed(error: OSError, what: str, path: Path) -> ConfigurationError:
    return ConfigurationError(f"{what}: {reason(error)}", where=str(path))
