"""The triage on a terminal: what to do first, then the rest. Readable at 80 columns and without colour."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from variance_bridge import Freshness
from variance_bridge.formatting import is_whole_cents, printable
from variance_bridge.model import Environment
from variance_bridge.terminal import CYAN, GREEN, RED, YELLOW, not_shown
from variance_bridge_triage.render.legs import PARTLY, one_line
from variance_bridge_triage.render.summary import notes, shared_lacks
from variance_bridge_triage.render.terminal.expiries import expiries, lacks_risk
from variance_bridge_triage.render.terminal.profit_bars import MIN_WIDTH, profit_bars
from variance_bridge_triage.render.terminal.strategy_table import (
    STRIKES,
    Layout,
    header,
    is_partly_known,
    strategy,
)
from variance_bridge_triage.render.terminal.strike_line import legend
from variance_bridge_triage.render.terminal.strikes_chart import strikes_chart
from variance_bridge_triage.render.terminal.totals import totals_of
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.report import Entry, Report
from variance_bridge_triage.rules.thresholds import SHIPPED

_PLAIN = str.maketrans({
    "█": "#", "▌": "#", "▐": "#", "░": "+", "│": "|", "┃": "#", "●": "o", "─": "-", "━": "=", "×": "x", "–": "-", "·": "-", "…": "~", "€": "E", "£": "L",
})  # fmt: skip
"""For terminals that have no more than ASCII."""


def show(reports: Report | Sequence[Report], console: Console) -> None:
    """Print the dashboard of one account, or of several, as wide as the console is."""
    if console.encoding.lower().replace("-", "").startswith("utf"):
        console.print(dashboard(reports, console.width))
        return
    text = render(reports, console.width).translate(_PLAIN)
    console.file.write(text.encode(console.encoding, "replace").decode(console.encoding))


def render(reports: Report | Sequence[Report], width: int) -> str:
    """The dashboard as plain text of that width."""
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, force_terminal=False, emoji=False)
    console.print(dashboard(reports, width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def dashboard(reports: Report | Sequence[Report], width: int) -> RenderableType:
    """Account after account, for a console of that many columns; what there is to say about all of them once, at the end."""
    listed = [reports] if isinstance(reports, Report) else reports
    parts: list[RenderableType] = []
    hidden: dict[str, None] = {}
    for place, report in enumerate(listed):
        account, lacking = _account(report, width)
        parts += [Text(), *account] if place else account
        hidden |= dict.fromkeys(lacking)
    if len(listed) > 1:
        parts.append(_title("NOTES ON ALL ACCOUNTS", "bold"))
    return Group(*parts, *_notes(listed, list(hidden)))


def _account(report: Report, width: int) -> tuple[list[RenderableType], list[str]]:
    """One account without its notes; and what there is no room for."""
    parts: list[RenderableType] = [_head(report), totals_of(report, width), Text()]
    parts += _verdict(report)
    layout, of = Layout.of(report, width), len(report.entries)
    undecided = f"NOT FULLY JUDGED  {len(report.undecided)} of {of}"
    nowhere = set(report.judged_nowhere)
    shared = [each.action for each in shared_lacks(report) or ()]
    said = ", ".join(action.value for action in shared)
    named = f"{undecided}  not judged: {said}"
    fits = len(named) < width
    if said and fits:
        undecided = named
    for heading, style, entries in (
        (f"ACTION REQUIRED  {len(report.actions)} of {of}", YELLOW.bold, report.actions),
        (undecided, "bold", report.undecided),
        (f"NO ACTION  {len(report.rest)} of {of}", "bold", report.rest),
    ):
        if entries:
            parts.append(_title(heading, style))
            if heading == undecided and said and not fits:
                parts.append(Padding(Text(f"not judged: {said}", style=YELLOW.style), (0, 1)))
            above = shared if heading == undecided else []
            parts.append(_strategies(report, entries, layout, nowhere.union(above)))
    signs = [] if layout.scale is None else [legend(layout.scale)]
    if is_partly_known(report, layout):
        signs.append(f"{PARTLY} what is known of it")
    if signs:
        parts += [_note("  ".join(signs)), Text()]
    charts, hidden = _charts(report, width)
    lacking = list(layout.hidden)
    if STRIKES in lacking and (chart := strikes_chart(report, width)) is not None:
        lacking.remove(STRIKES)
        charts = [_title("PRICE AGAINST STRIKES", "bold"), chart, *charts]
    return [*parts, *charts], [*lacking, *hidden]


def _charts(report: Report, width: int) -> tuple[list[RenderableType], list[str]]:
    """The charts that there is room for, with their headings; and what there is none for."""
    charts: list[RenderableType] = []
    hidden = []
    bars = profit_bars(report, max(width, MIN_WIDTH))
    if bars is not None and width < MIN_WIDTH:
        hidden.append("profit and loss chart")
    elif bars is not None:
        charts += [_title("PROFIT AND LOSS", "bold"), bars]
    if (calendar := expiries(report, width)) is not None:
        charts += [_title("EXPIRIES", "bold"), calendar]
    if lacks_risk(report, width):
        hidden.append("At risk")
    return charts, hidden


def _strategies(
    report: Report, entries: Sequence[Entry], layout: Layout, said: AbstractSet[Action]
) -> RenderableType:
    layout = layout.of_section(entries)
    lines: list[RenderableType] = [header(layout)] if layout.name else []
    for entry in entries:
        lines += strategy(report, entry, layout, said)
    return Group(*lines, Text())


def _verdict(report: Report) -> Iterator[RenderableType]:
    """Green only where everything could be judged."""
    style = YELLOW.bold
    if report.all_clear:
        style = GREEN.bold if report.entries else "bold"
    for sentence in report.verdict:
        yield Padding(Text(sentence, style=style), (0, 1))
    if report.verdict:
        yield Text()


def _title(text: str, style: str) -> Rule:
    return Rule(Text(text, style=style), align="left", style="dim", characters="─")


def _head(report: Report) -> RenderableType:
    meta = report.meta
    left = Text()
    left.append(one_line(meta.source), style="bold")
    if account := report.label or meta.account_hash:
        left.append(f"  {one_line(account)}", style="bold" if report.label else "")
    if meta.environment not in (None, Environment.PRODUCTION):
        left.append(f"  {meta.environment.value.upper()}" if meta.environment else "", CYAN.bold)
    right = Text()
    right.append_text(_age(report))
    right.append("  ")
    right.append_text(_status(report))
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    grid.add_row(left, right)
    return Padding(grid, (0, 0, 0, 1))


def _age(report: Report) -> Text:
    if report.too_old:
        return Text(f"TOO OLD: {report.age_words}", style=RED.bold)
    if report.freshness is Freshness.STALE:
        return Text(f"STALE: {report.age_words}", style=YELLOW.bold)
    return Text(report.age_words, style=GREEN.style)


def _status(report: Report) -> Text:
    if report.is_whole is False:
        return Text(report.status_words.upper(), style=YELLOW.bold)
    return Text(report.status_words, style=GREEN.style if report.is_whole else "dim")


def _notes(reports: Sequence[Report], hidden: Sequence[str]) -> Iterator[RenderableType]:
    """What was not judged, and what the rest was judged by; each once."""
    for note in notes(reports):
        yield _note(note)
    for limits in dict.fromkeys(str(each.age_limits) for each in reports):
        yield _note(f"Positions: {limits}")
    for origin in dict.fromkeys(each.thresholds.origin for each in reports):
        if origin != SHIPPED:
            yield _note(f"Thresholds: {printable(origin)}")
    if not all(is_whole_cents(amount) for each in reports for amount in _amounts(each)):
        yield _note("Money is rounded to the cent")
    if hidden:
        yield _note(not_shown(hidden))


def _amounts(report: Report) -> Iterator[Decimal | None]:
    totals = report.totals
    yield from (
        totals.net_pl.amount,
        totals.theta.amount,
        totals.net_liquidity,
        totals.buying_power,
    )
    yield from (entry.facts.net_pl.amount for entry in report.entries)


def _note(text: str) -> Padding:
    return Padding(Text(text, style="dim"), (0, 1))
