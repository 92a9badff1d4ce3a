"""What the two charts of the page show and where: profit by strategy, and what expires when. The template draws them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

import attrs

from variance_bridge.formatting import money, rounded
from variance_bridge_triage.render.legs import Rung, contracts_of, day, dte, one_line
from variance_bridge_triage.rules.report import Entry, Report

MAX_ROWS = 30
_WIDTH, _AXIS = 760, 500
_ROW, _BAR, _BASELINE = 26, 16, 18


@attrs.frozen
class Label:
    """A text; `anchor` says which of its ends is at `x`."""

    text: str
    x: Decimal
    anchor: str = "start"


@attrs.frozen
class Bar:
    """A bar of a row; `kind` is its class in page.css."""

    x: Decimal
    width: Decimal
    kind: str


@attrs.frozen(kw_only=True)
class Row:
    """One line of a chart, from `top` on, its text on the `baseline`."""

    labels: tuple[Label, ...]
    bars: tuple[Bar, ...]
    top: int
    baseline: int
    height: int = _BAR


@attrs.frozen(kw_only=True)
class Chart:
    """A chart in SVG units; `axis` is where its vertical line stands, None without one."""

    name: str
    title: str
    caption: str
    rows: tuple[Row, ...]
    axis: int | None = None
    width: int = _WIDTH

    @property
    def height(self) -> int:
        """Of all rows."""
        return len(self.rows) * _ROW


def profit_charts(report: Report) -> list[Chart]:
    """Profit and loss of each strategy, gains first, a chart for each currency: their amounts do not compare."""
    currencies = sorted({entry.facts.currency or "" for entry in report.entries})
    charts = []
    for place, currency in enumerate(currencies):
        entries = [entry for entry in report.entries if (entry.facts.currency or "") == currency]
        named = currency or report.currency or "the account's currency"
        title = "Profit and loss by strategy"
        if len(currencies) > 1:
            title += f", in {one_line(named)}"
        name = "chart-profit" + (f"-{place}" if place else "")
        chart = _profit_chart(report, entries, name=name, title=title)
        charts += [chart] if chart else []
    return charts


def _profit_chart(
    report: Report, entries: Sequence[Entry], *, name: str, title: str
) -> Chart | None:
    known = [entry for entry in entries if entry.facts.net_pl.amount is not None]
    known.sort(key=lambda entry: abs(_amount(entry)), reverse=True)
    shown = sorted(known[:MAX_ROWS], key=_amount, reverse=True)
    if not shown:
        return None
    scale = max(abs(_amount(entry)) for entry in shown)
    left_out = len(entries) - len(shown)
    note = f" {left_out} more in the tables above." if left_out else ""
    return Chart(
        name=name,
        title=title,
        caption=f"Losses to the left, gains to the right of the axis.{note}",
        rows=tuple(_profit_row(report, entry, scale, place) for place, entry in enumerate(shown)),
        axis=_AXIS,
    )


def _amount(entry: Entry) -> Decimal:
    return entry.facts.net_pl.amount or Decimal(0)


def _profit_row(report: Report, entry: Entry, scale: Decimal, place: int) -> Row:
    facts, amount = entry.facts, _amount(entry)
    length = abs(amount) / scale * 170 if scale else Decimal(0)
    start = _AXIS - length if amount < 0 else Decimal(_AXIS)
    text = money(amount, facts.currency or report.currency, sign=True)
    beside = start - 6 if amount < 0 else start + length + 6
    name = f"{one_line(facts.cluster.root)} {facts.cluster.strategy}"
    labels = [
        Label(name, Decimal(0)),
        Label(text, _coordinate(beside), "end" if amount < 0 else "start"),
    ]
    return _row(place, labels, [(start, length, "loss" if amount < 0 else "gain")])


def ladder_chart(rungs: Sequence[Rung]) -> Chart | None:
    """Contracts by expiration, short and long ones; None when nothing expires."""
    if not rungs:
        return None
    largest = max(rung.short + rung.long for rung in rungs)
    shown = rungs[:MAX_ROWS]
    later = len(rungs) - len(shown)
    note = f" {later} later expirations are not drawn." if later else ""
    return Chart(
        name="chart-expiry",
        title="Expiry ladder",
        caption=f"Contracts by expiration: filled bars are short, outlined bars are long.{note}",
        rows=tuple(_ladder_row(rung, largest, place) for place, rung in enumerate(shown)),
    )


def _ladder_row(rung: Rung, largest: Decimal, place: int) -> Row:
    short, long = rung.short / largest * 270, rung.long / largest * 270
    roots = " ".join(one_line(root) for root in rung.roots[:4])
    more = f" +{len(rung.roots) - 4}" if len(rung.roots) > 4 else ""
    labels = [
        Label(f"{day(rung.expiration)}  {dte(rung.dte)}", Decimal(0)),
        Label(f"{contracts_of(rung)}: {roots}{more}", _coordinate(176 + short + long)),
    ]
    return _row(place, labels, [(Decimal(170), short, "short"), (170 + short, long, "long")])


def _row(place: int, labels: Iterable[Label], bars: Iterable[tuple[Decimal, Decimal, str]]) -> Row:
    top = place * _ROW
    return Row(
        labels=tuple(labels),
        bars=tuple(Bar(_coordinate(x), _coordinate(width), kind) for x, width, kind in bars),
        top=top + (_ROW - _BAR) // 2,
        baseline=top + _BASELINE,
    )


def _coordinate(value: Decimal) -> Decimal:
    return rounded(value, 1)
