"""How ages, foreign text and names that nobody knows are shown on a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

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


def format_age(age: timedelta) -> str:
    """A length of time as people say it, rounded down: "59 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    seconds = int(age.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a mistyped one; None where none is like it."""
    import difflib

    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean "ira"?)`, to stand behind what was typed; nothing where no known word is near."""
    near = nearest(word, known)
    return f' (did you mean "{near}"?)' if near else ""
