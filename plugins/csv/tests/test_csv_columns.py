"""A header's columns are made once and remember what they read: a row must say the same as if it were the only one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.dialect_format.dialect_options import Field
from variance_bridge_csv.file.header import read_header
from variance_bridge_csv.file.input import InputFile
from variance_bridge_csv.file.layout import lay_out
from variance_bridge_csv.file.lines_and_cells import Separation, split
from variance_bridge_csv.row import cell_values, columns
from variance_bridge_csv.row.cell_values import CellFault
from variance_bridge_csv.row.columns import Columns, RowCells
from variance_bridge_csv.table_rows import read_rows
from variance_bridge_csv.whole_file import candidate_for

DAY = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
KNOWN = known_dialects.load(None)
DIALECTS = {name: known.dialect for name, known in KNOWN.items()}
FILES = sorted((Path(__file__).parent / "files").glob("*.csv"))
FIELDS = {
    "Symbol": Field.SYMBOL,
    "Quantity": Field.QUANTITY,
    "Exp Date": Field.EXPIRATION,
    "Cost": Field.COST_TOTAL,
}
CELLS = st.sampled_from(
    ["", "--", " ", "QZA", "'QZA", "7", "-7.50", "007", "1,234.5", "(3)", "0.00", "-0", "1.2.3", "9" * 40,
     "2026-03-20", "3/20/26", "2026-13-40", "\u00a07\u00a0", '="12"', "\u22125"]
)  # fmt: skip


def outcome(read, *arguments):
    try:
        found = read(*arguments)
    except CellFault:
        return CellFault
    return found, str(found)


def header_and_rows(table):
    dialect = DIALECTS["tastytrade"]
    text = "\n".join(";".join(row) for row in [list(FIELDS), *table]) + "\n"
    header, *rows = (line.row() for line in split(text, Separation(";"), "positions.csv"))
    read = read_header(header, dialect)
    assert sorted(read.columns) == sorted(FIELDS.values())
    return dialect, read, rows


@given(st.lists(st.lists(CELLS, min_size=1, max_size=5), min_size=1, max_size=12))
def test_a_remembered_cell_says_what_it_says_when_it_is_read_by_itself(table):
    dialect, header, rows = header_and_rows(table)
    compiled, rules = Columns(header, dialect), dialect.cells
    for row in rows:
        seen = RowCells(row, compiled)
        for name, field in FIELDS.items():
            place = list(FIELDS).index(name)
            if place >= len(row.cells):
                assert (seen.text(field), seen.number(field), seen.day(field)) == (None,) * 3
                continue
            cell = row.cells[place]
            assert seen.text(field) == cell_values.text_reader(field, rules)(cell)
            number = outcome(cell_values.number_reader(field, rules), cell, None)
            assert outcome(seen.number, field) == number
            assert outcome(seen.day, field) == outcome(cell_values.day_reader(field, rules), cell)


def test_what_is_remembered_of_a_column_stays_small(monkeypatch):
    monkeypatch.setattr(columns, "_REMEMBERED", 3)
    memo = columns.Memo(str.upper)
    assert [memo[text] for text in "abcdabcd"] == list("ABCDABCD")
    assert len(memo) <= 3
    assert memo[None] is None


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_row_says_the_same_alone_as_below_all_the_others(path):
    candidate = candidate_for(InputFile(path, path.name, DAY), path.read_bytes(), DIALECTS)
    dialect = candidate.dialect
    layout = lay_out(candidate.lines(), candidate.header, dialect, path.name)
    rows = list(layout.table_rows(candidate.lines()))
    together = read_rows(rows, dialect, DAY.date(), path.name)
    alone = [one for row in rows for one in read_rows([row], dialect, DAY.date(), path.name)]
    assert together == alone
    assert len(together) == len(rows) > 0
