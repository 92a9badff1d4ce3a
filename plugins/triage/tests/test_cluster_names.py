"""What legs are called, by the table of vectors, and what may stand together at all."""

from __future__ import annotations

import tomllib
from collections import Counter
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from variance_bridge.model import Quote, Side
from variance_bridge.symbology import Deliverable
from variance_bridge_triage.strategies.clusters import cluster
from variance_bridge_triage.strategies.strategy_names import read_strategies, strategies

VECTORS = tomllib.loads((Path(__file__).parent / "strategy_vectors.toml").read_text())["vector"]


def names(positions, today):
    return [found.strategy for found in cluster(positions, today)]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: " ".join(vector["legs"]))
def test_legs_have_the_name_of_the_vector(vector, hold, today):
    price = Quote(underlying_price=Decimal(100))
    positions = [attrs.evolve(hold(leg), quote=price) for leg in vector["legs"]]
    assert sorted(names(positions, today)) == sorted(vector["names"])


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: " ".join(vector["legs"]))
def test_each_contract_of_a_vector_is_in_one_strategy_however_often_it_is_held(
    vector, times, hold, today
):
    positions = [hold(leg) for leg in vector["legs"]]
    several = [attrs.evolve(each, quantity=each.quantity * times) for each in positions]
    found = cluster(several, today)
    assert contracts(leg for each in found for leg in each.legs) == contracts(several)


def contracts(legs):
    held = Counter()
    for leg in legs:
        held[leg.symbol, leg.expiration, leg.side] += leg.quantity
    return held


@pytest.mark.parametrize(("times", "units"), [(1, 1), (2, 2), (4, 4)])
def test_a_ratio_that_is_not_whole_is_counted_in_its_own_units(hold, today, times, units):
    (found,) = cluster([hold(f"{2 * times} 100C"), hold(f"{-5 * times} 105C")], today)
    assert (found.strategy, found.units) == ("Ratio Spread (Call)", units)


def test_every_name_of_the_table_is_reached_by_a_vector_or_its_mirror(hold, today):
    reached = {name for vector in VECTORS for name in vector["names"]}
    for vector in VECTORS:
        positions = [hold(leg) for leg in vector["legs"]]
        reached |= set(names([_turned(position) for position in positions], today))
    table = {entry.name for entries in strategies().entries.values() for entry in entries}
    assert table - reached == {
        "Long Option",
        "Short Option",
        "Futures Calendar Spread",  # has tests of its own: vectors have one future only
    }


def _turned(position):
    return attrs.evolve(position, side=Side.SHORT if position.side is Side.LONG else Side.LONG)


def test_weekly_and_monthly_series_of_an_index_are_one_root(hold, today):
    weekly = hold("-1 6000P", root="SPX", symbol="SPXW  260121P06000000")
    monthly = hold("1 5950P", root="SPX", symbol="SPX   260121P05950000")
    assert {found.root for found in cluster([weekly, monthly], today)} == {"SPX"}


@pytest.mark.parametrize(
    ("legs", "name", "strike"),
    [
        (("100 stock", "1 90P", "1 95P"), "Protective Put", 95),
        (("-100 stock", "-1 90P", "-1 95P"), "Covered Put", 95),
        (("100 stock", "-1 105C", "-1 110C"), "Covered Call", 105),
        (("-100 stock", "1 105C", "1 110C"), "Protective Call", 105),
    ],
)
def test_shares_stand_with_the_option_that_is_nearest_to_them(legs, name, strike, hold, today):
    (found,) = (each for each in cluster(map(hold, legs), today) if each.strategy == name)
    assert {leg.strike for leg in found.legs} == {None, Decimal(strike)}


def test_shares_of_a_class_cover_their_options(hold, today):
    call = hold("-1 500C", root="BRK-B")
    assert call.symbol.startswith("BRKB ")
    assert names([hold("100 stock", root="BRK-B"), call], today) == ["Covered Call"]


def test_one_future_covers_one_option_on_it(hold, today):
    future, call = hold("1 future", root="/ES"), hold("-2 6000C", root="/ES")
    assert sorted(names([future, call], today)) == ["Covered Call", "Short Call"]


def test_a_future_of_another_month_or_size_covers_nothing(hold, today):
    call = hold("-1 6000C", root="/ES")
    march, micro = hold("1 future", root="/ES"), hold("1 future", root="/MES")
    assert names([attrs.evolve(march, symbol="/ESM6"), call], today) == [
        "Short Call",
        "Long Future",
    ]
    assert names([micro, call], today) == ["Short Call", "Long Future"]


def test_an_option_on_a_future_says_by_its_symbol_what_covers_it(hold, today):
    call = hold("-1 6000C", root="/ES", symbol="./ESH6 EWF6  260121C6000", underlying=None)
    assert names([hold("1 future", root="/ES"), call], today) == ["Covered Call"]


def test_shares_never_cover_an_option_that_a_corporate_action_adjusted(hold, today):
    call = hold("-1 105C", symbol="XYZ1  260121C00105000", deliverable=Deliverable.ADJUSTED)
    assert names([hold("100 stock"), call], today) == ["Short Call", "Stock"]


def test_an_adjusted_option_is_reported_by_its_symbol(hold, today):
    call = hold("-1 105C", symbol="XYZ1  260121C00105000", deliverable=None)
    assert names([hold("100 stock"), call], today) == ["Short Call", "Stock"]


def test_adjusted_and_standard_options_are_not_one_spread(hold, today):
    adjusted = hold("1 110C", symbol="XYZ1  260121C00110000", deliverable=Deliverable.ADJUSTED)
    assert names([hold("-1 105C"), adjusted], today) == ["Short Call", "Long Call"]


def test_contracts_of_different_size_are_not_one_spread(hold, today):
    small = hold("1 110C", multiplier=Decimal(10))
    assert names([hold("-1 105C"), small], today) == ["Short Call", "Long Call"]


def test_the_multiplier_says_how_many_shares_cover_a_contract(hold, today):
    call = hold("-1 105C", multiplier=Decimal(10))
    assert sorted(names([hold("25 stock"), call], today)) == ["Covered Call", "Stock"]


def test_an_option_without_a_right_stays_alone(hold, today):
    unknown = attrs.evolve(hold("1 105C"), option_type=None)
    assert names([unknown, hold("-1 110C")], today) == ["Long Option", "Short Call"]


def test_an_instrument_that_the_table_does_not_know_is_a_combo(hold, today):
    empty = read_strategies("strategy = []\ndeep = {far_days = 60, days_between = 30}")
    assert [c.strategy for c in cluster([hold("100 stock")], today, empty)] == ["Custom/Combo"]


def test_without_a_price_a_deep_diagonal_is_a_diagonal(hold, today):
    assert names([hold("-1 105C"), hold("1 80C 177d")], today) == ["Diagonal Spread (Call)"]


def test_lots_of_one_contract_opened_on_two_days_are_one_cluster(hold, today):
    positions = [hold("-1 105C @2025-12-01"), hold("-2 105C @2025-12-05"), hold("-3 95P")]
    (strangle,) = cluster(positions, today)
    assert (strangle.strategy, strangle.units) == ("Short Strangle", 3)


def test_the_oldest_shares_are_the_covered_ones(hold, today):
    old, new = hold("100 stock @2025-01-02"), hold("100 stock @2025-11-03")
    call, rest = cluster([new, old, hold("-1 105C @2025-12-01")], today)
    assert [leg.opened_on for leg in call.legs if leg.option_type is None] == [old.opened_on]
    assert rest.legs == (new,)


def test_two_condors_of_different_size_are_found_apart(hold, today):
    small = ["2 85P", "-2 90P", "-2 110C", "2 115C"]
    large = ["5 80P", "-5 88P", "-5 112C", "5 120C"]
    found = cluster([hold(text) for text in small + large], today)
    assert [(c.strategy, c.units) for c in found] == [("Iron Condor", 5), ("Iron Condor", 2)]


def test_a_ladder_of_spreads_keeps_their_widths_equal(hold, today):
    positions = [hold(text) for text in ("1 89P", "1 90P", "-1 94P", "-1 95P")]
    widths = {
        max(leg.strike for leg in c.legs) - min(leg.strike for leg in c.legs)
        for c in cluster(positions, today)
    }
    assert widths == {Decimal(5)}


def test_a_stated_adjustment_counts_whatever_the_symbol_looks_like(hold, today):
    call = hold("-1 105C", deliverable=Deliverable.ADJUSTED)
    assert names([hold("100 stock"), call], today) == ["Short Call", "Stock"]


def test_a_standard_contract_without_a_multiplier_delivers_a_hundred_shares(hold, today):
    call = hold("-1 105C", multiplier=None)
    assert names([hold("100 stock"), call], today) == ["Covered Call"]


def test_an_insured_part_takes_its_share_of_the_stock(hold, today):
    found = cluster([hold("300 stock"), hold("-3 105C"), hold("1 95P")], today)
    shares = {
        c.strategy: sum(leg.quantity for leg in c.legs if leg.option_type is None) for c in found
    }
    assert shares == {"Collar": 100, "Covered Call": 200}


def test_futures_of_two_months_are_a_calendar_spread(hold, today):
    march, june = hold("2 future", root="/ES"), hold("-1 future", root="/ES", symbol="/ESM6")
    assert sorted(names([march, june], today)) == ["Futures Calendar Spread", "Long Future"]


def test_futures_calendars_join_neighbouring_months(hold, today):
    months = [("1 future", "/CLF6"), ("-1 future", "/CLG6"), ("1 future", "/CLZ6")]
    months += [("-1 future", "/CLF7")]
    found = cluster([hold(text, root="/CL", symbol=symbol) for text, symbol in months], today)
    assert {tuple(sorted(leg.symbol for leg in each.legs)) for each in found} == {
        ("/CLF6", "/CLG6"),
        ("/CLF7", "/CLZ6"),
    }


def test_futures_of_different_size_are_no_calendar_spread(hold, today):
    large, small = hold("1 future", root="/SI"), hold("-1 future", root="/SI", symbol="/SIM6")
    small = attrs.evolve(small, multiplier=Decimal(1000))
    assert sorted(names([large, small], today)) == ["Long Future", "Short Future"]


def test_a_future_carries_a_collar_before_a_covered_call(hold, today):
    legs = ["2 future", "-1 6100C", "1 5900P"]
    assert sorted(names([hold(leg, root="/ES") for leg in legs], today)) == [
        "Collar",
        "Long Future",
    ]


def test_a_future_that_covers_an_option_is_not_a_leg_of_a_calendar_spread(hold, today):
    march, june = hold("1 future", root="/ES"), hold("-1 future", root="/ES", symbol="/ESM6")
    call = hold("-1 6000C", root="/ES")
    assert sorted(names([march, june, call], today)) == ["Covered Call", "Short Future"]


AM_AND_PM = [("SPX", "SPXW"), ("NDX", "NDXP"), ("RUT", "RUTW"), ("VIX", "VIXW")]


@pytest.mark.parametrize(("morning", "evening"), AM_AND_PM)
def test_series_that_settle_at_different_times_of_a_day_are_never_one_spread(
    hold, today, morning, evening
):
    def leg(text, series):
        option = hold(text, root=morning)
        return attrs.evolve(option, symbol=f"{series:<6}{option.symbol[6:]}")

    same_strike = [leg("1 6800C", morning), leg("-1 6800C", evening)]
    assert sorted(names(same_strike, today)) == ["Long Call", "Short Call"]
    vertical = [leg("1 5900P", morning), leg("-1 5950P", evening)]
    assert sorted(names(vertical, today)) == ["Long Put", "Short Put"]
    condor = ["1 5800P", "-1 5900P", "-1 6100C", "1 6200C"]
    both = cluster([leg(text, series) for text in condor for series in (morning, evening)], today)
    assert [found.strategy for found in both] == ["Iron Condor", "Iron Condor"]
    assert all(len({option.symbol[:6] for option in found.legs}) == 1 for found in both)


def test_a_later_monthly_covers_an_earlier_weekly(hold, today):
    weekly = hold("-1 6000P 30d", root="SPX", symbol="SPXW  260121P06000000")
    monthly = hold("1 6000P 60d", root="SPX", symbol="SPX   260220P06000000")
    assert names([weekly, monthly], today) == ["Calendar Spread (Put)"]


def test_shares_in_another_currency_cover_nothing(hold, today):
    call = hold("-1 105C", currency="EUR")
    assert sorted(names([hold("100 stock"), call], today)) == ["Short Call", "Stock"]
