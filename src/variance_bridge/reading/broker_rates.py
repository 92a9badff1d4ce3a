"""The exchange rates that brokers state in the documents of a book, and whether they agree with each other. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from variance_bridge.model import Portfolio
from variance_bridge.reading.currency_conversion import Rate, divided


def stated_rates(portfolios: Iterable[Portfolio], target: str) -> tuple[Rate, ...]:
    """What a unit of each currency is worth in `target`, as the accounts' own brokers state it: the newest first.

    Of rates of one day, that of the account that comes first. A rate is read in both directions, and by way of the
    currency of an account that states rates of both; those of two accounts, or of two days, are never combined.
    """
    found = [rate for portfolio in portfolios for rate in _of_account(portfolio, target)]
    return tuple(sorted(found, key=lambda rate: rate.day, reverse=True))


def disagreements(rates: Sequence[Rate]) -> Iterator[str]:
    """A sentence for each currency of which accounts state different rates on one day.

    Rates that look alike with the digits that are shown are not different.
    """
    shown: dict[tuple[str, date], dict[str, Rate]] = {}
    for rate in rates:
        shown.setdefault((rate.currency, rate.day), {}).setdefault(str(rate), rate)
    newest: set[str] = set()
    for (currency, day), several in shown.items():
        if len(several) > 1 and currency not in newest:
            said = ", ".join(f"{text} ({rate.source})" for text, rate in several.items())
            yield f"accounts state different rates for {currency} on {day}: {said}; the first is used"
        newest.add(currency)


def _of_account(portfolio: Portfolio, target: str) -> Iterator[Rate]:
    """By the currency that its rates are in, and by day."""
    worth: dict[tuple[str, date], dict[str, Decimal]] = {}
    for each in portfolio.meta.exchange_rates:
        table = worth.setdefault((each.target, each.day), {each.target: Decimal(1)})
        table[each.currency] = each.rate
    for (_base, day), table in worth.items():
        for currency, value in table.items() if target in table else ():
            if currency != target:
                yield Rate(
                    currency=currency,
                    target=target,
                    rate=divided(value, table[target]),
                    day=day,
                    source=portfolio.meta.source,
                )
