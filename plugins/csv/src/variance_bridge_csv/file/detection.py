"""Which dialect a file is written in: the one whose column names its header has. Never by guessing a delimiter.

More than one may fit. Then columns that only one of them has decide; else the signs of the costs. Where these do not either, the
file is refused, unless all read the same out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import dropwhile, islice, pairwise

from msgspec import Struct

from variance_bridge.errors import DataRefused, UnknownFormat
from variance_bridge.formatting import repr_without
from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, OtherReport
from variance_bridge_csv.file import encoding as texts
from variance_bridge_csv.file.encoding import Text, WrongEncoding
from variance_bridge_csv.file.header import (
    TITLE_MISSING,
    Header,
    find_header,
    missing_without_a_header,
)
from variance_bridge_csv.file.lines_and_cells import DELIMITERS, Line, Row, Separation, split
from variance_bridge_csv.name_matching import bare, plain
from variance_bridge_csv.shape.table import shaped

_SEARCH_LINES = 60
_MIN_NEEDS = 3
"""So many columns that a dialect needs are its own, also where its title line is missing: two are any broker's."""
_SEARCH_LETTERS = 200_000
"""Characters from the start of a file in which the names of a header are looked for by their letters alone."""
_BETWEEN_LETTERS = " _-./&"
"""What column names that are otherwise the same have between their letters."""
SAMPLE_LINES = 200
"""So many lines from the start of a file decide between two dialects whose columns it has."""
_DATES = (Field.EXPIRATION, Field.AS_OF_DATE, Field.OPEN_DATE)
_MIN_COLUMNS = 3
_DESCRIBE = "describe the file in a dialect of your own (docs/dialects.md; `variance csv dialects` names the folder for it)"


class Candidate(Struct, frozen=True):
    """A dialect that fits, and how the file reads by it."""

    dialect: Dialect
    text: Text
    separation: Separation
    header: Header
    where: str

    def lines(self) -> Iterator[Line]:
        """The lines of the whole file."""
        return shaped(
            partial(split, self.text.text, self.separation, self.where), self.dialect, self.where
        )

    def has_its_dates(self) -> bool:
        """Whether the first rows have a date as only this dialect writes it, where it says how that looks."""
        pattern = self.dialect.detect.date_like
        if pattern is None:
            return True
        places = [self.header.columns[field] for field in _DATES if field in self.header.columns]
        rows = dropwhile(lambda line: line.number <= self.header.row.line, self.lines())
        return any(
            place < len(cells) and regular_expressions.match(pattern, cells[place].strip())
            for cells in (line.row().cells for line in islice(rows, SAMPLE_LINES) if not line.aside)
            for place in places
        )

    def knows_most_columns(self) -> bool:
        """Whether at least half of the columns are known: with fewer, another broker has the few names that the dialect needs.

        What stands in no other broker's file proves a dialect whatever columns the user has added.
        """
        rules, sections = self.dialect.detect, self.dialect.sections
        proven = rules.columns or rules.before_header or sections is not None or self.evidence
        return bool(proven) or 2 * self.header.known >= self.names

    @property
    def names(self) -> int:
        """How many columns have a name."""
        return _named(self.header.row)

    @property
    def evidence(self) -> int:
        """How many columns speak for this dialect against others."""
        names = {plain(cell) for cell in self.header.row.cells}
        return len(names & {plain(name) for name in self.dialect.detect.evidence})


class Trial(Struct, frozen=True):
    """What comes of reading a candidate's rows.

    Attributes:
        agrees: in how many rows the sign of the cost agrees with the side by the dialect's convention.
        disagrees: in how many it does not.
        result: all that would be written; two dialects with equal results differ in nothing that matters here.
        unread: the lines of the rows in which something cannot be read by the dialect's grammar.
        refusal: why the whole file cannot be read.
    """

    agrees: int
    disagrees: int
    result: object
    unread: frozenset[int] = frozenset()
    refusal: DataRefused | None = None

    __repr__ = repr_without("result")


class Detector:
    """A file's bytes, read by one dialect after the other; each way of decoding and separating is done once.

    Of the lines only those are separated that are asked for.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self.where = where
        self._data = data
        self._texts: dict[tuple[str, ...], Text] = {}
        self._heads: dict[tuple[str, Separation], tuple[Iterator[Line], list[Line]]] = {}
        self._names: dict[tuple[str, Separation, int], frozenset[str]] = {}
        self._letters: dict[str, str] = {}

    def text(self, encodings: tuple[str, ...]) -> Text:
        """The text, decoded by the first of the encodings that fits."""
        if encodings not in self._texts:
            self._texts[encodings] = texts.decode(self._data, encodings, self.where)
        return self._texts[encodings]

    def head(self, text: Text, separation: Separation, lines: int) -> Sequence[Line]:
        """The first lines of the text, at most so many."""
        key = (text.encoding, separation)
        if key not in self._heads:
            self._heads[key] = (split(text.text, separation, self.where), [])
        rest, head = self._heads[key]
        head += islice(rest, max(0, lines - len(head)))
        return head[:lines]

    def decoded(self, dialect: Dialect) -> Text | None:
        """The text by the dialect's encodings; None where none of them fits."""
        try:
            return self.text(dialect.file.encodings)
        except WrongEncoding:
            return None

    def may_fit(self, dialect: Dialect) -> bool:
        """Whether the names that the dialect needs stand in the file at all: a quick look that spares most dialects `read`."""
        text = self.decoded(dialect)
        if text is None:
            return False
        rules = dialect.detect
        if dialect.sections is not None:
            return True
        if dialect.header.loose:
            return self._has_letters_of(dialect, text)
        needed = [
            set(map(plain, dialect.columns.get(each, ())))
            for each in rules.needs
            if each not in dialect.derives
        ]
        needed += [{plain(name)} for name in rules.columns]
        for delimiter in dialect.file.delimiters:
            separation = Separation(delimiter, dialect.file.spaces_around_quotes)
            there = self._names_in(text, separation, dialect.header.search_lines)
            if not any(map(there.isdisjoint, needed)):
                return True
        return False

    def _has_letters_of(self, dialect: Dialect, text: Text) -> bool:
        """Whether the file's start has each name that is needed, by its letters and digits."""
        if text.encoding not in self._letters:
            start = text.text[:_SEARCH_LETTERS].lower()
            for sign in _BETWEEN_LETTERS:
                start = start.replace(sign, "")
            self._letters[text.encoding] = start
        letters = self._letters[text.encoding]
        return all(
            any(name and name in letters for name in map(bare, dialect.columns.get(field, ())))
            for field in dialect.detect.needs
            if field not in dialect.derives
        )

    def _names_in(self, text: Text, separation: Separation, lines: int) -> frozenset[str]:
        key = (text.encoding, separation, lines)
        if key not in self._names:
            rows = (line.row() for line in self.head(text, separation, lines))
            self._names[key] = frozenset(plain(cell) for row in rows for cell in row.cells)
        return self._names[key]

    def _shaped_head(self, text: Text, separation: Separation, dialect: Dialect) -> Iterable[Line]:
        if not dialect.shapes:
            return self.head(text, separation, dialect.header.search_lines)
        lines = partial(split, text.text, separation, self.where)
        return shaped(lines, dialect, self.where)

    def read(self, dialect: Dialect) -> tuple[Candidate | None, Header | None]:
        """How the file reads by the dialect; or None, and the row that comes nearest to the dialect's header."""
        text = self.decoded(dialect)
        if text is None:
            return None, None
        nearest: Header | None = None
        for delimiter in dialect.file.delimiters:
            separation = Separation(delimiter, dialect.file.spaces_around_quotes)
            header = find_header(self._shaped_head(text, separation, dialect), dialect)
            if header is not None and header.fits:
                found = Candidate(dialect, text, separation, header, self.where)
                return (found, None) if found.has_its_dates() else (None, None)
            if header is not None and (nearest is None or header.known > nearest.known):
                nearest = header
        return None, nearest


def detect(
    detector: Detector,
    dialects: Mapping[str, Dialect],
    other_reports: Sequence[OtherReport],
    trial: Callable[[Candidate, int | None], Trial],
) -> Candidate:
    """The one dialect that the file is written in.

    Args:
        detector: the file.
        dialects: those to choose from, by name.
        other_reports: kinds of file to name when no dialect fits.
        trial: reads a candidate's first lines, or all; only asked where the columns do not decide.

    Raises:
        DataRefused: none fits (the nearest, and what is missing), or more than one.
    """
    found: list[Candidate] = []
    for dialect in dialects.values():
        if dialect.detect.only_named or not detector.may_fit(dialect):
            continue
        candidate, _nearest = detector.read(dialect)
        if candidate is not None and not _report_of(candidate.header.row, other_reports):
            found.append(candidate)
    if not found:
        raise _no_match(detector, dialects, other_reports, trial)
    own = [candidate for candidate in found if candidate.knows_most_columns()]
    if not own:
        raise _foreign(found[0], _by_name_only(detector, dialects, trial))
    found = _without_fallbacks(own)
    _refuse_two_tables(found, detector.where)
    found = _without_replaced(found)
    if len(found) > 1:
        found = _decided(found, trial)
    if len(found) > 1:
        raise _ambiguous(found, detector.where)
    return found[0]


def forced(
    detector: Detector,
    dialect: Dialect,
    twins: Sequence[Dialect],
    other_reports: Sequence[OtherReport],
    trial: Callable[[Candidate, int | None], Trial],
) -> Candidate:
    """The file as it reads by the dialect that the user named, or by one of its twins where only that reads all numbers.

    Raises:
        DataRefused: it does not fit.
    """
    detector.text(dialect.file.encodings)  # which says what is wrong with the encoding
    candidate, nearest = detector.read(dialect)
    by_name = dialect.detect.only_named
    if candidate is not None:
        if by_name:
            _refuse_report(candidate.header.row, other_reports, detector.where)
        return _by_numbers(candidate, [detector.read(twin)[0] for twin in twins], trial)
    if nearest is not None:
        missing = "; ".join(nearest.missing)
    else:
        missing = "; ".join(missing_without_a_header(dialect))
    raise DataRefused(
        f'the file is not written in the dialect "{dialect.name}": it needs {missing}',
        where=_header_place(nearest, detector.where),
        hint=f"give the columns these names, or {_DESCRIBE}"
        if by_name
        else "drop `--broker NAME` or `--set dialect=NAME`: then the header says which format it is",
    )


def _by_numbers(
    named: Candidate,
    twins: Iterable[Candidate | None],
    trial: Callable[[Candidate, int | None], Trial],
) -> Candidate:
    own = None
    for twin in twins:
        if twin is None:
            continue
        own = own or trial(named, None)
        if own.unread > trial(twin, None).unread:
            return twin
    return named


def _refuse_report(row: Row, reports: Iterable[OtherReport], where: str) -> None:
    report = _report_of(row, reports)
    if report is not None:
        raise _is_report(report, row, where)


def _is_report(report: OtherReport, row: Row, where: str) -> UnknownFormat:
    return UnknownFormat(
        f"this is {report.name}, not positions",
        where=f"{where}, line {row.line}, column 1",
        hint=report.instead,
    )


def _without_fallbacks(found: list[Candidate]) -> list[Candidate]:
    proper = [candidate for candidate in found if not candidate.dialect.detect.fallback]
    return proper or found


def _without_replaced(found: list[Candidate]) -> list[Candidate]:
    replaced = {name for candidate in found for name in candidate.dialect.detect.replaces}
    return [candidate for candidate in found if candidate.dialect.name not in replaced] or found


def _refuse_two_tables(found: Sequence[Candidate], where: str) -> None:
    """Refuses a file in which one dialect finds its header on one line, and another on another: one of the tables would be lost."""
    first, last = (choose(found, key=lambda one: one.header.row.line) for choose in (min, max))
    if first.header.row.line == last.header.row.line:
        return
    raise DataRefused(
        f'two tables of positions stand in this file, of the dialects "{first.dialect.name}" (line {first.header.row.line}) '
        f'and "{last.dialect.name}" (line {last.header.row.line})',
        where=_header_place(last.header, where),
        hint="export each into a file of its own; or say which one counts: "
        f"--set dialect={first.dialect.name} or --set dialect={last.dialect.name}",
    )


def _decided(
    found: list[Candidate], trial: Callable[[Candidate, int | None], Trial]
) -> list[Candidate]:
    spoken_for = [candidate for candidate in found if candidate.evidence]
    if len(spoken_for) == 1:
        return spoken_for
    for lines in (SAMPLE_LINES, None):
        tried = [(candidate, trial(candidate, lines)) for candidate in found]
        if any(one.result != tried[0][1].result for _candidate, one in tried):
            refusals = [one.refusal for _candidate, one in tried if one.refusal is not None]
            if len(refusals) == len(tried):
                raise refusals[0]
            # What none of them can read (a disclaimer, a table of another kind) says nothing about either.
            by_none = frozenset.intersection(
                *(one.unread for _candidate, one in tried if one.refusal is None)
            )
            legible = [
                candidate
                for candidate, one in tried
                if one.refusal is None and one.unread == by_none
            ]
            if len(legible) == 1:
                return legible
            right = [candidate for candidate, one in tried if one.agrees and not one.disagrees]
            wrong = [candidate for candidate, one in tried if one.disagrees and not one.agrees]
            return right if len(right) == 1 and len(wrong) == len(found) - 1 else found
        # So far they read the same: a cost may still come that only one of them understands.
    return found[:1]


def _ambiguous(found: list[Candidate], where: str) -> DataRefused:
    names = sorted(candidate.dialect.name for candidate in found)
    return DataRefused(
        f"the header fits more than one dialect: {', '.join(names)}",
        where=_header_place(found[0].header, where),
        hint="say which: " + " or ".join(f"--set dialect={name}" for name in names),
    )


def _foreign(found: Candidate, by_name: str | None) -> DataRefused:
    header, name = found.header, found.dialect.name
    return DataRefused(
        f'the header has the columns that the dialect "{name}" needs, but {found.names - header.known} of its '
        f"{found.names} columns are not in that format: it is of another broker",
        where=_header_place(header, found.where),
        hint=f"{by_name or _DESCRIBE}; if it is that format after all: --set dialect={name}",
    )


def _no_match(
    detector: Detector,
    dialects: Mapping[str, Dialect],
    other_reports: Iterable[OtherReport],
    trial: Callable[[Candidate, int | None], Trial],
) -> DataRefused:
    reports = tuple(other_reports)
    for dialect in dialects.values():
        resaved = _with_another_delimiter(detector, dialect)
        if resaved is not None and _report_of(resaved.row, reports) is None:
            return DataRefused(
                f'this is the header of the dialect "{dialect.name}", but its cells are not separated '
                "as the broker does it: the file was saved from another program",
                where=_header_place(resaved, detector.where),
                hint="export the positions again, and do not save them from a spreadsheet program",
            )
    close = list(_near_misses(detector, dialects))
    report, row = other_report(detector, reports)
    # A header in a part that a dialect calls positions says more than the first lines of the file.
    in_a_part = any(dialect.sections is not None for dialect, _header in close)
    if report is not None and row is not None and not in_a_part:
        return _is_report(report, row, detector.where)
    untitled = _untitled(detector, dialects)
    if untitled is not None:
        return untitled
    named = _by_name_only(detector, dialects, trial)
    if not close:
        return UnknownFormat(
            "no line looks like the header of a positions export",
            where=f"{detector.where}, line 1, column 1",
            hint=named or f"export the positions as CSV with their header, or {_DESCRIBE}",
        )
    # One that takes precedence over others is the more special one.
    dialect, header = max(
        close,
        key=lambda miss: (miss[1].known, -len(miss[1].missing), not miss[0].detect.replaces),
    )
    nearest = f'; the nearest is "{dialect.name}", which needs {"; ".join(header.missing)}'
    if named is not None and len(header.missing) > 1:
        nearest = ""  # It would only mislead: these are columns that any broker has.
    return DataRefused(
        f"no dialect fits the header{nearest}",
        where=_header_place(header, detector.where),
        hint=named
        or f"show these columns in the broker's table and export it again, or {_DESCRIBE}",
    )


def _near_misses(
    detector: Detector, dialects: Mapping[str, Dialect]
) -> Iterator[tuple[Dialect, Header]]:
    for dialect in dialects.values():
        if not dialect.detect.only_named:
            candidate, nearest = detector.read(dialect)
            if candidate is None and nearest is not None and _is_close(dialect, nearest):
                yield dialect, nearest


def _untitled(detector: Detector, dialects: Mapping[str, Dialect]) -> DataRefused | None:
    """The refusal of a file that has the columns of a dialect, and not the line that the broker writes above them."""
    for dialect in dialects.values():
        if dialect.detect.before_header is None or len(dialect.detect.needs) < _MIN_NEEDS:
            continue
        header = detector.read(dialect)[1]
        if header is not None and header.missing == (TITLE_MISSING,):
            return DataRefused(
                f'the columns are those of the dialect "{dialect.name}", but the line that this broker writes above them is missing',
                where=_header_place(header, detector.where),
                hint="export the positions again, and leave the file whole: that line says whose they are, and when",
            )
    return None


def _is_close(dialect: Dialect, header: Header) -> bool:
    """Whether a header is the dialect's but for a column or two: naming it would otherwise mislead."""
    if TITLE_MISSING in header.missing:
        return False
    names = sum(1 for cell in header.row.cells if cell.strip())
    return dialect.detect.needs[0] in header.columns and 2 * header.known >= max(names, 4)


def _by_name_only(
    detector: Detector,
    dialects: Mapping[str, Dialect],
    trial: Callable[[Candidate, int | None], Trial],
) -> str | None:
    """What to do where a dialect would fit that is never chosen by itself: which of two, where only one reads all numbers."""
    for dialect in dialects.values():
        candidate = detector.read(dialect)[0] if dialect.detect.only_named else None
        if candidate is not None:
            twins = [one for one in dialects.values() if one.detect.also_for == dialect.name]
            read = [detector.read(twin)[0] for twin in twins]
            name = _by_numbers(candidate, read, trial).dialect.name
            return f"read it by the common names of its columns, and compare what comes out: --set dialect={name}; or {_DESCRIBE}"
    return None


def _with_another_delimiter(detector: Detector, dialect: Dialect) -> Header | None:
    text = detector.decoded(dialect)
    if text is None:
        return None
    for delimiter in DELIMITERS:
        if delimiter not in dialect.file.delimiters:
            head = detector.head(text, Separation(delimiter), dialect.header.search_lines)
            header = find_header(head, dialect)
            if header is not None and header.fits:
                return header
    return None


def _header_place(header: Header | None, where: str) -> str:
    return f"{where}, line {header.row.line if header else 1}, column 1"


def other_report(
    detector: Detector, reports: Iterable[OtherReport]
) -> tuple[OtherReport | None, Row | None]:
    """The kind of file without positions that it is, and its header."""
    text = detector.text(("utf-8", "cp1252"))
    for delimiter in DELIMITERS:
        for line in detector.head(text, Separation(delimiter), _SEARCH_LINES):
            row = line.row()
            report = _report_of(row, reports)
            if report is not None:
                return report, row
    return None, None


def likely_header(detector: Detector) -> tuple[Row, str] | None:
    """The row that may name the columns, and what separates them: a row without a number, as wide as the next one, which has some."""
    text = detector.text(("utf-8", "cp1252"))
    found: tuple[Row, str] | None = None
    for delimiter in DELIMITERS:
        rows = [line.row() for line in detector.head(text, Separation(delimiter), _SEARCH_LINES)]
        for row, below in pairwise(rows):
            wider = _named(row) >= (_MIN_COLUMNS if found is None else _named(found[0]) + 1)
            if (
                wider
                and len(row.cells) - len(below.cells) in {0, 1}  # a comma at its end alone is usual
                and not any(map(_is_figure, row.cells))
                and any(map(_is_figure, below.cells))
            ):
                found = row, delimiter
    return found


def _is_figure(cell: str) -> bool:
    return cell.strip("+-$ ")[:1].isdigit()


def _named(row: Row) -> int:
    return sum(1 for cell in row.cells if cell.strip())


def _report_of(row: Row, reports: Iterable[OtherReport]) -> OtherReport | None:
    """The report whose header the row is, among those that are no positions."""
    names = {plain(cell) for cell in row.cells}
    for report in reports:
        wanted = {plain(name) for name in report.columns}
        unwanted = {plain(name) for name in report.without}
        if wanted <= names and not unwanted & names:
            return report
    return None
