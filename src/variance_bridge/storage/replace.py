"""The one way in which a file is written: `replace_file` for any file, `publish` for a document, the old one kept beside.

No crash, kill or full disk takes the last good file away. The sequence for a document: lock; check the place; where the lock file was there before, remove what a killed
writer left; write the new document to a temporary file beside the old one, flush it, read it back and compare, close it; copy the old document to `<name>.prev` in the same
way, unless it is the same and there is one; rename the new one over the old one; flush the folder. Until that last rename a reader finds the old document, after it the new
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
import stat
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from variance_bridge.storage.filesystem import (
    SYSTEM,
    FileSystem,
    Place,
    close_quietly,
    fsync_if_supported,
    ignore_warning,
    os_errors_as_refusals,
    parts_up_to,
    write_all,
)
from variance_bridge.storage.lock import (
    UNCHANGED,
    OutputLock,
    check_places,
    check_unmoved,
    output_lock,
    previous_path,
    refused,
)
from variance_bridge.storage.read import (
    MAX_DOCUMENT_BYTES,
    POSITIONS_FILE,
    FileContent,
    Reader,
)

if TYPE_CHECKING:
    import hashlib

_IN_PLACE = "the new document is in place and whole, but would perhaps not outlive a power failure"


def publish(
    path: Path,
    data: bytes | Iterable[bytes],
    *,
    lock: OutputLock | None = None,
    keep_previous: bool = True,
    previous: FileContent | None = None,
    warn: Callable[[str], None] = ignore_warning,
    files: FileSystem = SYSTEM,
) -> None:
    """Replace the document at `path` by `data`, wholly or not at all.

    Args:
        path: where readers look for it.
        data: the bytes of a checked document, 1 to `MAX_DOCUMENT_BYTES` of them, or the pieces that make it up. Whatever is
            raised while they are made leaves the document that is there.
        lock: what `output_lock(path)` gave; without one the lock is taken here, for this moment. It brings its own
            `warn` and `files`.
        keep_previous: copy the document that is there to `<name>.prev`. False when it is known to be no good, so that
            `.prev` stays the last good one.
        previous: that document, when it has been read under this lock; it is read again only if it was changed since.
        warn: gets what the user should know, one line, no personal values.
        files: the operating system.

    Raises:
        SyncRunning: another process, or another block of this one, holds the lock; nothing was changed.
        DataRefused: it cannot be written there; the text says why and whether anything was changed.
    """
    if lock is None:
        with output_lock(path, warn=warn, files=files) as own:
            publish(path, data, lock=own, keep_previous=keep_previous, previous=previous)
        return
    if not lock.held or lock.path != path.absolute():
        raise ValueError("the lock that was passed is not held, or is another document's")
    _replace(lock, data, keep_previous=keep_previous, previous=previous)
    with os_errors_as_refusals(path, _IN_PLACE):
        fsync_if_supported(lock.files, lock.folder)


def replace_file(
    path: Path, data: bytes, *, overwrite: bool = True, files: FileSystem = SYSTEM
) -> None:
    """Write a file (0600) that is there as a whole or not at all, whatever happens, and is on the medium afterwards.

    For files that one user's programs write now and then; documents have `publish`.

    Args:
        path: the file; its folder exists. A symbolic link in its place is replaced, not followed.
        data: its content.
        overwrite: whether a file that is there already is replaced.
        files: the operating system.

    Raises:
        FileExistsError: it is there already, and `overwrite` is False.
        OSError: it cannot be written; what was there is as it was.
        ValueError: no file can have that name.
    """
    folder = files.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with ExitStack() as stack:
        stack.callback(close_quietly, files, folder)
        place = Place(path, folder, files, ignore_warning)
        with ExitStack() as leftovers:
            temporary, _digest = _write_temporary(place, data, leftovers)
            if overwrite:
                files.rename(temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)
                leftovers.pop_all()
            else:
                _link_if_absent(place, temporary)
        fsync_if_supported(files, folder)


def _link_if_absent(place: Place, temporary: str) -> None:
    """Give the file its name unless that is taken; the fallback is for file systems without hard links.

    Raises:
        FileExistsError: it is taken.
    """
    files, folder = place.files, place.folder
    try:
        files.link(temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)
    except FileExistsError:
        raise
    except OSError:
        with suppress(FileNotFoundError):
            files.status_of(place.name, dir_fd=folder, follow_symlinks=False)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        files.rename(temporary, place.name, src_dir_fd=folder, dst_dir_fd=folder)


def _replace(
    lock: OutputLock,
    data: bytes | Iterable[bytes],
    *,
    keep_previous: bool,
    previous: FileContent | None,
) -> None:
    files, folder = lock.files, lock.folder
    with os_errors_as_refusals(lock.path, UNCHANGED), ExitStack() as leftovers:
        check_unmoved(lock)
        check_places(lock)
        if not lock.is_first:  # a folder of thousands takes milliseconds to list, for each document
            _sweep(lock)
        fresh, digest = _write_temporary(lock, data, leftovers, document=True)
        old = _document_there(lock, previous) if keep_previous else b""
        if old and not _is_kept_already(lock, old, digest):
            kept, _digest = _write_temporary(lock, old, leftovers)
            beside = previous_path(lock.path).name
            files.rename(kept, beside, src_dir_fd=folder, dst_dir_fd=folder)
        files.rename(fresh, lock.name, src_dir_fd=folder, dst_dir_fd=folder)
        leftovers.pop_all()


def _is_kept_already(lock: OutputLock, old: bytes, digest: bytes) -> bool:
    """Whether `.prev` has what a reader may want back: the same document again, of a file that is synced twice, would take it away."""
    if _sha256(old).digest() != digest:
        return False
    with suppress(FileNotFoundError):
        beside = previous_path(lock.path).name
        lock.files.status_of(beside, dir_fd=lock.folder, follow_symlinks=False)
        return True
    return False


def _sweep(lock: OutputLock) -> None:
    """Remove the temporary files of killed writers: under the lock, none is still running.

    A leftover is never read, so one that cannot be removed stops nothing: the next sync tries again.
    """
    leftover = re.compile(re.escape(f".{lock.name}.") + r"[0-9a-f]{16}\.tmp")
    with suppress(OSError):
        for name in lock.files.names(lock.folder):
            if leftover.fullmatch(name):
                _remove_quietly(lock, name)


def _write_temporary(
    place: Place, data: bytes | Iterable[bytes], leftovers: ExitStack, *, document: bool = False
) -> tuple[str, bytes]:
    """A new file of ours in the folder that holds `data`, on the medium and compared; its name and the SHA-256 of its content.

    It is closed before it is renamed: network file systems report a failed write as late as that (close(2)).
    """
    files = place.files
    name = f".{place.name}.{os.urandom(8).hex()}.tmp"
    leftovers.callback(_remove_quietly, place, name)
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = files.open(name, flags, 0o600, dir_fd=place.folder)
    try:
        _make_private(place, descriptor)
        size, digest = _write(files, descriptor, data)
        if document:
            _check_document_size(place.path, size)
        fsync_if_supported(files, descriptor)
        _compare(files, descriptor, size, digest)
    except BaseException:
        close_quietly(files, descriptor)
        raise
    files.close(descriptor)
    return name, digest


def _write(files: FileSystem, descriptor: int, data: bytes | Iterable[bytes]) -> tuple[int, bytes]:
    """Write the bytes or pieces; how many bytes they are, and their SHA-256."""
    size, digest = 0, _sha256()
    for piece in (data,) if isinstance(data, bytes) else data:
        write_all(files, descriptor, piece)
        digest.update(piece)
        size += len(piece)
    return size, digest.digest()


def _sha256(data: bytes = b"") -> hashlib._Hash:
    # Imported here: it loads OpenSSL, for which no request need wait.
    import hashlib

    return hashlib.sha256(data)


def _check_document_size(path: Path, size: int) -> None:
    if not 0 < size <= MAX_DOCUMENT_BYTES:
        raise refused(path, f"a document of {size} bytes cannot be right")


def _compare(files: FileSystem, descriptor: int, size: int, digest: bytes) -> None:
    """Piece by piece, so that the document never stands in memory as a whole.

    Raises:
        OSError: the medium holds something else.
    """
    files.seek(descriptor, 0, os.SEEK_SET)
    found = _sha256()
    for part in parts_up_to(files, descriptor, size + 1):
        found.update(part)
    if found.digest() != digest:
        raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))


def _make_private(place: Place, descriptor: int) -> None:
    """Mode 0600, whatever the umask; warns when the file system has no modes (FAT, a Windows drive)."""
    files = place.files
    if stat.S_IMODE(files.status(descriptor).st_mode) == 0o600:
        return
    with suppress(OSError):
        files.change_mode(descriptor, 0o600)
    if files.status(descriptor).st_mode & 0o077:
        place.warn(f"the file system of {place.path.parent} cannot keep files from other users")


def _document_there(lock: OutputLock, known: FileContent | None) -> bytes:
    """The bytes of the document that is to be replaced; none when there is no file, or an empty one."""
    if known is not None and _is_unchanged(lock, known.status):
        return known.data
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = lock.files.open(lock.name, flags, dir_fd=lock.folder)
    except FileNotFoundError:
        return b""
    try:
        reader = Reader(max_bytes=MAX_DOCUMENT_BYTES, title=POSITIONS_FILE, files=lock.files)
        return reader.read_open(descriptor, str(lock.path)).data
    finally:
        close_quietly(lock.files, descriptor)


def _is_unchanged(lock: OutputLock, before: os.stat_result) -> bool:
    """Whether the document is the same file as before, and no program that ignores the lock has written into it."""
    try:
        now = lock.files.status_of(lock.name, dir_fd=lock.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    same = os.path.samestat(now, before)
    return same and (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def _remove_quietly(place: Place, name: str) -> None:
    """Remove a temporary file. What fails here is tried again by the next sync, and hurts no reader."""
    with suppress(OSError):
        place.files.remove(name, dir_fd=place.folder)
