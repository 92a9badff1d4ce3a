"""The legs of a strategy as short text, and the contracts that expire on each day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from variance_bridge.formatting import price, printable, quantity, strike
from variance_bridge.model import Holding, Side
from variance_bridge.money import Sum
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.strategies.lots import OPTIONS

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_LETTERS = {OptionType.CALL: "C", OptionType.PUT: "P", None: "?"}


def one_line(text: str) -> str:
    """One line of text from a file, without control characters."""
    return printable(text, limit=60).replace("\n", "?")


def day(moment: date) -> str:
    """`16 Jan 26`, the same in every country."""
    return f"{moment.day:2d} {_MONTHS[moment.month - 1]} {moment.year % 100:02d}"


def dte(count: int | None) -> str:
    """Days to expiration: `14d`, `today`, `expired`."""
    if count is None:
        return ""
    if count == 0:
        return "today"
    return f"{count}d" if count > 0 else "expired"


def of(sum_: Sum) -> str:
    """`3 of 4` where only a part is known, else nothing."""
    return "" if sum_.known == sum_.count else f"{sum_.known} of {sum_.count}"


def telling(sum_: Sum) -> Sum:
    """The sum, unknown where only a part is known and comes to nothing: the theta of a covered call without greeks is not 0."""
    return sum_ if sum_.amount or sum_.complete is not None else Sum(None, 0, sum_.count)


LENT = "*"
"""Stands behind a price that another account states."""


def shown_price(facts: Facts) -> str:
    """The price of the underlying, marked where it is another account's."""
    mark = LENT if facts.lent_price is not None else ""
    return f"{price(facts.shown_price)}{mark}"


PARTLY = "~"
"""Stands before what is known of a sum in part."""


def is_part(sum_: Sum) -> bool:
    """Whether what is shown of the sum is not all of it."""
    return telling(sum_).amount is not None and sum_.complete is None


def title(facts: Facts) -> str:
    """The strategy and how many times it is held; the number of shares or coins is shown with the legs."""
    units = facts.cluster.units
    counted = facts.options or facts.cluster.legs[0].type is InstrumentType.FUTURE
    times = f" ×{quantity(units)}" if counted and units != 1 else ""
    return facts.cluster.strategy + times


def letter_of(right: OptionType | None) -> str:
    """`C`, `P`, or `?` where it is unknown."""
    return _LETTERS[right]


def describe(legs: Sequence[Holding]) -> list[str]:
    """`-1 95P`, `-1 105C`; behind each the expiration where they differ, `adj` where it is adjusted, another series' name.

    An index has several series: `-1 6800C` of SPX settles on the opening prices, `-1 6800C SPXW` on the closing ones.
    """
    amounts: dict[tuple[object, ...], Decimal] = {}
    samples: dict[tuple[object, ...], Holding] = {}
    for leg in legs:
        key = (leg.symbol, leg.side)
        amounts[key] = amounts.get(key, Decimal(0)) + leg.signed_quantity
        samples[key] = leg
    several = len({leg.expiration for leg in legs if leg.type in OPTIONS}) > 1
    ordered = sorted(samples, key=lambda key: _place(samples[key]))
    return [_words(samples[key], amounts[key], dated=several) for key in ordered]


def _place(leg: Holding) -> tuple[object, ...]:
    return (
        leg.type in OPTIONS,
        leg.expiration or date.max,
        leg.option_type is not OptionType.PUT,
        leg.strike or Decimal(0),
        leg.symbol,
    )


def _words(leg: Holding, amount: Decimal, *, dated: bool) -> str:
    count = f"{'+' if amount > 0 else '-'}{quantity(abs(amount))}"
    if leg.type in OPTIONS:
        when = f" {day(leg.expiration).strip()}" if dated and leg.expiration else ""
        adjusted = " adj" if leg.deliverable is Deliverable.ADJUSTED else ""
        series = "" if adjusted else _series(leg)
        return f"{count} {strike(leg.strike)}{letter_of(leg.option_type)}{when}{adjusted}{series}"
    if leg.type is InstrumentType.STOCK:
        return f"{count} sh"
    return f"{count} {one_line(leg.symbol)}"


def _series(leg: Holding) -> str:
    """` SPXW`: the OSI root where it is not the ticker of what the option is on."""
    series = leg.symbol[:6].strip() if leg.type is InstrumentType.OPTION else ""
    ticker = "".join(filter(str.isalnum, leg.root))
    return f" {one_line(series)}" if series and series != ticker else ""


class Rung(Struct, frozen=True, kw_only=True):
    """What expires on one day: how many long and short contracts, and of which roots."""

    expiration: date
    dte: int
    long: Decimal
    short: Decimal
    roots: tuple[str, ...]


def contracts_of(rung: Rung) -> str:
    """`2 short, 1 long`."""
    counts = [(rung.short, "short"), (rung.long, "long")]
    return ", ".join(f"{quantity(amount)} {side}" for amount, side in counts if amount)


def ladder(clusters: Iterable[Facts], today: date) -> list[Rung]:
    """Options and futures by expiration, the next first."""
    found: dict[date, list[Holding]] = {}
    for facts in clusters:
        for leg in facts.cluster.legs:
            if leg.expiration is not None and leg.type in (*OPTIONS, InstrumentType.FUTURE):
                found.setdefault(leg.expiration, []).append(leg)
    return [_rung(expiration, legs, today) for expiration, legs in sorted(found.items())]


def _rung(expiration: date, legs: Sequence[Holding], today: date) -> Rung:
    def contracts(side: Side) -> Decimal:
        return sum((leg.quantity for leg in legs if leg.side is side), Decimal(0))

    return Rung(
        expiration=expiration,
        dte=(expiration - today).days,
        long=contracts(Side.LONG),
        short=contracts(Side.SHORT),
        roots=tuple(sorted({leg.root for leg in legs})),
    )
