"""The one place where a document is written, such that no crash, kill or full disk takes the last good file away.

The sequence: lock; check the place; remove what a killed writer left; write the new document to a temporary file beside
the old one, flush it, read it back and compare, close it; copy the old document to `<name>.prev` in the same way; rename
the new one over the old one; flush the folder. Until that last rename a reader finds the old document, after it the new
one, and the name never stands for nothing in between (rename(2) of POSIX replaces in one step). Flushing the content
before the rename is what makes that true of a power loss too.

Beside `live_acme.json` stand `live_acme.json.prev`, the document before; `.live_acme.json.lock`, empty, which stays
(removing a lock file lets two processes hold two locks of one name); and, while a document is written,
`.live_acme.json.<16 hex digits>.tmp`.

Files are 0600; where they stand is the matter of `variance_bridge.storage.lock`.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from variance_bridge.errors import DataRefused
from variance_bridge.storage.filesystem import (
    FileSystem,
    bring_to_medium,
    close_quietly,
    in_words,
    read_up_to,
    write_all,
)
from variance_bridge.storage.lock import (
    UNCHANGED,
    OutputLock,
    check_places,
    check_unmoved,
    kind,
    output_lock,
    previous_path,
    refused,
    silent,
)

__all__ = [
    "LARGEST_DOCUMENT",
    "OutputLock",
    "output_lock",
    "previous_path",
    "publish",
    "read_published",
]

LARGEST_DOCUMENT = 64 * 1024 * 1024
"""Bytes. A position takes about 700, so no account comes near it; what is larger is no document of ours."""

_IN_PLACE = "the new document is in place and whole, but would perhaps not outlive a power failure"
_SYSTEM = FileSystem()


def publish(
    path: Path,
    data: bytes,
    *,
    lock: OutputLock | None = None,
    keep_previous: bool = True,
    warn: Callable[[str], None] = silent,
    files: FileSystem = _SYSTEM,
) -> None:
    """Replace the document at `path` by `data`, wholly or not at all.

    Args:
        path: where readers look for it.
        data: the bytes of a checked document, 1 to `LARGEST_DOCUMENT` of them.
        lock: what `output_lock(path)` gave; without one the lock is taken here, for this moment. It brings its own
            `warn` and `files`.
        keep_previous: copy the document that is there to `<name>.prev`. False when it is known to be no good, so that
            `.prev` stays the last good one.
        warn: told what the user should know, one line, no personal values.
        files: the operating system.

    Raises:
        SyncRunning: another process, or another block of this one, holds the lock; nothing was changed.
        DataRefused: it cannot be written there; the text says why and whether anything was changed.
    """
    if lock is None:
        with output_lock(path, warn=warn, files=files) as own:
            publish(path, data, lock=own, keep_previous=keep_previous)
        return
    if not lock.held or lock.path != path.absolute():
        raise ValueError("the lock that was passed is not held, or is another document's")
    if not 0 < len(data) <= LARGEST_DOCUMENT:
        raise refused(path, f"a document of {len(data)} bytes cannot be right")
    _replace(lock, data, keep_previous=keep_previous)
    with in_words(path, _IN_PLACE):
        bring_to_medium(lock.files, lock.folder)


def read_published(
    path: Path, *, largest: int = LARGEST_DOCUMENT, files: FileSystem = _SYSTEM
) -> bytes:
    """The whole document at `path`.

    Documents are replaced and never changed in place, so an open one is whole whatever happens to its name meanwhile.
    A symbolic link to a document is followed: reading through one harms nobody.

    Args:
        path: of the document.
        largest: bytes; what is larger is refused unread.
        files: the operating system.

    Raises:
        FileNotFoundError: there is none.
        DataRefused: it is no plain file, too large, unreadable, or another program writes into it just now (exit 6).
    """
    with in_words(path, "it cannot be read"), ExitStack() as stack:
        try:
            descriptor = files.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            pass
        else:
            stack.callback(close_quietly, files, descriptor)
            return _read_whole(files, descriptor, path, largest)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _replace(lock: OutputLock, data: bytes, *, keep_previous: bool) -> None:
    files, folder = lock.files, lock.folder
    with in_words(lock.path, UNCHANGED), ExitStack() as leftovers:
        check_unmoved(lock)
        check_places(lock)
        _sweep(lock)
        fresh = _write_temporary(lock, data, leftovers)
        old = _document_there(lock) if keep_previous else b""
        if old:
            kept = _write_temporary(lock, old, leftovers)
            previous = previous_path(lock.path).name
            files.rename(kept, previous, src_dir_fd=folder, dst_dir_fd=folder)
        files.rename(fresh, lock.name, src_dir_fd=folder, dst_dir_fd=folder)
        leftovers.pop_all()


def _sweep(lock: OutputLock) -> None:
    """Remove the temporary files of killed writers: under the lock, there is no living one.

    A leftover is never read, so one that cannot be removed stops nothing: the next sync tries again.
    """
    leftover = re.compile(re.escape(f".{lock.name}.") + r"[0-9a-f]{16}\.tmp")
    with suppress(OSError):
        for name in lock.files.names(lock.folder):
            if leftover.fullmatch(name):
                _remove_quietly(lock, name)


def _write_temporary(lock: OutputLock, data: bytes, leftovers: ExitStack) -> str:
    """A new file of ours in the folder that holds `data`, on the medium and compared; its name.

    It is closed before anybody renames it: network file systems report a failed write as late as that (close(2)).
    """
    files = lock.files
    name = f".{lock.name}.{secrets.token_hex(8)}.tmp"
    leftovers.callback(_remove_quietly, lock, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = files.open(name, flags, 0o600, dir_fd=lock.folder)
    try:
        _make_private(lock, descriptor)
        write_all(files, descriptor, data)
        bring_to_medium(files, descriptor)
        _compare(lock, descriptor, data)
    except BaseException:
        close_quietly(files, descriptor)
        raise
    files.close(descriptor)
    return name


def _compare(lock: OutputLock, descriptor: int, data: bytes) -> None:
    lock.files.seek(descriptor, 0, os.SEEK_SET)
    if read_up_to(lock.files, descriptor, len(data) + 1) != data:
        hint = "check the disk, or choose another folder: `output_dir`, or `--output`"
        raise refused(lock.path, "what was written does not read back", hint)


def _make_private(lock: OutputLock, descriptor: int) -> None:
    """Mode 0600, whatever the umask; told when the file system has no modes (FAT, a Windows drive)."""
    files = lock.files
    if stat.S_IMODE(files.status(descriptor).st_mode) == 0o600:
        return
    with suppress(OSError):
        files.change_mode(descriptor, 0o600)
    if files.status(descriptor).st_mode & 0o077:
        lock.warn(f"the file system of {lock.path.parent} cannot keep files from other users")


def _document_there(lock: OutputLock) -> bytes:
    """The bytes of the document that is to be replaced; none when there is no file, or an empty one."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = lock.files.open(lock.name, flags, dir_fd=lock.folder)
    except FileNotFoundError:
        return b""
    try:
        return _read_whole(lock.files, descriptor, lock.path, LARGEST_DOCUMENT)
    finally:
        close_quietly(lock.files, descriptor)


def _read_whole(files: FileSystem, descriptor: int, path: Path, largest: int) -> bytes:
    before = files.status(descriptor)
    if not stat.S_ISREG(before.st_mode):
        raise DataRefused(f"this is no plain file ({kind(before.st_mode)})", where=str(path))
    if before.st_size > largest:
        hint = "check that this is a positions file; move it away if it is not"
        raise DataRefused(f"this is larger than {largest} bytes", where=str(path), hint=hint)
    data = read_up_to(files, descriptor, before.st_size + 1)
    after = files.status(descriptor)
    if (len(data), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        hint = "run the command again when the other program is done"
        raise DataRefused("another program is changing this file", where=str(path), hint=hint)
    return data


def _remove_quietly(lock: OutputLock, name: str) -> None:
    """Remove a temporary file. What fails here is tried again by the next sync, and hurts no reader."""
    with suppress(OSError):
        lock.files.remove(name, dir_fd=lock.folder)
