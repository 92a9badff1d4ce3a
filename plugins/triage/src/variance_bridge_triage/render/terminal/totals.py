"""What an account comes to, for the terminal: each sum with its name, and with how much of it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from variance_bridge.formatting import UNKNOWN, money
from variance_bridge.money import Sum
from variance_bridge.terminal import YELLOW
from variance_bridge_triage.render.legs import PARTLY, is_part, of, one_line, telling
from variance_bridge_triage.render.summary import counted, day_profits, profits_in_doubt, used
from variance_bridge_triage.render.terminal.cells import gain
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.metrics import NOTHING, Amounts
from variance_bridge_triage.rules.report import Report

_MIN_BESIDE = 3
"""Where fewer sums fit into a line, each gets a line of its own."""


def totals_of(report: Report, width: int) -> RenderableType:
    """The totals side by side, in as many lines as they need, else one a line: no amount is cut."""
    totals, currency = report.totals, report.currency
    unknown, unpowered = (
        "" if amount is not None else "not stated"
        for amount in (totals.net_liquidity, totals.buying_power)
    )
    count = counted(report)
    cells = [
        *_net_profit(report),
        *_amounts("Day P/L", day_profits(report)),
        ("Beta delta", Text(_beta_delta(report)), _known(totals.beta_delta)),
        *_amounts("Theta/day", _by_currency(report, lambda amounts: amounts.theta)),
        ("Win/lose", Text(f"{count.winners} / {count.losers}"), count.others),
        ("Net liq", Text(money(totals.net_liquidity, currency)), unknown),
        ("Buying power", Text(money(totals.buying_power, currency)), used(totals) or unpowered),
    ]
    for _label, value, _note in cells:
        value.stylize("bold")
    widest = max(max(len(label), value.cell_len, len(note)) for label, value, note in cells)
    a_line = (width - 1) // (widest + 2)
    if a_line < _MIN_BESIDE:
        return Padding(_below(cells, width - 2), (0, 1))
    lines = -(-len(cells) // a_line)
    even = -(-len(cells) // lines)
    parts = [cells[place : place + even] for place in range(0, len(cells), even)]
    return Padding(_beside(parts, (width - 2) // even), (0, 1))


def _beta_delta(report: Report) -> str:
    """`+57.0 SPY`; without the benchmark where the sum is not known at all."""
    amount = telling(report.totals.beta_delta).amount
    if amount is None:
        return UNKNOWN
    partly = _partly(report.totals.beta_delta)
    return f"{partly}{delta_words(amount)} {one_line(report.benchmark)}"


def _partly(sum_: Sum) -> str:
    return PARTLY if is_part(sum_) else ""


def _known(sum_: Sum) -> str:
    return f"{of(sum_)} known" if of(sum_) else ""


def _by_currency(report: Report, read: Callable[[Amounts], Sum]) -> Mapping[str | None, Sum]:
    listed = report.totals.by_currency or {report.currency: NOTHING}
    return {currency: read(amounts) for currency, amounts in listed.items()}


def _amounts(label: str, listed: Mapping[str | None, Sum]) -> Iterator[tuple[str, Text, str]]:
    """A sum of money, for each currency by itself: amounts of different currencies do not add up."""
    for currency, sum_ in listed.items():
        named = f"{label} {one_line(currency or '?')}" if len(listed) > 1 else label
        yield named, Text(_partly(sum_)) + gain(telling(sum_).amount, currency), _known(sum_)


def _net_profit(report: Report) -> Iterator[tuple[str, Text, str]]:
    """As other sums of money, with how many of the profits in it are in doubt."""
    listed = _by_currency(report, lambda amounts: amounts.net_pl)
    for currency, (label, value, note) in zip(listed, _amounts("Net P/L", listed), strict=True):
        yield label, value, ", ".join(filter(None, (note, profits_in_doubt(report, currency))))


def _beside(lines: Sequence[Sequence[tuple[str, Text, str]]], width: int) -> RenderableType:
    """Label, value and note below each other, each cell as wide as the others."""
    shown: list[RenderableType] = []
    for cells in lines:
        shown.append(_padded([Text(label, style="dim") for label, _value, _note in cells], width))
        shown.append(_padded([value for _label, value, _note in cells], width))
        if any(note for _label, _value, note in cells):
            notes_ = [Text(note, style=_style(note)) for _label, _value, note in cells]
            shown.append(_padded(notes_, width))
    return Group(*shown)


def _style(note: str) -> str:
    """What lacks something is yellow; the rest says more of what is known."""
    return "dim" if note.endswith(("used", "flat")) else YELLOW.style


def _padded(cells: Sequence[Text], width: int) -> Text:
    line = Text(no_wrap=True)
    for cell in cells:
        line.append_text(cell).append(" " * (width - cell.cell_len))
    line.rstrip()
    return line


def _below(cells: Sequence[tuple[str, Text, str]], width: int) -> RenderableType:
    """One a line; a note that finds no room stands below its value."""
    widest = max(len(label) for label, _value, _note in cells) + 2
    lines = []
    for label, value, note in cells:
        fits = widest + value.cell_len + 2 + len(note) <= width
        gap = "  " if fits else "\n" + " " * widest
        noted = (gap + note, _style(note)) if note else ""
        lines.append(Text.assemble((label.ljust(widest), "dim"), value, noted))
    return Group(*lines)
