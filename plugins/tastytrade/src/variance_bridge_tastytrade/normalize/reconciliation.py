"""Do the positions and the balances agree? Pure.

The broker states the value of each class of positions a second time, in the balances. A lost row, a lost sign or a
wrong multiplier shows as a difference between the two. Both are valued at marks, but of different moments, so a
difference is allowed that grows with the square root of the time between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from variance_bridge.model import Holding, Side
from variance_bridge.money import difference, total
from variance_bridge.symbology import InstrumentType


class Class(Struct, frozen=True):
    """A class of positions that the balances value.

    Attributes:
        name: in the API's member names, `long-<name>-value`.
        title: for messages.
        drift: the fraction of the value by which two marks a minute apart may differ.
        beside: another name under which the balances may state a part of the class.
    """

    name: str
    title: str
    drift: Decimal
    beside: str | None = None


# Three standard deviations of one minute: a share that moves 3 % a day moves 0.15 % a minute (390 minutes); an option
# moves up to ten times as much as its underlying; coins trade around the clock at about twice a share's volatility.
CLASSES: Mapping[InstrumentType, Class] = {
    InstrumentType.STOCK: Class("equity", "stock", Decimal("0.005")),
    InstrumentType.OPTION: Class("derivative", "option", Decimal("0.05"), "index-derivative"),
    InstrumentType.FUTURE_OPTION: Class("futures-derivative", "futures option", Decimal("0.05")),
    InstrumentType.CRYPTO: Class("cryptocurrency", "crypto", Decimal("0.01")),
}

MIN_SECONDS_APART = Decimal(60)
"""Seconds between the two marks that are always allowed for, and assumed if the balances state no time."""

MAX_SHARE = Decimal("0.5")
"""Whatever the age of the marks, the market does not explain a difference of more than half."""

ROUNDING = Decimal(1)
"""Money by which a class may always differ."""

_NOTHING = Decimal(0)


class Disagreement(Struct, frozen=True):
    """A class whose value differs.

    Attributes:
        title: side and class, "short option".
        positions: the sum over the positions, positive.
        balances: what the balances say, positive.
    """

    title: str
    positions: Decimal
    balances: Decimal

    def __str__(self) -> str:
        """One sentence with the two figures."""
        return (
            f"the {self.title} positions are worth {self.positions:,.2f},"
            f" but the balances say {self.balances:,.2f}"
        )


def disagreements(
    holdings: Iterable[Holding],
    values: Mapping[str, Decimal],
    *,
    valued_at: datetime | None,
    fetched_at: datetime,
) -> tuple[Disagreement, ...]:
    """The classes in which positions and balances differ by more than the marks' ages explain.

    A class is not compared if the balances do not state it, if a position of it has no value, or, for shares, if there is
    a position of a type that we cannot name: the broker may count it among the shares. Index options have a balance of
    their own in the vendor's specification, which does not say whether the balance of options includes it: both are
    accepted.

    Args:
        holdings: with the values that the broker's own marks gave.
        values: of the balances, by the API's member names, positive.
        valued_at: of the balances; None if they do not say.
        fetched_at: of the positions.
    """
    worths = _worths(holdings)
    shares_unclear = any((InstrumentType.OTHER, side) in worths for side in Side)
    apart = MIN_SECONDS_APART
    if valued_at is not None:
        apart = max(apart, Decimal(int(abs((fetched_at - valued_at).total_seconds()))))
    found = []
    for kind, compared in CLASSES.items():
        if kind is InstrumentType.STOCK and shares_unclear:
            continue
        for side in Side:
            stated = values.get(f"{side.value}-{compared.name}-value")
            worth = worths.get((kind, side), _NOTHING)
            if stated is None or worth is None:
                continue
            beside = values.get(f"{side.value}-{compared.beside}-value", Decimal(0))
            accepted = (abs(stated), total(abs(stated), abs(beside)))
            if not any(_explained(worth, amount, compared.drift, apart) for amount in accepted):
                found.append(Disagreement(f"{side.value} {compared.title}", worth, abs(stated)))
    return tuple(found)


def _worths(
    holdings: Iterable[Holding],
) -> dict[tuple[InstrumentType, Side], Decimal | None]:
    """The worth of each class that is held, without sign; None where a position of it has no value."""
    sums: dict[tuple[InstrumentType, Side], Decimal | None] = {}
    for holding in holdings:
        key = (holding.type, holding.side)
        so_far, value = sums.get(key, _NOTHING), holding.market_value
        sums[key] = None if so_far is None or value is None else total(so_far, value)
    return {key: None if worth is None else worth.copy_abs() for key, worth in sums.items()}


def _explained(worth: Decimal, stated: Decimal, drift: Decimal, apart: Decimal) -> bool:
    share = min(drift * (apart / MIN_SECONDS_APART).sqrt(), MAX_SHARE)
    return difference(worth, stated).copy_abs() <= max(share * max(worth, stated), ROUNDING)
