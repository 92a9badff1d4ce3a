"""Colours can be read on black and on white: every one that a view uses, whatever the terminal's palette makes of "yellow"."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path

import pytest
from rich.color import Color, ColorSystem
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME, TerminalTheme
from rich.text import Text

from variance_bridge import terminal
from variance_bridge.terminal import Colour, laid_out

ROOT = Path(__file__).parents[2]
CODE = sorted(
    path
    for folder in (ROOT / "src", *ROOT.glob("plugins/*/src"))
    for path in folder.rglob("*.py")
    if path.name != "terminal.py"
)
COLOURS = {name: each for name, each in vars(terminal).items() if isinstance(each, Colour)}
OF_A_PALETTE = re.compile(
    r"(?:(?:bold|not|dim|reverse|on|bright_\w+)\s+)*(?:bright_)?(?:red|green|yellow|blue|magenta|cyan|white|black)"
)
MIN_CONTRAST = 3.9
"""WCAG 2.2 asks for 3 of large and bold text, 4.5 of the rest; no red has that on white and on black."""


def luminance(red: int, green: int, blue: int) -> float:
    """WCAG 2.2: relative luminance."""
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (part / 255 for part in (red, green, blue))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("background", [0.0, 1.0], ids=["black", "white"])
def test_every_colour_has_contrast_on_black_and_on_white(name, background):
    shown = luminance(*Color.parse(COLOURS[name].style).get_truecolor())
    assert contrast(shown, background) >= MIN_CONTRAST


@pytest.mark.parametrize("name", COLOURS)
def test_a_drawn_picture_shows_the_colour_whatever_its_theme_is(name):
    white = TerminalTheme((255, 255, 255), (0, 0, 0), [(1, 1, 1)] * 8, [(2, 2, 2)] * 8)
    pictures = []
    for theme in (white, SVG_EXPORT_THEME):
        console = Console(file=io.StringIO(), record=True, width=20, color_system=None)
        console.print(Text("word", style=COLOURS[name].bold))
        picture = console.export_svg(theme=theme)
        pictures.append(re.search(r"\.\S+-r1 \{ fill: (#[0-9a-f]{6})", picture)[1])
    assert pictures[0] == pictures[1] == Color.parse(COLOURS[name].style).get_truecolor().hex


@pytest.mark.parametrize("name", COLOURS)
def test_a_terminal_of_eight_colours_gets_the_one_that_the_name_says(name):
    eight = Color.parse(COLOURS[name].style).downgrade(ColorSystem.STANDARD)
    code = COLOURS[name].code({"TERM": "xterm"})
    assert code == f"\x1b[3{eight.number % 8}m"


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"TERM": "xterm-256color"}, "\x1b[1;38;5;130m"),
        ({"TERM": "screen", "COLORTERM": "truecolor"}, "\x1b[1;38;5;130m"),
        ({"TERM": "xterm"}, "\x1b[1;33m"),
    ],
)
def test_a_warning_can_be_read_on_white_where_the_terminal_has_256_colours(environment, code):
    shown = laid_out("Warning: look", io.StringIO(), {"FORCE_COLOR": "1", **environment})
    assert shown == f"{code}Warning:\x1b[0m look"


def colours_of_a_palette(code: str) -> list[str]:
    """Styles by name, such as "bold yellow"."""
    words = (each.value for each in ast.walk(ast.parse(code)) if isinstance(each, ast.Constant))
    return [each for each in words if isinstance(each, str) and OF_A_PALETTE.fullmatch(each)]


def test_no_view_uses_a_colour_of_the_terminal_s_palette():
    codes = {path: path.read_text(encoding="utf-8") for path in CODE}
    coloured = {
        path: code
        for path, code in codes.items()
        if "yellow" in code or "red" in code or "green" in code
    }
    assert not {
        path.name: used for path, code in coloured.items() if (used := colours_of_a_palette(code))
    }


def test_a_colour_of_a_palette_is_found():
    assert colours_of_a_palette("a = ('bold yellow', 'red', 'a red herring', 'on green')") == [
        "bold yellow",
        "red",
        "on green",
    ]
