"""Text from files and brokers on its way to a terminal."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


def printable(text: str, *, limit: int = 500) -> str:
    """`text` without anything that a terminal obeys: control, format and bidirectional characters become `?`.

    A line feed stays; longer texts than `limit` characters are cut with an ellipsis.
    """
    shown = "".join(
        "?" if char != "\n" and unicodedata.category(char) in _HIDDEN else char for char in text
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
