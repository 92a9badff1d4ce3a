"""What expires when, for the terminal: contracts by expiration, and what a large move by then would cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from variance_bridge.formatting import UNKNOWN, money, quantity
from variance_bridge.terminal import RED, YELLOW
from variance_bridge.trading_hours import exchange_date
from variance_bridge_triage.render.expiry_risk import DEVIATIONS, ExpiryRisk, expiry_risks, lost
from variance_bridge_triage.render.legs import contracts_of, day, dte, one_line
from variance_bridge_triage.render.terminal.cells import left, right
from variance_bridge_triage.rules.report import Report

_RUNGS = 12
_DTE, _NARROW_DTE = 7, 5
_MIN_WIDTH_OF_BARS = 72
"""Below that the contracts and roots need the room."""
_MIN_BAR, _MAX_BAR = 10, 40
LEGEND = (
    f"At risk: what a move of {DEVIATIONS} standard deviations the worse way would cost by that day"
)


class _Columns(NamedTuple):
    """Widths; `amount` and `bar` are 0 where nothing is known or there is no room. `largest` fills a bar."""

    dte: int
    contracts: int
    amount: int
    bar: int
    largest: Decimal
    currency: str | None


def expiries(report: Report, width: int) -> RenderableType | None:
    """The next expirations with their contracts and roots, and where there is room the risk of each. None without any.

    Amounts of different currencies do not compare: with several there is no risk.
    """
    strategies = [entry.facts for entry in report.entries]
    risks = expiry_risks(strategies, exchange_date(report.now))
    if not risks:
        return None
    shown, later = risks[:_RUNGS], risks[_RUNGS:]
    currencies = {facts.currency or report.currency for facts in strategies}
    columns = _columns(shown, report.currency, width if len(currencies) == 1 else 0)
    lines = [line for risk in shown for line in _rung(risk, columns, width)]
    if later:
        contracts = sum((risk.rung.long + risk.rung.short for risk in later), Decimal(0))
        rest = f" {len(later)} later expirations, {quantity(contracts)} contracts"
        lines.append(Text(rest, style="dim"))
    if not columns.bar:
        return Group(*lines, Text())
    return Group(_header(columns), *lines, *_explained(shown), Text())


def lacks_risk(report: Report, width: int) -> bool:
    """Whether a wider terminal would show the risk of some day."""
    strategies = [entry.facts for entry in report.entries]
    if width >= _MIN_WIDTH_OF_BARS or len({facts.currency for facts in strategies}) != 1:
        return False
    risks = expiry_risks(strategies, exchange_date(report.now))[:_RUNGS]
    return any(risk.loss is not None for risk in risks)


def _header(columns: _Columns) -> Text:
    dte_, amount = "DTE".rjust(columns.dte), "At risk".rjust(columns.amount)
    return Text(f" Expires   {dte_}  {amount}  {' ' * columns.bar}  Contracts", style="dim")


def _explained(shown: Sequence[ExpiryRisk]) -> Iterator[RenderableType]:
    """What the amounts mean, and what of the days shown is not in them."""
    yield Padding(Text(LEGEND, style="dim"), (0, 1))
    for sign, risks in (
        ("~ without what is not counted", [risk for risk in shown if risk.loss is not None]),
        (f"{UNKNOWN} not counted", [risk for risk in shown if risk.loss is None]),
    ):
        if missing := dict.fromkeys(each for risk in risks for each in risk.left_out):
            yield Padding(Text(f"{sign}: {', '.join(missing)}", style="dim"), (0, 1))


def _columns(shown: Sequence[ExpiryRisk], currency: str | None, width: int) -> _Columns:
    contracts = max(len(contracts_of(risk.rung)) for risk in shown)
    known = [risk.loss for risk in shown if risk.loss is not None]
    if width < _MIN_WIDTH_OF_BARS or not known:
        return _Columns(_NARROW_DTE, contracts, 0, 0, Decimal(0), currency)
    amount = max(len("At risk"), *(len(_amount(risk, currency)) for risk in shown))
    bar = max(_MIN_BAR, min(_MAX_BAR, width - _MIN_WIDTH_OF_BARS))
    return _Columns(_DTE, contracts, amount, bar, max(known), currency)


def _amount(risk: ExpiryRisk, currency: str | None) -> str:
    """`~` before what is known in part."""
    if risk.loss is None:
        return UNKNOWN
    return f"{'~' if risk.left_out else ''}{money(lost(risk.loss), currency)}"


def _rung(risk: ExpiryRisk, columns: _Columns, width: int) -> Iterator[Text]:
    """Its line, and more lines where its roots need them."""
    rung = risk.rung
    line = Text(f" {day(rung.expiration)} ")
    when = Text(dte(rung.dte), style=YELLOW.bold if rung.dte <= 0 else "")
    line.append_text(right(when, columns.dte)).append("  ")
    if columns.bar:
        line.append_text(right(Text(_amount(risk, columns.currency)), columns.amount)).append("  ")
        line.append_text(left(_bar(risk, columns), columns.bar)).append("  ")
    line.append_text(left(Text(contracts_of(rung)), columns.contracts + 1))
    indent = line.cell_len
    for root in map(one_line, rung.roots):
        if line.cell_len + len(root) > width:
            yield _cut(line)
            line = Text(" " * max(1, min(indent, width - len(root))))
        line.append(f"{root} ", style="dim")
    yield _cut(line)


def _bar(risk: ExpiryRisk, columns: _Columns) -> Text:
    """In steps of half a character; what is above nothing is seen."""
    if not risk.loss:
        return Text()
    halves = max(1, round(risk.loss / columns.largest * columns.bar * 2))
    return Text("█" * (halves // 2) + "▌" * (halves % 2), style=RED.style)


def _cut(line: Text) -> Text:
    line.rstrip()
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
