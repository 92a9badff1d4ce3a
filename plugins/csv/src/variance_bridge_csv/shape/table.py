"""The lines of a file as one plain table, with a cell of its own for whatever a dialect takes from elsewhere.

A row keeps its line number and its cells; what the dialect derives (from a neighbouring row, another part of the file, a
piece of a cell) stands behind them. A dialect that derives nothing gets its lines as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field
from variance_bridge_csv.file.header import read_header
from variance_bridge_csv.file.lines_and_cells import Line, Row
from variance_bridge_csv.name_matching import plain, visible
from variance_bridge_csv.shape.nameless_columns import places

if TYPE_CHECKING:
    from variance_bridge_csv.shape.join import Joined
    from variance_bridge_csv.shape.term_agreement import Agreement

Lines = Callable[[], Iterator[Line]]
"""The lines of a file from its start, as often as they are asked for."""


def shaped(lines: Lines, dialect: Dialect, where: str) -> Iterator[Line]:
    """The lines that the rest of the reader sees.

    Raises:
        DataRefused: a part of the file is missing, or a row hides the rows below it.
    """
    if not dialect.shapes:
        return lines()
    stream = lines()
    if dialect.sections is not None:
        from variance_bridge_csv.shape.sections import of_tables

        stream = of_tables(stream, dialect, dialect.sections, where)
    if not dialect.derives:
        return stream
    derived = _derived(stream, dialect, partial(_joined, lines, dialect))
    if dialect.hierarchy is None:
        return derived
    from variance_bridge_csv.shape.hierarchy import Family

    return Family(dialect, dialect.hierarchy, where).rows(derived)


def _joined(lines: Lines, dialect: Dialect) -> Joined:
    # Imported here: few formats take anything from another part of the file.
    from variance_bridge_csv.shape.join import read_joins

    return read_joins(lines, dialect)


class _Plan(Struct, frozen=True):
    """What is added to the rows below one header.

    Attributes:
        header: the header row, with an empty cell for each field that is added.
        found: where the cells of the fields stand that the file itself has, by name or by position.
        constants: what the header itself says of all rows (the currency in `Value in EUR`).
        currencies: of the columns that have one in their name.
        width: how many cells a row must have.
    """

    header: Row
    found: Mapping[Field, int]
    constants: Mapping[Field, str]
    currencies: Mapping[Field, str]
    width: int


def _plan(row: Row, dialect: Dialect) -> _Plan | None:
    """The plan of a row that is the dialect's header; None for any other row."""
    by_place, currencies = places(row.cells, dialect)
    header = structs.replace(
        row, cells=[*row.cells, *("" for _field in dialect.derives)], derived=dialect.derives
    )
    if not read_header(header, dialect).fits:
        return None
    found = {**read_header(row, dialect).columns, **by_place}
    if any(
        place.field in dialect.detect.needs and place.field not in found for place in dialect.places
    ):
        return None
    constants = dict(dialect.constants)
    if currencies:
        constants[Field.CURRENCY] = next(iter(currencies.values()))
    return _Plan(header, found, constants, currencies, len(row.cells))


def _derived(lines: Iterator[Line], dialect: Dialect, read: Callable[[], Joined]) -> Iterator[Line]:
    plan: _Plan | None = None
    joined: Joined | None = None
    may_be_header = _header_names(dialect)
    for line in lines:
        if line.aside or line.blank:
            yield line
            continue
        row = line.row()
        if not row.fault and not may_be_header.isdisjoint(map(plain, row.cells)):
            found = _plan(row, dialect)
            if found is not None:
                plan = found
                yield structs.replace(line, shaped=plan.header)
                continue
        if plan is None or row.fault or not _is_whole(row.cells, plan.width):
            yield line
            continue
        if joined is None:
            joined = read()
        yield structs.replace(line, shaped=_with_added(row, plan, joined, dialect))


def _header_names(dialect: Dialect) -> frozenset[str]:
    return frozenset(map(plain, dialect.columns[dialect.detect.needs[0]]))


def _is_whole(cells: Sequence[str], width: int) -> bool:
    """Whether a row has a cell for each column. One that has not stays as it is, and is judged as it is."""
    return len(cells) >= width and not any(cell.strip() for cell in cells[width:])


def _with_added(row: Row, plan: _Plan, joined: Joined, dialect: Dialect) -> Row:
    cells, nulls = row.cells[: plan.width], dialect.cells.nulls
    said = {field: visible(cells[place]) for field, place in plan.found.items()}
    pieces = _pieces(said, dialect) if dialect.parts else _NO_PIECES
    said.update(pieces.found)
    for field, text in plan.constants.items():
        if said.get(field, "") in nulls:
            said[field] = text
    for field, text in joined.of(said).items():
        if said.get(field, "") in nulls:
            said[field] = text
    # What a column states in its own currency is not an amount of a row in another one.
    unit = said.get(Field.CURRENCY, "")
    said.update({field: "" for field, own in plan.currencies.items() if own != unit})
    added = (said.get(field, "") for field in dialect.derives)
    return structs.replace(
        row,
        cells=[*cells, *added],
        contradicted=pieces.contradicted,
        symbol_text=pieces.symbol_text,
    )


class _Pieces(Struct, frozen=True):
    """What the parts of a row's cells say.

    Attributes:
        found: the texts of the fields that they give.
        contradicted: a term that they state otherwise than a column or than each other.
        symbol_text: the whole text of which the symbol is a piece.
    """

    found: Mapping[Field, str] = {}
    contradicted: Field | None = None
    symbol_text: str | None = None


_NO_PIECES = _Pieces()
_NAMES = frozenset({Field.SYMBOL, Field.UNDERLYING})


@lru_cache(maxsize=64)
def _agreement(dialect: Dialect) -> Agreement:
    from variance_bridge_csv.shape.term_agreement import Agreement

    return Agreement(dialect)


def _pieces(said: Mapping[Field, str], dialect: Dialect) -> _Pieces:
    """Several fields out of one cell: two numbers, a symbol with its terms, terms out of a description. The first rule that gives a field wins; a cell that does not match says nothing."""
    given: dict[Field, list[str]] = {}
    taken_apart: set[Field] = set()
    wordings: list[tuple[str, frozenset[Field]]] = []
    symbol_text = None
    for rule in dialect.parts:
        whole = said.get(rule.of, "")
        match = regular_expressions.match(rule.pattern, whole)
        if match is None:
            continue
        texts = {Field(name): text for name, text in match.groupdict().items() if text is not None}
        taken_apart.add(rule.of)
        for field, text in texts.items():
            scaled = _scaled(text, rule.divide_by.get(field), dialect.cells.decimal)
            given.setdefault(field, []).append(scaled)
        if not _NAMES.isdisjoint(texts):
            wordings.append((whole, frozenset(texts)))
            symbol_text = symbol_text or whole
    if not given:
        return _NO_PIECES
    agreement = _agreement(dialect)
    stated = {
        field: [*given.get(field, ()), *(() if field in taken_apart else (said.get(field, ""),))]
        for field in {**given, **said}
    }
    return _Pieces(
        {field: agreement.best(field, stated[field]) for field in given},
        agreement.contradicted(stated, wordings),
        symbol_text,
    )


def _scaled(text: str, divisor: Decimal | None, decimal: str) -> str:
    if divisor is None:
        return text.strip()
    try:
        return format((Decimal(text) / divisor).normalize(), "f").replace(".", decimal)
    except InvalidOperation:
        return text
