"""What earlier syncs left, taken into the history when it is turned on: the positions files, and those that they replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from variance_bridge import BridgeError, DataRefused
from variance_bridge_history.database import FILE_NAME, open_history
from variance_bridge_history.earlier_documents import snapshot_from
from variance_bridge_history.listener import document_at, why_not_kept

if TYPE_CHECKING:
    from variance_bridge.commands import Invocation


def take_in(invocation: Invocation) -> int:
    """How many complete documents were new to the history. What cannot be read is left to the commands that read it.

    Raises:
        DataRefused: the history cannot be used.
    """
    try:
        folder = invocation.newest_live().parent
    except DataRefused:  # nothing was synced yet
        return 0
    now = invocation.clock.now()
    with open_history(folder / FILE_NAME) as history:
        count = 0
        for data in _documents(folder):
            try:
                portfolio = snapshot_from(data, now).portfolio
            except BridgeError:
                continue
            if why_not_kept(portfolio) is None and portfolio.meta.account_hash is not None:
                count += history.add(portfolio, data)
        return count


def _documents(folder: Path) -> Iterator[bytes]:
    """Each positions file after the one that it replaced."""
    for file in sorted(folder.glob("live_*.json")):
        for path in (file.with_name(f"{file.name}.prev"), file):
            if path.is_file():
                try:
                    yield document_at(path)
                except BridgeError:
                    continue
