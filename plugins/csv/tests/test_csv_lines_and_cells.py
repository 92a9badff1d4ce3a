"""Rows: lines and cells with their places, against Python's own reader where both apply."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from variance_bridge_csv.file.lines_and_cells import Line, Row, Separation, _scan, split
from variance_bridge_csv.name_matching import visible

CELL = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=8)


def rows(text, delimiter=",", spaces=False):
    return [line.row() for line in split(text, Separation(delimiter, spaces), "positions.csv")]


@given(st.lists(st.lists(CELL, min_size=1, max_size=6), min_size=1, max_size=6))
def test_what_pythons_writer_wrote_is_read_back(table):
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL).writerows(table)
    found = rows(written.getvalue())
    assert [list(row.cells) for row in found] == table
    assert [row.line for row in found] == list(range(1, len(table) + 1))
    assert not any(row.fault for row in found)


@given(st.text(max_size=60))
@example(",\x00")
def test_any_text_becomes_rows_whose_lines_make_it_up_again(text):
    found = rows(text)
    assert "".join(row.text for row in found) == text.replace("\r", "").replace("\n", "")
    for row in found:
        assert len(row.cells) == len(row.columns) >= 1


def test_cells_know_where_they_start():
    (row,) = rows('ab,"c,""d",,e')
    assert row.cells == ["ab", 'c,"d', "", "e"]
    assert row.columns == [1, 4, 12, 13]


def test_a_bare_quote_inside_a_cell_is_part_of_it():
    (row,) = rows("0\"21,5'2")
    assert row.cells == ['0"21', "5'2"]


@pytest.mark.parametrize(
    ("line", "fault", "column"),
    [('a,"b', "not closed", 3), ('a,"b"c,d', "text follows", 6), ('"a" ,"b"', "text follows", 4)],
)
def test_a_line_that_cannot_be_split_says_why_and_where(line, fault, column):
    (row,) = rows(line)
    assert fault in row.fault
    assert row.fault_column == column


def test_blanks_around_quotes_belong_to_no_cell_where_the_dialect_says_so():
    (row,) = rows(' "a" ,"b" , c', spaces=True)
    assert row.cells == ["a", "b", " c"]


def test_only_the_last_line_without_an_end_is_the_last():
    assert [row.last for row in rows("a\nb")] == [False, True]
    assert [row.last for row in rows("a\nb\n")] == [False, False]


PIECES = st.lists(
    st.sampled_from(
        [",", '"', '""', " ", "a", "QZA", "1.5", "\t", "\u00a0", "\ufeff", "é", "\u200b"]
    ),
    max_size=12,
)


@given(text=PIECES.map("".join), spaces=st.booleans())
def test_what_is_known_of_a_line_without_separating_it_is_what_its_cells_say(text, spaces):
    separation = Separation(",", spaces)
    line = Line(1, text, separation, last=False)
    found = _scan(text, separation)
    filled = [cell for cell in map(visible, found.cells) if cell]
    expected = Row(1, text, found.cells, separation, found.fault, found.fault_column)
    assert line.row() == expected
    assert line.blank is (not found.fault and not any(cell.strip() for cell in found.cells))
    assert line.only_cell == (filled[0] if len(filled) == 1 and not found.fault else None)
