"""The open profit of each strategy as bars on one scale."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from variance_bridge.formatting import money, plural
from variance_bridge.money import total
from variance_bridge.terminal import GREEN, RED
from variance_bridge_triage.render.legs import one_line, title
from variance_bridge_triage.render.terminal.cells import gain, left, right
from variance_bridge_triage.rules.report import Report

MIN_WIDTH = 72
"""Of the terminal: there the longest bar still has 20 columns."""
_MAX_BARS, _MAX_NAME, _MAX_LENGTH = 12, 32, 60
_AXIS = "│"


class _Profit(NamedTuple):
    name: str
    amount: Decimal


def profit_bars(report: Report, width: int) -> RenderableType | None:
    """Losses to the left of the axis and gains to the right, the largest gain first; what is not drawn is counted.

    None with fewer than two amounts, and for amounts of several currencies, which do not compare.
    """
    currencies = {entry.facts.currency or report.currency for entry in report.entries}
    profits = [
        _Profit(f"{one_line(entry.facts.cluster.root)} {title(entry.facts)}", amount)
        for entry in report.entries
        if (amount := entry.facts.net_pl.complete)
    ]
    if len(profits) < 2 or len(currencies) > 1:
        return None
    profits.sort(key=lambda each: abs(each.amount), reverse=True)
    shown, smaller = profits[:_MAX_BARS], profits[_MAX_BARS:]
    shown.sort(key=lambda each: each.amount, reverse=True)
    lines = list(_bars(shown, report.currency, width))
    unknown = sum(entry.facts.net_pl.complete is None for entry in report.entries)
    parts = []
    if smaller:
        together = total(*(each.amount for each in smaller))
        parts.append(
            f"{len(smaller)} smaller, together {money(together, report.currency, sign=True)}"
        )
    if unknown:
        parts.append(f"{plural(unknown, 'strategy', 'strategies')} unknown")
    if parts:
        lines.append(Text(f" Not drawn: {'; '.join(parts)}", style="dim"))
    return Group(*lines, Text())


def _bars(shown: list[_Profit], currency: str | None, width: int) -> Iterator[Text]:
    amounts = [gain(each.amount, currency) for each in shown]
    names = min(_MAX_NAME, max(len(each.name) for each in shown))
    widest = max(amount.cell_len for amount in amounts)
    length = min(_MAX_LENGTH, width - names - widest - 8)
    low = min(Decimal(0), *(each.amount for each in shown))
    high = max(Decimal(0), *(each.amount for each in shown))
    scale = length / (high - low)
    losses = round(-low * scale)
    for each, amount in zip(shown, amounts, strict=True):
        halves = max(1, round(abs(each.amount) * scale * 2))
        full, half = "█" * (halves // 2), halves % 2
        line = Text(" ").append_text(left(Text(each.name), names))
        line.append("  ").append_text(right(amount, widest)).append("  ")
        if each.amount < 0:
            drawn = ("▐" * half + full)[-losses:].rjust(losses)
            yield line.append(drawn, style=RED.style).append(_AXIS, style="dim")
        else:
            line.append(" " * losses).append(_AXIS, style="dim")
            yield line.append(full + "▌" * half, style=GREEN.style)
