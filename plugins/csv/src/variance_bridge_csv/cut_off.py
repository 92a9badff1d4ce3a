"""Whether a file is cut off in its last row: in the middle of it, or in its last cell. Pure."""

from __future__ import annotations

from variance_bridge.errors import DataRefused
from variance_bridge_csv.file.lines_and_cells import Row

_ENDS_SEEN = 100


class LastCells:
    """How the last cells of the rows are written, so that the one at the end of a file can be told from a part of one."""

    full = False
    """The first hundred rows tell enough."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, str] | None] = []
        self._widths: set[int] = set()

    def add(self, row: Row) -> None:
        """One more row."""
        self._seen.append(_shape(row.cells[-1]))
        self._widths.add(len(row.cells))
        self.full = len(self._seen) >= _ENDS_SEEN

    def lack(self, row: Row, width: int) -> bool:
        """Whether the row has fewer cells than the header, and no row above it is as short: its last cell may be a part of one."""
        return len(row.cells) < width and len(row.cells) not in self._widths

    def differ(self, row: Row) -> bool:
        """Whether the number there has fewer decimals than all others, or not the sign behind it that all others have."""
        last, seen = _shape(row.cells[-1]), [shape for shape in self._seen if shape is not None]
        if last is None or not seen or len(seen) < len(self._seen):
            return False
        decimals, sign = last
        signs = {sign for _decimals, sign in seen}
        return decimals < min(seen)[0] or (len(signs) == 1 and sign not in signs)


def _shape(cell: str) -> tuple[int, str] | None:
    """How many decimals a number has, and what stands behind its digits (`%`, `d`, `)`); None for what is not a number."""
    text = cell.strip()
    number = text.rstrip("%)dMKx ")
    if not number[-1:].isdigit():
        return None
    return len(number.partition(".")[2]), text[len(number) :]


def cut_in_last_cell(row: Row, where: str) -> DataRefused:
    """The refusal of a file whose last cell is shorter than those above it."""
    return DataRefused(
        "the file has no line end after its last cell, which is shorter than those above it, or is not followed by a delimiter as they are: "
        "it is cut off there",
        where=f"{where}, line {row.line}, column {len(row.text) + 1}",
        hint="export the positions again; if the file is whole, add a line end to it",
    )


def refuse_cut_off(row: Row, where: str) -> None:
    """Refuses the file when this row, which cannot be read, is its last."""
    if row.last:
        raise DataRefused(
            "the file ends in the middle of a row: it is cut off, and rows may be missing",
            where=f"{where}, line {row.line}, column {len(row.text) + 1}",
            hint="export the positions again",
        )
