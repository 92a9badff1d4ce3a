"""A file of several parts: which of its lines are the table of positions. All others stand aside."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from variance_bridge.errors import DataRefused
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Marked, SectionRules
from variance_bridge_csv.file.header import has_a_known_name, read_header
from variance_bridge_csv.file.layout import HEADER_WORDS, MIN_HEADER_WORDS, filled_cells
from variance_bridge_csv.file.lines_and_cells import Line, is_in_quotes
from variance_bridge_csv.name_matching import plain

_OTHER_KINDS = frozenset({"total", "subtotal", "notes"})
"""What else the lines of a statement's parts are."""
_MIN_NAMES = 4
"""The header of a part has no fewer cells."""
_LINES_BEFORE_A_PART = 60
"""Beyond so many without a title that is known it is a file of another kind, which is not read to its end in search of one."""


def of_tables(
    lines: Iterator[Line], dialect: Dialect, rules: SectionRules, where: str
) -> Iterator[Line]:
    """The lines, those outside the parts with positions marked as standing aside. Nothing where the file has no parts.

    Raises:
        DataRefused: a part whose name is not known holds positions.
    """
    if rules.marked is Marked.BY_TITLE:
        return _titled(lines, dialect, rules, where)
    return _celled(lines, dialect, rules, where)


def _celled(
    lines: Iterator[Line], dialect: Dialect, rules: SectionRules, where: str
) -> Iterator[Line]:
    headers = frozenset(map(plain, rules.header))
    unknown: str | None = None
    names = frozenset(map(plain, rules.tables))
    kinds = frozenset(map(plain, (*rules.header, *rules.rows)))
    of_a_part = kinds | frozenset(map(plain, (*rules.begins, *rules.others))) | _OTHER_KINDS
    frame = of_a_part - frozenset(map(plain, rules.rows)) - _OTHER_KINDS
    begun, inside, found = False, False, False
    for line in lines:
        if line.blank:
            continue
        begun = begun or _begins(line, rules)
        if not begun and line.number > _LINES_BEFORE_A_PART:
            return
        name, kind = name_and_kind(line, rules)
        foreign = not begun or kind not in of_a_part
        if found and foreign:
            _refuse_other_table(line, where)
        # Which part an unreadable line is of cannot be known: among the rows it may be one of them.
        inside = (name in names and kind in kinds) or (inside and _is_damaged(line))
        found = found or inside
        if kind in headers:
            unknown = None if inside else _unknown_positions(line, name, dialect)
        foreign = foreign or name == unknown
        yield (
            line
            if inside
            else structs.replace(line, aside=True, foreign=foreign, frame=kind in frame)
        )


def _unknown_positions(line: Line, name: str, dialect: Dialect) -> str | None:
    """The name of a part that is not known, and whose columns are those of positions: what stands in it may be held."""
    return name if read_header(line.row(), dialect).fits else None


def _refuse_other_table(line: Line, where: str) -> None:
    """Refuses the header of a table that is of no part of the file: the positions below it would be passed over."""
    names = set(map(plain, line.row().cells))
    if len(names & HEADER_WORDS) >= MIN_HEADER_WORDS and not any(map(str.isdigit, line.text)):
        raise DataRefused(
            "a table begins here that does not belong to the statement above it",
            where=f"{where}, line {line.number}, column 1",
            hint="export each into a file of its own",
        )


def _is_damaged(line: Line) -> bool:
    row = line.row()
    return row.fault is not None or is_in_quotes(row, _MIN_NAMES)


def _begins(line: Line, rules: SectionRules) -> bool:
    """Whether the first line is one of a file with parts. A long file of another kind is not read to its end in search of them."""
    cells = line.row().cells
    words = set(map(plain, rules.begins))
    return any(plain(cell) in words for cell in cells[:2])


def name_and_kind(line: Line, rules: SectionRules) -> tuple[str, str]:
    """Which part the line belongs to and what it is there."""
    cells = line.row().cells
    if len(cells) < max(rules.name_cell, rules.kind_cell):
        return "", ""
    return plain(cells[rules.name_cell - 1]), plain(cells[rules.kind_cell - 1])


def _titled(
    lines: Iterator[Line], dialect: Dialect, rules: SectionRules, where: str
) -> Iterator[Line]:
    tables = frozenset(map(plain, rules.tables))
    others = frozenset(map(plain, rules.others))
    inside, known, begun, after_blank = False, False, False, False
    for line in lines:
        title = line.only_cell
        # A title with a comma in it looks like two cells.
        name = plain(title) if title is not None else line.text.strip(' "').casefold()
        if title is None and name not in tables and name not in others:
            name = ""
        if name in tables or name in others:
            inside, known, begun = name in tables, True, True
            yield structs.replace(line, aside=True)
        elif inside and not name:
            yield line
        elif not begun and line.number > _LINES_BEFORE_A_PART:
            return
        else:
            if name or (after_blank and filled_cells(line) > 1):
                # An unknown title, or a table that has none: what follows is of no part that is known.
                inside, known = False, False
            if not known and not name and not line.blank:
                _refuse_table(line, dialect, where)
            yield structs.replace(line, aside=True, foreign=not known)
        after_blank = line.blank


def _refuse_table(line: Line, dialect: Dialect, where: str) -> None:
    row = line.row()
    if has_a_known_name(row, dialect) and read_header(row, dialect).fits:
        raise DataRefused(
            "a table of positions under a title that is not known",
            where=f"{where}, line {line.number}, column 1",
            hint="add the title to sections.tables, in a dialect of your own (docs/dialects.md)",
        )
