"""The document before a document, for programs that want to know what is new."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from variance_bridge import Snapshot, load
from variance_bridge_history.store import FILE_NAME, Entry, History, open_history
from variance_bridge_history.worth import own_entries


def previous_snapshot(snapshot: Snapshot) -> Snapshot | None:
    """The last document of the same account before this one, as it was when it was fetched.

    The history is the one beside the file. None where it holds no such document, or there is none.

    Raises:
        DataRefused: the history cannot be used.
    """
    meta, file = snapshot.portfolio.meta, snapshot.path.parent / FILE_NAME
    if meta.account_hash is None or not file.is_file():
        return None
    with open_history(file) as kept:
        earlier = [entry for entry in own_entries(kept, meta) if entry.fetched_at < meta.fetched_at]
        if not earlier:
            return None
        return snapshot_of(kept, earlier[-1])


def snapshot_of(kept: History, entry: Entry) -> Snapshot:
    """A kept document, as it was when it was fetched.

    Raises:
        DataRefused: the document is not valid by the rules of today.
    """
    data = kept.document(entry.sha256)
    with TemporaryDirectory(prefix="variance-") as folder:
        place = Path(folder) / "document.json"
        place.write_bytes(data)
        return load(place, entry.fetched_at, any_age=True)
