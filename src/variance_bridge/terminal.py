"""What a stream can show, width and colour, decided here for every command; messages and lines that fit it."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple, TextIO

_DUMB = frozenset({"dumb", "unknown"})
_COMMAND = r"(?:→ )?`[^`\n]*`"
_KEPT_SPACE = "\x00"
_PLAIN = "\x1b[0m"
_MIN_WIDTH = 20


class Colour(NamedTuple):
    """A colour that can be read on a black screen and on a white one.

    Attributes:
        name: of the colour of eight that takes its place where a terminal has no more. Those look as the user's palette says.
        number: of the 256 that look the same in every palette.
    """

    name: str
    number: int

    @property
    def style(self) -> str:
        """For rich, which finds out by itself how many colours there are."""
        return f"color({self.number})"

    @property
    def bold(self) -> str:
        """The same, bold."""
        return f"bold color({self.number})"

    @property
    def fg(self) -> int | str:
        """For `click.style`."""
        return self.number if has_256_colours(os.environ) else self.name

    def code(self, environment: Mapping[str, str], *, bold: bool = False) -> str:
        """The escape sequence that begins it."""
        colour = f"38;5;{self.number}" if has_256_colours(environment) else f"3{_EIGHT[self.name]}"
        return f"\x1b[{'1;' if bold else ''}{colour}m"


_EIGHT = {"red": 1, "green": 2, "yellow": 3, "blue": 4, "magenta": 5, "cyan": 6}

# Yellow and bright green of the usual palettes cannot be read on white, nor their blue on black. Each of these has a
# contrast of 3.9 and more on both (WCAG 2.2 asks for 3 of large and bold text).
RED = Colour("red", 196)
GREEN = Colour("green", 28)
YELLOW = Colour("yellow", 130)
BLUE = Colour("blue", 63)
MAGENTA = Colour("magenta", 163)
CYAN = Colour("cyan", 30)

_STYLES = {"Error:": RED, "Warning:": YELLOW}


def has_256_colours(environment: Mapping[str, str]) -> bool:
    """By the rules that rich has: COLORTERM, or a TERM that says so."""
    if environment.get("COLORTERM", "").strip().lower() in {"truecolor", "24bit"}:
        return True
    return environment.get("TERM", "").lower().endswith(("-256color", "-truecolor"))


class Screen(NamedTuple):
    """What a stream can show.

    Attributes:
        width: in columns; None for a file or a pipe, whose lines are not broken.
        colour: whether colours are shown.
        is_terminal: whether a person looks at it.
    """

    width: int | None
    colour: bool
    is_terminal: bool


def screen_of(stream: TextIO | None, environment: Mapping[str, str] | None = None) -> Screen:
    """What the stream can show, by the rules that rich has for tables.

    FORCE_COLOR makes a terminal of a pipe (empty: a pipe of a terminal), NO_COLOR and `TERM=dumb` take colours away, and COLUMNS is the width of anything.

    Args:
        stream: such as `sys.stdout`; None where it is closed.
        environment: the process's by default.
    """
    given = os.environ if environment is None else environment
    forced = given.get("FORCE_COLOR")
    is_terminal = stream is not None and stream.isatty() if forced is None else forced != ""
    columns = given.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        width: int | None = int(columns)
    else:
        width = _columns_of(stream) if is_terminal else None
    return Screen(width, is_terminal and not _refuses_colour(given), is_terminal)


def _columns_of(stream: TextIO | None) -> int:
    """Of that stream, for it may be another terminal than stdout; else of stdout, else 80."""
    if stream is not None:
        with suppress(OSError, ValueError):
            if columns := os.get_terminal_size(stream.fileno()).columns:
                return columns
    import shutil

    return shutil.get_terminal_size().columns


def forced_colour(environment: Mapping[str, str]) -> bool | None:
    """What the environment says of colours on every stream; None where each stream is judged by itself."""
    if _refuses_colour(environment):
        return False
    forced = environment.get("FORCE_COLOR")
    return None if forced is None else forced != ""


def _refuses_colour(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("NO_COLOR")) or environment.get("TERM", "").lower() in _DUMB


def columns_that_fit(widths: Sequence[int], ranks: Sequence[int], room: int) -> list[int]:
    """The places of the columns that are shown, in their order: the lowest ranks first, as long as there is room.

    Args:
        widths: of the columns, with the blanks between them.
        ranks: of the columns. Those of rank 0 are shown even where there is no room.
        room: in columns of the terminal.
    """
    kept: list[int] = []
    for place in sorted(range(len(widths)), key=ranks.__getitem__):
        if ranks[place] == 0 or widths[place] <= room:
            kept.append(place)
            room -= widths[place]
    return sorted(kept)


def not_shown(names: Sequence[str]) -> str:
    """The line that names what a narrow screen lacks; empty where it lacks nothing."""
    return f"Not shown at this width: {', '.join(names)}." if names else ""


def at_words(line: str, width: int, *, first: str = "", later: str = "") -> str:
    """A line broken at words. A path, and a command in backquotes, stay whole, so that they can be copied.

    Args:
        line: without line feeds.
        width: of the screen, in columns.
        first: what the first line begins with.
        later: what the others begin with.
    """
    kept = re.sub(_COMMAND, lambda found: found[0].replace(" ", _KEPT_SPACE), line)
    wrapped = textwrap.wrap(
        kept,
        width,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(wrapped).replace(_KEPT_SPACE, " ") or first.rstrip()


def in_lines(
    pieces: Iterable[str], width: int | None, *, between: str = "  ", later: str = "  "
) -> list[str]:
    """Pieces side by side as far as there is room, then below each other; one that is too wide itself is broken at words.

    Args:
        pieces: without line feeds; empty ones are left out.
        width: of the screen, in columns; None for a single line.
        between: what stands between two pieces.
        later: what the lines after the first begin with.
    """
    lines: list[str] = []
    for piece in filter(None, pieces):
        longer = f"{lines[-1]}{between}{piece}" if lines else piece
        if lines and (width is None or len(longer) <= width):
            lines[-1] = longer
        else:
            lines.append(f"{later}{piece}" if lines else piece)
    if width is None:
        return lines
    return [
        part
        for line in lines
        for part in at_words(line.strip(), width, first=_indent_of(line), later=later).split("\n")
    ]


def _indent_of(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


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
    given = os.environ if environment is None else environment
    return _coloured(text, doubtful, given) if screen.colour else text


def _wrapped(line: str, width: int, hanging: int) -> str:
    indent = _indent_of(line)
    later = " " * max(len(indent), hanging)
    return at_words(line.strip(), width, first=indent, later=later)


def _coloured(text: str, doubtful: Iterable[str], environment: Mapping[str, str]) -> str:
    doubt = YELLOW.code(environment)
    for passage in doubtful:
        wherever_broken = r"\s+".join(map(re.escape, passage.split()))
        text = re.sub(wherever_broken, lambda found: f"{doubt}{found[0]}{_PLAIN}", text, count=1)
    for word, colour in _STYLES.items():
        if text.startswith(word):
            return f"{colour.code(environment, bold=True)}{word}{_PLAIN}{text[len(word) :]}"
    return text
