"""The unit of a row's money, which is not always a currency: pence become pounds, exactly. Pure."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec import Struct, structs

from variance_bridge.model import Greeks, Holding, Quote
from variance_bridge.money import product
from variance_bridge.symbology import InstrumentType
from variance_bridge.symbology.tables import iso_currencies, minor_units

_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})
_AMOUNTS = ("average_price", "cost_basis", "market_value", "unrealized_pl", "day_pl")
_PRICES = ("bid", "ask", "mark", "last", "underlying_price")
_SENSITIVITIES = ("theta", "vega")
"""The greeks that are money; the others are counted in shares."""


class MoneyUnit(Struct, frozen=True):
    """What an amount of a row is counted in.

    Attributes:
        currency: ISO 4217; None for a word that no table has, so that nobody knows what its amounts are worth.
        per_unit: how many of it are one of the currency: 100 for pence.
    """

    currency: str | None
    per_unit: int = 1

    @property
    def is_minor(self) -> bool:
        """Whether it is a part of its currency."""
        return self.per_unit != 1


@lru_cache(maxsize=512)
def money_unit(word: str) -> MoneyUnit:
    """The unit that a row names: `GBP`, `GBX`, `GBp`, `ILA`. Upper and lower case count."""
    if word in iso_currencies():
        return MoneyUnit(word)
    minor = minor_units().get(word)
    return MoneyUnit(None) if minor is None else MoneyUnit(minor.currency, minor.per_unit)


def is_comparable(held: Holding, unit: MoneyUnit) -> bool:
    """Whether prices in the unit's currency can be compared with the position's terms.

    The strike of an option is in the unit in which it is traded: beside a price in pounds a strike in pence would say that
    every put is deep in the money.
    """
    return not (unit.is_minor and held.type in _OPTIONS)


def in_currency(held: Holding, unit: MoneyUnit) -> Holding:
    """The position, whose money is counted in `unit`, with its money in the unit's currency; without one it is unknown."""
    if unit.currency is not None and not unit.is_minor:
        return held
    return structs.replace(
        held,
        **_converted(held, _AMOUNTS, unit),
        quote=_quote(held, unit),
        greeks=_greeks(held, unit),
    )


def _quote(held: Holding, unit: MoneyUnit) -> Quote | None:
    if held.quote is None:
        return None
    quote = structs.replace(held.quote, **_converted(held.quote, _PRICES, unit))
    return quote if any(getattr(quote, name) is not None for name in _PRICES) else None


def _greeks(held: Holding, unit: MoneyUnit) -> Greeks | None:
    if held.greeks is None:
        return None
    return structs.replace(held.greeks, **_converted(held.greeks, _SENSITIVITIES, unit))


def _converted(
    source: Holding | Quote | Greeks, names: tuple[str, ...], unit: MoneyUnit
) -> dict[str, Any]:
    if unit.currency is None:
        return dict.fromkeys(names)
    share = Decimal(1) / unit.per_unit
    return {
        name: product(value, share)
        for name in names
        if (value := getattr(source, name)) is not None
    }
