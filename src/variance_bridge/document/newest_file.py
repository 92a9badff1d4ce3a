"""Which file of a folder is the newest: documents by the time they state, exports by their modification time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from variance_bridge.document.convert import instant
from variance_bridge.document.exact_json import MAX_BYTES, without_mark
from variance_bridge.errors import BridgeError
from variance_bridge.storage.read import read_bounded

LIVE_FILES = "live_*.json"


def newest_live(folder: Path) -> Path | None:
    """The newest `live_*.json` of the folder by the time it states; None when there is none.

    A file that states no time counts as the oldest, so that it hides no good one and is still found alone.
    """
    return newest(folder.glob(LIVE_FILES))


def newest(paths: Iterable[Path]) -> Path | None:
    """The one of these documents that states the newest time; None when there is none."""
    found = [path for path in sorted(paths) if path.is_file()]
    # The only one is the newest, whatever it holds: it need not be read.
    return max(found, key=_stated_time) if len(found) > 1 else next(iter(found), None)


def newest_export(folder: Path, suffix: str) -> Path | None:
    """The newest file of the folder with that ending by its modification time; None when there is none."""
    found = [path for path in sorted(folder.glob(f"*{suffix}")) if path.is_file()]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


class _Meta(Struct, frozen=True):
    fetched_at: str


class _Dated(Struct, frozen=True):
    """Of a document, its time alone: the reader passes over all positions."""

    meta: _Meta


def _stated_time(path: Path) -> datetime:
    import msgspec

    try:
        text = without_mark(read_bounded(path, MAX_BYTES))
        return instant(msgspec.json.decode(text, type=_Dated).meta.fetched_at)
    except (BridgeError, msgspec.MsgspecError, RecursionError, ValueError):
        return datetime.min.replace(tzinfo=UTC)
