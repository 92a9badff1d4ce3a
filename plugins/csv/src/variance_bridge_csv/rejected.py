"""Rows that could not be read: their reasons, grouped, and the refusal of a file that has too many. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import plural
from variance_bridge.model import Rejection
from variance_bridge_csv.accounts import ParsedFile, RejectedLine

_MAX_REASONS = 3
_MAX_LINES = 5


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
        where=f"{where}, line {first.line}, column {first.column}",
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
