"""Text from files and brokers on its way to a terminal."""

from __future__ import annotations

import unicodedata
from pathlib import PurePath

LONGEST_PATH = 4096

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


def printable(text: str, *, limit: int = 500) -> str:
    """`text` without anything that a terminal obeys: control, format and bidirectional characters become `?`.

    A line feed stays; longer texts than `limit` characters are cut with an ellipsis.
    """
    shown = "".join(
        "?" if char != "\n" and unicodedata.category(char) in _HIDDEN else char for char in text
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def path_text(path: PurePath) -> str:
    """A path as text that every writer can encode and no terminal obeys: the path itself for all ordinary names."""
    return printable(str(path).encode("utf-8", "replace").decode(), limit=LONGEST_PATH)
