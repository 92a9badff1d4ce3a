"""Sums that say how much of them is known, and amounts that are the same but for rounding."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge.money import Sum, add_up, quotient, together, total
from variance_bridge.rounding_tolerance import within_tolerance

D = Decimal


@pytest.mark.parametrize(
    ("amounts", "found", "complete"),
    [
        ([], Sum(D(0), 0, 0), D(0)),
        ([D("0.1"), D("0.2")], Sum(D("0.3"), 2, 2), D("0.3")),
        ([D(5), None], Sum(D(5), 1, 2), None),
        ([None, None], Sum(None, 0, 2), None),
    ],
)
def test_a_sum_is_complete_where_every_summand_is_known(amounts, found, complete):
    assert add_up(amounts) == found
    assert found.complete == complete


def test_several_sums_become_one_that_knows_what_is_missing():
    assert together([add_up([D(1), None]), add_up([D(2)])]) == Sum(D(3), 2, 3)
    assert together([add_up([None]), add_up([None])]).amount is None
    assert together([]) == Sum(D(0), 0, 0)


def test_sums_and_quotients_keep_more_digits_than_the_default_context():
    long = D("1234567890123456789012345678.123456789")
    assert total(long, D("0.000000001")) == D("1234567890123456789012345678.123456790")
    assert quotient(long, D(1)) == long


@pytest.mark.parametrize(
    ("stated", "computed", "quantity", "same"),
    [
        ("100.005", "100", "1", True),
        ("100.0051", "100", "1", True),
        ("100.0052", "100", "1", False),
        ("1000001", "1000000", "1", True),
        ("1000001.1", "1000000", "1", False),
        ("100.05", "100", "10", True),
        ("100.06", "100", "10", False),
        ("100.005", "100", "0.01", True),
        ("100.0052", "100", "0.01", False),
        ("-100", "100", "1", False),
    ],
)
def test_amounts_are_the_same_within_a_millionth_and_half_a_cent_for_each_contract(
    stated, computed, quantity, same
):
    assert within_tolerance(D(stated), D(computed), D(quantity)) is same
    assert within_tolerance(D(computed), D(stated), D(quantity)) is same
