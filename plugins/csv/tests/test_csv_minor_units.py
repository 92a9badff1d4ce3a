"""Shares that an exchange quotes in pence, cents or agorot are published in their currency."""

from __future__ import annotations

import pytest

PENCE = """\
Symbol,Type,Quantity,Multiplier,Average Price,Mark,Unrealized P/L,Currency
SHEL,stock,18,1,2417,2500,1494,GBp
VOD,stock,-100,1,70,75,-500,GBX
BARC,stock,100,1,1.70,1.75,5,GBP
NPN,stock,3,1,300000,310000.5,30001.5,ZAc
TEVA,stock,40,1,6000,6100,4000,ILA
"""
DEGIRO = """\
Product,Symbol/ISIN,Amount,Closing,Local value,,Value in EUR
VODAFONE,GB00BH4HKS39,100,"75,10",GBX,"7510,00","88,00"
"""


def test_pence_cents_and_agorot_become_their_currency_exactly_and_are_flagged(read_csv):
    outcome = read_csv(PENCE)
    money = {
        each["symbol"]: tuple(str(each[name]) for name in ("currency", "cost_basis", "market_value", "unrealized_pl"))
        for each in outcome.positions
    }  # fmt: skip
    assert money == {
        "SHEL": ("GBP", "435.06", "450.00", "14.94"),
        "VOD": ("GBP", "70.00", "-75.00", "-5.00"),
        "BARC": ("GBP", "170.00", "175.00", "5"),
        "NPN": ("ZAR", "9000.00", "9300.015", "300.015"),
        "TEVA": ("ILS", "2400.00", "2440.00", "40.00"),
    }
    assert [outcome.cautions(row) for row in (2, 3, 4, 5, 6)] == [
        ["minor_unit"],
        ["minor_unit"],
        [],
        ["minor_unit"],
        ["minor_unit"],
    ]


def test_a_currency_beside_the_value_may_be_a_minor_unit(read_csv):
    (held,) = read_csv(DEGIRO, name="Portfolio.csv").positions
    assert (held["currency"], str(held["quote"]["mark"])) == ("GBP", "0.7510")
    assert str(held["market_value"]) == "75.1000"


@pytest.mark.parametrize("word", ["gbp", "Pence", "XYZ", "GB"])
def test_a_row_with_an_unknown_currency_is_rejected(read_csv, word):
    outcome = read_csv(PENCE.replace("GBX", word))
    (rejected,) = outcome.meta["rejected"]
    assert rejected == {"row": 3, "reason": "unreadable_row"} | (
        {"symbol": "VOD"} if "symbol" in rejected else {}
    )
