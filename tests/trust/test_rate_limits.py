"""Published rates: every try counts, whoever sends it; and dates that no calendar has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.broker import RateLimit
from variance_bridge.clock import http_date
from variance_bridge.network.rate_limits import Rates

ONE = RateLimit(requests=1, path="/accounts/*/positions")
ALL = RateLimit(requests=3, seconds=2.0)


def test_the_first_request_never_waits_and_the_next_waits_for_the_rest_of_the_second():
    rates = Rates([ONE])
    assert rates.wait("/accounts/7/positions", 10.0) == 0
    rates.count("/accounts/7/positions", 10.0)
    assert rates.wait("/accounts/8/positions", 10.25) == 0.75
    assert rates.wait("/accounts/8/positions", 11.0) == 0


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("/accounts/7/positions", True),
        ("/accounts/7/positions/more", True),
        ("/accounts/7/balances", False),
        ("/accounts/positions", False),
        ("/other/accounts/7/positions", False),
        ("/", False),
    ],
)
def test_a_rate_is_for_the_paths_that_begin_as_it_says(path, counts):
    rates = Rates([ONE])
    rates.count("/accounts/1/positions", 0.0)
    assert (rates.wait(path, 0.0) > 0) is counts


@given(st.lists(st.floats(0, 0.6), max_size=40))
def test_no_window_ever_holds_more_than_its_rate(pauses):
    rates, now, sent = Rates([ONE, ALL]), 0.0, []
    for pause in pauses:
        now += pause
        now += rates.wait("/accounts/7/positions", now)
        rates.count("/accounts/7/positions", now)
        sent.append(now)
    for place, moment in enumerate(sent):
        before = sent[: place + 1]
        assert sum(moment - other < 1 - 1e-9 for other in before) == 1
        assert sum(moment - other < 2 - 1e-9 for other in before) <= 3


@pytest.mark.parametrize(
    "wrong", [{"requests": 0}, {"requests": 1, "seconds": 0}, {"requests": "1"}]
)
def test_a_rate_that_makes_no_sense_is_not_declared(wrong):
    with pytest.raises((TypeError, ValueError)):
        RateLimit(**wrong)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("Mon, 02 Mar 2026 15:00:00 GMT", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 10:00:00 -0500", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 15:00:00 -0000", datetime(2026, 3, 2, 15, tzinfo=UTC)),
        ("Mon, 01 Jan 99999999999999 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        ("", None),
        ("yesterday", None),
    ],
)
def test_a_date_is_read_or_it_is_none(text, moment):
    assert http_date(text) == moment


numbers = st.integers(0, 10**30).map(str)


@given(
    st.tuples(numbers, numbers, numbers, numbers, numbers),
    st.sampled_from(["GMT", "-0000", "+9999", "-99999999999"]),
)
def test_no_number_in_a_date_is_a_crash(parts, zone):
    day, year, hour, minute, second = parts
    found = http_date(f"Mon, {day} Jan {year} {hour}:{minute}:{second} {zone}")
    assert found is None or found.tzinfo is UTC
