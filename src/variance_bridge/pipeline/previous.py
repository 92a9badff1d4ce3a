"""The document that a sync is going to replace: read once, and only when somebody asks what it holds."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from variance_bridge.document.convert import from_bytes
from variance_bridge.errors import BridgeError
from variance_bridge.model import Portfolio
from variance_bridge.storage.read import FileContent
from variance_bridge.storage.replace import read_published


class PreviousDocument:
    """What stands in the output file before the sync; stays as it was when it was first read.

    Attributes:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def portfolio(self) -> Portfolio | None:
        """What the document holds; None when there is none, or none that can be read."""
        return self._read[1]

    @property
    def content(self) -> FileContent | None:
        """The bytes of a document that can be read."""
        return self._read[0] if self.portfolio is not None else None

    @property
    def unreadable(self) -> bool:
        """Whether there is a file that cannot be read."""
        return self._read[2]

    @cached_property
    def _read(self) -> tuple[FileContent | None, Portfolio | None, bool]:
        try:
            content = read_published(self.path)
            portfolio, _warnings = from_bytes(content.data)
        except FileNotFoundError:
            return None, None, False
        except BridgeError:
            return None, None, True
        return content, portfolio, False
