"""A TOML file of the user's is read with limits: whatever it holds, it is a table or an error with its place."""

from __future__ import annotations

import os
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.errors import ConfigurationError
from variance_bridge.formatting import format_age
from variance_bridge.settings.configuration import ConfigurationFile
from variance_bridge.settings.duration import parse_duration
from variance_bridge.settings.table_to_class import structure
from variance_bridge.settings.toml import merge_tables, parse_toml, read_toml


def test_one_table_lies_on_top_of_another_key_by_key():
    shipped = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1}
    own = {"a": {"c": [3]}, "d": 2, "f": {"g": 1}}
    assert merge_tables(shipped, own) == {"a": {"b": 1, "c": [3]}, "d": 2, "f": {"g": 1}}
    assert shipped == {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1}


def test_numbers_with_a_point_are_exact():
    assert parse_toml("a = 0.1\nb = 3\n", "x.toml") == {"a": Decimal("0.1"), "b": 3}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[window]\ndays = " + "7" * 5000, "line 2: a number of more than 100 digits"),
        ("days = " + "7" * 101, "days: a number of more than 100 digits"),
        ("a.b = [1, 0x" + "f" * 100 + "]", "a.b.1: a number of more than 100 digits"),
        ("\n\nx = 1e99999999999999999999", "line 3: a number of more than 100 digits"),
        ("x = 1e-999999", "line 1: a number of more than 100 digits"),
        ("x = 1.5e101", "line 1: a number of more than 100 digits"),
        ("\nx = " + "[" * 3000, "line 2: nested deeper than 32 levels"),
        ("x = " + "[" * 40 + "]" * 40, "x.0.0…: nested deeper than 32 levels"),
        ("\n" + "a." * 400_000 + "a = 1", "line 2: nested deeper than 32 levels"),
        ("x = " + "{a = " * 40 + "1" + "}" * 40, "x.a.a…: nested deeper than 32 levels"),
        ("a = 1\nb = \n", "line 2, column 5: not TOML (Invalid value)"),
        ("a = 1\na = 2\n", "line 2, column 6: not TOML (Cannot overwrite a value)"),
        ("a = '\x00'", "line 1, column 6: not TOML"),
        ("a = '", "end of document: not TOML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(text, what):
    with pytest.raises(ConfigurationError) as caught:
        parse_toml(text, "x.toml")

    assert caught.value.what.startswith(what)
    assert caught.value.where == "x.toml"


def test_a_byte_order_mark_and_line_ends_of_windows_are_read_past(tmp_path):
    (tmp_path / "x.toml").write_bytes(b'\xef\xbb\xbfa = "b"\r\nc = 1\r\n')

    assert read_toml(tmp_path / "x.toml") == {"a": "b", "c": 1}


def test_bytes_that_are_not_utf_8_are_refused_with_their_line(tmp_path):
    (tmp_path / "x.toml").write_bytes(b'a = 1\nb = "\xff"\n')

    with pytest.raises(ConfigurationError, match="line 2: not UTF-8"):
        read_toml(tmp_path / "x.toml")


def test_a_pipe_a_folder_and_a_missing_file_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for name in ("pipe", ".", "missing", "nul\0l"):
        with pytest.raises(ConfigurationError) as caught:
            read_toml(tmp_path / name)
        assert caught.value.exit_code == 3
        assert caught.value.where == str(tmp_path / name)


NAMES = st.sampled_from(
    ["broker", "brokers", "profiles", "acme", "allow", "plugins", "network", "proxy", "fresh_for"]
)
KEYS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.integers(1, 6000).map(lambda length: "9" * length),
    st.integers(1, 10**22).map(lambda exponent: f"1e{exponent}"),
    st.sampled_from(["nan", "-inf", "0x" + "f" * 300, "1_000.5", "1.", "07"]),
)
SCALARS = st.one_of(
    NUMBERS,
    st.sampled_from(
        ["true", '"text"', "'x'", '"""\na\n"""', '"\\uD800"', "1979-05-27", "07:32:00"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda members: f"{{{', '.join(f'{key} = {value}' for key, value in members.items())}}}"
        ),
        st.integers(1, 1500).map(lambda depth: "[" * depth + "]" * depth),
    ),
    max_leaves=6,
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join),
    KEYS.map(lambda key: f"[{key}]"),
    KEYS.map(lambda key: f"[[{key}]]"),
    st.integers(1, 3000).map(lambda dots: "a." * dots + "a = 1"),
    st.text(max_size=8),
)
TOML = st.lists(LINES, max_size=8).map("\n".join)


@given(TOML)
def test_any_text_like_toml_is_a_configuration_or_an_error_that_names_the_place(text):
    try:
        structure(parse_toml(text, "x.toml"), ConfigurationFile, where="x.toml")
    except ConfigurationError as error:
        refused = error
    else:
        return
    place, colon, _what = refused.what.partition(": ")
    assert (bool(place), colon, refused.where) == (True, ": ", "x.toml")


@given(st.integers(0, 3000 * 86400))
def test_a_length_of_time_is_read_as_it_is_shown(seconds):
    shown = format_age(timedelta(seconds=seconds))

    assert format_age(parse_duration(shown)) == shown


@pytest.mark.parametrize("text", ["", "5", "s", "5 months", "1 h and 2 min", "-1 h", "99999999 d"])
def test_what_is_not_a_length_of_time_is_refused(text):
    with pytest.raises(ValueError, match="is written like"):
        parse_duration(text)
