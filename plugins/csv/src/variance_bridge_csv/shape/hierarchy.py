"""Rows that belong below another row: the row above names the underlying, the rows below hold the positions.

The row above is a sum of the rows below it. It is a position itself only where there are none and it has a quantity; where it
has neither, the export has left its positions out, and the file is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field, structs

from variance_bridge.errors import DataRefused
from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, HierarchyRules
from variance_bridge_csv.file.header import read_header
from variance_bridge_csv.file.lines_and_cells import Line
from variance_bridge_csv.name_matching import visible

PARENT, CHILD, ALONE = "parent", "child", "alone"
"""What the field `level` says of a row: with rows below it, below another, and neither."""


class Family(Struct):
    """Gives each row the name that stands above it."""

    dialect: Dialect
    rules: HierarchyRules
    where: str
    _columns: dict[Field, int] = field(default_factory=dict)
    _parent: Line | None = None
    _name: str = ""

    def rows(self, lines: Iterator[Line]) -> Iterator[Line]:
        """The lines, each row with its level, symbol and underlying.

        Raises:
            DataRefused: a row hides the rows below it.
        """
        for line in lines:
            row = line.shaped
            if row is None or line.aside:
                if not line.blank:
                    yield from self._release(ALONE)
                    self._name = ""
                yield line
            elif row.derived:
                yield from self._release(ALONE)
                self._name = ""
                self._columns = dict(read_header(row, self.dialect).columns)
                yield line
            else:
                yield from self._take(line)
        yield from self._release(ALONE)

    def _take(self, line: Line) -> Iterator[Line]:
        rules = self.rules
        text = self._text(line)
        unnamed = not text or text in self.dialect.cells.nulls
        if unnamed or regular_expressions.match(rules.outside, text):
            # The name of a group that is not there leaves the rows below it without one, instead of that of another.
            yield from self._release(ALONE)
            self._name = ""
            yield line
        elif regular_expressions.match(rules.parent, text):
            yield from self._release(ALONE)
            self._parent, self._name = line, text
        else:
            yield from self._release(PARENT)
            own = any(regular_expressions.match(pattern, text) for pattern in rules.own_symbol)
            yield self._with(line, CHILD, text if own else self._name)

    def _release(self, level: str) -> Iterator[Line]:
        parent, self._parent = self._parent, None
        if parent is None:
            return
        if level == ALONE and not self._quantity(parent):
            raise DataRefused(
                "the rows below this one are not in the file: the group was collapsed when it was exported, or the file is cut "
                "off",
                where=f"{self.where}, line {parent.number}, column 1",
                hint="expand all groups in the broker's table and export it again",
            )
        yield self._with(parent, level, self._text(parent))

    def _text(self, line: Line) -> str:
        return visible(line.row().cells[self._columns[Field.SYMBOL]])

    def _quantity(self, line: Line) -> str:
        text = visible(line.row().cells[self._columns[Field.QUANTITY]])
        return "" if text in self.dialect.cells.nulls else text

    def _with(self, line: Line, level: str, symbol: str) -> Line:
        row = line.row()
        cells = list(row.cells)
        for column, text in (
            (Field.LEVEL, level),
            (Field.SYMBOL, symbol),
            (Field.UNDERLYING, self._name),
        ):
            cells[self._columns[column]] = text
        return structs.replace(line, shaped=structs.replace(row, cells=cells))
