"""The strategies of a report as a table for the terminal: as many columns as there is room for, and no digit cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from variance_bridge.formatting import UNKNOWN, money, percent
from variance_bridge.money import Sum
from variance_bridge.terminal import CYAN, GREEN, MAGENTA, RED, YELLOW, columns_that_fit
from variance_bridge_triage.render.legs import (
    PARTLY,
    describe,
    dte,
    one_line,
    shown_price,
    telling,
    title,
)
from variance_bridge_triage.render.price_range import price_range
from variance_bridge_triage.render.summary import is_weighted, numbers_in_doubt, unread_rows
from variance_bridge_triage.render.terminal.cells import gain, left, right
from variance_bridge_triage.render.terminal.strike_line import (
    MAX_WIDTH,
    MIN_WIDTH,
    Scale,
    fits,
    heading,
    scale_of,
    strike_line,
)
from variance_bridge_triage.rules.actions import Action, Finding
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.rules.report import Entry, Report

ACTION_STYLES = {
    Action.EXPIRING: YELLOW.bold,
    Action.HARVEST: GREEN.bold,
    Action.SIZE_THREAT: RED.bold,
    Action.DEFENSE: RED.bold,
    Action.GAMMA: MAGENTA.bold,
    Action.HEDGE_CHECK: CYAN.bold,
}

STRIKES = "strikes"
"""What the strike lines are called where there is no room for them."""

_GAP = 2
_MIN_NAME, _USUAL_NAME, _MAX_NAME = 16, 22, 33
_MAX_ROOT = 10
_GLUE = "\ue000"
"""Stands in a leg where a line must not break it; a blank on the screen."""


class Column(NamedTuple):
    """A column of numbers; where it is narrow, those of the highest rank go first, and those of rank 0 last."""

    name: str
    rank: int
    cell: Callable[[Report, Facts], Text]


def _partly(sum_: Sum, text: Text) -> Text:
    """`~` before what is known of it in part only."""
    return Text(PARTLY) + text if sum_.amount is not None and sum_.complete is None else text


def _dte(_report: Report, facts: Facts) -> Text:
    urgent = facts.dte is not None and facts.dte <= 0
    return Text(dte(facts.dte), style=YELLOW.bold if urgent else "")


def _profit(report: Report, facts: Facts) -> Text:
    profit = telling(facts.net_pl)
    return _partly(profit, gain(profit.amount, facts.currency or report.currency))


def _share(_report: Report, facts: Facts) -> Text:
    fraction = facts.pl_fraction
    if fraction is None:
        return Text(UNKNOWN)
    return Text(percent(fraction, sign=True), style=GREEN.style if fraction > 0 else RED.style)


def _price(_report: Report, facts: Facts) -> Text:
    return Text(shown_price(facts))


def _delta(_report: Report, facts: Facts) -> Text:
    delta = telling(facts.delta)
    return _partly(delta, Text(delta_words(delta.amount)))


def _beta_delta(_report: Report, facts: Facts) -> Text:
    delta = telling(facts.beta_delta)
    return _partly(delta, Text(delta_words(delta.amount)))


def _theta(report: Report, facts: Facts) -> Text:
    theta = telling(facts.theta)
    return _partly(theta, Text(money(theta.amount, facts.currency or report.currency, sign=True)))


_DTE = Column(name="DTE", rank=0, cell=_dte)
_PROFIT = Column(name="P/L", rank=0, cell=_profit)
_SHARE = Column(name="P/L %", rank=1, cell=_share)
_PRICE = Column(name="Price", rank=2, cell=_price)
_DELTA = Column(name="Delta", rank=3, cell=_delta)
_BETA_DELTA = Column(name="Beta delta", rank=3, cell=_beta_delta)
_THETA = Column(name="Theta", rank=4, cell=_theta)
_STACKED = (_DTE, _PROFIT, _SHARE)
"""What a terminal shows that is too narrow for columns."""


class Layout(NamedTuple):
    """Widths of a report's table on a terminal, the same for all its sections.

    Attributes:
        width: of the terminal.
        action: of the column of actions, as `root`.
        name: of the strategies; 0 where the terminal is so narrow that each number stands on a line of its own.
        columns: of numbers, with their widths.
        scale: of the strike lines; None without.
        hidden: what there is no room for, by name.
    """

    width: int
    action: int
    root: int
    name: int
    columns: tuple[tuple[Column, int], ...]
    scale: Scale | None
    hidden: tuple[str, ...] = ()

    @classmethod
    def of(cls, report: Report, width: int) -> Layout:
        """What fits into a terminal of that width."""
        entries = report.entries
        actions = [len(each.finding.action.value) for each in entries if each.finding]
        roots = [len(one_line(each.facts.cluster.root)) for each in entries]
        action = max([len("Action"), *actions]) if actions else 0
        root = min(_MAX_ROOT, max([len("Root"), *roots]))
        names = max([len("Strategy"), *(len(title(each.facts)) for each in entries)])
        columns = _known_columns(report)
        room = width - 1 - (action + _GAP if action else 0) - root - _GAP
        kept = _that_fit(columns, room - min(names, _USUAL_NAME))
        rest = room - sum(wide + _GAP for _column, wide in kept)
        drawn = [found for each in entries if (found := price_range(each.facts))]
        in_lines = rest >= min(names, _MIN_NAME)
        shown = kept if in_lines else [pair for pair in columns if pair[0] in _STACKED]
        hidden = tuple(pair[0].name for pair in columns if pair not in shown)
        without_strikes = cls(
            width=width,
            action=action,
            root=root,
            name=min(names, rest) if in_lines else 0,
            columns=kept,
            scale=None,
            hidden=(*hidden, STRIKES) if drawn else hidden,
        )
        if not in_lines:
            return without_strikes
        beside = max((_length_with_legs(each.facts) for each in entries), default=0)
        name = max(min(names, _MAX_NAME, rest), min(beside, rest - MAX_WIDTH - _GAP))
        picture = min(MAX_WIDTH, rest - name - _GAP)
        if picture < MIN_WIDTH or not drawn or len(kept) < len(columns):
            return without_strikes
        scale = scale_of(drawn, picture)
        return cls(width=width, action=action, root=root, name=name, columns=kept, scale=scale)

    def of_section(self, entries: Sequence[Entry]) -> Layout:
        """For some of the strategies: where none needs action, the names have the room of the actions."""
        if not self.action or not self.name or any(entry.findings for entry in entries):
            return self
        return self._replace(action=0, name=self.name + self.action + _GAP)

    @property
    def indent(self) -> int:
        """Where the details of a strategy begin: below its root, or below its name where there are no actions."""
        if not self.name:
            return 2
        return self._root_at if self.action else self.name_at

    @property
    def name_at(self) -> int:
        """Where the names of strategies begin."""
        return self._root_at + self.root + _GAP

    @property
    def _root_at(self) -> int:
        return 1 + (self.action + _GAP if self.action else 0)


def _length_with_legs(facts: Facts) -> int:
    return len(title(facts)) + _GAP + len("  ".join(describe(facts.cluster.legs)))


def _known_columns(report: Report) -> list[tuple[Column, int]]:
    """The columns in which something is known, each as wide as its widest cell."""
    found = []
    deltas = _BETA_DELTA if is_weighted(report) else _DELTA
    for column in (_DTE, _PROFIT, _SHARE, _PRICE, deltas, _THETA):
        cells = [column.cell(report, each.facts) for each in report.entries]
        if column.rank and all(cell.plain == UNKNOWN for cell in cells):
            continue
        found.append((column, max([len(column.name), *(cell.cell_len for cell in cells)])))
    return found


def _that_fit(columns: Sequence[tuple[Column, int]], room: int) -> tuple[tuple[Column, int], ...]:
    widths = [wide + _GAP for _column, wide in columns]
    ranks = [column.rank for column, _wide in columns]
    return tuple(columns[place] for place in columns_that_fit(widths, ranks, room))


def header(layout: Layout) -> RenderableType:
    """The names of the columns."""
    if not layout.name:
        return Text()
    line = Text(" ")
    if layout.action:
        line.append_text(left(Text("Action"), layout.action + _GAP))
    line.append_text(left(Text("Root"), layout.root + _GAP))
    line.append_text(left(Text("Strategy"), layout.name))
    for column, wide in layout.columns:
        line.append(" " * _GAP).append_text(right(Text(column.name), wide))
    if layout.scale is not None:
        line.append(" " * _GAP).append(heading(layout.scale))
    line.stylize("dim")
    return line


def is_partly_known(report: Report, layout: Layout) -> bool:
    """Whether a number in the table has the sign of what is known in part only."""
    columns = [column for column, _width in layout.columns] or _STACKED
    return any(
        column.cell(report, entry.facts).plain.startswith(PARTLY)
        for entry in report.entries
        for column in columns
    )


def strategy(
    report: Report, entry: Entry, layout: Layout, said: AbstractSet[Action]
) -> Iterator[RenderableType]:
    """The lines of one strategy: its numbers, then the reasons and its legs.

    Args:
        report: the whole.
        entry: the strategy.
        layout: of the report's table.
        said: the rules of which the verdict or the heading says that they were not judged.
    """
    legs = "  ".join(leg.replace(" ", _GLUE) for leg in describe(entry.facts.cluster.legs))
    if layout.name:
        lines, shows_legs = _row(report, entry, layout, legs)
    else:
        lines, shows_legs = _stacked(report, entry, layout), False
    yield from lines
    details = list(_reasons(entry, said))
    if not shows_legs:
        details.append(Text(legs, style="dim"))
    if details:
        yield Padding(
            _Unbroken(Text.assemble((" · ", "dim")).join(details)), (0, 0, 0, layout.indent)
        )


def _row(
    report: Report, entry: Entry, layout: Layout, legs: str
) -> tuple[list[RenderableType], bool]:
    """One line, more where the name is long; and whether it shows the legs."""
    facts = entry.facts
    line = Text(" ")
    if layout.action:
        line.append_text(left(_action(entry.finding), layout.action + _GAP))
    line.append_text(left(_root(facts), layout.root)).append(" " * _GAP)
    name, *more = _lines(title(facts), layout.name)
    room_beside = layout.name - len(name) - _GAP
    in_name = not more and len(legs) <= room_beside
    line.append(name)
    if in_name:
        line.append(" " * _GAP).append(legs.replace(_GLUE, " "), style="dim")
    line.append(" " * (layout.name_at + layout.name - line.cell_len))
    for column, wide in layout.columns:
        line.append(" " * _GAP).append_text(right(column.cell(report, facts), wide))
    in_picture = False
    if layout.scale is not None:
        drawn = price_range(facts)
        line.append(" " * _GAP)
        if drawn is not None and fits(drawn, layout.scale):
            line.append_text(strike_line(drawn, layout.scale))
        elif not in_name and len(legs) <= layout.scale.width:
            in_picture = True
            line.append(legs.replace(_GLUE, " "), style="dim")
    continued = [Padding(Text(rest), (0, 0, 0, layout.name_at)) for rest in more]
    return [line, *continued], in_name or in_picture


def _lines(name: str, width: int) -> list[str]:
    """A name on lines of that width, broken between words. `textwrap` takes longer to import than the whole table to draw."""
    first, *words = name.split()
    lines = [first]
    for word in words:
        if len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _stacked(report: Report, entry: Entry, layout: Layout) -> list[RenderableType]:
    """For terminals too narrow for columns: action and root with the P/L, then the strategy, days and share."""
    facts = entry.facts
    line = Text(" ")
    if entry.finding is not None:
        line.append_text(_action(entry.finding)).append("  ")
    line.append_text(_root(facts))
    profit = _profit(report, facts)
    second = Text(title(facts))
    for part in (_dte(report, facts), _share(report, facts)):
        if part.plain not in {"", UNKNOWN}:
            second.append("  ").append_text(part)
    below: RenderableType = Padding(second, (0, 0, 0, 2))
    room = layout.width - line.cell_len
    if profit.cell_len < room:
        return [line.append_text(right(profit, room)), below]
    return [line, right(profit, layout.width), below]


def _reasons(entry: Entry, said: AbstractSet[Action]) -> Iterator[Text]:
    """Why something is to be done, and which rules could not be judged, unless it has been said above.

    What those rules need is a note at the foot, once.
    """
    for finding in entry.findings:
        also = "" if finding is entry.finding else f"also {finding.action.value}: "
        yield Text(also + finding.reason)
    if entry.unread:
        yield Text(unread_rows(entry), style=YELLOW.style)
    if entry.doubts:
        yield Text(numbers_in_doubt(entry), style=YELLOW.style)
    names = [each.action.value for each in entry.not_judged if each.action not in said]
    if names:
        yield Text(f"not judged: {', '.join(names)}", style=YELLOW.style)


def _root(facts: Facts) -> Text:
    return Text(one_line(facts.cluster.root), style="bold")


def _action(finding: Finding | None) -> Text:
    if finding is None:
        return Text()
    return Text(finding.action.value, style=ACTION_STYLES[finding.action])


class _Unbroken(NamedTuple):
    """Text that is wrapped between legs and words, and never within a leg."""

    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print itself; called by rich."""
        for line in self.text.wrap(console, options.max_width):
            line.plain = line.plain.replace(_GLUE, " ").rstrip(" ·")
            yield line
