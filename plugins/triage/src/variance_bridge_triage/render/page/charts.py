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
from variance_bridge_triage.render.price_range import PriceRange, Strike, price_range, reach_of
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.rules.report import Entry, Report

MAX_ROWS = 30
_FULL, _MIDDLE = Decimal(100), Decimal(50)
_MARGIN = Decimal(2)
"""Free room at both ends of a scale, in percent of the width, so that no mark is cut."""


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
    """A chart; `axis` is where its vertical line stands, None without one. `folded` are smaller rows on the same scale.

    Attributes:
        scale: what stands at the left end of the pictures, in their middle and at their right end.
    """

    name: str
    title: str
    caption: str
    of: str
    unit: str
    rows: tuple[Row, ...]
    axis: Decimal | None = None
    folded: tuple[Row, ...] = ()
    scale: tuple[str, str, str] | None = None


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
    """The price of each underlying against the strikes, all on one scale."""
    listed = [(entry, price_range(entry.facts)) for entry in report.entries if entry.facts.options]
    drawn = [(entry, found) for entry, found in listed if found]
    if not drawn:
        return None
    reach = reach_of([found for _entry, found in drawn])
    left_out = len(listed) - len(drawn)
    caption = "How far the strikes are from the price, which is the dot: solid red lines are short strikes, dashed green ones long."
    if any(found.expected for _entry, found in drawn):
        caption += " The band is one standard deviation to the first expiration."
    if reach.exceeded:
        caption += " What is beyond the scale stands at its end."
    if left_out:
        caption += f" Not drawn: {plural(left_out, 'strategy', 'strategies')} without a price or with adjusted options."
    return Chart(
        name="",
        title="Price against strikes",
        caption=caption,
        of="Strategy",
        unit="Price",
        rows=tuple(_price_row(entry, found, reach.fraction) for entry, found in drawn),
        axis=_MIDDLE,
        scale=(percent(-reach.fraction, sign=True), "price", percent(reach.fraction, sign=True)),
    )


def _price_row(entry: Entry, drawn: PriceRange, reach: Decimal) -> Row:
    facts = entry.facts
    bars = [Bar(Decimal(0), _FULL, "scale")]
    note = ", ".join(_strike_words(drawn, mark) for mark in drawn.strikes)
    if drawn.expected is not None:
        low, high = (_at(drawn.distance(edge), reach) for edge in drawn.expected)
        bars.append(Bar(low, high - low, "expected"))
        note += f"; expected {number(drawn.expected[0], 2)} to {number(drawn.expected[1], 2)}"
    # The dot first: no strike is hidden by the price.
    marks = [Mark(_MIDDLE, "dot tested" if drawn.tested else "dot")]
    marks += [
        Mark(_at(drawn.distance(mark.strike), reach), "short" if mark.short else "long")
        for mark in drawn.strikes
    ]
    return Row(
        name=f"{one_line(facts.cluster.root)} {title(facts)}",
        amount=price(drawn.price),
        bars=tuple(bars),
        marks=tuple(marks),
        note=note,
    )


def _strike_words(drawn: PriceRange, mark: Strike) -> str:
    """`short 190P +4.2%`: what is short is what may be tested, so its distance from the price is stated."""
    where = f"{strike(mark.strike)}{letter_of(mark.right)}"
    if not mark.short:
        return f"long {where}"
    return f"short {where} {percent(drawn.distance(mark.strike), 1, sign=True)}"


def _at(distance: Decimal, reach: Decimal) -> Decimal:
    """Where a distance from the price stands; what is beyond the scale stands at its end."""
    share = max(min(distance / reach, Decimal(1)), Decimal(-1))
    return _place(_MIDDLE + share * (_MIDDLE - _MARGIN))


def _expiries(
    report: Report, entries: Sequence[Entry], currency: str | None, of: str
) -> Chart | None:
    """By the first expiration of each strategy, weighted by what a large move by then would cost."""
    risks = expiry_risks([entry.facts for entry in entries], exchange_date(report.now))
    if not risks:
        return None
    shown = risks[:MAX_ROWS]
    later = (
        f" {len(risks) - MAX_ROWS} later expirations are not drawn."
        if len(risks) > MAX_ROWS
        else ""
    )
    if all(each.loss is None for each in risks):
        return _bare_calendar(shown, later, of)
    largest = max((each.loss for each in risks if each.loss is not None), default=Decimal(0))
    rows = []
    for risk in shown:
        width = risk.loss / largest * _FULL if risk.loss and largest else Decimal(0)
        rows.append(
            Row(
                name=_day_of(risk),
                amount=UNKNOWN if risk.loss is None else money(lost(risk.loss), currency),
                bars=(Bar(Decimal(0), _place(width), "loss"),) if width else (),
                note=_note_of(risk),
            )
        )
    caption = (
        f"What a move of each underlying by {DEVIATIONS} standard deviations (of its implied volatility, to that day), the"
        " way that is worse, would cost by the expiration: options at exercise value, together with the shares that"
        f" cover them. What is not counted is named.{later}"
    )
    return Chart(
        name="",
        title=f"Expiry calendar{of}",
        caption=caption,
        of="Expiration",
        unit="At risk",
        rows=tuple(rows),
    )


def _bare_calendar(risks: Sequence[ExpiryRisk], later: str, of: str) -> Chart:
    """What expires when, where it is not known for any day what a large move would cost: no bars, and the reasons once."""
    reasons = dict.fromkeys(
        each.rpartition(" (")[2].removesuffix(")") for risk in risks for each in risk.left_out
    )
    why = f" ({', '.join(reasons)})" if reasons else ""
    rows = (
        Row(name=_day_of(each), amount=contracts_of(each.rung), note=_roots_of(each))
        for each in risks
    )
    return Chart(
        name="",
        title=f"Expiry calendar{of}",
        caption=f"What a large move would cost is not known{why}.{later}",
        of="Expiration",
        unit="Contracts",
        rows=tuple(rows),
    )


def _day_of(risk: ExpiryRisk) -> str:
    return f"{day(risk.rung.expiration).strip()}, {dte(risk.rung.dte)}"


def _roots_of(risk: ExpiryRisk) -> str:
    roots = risk.rung.roots
    more = f" +{len(roots) - 6}" if len(roots) > 6 else ""
    return " ".join(one_line(root) for root in roots[:6]) + more


def _note_of(risk: ExpiryRisk) -> str:
    without = f"; not counted: {', '.join(risk.left_out)}" if risk.left_out else ""
    return f"{contracts_of(risk.rung)}: {_roots_of(risk)}{without}"


def _place(value: Decimal) -> Decimal:
    return rounded(value, 2)
