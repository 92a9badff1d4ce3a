"""Positions against balances: what a lost row, sign or multiplier looks like, and what only the market did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from variance_bridge.model import Holding, Side
from variance_bridge.symbology import InstrumentType
from variance_bridge_tastytrade.normalize.balances import read_balances
from variance_bridge_tastytrade.normalize.reconciliation import CLASSES, disagreements

FETCHED_AT = datetime(2026, 2, 6, 16, 0, tzinfo=UTC)


def holding(kind=InstrumentType.OPTION, side=Side.SHORT, value="232.00", **changes):
    return Holding(
        root="MCD",
        symbol="MCD",
        type=kind,
        side=side,
        quantity=Decimal(1),
        market_value=None if value is None else side.sign * Decimal(value),
        **changes,
    )


def compare(holdings, *, apart=0, **stated):
    values = {name.replace("_", "-"): Decimal(value) for name, value in stated.items()}
    return disagreements(
        holdings,
        values,
        valued_at=None if apart is None else FETCHED_AT - timedelta(seconds=apart),
        fetched_at=FETCHED_AT,
    )


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("side", Side)
def test_each_class_and_side_is_compared_with_its_own_balance(kind, side):
    name = f"{side.value}-{CLASSES[kind].name}-value"
    held = [holding(kind, side, "1000"), holding(kind, side, "500")]
    assert compare(held, **{name: "1500.0"}) == ()
    (found,) = compare(held, **{name: "3000.0"})
    assert found.title == f"{side.value} {CLASSES[kind].title}"
    assert (found.positions, found.balances) == (1500, 3000)


def test_index_options_may_be_counted_among_the_options_or_beside_them():
    """The vendor's specification names `index-derivative` values and does not say whether `derivative` holds them."""
    held = [holding(value="232.00"), holding(value="3000.00")]
    assert (
        compare(held, short_derivative_value="232.0", short_index_derivative_value="3000.0") == ()
    )
    assert compare(held, short_derivative_value="3232", short_index_derivative_value="3000") == ()
    (found,) = compare(held, short_derivative_value="232.0", short_index_derivative_value="0.0")
    assert (found.positions, found.balances) == (3232, 232)
    (found,) = compare(held, short_derivative_value="232.0", long_index_derivative_value="3000.0")
    assert (found.positions, found.balances) == (3232, 232)


def test_the_value_of_index_options_is_read_from_the_balances():
    sheet = {"short-derivative-value": "232.0", "short-index-derivative-value": "3000.0"}
    assert read_balances({"data": sheet}).values["short-index-derivative-value"] == 3000


def test_the_message_holds_both_figures():
    (found,) = compare([holding(value="1234.5")], short_derivative_value="9000")
    assert str(found) == (
        "the short option positions are worth 1,234.50, but the balances say 9,000.00"
    )


def test_a_lost_sign_shows_on_both_sides():
    held = [holding(side=Side.LONG, value="232")]
    found = compare(held, long_derivative_value="0.0", short_derivative_value="232.0")
    assert [one.title for one in found] == ["long option", "short option"]


def test_an_empty_answer_beside_balances_that_hold_something_disagrees():
    (found,) = compare([], long_equity_value="30020.0", short_equity_value="0.0")
    assert (found.positions, found.balances) == (0, 30020)


def test_an_empty_account_agrees_with_empty_balances():
    zero = dict.fromkeys(("long_equity_value", "short_derivative_value"), "0.0")
    assert compare([], **zero) == ()


def test_a_class_is_not_compared_without_its_balance_or_without_all_its_values():
    assert compare([holding()]) == ()
    assert compare([holding(), holding(value=None)], short_derivative_value="9000") == ()


def test_shares_are_not_compared_beside_a_position_that_we_cannot_name():
    held = [holding(InstrumentType.STOCK, Side.LONG, "1000")]
    warrant = holding(InstrumentType.OTHER, Side.LONG, "500")
    assert compare(held, long_equity_value="1500") != ()
    assert compare([*held, warrant], long_equity_value="1500") == ()


@pytest.mark.parametrize(
    ("apart", "difference", "explained"),
    [
        (0, "0.05", True),
        (0, "0.0501", False),
        (60, "0.05", True),
        (None, "0.05", True),
        (None, "0.0501", False),
        (240, "0.10", True),
        (240, "0.1001", False),
        (-240, "0.10", True),
        (86400, "0.5", True),
        (86400, "0.5001", False),
    ],
)
def test_the_older_the_marks_the_more_they_may_differ_but_never_by_more_than_half(
    apart, difference, explained
):
    stated = Decimal(100000) * (1 - Decimal(difference))
    found = compare([holding(value="100000")], apart=apart, short_derivative_value=stated)
    assert (found == ()) is explained


def test_all_classes_are_compared_in_a_single_pass_over_the_positions():
    """The time grows with the number of positions, and not with its square."""
    held = [holding(kind, side, "1000") for kind in CLASSES for side in Side]
    stated = {
        f"{side.value}-{CLASSES[kind].name}-value": "3000" for kind in CLASSES for side in Side
    }
    assert compare(iter(held), **stated) == compare(held, **stated)
    assert len(compare(iter(held), **stated)) == len(held)


def test_rounding_is_not_a_disagreement():
    assert compare([holding(value="0.40")], short_derivative_value="1.40") == ()
    assert compare([holding(value="0.40")], short_derivative_value="1.41") != ()


@given(
    values=st.lists(st.decimals(min_value=0, max_value=10**6, places=4), min_size=1, max_size=6),
    side=st.sampled_from(list(Side)),
    kind=st.sampled_from(list(CLASSES)),
)
def test_sums_that_are_equal_never_disagree(values, side, kind):
    held = [holding(kind, side, str(value)) for value in values]
    name = f"{side.value}-{CLASSES[kind].name}-value"
    assert compare(held, **{name: sum(values)}) == ()


def sheet(**changes):
    members = {
        "currency": "USD",
        "cash-balance": "-120.5",
        "net-liquidating-value": "1000.0",
        "updated-at": "2026-02-06T15:59:59.000+00:00",
        **{name.replace("_", "-"): value for name, value in changes.items()},
    }
    return {name: value for name, value in members.items() if value is not ...}


def test_cash_keeps_its_sign_and_absent_figures_stay_unknown():
    balances = read_balances({"data": sheet()}).balances
    assert balances.cash == Decimal("-120.5")
    assert (balances.buying_power, balances.maintenance_requirement) == (None, None)
    assert balances.as_of == FETCHED_AT - timedelta(seconds=1)


def test_the_sheet_of_the_accounts_currency_is_taken_from_several():
    euros = sheet(currency="EUR", cash_balance="7")
    found = read_balances({"data": {"items": [euros, sheet()]}})
    assert (found.currency, found.balances.cash) == ("USD", Decimal("-120.5"))
    alone = read_balances({"data": {"items": [euros]}})
    assert (alone.currency, alone.balances.currency) == ("EUR", "EUR")


@pytest.mark.parametrize("items", [[], [None], [7], [sheet(currency="EUR"), sheet(currency="GBP")]])
def test_balances_of_nobody_are_missing_and_reported(items):
    found = read_balances({"data": {"items": items}})
    assert found.balances is None
    assert "balances_missing" in found.cautions


@pytest.mark.parametrize("name", ["cash_balance", "net_liquidating_value"])
def test_without_cash_or_net_liquidating_value_there_are_not_balances(name):
    found = read_balances({"data": sheet(**{name: ...})})
    assert found.balances is None
    assert "balances_missing" in found.cautions


def test_a_currency_that_is_none_is_the_accounts_own():
    assert read_balances({"data": sheet(currency="dollars")}).currency == "USD"
    assert structs.asdict(read_balances({"data": sheet(currency=...)}))["currency"] == "USD"


@pytest.mark.parametrize(
    ("effect", "pending"), [("Credit", 1000), ("Debit", -1000), ("None", None), (None, None)]
)
def test_cash_on_its_way_has_the_sign_of_its_effect(effect, pending):
    sheet = read_balances(
        {
            "data": {
                "currency": "USD",
                "net-liquidating-value": "2000.0",
                "cash-balance": "1000.0",
                "pending-cash": "1000.0",
                "pending-cash-effect": effect,
            }
        }
    )

    assert sheet.balances.pending_cash == pending
