"""Where in a file the rows of the table are: its sections, each below a header, and what the other lines tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import (
    Capture,
    Dialect,
    Field,
    RepeatedHeader,
    Scope,
    Where,
)
from variance_bridge_csv.file.header import Header, read_header, vocabulary_of
from variance_bridge_csv.file.lines_and_cells import Line, Row, said_by, without_quotes
from variance_bridge_csv.name_matching import plain, shown, visible

_DIGIT = re.compile(r"[0-9]")
_MOMENT = ("date", "time", "zone")
_NUMBER = r"[-+($\u20ac\u00a3 ]{0,4}[0-9][0-9.,' ]*[)% ]{0,3}"
_DATE = r"[0-9]{1,4}[./-][0-9]{1,2}[./-][0-9]{1,4}"
_MIN_NAMES = 2
"""So many names of columns make a row without a number the header of a table, whatever its other cells say."""
HEADER_WORDS = frozenset(
    {
        "action", "amount", "commission", "date", "description", "fees", "net amount", "price", "quantity", "settlement date",
        "side", "status", "symbol", "time", "trade date", "transaction type", "type",
    }
)  # fmt: skip
"""Names of columns in the tables of transactions and orders of any broker, which may stand below the positions."""
MIN_HEADER_WORDS = 3
_NUMBERS = frozenset(
    {Field.QUANTITY, Field.COST_TOTAL, Field.COST_PER_UNIT, Field.MARK, Field.LAST, Field.VALUE, Field.GAIN}
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]{3}")
_NO_WORDS = frozenset({"n/a", "nan", "none", "null", "unknown", "incomplete"})
_MIN_FIELDS = 3
"""So many columns that the dialect has a field for make a table one of positions."""


class Section(Struct, frozen=True):
    """One header, and what was captured for the rows below it."""

    header: Header
    captured: Mapping[str, str]

    __repr__ = repr_without("captured")


class Layout(Struct, frozen=True):
    """Which lines of a file are rows of a table. It holds none of them, so that a large file needs no room twice.

    Attributes:
        sections: in the order of the file.
        captured: what was captured for all of them.
        moments: every date, time and zone that was captured, as it is written.
        outside: the lines that are not rows of a table, by number: notes, and what stands in other parts of the file.
        notes: those of them that say whose account it is, or when.
        ends: the lines at which another kind of table begins: what follows is not read until the next section.
        unknown_tables: where tables begin that the dialect does not name.
        unknown_lines: how many lines those have, their headers included.
        titles: lines of several cells above the first header that are not a table, and that nothing reads.
        passed: how many rows of other tables were not read.
        begun: whether a line was seen that has an end to it.
        ended: whether the end of a complete file was seen.
    """

    sections: tuple[Section, ...]
    captured: Mapping[str, str]
    moments: tuple[Mapping[str, str], ...]
    outside: frozenset[int]
    notes: frozenset[int]
    ends: frozenset[int]
    unknown_tables: tuple[int, ...]
    unknown_lines: int
    titles: tuple[int, ...]
    passed: int
    begun: bool
    ended: bool

    __repr__ = repr_without("captured")

    def table_rows(self, lines: Iterable[Line]) -> Iterator[tuple[Section, Row]]:
        """Of the lines of the file those that are rows, each with its section."""
        starts = {section.header.row.line: section for section in self.sections}
        section = None
        for line in lines:
            if line.number in starts:
                section = starts[line.number]
            elif line.number in self.ends:
                section = None
            elif section is not None and line.number not in self.outside and not line.blank:
                yield section, line.row()


def lay_out(lines: Iterable[Line], header: Header, dialect: Dialect, where: str) -> Layout:
    """Where in the file its sections are.

    Raises:
        DataRefused: a column name stands twice in a header, or a header a second time where it must not; or rows stand
            above the first one.
    """
    walk = _Walk(dialect, where)
    for line in lines:
        walk.take(line, header)
    return walk.layout()


class _Walk:
    """The walk over a file's lines, from the first to the last."""

    def __init__(self, dialect: Dialect, where: str) -> None:
        self.dialect = dialect
        self.where = where
        self._begun = self._ended = False
        self._captured: dict[str, str] = {}
        self._moments: list[Mapping[str, str]] = []
        self._pending: dict[str, str] = {}
        self._sections: list[Section] = []
        self._outside: set[int] = set()
        self._notes: set[int] = set()
        self._seen: set[str] = set()
        self._ends: set[int] = set()
        self._unknown_tables: list[int] = []
        self._unknown_lines = 0
        self._above: list[Line] = []
        self._titles: tuple[int, ...] = ()
        self._last_unknown = 0
        self._after_blank = 0
        self._passed = 0
        self._in_other_table = False
        self._in_unknown_table = False
        self._vocabulary = vocabulary_of(dialect)
        self._captures = self._captures_for(Where.BEFORE)
        self._shapes = dialect.shapes

    def take(self, line: Line, first_header: Header) -> None:
        """The next line."""
        if self._is_plain_row(line.text):
            return
        if line.number == first_header.row.line:
            self._judge_lines_above()
            self._start(first_header)
        elif line.blank:
            self._after_blank = line.number
            self._in_other_table = self._in_other_table and bool(self._sections)
        elif self._capture(line):
            self._outside.add(line.number)
            self._notes.add(line.number)
        elif line.aside:
            self._outside.add(line.number)
            self._pass_over(line, unknown=line.foreign)
        elif self._sections:
            self._take_below(line)
        else:
            self._take_above(line, first_header)

    def _is_plain_row(self, text: str) -> bool:
        """Whether a line of the table has nothing to say here: nearly all lines do, and are seen by their text alone."""
        in_table = self._sections and not self._in_other_table
        if not in_table or self._captures or self._shapes:
            return False
        return not self._may_be_header(text)

    def _take_above(self, line: Line, first_header: Header) -> None:
        """A line above the first header: a title, or a table of another kind, which ends at a blank line."""
        row = line.row()
        if line.only_cell is None:
            self._above.append(line)
        if self._in_other_table or row.fault:
            return
        if not _DIGIT.search(line.text) and self._is_of_another_table(row):
            self._in_other_table = True
        elif filled_width(row.cells) >= first_header.width:
            # As wide as the table: rows of a part whose header is missing or has other names. What they hold would be
            # lost in silence.
            raise DataRefused(
                "rows stand before the header of the table: a part of the file has lost its header",
                where=f"{self.where}, line {row.line}, column 1",
                hint="export the positions again",
            )

    def _judge_lines_above(self) -> None:
        """A name and what it stands for (`Client;X;Date;25.11.2026`) are not a table: that has amounts in it."""
        if not any(map(_has_number, self._above)):
            self._titles = tuple(line.number for line in self._above)
            return
        for line in self._above:
            self._pass_over(line, unknown=True)

    def _is_of_another_table(self, row: Row) -> bool:
        """Whether a row above the table may be the header of something else (a summary, the filters that were set)."""
        header = read_header(row, self.dialect)
        if header.decoy:
            return True
        of_positions = self.dialect.detect.needs[0] in header.columns
        return (
            not of_positions and len(header.columns) < _MIN_FIELDS and filled_width(row.cells) > 1
        )

    def _take_below(self, line: Line) -> None:
        if self._in_other_table:
            self._pass_over(line, unknown=self._in_unknown_table)
        if not self._may_be_header(line.text):
            return
        row = line.row()
        if row.fault:
            return
        names = set(map(plain, row.cells))
        if any(group <= names for group in self._vocabulary.ends):
            self._leave(line)
        elif names & self._vocabulary.symbol:
            again = read_header(row, self.dialect)
            if again.fits:
                self._repeat(again)
            elif again.known >= _MIN_NAMES or len(names & HEADER_WORDS) >= MIN_HEADER_WORDS:
                self._leave(line, unknown=True)
        elif not _DIGIT.search(line.text) and (
            len(names & self._vocabulary.known) >= _MIN_NAMES
            or len(names & HEADER_WORDS) >= MIN_HEADER_WORDS
            or self._names_columns(row)
            or self._is_below_known_table(line)
        ):
            self._leave(line, unknown=True)
        elif self._after_blank == line.number - 1 and line.only_cell is not None:
            self._after_blank = line.number  # A title: what it is the title of comes next.

    def _names_columns(self, row: Row) -> bool:
        """Whether words stand where the quantity and the amounts should: names of columns that nobody has seen before."""
        columns = self._sections[-1].header.columns
        below = {
            field: visible(row.cells[place])
            for field, place in columns.items()
            if field in _NUMBERS and place < len(row.cells)
        }
        words = [text for text in below.values() if _WORD.search(text)]
        return (
            len(words) >= _MIN_NAMES
            and len(words) == len(below)
            and plain(below.get(Field.QUANTITY, "")) not in _NO_WORDS
        )

    def _is_below_known_table(self, line: Line) -> bool:
        """Whether a table of yet another kind begins, below one that the dialect knows and passes over."""
        return (
            self._in_other_table
            and not self._in_unknown_table
            and self._after_blank == line.number - 1
            and filled_cells(line) > 1
        )

    def _leave(self, line: Line, *, unknown: bool = False) -> None:
        """Another kind of table begins: its rows are not read as positions."""
        self._ends.add(line.number)
        if unknown and not self._in_unknown_table:
            self._pass_over(line, unknown=True)
        self._in_other_table, self._in_unknown_table = True, unknown

    def _pass_over(self, line: Line, *, unknown: bool) -> None:
        """A line of another table. Of one that the dialect does not know the user hears where it begins."""
        # The header of another table is not a row of it: where the file does not say which line that is, it has no number.
        frame = not _DIGIT.search(line.text) if line.frame is None else line.frame
        if not frame:
            self._passed += 1
        if not unknown:
            return
        if not self._unknown_lines or line.number > self._last_unknown + 2:
            self._unknown_tables.append(line.number)
        self._unknown_lines += 1
        self._last_unknown = line.number

    def _may_be_header(self, text: str) -> bool:
        """A line without a digit may; so may a blank one, which is not worth a look of its own."""
        if not text.isascii() or not _DIGIT.search(text):
            return True
        text = text.lower()
        for trace in self._vocabulary.traces:  # noqa: SIM110 - asked of every line: `any` takes twice as long
            if trace in text:
                return True
        return False

    def _repeat(self, header: Header) -> None:
        if self.dialect.header.repeats is RepeatedHeader.REFUSE:
            raise self._second_export(header)
        if (
            self.dialect.header.repeats is RepeatedHeader.SECTION
            and Field.ACCOUNT not in header.columns
        ):
            account = _account_named(self._pending)
            if account is None:
                raise self._without_account(header)
            if account in map(_account_named, self._captured_above()):
                raise self._second_export(header)
        self._start(header)

    def _captured_above(self) -> Iterator[Mapping[str, str]]:
        return (section.captured for section in self._sections)

    def _without_account(self, header: Header) -> DataRefused:
        return DataRefused(
            "the header stands here a second time, and no line above it says whose positions follow: they may be counted twice",
            where=f"{self.where}, line {header.row.line}, column 1",
            hint="export each account into a file of its own; or describe the line with its name: [[capture]] in a dialect of your own "
            "(docs/dialects.md)",
        )

    def _second_export(self, header: Header) -> DataRefused:
        return DataRefused(
            "the header stands here a second time: two exports in one file would count positions twice",
            where=f"{self.where}, line {header.row.line}, column 1",
            hint="export the positions again, into a file of their own",
        )

    def _start(self, header: Header) -> None:
        if header.row.last:
            # Nothing stands below it, and whether all of its names stand in it cannot be known.
            raise DataRefused(
                "the file ends in its header: it is cut off, and rows are missing",
                where=f"{self.where}, line {header.row.line}, column {len(header.row.text) + 1}",
                hint="export the positions again",
            )
        if header.repeated:
            place = header.repeated[0]
            raise DataRefused(
                f'the column "{shown(header.row.cells[place])}" stands in the header twice',
                where=f"{self.where}, line {header.row.line}, column {header.row.columns[place]}",
                hint="which one is right cannot be told; export the positions again",
            )
        again = self.dialect.header.repeats is RepeatedHeader.CONTINUE and self._sections
        above = self._sections[-1].captured if again else {}
        self._sections.append(Section(header, {**above, **self._pending}))
        self._pending = {}
        self._in_other_table = self._in_unknown_table = False
        self._captures = self._captures_for(Where.AFTER)

    def _captures_for(self, where: Where) -> tuple[Capture, ...]:
        return tuple(one for one in self.dialect.captures if one.where in {where, Where.ANYWHERE})

    def _capture(self, line: Line) -> bool:
        if not self._captures:
            return False
        text, joined = said_by(line), without_quotes(line) if '"' in line.text else ""
        for capture in self._captures:
            found = regular_expressions.match(capture.pattern, text)
            if found is None and joined:
                found = regular_expressions.match(capture.pattern, joined)
            if found is None:
                continue
            said = {
                name: value.strip()
                for name, value in found.groupdict().items()
                if value is not None and value.isprintable()
            }
            if "date" in said:
                self._moments.append({name: said[name] for name in _MOMENT if name in said})
            if capture.scope is Scope.SECTION:
                self._pending.update(said)
            else:
                self._captured = {**said, **self._captured}
            self._begun = self._begun or capture.begins
            self._ended = self._ended or capture.ends
            self._refuse_second(capture, line)
            return True
        return False

    def _refuse_second(self, capture: Capture, line: Line) -> None:
        if capture.once and capture.pattern in self._seen:
            raise DataRefused(
                "a second export begins here: its positions would be counted twice",
                where=f"{self.where}, line {line.number}, column 1",
                hint="export the positions again, into a file of their own",
            )
        self._seen.add(capture.pattern)

    def layout(self) -> Layout:
        """What was found."""
        return Layout(
            sections=tuple(self._sections),
            captured=self._captured,
            moments=tuple(self._moments),
            outside=frozenset(self._outside),
            notes=frozenset(self._notes),
            ends=frozenset(self._ends),
            unknown_tables=tuple(self._unknown_tables),
            unknown_lines=self._unknown_lines,
            titles=self._titles,
            passed=self._passed,
            begun=self._begun,
            ended=self._ended,
        )


def _account_named(captured: Mapping[str, str]) -> str | None:
    return captured.get("account") or captured.get("account_label")


def _has_number(line: Line) -> bool:
    texts = [visible(cell) for cell in line.row().cells]
    return any(re.fullmatch(_NUMBER, text) and not re.fullmatch(_DATE, text) for text in texts)


def filled_cells(line: Line) -> int:
    """How many cells of a line have something in them."""
    return sum(1 for cell in line.row().cells if visible(cell))


def filled_width(cells: Sequence[str]) -> int:
    """How many cells there are, empty ones at the end not counted."""
    width = len(cells)
    while width > 1 and not cells[width - 1].strip():
        width -= 1
    return width
