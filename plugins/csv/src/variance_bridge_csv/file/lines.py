"""From text to rows of cells (RFC 4180, and what real exporters make of it), each with its place in the file.

A cell never goes over the end of its line: no broker writes such cells, and a quote that is left open (a truncated
file, a bare inch mark) would otherwise swallow the rows after it.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from variance_bridge.errors import DataRefused

LONGEST_LINE = 256 * 1024
"""Characters."""
MOST_LINES = 100_000
MOST_COLUMNS = 1_000
MOST_CELLS = 2_000_000


@attrs.frozen(slots=True)
class Row:
    """One line of the file.

    Attributes:
        line: counted from 1.
        text: the whole line.
        cells: with their blanks, quotes resolved.
        columns: where each cell starts, counted from 1 in characters.
        fault: why the line cannot be split, and None where it can.
        fault_column: where.
        last: it is the file's last line and no line end follows it.
    """

    line: int
    text: str = attrs.field(repr=False)
    cells: tuple[str, ...] = attrs.field(repr=False)
    columns: tuple[int, ...] = attrs.field(repr=False)
    fault: str | None = None
    fault_column: int = 1
    last: bool = False

    @property
    def blank(self) -> bool:
        """Nothing but blanks and delimiters."""
        return not any(cell.strip() for cell in self.cells)


def split(text: str, delimiter: str, *, spaces_around_quotes: bool, where: str) -> tuple[Row, ...]:
    """The rows of a text, blank ones included.

    Raises:
        DataRefused: more lines, columns or characters in a line than any positions file has.
    """
    rows = []
    cells = 0
    for number, line, ended in _lines(text):
        if number > MOST_LINES:
            raise _too_much(f"more than {MOST_LINES} lines", where, number, 1)
        if len(line) > LONGEST_LINE:
            raise _too_much(
                f"a line of more than {LONGEST_LINE} characters", where, number, LONGEST_LINE
            )
        row = _split_line(line, delimiter, spaces_around_quotes, number, last=not ended)
        cells += len(row.cells)
        if len(row.cells) > MOST_COLUMNS:
            raise _too_much(
                f"more than {MOST_COLUMNS} columns", where, number, row.columns[MOST_COLUMNS]
            )
        if cells > MOST_CELLS:
            raise _too_much(f"more than {MOST_CELLS} cells", where, number, 1)
        rows.append(row)
    return tuple(rows)


def _too_much(what: str, where: str, line: int, column: int) -> DataRefused:
    return DataRefused(
        f"{what}: this is no positions file",
        where=f"{where}, line {line}, column {column}",
        hint="use the broker's CSV export of the positions",
    )


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Number, text and whether a line end followed; CRLF, LF and CR all end a line."""
    start, number, length = 0, 0, len(text)
    feed = text.find("\n")
    carriage = text.find("\r")
    while start < length:
        number += 1
        ends = [place for place in (feed, carriage) if place >= 0]
        if not ends:
            yield number, text[start:], False
            return
        end = min(ends)
        yield number, text[start:end], True
        start = end + (2 if text.startswith("\r\n", end) else 1)
        if 0 <= feed < start:
            feed = text.find("\n", start)
        if 0 <= carriage < start:
            carriage = text.find("\r", start)


def _split_line(line: str, delimiter: str, spaces: bool, number: int, last: bool) -> Row:
    if '"' not in line:
        parts = line.split(delimiter)
        columns, start = [], 1
        for part in parts:
            columns.append(start)
            start += len(part) + 1
        return Row(number, line, tuple(parts), tuple(columns), last=last)
    cells: list[str] = []
    starts: list[int] = []
    place = 0
    while True:
        starts.append(place + 1)
        cell, place, fault = _next_cell(line, place, delimiter, spaces)
        cells.append(cell)
        if fault:
            return Row(number, line, tuple(cells), tuple(starts), fault, place + 1, last)
        if place >= len(line):
            return Row(number, line, tuple(cells), tuple(starts), last=last)
        place += 1


def _next_cell(line: str, start: int, delimiter: str, spaces: bool) -> tuple[str, int, str | None]:
    """The cell that starts there, the place of the delimiter after it, and what is wrong with it."""
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
