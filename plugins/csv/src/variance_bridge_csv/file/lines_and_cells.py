"""From text to lines, and from lines to rows of cells (RFC 4180, and what real exporters make of it), each with its place in the file.

A cell never goes over the end of its line: no broker writes such cells, and a quote that is left open (a truncated
file, a bare inch mark) would otherwise swallow the rows after it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge_csv.dialect_format.dialect_options import Field
from variance_bridge_csv.name_matching import visible

MAX_LINE_LENGTH = 256 * 1024
"""Characters."""
MAX_LINES = 2_000_000
MAX_COLUMNS = 1_000
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
"""What may stand between cells, and its name."""
_BLOCK_SIZE = 64 * 1024
"""Characters that are cut into lines at once."""

_LINE_END = re.compile(r"\r\n?|\n")


class Separation(Struct, frozen=True):
    """How a line is separated into cells.

    Attributes:
        delimiter: what stands between two cells.
        spaces_around_quotes: blanks between a quote and its delimiter are not part of the cell.
    """

    delimiter: str
    spaces_around_quotes: bool = False


@cache
def _csv_dialect(delimiter: str) -> Any:
    """How Python's own reader is told of it, made once: making it costs as much as reading a line."""
    return csv.reader((), delimiter=delimiter, strict=True).dialect


class Row(Struct):
    """A line, separated into its cells. Nobody changes it; there are too many for the price of a frozen class.

    Attributes:
        line: its number in the file, counted from 1.
        text: the whole line.
        cells: with their blanks, quotes resolved.
        separation: how the line was separated into them.
        fault: why the line cannot be separated, and None where it can.
        fault_column: where.
        last: it is the file's last line and no line end follows it.
        derived: in a header, the fields of the cells at its end that the file itself has not.
        contradicted: a term of which the row says two things, in its columns or in pieces of its cells.
        symbol_text: the whole text of the cell of which the row's symbol is a piece.
    """

    line: int
    text: str
    cells: Sequence[str]
    separation: Separation
    fault: str | None = None
    fault_column: int = 1
    last: bool = False
    derived: Sequence[Field] = ()
    contradicted: Field | None = None
    symbol_text: str | None = None

    __repr__ = repr_without("text", "cells", "symbol_text")

    @property
    def columns(self) -> Sequence[int]:
        """Where each cell starts, counted from 1 in characters. Only messages need it, so it is not kept."""
        starts = _scan(self.text, self.separation).starts[: len(self.cells)]
        return [*starts, *(len(self.text) + 1 for _cell in self.cells[len(starts) :])]


class Line(Struct):
    """A line of the file that nobody has separated into cells yet: most questions are answered by its text.

    As with `Row`, nobody changes it.

    Attributes:
        aside: it belongs to another part of the file than the table, and may only be captured from.
        foreign: it stands aside and is of no part that the dialect knows.
        frame: it stands aside and only says which part begins or ends, or what its columns are; None where
            the file does not say.
        shaped: its cells with those that the dialect adds to them.
    """

    number: int
    text: str
    separation: Separation
    last: bool
    aside: bool = False
    foreign: bool = False
    frame: bool | None = None
    shaped: Row | None = None

    __repr__ = repr_without("text")

    def row(self) -> Row:
        """The line's cells."""
        if self.shaped is not None:
            return self.shaped
        line, separation = self.text, self.separation
        if "\x00" in line:
            column = line.index("\x00") + 1
            return Row(self.number, line, [line], separation, "a NUL byte", column, self.last)
        if '"' not in line:
            cells = line.split(separation.delimiter)
            return Row(self.number, line, cells, separation, last=self.last)
        if not separation.spaces_around_quotes:
            try:
                (cells,) = csv.reader((line,), _csv_dialect(separation.delimiter))
            except csv.Error:
                pass  # It says neither where the fault is nor what the cells before it are.
            else:
                return Row(self.number, line, cells, separation, last=self.last)
        found = _scan(line, separation)
        return Row(
            self.number, line, found.cells, separation, found.fault, found.fault_column, self.last
        )

    @property
    def blank(self) -> bool:
        """Nothing but blanks and delimiters."""
        if self.text.lstrip(' "')[:1].isalnum():
            return False
        if self.text.replace(self.separation.delimiter, "").replace('"', "").strip():
            return False
        row = self.row()
        return not row.fault and not any(cell.strip() for cell in row.cells)

    @property
    def only_cell(self) -> str | None:
        """The clean text of the cell that alone has one; None where several have, or the line cannot be separated."""
        first, _delimiter, rest = self.text.partition(self.separation.delimiter)
        second = rest.partition(self.separation.delimiter)[0]
        # An even number of quotes: the delimiter behind them is outside of a quoted cell.
        if first.count('"') % 2 == 0 and _has_text(first) and _has_text(second):
            return None
        row = self.row()
        filled = [cell for cell in map(visible, row.cells) if cell]
        return filled[0] if len(filled) == 1 and not row.fault else None


def _has_text(cell: str) -> bool:
    return bool(visible(cell).strip(' "'))


def is_in_quotes(row: Row, width: int) -> bool:
    """Whether a spreadsheet program made one cell of a whole row, which should have so many."""
    if len(row.cells) != 1:
        return False
    return row.cells[0].count(row.separation.delimiter) >= max(width - 1, 2)


def split(text: str, separation: Separation, where: str) -> Iterator[Line]:
    """The lines of a text, blank ones included, as they are asked for.

    Raises:
        DataRefused: the text is beyond a limit of size: lines, columns, or characters in a line.
    """
    for number, line, ended in _lines(text):
        if number > MAX_LINES:
            raise _too_large(f"more than {MAX_LINES} lines", where, number, 1)
        found = Line(number, line, separation, not ended)
        if len(line) >= MAX_COLUMNS:
            _refuse_large(found, where)
        yield found


def _refuse_large(line: Line, where: str) -> None:
    """A line with too many columns has as many characters at least, so that shorter ones need not be looked at."""
    if len(line.text) > MAX_LINE_LENGTH:
        what = f"a line of more than {MAX_LINE_LENGTH} characters"
        raise _too_large(what, where, line.number, MAX_LINE_LENGTH)
    if line.text.count(line.separation.delimiter) < MAX_COLUMNS:
        return
    row = line.row()
    if len(row.cells) > MAX_COLUMNS:
        column = row.columns[MAX_COLUMNS]
        raise _too_large(f"more than {MAX_COLUMNS} columns", where, line.number, column)


def _too_large(what: str, where: str, line: int, column: int) -> DataRefused:
    return DataRefused(
        f"{what}: larger than what is read",
        where=f"{where}, line {line}, column {column}",
        hint="use the broker's CSV export of the positions, or divide the file",
    )


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number, text and whether a line end followed; CRLF, LF and CR all end a line."""
    number = 0
    for block in _blocks(text):
        *lines, rest = block.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for line in lines:
            number += 1
            yield number, line, True
        if rest:
            yield number + 1, rest, False


def _blocks(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, so that the lines of a large file never stand in memory together."""
    start = 0
    while start < len(text):
        line_end = _LINE_END.search(text, start + _BLOCK_SIZE)
        end = line_end.end() if line_end else len(text)
        yield text[start:end]
        start = end


class _Scan(Struct, frozen=True):
    """The cells of a line, where each starts, and what is wrong with the last of them."""

    cells: Sequence[str]
    starts: Sequence[int]
    fault: str | None = None
    fault_column: int = 1


def _scan(line: str, separation: Separation) -> _Scan:
    cells: list[str] = []
    starts: list[int] = []
    place = 0
    while True:
        starts.append(place + 1)
        cell, place, fault = _next_cell(line, place, separation)
        cells.append(cell)
        if fault:
            return _Scan(cells, starts, fault, place + 1)
        if place >= len(line):
            return _Scan(cells, starts)
        place += 1


def _next_cell(line: str, start: int, separation: Separation) -> tuple[str, int, str | None]:
    """The cell that starts there, the place of the delimiter after it, and what is wrong with it."""
    delimiter, spaces = separation.delimiter, separation.spaces_around_quotes
    opening = start
    if spaces:
        while opening < len(line) and line[opening] == " ":
            opening += 1
    if not line.startswith('"', opening):
        end = line.find(delimiter, start)
        end = len(line) if end < 0 else end
        return line[start:end], end, None
    pieces = []
    place = opening + 1
    while True:
        quote = line.find('"', place)
        if quote < 0:
            return "", opening, "a quoted cell is not closed on its line"
        pieces.append(line[place:quote])
        if not line.startswith('"', quote + 1):
            break
        pieces.append('"')
        place = quote + 2
    end = quote + 1
    if spaces:
        while end < len(line) and line[end] == " ":
            end += 1
    if end < len(line) and line[end] != delimiter:
        return "", end, "text follows the quote that closes a cell"
    return "".join(pieces), end, None


def said_by(line: Line) -> str:
    """What a line outside the table says: its only cell, or else the line as it is.

    A line of another part of the file is always cells: it is given without quotes, and without empty cells at its end.
    """
    if line.aside and line.only_cell is None:
        return without_quotes(line)
    return line.only_cell or visible(line.text)


def without_quotes(line: Line) -> str:
    """The cells of a line as they would stand there without quotes, whatever separates them in the file."""
    return ",".join(map(visible, line.row().cells)).rstrip(",")
