"""The lock of one document, and the checks of the place where it is going to be written.

A folder that does not exist is made, 0700, with its parents. A folder that exists keeps its mode, because it may be the
user's own (a working folder, `/tmp`): if its group can write there, or it belongs to another user, that is a warning; if
anybody can rename files in it, it is refused.

Symbolic links are not followed: a document, `.prev` or lock that is a link, or anything but a plain file, is refused. The
folder may be a link, when it is yours or the system's (`/tmp` is one on macOS).
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from variance_bridge.errors import DataRefused, SyncRunning
from variance_bridge.storage.filesystem import (
    SYSTEM,
    FileSystem,
    Place,
    close_quietly,
    fsync_if_supported,
    ignore_warning,
    kind,
    os_errors_as_refusals,
)

UNCHANGED = "the positions file was not changed"
"""What every refusal to write says; the file may as well not exist."""

VISIBLE = "other users can see which files are in the folder"
"""Not worth a warning: the files are 0600, and 0755 is what an ordinary umask gives. `variance doctor` reports it."""

_PAUSE = 0.1


class OutputLock(Place, eq=False):
    """The right to write one document, held from `output_lock` until its block ends or the process dies.

    Attributes:
        descriptor: of the lock file.
        is_first: whether the lock file was made for this lock. Lock files stay, so no writer of this document was here before.
        held: whether the block of `output_lock` still runs.
    """

    descriptor: int = -1
    is_first: bool = False
    held: bool = True


def previous_path(path: Path) -> Path:
    """Where the document that was replaced last is kept."""
    return path.with_name(f"{path.name}.prev")


@contextmanager
def output_lock(
    path: Path,
    *,
    wait: float = 0.0,
    warn: Callable[[str], None] = ignore_warning,
    files: FileSystem = SYSTEM,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[OutputLock]:
    """Hold the lock of one document, for a whole sync; refuses a hopeless place before anything is fetched.

    Makes the folder if there is none. The system releases the lock when the process dies, however it dies.

    Args:
        path: of the document.
        wait: seconds to wait for another holder; 0 gives up at once.
        warn: gets what the user should know, one line, no personal values.
        files: the operating system.
        sleep: waits.

    Raises:
        SyncRunning: another process, or another block of this one, holds it (exit 8); nothing was changed.
        DataRefused: the document cannot be written there (exit 6); nothing was changed.
    """
    path = path.absolute()
    _check_name(path)
    with ExitStack() as stack:
        with os_errors_as_refusals(path, UNCHANGED):
            folder = _open_folder(path, files)
            stack.callback(close_quietly, files, folder)
            _check_folder(path, folder, files, warn)
            lock = OutputLock(path, folder, files, warn)
            check_places(lock)
            lock.descriptor, lock.is_first = _take_lock(lock, wait, sleep)
            stack.callback(_release, files, lock.descriptor)
        try:
            yield lock
        finally:
            lock.held = False


def check_places(lock: OutputLock) -> None:
    """Refuse to replace what is not a regular file: it is not ours, and replacing a link would surprise its maker."""
    for name in (lock.name, previous_path(lock.path).name):
        try:
            status = lock.files.status_of(name, dir_fd=lock.folder, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(status.st_mode):
            hint = f"move {name} away, or choose another place: `output_dir`, or `--output`"
            raise refused(
                lock.path, f"{name} is not a regular file, but {kind(status.st_mode)}", hint
            )


def check_unmoved(lock: OutputLock) -> None:
    """Refuse to write where no reader would look, or beside another process that locked a second lock file."""
    hint = "let the folder and the lock file alone while a sync runs, and run the command again"
    try:
        named = lock.files.status_of(lock.path.parent)
    except FileNotFoundError:
        named = None
    if named is None or not os.path.samestat(named, lock.files.status(lock.folder)):
        raise refused(lock.path, "its folder was moved away during the sync", hint)
    if not _is_lock_file(lock, lock.descriptor):
        raise refused(lock.path, "its lock file was removed during the sync", hint)


def _is_lock_file(lock: OutputLock, descriptor: int) -> bool:
    """Whether the locked file is still the one that the next process would open."""
    try:
        named = lock.files.status_of(_lock_name(lock), dir_fd=lock.folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, lock.files.status(descriptor))


def refused(
    path: Path, what: str, hint: str = "choose another place: `output_dir`, or `--output`"
) -> DataRefused:
    """The error for a place that cannot be written to."""
    return DataRefused(f"{what}; {UNCHANGED}", where=str(path), hint=hint)


def openness(folder: os.stat_result, user: int) -> str | None:
    """What others can do in a folder that holds documents; None when they can do nothing.

    Args:
        folder: its status.
        user: the effective user id of this process. Root is not warned of folders of other users: it has no own.
    """
    if user != 0 and folder.st_uid not in (user, 0):
        return "the folder belongs to another user, who can replace files in it"
    if folder.st_mode & stat.S_IWGRP and not folder.st_mode & stat.S_ISVTX:
        return "the folder's group can replace files in it"
    return VISIBLE if folder.st_mode & 0o077 else None


def _check_name(path: Path) -> None:
    if path.name in ("", ".", "..") or "\0" in str(path):
        raise refused(path, "this is not a name for a file")


def _open_folder(path: Path, files: FileSystem) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    try:
        return files.open(path.parent, flags)
    except FileNotFoundError:
        _make_folder(path.parent, files)
        return files.open(path.parent, flags)


def _make_folder(folder: Path, files: FileSystem) -> None:
    """Make a folder and its missing parents, each 0700 and recorded on the medium."""
    try:
        files.make_folder(folder, 0o700)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_folder(folder.parent, files)
        files.make_folder(folder, 0o700)
    parent = files.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fsync_if_supported(files, parent)
    finally:
        close_quietly(files, parent)


def _check_folder(path: Path, folder: int, files: FileSystem, warn: Callable[[str], None]) -> None:
    """Refuse a folder in which others can put a file of theirs in the place of ours; warn of a lesser openness."""
    status = files.status(folder)
    ours = (os.geteuid(), 0)
    link = files.status_of(path.parent, follow_symlinks=False)
    if stat.S_ISLNK(link.st_mode) and link.st_uid not in ours:
        raise refused(path, "its folder is a symbolic link that another user made")
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        hint = (
            f"close it (`chmod 700 {path.parent}`), or choose another: `output_dir`, or `--output`"
        )
        raise refused(path, "anybody can replace files in its folder", hint)
    caution = openness(status, os.geteuid())
    if caution not in (None, VISIBLE):
        warn(f"{path.parent}: {caution}; a folder of your own with mode 700 is better")


def _take_lock(lock: OutputLock, wait: float, sleep: Callable[[float], None]) -> tuple[int, bool]:
    """The descriptor of the locked lock file, and whether it was made here.

    flock(2) belongs to the open file and not to the process: a second taker is refused in the same process too, and no
    `close` of an unrelated descriptor releases it, as it would with POSIX record locks.
    """
    pauses = max(0, round(wait / _PAUSE))
    while True:
        taken = _try_lock(lock)
        if taken is not None:
            return taken
        if pauses == 0:
            raise SyncRunning(
                "another sync is writing this file; this one changed nothing",
                where=str(lock.path),
                hint="wait until it has ended, then run the command again",
            )
        pauses -= 1
        sleep(_PAUSE)


def _try_lock(lock: OutputLock) -> tuple[int, bool] | None:
    """The descriptor of the locked lock file, and whether it was made here; None when another holds it."""
    files = lock.files
    while True:
        descriptor, is_made = _open_lock_file(lock)
        with ExitStack() as stack:
            stack.callback(close_quietly, files, descriptor)
            if not stat.S_ISREG(files.status(descriptor).st_mode):
                raise refused(lock.path, f"{_lock_name(lock)} is not a regular file")
            try:
                files.lock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            if _is_lock_file(lock, descriptor):
                stack.pop_all()
                return descriptor, is_made


def _open_lock_file(lock: OutputLock) -> tuple[int, bool]:
    """The descriptor of the lock file, and whether it was made here."""
    name, flags = _lock_name(lock), os.O_RDWR | os.O_CREAT
    flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return lock.files.open(name, flags | os.O_EXCL, 0o600, dir_fd=lock.folder), True
    except FileExistsError:
        return lock.files.open(name, flags, 0o600, dir_fd=lock.folder), False


def _release(files: FileSystem, descriptor: int) -> None:
    """Unlock, then close: a child process that is just being started may still hold a copy of the descriptor."""
    try:
        with suppress(OSError):
            files.lock(descriptor, fcntl.LOCK_UN)
    finally:
        close_quietly(files, descriptor)


def _lock_name(lock: OutputLock) -> str:
    return f".{lock.name}.lock"
