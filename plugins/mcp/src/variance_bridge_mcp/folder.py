"""The one folder that is read: its positions files, and the document before each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from variance_bridge import AgeLimits, Book, BridgeError, Snapshot, load, load_all
from variance_bridge.broker import Clock


class Folder(Struct, frozen=True):
    """A folder of positions files, read anew for each question. Links in it are not followed.

    Attributes:
        path: without links.
        clock: the time.
        limits: how old positions may be.
    """

    path: Path
    clock: Clock
    limits: AgeLimits

    def book(self, account: str | None = None) -> Book:
        """Every document as one book.

        Args:
            account: one alone, by its hash or the beginning of it.

        Raises:
            DataRefused: no document is for that account.
        """
        now, files = self.clock.now(), list(self._files())
        empty = Book(sources=(), read_at=now)
        book = load_all(files, now, limits=self.limits) if files else empty
        return book if account is None else book.of_account(account)

    def previous(self, snapshot: Snapshot) -> Snapshot | None:
        """The document that a sync left beside a newer one; None where there is none that can be read."""
        file = snapshot.path.with_name(f"{snapshot.path.name}.prev")
        if not _is_own_file(file):
            return None
        try:
            return load(file, self.clock.now(), any_age=True, limits=self.limits)
        except BridgeError:
            return None

    def _files(self) -> Iterator[Path]:
        return (file for file in sorted(self.path.glob("live_*.json")) if _is_own_file(file))


def _is_own_file(file: Path) -> bool:
    return file.is_file() and not file.is_symlink()
