"""The exchange rates that rows state, to the account's currency. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from variance_bridge.model import ExchangeRate


def exchange_rates(
    stated: Iterable[tuple[str | None, Decimal | None]], target: str | None, day: date
) -> tuple[ExchangeRate, ...]:
    """What a unit of each currency is worth in the account's. Of a currency with contradictory rates none is given.

    Args:
        stated: of each row its currency (ISO 4217) and what a unit of it is worth; None where unknown.
        target: the account's currency; None where unknown: then it is the one currency that is worth 1, if there is one.
        day: of the rates.
    """
    found: dict[str, set[Decimal]] = {}
    for currency, rate in stated:
        if currency is not None and rate is not None and rate > 0:
            found.setdefault(currency, set()).add(rate)
    at_one = [currency for currency, rates in found.items() if rates == {1}]
    base = target or (at_one[0] if len(at_one) == 1 else None)
    if base is None:
        return ()
    return tuple(
        ExchangeRate(currency=currency, target=base, rate=rates.pop(), day=day)
        for currency, rates in sorted(found.items())
        if currency != base and len(rates) == 1
    )
