"""The operations of the operating system that publishing is made of, and the words for their failures.

They are a record of functions that is passed in, so that a test can fail, cut short or record each of them.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from variance_bridge.errors import DataRefused


def flush(descriptor: int) -> None:
    """Bring a file's content, or a folder's entries, to the medium.

    `fsync` on macOS leaves the data in the drive's own cache; F_FULLFSYNC empties that too (fsync(2) and fcntl(2) of
    macOS). A file system without the one may have the other.
    """
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(descriptor)


@attrs.frozen(kw_only=True)
class FileSystem:
    """What publishing asks of the operating system; each as in `os` and `fcntl`, every failure an `OSError`."""

    open: Callable[..., int] = os.open
    close: Callable[[int], None] = os.close
    read: Callable[[int, int], bytes] = os.read
    write: Callable[[int, memoryview], int] = os.write
    seek: Callable[[int, int, int], int] = os.lseek
    flush: Callable[[int], None] = flush
    change_mode: Callable[[int, int], None] = os.fchmod
    status: Callable[[int], os.stat_result] = os.fstat
    status_of: Callable[..., os.stat_result] = os.stat
    rename: Callable[..., None] = os.rename
    remove: Callable[..., None] = os.unlink
    make_folder: Callable[[Path, int], None] = os.mkdir
    names: Callable[[int], list[str]] = os.listdir
    lock: Callable[[int, int], None] = fcntl.flock


_PERMISSIONS = (
    "mend the permissions of the folder and of the files in it (a sync as root leaves root's), "
    "or choose another folder: `output_dir`, or `--output`"
)
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_CHUNK = 1024 * 1024

_WORDS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the command again"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space, then run the command again"),
    errno.EROFS: ("the disk is read-only", "choose another folder: `output_dir`, or `--output`"),
    errno.EIO: ("the disk reports a fault", "check the disk, or choose another folder: `output_dir`, or `--output`"),
    errno.EMFILE: ("this process has too many files open", "raise the limit (`ulimit -n`), then run the command again"),
    errno.ENFILE: ("the machine has too many files open", "close some programs, then run the command again"),
    errno.EACCES: ("permission is denied", _PERMISSIONS),
    errno.EPERM: ("permission is denied", _PERMISSIONS),
    errno.ENOTDIR: ("a part of the path is no folder", "choose another folder: `output_dir`, or `--output`"),
    errno.ELOOP: ("there is a symbolic link, and links are not followed here", "give the real path: `output_dir`, or `--output`"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name: `--output`"),
    errno.ENOLCK: ("this file system cannot lock files", "choose a folder on a local disk: `output_dir`, or `--output`"),
}  # fmt: skip


@contextmanager
def in_words(path: Path, consequence: str) -> Iterator[None]:
    """Turn what the operating system reports into an error for the user (exit 6).

    Args:
        path: the file that all this is about.
        consequence: what is true of it now.
    """
    try:
        yield
    except OSError as error:
        number = error.errno or 0
        fallback = (
            os.strerror(number),
            "check the folder and the disk, then run the command again",
        )
        what, hint = _WORDS.get(number, fallback)
        raise DataRefused(f"{what}; {consequence}", where=str(path), hint=hint) from error


def write_all(files: FileSystem, descriptor: int, data: bytes) -> None:
    """Write every byte; write(2) may take fewer than it is given."""
    rest = memoryview(data)
    while rest:
        written = files.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def read_up_to(files: FileSystem, descriptor: int, most: int) -> bytes:
    """The next bytes of the file, `most` of them or all that there are."""
    parts: list[bytes] = []
    while most > 0 and (part := files.read(descriptor, min(most, _CHUNK))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)


def bring_to_medium(files: FileSystem, descriptor: int) -> None:
    """Bring it to the medium. A file system that has no such thing (some network ones) has no such promise either."""
    try:
        files.flush(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


def close_quietly(files: FileSystem, descriptor: int) -> None:
    """Close what was only read or locked: nothing can be lost, and the system frees it even when it reports a fault."""
    with suppress(OSError):
        files.close(descriptor)
