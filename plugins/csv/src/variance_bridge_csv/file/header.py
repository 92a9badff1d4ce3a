"""The header of a table: which row it is, what its columns mean, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice

from msgspec import Struct, structs

from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field
from variance_bridge_csv.file.lines_and_cells import Line, Row, said_by
from variance_bridge_csv.name_matching import bare, plain, shown, trace
from variance_bridge_csv.shape.nameless_columns import places

TITLE_MISSING = "its title line"
"""What a file lacks that has the columns of a dialect, and not the line that stands above them in each of its files."""


class Header(Struct, frozen=True):
    """A header row and what its columns mean.

    Attributes:
        row: the row.
        columns: the place of each field's column, from 0.
        width: how many columns there are; nameless ones at the end (a trailing delimiter) do not count.
        unknown: names of columns that the dialect does not know, fit for the screen.
        missing: what the dialect needs and the row has not, in words; empty when the row is this dialect's header.
        decoy: the row belongs to another table of the file.
        repeated: places of columns whose name stands in the row a second time.
        copies: of fields whose column stands in the row twice, the place of the second one.
        known: how many of the names the dialect knows.
    """

    row: Row
    columns: Mapping[Field, int]
    width: int
    unknown: tuple[str, ...]
    missing: tuple[str, ...]
    decoy: bool
    repeated: tuple[int, ...]
    copies: Mapping[Field, int]
    known: int

    @property
    def fits(self) -> bool:
        """Whether the row is the dialect's header."""
        return not self.missing and not self.decoy


class Vocabulary(Struct, frozen=True):
    """The names of a dialect, in the forms in which they are compared."""

    known: frozenset[str]
    fields: tuple[tuple[Field, tuple[str, ...], tuple[str, ...]], ...]
    """Field, its names, and its names without blanks and punctuation."""
    loose: frozenset[str]
    """The names of fields without blanks and punctuation, where the dialect lets those count."""
    duplicates: frozenset[str]
    copies: frozenset[str]
    decoys: frozenset[str]
    symbol: frozenset[str]
    ends: tuple[frozenset[str], ...]
    """Names that stand together in the header of another table."""
    traces: frozenset[str]
    """Of these, every line has at least one that is a header below the first."""


@lru_cache(maxsize=256)
def vocabulary_of(dialect: Dialect) -> Vocabulary:
    """The names of the dialect, made once for all lines."""
    every = (
        *(name for names in dialect.columns.values() for name in names),
        *dialect.header.known,
        *dialect.detect.columns,
        *dialect.detect.evidence,
    )
    fields = tuple(
        (field, tuple(map(plain, names)), tuple(filter(None, map(bare, names))))
        for field, names in dialect.columns.items()
    )
    symbol = frozenset(map(plain, dialect.columns[dialect.detect.needs[0]]))
    ends = tuple(frozenset(map(plain, group)) for group in dialect.header.ends_at)
    return Vocabulary(
        known=frozenset(map(plain, every)),
        fields=fields,
        loose=frozenset(
            name for _field, _names, loose in fields for name in loose if dialect.header.loose
        ),
        duplicates=frozenset(map(plain, (*dialect.header.duplicates, *dialect.header.copies))),
        copies=frozenset(map(plain, dialect.header.copies)),
        decoys=frozenset(map(plain, dialect.header.not_with)),
        symbol=symbol,
        ends=ends,
        traces=frozenset(map(trace, symbol | {min(group, default="") for group in ends})),
    )


def read_header(row: Row, dialect: Dialect) -> Header:
    """The row, read as the dialect's header: what its cells mean, and what is missing."""
    vocabulary = vocabulary_of(dialect)
    names = [plain(cell) for cell in row.cells]
    width = len(names)
    while width and not names[width - 1]:
        width -= 1
    columns = _columns(names, vocabulary, loosely=dialect.header.loose)
    first_derived = len(names) - len(row.derived)
    columns |= {field: first_derived + place for place, field in enumerate(row.derived)}
    claimed = {*columns.values(), *places(row.cells, dialect)[0].values()}
    known = [name in vocabulary.known or place in claimed for place, name in enumerate(names)]
    unknown = tuple(
        shown(cell)
        for place, cell in enumerate(row.cells[:width])
        if names[place] and not known[place]
    )
    return Header(
        row=row,
        columns=columns,
        width=width,
        unknown=unknown,
        missing=tuple(_missing(columns, set(names), dialect)),
        decoy=not vocabulary.decoys.isdisjoint(names),
        repeated=tuple(_repeated(names, vocabulary.duplicates)),
        copies=dict(_copies(names, columns, vocabulary.copies)),
        known=sum(known),
    )


def _repeated(names: Sequence[str], allowed: frozenset[str]) -> Iterator[int]:
    seen: set[str] = set()
    for place, name in enumerate(names):
        if name and name in seen and name not in allowed:
            yield place
        seen.add(name)


def _copies(
    names: Sequence[str], columns: Mapping[Field, int], allowed: frozenset[str]
) -> Iterator[tuple[Field, int]]:
    for field, place in columns.items():
        if names[place] in allowed and names.count(names[place]) == 2:
            yield field, names.index(names[place], place + 1)


def _columns(names: Sequence[str], vocabulary: Vocabulary, *, loosely: bool) -> dict[Field, int]:
    """The place of each field: by the name as it is first, by its letters and digits only where that is allowed."""
    columns: dict[Field, int] = {}
    for field, synonyms, _loose in vocabulary.fields:
        place = _first(names, synonyms)
        if place is not None:
            columns[field] = place
    if loosely:
        claimed = set(columns.values())
        letters = ["" if place in claimed else bare(name) for place, name in enumerate(names)]
        for field, _synonyms, loose in vocabulary.fields:
            place = None if field in columns else _first(letters, loose)
            if place is not None and letters.count(letters[place]) == 1:
                columns[field] = place
    return columns


def _first(names: Sequence[str], synonyms: Sequence[str]) -> int | None:
    return next((names.index(name) for name in synonyms if name in names), None)


def _missing(columns: Mapping[Field, int], names: set[str], dialect: Dialect) -> Iterator[str]:
    rules = dialect.detect
    for field in rules.needs:
        if field not in columns:
            own = dialect.columns.get(field)
            yield f'"{own[0]}"' if own else f"a column for {field}"
    for group in rules.needs_one_of:
        if not any(field in columns for field in group):
            one_of = [
                f'"{dialect.columns[field][0]}"' for field in group if field in dialect.columns
            ]
            yield f"one of {', '.join(one_of)}"
    for name in rules.columns:
        if plain(name) not in names:
            yield f'"{name}"'
    for name in rules.forbids:
        if plain(name) in names:
            yield f'a header without "{name}"'


def missing_without_a_header(dialect: Dialect) -> Sequence[str]:
    """What a file lacks in which no line has a name of the dialect's columns, in words."""
    return tuple(_missing({}, set(), dialect))


def find_header(lines: Iterable[Line], dialect: Dialect) -> Header | None:
    """The first row that is the dialect's header; else the row that comes nearest, if any does; else None."""
    nearest: Header | None = None
    before_found = dialect.detect.before_header is None
    for line in islice(lines, dialect.header.search_lines):
        row = line.row()
        if line.blank or row.fault:
            continue
        if not before_found and regular_expressions.match(
            dialect.detect.before_header or "", said_by(line)
        ):
            before_found = True
            continue
        if line.aside:
            continue
        if not has_a_known_name(row, dialect):
            continue
        header = read_header(row, dialect)
        if not before_found:
            header = structs.replace(header, missing=(*header.missing, TITLE_MISSING))
        if header.fits:
            return header
        if not header.decoy and header.known and (nearest is None or header.known > nearest.known):
            nearest = header
    return nearest


def has_a_known_name(row: Row, dialect: Dialect) -> bool:
    """Whether a cell is the name of a column of the dialect, without which the row cannot be its header: a quick look."""
    vocabulary = vocabulary_of(dialect)
    names = set(map(plain, row.cells))
    if not vocabulary.known.isdisjoint(names):
        return True
    return bool(vocabulary.loose) and not vocabulary.loose.isdisjoint(map(bare, names))
