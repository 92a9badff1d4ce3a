"""The format `csv`: flat rows as comma-separated values (RFC 4180) that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from variance_bridge.document.convert import instant_text
from variance_bridge.document.exact_json import plain
from variance_bridge.model import Portfolio
from variance_bridge.reading.export_columns import ROW_COLUMNS, Cell, flat_rows

_BEGINS_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""With what a cell begins that a spreadsheet computes (OWASP, CSV Injection), full-width forms included."""


def export(portfolios: Sequence[Portfolio]) -> bytes:
    """UTF-8 with a header of `ROW_COLUMNS` and a line for each position; unknown is empty.

    Numbers are plain and exact, days ISO 8601, instants RFC 3339 in UTC. A text that would begin a formula has an
    apostrophe before it. The same portfolios give the same bytes.
    """
    text = _Lines(newline="")
    # Before Python 3.13, only the characters of the line's end are quoted where they stand in a cell.
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(ROW_COLUMNS)
    for portfolio in portfolios:
        writer.writerows(map(_cell, row.values()) for row in flat_rows(portfolio))
    return text.getvalue().encode("utf-8")


class _Lines(io.StringIO):
    """Ends lines with a line feed alone; a writer of csv hands over one whole line at a time."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_BEGINS_FORMULA) else value
    return value.isoformat()
