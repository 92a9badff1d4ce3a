"""The previous document back in its place: what a sync replaced last, checked and put back under the lock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from variance_bridge.document.check import check, refuse
from variance_bridge.document.convert import from_bytes, to_document
from variance_bridge.errors import DataRefused
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.previous_document import PreviousDocument
from variance_bridge.storage.lock import output_lock, previous_path
from variance_bridge.storage.read import read_published, refuse_missing
from variance_bridge.storage.replace import publish


def restore(path: Path, warn: Callable[[str], None]) -> Portfolio:
    """Exchange a document and its `.prev`, whole or not at all; a second call undoes the first.

    Args:
        path: of the document, which need not exist any more.
        warn: is given a warning, without anything personal.

    Returns:
        What the document now holds.

    Raises:
        DataRefused: there is no previous document, it is not valid, or the file at `path` is not a positions file.
        SyncRunning: a sync is writing it.
    """
    before = previous_path(path)
    if _is_missing(before):
        refuse_missing(path)  # a mistyped name: the nearest one is named
    if not path.parent.is_dir():
        raise _nothing(before)
    with output_lock(path, warn=warn) as lock:
        PreviousDocument(path).check_replaceable()
        try:
            content = read_published(before)
        except FileNotFoundError:
            raise _nothing(before) from None
        try:
            portfolio, _warnings = from_bytes(content.data)
            refuse(check(to_document(portfolio)))
        except DataRefused as error:
            raise DataRefused(error.what, where=str(before), hint=error.hint) from None
        publish(path, content.data, lock=lock)
    return portfolio


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False  # whoever reads it says why it cannot be read
    return False


def _nothing(before: Path) -> DataRefused:
    return DataRefused(
        "there is no previous document to restore",
        where=str(before),
        hint="each sync that replaces a file keeps the one before it under this name",
    )
