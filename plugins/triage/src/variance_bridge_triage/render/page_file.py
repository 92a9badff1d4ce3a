"""Writing the page: whole or not at all, readable by its owner only."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.errors import DataRefused
from variance_bridge.storage.filesystem import reason
from variance_bridge.storage.replace import replace_file


def write_page(file: Path, data: bytes) -> None:
    """Replace `file` by the page (0600).

    Raises:
        DataRefused: it cannot be written there; what was there before is untouched.
    """
    try:
        replace_file(file, data)
    except (OSError, ValueError) as error:
        raise DataRefused(
            f"the page cannot be written: {reason(error)}",
            where=str(file),
            hint="name another place with `--html FILE`",
        ) from None
