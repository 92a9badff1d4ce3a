"""Days on which contracts are listed to expire, computed from the exchanges' rules, so that the demo never ages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from variance_bridge.trading_hours import (
    is_trading_day,
    previous_trading_day,
    trading_day_on_or_before,
)

_FRIDAY: Final = 4
_WEDNESDAY: Final = 2
_QUARTERLY: Final = (3, 6, 9, 12)
_SEARCH: Final = timedelta(days=75)


@dataclass(frozen=True)
class Listing:
    """One listed expiration.

    Attributes:
        month: the first of the contract month that the symbol's code names.
        future_month: the same for the future underneath; equal to `month` where there is none.
        week: the number in a weekly series' name, 0 for an end-of-month or monthly one.
    """

    expiration: date
    month: date
    future_month: date
    week: int = 0


def nearest(cycle: str, first: date, target: date) -> Listing:
    """The listing of a cycle that is nearest to the target day, and not before the first one."""
    candidates = [
        listing
        for listing in _CYCLES[cycle](max(first, target - _SEARCH), target + _SEARCH)
        if listing.expiration >= first
    ]
    return min(candidates, key=lambda listing: abs(listing.expiration - target))


def _trading_days_before(day: date, count: int) -> date:
    """The trading day so many trading days before."""
    for _ in range(count):
        day = previous_trading_day(day)
    return day


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th weekday (Monday 0) of a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def third_friday(month: date) -> date:
    """The monthly expiration: the third Friday, or the business day before when that is a holiday."""
    return trading_day_on_or_before(_nth(month.year, month.month, _FRIDAY, 3))


def future_expiration(product_rule: str, month: date) -> date:
    """The last trading day of a future of that contract month, by its exchange's rule."""
    return _FUTURE_RULES[product_rule](month)


def front_future(product_rule: str, months: tuple[int, ...], today: date, days: int = 5) -> Listing:
    """The future that a trader holds: the nearest one that has more than so many days to go."""
    for month in _months(today, today + timedelta(days=400)):
        if month.month in months:
            expiration = future_expiration(product_rule, month)
            if expiration > today + timedelta(days=days):
                return Listing(expiration, month, month)
    raise ValueError(f"no contract month of {months} within a year")


def _months(start: date, end: date) -> Iterator[date]:
    month = start.replace(day=1)
    while month <= end:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


def _days(start: date, end: date) -> Iterator[date]:
    return (start + timedelta(days=n) for n in range((end - start).days + 1))


def _plain(expiration: date) -> Listing:
    month = expiration.replace(day=1)
    return Listing(expiration, month, month)


def _daily(start: date, end: date) -> Iterator[Listing]:
    """Every business day: index options such as SPXW."""
    return (_plain(day) for day in _days(start, end) if is_trading_day(day))


def _weekly(start: date, end: date) -> Iterator[Listing]:
    """Every Friday, or the business day before when that is a holiday."""
    return (
        _plain(trading_day_on_or_before(day))
        for day in _days(start, end)
        if day.weekday() == _FRIDAY
    )


def _monthly(start: date, end: date) -> Iterator[Listing]:
    return (_plain(third_friday(month)) for month in _months(start, end))


def _equity_index_weekly(start: date, end: date) -> Iterator[Listing]:
    """Friday weeklies of index futures, on the business day before where the Friday is a holiday (CME rulebook 358A).

    The month's last business day has the end-of-month series instead, as on 31 December before a Friday that is
    New Year. The future underneath is the nearest quarterly one that outlives the option: on the quarterly
    expiration itself the next one (`./MESM6EX3H6 260320P6450`).
    """
    for friday in _days(start, end):
        if friday.weekday() != _FRIDAY:
            continue
        day = trading_day_on_or_before(friday)
        following = next(
            d for d in _days(day + timedelta(days=1), day + timedelta(days=9)) if is_trading_day(d)
        )
        week = 0 if following.month != day.month else (friday.day - 1) // 7 + 1
        future = front_future("third-friday", _QUARTERLY, day, days=0)
        yield Listing(day, day.replace(day=1), future.month, week)


def _energy_monthly(start: date, end: date) -> Iterator[Listing]:
    """Crude oil options: three business days before the future's last day (CME rulebook 310); code month as the future's."""
    for month in _months(start, end + timedelta(days=62)):
        yield Listing(_trading_days_before(_crude_oil(month), 3), month, month)


def _currency_monthly(start: date, end: date) -> Iterator[Listing]:
    """Currency options: the second Friday before the third Wednesday of the contract month (CME rulebook 261A)."""
    for month in _months(start, end + timedelta(days=62)):
        third_wednesday = _nth(month.year, month.month, _WEDNESDAY, 3)
        expiration = third_wednesday - timedelta(days=(third_wednesday.weekday() - _FRIDAY) % 7 + 7)
        quarter = next(
            m for m in _months(month, month + timedelta(days=100)) if m.month in _QUARTERLY
        )
        yield Listing(expiration, month, quarter)


def _crude_oil(month: date) -> date:
    """Crude oil: three business days before the 25th of the month before, or before the last business day ahead of it."""
    before = (month - timedelta(days=1)).replace(day=25)
    return _trading_days_before(trading_day_on_or_before(before), 3)


def _currency(month: date) -> date:
    """Currencies: two business days before the third Wednesday."""
    return _trading_days_before(_nth(month.year, month.month, _WEDNESDAY, 3), 2)


_CYCLES: Final[Mapping[str, Callable[[date, date], Iterator[Listing]]]] = {
    "daily": _daily,
    "weekly": _weekly,
    "monthly": _monthly,
    "equity-index-weekly": _equity_index_weekly,
    "energy-monthly": _energy_monthly,
    "currency-monthly": _currency_monthly,
}

_FUTURE_RULES: Final[Mapping[str, Callable[[date], date]]] = {
    "third-friday": third_friday,
    "crude-oil": _crude_oil,
    # The micro contract stops one business day before the full one.
    "micro-crude-oil": lambda month: previous_trading_day(_crude_oil(month)),
    "currency": _currency,
}
