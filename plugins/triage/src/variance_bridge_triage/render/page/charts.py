"""What the charts of the page show and where. The template draws them; all places are percent of a chart's width.

A chart is a table with a picture in the middle column, so that nothing in it can be seen only. Amounts of different
currencies never share a chart, and what is unknown is left out and counted in the caption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import chain

from msgspec import Struct, structs

from variance_bridge.formatting import (
    UNKNOWN,
    money,
    number,
    percent,
    plural,
    price,
    rounded,
    strike,
)
from variance_bridge.money import total
from variance_bridge.symbology import InstrumentType
from variance_bridge.trading_hours import exchange_date
from variance_bridge_triage.render.expiry_risk import DEVIATIONS, ExpiryRisk, expiry_risks, lost
from variance_bridge_triage.render.legs import contracts_of, day, dte, letter_of, one_line, title
from variance_bridge_triage.render.price_range import PriceRange, price_range
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.rules.report import Entry, Report

MAX_ROWS = 30
_FULL = Decimal(100)


class Bar(Struct, frozen=True):
    """A bar from `x` on; `kind` is its class in page.css."""

    x: Decimal
    width: Decimal
    kind: str


class Mark(Struct, frozen=True):
    """A line or a dot at `x`."""

    x: Decimal
    kind: str


class Row(Struct, frozen=True, kw_only=True):
    """One row: what it is of, its picture, and the amount in words."""

    name: str
    amount: str
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()
    note: str = ""


class Chart(Struct, frozen=True, kw_only=True):
    """A chart; `axis` is where its vertical line stands, None without one. `folded` are smaller rows on the same scale."""

    name: str
    title: str
    caption: str
    of: str
    unit: str
    rows: tuple[Row, ...]
    axis: Decimal | None = None
    folded: tuple[Row, ...] = ()


class _Item(Struct, frozen=True):
    """What a bar is drawn of; `amount` None is unknown."""

    name: str
    amount: Decimal | None
    note: str = ""


def charts(report: Report) -> list[Chart]:
    """All charts in which something is known, in their order on the page."""
    found: list[Chart | None] = [_prices(report)]
    for currency, entries in _by_currency(report):
        of = f", in {one_line(currency or '?')}" if _currencies(report) > 1 else ""
        found += [
            _allocation(report, entries, currency, of),
            _profits(entries, currency, of),
        ]
    found.append(_deltas(report))
    for currency, entries in _by_currency(report):
        of = f", in {one_line(currency or '?')}" if _currencies(report) > 1 else ""
        found.append(_thetas(entries, currency, of))
    for currency, entries in _by_currency(report):
        of = f", in {one_line(currency or '?')}" if _currencies(report) > 1 else ""
        found.append(_expiries(report, entries, currency, of))
    return [
        structs.replace(chart, name=f"chart-{place}")
        for place, chart in enumerate(each for each in found if each)
    ]


def _currencies(report: Report) -> int:
    return len({entry.facts.currency or report.currency for entry in report.entries})


def _by_currency(report: Report) -> Iterator[tuple[str | None, list[Entry]]]:
    found: dict[str | None, list[Entry]] = {}
    for entry in report.entries:
        found.setdefault(entry.facts.currency or report.currency, []).append(entry)
    yield from sorted(found.items(), key=lambda each: (each[0] != report.currency, each[0] or ""))


def _allocation(
    report: Report, entries: Sequence[Entry], currency: str | None, of: str
) -> Chart | None:
    """Market value by root. The notional of futures is nobody's money, and is left out."""
    values: dict[str, list[Decimal | None]] = {}
    futures = 0
    for entry in entries:
        for leg in entry.facts.cluster.legs:
            if leg.type is InstrumentType.FUTURE:
                futures += 1
            else:
                values.setdefault(leg.root, []).append(leg.market_value)
    net = report.totals.net_liquidity if currency == report.currency else None
    items = []
    for root, amounts in values.items():
        known = [amount for amount in amounts if amount is not None]
        value = total(*known) if len(known) == len(amounts) else None
        share = percent(value / net, 1) if value is not None and net and net > 0 else ""
        items.append(_Item(one_line(root), value, f"{share} of net liquidity" if share else ""))
    caption = (
        "What the positions are worth by root; a negative value is what closing them would cost."
    )
    if futures:
        caption += f" The notional of {plural(futures, 'future')} is left out: it is not money in the account."
    return _bars(
        items,
        title=f"Allocation{of}",
        caption=caption,
        of="Root",
        unit="Market value",
        shows=lambda amount: money(amount, currency),
        kinds=("long", "short"),
        foremost=6,
    )


def _profits(entries: Sequence[Entry], currency: str | None, of: str) -> Chart | None:
    items = [
        _Item(
            f"{one_line(entry.facts.cluster.root)} {title(entry.facts)}",
            entry.facts.net_pl.complete,
            percent(entry.facts.pl_fraction, sign=True) if entry.facts.pl_fraction else "",
        )
        for entry in entries
    ]
    return _bars(
        items,
        title=f"Profit and loss by strategy{of}",
        caption="Losses to the left of the axis, gains to the right.",
        of="Strategy",
        unit="Open P/L",
        shows=lambda amount: money(amount, currency, sign=True),
    )


def _deltas(report: Report) -> Chart | None:
    """Deltas of different roots compare only when they are weighted against one benchmark."""
    benchmark = one_line(report.benchmark)
    return _bars(
        _sums(report.entries, lambda facts: facts.beta_delta.complete),
        title="Delta by root",
        caption=f"Beta-weighted: what a move of {benchmark} by 1.00 earns, as shares of {benchmark}.",
        of="Root",
        unit="Beta delta",
        shows=delta_words,
    )


def _thetas(entries: Sequence[Entry], currency: str | None, of: str) -> Chart | None:
    return _bars(
        _sums(entries, lambda facts: facts.theta.complete),
        title=f"Theta by root{of}",
        caption="What one day earns or costs, all else equal.",
        of="Root",
        unit="Theta per day",
        shows=lambda amount: money(amount, currency, sign=True),
    )


def _sums(entries: Iterable[Entry], read: Callable[[Facts], Decimal | None]) -> list[_Item]:
    """By root; unknown where a part is."""
    found: dict[str, list[Decimal | None]] = {}
    for entry in entries:
        found.setdefault(entry.facts.cluster.root, []).append(read(entry.facts))
    items = []
    for root, amounts in found.items():
        known = [amount for amount in amounts if amount is not None]
        items.append(_Item(one_line(root), total(*known) if len(known) == len(amounts) else None))
    return items


def _bars(
    items: Sequence[_Item],
    *,
    title: str,
    caption: str,
    of: str,
    unit: str,
    shows: Callable[[Decimal], str],
    kinds: tuple[str, str] = ("gain", "loss"),
    foremost: int = MAX_ROWS,
) -> Chart | None:
    """Bars to both sides of an axis that stands where the amounts need it. None without any.

    The largest `foremost` are shown and the others folded, unless only one is left.
    """
    known = [(item, item.amount) for item in items if item.amount]
    known.sort(key=lambda each: abs(each[1]), reverse=True)
    shown = known[:MAX_ROWS]
    if not shown:
        return None
    low = min(Decimal(0), *(amount for _item, amount in shown))
    high = max(Decimal(0), *(amount for _item, amount in shown))
    axis = -low / (high - low) * _FULL
    first = foremost if len(shown) > foremost + 1 else len(shown)
    by_amount = [
        sorted(part, key=lambda each: each[1], reverse=True)
        for part in (shown[:first], shown[first:])
    ]
    rows = []
    for item, amount in chain(*by_amount):
        length = abs(amount) / (high - low) * _FULL
        start = axis if amount > 0 else axis - length
        bar = Bar(_place(start), _place(length), kinds[amount < 0])
        rows.append(Row(name=item.name, amount=shows(amount), note=item.note, bars=(bar,)))
    return Chart(
        name="",
        title=title,
        caption=f"{caption}{_left_out(items, len(known) - len(shown))}",
        of=of,
        unit=unit,
        rows=tuple(rows[:first]),
        axis=_place(axis),
        folded=tuple(rows[first:]),
    )


def _left_out(items: Sequence[_Item], smaller: int) -> str:
    """What a reader must not think to have seen."""
    unknown = [item.name for item in items if item.amount is None]
    zero = sum(item.amount is not None and not item.amount for item in items)
    parts = []
    if unknown:
        listed = ", ".join(unknown[:6]) + (
            f" and {len(unknown) - 6} more" if len(unknown) > 6 else ""
        )
        parts.append(f"unknown: {listed}")
    if zero:
        parts.append(f"{zero} at zero")
    if smaller:
        parts.append(f"{smaller} smaller")
    return f" Not drawn: {'; '.join(parts)}." if parts else ""


def _prices(report: Report) -> Chart | None:
    """The price of each underlying against the strikes, each on a scale of its own."""
    drawn = [(entry, price_range(entry.facts)) for entry in report.entries if entry.facts.options]
    rows = [_price_row(entry, found) for entry, found in drawn if found]
    if not rows:
        return None
    left_out = len(drawn) - len(rows)
    caption = "Each on a scale of its own: solid red lines are short strikes, dashed green ones long, the dot is the price."
    if any(found and found.expected for _entry, found in drawn):
        caption += " The band is one standard deviation to the first expiration."
    if left_out:
        caption += f" Not drawn: {plural(left_out, 'strategy', 'strategies')} without a price or with adjusted options."
    return Chart(
        name="",
        title="Price against strikes",
        caption=caption,
        of="Strategy",
        unit="Price",
        rows=tuple(rows),
    )


def _price_row(entry: Entry, drawn: PriceRange) -> Row:
    facts = entry.facts
    bars = [Bar(Decimal(0), _FULL, "scale")]
    note = ", ".join(
        f"{'short' if mark.short else 'long'} {strike(mark.strike)}{letter_of(mark.right)}"
        for mark in drawn.strikes
    )
    if drawn.expected is not None:
        low, high = (drawn.share(edge) * _FULL for edge in drawn.expected)
        bars.append(Bar(_place(low), _place(high - low), "expected"))
        note += f"; expected {number(drawn.expected[0], 2)} to {number(drawn.expected[1], 2)}"
    marks = [
        Mark(_place(drawn.share(mark.strike) * _FULL), "short" if mark.short else "long")
        for mark in drawn.strikes
    ]
    at = _place(drawn.share(drawn.price) * _FULL)
    marks.append(Mark(at, "dot tested" if drawn.tested else "dot"))
    return Row(
        name=f"{one_line(facts.cluster.root)} {title(facts)}",
        amount=price(drawn.price),
        bars=tuple(bars),
        marks=tuple(marks),
        note=note,
    )


def _expiries(
    report: Report, entries: Sequence[Entry], currency: str | None, of: str
) -> Chart | None:
    """By the first expiration of each strategy, weighted by what a large move by then would cost."""
    risks = expiry_risks([entry.facts for entry in entries], exchange_date(report.now))
    if not risks:
        return None
    largest = max((each.loss for each in risks if each.loss is not None), default=Decimal(0))
    rows = []
    for risk in risks[:MAX_ROWS]:
        width = risk.loss / largest * _FULL if risk.loss and largest else Decimal(0)
        rows.append(
            Row(
                name=f"{day(risk.rung.expiration).strip()}, {dte(risk.rung.dte)}",
                amount=UNKNOWN if risk.loss is None else money(lost(risk.loss), currency),
                bars=(Bar(Decimal(0), _place(width), "loss"),) if width else (),
                note=_note_of(risk),
            )
        )
    later = len(risks) - len(rows)
    caption = (
        f"What a move of each underlying by {DEVIATIONS} standard deviations (of its implied volatility, to that day), the"
        " way that is worse, would cost by the expiration: options at exercise value, together with the shares that"
        " cover them. What is not counted is named."
    )
    if later:
        caption += f" {later} later expirations are not drawn."
    return Chart(
        name="",
        title=f"Expiry calendar{of}",
        caption=caption,
        of="Expiration",
        unit="At risk",
        rows=tuple(rows),
    )


def _note_of(risk: ExpiryRisk) -> str:
    rung = risk.rung
    more = f" +{len(rung.roots) - 6}" if len(rung.roots) > 6 else ""
    roots = " ".join(one_line(root) for root in rung.roots[:6])
    without = f"; not counted: {', '.join(risk.left_out)}" if risk.left_out else ""
    return f"{contracts_of(rung)}: {roots}{more}{without}"


def _place(value: Decimal) -> Decimal:
    return rounded(value, 2)
