"""The line on a terminal that says what is being done. Imported only where there is a terminal: rich takes long to load."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text
from rich.theme import Theme

from variance_bridge.terminal import GREEN, YELLOW, laid_out

MOMENT = 0.3
"""Seconds before the line appears."""


class _Bar(Progress):
    def get_renderables(self) -> Iterable[RenderableType]:
        """Nothing at first."""
        if any((task.elapsed or 0) > MOMENT for task in self.tasks):
            yield from super().get_renderables()


class _Words(TextColumn):
    """`Reading positions: account 2 of 5`, where there are several; `row 23,000 of 60,000`, where a broker counts them."""

    def render(self, task: Task) -> Text:
        said = []
        of = int(task.total or 1)
        if of > 1:
            said.append(f"account {min(int(task.completed) + 1, of)} of {of}")
        if (gauge := task.fields.get("gauge")) is not None:
            counted, done, count = gauge
            known = f" of {count:,}" if count else ""
            said.append(f"{counted.removesuffix('s')} {min(done(), count or done()):,}{known}")
        return Text(f"{task.description}{': ' if said else ''}{', '.join(said)}")


class ProgressLine:
    """The line while it is shown.

    Args:
        bar: of rich, with one task.
    """

    def __init__(self, bar: Progress, words: str) -> None:
        self._bar = bar
        self._task = bar.add_task(words, total=None)

    def say(self, words: str) -> None:
        """What is being done now."""
        self._bar.update(self._task, description=words, gauge=None)

    def gauge(self, counted: str, done: Callable[[], int], of: int) -> None:
        """How far that is: asked whenever the line is drawn again."""
        self._bar.update(self._task, gauge=(counted, done, of))

    def count(self, done: int, of: int) -> None:
        """How many accounts are done, of how many."""
        self._bar.update(self._task, completed=done, total=of)

    def above(self, text: str) -> None:
        """Print a text above the line, coloured and wrapped like any other message."""
        console = self._bar.console
        console.print(Text.from_ansi(laid_out(text, sys.stderr)), soft_wrap=True)


_READABLE = Theme({"progress.spinner": GREEN.style, "progress.elapsed": YELLOW.style})
"""Rich's own are green and yellow of the terminal's palette, which cannot be read on white."""


@contextmanager
def progress_line(words: str) -> Iterator[ProgressLine]:
    """The line, until the block is left."""
    columns = (
        SpinnerColumn(),
        _Words("", markup=False, table_column=Column(no_wrap=True)),
        TimeElapsedColumn(),
    )
    with _Bar(*columns, console=Console(stderr=True, theme=_READABLE), transient=True) as bar:
        yield ProgressLine(bar, words)
