"""Files that are refused as a whole, because what can be read of them would mislead. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural
from variance_bridge.model import Rejection
from variance_bridge_csv.dialect_format.dialect_options import Dialect, RepeatedHeader, RowClass
from variance_bridge_csv.file.layout import Layout
from variance_bridge_csv.table_rows import OUTSIDE, POSITIONS, ReadRow, RejectedLine

if TYPE_CHECKING:
    from variance_bridge_csv.rows_by_account import ParsedFile

_MAX_REASONS = 3
_MAX_LINES = 5


def refuse_unreadable(rows: Sequence[ReadRow], where: str) -> None:
    """Refuses a file of which no row can be read: its account would look empty."""
    first = next((row.rejected for row in rows if row.rejected is not None), None)
    if first is not None and not any(row.position for row in rows):
        raise DataRefused(
            f"no row can be read: {first.describe()}",
            where=f"{where}, line {first.line}",
            hint="export the positions again; do not save them from a spreadsheet program",
        )


def refuse_other_mark(rows: Sequence[ReadRow], dialect: Dialect, where: str) -> None:
    """Refuses numbers with the other decimal mark: where one cannot be read, "1,125" beside it may be read a thousand times too large."""
    marked = [row for row in rows if row.other_mark]
    read = sum(row.position is not None or row.rejected is not None for row in rows)
    if not marked or (len(marked) == 1 and read > 1):
        return
    here, there = ("point", "comma") if dialect.cells.decimal == "." else ("comma", "point")
    raise DataRefused(
        f"numbers have a decimal {there} here, and a decimal {here} in this format: others may be read a thousand times too large",
        where=f"{where}, line {marked[0].line}, column {marked[0].other_mark}",
        hint="export the positions again, and do not save them from a spreadsheet program; if the broker writes them this way, say so "
        f'in a dialect of your own: decimal = "{"," if there == "comma" else "."}" (docs/dialects.md)',
    )


def refuse_lots(rows: Iterable[ReadRow], where: str) -> None:
    """Lots are parts of positions. Without the positions that they are parts of, an account would look empty."""
    lots: dict[str | None, int] = {}
    whole: set[str | None] = set()
    for row in rows:
        if row.row_class is RowClass.LOT:
            lots.setdefault(row.account, row.line)
        elif row.row_class in POSITIONS:
            whole.add(row.account)
    alone = [line for account, line in lots.items() if account not in whole]
    if alone:
        raise DataRefused(
            "the file lists tax lots, and not the positions that they are parts of",
            where=f"{where}, line {alone[0]}, column 1",
            hint="include the positions themselves in the export (in a Flex Query: the level of detail Summary)",
        )


def refuse_repeated(
    rows: Iterable[ReadRow], layout: Layout, repeats: RepeatedHeader, where: str
) -> None:
    """An account whose rows stand in two tables was exported twice: they would be counted twice."""
    if len(layout.sections) == 1 or repeats is RepeatedHeader.CONTINUE:
        return
    sections: dict[str, int] = {}
    for row in rows:
        if not row.account or (row.row_class in OUTSIDE and row.rejected is None):
            continue
        if sections.setdefault(row.account, row.section) != row.section:
            raise DataRefused(
                "an account that was read above stands here a second time: two exports in one file would count "
                "positions twice",
                where=f"{where}, line {row.line}, column 1",
                hint="export the positions again, into a file of their own",
            )


def refuse_many_rejected(parsed: ParsedFile, max_percent: int, where: str) -> None:
    """Refuses a file of which so much cannot be read that the rest says little.

    A single row never costs the others.

    Raises:
        DataRefused: more than `max_percent` of the rows, and more than one; with the reasons.
    """
    lines = {line.line: line for part in parsed.accounts for line in part.rejected_lines}
    read = sum(len(part.checked) for part in parsed.accounts)
    rows = read + len(lines)
    if len(lines) < 2 or 100 * len(lines) <= max_percent * rows:
        return
    first = min(lines.values(), key=lambda line: line.line)
    again = "export the positions again, and do not save them from a spreadsheet program"
    if all(line.reason is Rejection.WRONG_CELL_COUNT for line in lines.values()):
        again = f"where these lines are another table, delete them from the file; else {again}"
    enough = -(-100 * len(lines) // rows)
    raise DataRefused(
        f"{len(lines)} of {rows} rows cannot be read (lines {_listed(lines)}): {grouped(lines.values())}",
        where=f"{where}, line {first.line}",
        hint=f"{again}; or allow more: `--set max_rejected_percent={enough}`",
    )


def _listed(lines: Collection[int]) -> str:
    """`3, 5`, or `3, 5, 6, 9, 12, ...`."""
    first, more = sorted(lines)[:_MAX_LINES], len(lines) > _MAX_LINES
    return ", ".join([*map(str, first), *(["..."] if more else [])])


def grouped(lines: Iterable[RejectedLine]) -> str:
    """The reasons, most frequent first: `4 rows: the date "18-Dec-26" in Exp Date cannot be read`."""
    reasons = Counter(line.describe() for line in lines)
    shown = [f"{plural(count, 'row')}: {text}" for text, count in reasons.most_common(_MAX_REASONS)]
    others = len(reasons) - _MAX_REASONS
    if others > 0:
        shown.append(f"and {plural(others, 'other reason')}")
    return "; ".join(shown)
