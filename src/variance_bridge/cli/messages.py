"""How errors and warnings look on a terminal: coloured, and wrapped at words. In a file or a pipe they are plain lines."""

from __future__ import annotations

import os
import re
import shutil
import textwrap
from collections.abc import Iterable, Mapping
from typing import TextIO

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
        environment: NO_COLOR and TERM; the process's by default.
        hanging: columns by which continued lines are indented.
        doubtful: passages of the text that are shown in yellow.
    """
    if not stream.isatty():
        return text
    width = max(_MIN_WIDTH, shutil.get_terminal_size().columns - 1)
    lines = [line for part in text.split("\n") for line in _wrapped(part, width, hanging)]
    return _coloured("\n".join(lines), os.environ if environment is None else environment, doubtful)


def _wrapped(line: str, width: int, hanging: int) -> list[str]:
    """Paths and commands are never broken, so that they can be copied."""
    indent = " " * (len(line) - len(line.lstrip(" ")))
    wrapped = textwrap.wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=" " * max(len(indent), hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return wrapped or [""]


def _coloured(text: str, environment: Mapping[str, str], doubtful: Iterable[str]) -> str:
    if environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return text
    for passage in doubtful:
        wherever_broken = r"\s+".join(map(re.escape, passage.split()))
        text = re.sub(wherever_broken, lambda found: f"{_DOUBT}{found[0]}{_PLAIN}", text, count=1)
    for word, style in _STYLES.items():
        if text.startswith(word):
            return f"{style}{word}{_PLAIN}{text[len(word) :]}"
    return text
