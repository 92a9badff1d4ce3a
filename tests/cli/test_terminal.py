"""Width and colour of a stream are decided once, by the rules that rich has for the tables."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from variance_bridge.cli.error_report import run
from variance_bridge.terminal import (
    Screen,
    at_words,
    columns_that_fit,
    forced_colour,
    in_lines,
    screen_of,
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


ENVIRONMENTS = [
    {},
    {"COLUMNS": "40"},
    {"COLUMNS": "wide"},
    {"COLUMNS": "0"},
    {"FORCE_COLOR": "1"},
    {"FORCE_COLOR": ""},
    {"FORCE_COLOR": "1", "NO_COLOR": "1"},
    {"NO_COLOR": "1"},
    {"NO_COLOR": ""},
    {"TERM": "dumb"},
    {"TERM": "dumb", "FORCE_COLOR": "1"},
    {"COLUMNS": "140", "FORCE_COLOR": "1"},
]


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=str)
def test_every_command_decides_on_colours_and_columns_as_tables_do(environment, stream):
    console = Console(file=stream(), _environ={"TERM": "xterm", **environment})
    screen = screen_of(stream(), {"TERM": "xterm", **environment})

    assert screen.is_terminal == console.is_terminal
    assert screen.colour == (console.color_system is not None and not console.no_color)
    if environment.get("COLUMNS", "").strip("0").isdigit():
        assert screen.width == console.width
    elif not console.is_terminal:
        assert screen.width is None  # a file or a pipe gets whole lines


def test_a_closed_stream_shows_nothing():
    assert screen_of(None, {}) == Screen(width=None, colour=False, is_terminal=False)


@pytest.mark.parametrize(
    ("environment", "forced"),
    [({}, None), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False)],
)
def test_the_environment_decides_before_the_stream(environment, forced):
    assert forced_colour(environment) is forced


def test_a_line_keeps_what_it_begins_with_even_where_it_is_empty():
    assert at_words("", 20, first="ok      ") == "ok"
    assert at_words("one two three", 9, first="> ", later="  ") == "> one two\n  three"


@pytest.mark.parametrize("command", ["doctor --offline", "show nothing.csv", "history"])
def test_colours_and_columns_can_be_asked_for_off_a_terminal(
    tmp_path, monkeypatch, capsys, command
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    run(command.split())
    plain = capsys.readouterr()
    monkeypatch.setenv("FORCE_COLOR", "1")
    run(command.split())
    coloured = capsys.readouterr()
    monkeypatch.setenv("NO_COLOR", "1")
    run(command.split())
    refused = capsys.readouterr()

    assert "\x1b[" not in plain.out + plain.err + refused.out + refused.err
    assert "\x1b[" in coloured.out + coloured.err


def test_a_column_without_room_leaves_its_room_to_narrower_ones():
    assert columns_that_fit([10, 30, 8, 12], [0, 1, 3, 2], 30) == [0, 2, 3]
    assert columns_that_fit([10, 30], [0, 0], 5) == [0, 1]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (None, ["USD  one  two and three  four"]),
        (40, ["USD  one  two and three  four"]),
        (23, ["USD  one  two and three", "     four"]),
        (20, ["USD  one", "     two and three", "     four"]),
        (12, ["USD  one", "     two and", "     three", "     four"]),
    ],
)
def test_pieces_stand_side_by_side_as_far_as_there_is_room(width, lines):
    assert in_lines(["USD  one", "", "two and three", "four"], width, later="     ") == lines
