"""The operations of the operating system that reading and replacing files is made of, and what their failures mean.

They are a record of functions that is passed in, so that a test can fail, cut short or record each of them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import Struct

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


class FileSystem(Struct, frozen=True, kw_only=True):
    """What we ask of the operating system; each as in `os` and `fcntl`, every failure an `OSError`."""

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
    link: Callable[..., None] = os.link
    remove: Callable[..., None] = os.unlink
    make_folder: Callable[[Path, int], None] = os.mkdir
    names: Callable[[int], list[str]] = os.listdir
    lock: Callable[[int, int], None] = fcntl.flock


SYSTEM = FileSystem()


class Place(Struct, eq=False):
    """Where a file is going to be written.

    Attributes:
        path: of the file, absolute or as the user gave it: for messages.
        folder: descriptor of its folder: all names are resolved against it, so that the folder cannot be swapped
            between a check and its use.
        files: the operating system.
        warn: gets what the user should know, one line, no personal values.
    """

    path: Path
    folder: int
    files: FileSystem
    warn: Callable[[str], None]

    @property
    def name(self) -> str:
        """The file's name in its folder."""
        return self.path.name


def ignore_warning(_message: str) -> None:
    """Drop the message."""


_PERMISSIONS = (
    "change the permissions of the folder and of the files in it (a sync as root leaves root's), "
    "or choose another folder: `output_dir`, or `--output`"
)
_NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_CHUNK = 1024 * 1024

_WORDS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "free some space, then run the command again"),
    errno.EDQUOT: ("your quota of the disk is used up", "free some space, then run the command again"),
    errno.EROFS: ("the disk is read-only", "choose another folder: `output_dir`, or `--output`"),
    # What file systems with checksums report of damaged content, and we of what does not read back as it was written.
    errno.EBADMSG: ("what was written does not read back", "check the disk, or choose another folder: `output_dir`, or `--output`"),
    errno.EIO: ("the disk reports a fault", "check the disk, or choose another folder: `output_dir`, or `--output`"),
    errno.EMFILE: ("this process has too many files open", "raise the limit (`ulimit -n`), then run the command again"),
    errno.ENFILE: ("the machine has too many files open", "close some programs, then run the command again"),
    errno.EACCES: ("permission is denied", _PERMISSIONS),
    errno.EPERM: ("permission is denied", _PERMISSIONS),
    errno.ENOTDIR: ("a part of the path is not a folder", "choose another folder: `output_dir`, or `--output`"),
    errno.ELOOP: ("there is a symbolic link, and links are not followed here", "give the real path: `output_dir`, or `--output`"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name: `--output`"),
    errno.ENOLCK: ("this file system cannot lock files", "choose a folder on a local disk: `output_dir`, or `--output`"),
}  # fmt: skip


def reason(error: OSError | ValueError) -> str:
    """What the operating system reports, for a message: "the disk is full". It never holds the path."""
    if not isinstance(error, OSError):  # a null character in a path
        return "its name is not usable"
    number = error.errno or errno.EIO
    return _WORDS[number][0] if number in _WORDS else os.strerror(number)


@contextmanager
def os_errors_as_refusals(path: Path, consequence: str) -> Iterator[None]:
    """Turn what the operating system reports into an error for the user (exit 6).

    Args:
        path: the file that all this is about.
        consequence: what is true of it now.
    """
    try:
        yield
    except OSError as error:
        hint = "check the folder and the disk, then run the command again"
        if error.errno in _WORDS:
            hint = _WORDS[error.errno][1]
        raise DataRefused(f"{reason(error)}; {consequence}", where=str(path), hint=hint) from error


def write_all(files: FileSystem, descriptor: int, data: bytes) -> None:
    """Write every byte; write(2) may take fewer than it is given."""
    rest = memoryview(data)
    while rest:
        written = files.write(descriptor, rest)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest = rest[written:]


def read_up_to(files: FileSystem, descriptor: int, max_bytes: int) -> bytes:
    """The next bytes of the file, `max_bytes` of them or all that there are."""
    return b"".join(parts_up_to(files, descriptor, max_bytes))


def parts_up_to(files: FileSystem, descriptor: int, max_bytes: int) -> Iterator[bytes]:
    """The same, piece by piece."""
    while max_bytes > 0 and (part := files.read(descriptor, min(max_bytes, _CHUNK))):
        yield part
        max_bytes -= len(part)


def fsync_if_supported(files: FileSystem, descriptor: int) -> None:
    """Bring it to the medium. A file system that has no such thing (some network ones) has no such promise either."""
    try:
        files.flush(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise


def kind(mode: int) -> str:
    """What a thing in a folder is, when it is not a regular file."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe"}
    return kinds.get(stat.S_IFMT(mode), "a device or socket")


def close_quietly(files: FileSystem, descriptor: int) -> None:
    """Close what was only read or locked: nothing can be lost, and the system frees it even when it reports a fault."""
    with suppress(OSError):
        files.close(descriptor)
