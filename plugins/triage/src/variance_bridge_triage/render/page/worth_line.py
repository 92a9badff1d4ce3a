"""Net liquidity over time, as a line and as a small table; open profit in its place where exports state no net liquidity. The template draws it; all places are percent of the picture. Pure.

The line holds one account in one currency. It is broken where nothing is known, so that nothing is drawn that nobody saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from variance_bridge.formatting import money, percent, plural, rounded
from variance_bridge.trading_hours import EXCHANGE_TIME, exchange_date
from variance_bridge_triage.render.legs import day, one_line
from variance_bridge_triage.rules.report import Report

MAX_POINTS = 250
"""More are not seen on a page: then the last of each day is drawn."""
MAX_GAP = timedelta(days=5)
"""From the sync of a Thursday to that of the Tuesday after a long weekend. What is further apart is not connected."""
_FULL = Decimal(100)
Point = tuple[Decimal, Decimal]


class PastWorth(Struct, frozen=True, kw_only=True):
    """What an account was worth at a moment, and its open profit; None where its document does not state it."""

    moment: datetime
    amount: Decimal | None
    currency: str | None
    profit: Decimal | None = None


class WorthLine(Struct, frozen=True, kw_only=True):
    """The picture.

    Attributes:
        strokes: the points of each part of the line, from the left and from the top; broken where nothing is known.
        dots: where single points stand, and the last one.
        rows: what to read off it: a name, the day, the amount.
        zero: where zero stands, from the top; None where the line is all above it, or all below.
    """

    title: str
    unit: str
    caption: str
    strokes: tuple[tuple[Point, ...], ...]
    dots: tuple[Point, ...]
    high: str
    low: str
    begin: str
    end: str
    rows: tuple[tuple[str, str, str], ...]
    zero: Decimal | None = None


class _Measure(Struct, frozen=True, kw_only=True):
    """What the line is of.

    Attributes:
        name: as in a sentence.
        said: what a reader could conclude wrongly from it.
        read: its amount at a moment.
        now: its amount in the report; None where that is unknown.
        sign: whether amounts have one.
    """

    name: str
    said: str
    read: Callable[[PastWorth], Decimal | None]
    now: Decimal | None
    sign: bool

    def shown(self, amount: Decimal, currency: str | None) -> str:
        """The amount."""
        return money(amount, currency, sign=self.sign)

    @property
    def title(self) -> str:
        """As a heading."""
        return self.name[0].upper() + self.name[1:]


class _Known(Struct, frozen=True):
    moment: datetime
    amount: Decimal


class _Scale(Struct, frozen=True, kw_only=True):
    """The edges of the picture."""

    begin: datetime
    end: datetime
    low: Decimal
    high: Decimal

    def place(self, each: _Known) -> Point:
        """In percent from the left and from the top; a level line stands in the middle."""
        tick = timedelta(microseconds=1)
        passed, whole = (each.moment - self.begin) // tick, (self.end - self.begin) // tick
        height = self.high - self.low
        y = (self.high - each.amount) / height if height else Decimal("0.5")
        return rounded(Decimal(passed) / whole * _FULL, 2), rounded(y * _FULL, 2)


def worth_line(report: Report, past: Iterable[PastWorth]) -> WorthLine | None:
    """The line of an account up to its report; None where less than two amounts in its currency are known."""
    listed = list(past)
    worth = report.totals.net_liquidity
    if worth is None and all(each.amount is None for each in listed):
        return _line(report, listed, _profit(report))
    return _line(report, listed, _Measure(
        name="net liquidity",
        said="Deposits and withdrawals are part of it: it is not a return.",
        read=lambda each: each.amount,
        now=worth,
        sign=False,
    ))  # fmt: skip


def _profit(report: Report) -> _Measure:
    return _Measure(
        name="open P/L",
        said="The profit of what was held then: what was closed since is not in it, so it is not a return.",
        read=lambda each: each.profit,
        now=report.totals.net_pl.complete,
        sign=True,
    )


def _line(report: Report, listed: Sequence[PastWorth], measure: _Measure) -> WorthLine | None:
    ours = [each for each in listed if each.currency == report.currency]
    amounts = [(each.moment, measure.read(each)) for each in ours]
    known = [_Known(moment, amount) for moment, amount in amounts if amount is not None]
    unknown = len(amounts) - len(known)
    now = measure.now
    if now is not None and report.meta.fetched_at not in {each.moment for each in known}:
        known.append(_Known(report.meta.fetched_at, now))
    known.sort(key=lambda each: each.moment)
    drawn = known if len(known) <= MAX_POINTS else _last_of_days(known)
    if len(drawn) < 2 or drawn[0].moment == drawn[-1].moment:
        return None
    low, high = min(each.amount for each in drawn), max(each.amount for each in drawn)
    parts = list(_parts(drawn))
    scale = _Scale(begin=drawn[0].moment, end=drawn[-1].moment, low=low, high=high)
    alone = [part[0] for part in parts if len(part) == 1]
    caption = _caption(
        report, measure, drawn, len(listed) - len(ours), unknown, parts, thinned=drawn is not known
    )
    return WorthLine(
        title=f"{measure.title} over time",
        unit=measure.title,
        caption=" ".join(caption),
        strokes=tuple(tuple(map(scale.place, part)) for part in parts if len(part) > 1),
        dots=tuple(scale.place(each) for each in [*alone, drawn[-1]]),
        high=measure.shown(high, report.currency),
        low=measure.shown(low, report.currency),
        begin=_day(drawn[0]),
        end=_day(drawn[-1]),
        rows=tuple(_rows(drawn, measure, report.currency)),
        zero=rounded(high / (high - low) * _FULL, 2) if low < 0 < high else None,
    )


def _last_of_days(known: Sequence[_Known]) -> list[_Known]:
    return list({exchange_date(each.moment): each for each in known}.values())


def _parts(drawn: Sequence[_Known]) -> Iterator[list[_Known]]:
    part = [drawn[0]]
    for before, each in pairwise(drawn):
        if each.moment - before.moment > MAX_GAP:
            yield part
            part = []
        part.append(each)
    yield part


def _caption(
    report: Report,
    measure: _Measure,
    drawn: Sequence[_Known],
    foreign: int,
    unknown: int,
    parts: Sequence[Sequence[_Known]],
    *,
    thinned: bool,
) -> Iterator[str]:
    """What a reader could conclude wrongly without being warned."""
    yield f"At each sync that the history keeps. {measure.said}"
    if min(each.amount for each in drawn) > 0:
        yield "The scale does not begin at zero."
    if len(parts) > 1:
        yield f"The line is broken where more than {MAX_GAP.days} days were not synced."
    if thinned:
        yield "Of each day the last sync is drawn."
    left_out = []
    if unknown:
        left_out.append(f"{plural(unknown, 'document')} without {measure.name}")
    if foreign:
        left_out.append(f"{plural(foreign, 'document')} not in {one_line(report.currency or '?')}")
    if left_out:
        yield f"Not drawn: {' and '.join(left_out)}."


def _rows(
    drawn: Sequence[_Known], measure: _Measure, currency: str | None
) -> Iterator[tuple[str, str, str]]:
    first, last = drawn[0], drawn[-1]
    for name, each in (
        ("First", first),
        ("Highest", max(drawn, key=lambda each: each.amount)),
        ("Lowest", min(drawn, key=lambda each: each.amount)),
        ("Last", last),
    ):
        yield name, _day(each), measure.shown(each.amount, currency)
    change = last.amount - first.amount
    # Of a profit, a share says nothing: +$1 to +$3 is not a gain of 200%.
    is_share = first.amount > 0 and not measure.sign
    share = percent(change / first.amount, 1, sign=True) if is_share else ""
    yield "Change", share, money(change, currency, sign=True)


def _day(each: _Known) -> str:
    local = each.moment.astimezone(EXCHANGE_TIME)
    return f"{day(local.date()).strip()}, {local:%H:%M}"
