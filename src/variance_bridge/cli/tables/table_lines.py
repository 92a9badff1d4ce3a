"""The lines of a table whose columns have widths already: rich's own table measures and wraps each cell again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

BETWEEN = 2
"""Blanks between two columns; at the edges one each."""
_BOLD = Style(bold=True)


class Table(Struct, frozen=True, kw_only=True):
    """Where the columns stand.

    Attributes:
        widths: of each column, in columns of the terminal. A cell that is wider moves what is right of it.
        justify: of each column.
    """

    widths: Sequence[int]
    justify: Sequence[Literal["left", "right"]]

    @property
    def _width(self) -> int:
        return sum(self.widths) + BETWEEN * (len(self.widths) - 1)

    def head(self, console: Console, cells: Sequence[Text]) -> Iterator[Segment]:
        """The names of the columns, and the rule below them."""
        yield from self.blank()
        yield from self.line(console, cells, _BOLD)
        yield Segment(f" {'─' * self._width} \n")

    def foot(self, console: Console, cells: Sequence[Text]) -> Iterator[Segment]:
        """The totals, apart from what they are the totals of."""
        yield from self.blank()
        yield from self.line(console, cells, _BOLD)
        yield from self.blank()

    def blank(self) -> Iterator[Segment]:
        """A line of blanks."""
        yield Segment(f" {' ' * self._width} \n")

    def line(
        self, console: Console, cells: Sequence[Text], base: Style | None = None
    ) -> Iterator[Segment]:
        """A row: as many lines as its first cell, and all other cells in the first of them."""
        first, *others = cells
        for place, part in enumerate(first.split("\n")):
            shown = [part, *(others if place == 0 else (Text() for _ in others))]
            yield Segment(" ")
            for column, cell in enumerate(shown):
                if column:
                    yield Segment(" " * BETWEEN)
                yield from self._cell(console, cell, column, base)
            yield Segment(" \n")

    def _cell(
        self, console: Console, text: Text, column: int, base: Style | None
    ) -> Iterator[Segment]:
        """A cell with blanks up to its column's width, in the cell's own style."""
        blanks = " " * (self.widths[column] - text.cell_len)
        before, after = (blanks, "") if self.justify[column] == "right" else ("", blanks)
        own = console.get_style(text.style)
        style = base + own if base else own
        if not text.spans:
            yield Segment(f"{before}{text.plain}{after}", style)
            return
        yield Segment(before, style)
        yield from Segment.apply_style(text.render(console), base)
        yield Segment(after, style)
