"""What expires when, for the terminal: contracts by expiration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Group, RenderableType
from rich.text import Text

from variance_bridge.formatting import quantity
from variance_bridge_triage.render.cells import left, right
from variance_bridge_triage.render.legs import Rung, contracts_of, day, dte, one_line

_RUNGS = 12
_MIN_COUNTS = 17
_DTE, _NARROW_DTE = 7, 5


def expiries(rungs: Sequence[Rung], width: int) -> RenderableType:
    """The next expirations with their contracts, short ones and long ones as bars where there is room."""
    most = max(rung.long + rung.short for rung in rungs)
    # Below 60 columns the numbers need the room of the bars.
    length = max(10, min(40, width - 60)) if width >= 60 else 0
    shown = rungs[:_RUNGS]
    words = max(_MIN_COUNTS if length else 0, *(len(contracts_of(rung)) for rung in shown)) + 1
    lines = [line for rung in shown for line in _rung(rung, most, length, words, width)]
    if len(rungs) > _RUNGS:
        later = rungs[_RUNGS:]
        contracts = sum((rung.long + rung.short for rung in later), Decimal(0))
        rest = f" {len(later)} later expirations, {quantity(contracts)} contracts"
        lines.append(Text(rest, style="dim"))
    if length:
        lines.append(Text(" █ short  ░ long contracts", style="dim"))
    return Group(*lines, Text())


def _rung(rung: Rung, most: Decimal, length: int, words: int, width: int) -> Iterator[Text]:
    """Its line, and more lines where its roots need them."""
    line = Text(f" {day(rung.expiration)} ")
    when = Text(dte(rung.dte), style="bold yellow" if rung.dte <= 0 else "")
    line.append_text(right(when, _DTE if length else _NARROW_DTE))
    line.append("  ")
    short, long = (
        max(1, int((amount / most * length).to_integral_value())) if amount else 0
        for amount in (rung.short, rung.long)
    )
    if length:
        drawn = Text.assemble(("█" * short, "red"), ("░" * long, "green"))
        line.append_text(left(drawn, length + 1))
    line.append_text(left(Text(contracts_of(rung)), words))
    indent = line.cell_len
    for root in map(one_line, rung.roots):
        if line.cell_len + len(root) > width:
            yield _cut(line)
            line = Text(" " * max(1, min(indent, width - len(root))))
        line.append(f"{root} ", style="dim")
    yield _cut(line)


def _cut(line: Text) -> Text:
    line.rstrip()
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
