"""Values of members: exact, or unknown, or rejected; nothing else, whatever the broker sends."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.rows import RowRejected, day, moment, number, word

ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=40)
    | st.from_regex(r"[+-]?[0-9.,]{0,20}([eE][+-]?[0-9]{1,9})?", fullmatch=True)
    | st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{0,12}(Z|[+-][0-9:]{2,5})?)?", fullmatch=True
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("47.58333333", Decimal("47.58333333")),
        (3, Decimal(3)),
        (0, Decimal(0)),
        (Decimal("0.5"), Decimal("0.5")),
        ("-1.5e3", Decimal(-1500)),
        (" 100.0 ", Decimal(100)),
        (Decimal("1." + "1" * 37), Decimal("1." + "1" * 37)),
        (None, None),
        ("", None),
    ],
)
def test_a_number_is_exact_in_whatever_type_it_comes(value, expected):
    assert number(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        True,
        1.5,
        "N/A",
        "NaN",
        "Infinity",
        "1,000",
        "1_000",
        "١٢",
        "0x10",
        "--1",
        ".5",
        "5.",
        "1e999999",
        "1e31",
        "1e-31",
        "9" * 40,
        "1." + "1" * 60,
        10**40,
        pytest.param(10**5000, id="an enormous integer"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Decimal("1e31"),
        [],
        {},
        {"amount": "1"},
        " ",
    ],
)
def test_what_is_not_a_plain_number_is_rejected_and_never_zero(value):
    with pytest.raises(RowRejected) as caught:
        number(value)
    assert caught.value.reason == "number_unreadable"


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=9
    )
)
def test_a_number_is_the_same_as_text_and_as_json_number(exact):
    assert number(str(exact)) == number(exact) == exact


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-20T20:00:00.000+00:00", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        ("2025-04-29T21:33:25.130Z", datetime(2025, 4, 29, 21, 33, 25, 130000, tzinfo=UTC)),
        ("2025-04-29t21:33:25.123456789z", datetime(2025, 4, 29, 21, 33, 25, 123456, tzinfo=UTC)),
        ("2026-03-20T16:00:00-04:00", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        ("2026-03-20T20:00:00+0000", datetime(2026, 3, 20, 20, tzinfo=UTC)),
        (None, None),
        (" ", None),
    ],
)
def test_a_moment_is_aware_and_in_utc_whatever_its_zone(text, instant):
    found = moment(text)

    assert found == instant
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-20T20:00:00",
        "2026-13-20T20:00:00Z",
        "2026-03-20T24:00:00Z",
        "2026-03-20T20:00Z",
        "2026-W12-5T20:00:00Z",
        "20260320T200000Z",
        "2026-03-20",
        "soon",
        1688595114405,
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-03-20T20:00:00+99:00",
    ],
)
def test_a_time_without_a_zone_or_a_meaning_is_rejected(value):
    with pytest.raises(RowRejected) as caught:
        moment(value)
    assert caught.value.reason == "date_unreadable"


def test_a_day_is_one_of_the_calendar():
    assert day("2026-02-28") == date(2026, 2, 28)
    assert day("") is None


@pytest.mark.parametrize(
    "value",
    ["2021-03-82680", "2026-02-30", "20260220", 20260220, "٢٠٢٦-٠٢-٢٠", "2026-02-20T00:00:00Z"],
)
def test_a_day_that_no_calendar_has_is_rejected(value):
    with pytest.raises(RowRejected) as caught:
        day(value)
    assert caught.value.reason == "date_unreadable"


def test_a_word_is_a_short_text_without_the_blanks_around_it():
    assert (word(" Long "), word("  "), word(None)) == ("Long", None, None)


@pytest.mark.parametrize("value", [1, True, [], {}, "x" * 129])
def test_what_is_not_a_short_text_is_rejected_as_a_word(value):
    with pytest.raises(RowRejected):
        word(value)


@given(value=ANY_JSON)
@pytest.mark.parametrize("read", [number, word, moment, day])
def test_any_json_value_is_read_or_rejected_and_nothing_else_happens(read, value):
    try:
        found = read(value)
    except RowRejected:
        return
    assert found is None or isinstance(found, Decimal | str | date)
    if isinstance(found, Decimal):
        assert found.is_finite()
    if isinstance(found, datetime):
        assert found.tzinfo is UTC
