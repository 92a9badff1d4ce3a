"""The one way in which a file is read: whole, no larger than expected, and not while another program writes into it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge.formatting import nearest, printable, repr_without
from variance_bridge.storage.filesystem import (
    SYSTEM,
    FileSystem,
    close_quietly,
    kind,
    read_up_to,
    reason,
)

MEBIBYTE = 1024 * 1024
MAX_BYTES = 64 * MEBIBYTE
MAX_DOCUMENT_BYTES = 768 * MEBIBYTE
"""For whoever writes a document and whoever reads it: a position takes 450 to 700 bytes, so that a million fit."""

POSITIONS_FILE = "the positions file"
"""What messages call a document."""


class FileContent(Struct, frozen=True):
    """The bytes of a file, and what the system said of it when they were read."""

    data: bytes
    status: os.stat_result

    __repr__ = repr_without("data")


class Reader(Struct, frozen=True, kw_only=True):
    """How a file is read, and how a failure is reported.

    Attributes:
        max_bytes: what is larger is refused unread.
        title: what a message calls the file: "the .env file".
        error: the class of the error.
        files: the operating system.
    """

    max_bytes: int = MAX_BYTES
    title: str = "the file"
    error: type[BridgeError] = DataRefused
    files: FileSystem = SYSTEM

    def read(self, path: Path, *, shown: str | None = None) -> FileContent:
        """The whole content of a regular file. A symbolic link to one is followed.

        Args:
            path: the file.
            shown: what a message calls its place; the path by default.

        Raises:
            FileNotFoundError: there is none.
            BridgeError: (`error`) it is not a regular file, too large, unreadable, or being changed.
        """
        where = str(path) if shown is None else shown
        with ExitStack() as stack:
            try:
                # Opening a named pipe without O_NONBLOCK would wait for a writer that may never come.
                descriptor = self.files.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except FileNotFoundError:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), where) from None
            except (OSError, ValueError) as error:
                raise self._unreadable(error, where) from None
            stack.callback(close_quietly, self.files, descriptor)
            return self.read_open(descriptor, where)

    def read_named(self, path: Path, *, shown: str | None = None) -> FileContent:
        """The same of a file that the user named, so that a missing one is an error like the others.

        Raises:
            BridgeError: (`error`) as `read`, or there is none.
        """
        try:
            return self.read(path, shown=shown)
        except FileNotFoundError as missing:
            raise self.missing(path, missing.filename) from None

    def missing(self, path: Path, where: str) -> BridgeError:
        """The error for a file that is not there; names the file beside it that is most like it."""
        what = f"{self.title} cannot be read: there is no such file"
        return self.error(what, where=where, hint=_near(path) or "check its name and folder")

    def read_open(self, descriptor: int, where: str) -> FileContent:
        """The same of a file that is open already, from its beginning.

        Raises:
            BridgeError: (`error`) as `read`.
        """
        try:
            before = self.files.status(descriptor)
            self._check(before, where)
            data = read_up_to(self.files, descriptor, before.st_size + 1)
            after = self.files.status(descriptor)
        except OSError as error:
            raise self._unreadable(error, where) from None
        if (len(data), after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            hint = "run the command again when the other program is done"
            raise self.error(f"another program is changing {self.title}", where=where, hint=hint)
        return FileContent(data, before)

    def _check(self, status: os.stat_result, where: str) -> None:
        if not stat.S_ISREG(status.st_mode):
            what = f"{self.title} is not a regular file, but {kind(status.st_mode)}"
            hint = "save it to a file first: a pipe or a device has no size, and no time"
            if stat.S_ISDIR(status.st_mode):
                hint = "name a file in it"
            raise self.error(what, where=where, hint=hint)
        if status.st_size > self.max_bytes:
            whole, rest = divmod(self.max_bytes, MEBIBYTE)
            limit = f"{self.max_bytes} bytes" if rest else f"{whole} MiB"
            hint = "check that it is the right file"
            raise self.error(f"{self.title} is larger than {limit}", where=where, hint=hint)

    def _unreadable(self, error: OSError | ValueError, where: str) -> BridgeError:
        hint = "check its name, folder and permissions"
        return self.error(f"{self.title} cannot be read: {reason(error)}", where=where, hint=hint)


def read_published(
    path: Path, *, max_bytes: int = MAX_DOCUMENT_BYTES, files: FileSystem = SYSTEM
) -> FileContent:
    """The whole document at `path`.

    Documents are replaced and never changed in place, so an open one is whole whatever happens to its name meanwhile.
    A symbolic link to a document is followed: reading through one does no harm.

    Args:
        path: of the document.
        max_bytes: what is larger is refused unread.
        files: the operating system.

    Raises:
        FileNotFoundError: there is none.
        DataRefused: it is not a regular file, too large, unreadable, or another program writes into it just now (exit 6).
    """
    return Reader(max_bytes=max_bytes, title=POSITIONS_FILE, files=files).read(path)


def read_bounded(file: Path, max_bytes: int = MAX_BYTES) -> bytes:
    """The bytes of a file that the user named.

    Raises:
        DataRefused: it is not there, not a regular file, larger than `max_bytes`, or cannot be read.
    """
    return Reader(max_bytes=max_bytes).read_named(file).data


def refuse_missing(file: Path) -> None:
    """Before anything else is said of a file that the user named: of its ending, for example.

    Raises:
        DataRefused: there is nothing of that name.
    """
    # Imported here: only a refusal needs it, and a start without one is faster.
    from variance_bridge.masking import masked

    try:
        file.stat()
    except FileNotFoundError:
        raise Reader(max_bytes=MAX_BYTES).missing(file, masked(file.name)) from None
    except (OSError, ValueError):
        return  # whoever reads it says why it cannot be read


def _near(path: Path) -> str | None:
    """The file beside it whose name is most like a mistyped one; without what may say whose it is."""
    # Imported here: only a refusal needs it, and a start without one is faster.
    from variance_bridge.masking import masked

    try:
        names = [
            each.name
            for each in path.parent.iterdir()
            if each.is_file() and each.name.startswith(".") <= path.name.startswith(".")
        ]
    except (OSError, ValueError):
        return None
    near = nearest(path.name, names[:_MAX_NEIGHBOURS])
    return f'did you mean "{printable(masked(near))}"?' if near else None


_MAX_NEIGHBOURS = 1000


_PACKAGE = Path(__file__).resolve().parents[1]
_CHECKOUT = _PACKAGE.parents[1]


def shipped_text(name: str) -> str:
    """The text of `schemas/...` or another file that the wheel carries along (see pyproject.toml, force-include).

    It stands beside the code in a checkout, and inside the package in a wheel.
    """
    packaged = _PACKAGE / name
    return (packaged if packaged.is_file() else _CHECKOUT / name).read_text(encoding="utf-8")
