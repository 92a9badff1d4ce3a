"""A file, read once: its bytes, its dialect, its time, and all that it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sized
from datetime import date, datetime
from itertools import islice
from pathlib import Path

from msgspec import Struct

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import did_you_mean, printable
from variance_bridge.model import Caution
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.dialect_format.dialect_options import Dialect
from variance_bridge_csv.dialect_format.known_dialects import KnownDialect
from variance_bridge_csv.export_time import (
    CLOCK_TOLERANCE,
    ExportTime,
    StatedTime,
    export_time,
    stated_time,
)
from variance_bridge_csv.file.detection import (
    Candidate,
    Detector,
    Trial,
    detect,
    forced,
    likely_header,
    other_report,
)
from variance_bridge_csv.file.input import InputFile, read_input
from variance_bridge_csv.file.layout import Layout, lay_out
from variance_bridge_csv.file.lines_and_cells import DELIMITERS
from variance_bridge_csv.name_matching import shown
from variance_bridge_csv.payload import FileText
from variance_bridge_csv.rows_by_account import ParsedFile, parse
from variance_bridge_csv.table_rows import read_rows

_MAX_NEAR = 6
"""So many formats are shown with what a file lacks of them."""


class Source(Struct, frozen=True):
    """A file, read and parsed once, so that all accounts come from the same bytes."""

    file: InputFile
    candidate: Candidate
    layout: Layout
    text: FileText
    parsed: ParsedFile
    time: ExportTime


def read_source(
    path: Path,
    known: Mapping[str, KnownDialect],
    now: datetime,
    wanted: str | None = None,
    progress: Callable[[str, Callable[[], int], int], None] = lambda _counted, _done, _of: None,
) -> Source:
    """What a file says, by the dialect that is wanted or else by the one that is found. I/O.

    `progress` is that of the broker's context.

    Raises:
        ConfigurationError: there is no such dialect.
        DataRefused: the file is not a positions file that can be relied upon.
    """
    dialects = {name: one.dialect for name, one in known.items()}
    if wanted is not None and not _wanted(wanted, dialects):
        raise _unknown_dialect(wanted, dialects)
    file, data = open_file(path, dialects)
    candidate = candidate_for(file, data, dialects, wanted)
    del data  # the text has it all, and is as large
    dialect = candidate.dialect
    layout = lay_out(candidate.lines(), candidate.header, dialect, file.shown)
    stated = stated_time(candidate.lines(), layout, dialect)
    time = _time(file, dialect, stated, now)
    # Without the header; titles and totals count too, which is near enough.
    count = max(0, candidate.text.text.count("\n") - 1)

    def watch(rows: Sized) -> None:
        progress("rows", rows.__len__, count)

    parsed = parse(candidate.lines(), layout, dialect, time.moment.date(), file.shown, watch)
    if parsed.implied_date is not None:
        first_day = time.moment.date()
        time = _time(file, dialect, stated, now, parsed.implied_date)
        if time.moment.date() != first_day:
            parsed = parse(
                candidate.lines(), layout, dialect, time.moment.date(), file.shown, watch
            )
    text = FileText(file.shown, candidate.text.text, known[dialect.name].table, time.moment.date())
    return Source(
        file=file, candidate=candidate, layout=layout, text=text, parsed=parsed, time=time
    )


def open_file(path: Path, dialects: Mapping[str, Dialect]) -> tuple[InputFile, bytes]:
    """The file, and its bytes as a table of text. I/O."""
    patterns = [name for one in dialects.values() for name in one.file.names]
    file, data = read_input(path, patterns)
    if b"<" not in data[:4096]:
        return file, data
    # Imported here: few exports are XML.
    from variance_bridge_csv.file.xml import as_table

    elements = {
        one.file.xml_rows: one.file.xml_inherits for one in dialects.values() if one.file.xml_rows
    }
    errors = {one.file.xml_error for one in dialects.values() if one.file.xml_error}
    return file, as_table(data, elements, errors, file.shown)


def misses(path: Path, known: Mapping[str, KnownDialect]) -> list[str]:
    """Where no format fits a file: the names of its columns, and what it lacks of the formats that come nearest, the nearest first. I/O.

    Raises:
        DataRefused: the file cannot be read at all.
    """
    dialects = {name: one.dialect for name, one in known.items()}
    file, data = open_file(path, dialects)
    detector = Detector(data, file.shown)
    if other_report(detector, known_dialects.other_reports())[0] is not None:
        return []
    near = []
    for name, dialect in dialects.items():
        found, header = detector.read(dialect)
        if found is not None and not dialect.detect.only_named:
            return []
        # A twin needs the same columns.
        if header is not None and header.known > 1 and dialect.detect.also_for is None:
            near.append((header.known, f"{name}: needs {'; '.join(header.missing)}"))
    nearest = [text for _known, text in sorted(near, key=lambda one: -one[0])[:_MAX_NEAR]]
    return [*_likely_names(detector), *nearest]


def _likely_names(detector: Detector) -> list[str]:
    found = likely_header(detector)
    if found is None:
        return []
    row, delimiter = found
    names = ", ".join(f'"{shown(cell)}"' for cell in row.cells if cell.strip())
    return [f"line {row.line} may name the columns, separated by {DELIMITERS[delimiter]}: {names}"]


def _time(
    file: InputFile,
    dialect: Dialect,
    stated: StatedTime | None,
    now: datetime,
    implied: date | None = None,
) -> ExportTime:
    """When the file was true."""
    found = export_time(
        file.modified_at,
        stated=stated,
        named_day=file.named_day,
        implied_day=implied,
        rules=dialect.time,
    )
    if found.moment - now > CLOCK_TOLERANCE:
        raise DataRefused(
            "the file's time lies in the future",
            where=file.shown,
            hint="check this computer's clock and zone, and export the positions again",
        )
    return found


def candidate_for(
    file: InputFile, data: bytes, dialects: Mapping[str, Dialect], wanted: str | None = None
) -> Candidate:
    """How the file reads, by the dialect that is wanted or else by the one that is found.

    Raises:
        DataRefused: none fits, or more than one.
    """
    detector = Detector(data, file.shown)
    if wanted is None:
        return _detected(detector, dialects, file)
    if wanted in dialects:
        twins = [one for one in dialects.values() if one.detect.also_for == wanted]
        reports = known_dialects.other_reports()
        return forced(detector, dialects[wanted], twins, reports, _trier(file))
    own = _wanted(wanted, dialects)
    try:
        return _detected(detector, own, file)
    except DataRefused:
        for name, dialect in dialects.items():
            if name not in own and not dialect.detect.only_named and detector.read(dialect)[0]:
                raise _of_another_broker(own, name, file.shown) from None
        raise


def _detected(detector: Detector, dialects: Mapping[str, Dialect], file: InputFile) -> Candidate:
    return detect(detector, dialects, known_dialects.other_reports(), _trier(file))


def _trier(file: InputFile) -> Callable[[Candidate, int | None], Trial]:
    day = file.modified_at.date()
    return lambda candidate, lines: _trial(candidate, lines, day, file.shown)


def _of_another_broker(own: Iterable[str], found: str, where: str) -> DataRefused:
    return DataRefused(
        f'the file is not in a dialect that you asked for ({", ".join(own)}): it is "{found}"',
        where=where,
        hint="leave the name of the broker out: `variance sync FILE`",
    )


def _wanted(wanted: str, dialects: Mapping[str, Dialect]) -> Mapping[str, Dialect]:
    """The dialects that are asked for: the one of that name, or with a `*` at its end those whose names begin so."""
    start = wanted.removesuffix("*")
    return {
        name: one
        for name, one in dialects.items()
        if name == wanted or (start != wanted and name.startswith(start))
    }


def _trial(candidate: Candidate, lines: int | None, day: date, where: str) -> Trial:
    dialect = candidate.dialect
    try:
        layout = lay_out(islice(candidate.lines(), lines), candidate.header, dialect, where)
        sample = islice(candidate.lines(), lines)
        rows = read_rows(layout.table_rows(sample), dialect, day, where)
    except DataRefused as refusal:
        return Trial(0, 0, dialect.name, refusal=refusal)
    agrees = [row.position.sign_agrees for row in rows if row.position is not None]
    written = [(row.line, row.account, row.position, row.rejected) for row in rows]
    unread = frozenset(
        row.line
        for row in rows
        if row.rejected is not None
        or (row.position is not None and Caution.NUMBER_UNREADABLE in row.position.cautions)
    )
    return Trial(agrees.count(True), agrees.count(False), written, unread)


def _unknown_dialect(wanted: str, dialects: Mapping[str, Dialect]) -> ConfigurationError:
    return ConfigurationError(
        f'there is no dialect "{printable(wanted, limit=60)}"{did_you_mean(wanted, dialects)}',
        hint=f"known: {', '.join(sorted(dialects))}; your own go into the folder csv beside variance.toml",
    )
