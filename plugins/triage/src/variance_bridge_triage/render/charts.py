"""The two charts of the page as SVG: profit by cluster, and what expires when."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from variance_bridge_triage import wording
from variance_bridge_triage.render.legs import Rung, day, safe
from variance_bridge_triage.render.markup import Markup, joined, tag
from variance_bridge_triage.rules.report import Entry, Report

_WIDTH = 760
_ROW = 26
_BAR = 16
_BASE = 18
"""Where the text of a row stands, from its top."""
MOST_ROWS = 30


def profit_chart(report: Report) -> Markup:
    """Profit and loss of each cluster, the largest first; empty when nothing is known."""
    known = [entry for entry in report.entries if entry.facts.net_pl.amount is not None]
    known.sort(key=lambda entry: abs(_amount(entry)), reverse=True)
    shown = sorted(known[:MOST_ROWS], key=_amount, reverse=True)
    if not shown:
        return Markup()
    scale = max(abs(_amount(entry)) for entry in shown)
    rows = [_profit_row(report, entry, scale, place) for place, entry in enumerate(shown)]
    height = str(len(shown) * _ROW)
    axis = tag("line", x1="500", x2="500", y1="0", y2=height, class_="axis")
    left_out = len(report.entries) - len(shown)
    note = f"; {left_out} smaller or unknown ones are in the tables" if left_out else ""
    return _figure(
        "Profit and loss by cluster",
        f"Losses to the left, gains to the right of the axis{note}.",
        len(shown),
        joined(axis, *rows),
    )


def _amount(entry: Entry) -> Decimal:
    return entry.facts.net_pl.amount or Decimal(0)


def _profit_row(report: Report, entry: Entry, scale: Decimal, place: int) -> Markup:
    facts, amount = entry.facts, _amount(entry)
    length = abs(amount) / scale * 170 if scale else Decimal(0)
    start = 500 - length if amount < 0 else Decimal(500)
    text = wording.money(amount, facts.currency or report.currency, sign=True)
    beside = start - 6 if amount < 0 else start + length + 6
    top = place * _ROW
    name = f"{safe(facts.cluster.root)} {facts.cluster.strategy}"
    return tag(
        "g",
        _text(name, 0, top, "start"),
        _rect(start, length, top, "loss" if amount < 0 else "gain"),
        _text(text, beside, top, "end" if amount < 0 else "start"),
    )


def ladder_chart(rungs: Sequence[Rung]) -> Markup:
    """Contracts by expiration, short and long ones; empty when nothing expires."""
    if not rungs:
        return Markup()
    most = max(rung.short + rung.long for rung in rungs)
    shown = rungs[:MOST_ROWS]
    rows = [_ladder_row(rung, most, place) for place, rung in enumerate(shown)]
    later = len(rungs) - len(shown)
    note = f" {later} later expirations are not drawn." if later else ""
    return _figure(
        "Expiry ladder",
        f"Contracts by expiration: filled bars are short, outlined bars are long.{note}",
        len(shown),
        joined(*rows),
    )


def _ladder_row(rung: Rung, most: Decimal, place: int) -> Markup:
    top = place * _ROW
    short, long = rung.short / most * 270, rung.long / most * 270
    counts = [(rung.short, "short"), (rung.long, "long")]
    words = ", ".join(f"{wording.quantity(number)} {side}" for number, side in counts if number)
    roots = " ".join(safe(root) for root in rung.roots[:4])
    more = f" +{len(rung.roots) - 4}" if len(rung.roots) > 4 else ""
    return tag(
        "g",
        _text(f"{day(rung.expiration)}  {wording.dte(rung.dte)}", 0, top, "start"),
        _rect(Decimal(170), short, top, "short"),
        _rect(170 + short, long, top, "long"),
        _text(f"{words}: {roots}{more}", 176 + short + long, top, "start"),
    )


def _figure(title: str, caption: str, rows: int, content: Markup) -> Markup:
    name = "chart-" + title.split(maxsplit=1)[0].lower()
    height = rows * _ROW
    picture = tag(
        "svg",
        tag("title", title, id=name),
        content,
        viewBox=f"0 0 {_WIDTH} {height}",
        role="img",
        aria_labelledby=name,
    )
    return tag("figure", tag("figcaption", tag("strong", title), " ", caption), picture)


def _rect(x: Decimal, width: Decimal, top: int, kind: str) -> Markup:
    return tag(
        "rect",
        x=_coordinate(x),
        y=str(top + (_ROW - _BAR) // 2),
        width=_coordinate(width),
        height=str(_BAR),
        class_=kind,
    )


def _text(words: str, x: Decimal | int, top: int, anchor: str) -> Markup:
    return tag("text", words, x=_coordinate(Decimal(x)), y=str(top + _BASE), text_anchor=anchor)


def _coordinate(value: Decimal) -> str:
    return f"{wording.rounded(value, 1):f}"
