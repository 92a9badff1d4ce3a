"""The days on which the American exchanges trade: weekdays without the full holidays of the New York Stock Exchange.

Source: NYSE rule 7.2 (the same days close Cboe and Nasdaq); the calendar is computed, so it needs no file and never
ends. Short sessions are trading days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache

_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6
_DAY = timedelta(days=1)
_FIRST_JUNETEENTH = 2022
_UNSCHEDULED = frozenset(
    {
        # A terror attack, days of mourning for presidents, a hurricane.
        *(date(2001, 9, day) for day in (11, 12, 13, 14)),
        date(2004, 6, 11),
        date(2007, 1, 2),
        date(2012, 10, 29),
        date(2012, 10, 30),
        date(2018, 12, 5),
        date(2025, 1, 9),
    }
)


def is_trading_day(day: date) -> bool:
    """Whether the American stock and options exchanges are open on a day."""
    return day.weekday() <= _FRIDAY and day not in holidays(day.year)


def previous_trading_day(day: date) -> date:
    """The last trading day before a day."""
    day -= _DAY
    while not is_trading_day(day):
        day -= _DAY
    return day


def next_trading_day(day: date) -> date:
    """The first trading day after a day."""
    day += _DAY
    while not is_trading_day(day):
        day += _DAY
    return day


def trading_day_on_or_before(day: date) -> date:
    """The day itself, or the last trading day before it: what exchanges do with an expiration on a holiday."""
    return day if is_trading_day(day) else previous_trading_day(day)


@cache
def holidays(year: int) -> frozenset[date]:
    """The full holidays of a year, on the days on which they are kept, and what was closed without a plan."""
    return frozenset({*named_holidays(year), *(day for day in _UNSCHEDULED if day.year == year)})


@cache
def named_holidays(year: int) -> Mapping[date, str]:
    """The full holidays of a year that are planned, with the names that the New York Stock Exchange gives them."""
    memorial_day = date(year, 5, 31)
    juneteenth = {_kept_on(date(year, 6, 19)): "Juneteenth"} if year >= _FIRST_JUNETEENTH else {}
    return {
        _kept_on(date(year, 1, 1)): "New Year's Day",
        nth_weekday(year, 1, _MONDAY, 3): "Martin Luther King, Jr. Day",
        nth_weekday(year, 2, _MONDAY, 3): "Washington's Birthday",
        _good_friday(year): "Good Friday",
        memorial_day - memorial_day.weekday() * _DAY: "Memorial Day",
        **juneteenth,
        _kept_on(date(year, 7, 4)): "Independence Day",
        nth_weekday(year, 9, _MONDAY, 1): "Labor Day",
        nth_weekday(year, 11, _THURSDAY, 4): "Thanksgiving Day",
        _kept_on(date(year, 12, 25)): "Christmas Day",
    }


def _kept_on(holiday: date) -> date:
    """A Sunday's holiday is kept on Monday, a Saturday's on Friday, but never on the last day of a year."""
    if holiday.weekday() == _SUNDAY:
        return holiday + _DAY
    if holiday.weekday() == _SATURDAY and holiday.month != 1:
        return holiday - _DAY
    return holiday


def nth_weekday(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th weekday (Monday is 0) of a month."""
    first = date(year, month, 1)
    return first + ((weekday - first.weekday()) % 7 + 7 * (n - 1)) * _DAY


def _good_friday(year: int) -> date:
    """Two days before Easter, by the anonymous Gregorian computus (Nature, 20 April 1876)."""
    a, b, c = year % 19, year // 100, year % 100
    d = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    e = (32 + 2 * (b % 4) + 2 * (c // 4) - d - c % 4) % 7
    month, day = divmod(d + e - 7 * ((a + 11 * d + 22 * e) // 451) + 114, 31)
    return date(year, month, day + 1) - 2 * _DAY
