"""Signs of cost, value and profit: what the dialect says, confirmed or contradicted by arithmetic."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.model import Caution, Quote, Side
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect_format.dialect_options import Basis, MoneyRules, Sign
from variance_bridge_csv.row import money
from variance_bridge_csv.row.money import CostCheck

CASH_FLOW = MoneyRules(cost_total=Sign.CASH_FLOW, cost_per_unit=Sign.CASH_FLOW, price=Sign.POSITION)
POSITION = MoneyRules(cost_total=Sign.POSITION, cost_per_unit=Sign.POSITION)
ABSOLUTE = MoneyRules(cost_total=Sign.ABSOLUTE, cost_per_unit=Sign.ABSOLUTE)


def decimal(value):
    return None if value is None else Decimal(str(value))


def weigh(rules, side=Side.LONG, quantity=1, multiplier=100, kind=InstrumentType.OPTION, **amounts):
    quote = Quote(
        **{name: decimal(amounts.pop(name, None)) for name in ("bid", "ask", "mark", "last")}
    )
    values = {
        name: decimal(amounts.pop(name, None))
        for name in ("cost_total", "cost_per_unit", "value", "gain", "day_gain")
    }
    assert not amounts
    return money.weigh(
        money.Amounts(
            type=kind,
            side=side,
            quantity=decimal(quantity),
            multiplier=decimal(multiplier),
            quote=quote,
            **values,
        ),
        rules,
    )


@pytest.mark.parametrize(
    ("rules", "side", "cost"),
    [
        (CASH_FLOW, Side.LONG, -250),
        (CASH_FLOW, Side.SHORT, 250),
        (POSITION, Side.LONG, 250),
        (POSITION, Side.SHORT, -250),
        (ABSOLUTE, Side.LONG, 250),
        (ABSOLUTE, Side.SHORT, 250),
        (ABSOLUTE, Side.SHORT, -250),
    ],
)
def test_the_cost_basis_is_positive_whatever_the_convention(rules, side, cost):
    earned = weigh(rules, side, cost_total=cost)
    assert earned.cost_basis == 250
    assert earned.average_price == Decimal("2.5")
    assert earned.cautions == ()
    assert earned.sign_agrees is (None if rules is ABSOLUTE else True)


def test_a_cost_whose_sign_contradicts_the_side_is_dropped_and_flagged():
    earned = weigh(CASH_FLOW, Side.LONG, cost_total=250)
    assert earned.cost_basis is None
    assert earned.average_price is None
    assert earned.cautions == (Caution.COST_CONTRADICTED,)
    assert earned.sign_agrees is False


def test_a_cost_whose_sign_contradicts_the_side_stands_where_profit_and_price_confirm_its_size():
    earned = weigh(CASH_FLOW, Side.SHORT, cost_total=-250, gain=50, mark=-2)
    assert earned.cost_basis == 250
    assert earned.cautions == (Caution.COST_CONTRADICTED,)
    assert earned.check is CostCheck.CONTRADICTED


def test_profit_price_and_cost_confirm_the_convention():
    earned = weigh(POSITION, Side.SHORT, cost_total=-250, gain=50, mark=2)
    assert earned.check is CostCheck.CONFIRMED
    assert earned.cautions == ()


def test_profit_that_fits_only_the_opposite_sign_takes_the_cost_away():
    earned = weigh(POSITION, Side.LONG, cost_total=250, gain=450, mark=2)
    assert earned.cost_basis is None
    assert earned.cautions == (Caution.COST_CONTRADICTED,)


def test_profit_that_fits_neither_sign_is_reported_and_the_cost_stays_as_the_file_has_it():
    earned = weigh(POSITION, Side.LONG, cost_total=250, gain=7777, mark=2)
    assert earned.cost_basis == 250
    assert earned.cautions == (Caution.COST_CONTRADICTED,)


def test_a_price_between_bid_and_ask_confirms_the_cost():
    earned = weigh(
        POSITION,
        Side.LONG,
        35,
        1,
        InstrumentType.STOCK,
        cost_total=5462.45,
        gain=2266.60,
        bid=220.83,
        ask=400,
    )
    assert earned.check is CostCheck.CONFIRMED
    assert earned.market_value == Decimal("7729.05")


def test_the_middle_of_bid_and_ask_values_what_nothing_else_values():
    assert weigh(POSITION, Side.SHORT, 2, bid=1, ask=2).market_value == -300
    assert weigh(POSITION, bid=2, ask=1).market_value is None
    assert weigh(POSITION, bid=0, ask=0).market_value is None
    assert weigh(POSITION, bid=1).market_value is None


def test_the_files_value_comes_before_the_price():
    earned = weigh(POSITION, Side.SHORT, 3, value=-242, mark=0.81)
    assert earned.market_value == -242
    assert earned.mark is None
    assert earned.cautions == ()


def test_a_rounded_mark_is_reported_exactly_where_the_value_has_its_digits():
    earned = weigh(POSITION, Side.SHORT, 2, value=-241, mark=1.21)
    assert earned.market_value == -241
    assert earned.mark == Decimal("1.205")
    assert earned.cautions == ()


def test_value_and_price_that_disagree_are_reported_and_the_value_stands():
    earned = weigh(POSITION, Side.LONG, 2, value=500, mark=1.21)
    assert earned.market_value == 500
    assert earned.mark is None
    assert earned.cautions == (Caution.VALUE_CONTRADICTED,)


def test_a_value_whose_sign_contradicts_the_side_is_dropped_and_flagged():
    earned = weigh(POSITION, Side.SHORT, value=500)
    assert earned.market_value is None
    assert earned.cautions == (Caution.VALUE_CONTRADICTED,)


def test_without_a_multiplier_the_totals_of_the_file_are_kept():
    earned = weigh(
        CASH_FLOW, multiplier=None, cost_total=-250, value=200, gain=-50, day_gain=1, mark=2
    )
    assert (earned.cost_basis, earned.market_value) == (250, 200)
    assert (earned.unrealized_pl, earned.day_pl, earned.mark) == (-50, 1, 2)
    assert earned.check is CostCheck.CONFIRMED
    assert earned.cautions == ()


def test_without_a_multiplier_totals_that_contradict_each_other_are_flagged():
    earned = weigh(CASH_FLOW, multiplier=None, cost_total=-250, value=200, gain=50)
    assert earned.cautions == (Caution.COST_CONTRADICTED,)
    assert weigh(CASH_FLOW, multiplier=None, cost_total=250).cost_basis is None
    assert weigh(POSITION, Side.SHORT, multiplier=None, value=200).market_value is None


WITHOUT_FEES = MoneyRules(cost_per_unit_excludes_fees=True)


@pytest.mark.parametrize(
    ("side", "value", "gain", "paid", "cost"),
    [
        (Side.LONG, "1407.50", "-3628.16", "50.35", "5035.66"),
        (Side.SHORT, "-650", "32.22", "7.00", "682.22"),
    ],
)
def test_the_cost_has_the_commissions_that_the_profit_counts(side, value, gain, paid, cost):
    earned = weigh(WITHOUT_FEES, side, value=value, gain=gain, cost_per_unit=paid)
    assert earned.cost_basis == Decimal(cost)
    assert earned.market_value - side.sign * earned.cost_basis == earned.unrealized_pl
    assert earned.cautions == ()


def test_a_profit_that_is_far_from_the_price_paid_does_not_make_the_cost():
    earned = weigh(WITHOUT_FEES, value=1400, gain=900, cost_per_unit=50)
    assert earned.cost_basis == 5000
    assert earned.cautions == (Caution.COST_CONTRADICTED,)


def test_a_rounded_price_paid_gives_way_to_the_total_that_profit_tells():
    earned = weigh(
        ABSOLUTE,
        Side.LONG,
        100,
        1,
        InstrumentType.STOCK,
        value=1200,
        gain="99.60",
        cost_per_unit=11,
    )
    assert earned.cost_basis == Decimal("1100.40")
    pennies = weigh(
        ABSOLUTE,
        Side.LONG,
        100,
        1,
        InstrumentType.STOCK,
        value="1.20",
        gain="0.84",
        cost_per_unit="0.00",
    )
    assert pennies.cost_basis == 0
    dime = weigh(
        ABSOLUTE,
        Side.LONG,
        10,
        1,
        InstrumentType.STOCK,
        value="1.20",
        gain="0.66",
        cost_per_unit="0.05",
    )
    assert dime.cost_basis == Decimal("0.54")
    other = weigh(
        ABSOLUTE,
        Side.LONG,
        100,
        1,
        InstrumentType.STOCK,
        value=1200,
        gain=95,
        cost_per_unit="11.00",
    )
    assert other.cost_basis == 1100


@pytest.mark.parametrize("shift", ["0.01", "0.1", "10", "100"])
@pytest.mark.parametrize("price", ["mark", "last"])
def test_a_value_whose_decimal_mark_moved_is_not_a_value(price, shift):
    amounts = {price: 200, "cost_total": 1500, "gain": 500}
    for kind in (InstrumentType.STOCK, InstrumentType.FUND, InstrumentType.CRYPTO):
        earned = weigh(POSITION, Side.LONG, 10, 1, kind, value=2000 * Decimal(shift), **amounts)
        assert earned.value_shifted
        assert not weigh(POSITION, Side.LONG, 10, 1, kind, value=2000, **amounts).value_shifted


@pytest.mark.parametrize("factor", ["0.001", "0.1", "10", "100"])
@pytest.mark.parametrize("multiplier", [100, None])
def test_a_value_that_cost_and_profit_contradict_by_powers_of_ten_is_not_a_value(
    factor, multiplier
):
    known = {"cost_total": 40, "gain": 10, "last": "0.4"}
    right = weigh(POSITION, Side.LONG, 1, multiplier, value=50, **known)
    assert (right.market_value, right.value_shifted) == (50, False)
    assert weigh(
        POSITION, Side.LONG, 1, multiplier, value=50 * Decimal(factor), **known
    ).value_shifted
    assert not weigh(POSITION, Side.LONG, 1, multiplier, value=70, **known).value_shifted


def test_a_value_that_cost_and_profit_confirm_stands_against_an_old_price():
    earned = weigh(POSITION, last="0.05", value=50, cost_total=20, gain=30)
    assert not earned.value_shifted
    assert earned.market_value == 50
    assert earned.cautions == ()


def test_a_value_that_the_last_price_contradicts_is_flagged():
    stock = Side.LONG, 10, 1, InstrumentType.STOCK
    assert weigh(POSITION, *stock, last=200, value=2600).cautions == (Caution.VALUE_CONTRADICTED,)
    assert weigh(POSITION, *stock, last=200, value=2010).cautions == ()
    assert weigh(POSITION, last=2, value=260).cautions == ()


def test_a_wrong_value_does_not_confirm_a_cost():
    earned = weigh(
        POSITION,
        Side.LONG,
        10,
        1,
        InstrumentType.STOCK,
        last=200,
        value=2700,
        cost_total=1500,
        gain=1100,
    )
    assert Caution.COST_CONTRADICTED in earned.cautions


def test_the_cost_and_value_of_a_future_mean_nothing_and_its_price_does():
    earned = weigh(
        CASH_FLOW,
        Side.SHORT,
        2,
        50,
        InstrumentType.FUTURE,
        cost_total=0,
        cost_per_unit=6000,
        value=75,
        mark=-5990,
        gain=1000,
    )
    assert earned.cautions == (Caution.COST_MEANINGLESS,)
    assert earned.average_price == 6000
    assert earned.cost_basis == 600000
    assert earned.market_value == -599000
    assert earned.unrealized_pl == 1000


@pytest.mark.parametrize(
    ("side", "stated", "kept"),
    [(Side.LONG, -5000, -5000), (Side.LONG, 1500, 1500), (Side.SHORT, -5000, 5000)],
)
def test_the_cost_of_a_future_is_kept_as_stated_where_the_format_says_so(side, stated, kept):
    rules = MoneyRules(cost_total=Sign.POSITION, futures_cost_as_stated=True)
    earned = weigh(
        rules, side, 1, 50, InstrumentType.FUTURE, cost_total=stated, mark=5850, gain=2500
    )
    assert (earned.cost_basis, earned.unrealized_pl) == (kept, 2500)
    assert (earned.average_price, earned.market_value, earned.mark) == (None, None, 5850)
    assert earned.cautions == ()
    option = weigh(rules, Side.SHORT, 1, 50, cost_total=-5000)
    assert (option.cost_basis, option.average_price) == (5000, 100)


def test_no_digit_is_invented_for_an_average_price():
    assert weigh(POSITION, Side.LONG, 3, 1, cost_total=100).average_price is None
    assert weigh(POSITION, Side.LONG, 8, 1, cost_total=100).average_price == Decimal("12.5")


def test_a_rounded_price_beside_an_exact_total_gives_way():
    earned = weigh(ABSOLUTE, cost_total=12765.67, cost_per_unit=127.66)
    assert (earned.cost_basis, earned.average_price) == (Decimal("12765.67"), None)
    assert earned.cautions == ()


def test_a_price_that_is_not_the_totals_is_reported():
    earned = weigh(ABSOLUTE, cost_total=12765.67, cost_per_unit=1.27)
    assert earned.cost_basis == Decimal("12765.67")
    assert earned.cautions == (Caution.COST_CONTRADICTED,)


def test_a_price_per_contract_is_divided_by_the_multiplier():
    rules = MoneyRules(cost_per_unit=Sign.ABSOLUTE, cost_per_unit_basis=Basis.PER_CONTRACT)
    earned = weigh(rules, Side.LONG, 3, cost_per_unit=250)
    assert (earned.average_price, earned.cost_basis) == (Decimal("2.5"), 750)


AMOUNT = st.decimals(min_value=Decimal("0.01"), max_value=10**6, places=2)


@given(
    quantity=st.integers(1, 500),
    price=AMOUNT,
    paid=AMOUNT,
    multiplier=st.sampled_from([1, 50, 100, 1000]),
)
def test_the_other_side_flips_every_sign(quantity, price, paid, multiplier):
    units = quantity * multiplier
    for rules, cost_sign in ((CASH_FLOW, -1), (POSITION, 1)):
        long, short = (
            weigh(
                rules,
                side,
                quantity,
                multiplier,
                cost_total=cost_sign * side.sign * paid * units,
                value=side.sign * price * units,
                gain=side.sign * (price - paid) * units,
                mark=(side.sign if rules is CASH_FLOW else 1) * price,
            )
            for side in (Side.LONG, Side.SHORT)
        )
        assert long.cost_basis == short.cost_basis == paid * units
        assert long.average_price == short.average_price == paid
        assert long.market_value == -short.market_value == price * units
        assert long.unrealized_pl == short.unrealized_pl.copy_negate()
        assert long.check is short.check is CostCheck.CONFIRMED
        assert long.cautions == short.cautions == ()


@given(dividend=st.decimals(-(10**9), 10**9, places=4), divisor=st.integers(1, 10**6))
def test_a_quotient_is_exact_or_none(dividend, divisor):
    found = money.quotient(dividend, Decimal(divisor))
    assert found is None or found * divisor == dividend


def test_a_product_of_too_many_digits_is_none():
    long = Decimal("1." + "3" * 25)
    assert money.product(long, long) is None
    assert money.product(long, Decimal(2)) == long * 2


def changed(files, name, old, new):
    text = (files / f"{name}.csv").read_bytes().decode("utf-8-sig")
    assert old in text
    return text.replace(old, new, 1)


def test_a_gain_that_lost_its_minus_is_not_taken_for_commissions(read_csv, files):
    text = changed(files, "etrade", "2.0000,-10.0000,-4.5455", "2.0000,10.0000,-4.5455")
    outcome = read_csv(text)
    assert "cost_contradicted" in outcome.cautions(row=17)
    (position,) = (one for one in outcome.positions if one["quantity"] == 20)
    assert position["cost_basis"] == 220  # the price paid, and not value - gain


@pytest.mark.parametrize("amount", ["-$99,83", "99.83.00", "#VALUE!"])
def test_cash_that_cannot_be_read_leaves_no_balances_and_a_flag(read_csv, files, amount):
    outcome = read_csv(changed(files, "fidelity", "-$99.83", f'"{amount}"'))
    document = outcome.documents[0]
    assert "balances" not in document
    cautions = {flag["caution"] for flag in document["meta"]["flags"]}
    assert "balances_missing" in cautions
    assert any("line 5: this amount of cash" in one for one in outcome.warnings)


def test_cash_that_stands_there_twice_is_not_added_up(read_csv, files):
    row = "X10000001,Individual - TOD,Pending activity,,,,,-$99.83,,,,,,,,,\n"
    outcome = read_csv(changed(files, "fidelity", row, row + row))
    assert "balances" not in outcome.documents[0]
    assert any("line 6: this amount of cash" in one for one in outcome.warnings)


def test_a_quantity_of_zero_beside_money_is_no_closed_position(read_csv, files):
    text = changed(files, "questrade_edge", '"1,250","0"', '"0","1,250"')
    outcome = read_csv(text)
    assert outcome.documents[0]["meta"]["rejected"] == [{"row": 2, "reason": "numbers_contradict"}]
    assert outcome.documents[0]["meta"]["counts"]["closed"] == 1  # line 4: worth 0.00


def test_a_decimal_comma_in_a_fraction_of_a_share_is_not_a_thousand_shares(read_csv, files):
    outcome = read_csv(changed(files, "trading212", "10.50,5.351,", '10.50,"5,351",'))
    assert [one["root"] for one in outcome.positions] == ["QZDR"]
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "quantity_unreadable"}]


def test_cash_without_an_amount_and_futures_leave_no_balances(read_csv):
    header = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Mark,P/L Day,Net Liq\n"
    stock = "5WX00009,QZA,STOCK,10,,,,20.00,1.00,200.00\n"
    future = '5WX00009,/MNQH6,FUTURES,-1,"Mar 20, 2026",,,25310.25,0,0\n'
    cash = "5WX00009,CASH,CASH,1000,,,,--,--,{}\n"
    assert read_csv(header + stock + cash.format("1000.00")).document["balances"]["cash"] == 1000
    for rows in (stock + cash.format("--"), stock + future + cash.format("1000.00")):
        outcome = read_csv(header + rows)
        assert "balances" not in outcome.document
        assert "balances_missing" in outcome.cautions()
