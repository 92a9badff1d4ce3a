"""What stands above the dashboards of several accounts: how many there are, what is missing, and their sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from variance_bridge import PositionsTooOld, Source
from variance_bridge.formatting import money, plural
from variance_bridge.money import Sum
from variance_bridge.terminal import RED, YELLOW, in_lines
from variance_bridge_triage.render.legs import PARTLY, is_part, one_line
from variance_bridge_triage.rules.book import JudgedBook

if TYPE_CHECKING:
    from variance_bridge.commands import Converted


_LATER = "   "
"""What a continued line begins with."""


def show_totals(judged: JudgedBook, converted: Converted | None, console: Console) -> None:
    """Print what several sources come to together, and what is missing from it, before the dashboard of each."""
    head = Text(f"ALL ACCOUNTS: {judged.headline}", style="bold")
    console.print(Rule(head, align="left", style="dim", characters="─"))
    for source in judged.book.sources:
        if source.error is not None:
            missing = Text(
                f"{_state(source)}: {one_line(source.file)}: {source.error.what}", RED.bold
            )
            console.print(Padding(missing, (0, 1)))
    for currency, sums in judged.sums.items():
        console.print(_sums(currency or "?", currency, sums, console.width), crop=False)
    if converted is not None:
        name, currency = f"All in {converted.currency}", converted.currency
        console.print(_sums(name, currency, converted.sums, console.width), crop=False)
        rates = Text(f"({converted.stated})", YELLOW.style)
        console.print(Padding(rates, (0, 1, 0, len(_LATER))), crop=False)
    console.print()


def _state(source: Source) -> str:
    if source.snapshot is None:
        return "MISSING"
    return "TOO OLD" if isinstance(source.error, PositionsTooOld) else "REFUSED"


def _sums(name: str, currency: str | None, sums: Mapping[str, Sum], width: int) -> Text:
    """`USD  Open P/L +$281.85  Net liq $31,020.35 (1 of 2 accounts)`; on several lines where there is no room."""
    pieces = []
    for key, label, noun in _OF_ALL:
        each = sums[key]
        if not each.count:
            continue
        known = each.known == each.count
        part = "" if known else f" ({each.known} of {plural(each.count, noun)})"
        partly = PARTLY if is_part(each) else ""
        shown = partly + money(each.amount, currency, sign=key == "net_pl")
        pieces.append(f"{label} {shown}{part}")
    head = f" {name}  "
    first, *others = pieces or [""]
    lines = in_lines([head + first, *others], width, later=" " * len(head))
    text = Text("\n".join(lines))
    text.stylize("bold", 0, len(head))
    return text


_OF_ALL = (("net_pl", "Open P/L", "position"), ("net_liquidity", "Net liq", "account"))
