from __future__ import annotations

import json
import time
from decimal import Decimal
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused

decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**60), max_value=10**60)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | decimals | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def same(one: object, other: object) -> bool:
    """Equal, with lists and numbers of either class, and true never taken for 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@given(values)
@example(Decimal("5533300228651309203082103." + "9" * 82))
@example(Decimal("-0." + "0" * 297 + "1"))
@example(Decimal("9" * 200 + "." + "9" * 99))
def test_a_value_survives_writing_and_reading(value):
    assert same(exact_json.loads(exact_json.dumps(value)), value)


@given(values)
def test_what_is_written_is_json_to_every_other_reader(value):
    json.loads(exact_json.dumps(value, indent=None))


@given(values)
def test_the_layout_changes_nothing_but_the_layout(value):
    compact, laid_out = exact_json.dumps(value, indent=None), exact_json.dumps(value)

    assert exact_json.loads(compact) == exact_json.loads(laid_out)


awkward = st.sampled_from(
    [
        "1.50",
        "1.50\n",
        '": 1.50,\n',
        "\\",
        "E5",
        "1E+5,\n",
        "-0\n",
        "[",
        "]\n}",
        "9" * 250,
        "\u00bd",
    ]
)
numbers = decimals | st.sampled_from(
    [Decimal(text) for text in ("1.50", "2E+3", "-0.00", "0E-9", "1E-7", "100", "-2760.000")]
)
records = st.dictionaries(
    st.text(max_size=3) | awkward, st.none() | st.integers() | numbers | awkward, max_size=6
)


@given(st.dictionaries(st.text(max_size=3) | awkward, records | st.lists(records, max_size=7)))
def test_what_is_written_in_blocks_by_the_fast_writer_is_what_the_careful_writer_writes(value):
    with patch.object(exact_json, "_BLOCK", 2):
        written = exact_json.dumps(value)
    line = exact_json.dumps(value, indent=None)
    assert written == msgspec.json.format(line, indent=1) + b"\n"


def test_a_fraction_is_refused_wherever_it_stands_in_a_long_list():
    rows = [{"price": Decimal("1.5")} for _ in range(exact_json._BLOCK + 1)]
    for place in (0, exact_json._BLOCK):
        with pytest.raises(TypeError):
            exact_json.dumps({"rows": [*rows[:place], {"price": 1.5}, *rows[place + 1 :]]})


def test_38_digits_survive_in_both_directions():
    text = "12345678901234567890123456789012345.678"

    assert exact_json.dumps(exact_json.loads(text)) == f"{text}\n".encode()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("450.00", "450"),
        ("1E+5", "100000"),
        ("-0.0", "0"),
        ("0.000", "0"),
        ("1.10", "1.1"),
        ("1E-7", "0.0000001"),
    ],
)
def test_equal_decimals_give_equal_bytes(written, expected):
    assert exact_json.dumps(Decimal(written)) == f"{expected}\n".encode()


@pytest.mark.parametrize("value", [1.5, {1: 2}, {"a": 1.0}, object(), b"x", {1, 2}])
def test_what_has_no_exact_form_is_not_written(value):
    with pytest.raises(TypeError):
        exact_json.dumps(value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1E+1000", "1E-1000"])
def test_what_is_not_a_price_is_not_written(value):
    with pytest.raises(ValueError, match="number"):
        exact_json.dumps(Decimal(value))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": 1, "a": 2}', "twice"),
        (b'{"a" \t\r\n: 1, "a"  : {"b": [{"c" :1, "c":2}]}}', "twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "NaN"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\ud800": 1}', "surrogate"),
        (b'["\\udc00\\ud800"]', "surrogate"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 70, "nested deeper"),
        (b"1" * 5000, "longer than 300"),
        (b"0." + b"1" * 5000, "longer than 300"),
        (b"1e999999999", "beyond the range"),
        (b"1e-999999999", "beyond the range"),
        (b"{", "line 1"),
        (b"", "line 1"),
        (b"\xff", "UTF-8"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
    ],
)
def test_a_text_that_is_not_acceptable_is_refused_with_its_reason(text, reason):
    with pytest.raises(DataRefused, match=reason):
        exact_json.loads(text)


def test_a_refusal_does_not_quote_the_text():
    with pytest.raises(DataRefused) as caught:
        exact_json.loads('{"account": 5WX00001}')

    assert "5WX" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data):
    try:
        exact_json.loads(data)
    except DataRefused:
        pass


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 1_000_000, "[" * 2_000_000, '"' + "\\" * 2_000_001, "1" * 2_000_000]
)
def test_hostile_text_takes_bounded_time(text):
    began = time.thread_time()
    with pytest.raises(DataRefused):
        exact_json.loads(text)

    assert time.thread_time() - began < 2


def test_a_byte_order_mark_is_not_content():
    assert exact_json.loads(b"\xef\xbb\xbf{}") == {}


def test_a_text_over_the_size_limit_is_refused_unread():
    with pytest.raises(DataRefused, match="longer than 10 bytes"):
        exact_json.loads(b"[" + b" " * 10 + b"]", max_bytes=10)


def test_a_text_that_looks_like_a_member_name_round_trips():
    value = {"a": 'x": "y" : z', "b": '" \t:', "c": [{"d": '":'}]}

    assert exact_json.loads(exact_json.dumps(value)) == value
    assert exact_json.loads(b'{"a" : "b\\" : c"}') == {"a": 'b" : c'}


def test_the_pieces_of_a_text_are_the_text():
    rows = [{"price": Decimal(place), "name": "x" * 900} for place in range(3_000)]
    value = {"rows": rows, "none": [], "more": {"price": Decimal("1.50")}}
    written = list(exact_json.pieces(value))
    assert len(written) > 2
    assert b"".join(written) == exact_json.dumps(value)
    assert json.loads(b"".join(written))["more"] == {"price": 1.5}


def test_a_text_of_too_many_values_is_refused_when_its_last_piece_is_made(monkeypatch):
    monkeypatch.setattr(exact_json, "MAX_VALUES", 1_000)
    value = {"rows": [{"a": 1}] * 100_000}
    monkeypatch.setattr(exact_json, "MIN_BYTES_PER_VALUE", 10**9)
    with pytest.raises(DataRefused, match="more than 1000 values"):
        list(exact_json.pieces(value))
