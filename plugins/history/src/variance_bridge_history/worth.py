"""What an account was worth over time, for programs that draw it."""

from __future__ import annotations

from variance_bridge import Meta, Snapshot
from variance_bridge_history.store import FILE_NAME, Entry, History, open_history


def entries_until(snapshot: Snapshot) -> list[Entry]:
    """The kept documents of the snapshot's account up to its own time, oldest first.

    The history is the one beside the file. Empty where it holds none of the account, or there is none.

    Raises:
        DataRefused: the history cannot be used.
    """
    file = snapshot.path.parent / FILE_NAME
    if snapshot.portfolio.meta.account_hash is None or not file.is_file():
        return []
    with open_history(file) as kept:
        return own_entries(kept, snapshot.portfolio.meta)


def own_entries(kept: History, meta: Meta) -> list[Entry]:
    """Those of the account that `meta` is of, up to its time."""
    return [
        entry
        for entry in kept.entries(meta.account_hash)
        if (entry.source, entry.account_hash) == (meta.source, meta.account_hash)
        and entry.fetched_at <= meta.fetched_at
    ]
