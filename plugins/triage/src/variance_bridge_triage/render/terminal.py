"""The triage on a terminal: what to do first, then the rest. Readable at 80 columns and without colour."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import attrs
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from variance_bridge.formatting import printable
from variance_bridge.model import Environment
from variance_bridge.reading.freshness import Freshness
from variance_bridge_triage import wording
from variance_bridge_triage.render.legs import Rung, day, describe, ladder, safe, title
from variance_bridge_triage.rules.actions import Action, Finding
from variance_bridge_triage.rules.metrics import Facts, Sum, market_day
from variance_bridge_triage.rules.report import BALANCES, Entry, Report
from variance_bridge_triage.rules.thresholds import SHIPPED

_WIDE = 110
"""From this many columns on the legs have a column of their own."""
_RUNGS = 12
_SHORTEST_COUNTS = 17

ACTION_STYLES = {
    Action.EXPIRING: "bold yellow",
    Action.HARVEST: "bold green",
    Action.SIZE_THREAT: "bold red",
    Action.DEFENSE: "bold red",
    Action.GAMMA: "bold magenta",
    Action.HEDGE_CHECK: "bold cyan",
}

_PLAIN = str.maketrans({
    "█": "#", "▌": "#", "▐": "#", "░": "+", "│": "|", "─": "-", "━": "=", "×": "x", "–": "-", "·": "-", "…": "~", "€": "E", "£": "L",
})  # fmt: skip
"""For terminals that have no more than ASCII."""


def show(report: Report, console: Console) -> None:
    """Print the dashboard, as wide as the console is."""
    if console.encoding.lower().replace("-", "").startswith("utf"):
        console.print(dashboard(report, console.width))
        return
    text = render(report, console.width).translate(_PLAIN)
    console.file.write(text.encode(console.encoding, "replace").decode(console.encoding))


def render(report: Report, width: int) -> str:
    """The dashboard as plain text of that width."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False, emoji=False)
    console.print(dashboard(report, width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def dashboard(report: Report, width: int) -> RenderableType:
    """Everything, for a console of that many columns."""
    parts: list[RenderableType] = [_head(report), _portfolio(report), Text()]
    if not report.entries:
        parts.append(Text(" No positions: the account is empty.", style="bold"))
    scale = _scale(report.entries)
    if report.actions:
        heading = f"ACTION REQUIRED  {len(report.actions)} of {len(report.entries)}"
        parts += [_title(heading, "bold yellow"), _clusters(report, report.actions, scale, width)]
    elif report.entries:
        parts += [Text(" Nothing needs action.", style="bold green"), Text()]
    if report.rest:
        parts += [_title("NO ACTION", "bold"), _clusters(report, report.rest, scale, width)]
    rungs = ladder((entry.facts for entry in report.entries), market_day(report.now))
    if rungs:
        parts += [_title("EXPIRIES", "bold"), _ladder(rungs, width)]
    return Group(*parts, *_notes(report))


def _title(text: str, style: str) -> Rule:
    return Rule(Text(text, style=style), align="left", style="dim", characters="─")


def _head(report: Report) -> Table:
    meta = report.meta
    left = Text(" ")
    left.append(safe(meta.source), style="bold")
    if meta.account_hash:
        left.append(f"  {safe(meta.account_hash)}")
    if meta.environment not in (None, Environment.PRODUCTION):
        left.append(f"  {meta.environment.value.upper()}" if meta.environment else "", "bold cyan")
    right = Text()
    right.append_text(_age(report))
    right.append("  ")
    right.append_text(_status(report))
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(left, right)
    return grid


def _age(report: Report) -> Text:
    if report.too_old:
        return Text(f"TOO OLD: {report.age_words}", style="bold red")
    if report.freshness is Freshness.STALE:
        return Text(f"STALE: {report.age_words}", style="bold yellow")
    return Text(report.age_words, style="green")


def _status(report: Report) -> Text:
    if report.partial:
        return Text(report.status_words.upper(), style="bold yellow")
    return Text(report.status_words, style="green" if report.meta.status else "dim")


def _portfolio(report: Report) -> RenderableType:
    totals, currency = report.totals, report.currency
    symbol = report.thresholds.benchmark.symbol
    assumed = "" if totals.net_liquidity is not None else "not stated"
    cells = [
        ("Net P/L", _gain(totals.net_pl.amount, currency), _of(totals.net_pl)),
        (
            "Beta delta",
            Text(f"{wording.number(totals.beta_delta.amount, 1, sign=True)} {symbol}"),
            _of(totals.beta_delta),
        ),
        ("Theta/day", _gain(totals.theta.amount, currency), _of(totals.theta)),
        ("Net liq", Text(wording.money(totals.net_liquidity, currency)), assumed),
        ("Buying power", Text(wording.money(totals.buying_power, currency)), ""),
    ]
    grid = Table.grid(expand=True, padding=(0, 1))
    for _cell in cells:
        grid.add_column(ratio=1, no_wrap=True)
    grid.add_row(*(Text(label, style="dim") for label, _value, _note in cells))
    for _label, value, _note in cells:
        value.stylize("bold")
    grid.add_row(*(value for _label, value, _note in cells))
    if any(note for _label, _value, note in cells):
        grid.add_row(*(Text(note, style="yellow") for _label, _value, note in cells))
    return Padding(grid, (0, 1))


def _of(sum_: Sum) -> str:
    return wording.of(sum_.known, sum_.count)


def _gain(amount: Decimal | None, currency: str | None, note: str = "") -> Text:
    text = wording.money(amount, currency, sign=True) + note
    style = "" if not amount else "green" if amount > 0 else "red"
    return Text(text, style=style)


def _scale(entries: Iterable[Entry]) -> Decimal:
    amounts = (entry.facts.net_pl.amount for entry in entries)
    return max((abs(amount) for amount in amounts if amount), default=Decimal(0))


def _clusters(
    report: Report, entries: Sequence[Entry], scale: Decimal, width: int
) -> RenderableType:
    columns = _Columns.of(width)
    lines: list[RenderableType] = []
    for entry in entries:
        lines += _cluster(report, entry, scale, columns)
    return Group(*lines, Text())


@attrs.frozen
class _Columns:
    """Widths in characters; what has no room is 0."""

    strategy: int
    bar: int
    legs: int

    @classmethod
    def of(cls, width: int) -> _Columns:
        """What fits into a line of that width."""
        room = width - _FIXED
        if room < _SHORTEST_NAME + 1 + _BAR:
            return cls(max(room, 1), 0, 0)
        if width < _WIDE:
            return cls(room - 1 - _BAR, _BAR, 0)
        return cls(_LONGEST_NAME, _WIDE_BAR, room - _LONGEST_NAME - 1 - _WIDE_BAR - 2)


_ACTION, _ROOT, _DTE, _PL = 12, 10, 7, 9
_FIXED = 1 + _ACTION + _ROOT + 1 + _DTE + 1 + _PL + 1
_SHORTEST_NAME, _LONGEST_NAME = 24, 33
_BAR, _WIDE_BAR = 11, 15


def _cluster(
    report: Report, entry: Entry, scale: Decimal, columns: _Columns
) -> Iterator[RenderableType]:
    facts = entry.facts
    legs = "  ".join(describe(facts.cluster.legs))
    beside = len(legs) <= columns.legs
    line = Text(" ")
    line.append_text(_cell(_action(entry.finding), _ACTION))
    line.append_text(_cell(Text(safe(facts.cluster.root), "bold"), _ROOT - 1))
    line.append(" ")
    name, *more = textwrap.wrap(title(facts), columns.strategy)
    line.append_text(_cell(Text(name), columns.strategy))
    line.append(" ")
    line.append_text(_cell(_dte(facts), _DTE, right=True))
    line.append(" ")
    line.append_text(_cell(_profit(report, facts), _PL, right=True))
    if columns.bar:
        line.append(" ")
        line.append_text(bar(facts.net_pl.amount, scale, columns.bar))
    if beside:
        line.append("  ")
        line.append(legs, style="dim")
    yield line
    for rest in more:
        yield Padding(Text(rest), (0, 0, 0, 1 + _ACTION + _ROOT))
    indent = (0, 0, 0, 1 + _ACTION)
    for finding in entry.findings:
        also = "" if finding is entry.finding else f"also {finding.action.value}: "
        yield Padding(Text(also + finding.reason), indent)
    if not beside:
        yield Padding(Text(legs, style="dim"), indent)


def _cell(text: Text, width: int, *, right: bool = False) -> Text:
    text.truncate(width, overflow="ellipsis", pad=not right)
    if right:
        text.align("right", width)
    return text


def _action(finding: Finding | None) -> Text:
    if finding is None:
        return Text()
    return Text(finding.action.value, style=ACTION_STYLES[finding.action])


def _dte(facts: Facts) -> Text:
    urgent = facts.dte is not None and facts.dte <= 0
    return Text(wording.dte(facts.dte), style="bold yellow" if urgent else "")


def _profit(report: Report, facts: Facts) -> Text:
    """The P/L; `~` before what is known of it in part only."""
    amount, currency = facts.net_pl.amount, facts.currency or report.currency
    text = _gain(amount, currency)
    if len(text) > _PL and amount is not None:
        text = _gain(amount / 1000, currency, "k")
    if amount is not None and facts.net_pl.complete is None:
        text = Text("~") + text
    return text


def bar(amount: Decimal | None, scale: Decimal, width: int) -> Text:
    """Losses to the left of an axis in the middle, gains to the right, the largest as long as half the width."""
    half = width // 2
    if not amount or not scale:
        return Text(" " * half + "│" + " " * half, style="dim")
    halves = max(1, int((abs(amount) / scale * half * 2).to_integral_value()))
    whole, rest = divmod(halves, 2)
    if amount > 0:
        drawn = ("█" * whole + "▌" * rest).ljust(half)
        return Text.assemble((" " * half + "│", "dim"), (drawn, "green"))
    drawn = ("▐" * rest + "█" * whole).rjust(half)
    return Text.assemble((drawn, "red"), ("│" + " " * half, "dim"))


def _ladder(rungs: Sequence[Rung], width: int) -> RenderableType:
    most = max(rung.long + rung.short for rung in rungs)
    length = max(10, min(40, width - 60))
    shown = rungs[:_RUNGS]
    words = max(_SHORTEST_COUNTS, *(len(_counts(rung)) for rung in shown)) + 1
    lines = [_rung(rung, most, length, words) for rung in shown]
    if len(rungs) > _RUNGS:
        later = rungs[_RUNGS:]
        contracts = sum((rung.long + rung.short for rung in later), Decimal(0))
        rest = f" {len(later)} later expirations, {wording.quantity(contracts)} contracts"
        lines.append(Text(rest, style="dim"))
    return Group(*lines, Text(" █ short  ░ long contracts", style="dim"), Text())


def _counts(rung: Rung) -> str:
    counts = [(rung.short, "short"), (rung.long, "long")]
    return ", ".join(f"{wording.quantity(n)} {side}" for n, side in counts if n)


def _rung(rung: Rung, most: Decimal, length: int, words: int) -> Text:
    line = Text(f" {day(rung.expiration)} ")
    when = Text(wording.dte(rung.dte), style="bold yellow" if rung.dte <= 0 else "")
    line.append_text(_cell(when, _DTE, right=True))
    line.append("  ")
    short, long = (
        max(1, int((amount / most * length).to_integral_value())) if amount else 0
        for amount in (rung.short, rung.long)
    )
    drawn = Text.assemble(("█" * short, "red"), ("░" * long, "green"))
    line.append_text(_cell(drawn, length + 1))
    line.append_text(_cell(Text(_counts(rung)), words))
    line.append(" ".join(safe(root) for root in rung.roots), style="dim")
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line


def _notes(report: Report) -> Iterator[RenderableType]:
    """What the rules could not judge, and against what they judged; once."""
    for silent in report.unavailable:
        of = f"{silent.clusters} of {silent.of}"
        yield _note(f"{silent.action.value} is silent for {of}: needs {silent.needs}")
    if report.net_liquidity_origin != BALANCES:
        amount = wording.money(report.net_liquidity, report.currency)
        yield _note(f"Losses are measured against {amount}, {report.net_liquidity_origin}")
    yield _note(f"Positions: {report.age_limits}")
    if report.thresholds.origin != SHIPPED:
        yield _note(f"Thresholds: {printable(report.thresholds.origin)}")


def _note(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 1))
