"""How errors and warnings look on a terminal: coloured, and wrapped at words. In a file or a pipe they are plain lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TextIO

from variance_bridge.terminal import at_words, screen_of

_STYLES = {"Error:": "\x1b[1;31m", "Warning:": "\x1b[1;33m"}
_DOUBT = "\x1b[33m"
_PLAIN = "\x1b[0m"
_MIN_WIDTH = 20


def laid_out(
    text: str,
    stream: TextIO,
    environment: Mapping[str, str] | None = None,
    *,
    hanging: int = 2,
    doubtful: Iterable[str] = (),
) -> str:
    """The message for that stream; the lines below its first are indented.

    Args:
        text: begins with `Error:` or `Warning:`, or with neither.
        stream: where it goes.
        environment: the process's by default.
        hanging: columns by which continued lines are indented.
        doubtful: passages of the text that are shown in yellow.
    """
    screen = screen_of(stream, environment)
    if screen.width is not None:
        width = max(_MIN_WIDTH, screen.width - 1)
        text = "\n".join(_wrapped(line, width, hanging) for line in text.split("\n"))
    return _coloured(text, doubtful) if screen.colour else text


def _wrapped(line: str, width: int, hanging: int) -> str:
    indent = " " * (len(line) - len(line.lstrip(" ")))
    later = " " * max(len(indent), hanging)
    return at_words(line.strip(), width, first=indent, later=later)


def _coloured(text: str, doubtful: Iterable[str]) -> str:
    for passage in doubtful:
        wherever_broken = r"\s+".join(map(re.escape, passage.split()))
        text = re.sub(wherever_broken, lambda found: f"{_DOUBT}{found[0]}{_PLAIN}", text, count=1)
    for word, style in _STYLES.items():
        if text.startswith(word):
            return f"{style}{word}{_PLAIN}{text[len(word) :]}"
    return text
