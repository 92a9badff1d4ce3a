"""On which days listed options expire, and when they are settled.

An index has two series of options as a rule: one under its own name, which expires once a month, and one under a
weekly root, which expires on all other days. Brokers that name only the index leave it to the date which one is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType

from variance_bridge.symbology.tables import Settlement, index_series, read_table
from variance_bridge.symbology.trading_days import (
    is_trading_day,
    nth_weekday,
    previous_trading_day,
    trading_day_on_or_before,
)

_WEDNESDAY, _FRIDAY, _SATURDAY = 2, 4, 5
_DAYS_OF_VOLATILITY = timedelta(days=30)
"""VIX measures the volatility of the 30 days after it is settled."""
_LAST_SATURDAY = date(2015, 2, 1)
"""Until then options expired on the Saturday after the third Friday, and OSI symbols name that Saturday (OCC, 2013)."""
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")


def listed_root(root: str, expiration: date, *, weekly: bool = False) -> str | None:
    """The option root that is listed for a day where a text names only the index: SPXW for SPX on a Tuesday.

    `weekly`: the text says that it is not the monthly series. None where nothing on the index expires that day. Any
    other root is returned as it is.
    """
    series = index_series().get(root)
    if series is None or series.weekly_root is None:
        return root
    if not weekly and may_expire(root, expiration):
        return root
    return series.weekly_root if may_expire(series.weekly_root, expiration) else None


def may_expire(root: str, day: date) -> bool:
    """Whether an equity or index option of this root can expire on a day; FLEX options can on any trading day."""
    series = index_series().get(root)
    if series is not None:
        return is_trading_day(day) if series.expires is None else _RULES[series.expires](day)
    if _is_old_saturday(day):
        return True
    if not is_trading_day(day) or root[:1].isdigit():
        return is_trading_day(day)
    return _is_friday_or_holiday_of_it(day) or _is_listed_weekday(root.rstrip("0123456789"), day)


def settlement_of(root: str, expiration: date) -> Settlement | None:
    """AM or PM settlement of an equity or index option.

    None for FLEX options on an index, whose parties agree on it, and for a day on which the series of an index cannot
    expire: nothing is known of such a contract.
    """
    series = index_series().get(root)
    if series is None:
        is_flex_on_index = root[0].isdigit() and root[1:] in index_series()
        return None if is_flex_on_index else Settlement.PM
    known = series.settlement is Settlement.PM or may_expire(root, expiration)
    return series.settlement if known else None


def last_trading_day(root: str, expiration: date) -> date | None:
    """The last day on which an equity or index option can be traded: for AM settlement the trading day before.

    None where the settlement is not known.
    """
    settled = trading_day_on_or_before(expiration)
    match settlement_of(root, expiration):
        case Settlement.AM:
            return previous_trading_day(settled)
        case Settlement.PM:
            return settled
        case None:
            return None


def _third_friday(day: date) -> bool:
    """The third Friday, the trading day before it where it is a holiday, or the Saturday after it in old symbols."""
    friday = nth_weekday(day.year, day.month, _FRIDAY, 3)
    return day == trading_day_on_or_before(friday) or _is_old_saturday(day)


def _is_old_saturday(day: date) -> bool:
    is_third = day.weekday() == _SATURDAY and 16 <= day.day <= 22
    return is_third and day < _LAST_SATURDAY


def _monthly_volatility(day: date) -> bool:
    """30 days before the third Friday of the next month."""
    following = day.replace(day=1) + timedelta(days=32)
    friday = nth_weekday(following.year, following.month, _FRIDAY, 3)
    return day == _volatility_day(friday)


def _weekly_volatility(day: date) -> bool:
    """30 days before any other Friday."""
    wednesday = day + timedelta(days=(_WEDNESDAY - day.weekday()) % 7)
    return day == _volatility_day(wednesday + _DAYS_OF_VOLATILITY) and not _monthly_volatility(day)


def _volatility_day(friday: date) -> date:
    """The Wednesday 30 days before; the trading day before it where that or the Friday itself is a holiday."""
    wednesday = friday - _DAYS_OF_VOLATILITY
    open_both = is_trading_day(wednesday) and is_trading_day(friday)
    return wednesday if open_both else previous_trading_day(wednesday)


_RULES: Mapping[str, Callable[[date], bool]] = {
    "third-friday": _third_friday,
    "monthly-volatility": _monthly_volatility,
    "weekly-volatility": _weekly_volatility,
}


def _is_friday_or_holiday_of_it(day: date) -> bool:
    return day == trading_day_on_or_before(day + timedelta(days=(_FRIDAY - day.weekday()) % 7))


@cache
def _other_weekdays() -> Mapping[str, tuple[frozenset[int], date]]:
    """Root -> weekdays beside Friday, and since when."""
    return MappingProxyType(
        {
            root: (
                frozenset(map(_WEEKDAYS.index, entry["days"])),
                entry.get("since", date.min),
            )
            for entry in read_table("weekly_expirations.toml")["weekdays"]
            for root in entry["roots"]
        }
    )


def _is_listed_weekday(root: str, day: date) -> bool:
    weekdays, since = _other_weekdays().get(root, (frozenset(), date.max))
    return day >= since and day.weekday() in weekdays
