"""The listener `history`: keeps each complete document after it was published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from variance_bridge import Caution, Portfolio, Status, hookimpl, setting
from variance_bridge.files import read_file
from variance_bridge_history.database import FILE_NAME, open_history

MAX_DOCUMENT_BYTES = 768 * 1024 * 1024


@attrs.frozen(kw_only=True)
class HistorySettings:
    """Table `[listeners.history]`."""

    keep_days: int = setting(
        30, title="for so many days every document is kept; then the last of each day"
    )

    @keep_days.validator
    def _check(self, _field: Any, days: int) -> None:
        if days < 1:
            raise ValueError("must be at least 1")


@hookimpl
def variance_bridge_listener_settings() -> type[HistorySettings]:
    """The keys of `[listeners.history]`."""
    return HistorySettings


@hookimpl
def variance_bridge_synced(
    portfolio: Portfolio, path: Path, settings: HistorySettings
) -> str | None:
    """Keep the document, unless it lacks rows or may be cut off: what it lacks would look like something that was closed."""
    if reason := why_not_kept(portfolio):
        return f"not kept in the history: {reason}"
    if portfolio.meta.account_hash is None:
        return None
    with open_history(path.parent / FILE_NAME) as history:
        history.add(portfolio, document_at(path))
        history.prune(portfolio.meta.fetched_at, settings.keep_days)
    return None


def why_not_kept(portfolio: Portfolio) -> str | None:
    """Which positions a document may lack, that would look closed; None where it is kept."""
    if portfolio.meta.status is not Status.COMPLETE:
        return "partial"
    if Caution.POSSIBLY_TRUNCATED in portfolio.meta.missing_rows:
        return "it may be cut off"
    return None


def document_at(path: Path) -> bytes:
    """The bytes of a positions file."""
    return read_file(path, max_bytes=MAX_DOCUMENT_BYTES).data
