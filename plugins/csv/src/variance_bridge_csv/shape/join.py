"""What another part of the file says of the same contract: multiplier, expiration, strike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import Struct

from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, Join, SectionRules
from variance_bridge_csv.file.lines_and_cells import Line
from variance_bridge_csv.name_matching import plain, visible
from variance_bridge_csv.shape.sections import name_and_kind


class Joined(Struct, frozen=True):
    """What the other parts say, by rule and key. A key with two different answers has none: which is right cannot be known."""

    tables: Sequence[tuple[Join, Mapping[str, Mapping[Field, str] | None]]] = ()

    def of(self, said: Mapping[Field, str]) -> dict[Field, str]:
        """What they say of the row."""
        found: dict[Field, str] = {}
        for rule, table in self.tables:
            for field, text in (table.get(plain(said.get(rule.on, ""))) or {}).items():
                found.setdefault(field, text)
        return found


def read_joins(lines: Callable[[], Iterator[Line]], dialect: Dialect) -> Joined:
    """The other parts of the file, read once."""
    rules = dialect.sections
    if not dialect.joins or rules is None:
        return Joined()
    return Joined([(join, _table(lines(), join, rules)) for join in dialect.joins])


def _table(
    lines: Iterator[Line], join: Join, rules: SectionRules
) -> Mapping[str, Mapping[Field, str] | None]:
    names = frozenset(map(plain, join.section))
    headers, rows = frozenset(map(plain, rules.header)), frozenset(map(plain, rules.rows))
    table: dict[str, Mapping[Field, str] | None] = {}
    reader: _Reader | None = None
    for line in lines:
        name, kind = name_and_kind(line, rules)
        if name not in names:
            continue
        cells = line.row().cells
        if kind in headers:
            reader = _reader(cells, join)
        elif kind in rows and reader is not None:
            for key, said in reader.entries(cells):
                table[key] = said if table.get(key, said) == said else None
    return table


class _Reader(Struct, frozen=True):
    key: int
    gives: Mapping[Field, int]
    filled: Sequence[int]

    def entries(self, cells: Sequence[str]) -> Iterator[tuple[str, Mapping[Field, str]]]:
        if self.key >= len(cells) or not all(
            place < len(cells) and visible(cells[place]) for place in self.filled
        ):
            return
        said = {
            field: visible(cells[place])
            for field, place in self.gives.items()
            if place < len(cells) and visible(cells[place])
        }
        # A contract that was renamed stands there with both of its names.
        for key in cells[self.key].split(","):
            yield plain(key), said


def _reader(cells: Sequence[str], join: Join) -> _Reader | None:
    names = [plain(cell) for cell in cells]

    def place_of(synonyms: Sequence[str]) -> int | None:
        return next((names.index(plain(one)) for one in synonyms if plain(one) in names), None)

    key = place_of(join.column)
    filled = place_of(join.filled) if join.filled else None
    if key is None or (join.filled and filled is None):
        return None
    gives = {field: place_of(synonyms) for field, synonyms in join.gives.items()}
    return _Reader(
        key,
        {field: place for field, place in gives.items() if place is not None},
        () if filled is None else (filled,),
    )
