"""Balances are compared with the positions once more when quotes have replaced the broker's marks."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest

from variance_bridge.model import Balances, Holding, Meta, Portfolio, Side
from variance_bridge.pipeline.quotes_against_balances import contradiction
from variance_bridge.symbology import InstrumentType

D = Decimal


def holding(value, kind=InstrumentType.STOCK, **members):
    side = Side.SHORT if value is not None and value < 0 else Side.LONG
    facts = {"root": "XYZ", "symbol": "XYZ", "type": kind, "side": side, "quantity": D(100)}
    return Holding(**facts, market_value=None if value is None else D(value), **members)


def portfolio(*positions, worth, cash=1000, pending=None):
    balances = Balances(
        currency="USD",
        net_liquidating_value=D(worth),
        cash=D(cash),
        pending_cash=None if pending is None else D(pending),
    )
    return Portfolio(
        meta=Meta(source="acme", fetched_at=datetime(2026, 2, 6, tzinfo=UTC), currency="USD"),
        positions=positions,
        balances=balances,
    )


def test_quotes_that_contradict_the_balances_are_named_with_both_figures():
    before = portfolio(holding(5200), worth=6200)
    after = attrs.evolve(before, positions=(holding(0),))
    assert contradiction(before, after) == (
        "at the quoted prices, cash and positions come to $1,000.00, but the balances say $6,200.00; "
        "check both before you rely on either"
    )


def test_without_marks_of_the_broker_the_quotes_are_judged_alone():
    before = portfolio(holding(None), worth=6200)
    assert contradiction(before, attrs.evolve(before, positions=(holding(520),)))
    assert contradiction(before, attrs.evolve(before, positions=(holding(5150),))) is None


def test_what_disagreed_before_the_quotes_is_not_their_fault():
    before = portfolio(holding(5200), worth=9900)
    assert contradiction(before, attrs.evolve(before, positions=(holding(5300),))) is None


@pytest.mark.parametrize(
    ("value", "kind", "contradicts"),
    [
        (5777, InstrumentType.STOCK, False),
        (5780, InstrumentType.STOCK, True),
        (4728, InstrumentType.STOCK, False),
        (4725, InstrumentType.STOCK, True),
        (10402, InstrumentType.OPTION, False),
        (10403, InstrumentType.OPTION, True),
    ],
)
def test_the_market_may_move_a_share_by_a_tenth_and_an_option_by_half(value, kind, contradicts):
    before = portfolio(holding(5200, kind), worth=6200)
    after = attrs.evolve(before, positions=(holding(value, kind),))
    assert (contradiction(before, after) is not None) is contradicts


def test_money_on_its_way_belongs_to_the_worth():
    before = portfolio(holding(5200), worth=5700, pending=-500)
    assert contradiction(before, attrs.evolve(before, positions=(holding(5210),))) is None
    assert contradiction(before, attrs.evolve(before, positions=(holding(52),)))


@pytest.mark.parametrize(
    "other",
    [
        holding(300_000, InstrumentType.FUTURE),
        holding(700, currency="CAD"),
        holding(None),
    ],
)
def test_what_the_balances_do_not_count_alike_is_not_compared(other):
    before = portfolio(holding(5200), other, worth=6200)
    after = attrs.evolve(before, positions=(holding(0), other))
    assert contradiction(before, after) is None


def test_short_positions_count_against_the_worth():
    before = portfolio(holding(-700, InstrumentType.OPTION), worth=300)
    assert contradiction(before, before) is None
    after = attrs.evolve(before, positions=(holding(-7000, InstrumentType.OPTION),))
    assert contradiction(before, after)
