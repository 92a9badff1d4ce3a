"""Text of brokers and files on its way to a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.formatting import printable
from variance_bridge.masking import masked


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J\x1b[1;1H", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\", "\x9b31m", "\r", "\b\b", "\x00",
        "\u202e", "\u2066", "\u200b", "\ufeff", "\u2028", "\ud800", "\ue000", "\x7f",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_a_terminal_obeys_is_shown_as_question_marks(text):
    shown = printable(f"a{text}b")

    assert shown.startswith("a?")
    assert shown.endswith("b")


@given(st.text(max_size=600))
def test_nothing_that_a_terminal_obeys_reaches_it(text):
    shown = printable(text)

    assert len(shown) <= 500
    for sign in shown:
        assert sign == "\n" or unicodedata.category(sign)[0] != "C", ascii(sign)


@given(st.text("abcé–→€中 \n1.,:'\"%", max_size=300))
def test_an_honest_text_is_shown_as_it_is(text):
    assert printable(text) == text


def test_a_long_text_is_cut_and_says_so():
    assert printable("x" * 501) == "x" * 499 + "…"


@pytest.mark.parametrize(
    ("name", "personal", "shown"),
    [
        ("positions_2026.csv", [], "positions_2026.csv"),
        ("U1234567_20260131.csv", [], "***_20260131.csv"),
        ("x5WX00001_now.csv", [(1, 9)], "***_now.csv"),
        ("Anns Trust-Positions.csv", [(0, 10)], "***-Positions.csv"),
        ("Ann 12345 Ben.csv", [(0, 3), (2, 9)], "*** Ben.csv"),
        ("12345", [], "***"),
    ],
)
def test_a_files_name_is_shown_without_account_numbers_and_personal_places(name, personal, shown):
    assert masked(name, personal) == shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("20261125.csv", "20261125.csv"),
        ("positions_20261125.csv", "positions_20261125.csv"),
        ("positions20260115.csv", "positions20260115.csv"),
        ("20269999.csv", "***.csv"),
        ("20991231.csv", "***.csv"),
        ("U20260115.csv", "***.csv"),
        ("DU20260115.csv", "***.csv"),
        ("202611251.csv", "***.csv"),
        ("5WX20260115.csv", "***.csv"),
        ("tastytrade_positions_x5WX12345_261126.csv", "tastytrade_positions_***_261126.csv"),
        (
            "Individual-Positions-2026-11-26-112800.csv",
            "Individual-Positions-2026-11-26-112800.csv",
        ),
        ("positions_20261126_112800.csv", "positions_20261126_112800.csv"),
        ("261126.csv", "***.csv"),
        ("positions_112800.csv", "positions_***.csv"),
        ("positions_2026-11-26-998800.csv", "positions_2026-11-26-***.csv"),
    ],
)
def test_a_day_in_a_files_name_is_shown_and_an_account_number_is_not(name, shown):
    assert masked(name) == shown
