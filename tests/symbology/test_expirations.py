"""Days on which options expire, their settlement, and the last day on which they trade."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.symbology import Settlement, parse
from variance_bridge.symbology.expirations import listed_root, may_expire
from variance_bridge.symbology.tables import index_series
from variance_bridge.symbology.trading_days import is_trading_day, previous_trading_day

VIX_MONTHLY = """
2024-01-17 2024-02-14 2024-03-20 2024-04-17 2024-05-22 2024-06-18
2024-07-17 2024-08-21 2024-09-18 2024-10-16 2024-11-20 2024-12-18
2025-01-22 2025-02-19 2025-03-18 2025-04-16 2025-05-21 2025-06-18
2025-07-16 2025-08-20 2025-09-17 2025-10-22 2025-11-19 2025-12-17
2026-01-21 2026-02-18 2026-03-18 2026-04-15 2026-05-19 2026-06-17
2026-07-22 2026-08-19 2026-09-16 2026-10-21 2026-11-18 2026-12-16
"""
"""As Cboe's expiration calendars list them."""
SPX_MONTHLY = """
2025-01-17 2025-02-21 2025-03-21 2025-04-17 2025-05-16 2025-06-20
2025-07-18 2025-08-15 2025-09-19 2025-10-17 2025-11-21 2025-12-19
2026-01-16 2026-02-20 2026-03-20 2026-04-17 2026-05-15 2026-06-18
2026-07-17 2026-08-21 2026-09-18 2026-10-16 2026-11-20 2026-12-18
"""


def days(text):
    return [date.fromisoformat(word) for word in text.split()]


def every_day(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@pytest.mark.parametrize(
    ("root", "calendar"),
    [("VIX", VIX_MONTHLY), ("SPX", SPX_MONTHLY), ("NDX", SPX_MONTHLY), ("RUT", SPX_MONTHLY)],
)
def test_a_monthly_series_expires_on_the_days_of_the_exchanges_calendar_and_no_others(
    root, calendar
):
    listed = days(calendar)
    years = every_day(date(listed[0].year, 1, 1), date(listed[-1].year, 12, 31))
    assert [day for day in years if may_expire(root, day)] == listed


def test_the_weekly_series_of_vix_fill_the_other_weeks():
    found = [
        day for day in every_day(date(2024, 1, 1), date(2026, 12, 31)) if may_expire("VIXW", day)
    ]
    weeks = {day.isocalendar()[:2] for day in [*found, *days(VIX_MONTHLY)]}
    assert len(weeks) == len(found) + len(days(VIX_MONTHLY))
    assert all(day.weekday() == 2 or not is_trading_day(day + timedelta(days=1)) or
               not is_trading_day(day + timedelta(days=31)) for day in found)  # fmt: skip
    assert date(2024, 12, 24) in found


@pytest.mark.parametrize(
    ("symbol", "settlement", "last"),
    [
        ("SPX   261218C06800000", "am", "2026-12-17"),
        ("SPXW  261218C06800000", "pm", "2026-12-18"),
        ("SPX   250620C06000000", "am", "2025-06-18"),
        ("SPX   250417P05300000", "am", "2025-04-16"),
        ("SPX   130119C01400000", "am", "2013-01-17"),
        ("NDX   260320C25000000", "am", "2026-03-19"),
        ("NDXP  260320C25000000", "pm", "2026-03-20"),
        ("RUT   260320P02050000", "am", "2026-03-19"),
        ("RUTW  250731C01200000", "pm", "2025-07-31"),
        ("VIX   260318C00020000", "am", "2026-03-17"),
        ("VIX   250318C00020000", "am", "2025-03-17"),
        ("VIX   080219C00020000", "am", "2008-02-15"),
        ("VIXW  260325C00020000", "am", "2026-03-24"),
        ("DJX   260320C00400000", "am", "2026-03-19"),
        ("XSP   260616C00550000", "pm", "2026-06-16"),
        ("OEX   260320C02500000", "pm", "2026-03-20"),
        ("AAPL  260320C00200000", "pm", "2026-03-20"),
        ("AAPL  130119C00500000", "pm", "2013-01-18"),
        ("BABA2 251017C00145000", "pm", "2025-10-17"),
        # Not to be known: a FLEX option on an index, a series on a day on which it does not expire.
        ("4SPX  260320C05000000", None, None),
        ("SPX   260616C05500000", None, None),
        ("DJX   260325C00400000", None, None),
        ("2AAPL 260320C00200000", "pm", "2026-03-20"),
    ],
)
def test_an_option_says_when_it_is_settled_and_until_when_it_trades(symbol, settlement, last):
    found = parse(symbol)
    assert found.settlement == (None if settlement is None else Settlement(settlement))
    assert found.last_trading_day == (None if last is None else date.fromisoformat(last))


@pytest.mark.parametrize("text", ["SPX", "/ESZ5", "./ESZ5 EW4X5 251128P6000", "AAPL", "BTC/USD"])
def test_what_is_not_an_equity_or_index_option_has_no_settlement(text):
    found = parse(text)
    assert (found.option_root, found.settlement, found.last_trading_day) == (None, None, None)


@given(
    st.sampled_from([root for root, series in index_series().items() if series.weekly_root]),
    st.dates(date(2010, 2, 12), date(2099, 12, 31)),
)
def test_an_index_has_at_most_one_root_on_a_day_and_the_one_of_the_month_comes_first(index, day):
    root = listed_root(index, day)
    weekly = index_series()[index].weekly_root
    assert (root == index) == may_expire(index, day)
    assert root in (index, weekly, None)
    assert root is None or may_expire(root, day)
    assert root is not None or not may_expire(weekly, day)


@pytest.mark.parametrize(
    "holiday",
    [
        "2024-03-29", "2025-04-18", "2026-04-03", "2027-03-26", "2026-01-01", "2026-01-19", "2026-02-16",
        "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26", "2026-12-25", "2027-06-18",
        "2027-07-05", "2023-01-02", "2025-01-09", "2001-09-12", "2004-06-11", "2007-01-02", "2012-10-29", "2012-10-30", "2018-12-05", "2022-06-20", "2026-11-28", "2026-11-29",
    ],
)  # fmt: skip
def test_the_exchanges_are_closed_on_weekends_and_holidays(holiday):
    assert not is_trading_day(date.fromisoformat(holiday))


@pytest.mark.parametrize(
    "day", ["2021-12-31", "2021-06-18", "2026-11-27", "2026-10-12", "2026-11-11"]
)
def test_the_exchanges_are_open_on_days_that_look_like_holidays(day):
    assert is_trading_day(date.fromisoformat(day))


@given(st.dates(date(2001, 1, 1), date(2099, 12, 31)))
def test_between_a_day_and_the_trading_day_before_it_the_exchanges_are_closed(day):
    before = previous_trading_day(day)
    assert is_trading_day(before)
    assert not any(map(is_trading_day, every_day(before, day)[1:-1]))
    assert (day - before).days <= 6
