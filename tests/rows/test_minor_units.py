"""The unit of a row's money: pence are a hundredth of a pound, to the last digit, in every member that is money."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from variance_bridge import rows
from variance_bridge.minor_units import in_currency, money_unit
from variance_bridge.model import Caution, Greeks, Quote, Rejection, Side
from variance_bridge.rows import Members, collect
from variance_bridge.symbology import InstrumentType

PENCE = {"symbol": "SHEL", "quantity": "18", "price": "2417", "mark": "2500.5", "currency": "GBp"}


def read_row(row: Members):
    currency = row.currency("currency")
    quantity = row.quantity("quantity")
    held = rows.holding(
        row,
        row.instrument("symbol", InstrumentType.STOCK),
        rows.side_of(quantity),
        quantity,
        multiplier=Decimal(1),
        average_price=row.number("price"),
        mark=row.number("mark"),
        value=row.number("value"),
        day_pl=row.number("day"),
    )
    return attrs.evolve(held, currency=currency)


@pytest.mark.parametrize(
    ("word", "currency", "per_unit"),
    [
        ("GBX", "GBP", 100),
        ("GBp", "GBP", 100),
        ("ZAc", "ZAR", 100),
        ("ILA", "ILS", 100),
        ("USX", "USD", 100),
        ("KWF", "KWD", 1000),
    ],
)
def test_a_part_of_a_currency_becomes_the_currency_exactly(word, currency, per_unit):
    found = collect([PENCE | {"currency": word, "day": "-7"}], read_row)
    (held,) = found.positions
    assert held.currency == currency
    assert held.average_price * per_unit == Decimal(2417)
    assert held.cost_basis * per_unit == 18 * Decimal(2417)
    assert held.market_value * per_unit == 18 * Decimal("2500.5")
    assert held.unrealized_pl * per_unit == 18 * Decimal("83.5")
    assert held.day_pl * per_unit == -7
    assert held.quote.mark * per_unit == Decimal("2500.5")
    assert [flag.caution for flag in found.flags] == [Caution.MINOR_UNIT]


@pytest.mark.parametrize("word", ["GBP", "ZAR", "ILS", "USD", "CNH"])
def test_a_currency_is_left_as_it_is(word):
    found = collect([PENCE | {"currency": word}], read_row)
    assert found.positions[0].average_price == 2417
    assert found.positions[0].currency == word
    assert found.flags == ()


def test_money_in_an_unknown_unit_is_unknown_and_never_in_the_accounts_currency():
    found = collect([PENCE | {"currency": "dollars"}], read_row)
    (held,) = found.positions
    assert held.quantity == 18
    assert (held.average_price, held.cost_basis, held.market_value, held.quote) == (None,) * 4
    assert [flag.caution for flag in found.flags] == [Caution.NUMBER_UNREADABLE]


def test_a_currency_that_stands_in_an_inner_object_counts():
    row = Members({"listing": {"currency": "GBX"}})
    assert row.nested("listing").currency("currency") == "GBP"
    assert row.unit == money_unit("GBX")


def test_all_digits_survive():
    digits = "1234567890123456789012345.678901234567"
    found = collect([PENCE | {"quantity": "1", "price": digits}], read_row)
    assert str(found.positions[0].average_price) == "12345678901234567890123.45678901234567"


def test_an_option_in_pence_is_rejected_because_its_strike_is_in_pence_too():
    def read_option(row: Members):
        row.currency("currency")
        return rows.holding(
            row,
            row.instrument("symbol", InstrumentType.OPTION),
            Side.SHORT,
            Decimal(2),
            multiplier=Decimal(1000),
            average_price=Decimal(3),
        )

    pence = {"symbol": "VOD   260320C00070000", "currency": "GBX"}
    found = collect([pence, pence | {"currency": "GBP"}], read_option)
    assert [row.reason for row in found.rejected] == [Rejection.TERMS_CONTRADICT]
    assert len(found.positions) == 1


def test_only_the_greeks_that_are_money_change():
    share = collect([PENCE], read_row).positions[0]
    greeks = Greeks(delta=Decimal(18), gamma=Decimal(1), theta=Decimal(40), vega=Decimal(-100))
    quote = Quote(bid=Decimal(2), underlying_price=Decimal(69))
    held = in_currency(attrs.evolve(share, greeks=greeks, quote=quote), money_unit("GBX"))
    assert held.quote == Quote(bid=Decimal("0.02"), underlying_price=Decimal("0.69"))
    assert held.greeks == Greeks(
        delta=Decimal(18), gamma=Decimal(1), theta=Decimal("0.4"), vega=Decimal(-1)
    )
