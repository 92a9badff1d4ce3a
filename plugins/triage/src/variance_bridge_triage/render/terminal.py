"""The triage on a terminal: what to do first, then the rest. Readable at 80 columns and without colour."""

from __future__ import annotations

import io
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

import attrs
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from variance_bridge import Freshness
from variance_bridge.exchange import exchange_date
from variance_bridge.formatting import (
    is_whole_cents,
    money,
    number,
    plural,
    printable,
    quantity,
)
from variance_bridge.model import Environment
from variance_bridge.money import Sum
from variance_bridge_triage.render.legs import (
    Rung,
    contracts_of,
    day,
    describe,
    dte,
    ladder,
    of,
    one_line,
    title,
)
from variance_bridge_triage.rules.actions import Action, Finding
from variance_bridge_triage.rules.book import JudgedBook
from variance_bridge_triage.rules.metrics import NOTHING, Amounts, Facts
from variance_bridge_triage.rules.report import BALANCES, Entry, Report
from variance_bridge_triage.rules.thresholds import SHIPPED

_WIDE = 110
"""From this many columns on the legs have a column of their own."""
_RUNGS = 12
_MIN_COUNTS = 17

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


def show_totals(judged: JudgedBook, console: Console) -> None:
    """Print what several sources come to together, before the dashboard of each."""
    console.print(_title(f"ALL ACCOUNTS: {judged.headline}", "bold"))
    for currency, amounts in judged.totals_by_currency.items():
        profit = amounts.net_pl
        known = (
            ""
            if profit.known == profit.count
            else f" ({profit.known} of {plural(profit.count, 'position')})"
        )
        shown = money(profit.amount, currency, sign=True)
        console.print(Padding(Text(f"Open P/L {shown}{known}"), (0, 1)), crop=False)
    console.print()


def render(report: Report, width: int) -> str:
    """The dashboard as plain text of that width."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False, emoji=False)
    console.print(dashboard(report, width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def dashboard(report: Report, width: int) -> RenderableType:
    """Everything, for a console of that many columns."""
    parts: list[RenderableType] = [_head(report), _portfolio(report, width), Text()]
    parts += _verdict(report)
    scale = _scale(report)
    widest = max((_profit(report, entry.facts).cell_len for entry in report.entries), default=0)
    columns, of = _Columns.of(width, widest), len(report.entries)
    for heading, style, entries in (
        (f"ACTION REQUIRED  {len(report.actions)} of {of}", "bold yellow", report.actions),
        (f"NOT FULLY JUDGED  {len(report.undecided)} of {of}", "bold", report.undecided),
        ("NO ACTION", "bold", report.rest),
    ):
        if entries:
            parts += [_title(heading, style), _clusters(report, entries, scale, columns)]
    rungs = ladder((entry.facts for entry in report.entries), exchange_date(report.now))
    if rungs:
        parts += [_title("EXPIRIES", "bold"), _ladder(rungs, width)]
    return Group(*parts, *_notes(report))


def _verdict(report: Report) -> Iterator[RenderableType]:
    """Green only where everything could be judged."""
    style = "bold yellow"
    if report.all_clear:
        style = "bold green" if report.entries else "bold"
    for sentence in report.verdict:
        yield Padding(Text(sentence, style=style), (0, 1))
    if report.verdict:
        yield Text()


def _title(text: str, style: str) -> Rule:
    return Rule(Text(text, style=style), align="left", style="dim", characters="─")


def _head(report: Report) -> Table:
    meta = report.meta
    left = Text(" ")
    left.append(one_line(meta.source), style="bold")
    if meta.account_hash:
        left.append(f"  {one_line(meta.account_hash)}")
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


def _portfolio(report: Report, width: int) -> RenderableType:
    """The totals side by side where they fit, else one a line: no amount is cut."""
    totals, currency = report.totals, report.currency
    beta = number(totals.beta_delta.amount, 1, sign=True)
    unknown = "" if totals.net_liquidity is not None else "not stated"
    cells = [
        *_amounts("Net P/L", report, lambda amounts: amounts.net_pl),
        ("Beta delta", Text(f"{beta} {one_line(report.benchmark)}"), of(totals.beta_delta)),
        *_amounts("Theta/day", report, lambda amounts: amounts.theta),
        ("Net liq", Text(money(totals.net_liquidity, currency)), unknown),
        ("Buying power", Text(money(totals.buying_power, currency)), ""),
    ]
    for _label, value, _note in cells:
        value.stylize("bold")
    widest = max(max(len(label), value.cell_len, len(note)) for label, value, note in cells)
    return Padding(_beside(cells) if len(cells) * (widest + 2) <= width else _below(cells), (0, 1))


def _amounts(
    label: str, report: Report, read: Callable[[Amounts], Sum]
) -> Iterator[tuple[str, Text, str]]:
    """A sum of money, for each currency by itself: amounts of different currencies do not add up."""
    listed = report.totals.by_currency or {report.currency: NOTHING}
    for currency, amounts in listed.items():
        sum_ = read(amounts)
        named = f"{label} {one_line(currency or '?')}" if len(listed) > 1 else label
        yield named, _gain(sum_.amount, currency), of(sum_)


def _beside(cells: Sequence[tuple[str, Text, str]]) -> Table:
    grid = Table.grid(expand=True, padding=(0, 1))
    for _cell in cells:
        grid.add_column(ratio=1, no_wrap=True)
    grid.add_row(*(Text(label, style="dim") for label, _value, _note in cells))
    grid.add_row(*(value for _label, value, _note in cells))
    if any(note for _label, _value, note in cells):
        grid.add_row(*(Text(note, style="yellow") for _label, _value, note in cells))
    return grid


def _below(cells: Sequence[tuple[str, Text, str]]) -> RenderableType:
    widest = max(len(label) for label, _value, _note in cells)
    return Group(
        *(
            Text.assemble(
                (label.ljust(widest) + "  ", "dim"), value, ("  " + note if note else "", "yellow")
            )
            for label, value, note in cells
        )
    )


def _gain(amount: Decimal | None, currency: str | None) -> Text:
    text = money(amount, currency, sign=True)
    style = "" if not amount else "green" if amount > 0 else "red"
    return Text(text, style=style)


@attrs.frozen
class _Scale:
    """Of the bars: what is in another currency has none."""

    currency: str | None
    largest: Decimal

    def amount(self, facts: Facts) -> Decimal | None:
        """What is drawn."""
        return facts.net_pl.amount if facts.currency == self.currency else None


def _scale(report: Report) -> _Scale:
    """Of the account's currency, or of the one that most strategies are in."""
    counts = Counter(entry.facts.currency for entry in report.entries)
    currency = None if not counts or None in counts else counts.most_common(1)[0][0]
    amounts = (e.facts.net_pl.amount for e in report.entries if e.facts.currency == currency)
    return _Scale(currency, max((abs(amount) for amount in amounts if amount), default=Decimal(0)))


def _clusters(
    report: Report, entries: Sequence[Entry], scale: _Scale, columns: _Columns
) -> RenderableType:
    lines: list[RenderableType] = []
    for entry in entries:
        lines += _cluster(entry, _profit(report, entry.facts), scale, columns)
    return Group(*lines, Text())


_ACTION, _ROOT, _DTE = 12, 10, 7
_MIN_NAME, _MAX_NAME = 16, 33
_MIN_NAME_BESIDE_BAR = 24
_BAR, _WIDE_BAR = 11, 15


@attrs.frozen
class _Columns:
    """Widths in characters; a column without room has 0. The P/L is never cut: other columns make room for it.

    Attributes:
        strategy: 0 where names stand on lines of their own.
        profit: as wide as the widest P/L.
        bar: of the P/L.
        legs: 0 where legs stand on lines of their own.
    """

    strategy: int
    profit: int
    bar: int
    legs: int

    @classmethod
    def of(cls, width: int, profit: int) -> _Columns:
        """What fits into a line of that width."""
        room = width - (1 + _ACTION + _ROOT + 1 + _DTE + 1 + profit + 1)
        if width >= _WIDE and room >= _MAX_NAME + 1 + _WIDE_BAR:
            legs = max(0, room - _MAX_NAME - 1 - _WIDE_BAR - 2)
            return cls(_MAX_NAME, profit, _WIDE_BAR, legs)
        if room >= _MIN_NAME_BESIDE_BAR + 1 + _BAR:
            return cls(room - 1 - _BAR, profit, _BAR, 0)
        if room >= _MIN_NAME:
            return cls(room, profit, 0, 0)
        return cls(0, min(profit, width - (1 + _ACTION + _ROOT)), 0, 0)


def _cluster(
    entry: Entry, profit: Text, scale: _Scale, columns: _Columns
) -> Iterator[RenderableType]:
    facts = entry.facts
    legs = "  ".join(describe(facts.cluster.legs))
    beside = len(legs) <= columns.legs
    yield from _first_lines(entry, profit, scale, columns, legs if beside else "")
    indent = (0, 0, 0, 1 + _ACTION if columns.strategy else 2)
    for finding in entry.findings:
        also = "" if finding is entry.finding else f"also {finding.action.value}: "
        yield Padding(Text(also + finding.reason), indent)
    for each in entry.not_judged:
        words = f"not judged: {each.action.value}"  # what it needs is a note at the foot, once
        yield Padding(Text(words, style="yellow"), indent)
    if not beside:
        yield Padding(Text(legs, style="dim"), indent)


def _first_lines(
    entry: Entry, profit: Text, scale: _Scale, columns: _Columns, legs: str
) -> Iterator[RenderableType]:
    """Action, root, strategy, days to expiration and P/L: one line, or two where the terminal is narrow."""
    facts = entry.facts
    line = Text(" ")
    line.append_text(_cell(_action(entry.finding), _ACTION))
    line.append_text(_cell(Text(one_line(facts.cluster.root), "bold"), _ROOT - 1)).append(" ")
    if not columns.strategy:
        if profit.cell_len > columns.profit:
            yield line
            line = Text("  ")
        yield line.append_text(_right(profit, columns.profit))
        yield Padding(Text(f"{title(facts)}  ").append_text(_dte(facts)), (0, 0, 0, 2))
        return
    name, *more = textwrap.wrap(title(facts), columns.strategy)
    line.append_text(_cell(Text(name), columns.strategy)).append(" ")
    line.append_text(_right(_dte(facts), _DTE)).append(" ")
    line.append_text(_right(profit, columns.profit))
    if columns.bar:
        line.append(" ").append_text(bar(scale.amount(facts), scale.largest, columns.bar))
    if legs:
        line.append("  ").append(legs, style="dim")
    yield line
    for rest in more:
        yield Padding(Text(rest), (0, 0, 0, 1 + _ACTION + _ROOT))


def _cell(text: Text, width: int) -> Text:
    """A word, cut where it is too long."""
    text.truncate(width, overflow="ellipsis", pad=True)
    return text


def _right(text: Text, width: int) -> Text:
    """A number, on the right, never cut."""
    return Text(" " * max(0, width - text.cell_len)).append_text(text)


def _action(finding: Finding | None) -> Text:
    if finding is None:
        return Text()
    return Text(finding.action.value, style=ACTION_STYLES[finding.action])


def _dte(facts: Facts) -> Text:
    urgent = facts.dte is not None and facts.dte <= 0
    return Text(dte(facts.dte), style="bold yellow" if urgent else "")


def _profit(report: Report, facts: Facts) -> Text:
    """The P/L; `~` before what is known of it in part only."""
    text = _gain(facts.net_pl.amount, facts.currency or report.currency)
    if facts.net_pl.amount is not None and facts.net_pl.complete is None:
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
    # Below 60 columns the numbers need the room of the bars.
    length = max(10, min(40, width - 60)) if width >= 60 else 0
    shown = rungs[:_RUNGS]
    words = max(_MIN_COUNTS if length else 0, *(len(contracts_of(rung)) for rung in shown)) + 1
    lines = [_rung(rung, most, length, words) for rung in shown]
    if len(rungs) > _RUNGS:
        later = rungs[_RUNGS:]
        contracts = sum((rung.long + rung.short for rung in later), Decimal(0))
        rest = f" {len(later)} later expirations, {quantity(contracts)} contracts"
        lines.append(Text(rest, style="dim"))
    if length:
        lines.append(Text(" █ short  ░ long contracts", style="dim"))
    return Group(*lines, Text())


def _rung(rung: Rung, most: Decimal, length: int, words: int) -> Text:
    line = Text(f" {day(rung.expiration)} ")
    when = Text(dte(rung.dte), style="bold yellow" if rung.dte <= 0 else "")
    line.append_text(_right(when, _DTE))
    line.append("  ")
    short, long = (
        max(1, int((amount / most * length).to_integral_value())) if amount else 0
        for amount in (rung.short, rung.long)
    )
    if length:
        drawn = Text.assemble(("█" * short, "red"), ("░" * long, "green"))
        line.append_text(_cell(drawn, length + 1))
    line.append_text(_cell(Text(contracts_of(rung)), words))
    line.append(" ".join(one_line(root) for root in rung.roots), style="dim")
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line


def _notes(report: Report) -> Iterator[RenderableType]:
    """Which rules could not be judged and why, and what the rest was judged by."""
    for lacking in report.unavailable:
        of_all = f"{lacking.clusters} of {plural(lacking.of, 'strategy', 'strategies')}"
        yield _note(f"{lacking.action.value} not judged for {of_all}: it needs {lacking.needs}")
    if len({entry.facts.currency for entry in report.entries}) > 1:
        drawn = _scale(report).currency or report.currency or "the account's currency"
        yield _note(f"Bars compare amounts in {one_line(drawn)} only")
    if report.net_liquidity_origin != BALANCES:
        amount = money(report.net_liquidity, report.currency)
        yield _note(f"Losses are measured against {amount}, {report.net_liquidity_origin}")
    yield _note(f"Positions: {report.age_limits}")
    if report.thresholds.origin != SHIPPED:
        yield _note(f"Thresholds: {printable(report.thresholds.origin)}")
    totals = report.totals
    amounts = [totals.net_pl.amount, totals.theta.amount, totals.net_liquidity, totals.buying_power]
    amounts += [entry.facts.net_pl.amount for entry in report.entries]
    if not all(map(is_whole_cents, amounts)):
        yield _note("Money is rounded to the cent")


def _note(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 1))
