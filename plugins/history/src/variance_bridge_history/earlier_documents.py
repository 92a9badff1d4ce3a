"""What the history holds of an account up to a document: what to draw over time, and what to compare with."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from variance_bridge import Snapshot, load
from variance_bridge_history.database import FILE_NAME, Entry, History, open_history


def entries_until(snapshot: Snapshot) -> list[Entry]:
    """The kept documents of the snapshot's account up to its own time, oldest first.

    The history is the one beside the file. Empty where it holds none of the account, or there is none.

    Raises:
        DataRefused: the history cannot be used.
    """
    meta, file = snapshot.portfolio.meta, _history_beside(snapshot)
    if meta.account_hash is None or not file.is_file():
        return []
    with open_history(file) as kept:
        return [
            entry
            for entry in kept.entries(meta.account_hash)
            if (entry.source, entry.account_hash) == (meta.source, meta.account_hash)
            and entry.fetched_at <= meta.fetched_at
        ]


def previous_snapshot(snapshot: Snapshot) -> Snapshot | None:
    """The last document of the same account before this one, as it was when it was fetched; None where none is kept.

    Raises:
        DataRefused: the history cannot be used.
    """
    now = snapshot.portfolio.meta.fetched_at
    earlier = [entry for entry in entries_until(snapshot) if entry.fetched_at < now]
    if not earlier:
        return None
    with open_history(_history_beside(snapshot)) as kept:
        return snapshot_of(kept, earlier[-1])


def snapshot_of(kept: History, entry: Entry) -> Snapshot:
    """A kept document, as it was when it was fetched.

    Raises:
        DataRefused: the document is not valid by the rules of today.
    """
    return snapshot_from(kept.document(entry.sha256), entry.fetched_at)


def snapshot_from(data: bytes, now: datetime) -> Snapshot:
    """A document, whatever its age at that time.

    Raises:
        DataRefused: it is not valid by the rules of today.
    """
    with TemporaryDirectory(prefix="variance-") as folder:
        place = Path(folder) / "document.json"
        place.write_bytes(data)
        return load(place, now, any_age=True)


def _history_beside(snapshot: Snapshot) -> Path:
    return snapshot.path.parent / FILE_NAME
