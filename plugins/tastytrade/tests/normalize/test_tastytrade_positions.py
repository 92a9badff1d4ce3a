"""What a row means, rule by rule. The rows themselves are in data/real_rows.json."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from one_row import outcome_of
from variance_bridge.model import Caution, RejectedRow, Rejection, Side
from variance_bridge.rows import CLOSED
from variance_bridge.symbology import InstrumentType

FETCHED_AT = datetime(2026, 2, 6, 16, 0, tzinfo=UTC)
SHARE = {
    "symbol": "MCD",
    "instrument-type": "Equity",
    "underlying-symbol": "MCD",
    "quantity": 100,
    "quantity-direction": "Long",
    "multiplier": "1.0",
    "average-open-price": "290.1",
    "average-daily-market-close-price": "299.0",
    "mark-price": "300.2",
    "mark": "30020.0",
    "realized-day-gain": "0.0",
    "realized-day-gain-date": "2026-02-06",
    "realized-day-gain-effect": "None",
    "created-at": "2026-02-02T15:00:00.000+00:00",
}
OPTION = {
    **SHARE,
    "symbol": "MCD   260320C00310000",
    "instrument-type": "Equity Option",
    "quantity": 2,
    "quantity-direction": "Short",
    "multiplier": 100,
    "average-open-price": "2.74",
    "average-daily-market-close-price": "2.5",
    "mark-price": "2.32",
    "mark": "464.0",
    "expires-at": "2026-03-20T20:00:00.000+00:00",
}
FUTURE = {
    **SHARE,
    "symbol": "/ESH6",
    "instrument-type": "Future",
    "underlying-symbol": "/ES",
    "quantity": 1,
    "multiplier": "50.0",
    "expires-at": "2026-03-20T13:30:00.000+00:00",
    "mark": "15010.0",
}


def read(row, **changes):
    members = {name.replace("_", "-"): value for name, value in changes.items()}
    return outcome_of({**row, **members}, FETCHED_AT, 7)


@pytest.mark.parametrize("quantity", [0, "0", "0.0", "0.00", Decimal("0E-8")])
@pytest.mark.parametrize("direction", ["Zero", "Long", "Short", None, "gone"])
def test_quantity_zero_is_closed_whatever_else_the_row_says(quantity, direction):
    assert read(OPTION, quantity=quantity, quantity_direction=direction) is CLOSED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"quantity": None}, Rejection.QUANTITY_MISSING),
        ({"quantity": ""}, Rejection.QUANTITY_MISSING),
        ({"quantity": "many"}, Rejection.QUANTITY_UNREADABLE),
        ({"quantity": "NaN"}, Rejection.QUANTITY_UNREADABLE),
        ({"quantity": True}, Rejection.QUANTITY_UNREADABLE),
        ({"quantity": -2}, Rejection.OUT_OF_RANGE),
        ({"quantity": "-0.00000001"}, Rejection.OUT_OF_RANGE),
        ({"quantity_direction": None}, Rejection.SIDE_MISSING),
        ({"quantity_direction": "Sideways"}, Rejection.SIDE_UNKNOWN),
        ({"quantity_direction": -1}, Rejection.SIDE_UNKNOWN),
        ({"quantity_direction": "Zero"}, Rejection.TERMS_CONTRADICT),
        ({"symbol": None}, Rejection.SYMBOL_MISSING),
        ({"symbol": "  "}, Rejection.SYMBOL_MISSING),
        ({"symbol": 310000}, Rejection.SYMBOL_UNREADABLE),
        ({"symbol": "MCD 260230C00310000"}, Rejection.SYMBOL_UNREADABLE),
        ({"symbol": "somebody@example.invalid"}, Rejection.SYMBOL_UNREADABLE),
        ({"symbol": "MCD   260320C00310000" * 9}, Rejection.SYMBOL_UNREADABLE),
        ({"instrument_type": None}, Rejection.TYPE_MISSING),
        ({"instrument_type": ["Equity Option"]}, Rejection.TYPE_UNKNOWN),
        ({"instrument_type": "Equity"}, Rejection.SYMBOL_UNREADABLE),
        ({"instrument_type": "Future Option"}, Rejection.SYMBOL_UNREADABLE),
        ({"symbol": "./MESM6EX3H6 260320P6450"}, Rejection.TERMS_CONTRADICT),
    ],
)
def test_a_row_without_the_essentials_is_rejected_with_its_place_and_reason(changes, reason):
    outcome = read(OPTION, **changes)
    assert isinstance(outcome, RejectedRow)
    assert (outcome.row, outcome.reason) == (7, reason)


def test_a_rejected_row_shows_no_text_of_its_own():
    assert read(OPTION, symbol="Jane Doe 5WX00001").symbol is None
    assert read(OPTION, symbol="./MESM6EX3H6 260320P6450").symbol == "./MESM6EX3H6 260320P6450"


def test_an_underlying_that_contradicts_the_symbol_is_not_a_guess():
    row = {**OPTION, "symbol": "./MESM6EX3H6 260320P6450", "instrument-type": "Future Option"}
    assert read(row, underlying_symbol="/MESM6").holding.underlying == "/MESM6"
    assert read(row, underlying_symbol="/ESM6").reason is Rejection.TERMS_CONTRADICT
    assert read(row, underlying_symbol=None).holding.underlying == "/MESM6"


def test_the_side_is_in_the_direction_and_never_in_the_cost_effect():
    for effect in ("Credit", "Debit", "None", None):
        assert read(OPTION, cost_effect=effect).holding.side is Side.SHORT
    assert read(OPTION, quantity_direction="Long", cost_effect="Debit").holding.side is Side.LONG


def test_class_share_options_belong_to_the_class_share():
    holding = read(OPTION, symbol="BRKB  260320C00500000", underlying_symbol="BRK/B").holding
    assert (holding.root, holding.underlying) == ("BRK-B", "BRK/B")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Equity", InstrumentType.STOCK),
        ("Cryptocurrency", InstrumentType.CRYPTO),
        ("Bond", InstrumentType.BOND),
        ("Fixed Income Security", InstrumentType.BOND),
        ("Mutual Fund", InstrumentType.FUND),
        ("Warrant", InstrumentType.OTHER),
        ("Index", InstrumentType.OTHER),
        ("Currency Pair", InstrumentType.OTHER),
        ("Unknown", InstrumentType.OTHER),
    ],
)
def test_every_published_instrument_type_has_a_place(word, kind):
    symbol = {
        "Cryptocurrency": "BTC/USD",
        "Bond": "912797QX8",
        "Fixed Income Security": "912797QX8",
    }
    assert read(SHARE, instrument_type=word, symbol=symbol.get(word, "ABCDE")).holding.type is kind


@pytest.mark.parametrize("word", ["Event Contract", "Liquidity Pool", "Tokenized Moon"])
def test_an_instrument_type_that_is_unknown_is_kept_as_other_and_reported(word):
    outcome = read(SHARE, instrument_type=word, symbol="KXYZ-26FEB")
    assert outcome.holding.type is InstrumentType.OTHER
    assert outcome.holding.quantity == 100
    assert Caution.TYPE_UNKNOWN in outcome.cautions


def test_the_symbol_of_an_unknown_type_stays_as_the_broker_spelled_it():
    holding = read(SHARE, instrument_type="Event Contract", symbol="KXFED-26MAR/T4.25").holding
    assert (holding.symbol, holding.root) == ("KXFED-26MAR/T4.25", "KXFED-26MAR-T4-25")
    assert holding.broker_symbol is None


def test_a_series_without_its_date_is_rejected_for_that():
    row = {**OPTION, "symbol": "./EX3H26P6450:XCME", "instrument-type": "Future Option"}
    assert read(row, underlying_symbol="/MESM6").reason is Rejection.EXPIRATION_MISSING


@pytest.mark.parametrize("symbol", ["TREASURY BILL 4.25%, 2030", "TREASURY BILL" * 6])
def test_a_bonds_name_that_the_schema_refuses_costs_its_row_and_not_the_file(symbol):
    outcome = read(SHARE, instrument_type="Bond", symbol=symbol)
    assert outcome == RejectedRow(row=7, reason=Rejection.SYMBOL_UNREADABLE)


def test_an_underlying_that_is_none_contradicts_the_symbol():
    outcome = read(OPTION, underlying_symbol="M, C & D")
    assert (outcome.reason, outcome.symbol) == (Rejection.TERMS_CONTRADICT, OPTION["symbol"])


@pytest.mark.parametrize("symbol", ["A" * 65, "A,B", "a\x1b[31m", "#A", "Jane Doe"])
def test_a_symbol_that_the_schema_refuses_costs_its_row_and_not_the_file(symbol):
    outcome = read(SHARE, instrument_type="Event Contract", symbol=symbol)
    assert outcome == RejectedRow(row=7, reason=Rejection.SYMBOL_UNREADABLE)


def test_a_future_has_the_brokers_expiration_and_an_option_its_symbols():
    future = read(FUTURE).holding
    assert (future.expiration, future.root) == (date(2026, 3, 20), "/ES")
    assert future.expires_at == datetime(2026, 3, 20, 13, 30, tzinfo=UTC)
    assert read(FUTURE, expires_at=None).holding.expiration is None
    option = read(OPTION, expires_at=None).holding
    assert (option.expiration, option.expires_at) == (date(2026, 3, 20), None)


def test_an_expiry_far_from_the_contracts_date_is_left_out_and_reported():
    outcome = read(OPTION, expires_at="2027-03-20T20:00:00.000+00:00")
    assert outcome.holding.expires_at is None
    assert outcome.holding.expiration == date(2026, 3, 20)
    assert outcome.cautions == (Caution.DATE_UNREADABLE,)
    eve = read(OPTION, expires_at="2026-03-19T20:00:00.000+00:00")
    assert eve.holding.expires_at is not None
    assert read(OPTION, expires_at="2026-03-18T20:00:00.000+00:00").holding.expires_at is None


def test_a_share_has_multiplier_one_where_the_row_says_nothing():
    for absent in (None, ""):
        outcome = read(SHARE, multiplier=absent)
        assert outcome.holding.multiplier == 1
        assert outcome.holding.cost_basis == 29010
        assert outcome.cautions == ()


@pytest.mark.parametrize("row", [OPTION, FUTURE])
@pytest.mark.parametrize("multiplier", [None, "", 0, -100, "one hundred"])
def test_no_other_multiplier_is_ever_assumed(row, multiplier):
    outcome = read(row, multiplier=multiplier)
    assert outcome.holding.multiplier is None
    assert outcome.holding.cost_basis is None
    assert outcome.holding.unrealized_pl is None
    assert Caution.MULTIPLIER_UNKNOWN in outcome.cautions


@pytest.mark.parametrize("multiplier", [100, "100", "100.0", Decimal("100.0")])
def test_the_multiplier_is_the_same_in_every_type_it_came_in(multiplier):
    assert read(OPTION, multiplier=multiplier) == read(OPTION)
    assert read(OPTION, multiplier=multiplier).holding.cost_basis == 548


def test_the_value_is_the_brokers_own_where_there_is_no_price_per_unit():
    holding = read(OPTION, mark_price=None).holding
    assert holding.market_value == -464
    assert holding.unrealized_pl == 84
    assert holding.quote is None
    assert holding.day_pl is None


def test_two_marks_that_contradict_each_other_are_both_left_out():
    outcome = read(OPTION, mark="4640.0")
    assert (outcome.holding.quote, outcome.holding.market_value) == (None, None)
    assert outcome.holding.unrealized_pl is None
    assert outcome.holding.cost_basis == 548
    assert outcome.cautions == (Caution.VALUE_CONTRADICTED,)


def test_without_marks_there_is_no_value_and_the_close_is_not_taken_for_one():
    row = {name: value for name, value in SHARE.items() if not name.startswith("mark")}
    holding = read(row, close_price="298.0").holding
    assert (holding.quote, holding.market_value, holding.unrealized_pl) == (None, None, None)


@pytest.mark.parametrize(
    ("changes", "day_pl"),
    [
        ({}, "36"),
        ({"realized_day_gain": "18.5", "realized_day_gain_effect": "Credit"}, "54.5"),
        ({"realized_day_gain": "18.5", "realized_day_gain_effect": "Debit"}, "17.5"),
        ({"realized_day_gain": "18.5", "realized_day_gain_effect": " Debit "}, "17.5"),
        (
            {
                "realized_day_gain": "18.5",
                "realized_day_gain_effect": "Credit",
                "realized_day_gain_date": "2026-02-05",
            },
            "36",
        ),
        ({"realized_day_gain": "18.5", "realized_day_gain_effect": "None"}, None),
        (
            {
                "realized_day_gain": "18.5",
                "realized_day_gain_effect": "Credit",
                "realized_day_gain_date": None,
            },
            None,
        ),
        (
            {
                "realized_day_gain": "0.0",
                "realized_day_gain_effect": None,
                "realized_day_gain_date": None,
            },
            "36",
        ),
        ({"realized_day_gain": None}, None),
        ({"average_daily_market_close_price": None}, None),
    ],
)
def test_the_days_profit_counts_what_was_realized_on_that_day_with_its_sign(changes, day_pl):
    expected = None if day_pl is None else Decimal(day_pl)
    assert read(OPTION, **changes).holding.day_pl == expected


@pytest.mark.parametrize(
    ("dated", "day_pl"), [("2026-02-06", 150), ("2026-02-05", 150), ("2026-02-04", 0)]
)
def test_a_gain_of_the_evening_session_is_todays(dated, day_pl):
    """At 21:59 in New York the exchange's next day has begun, and the broker dates gains to it."""
    row = {**OPTION, "realized-day-gain": "150.0", "realized-day-gain-effect": "Credit"}
    row |= {"realized-day-gain-date": dated, "average-daily-market-close-price": "2.32"}
    evening = datetime(2026, 2, 6, 2, 59, tzinfo=UTC)
    holding = outcome_of(row, evening).holding

    assert holding.day_pl == day_pl


@pytest.mark.parametrize(
    ("row", "created_at", "opened_on"),
    [
        (FUTURE, "2026-02-05T22:59:00.000+00:00", date(2026, 2, 5)),  # 17:59 in New York
        (FUTURE, "2026-02-05T23:00:00.000+00:00", date(2026, 2, 6)),  # 18:00: the next trading day
        (FUTURE, "2026-02-02T02:00:00.000+00:00", date(2026, 2, 2)),  # Sunday evening
        (SHARE, "2026-02-05T23:30:00.000+00:00", date(2026, 2, 5)),
    ],
)
def test_a_future_of_the_evening_is_opened_on_the_next_trading_day(row, created_at, opened_on):
    assert read(row, created_at=created_at).holding.opened_on == opened_on


@pytest.mark.parametrize(
    "changes", [{"restricted_quantity": "1.0"}, {"restricted_quantity": 5}, {"is_frozen": True}]
)
def test_a_restricted_or_frozen_position_is_flagged(changes):
    assert Caution.RESTRICTED in read(SHARE, **changes).cautions
    unrestricted = read(SHARE, restricted_quantity="0.0", is_frozen=False)
    assert Caution.RESTRICTED not in unrestricted.cautions


def test_an_average_price_of_zero_is_flagged():
    outcome = read(SHARE, average_open_price="0.0")

    assert outcome.holding.cost_basis == 0
    assert Caution.COST_MEANINGLESS in outcome.cautions


def test_a_bond_has_only_the_value_that_the_broker_states():
    row = {
        **SHARE,
        "symbol": "912797QX8",
        "instrument-type": "Fixed Income Security",
        "quantity": "10.0",
        "multiplier": "10.0",
        "average-open-price": "98.75",
        "mark": "9910.0",
        "mark-price": "99.1",
    }
    outcome = read(row)
    assert outcome.holding.market_value == 9910
    assert (outcome.holding.cost_basis, outcome.holding.unrealized_pl) == (None, None)
    assert Caution.COST_UNKNOWN in outcome.cautions


quantities = st.decimals(min_value="0.00000001", max_value=10**7, places=8)
prices = st.decimals(min_value=0, max_value=10**5, places=8)


@given(
    quantity=quantities,
    average=prices,
    mark=prices,
    multiplier=st.sampled_from(["0.5", "1", "5", "100", "125000"]),
)
def test_money_is_exact_and_changes_its_sign_with_the_side(quantity, average, mark, multiplier):
    row = {
        **FUTURE,
        "multiplier": multiplier,
        "quantity": str(quantity),
        "average-open-price": str(average),
        "mark-price": str(mark),
        "mark": None,
    }
    long, short = (read(row, quantity_direction=side).holding for side in ("Long", "Short"))
    units = Fraction(quantity) * Fraction(multiplier)
    assert Fraction(long.cost_basis) == Fraction(short.cost_basis) == units * Fraction(average)
    assert Fraction(long.market_value) == units * Fraction(mark) == -Fraction(short.market_value)
    gain = units * (Fraction(mark) - Fraction(average))
    assert Fraction(long.unrealized_pl) == gain == -Fraction(short.unrealized_pl)
    assert Fraction(long.day_pl) == -Fraction(short.day_pl)
