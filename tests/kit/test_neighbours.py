"""A neighbour is spelled as its row spells the contract, in each place in which the row does so."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from variance_bridge.model import Holding, Side
from variance_bridge.symbology import InstrumentType, parse
from variance_bridge.testing.payloads.neighbours import (
    adjusted,
    neighbours,
    other_day,
    other_index,
    other_right,
    other_strike,
)


@pytest.fixture(scope="module")
def put():
    terms = parse("SPY   260320P00440000", instrument_type=InstrumentType.OPTION)
    names = ("root", "symbol", "underlying", "type", "option_type", "strike", "expiration")
    members = {name: getattr(terms, name) for name in names}
    return Holding(side=Side.SHORT, quantity=Decimal(2), **members)


@pytest.mark.parametrize(
    ("change", "row", "other"),
    [
        (other_right, {"s": "SPY   260320P00440000"}, {"s": "SPY   260320C00440000"}),
        (other_right, {"s": "SPY260320P00440000"}, {"s": "SPY260320C00440000"}),
        (other_right, {"r": "PUT", "x": {"y": "put"}}, {"r": "CALL", "x": {"y": "call"}}),
        (other_right, {"s": "SPY 03/20/2026 440.00 P"}, {"s": "SPY 03/20/2026 440.00 C"}),
        (other_right, {"s": ".SPY260320P440"}, {"s": ".SPY260320C440"}),
        (other_right, {"s": "PUT SPY MAR 20 2026 440"}, {"s": "CALL SPY MAR 20 2026 440"}),
        (other_day, {"s": "SPY   260320P00440000"}, {"s": "SPY   270605P00440000"}),
        (other_day, {"d": "2026-03-20", "o": "2026-03-19"}, {"d": "2027-06-05", "o": "2026-03-19"}),
        (other_day, {"d": "03/20/2026"}, {"d": "06/05/2027"}),
        (other_day, {"d": "2026-03-20T20:00:00Z"}, {"d": "2027-06-05T20:00:00Z"}),
        (other_strike, {"strike": Decimal(440)}, {"strike": Decimal(1250)}),
        (other_strike, {"strikePrice": "440.0", "mark": "440.0"}, {"strikePrice": "1250", "mark": "440.0"}),
        (other_strike, {"s": "SPY 2026-03-20 440 P"}, {"s": "SPY 2026-03-20 1250 P"}),
        (other_index, {"s": "SPY   260320P00440000", "u": "SPY"}, {"s": "XSP   260320P00440000", "u": "XSP"}),
        (adjusted, {"s": "SPY   260320P00440000", "u": "SPY"}, {"s": "SPY1  260320P00440000", "u": "SPY"}),
    ],
)  # fmt: skip
def test_a_row_is_respelled_wherever_it_spells_the_contract(put, change, row, other):
    first = next(neighbours(row, put, change))

    assert first.row == other


def test_a_row_that_does_not_spell_its_contract_has_no_neighbour(put):
    assert list(neighbours({"id": 7, "strike": "441"}, put, other_right)) == []


def test_a_share_has_no_neighbour(put):
    share = attrs.evolve(put, type=InstrumentType.STOCK, symbol="SPY")
    assert list(neighbours({"s": "SPY"}, share, other_right)) == []
