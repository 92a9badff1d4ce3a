"""Rates between currencies, each with its day and its source. A rate that is not known is never guessed. Pure.

Rates are units of a currency for one euro, as the European Central Bank publishes them on each of its business days
(https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import cached_property

from msgspec import Struct, structs

from variance_bridge.money import Sum, product, quotient, together

EURO = "EUR"
OLD_AFTER = timedelta(days=7)
"""No pause between two days of reference rates is longer; an older rate is used, with a warning."""
_DIGITS = 28
"""Of a rate that has to be divided."""
_DIGITS_SHOWN = 6


class Rate(Struct, frozen=True, kw_only=True):
    """What one unit of a currency is worth.

    Attributes:
        currency: ISO 4217.
        target: the currency in which `rate` is.
        rate: units of `target` for one of `currency`.
        day: of the rate.
        source: who published it.
    """

    currency: str
    target: str
    rate: Decimal
    day: date
    source: str

    def __str__(self) -> str:
        """`1 USD = 0.8 EUR`, with six significant digits, as such rates are published."""
        shown = format(self.rate.normalize(Context(prec=_DIGITS_SHOWN)), "f")
        return f"1 {self.currency} = {shown} {self.target}"

    def is_old(self, today: date) -> bool:
        """Whether a newer rate should have been published."""
        return today - self.day > OLD_AFTER


class ExchangeRates(Struct, frozen=True, kw_only=True, dict=True):
    """The published rates.

    Attributes:
        source: who published them.
        days: for each day, units of each currency for one euro.
    """

    source: str
    days: Mapping[date, Mapping[str, Decimal]]

    @cached_property
    def _sorted(self) -> tuple[date, ...]:
        return tuple(sorted(self.days))

    @property
    def newest(self) -> date | None:
        """The newest day that has rates."""
        return self._sorted[-1] if self._sorted else None

    def rate(self, currency: str, target: str, on: date) -> Rate | None:
        """The rate of the newest day up to `on`; None where that day has none for one of the currencies."""
        place = bisect_right(self._sorted, on)
        if not place:
            return None
        day = self._sorted[place - 1]
        units = {**self.days[day], EURO: Decimal(1)}
        if currency not in units or target not in units:
            return None
        value = divided(units[target], units[currency])
        return Rate(currency=currency, target=target, rate=value, day=day, source=self.source)


def divided(dividend: Decimal, divisor: Decimal) -> Decimal:
    """A rate by way of a third currency: to 28 digits, or exact where nothing has to be divided."""
    return dividend if divisor == 1 else quotient(dividend, divisor, _DIGITS)


class Converted(Struct, frozen=True, kw_only=True):
    """Sums of several currencies, brought to one.

    Attributes:
        currency: of the sums.
        sums: by name; none of them is known where a rate is missing: then there is no total.
        rates: that were used, by currency.
        missing: the currencies of which no rate is known; "unknown" for money without a currency.
    """

    currency: str
    sums: Mapping[str, Sum]
    rates: tuple[Rate, ...]
    missing: tuple[str, ...]

    @property
    def stated(self) -> str:
        """The rates that were used, with their days, or those that are missing."""
        if self.missing:
            return f"no rate for {', '.join(self.missing)}"
        origins = [f"{rate.source}, {rate.day}" for rate in self.rates]
        if len(set(origins)) == 1:
            return "; ".join((*map(str, self.rates), origins[0]))
        several = zip(self.rates, origins, strict=True)
        return "; ".join(f"{rate} ({origin})" for rate, origin in several)


def convert(
    amounts: Mapping[str | None, Mapping[str, Sum]],
    target: str,
    rates: ExchangeRates | None,
    on: date,
    stated: Iterable[Rate] = (),
) -> Converted:
    """The sums of all currencies in one.

    Args:
        amounts: the sums of each currency, by name; every currency has the same names.
        target: ISO 4217.
        rates: the published ones; None where there are none, so that nothing but `target` itself is known.
        on: the day whose rates count; of a day without any, those of the day before it.
        stated: rates to `target` that come before the published ones; of several of one currency the first.
    """
    own: dict[str, Rate] = {}
    for each_rate in stated:
        own.setdefault(each_rate.currency, each_rate)
    used: list[Rate] = []
    missing: list[str] = []
    found: dict[str, list[Sum]] = {}
    for currency, sums in amounts.items():
        rate = own.get(currency or "") or _rate(currency, target, rates, on)
        if rate is None:
            missing.append(currency or "unknown")
        elif currency != target:
            used.append(rate)
        for name, each in sums.items():
            found.setdefault(name, []).append(_times(each, rate.rate if rate else None))
    totals = {name: together(each) for name, each in found.items()}
    if missing:
        totals = {name: Sum(None, 0, each.count) for name, each in totals.items()}
    return Converted(currency=target, sums=totals, rates=tuple(used), missing=tuple(missing))


def _rate(currency: str | None, target: str, rates: ExchangeRates | None, on: date) -> Rate | None:
    if currency is None:
        return None
    if currency == target:
        return Rate(currency=currency, target=target, rate=Decimal(1), day=on, source="")
    return rates.rate(currency, target, on) if rates else None


def _times(sum_: Sum, rate: Decimal | None) -> Sum:
    if sum_.amount is None or rate is None or rate == 1:
        return sum_
    return structs.replace(sum_, amount=product(sum_.amount, rate))


def merged(old: ExchangeRates | None, new: ExchangeRates) -> ExchangeRates:
    """The new rates beside those of other days that are known already."""
    days: Iterable[Mapping[date, Mapping[str, Decimal]]] = (old.days if old else {}, new.days)
    return ExchangeRates(
        source=new.source, days={day: units for each in days for day, units in each.items()}
    )
