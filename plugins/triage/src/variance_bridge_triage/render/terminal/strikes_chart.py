"""Strikes and prices as a chart of their own, for terminals whose table of strategies has no room for them."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from variance_bridge.formatting import plural
from variance_bridge_triage.render.legs import one_line, title
from variance_bridge_triage.render.price_range import PriceRange, price_range
from variance_bridge_triage.render.terminal.cells import left
from variance_bridge_triage.render.terminal.strike_line import (
    MIN_WIDTH,
    Scale,
    fits,
    heading,
    legend,
    scale_of,
    strike_line,
)
from variance_bridge_triage.rules.report import Report

_MAX_LINES, _MIN_NAME, _MAX_NAME, _MAX_LENGTH = 12, 14, 32, 61
_AROUND = 4
"""Blanks beside and between name and line."""


def strikes_chart(report: Report, width: int) -> RenderableType | None:
    """A line for each strategy with strikes, what needs action first, all on one scale; what is not drawn is counted.

    None without any, and where there is no room for a line.
    """
    found = list(_drawn(report))
    names = min(_MAX_NAME, max((len(name) for name, _range in found), default=0))
    names = max(min(names, width - _AROUND - MIN_WIDTH), _MIN_NAME)
    length = min(_MAX_LENGTH, width - names - _AROUND)
    if not found or length < MIN_WIDTH:
        return None
    shown = found[:_MAX_LINES]
    scale = scale_of([each for _name, each in shown], length)
    lines = [Text(f"{' ' * (names + 3)}{heading(scale)}", style="dim")]
    lines += [_line(name, each, scale, names) for name, each in shown if fits(each, scale)]
    missing = len(found) - len(lines) + 1
    if missing:
        rest = plural(missing, "other strategy", "other strategies")
        lines.append(Text(f" Not drawn: {rest}", style="dim"))
    explained = Padding(Text(legend(scale), style="dim"), (0, 1))
    return Group(*lines, explained, Text())


def _drawn(report: Report) -> Iterator[tuple[str, PriceRange]]:
    for entry in report.entries:
        if (found := price_range(entry.facts)) is not None:
            yield f"{one_line(entry.facts.cluster.root)} {title(entry.facts)}", found


def _line(name: str, drawn: PriceRange, scale: Scale, names: int) -> Text:
    named = left(Text(name), names)
    return Text(" ").append_text(named).append("  ").append_text(strike_line(drawn, scale))
