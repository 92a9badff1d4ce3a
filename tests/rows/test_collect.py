"""Rows become positions, closed ones and rejected ones; whatever a reader of rows does, each row is counted once."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge import rows
from variance_bridge.broker import Account, RawPortfolio
from variance_bridge.errors import DataRefused
from variance_bridge.model import Caution, Environment, Holding, Rejection, Side
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge.rows import CLOSED, Members, RowRejected, collect, listed_option
from variance_bridge.rows.collection import _ROOT, _SYMBOL
from variance_bridge.rows.holdings import _BROKER_SYMBOL, MAX_SYMBOL_LENGTH
from variance_bridge.symbology import InstrumentType, OptionType, parse
from variance_bridge.testing.hypothesis_portfolios import holdings

TYPES = {"stock": InstrumentType.STOCK, "option": InstrumentType.OPTION}
RAW = RawPortfolio(
    account=Account(number="INV000001"),
    payloads={},
    fetched_at=datetime(2026, 1, 15, 15, tzinfo=UTC),
    environment=Environment.SANDBOX,
)
STOCK = {"symbol": "SPY", "type": "stock", "quantity": "100", "price": "450.25", "mark": "460.50"}
PUT = {
    "symbol": "SPY   260320P00440000",
    "type": "option",
    "quantity": "-2",
    "multiplier": "100",
    "price": "3.15",
    "mark": "2.05",
}


def read_row(row: Members):
    quantity = row.quantity("quantity")
    if quantity == 0:
        return CLOSED
    kind = row.instrument_type("type", TYPES)
    return rows.holding(
        row,
        row.instrument("symbol", kind),
        rows.side_of(quantity),
        quantity,
        multiplier=row.multiplier("multiplier", kind),
        average_price=row.number("price"),
        mark=row.number("mark"),
        cost=row.number("cost"),
        value=row.number("value"),
        source="acme",
    )


def is_valid(portfolio) -> bool:
    """Whether it can be published, once contradictions inside of single rows are settled."""
    meta = attrs.evolve(portfolio.meta, account_hash="a1b2c3***")
    return not settle(attrs.evolve(portfolio, meta=meta)).violations


# --- what a row becomes


def test_each_row_ends_as_a_position_as_closed_or_as_rejected():
    found = collect([STOCK, PUT, STOCK | {"quantity": 0}, STOCK | {"quantity": "many"}], read_row)

    assert [one.symbol for one in found.positions] == [STOCK["symbol"], PUT["symbol"]]
    assert attrs.astuple(found.counts) == (4, 2, 1, 1)
    assert [(one.row, one.reason) for one in found.rejected] == [(4, "quantity_unreadable")]


def test_money_follows_from_price_quantity_and_multiplier():
    stock, put = collect([STOCK, PUT], read_row).positions

    assert (stock.cost_basis, stock.market_value, stock.unrealized_pl) == (45025, 46050, 1025)
    assert (put.side, put.quantity) == (Side.SHORT, 2)
    assert (put.cost_basis, put.market_value, put.unrealized_pl) == (630, -410, 220)
    assert put.quote.mark == Decimal("2.05")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quantity": None}, Rejection.QUANTITY_MISSING),
        ({"quantity": "1e999999"}, Rejection.QUANTITY_UNREADABLE),
        ({"quantity": True}, Rejection.QUANTITY_UNREADABLE),
        ({"type": ""}, Rejection.TYPE_MISSING),
        ({"type": "house"}, Rejection.TYPE_UNKNOWN),
        ({"symbol": None}, Rejection.SYMBOL_MISSING),
        ({"symbol": ["SPY"]}, Rejection.SYMBOL_UNREADABLE),
        ({"symbol": "?"}, Rejection.SYMBOL_UNREADABLE),
    ],
)
def test_a_row_without_a_required_member_is_rejected_with_the_reason(change, reason):
    found = collect([STOCK | change, PUT], read_row)

    assert [one.reason for one in found.rejected] == [reason]
    assert len(found.positions) == 1


@pytest.mark.parametrize("row", [None, 1, "SPY", [], [STOCK]])
def test_a_row_that_is_not_an_object_is_rejected(row):
    found = collect([row, STOCK], read_row)

    assert [(one.row, one.reason) for one in found.rejected] == [(1, "unreadable_row")]
    assert len(found.positions) == 1


@pytest.mark.parametrize("answer", [None, {}, "[]", 0, {"rows": []}])
def test_an_answer_that_is_not_a_list_is_refused_and_not_taken_for_an_empty_one(answer):
    with pytest.raises(DataRefused):
        collect(answer, read_row)


def test_optional_members_that_cannot_be_read_are_flags_of_their_row():
    found = collect([STOCK, PUT | {"multiplier": "x", "price": []}], read_row)

    assert [(one.row, one.symbol, one.caution) for one in found.flags] == [
        (2, PUT["symbol"], "number_unreadable"),
        (2, PUT["symbol"], "multiplier_unknown"),
    ]
    assert found.positions[1].cost_basis is None


def test_the_lines_of_a_file_may_be_counted_from_another_number():
    found = collect([{}, STOCK | {"mark": "x"}], read_row, first=7)

    assert (found.rejected[0].row, found.flags[0].row) == (7, 8)


def test_a_fault_of_the_plugin_costs_its_row_and_its_place_is_logged_once(caplog):
    def faulty(row: Members):
        return rows.holding(row, **{"no such": row.get("secret")["x"]})

    with caplog.at_level(logging.WARNING):
        found = collect([{"secret": "12345678"}, {"secret": "12345678"}, STOCK], faulty)

    assert [one.reason for one in found.rejected] == ["unreadable_row"] * 3
    assert len(caplog.records) == 1
    assert re.search(r"row 1 .* TypeError at test_collect.py:[0-9]+$", caplog.text)
    assert "12345678" not in caplog.text


def test_a_reader_can_refuse_the_whole_answer():
    def refuse(_row: Members):
        raise DataRefused("another currency")

    with pytest.raises(DataRefused, match="another currency"):
        collect([STOCK], refuse)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"quantity": Decimal(0)}, "out_of_range"),
        ({"quantity": Decimal(-1)}, "out_of_range"),
        ({"quantity": Decimal("NaN")}, "out_of_range"),
        ({"symbol": "spy"}, "symbol_unreadable"),
        ({"symbol": "A" * 65}, "symbol_unreadable"),
        ({"root": "Jane Doe"}, "symbol_unreadable"),
        ({"underlying": "é"}, "symbol_unreadable"),
        ({"expiration": None}, "expiration_missing"),
        ({"strike": None}, "strike_missing"),
    ],
)
def test_a_position_that_would_cost_the_document_costs_its_row(members, reason):
    (put,) = collect([PUT], read_row).positions

    found = collect([{}, {}], lambda _row: attrs.evolve(put, **members))

    assert [one.reason for one in found.rejected] == [reason] * 2


# --- whatever the reader does


def _does(choice):
    """A reader of rows that does what the row says."""

    def read(row: Members):
        what = row.get("does")
        if isinstance(what, Exception):
            raise what
        return choice.get(what, what)

    return read


DEEDS = st.one_of(
    st.just("closed"),
    st.just("held"),
    st.sampled_from([RowRejected(reason) for reason in Rejection]),
    st.sampled_from(
        [RowRejected(Rejection.TERMS_CONTRADICT, symbol=s) for s in ("SPY", "jane", "", "A" * 99)]
    ),
    st.sampled_from(
        [KeyError("x"), ValueError(), RecursionError(), ArithmeticError(), StopIteration()]
    ),
    st.sampled_from([None, 0, "text", Decimal(1), (), CLOSED.value]),
)


@given(deeds=st.lists(DEEDS | st.none(), max_size=12), holding=holdings())
def test_no_row_is_lost_or_counted_twice_whatever_the_reader_does(deeds, holding):
    answer = [None if deed is None else {"does": deed} for deed in deeds]

    found = collect(answer, _does({"closed": CLOSED, "held": holding}))

    held = [number for number, deed in enumerate(deeds, start=1) if deed == "held"]
    closed = sum(deed == "closed" for deed in deeds)
    rejected = [n for n, d in enumerate(deeds, start=1) if d not in ("held", "closed")]
    assert attrs.astuple(found.counts) == (len(deeds), len(held), closed, len(rejected))
    assert [one.row for one in found.rejected] == rejected
    assert len(found.positions) == len(held)
    assert is_valid(found.portfolio(RAW, source="acme"))


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text(max_size=12)
    | st.sampled_from(["SPY", "stock", "option", "100", "-2", "/ESZ5", PUT["symbol"]]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=4,
)


@given(changes=st.dictionaries(st.sampled_from([*PUT, "cost", "value"]), ANY))
@pytest.mark.parametrize("row", [STOCK, PUT], ids=["stock", "put"])
def test_any_value_of_any_member_gives_a_valid_document(row, changes):
    found = collect([row | changes, STOCK], read_row)

    assert found.counts.fetched == 2
    assert len(found.positions) >= 1
    assert is_valid(found.portfolio(RAW, source="acme"))


@given(source=ANY, name=st.sampled_from(["a", "b"]))
def test_any_object_is_read_member_by_member_and_nothing_but_a_rejection_is_raised(source, name):
    members = Members({name: source} if name == "a" else source)
    for read in (members.number, members.moment, members.day, members.word, members.currency):
        read("a")
    members.nested("a").number("b")
    members.balances("USD", net_liquidating_value="a", cash="a", as_of="a")
    required = (
        lambda: members.quantity("a", signed=False),
        lambda: members.side("a", {"long": Side.LONG}),
        lambda: members.instrument_type("a", TYPES),
        lambda: members.instrument("a", InstrumentType.OPTION),
        lambda: members.instrument("a", underlying="SPY", strike=Decimal(1)),
        lambda: members.option_type("a"),
    )
    for read in required:
        try:
            read()
        except RowRejected:
            pass


# --- terms


def test_what_stands_beside_a_symbol_must_agree_with_it():
    row = Members(PUT)
    agreeing = {
        "expires_on": date(2026, 3, 20),
        "strike": Decimal("440.00"),
        "option_type": OptionType.PUT,
        "underlying": "SPY",
    }
    assert row.instrument("symbol", InstrumentType.OPTION, **agreeing).root == "SPY"

    for other in (
        {"expires_on": date(2026, 3, 21)},
        {"strike": Decimal(44)},
        {"option_type": OptionType.CALL},
    ):
        with pytest.raises(RowRejected) as caught:
            row.instrument("symbol", InstrumentType.OPTION, **agreeing | other)
        assert (caught.value.reason, caught.value.symbol) == ("terms_contradict", PUT["symbol"])


def test_an_option_that_is_announced_as_a_share_is_rejected():
    with pytest.raises(RowRejected):
        Members(PUT).instrument("symbol", InstrumentType.STOCK)


def test_an_option_is_made_of_its_terms():
    option = listed_option("SPY", date(2026, 3, 20), OptionType.PUT, Decimal(440))

    assert option == parse(PUT["symbol"])


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (0, "symbol_missing"),
        (1, "expiration_missing"),
        (2, "type_missing"),
        (3, "strike_missing"),
    ],
)
def test_an_option_without_one_of_its_terms_is_rejected_with_the_reason(missing, reason):
    terms = ["SPY", date(2026, 3, 20), OptionType.PUT, Decimal(440)]
    terms[missing] = None

    with pytest.raises(RowRejected) as caught:
        listed_option(*terms)
    assert caught.value.reason == reason


@pytest.mark.parametrize("strike", [Decimal(0), Decimal("0.0001"), Decimal("1e9")])
def test_a_strike_that_no_option_has_is_rejected(strike):
    with pytest.raises(RowRejected) as caught:
        listed_option("SPY", date(2026, 3, 20), OptionType.PUT, strike)
    assert caught.value.reason == "symbol_unreadable"


# --- money


def test_a_stated_total_stands_for_one_that_cannot_be_computed():
    (stock,) = collect(
        [STOCK | {"price": None, "mark": None, "cost": "-45025", "value": "46050"}], read_row
    ).positions

    assert (stock.cost_basis, stock.market_value, stock.unrealized_pl) == (45025, 46050, 1025)


@pytest.mark.parametrize(
    ("change", "caution", "unknown"),
    [
        ({"cost": "45100"}, Caution.COST_CONTRADICTED, ("average_price", "cost_basis")),
        ({"value": "-46050"}, Caution.VALUE_CONTRADICTED, ("quote", "market_value")),
        ({"value": "-46050", "mark": None}, Caution.VALUE_CONTRADICTED, ("quote", "market_value")),
    ],
)
def test_totals_that_contradict_the_price_are_unknown_and_flagged(change, caution, unknown):
    found = collect([STOCK | change], read_row)

    assert [one.caution for one in found.flags] == [caution]
    assert all(getattr(found.positions[0], name) is None for name in unknown)
    assert found.positions[0].unrealized_pl is None


def test_a_total_that_is_rounded_to_cents_agrees():
    found = collect([PUT | {"price": "3.15004", "cost": "630.01"}], read_row)

    assert found.flags == ()


@pytest.mark.parametrize(
    ("source", "price", "cautions"),
    [
        ({"paid": "2.50"}, Decimal("2.50"), ()),
        ({"paid": 0}, Decimal(0), ()),
        ({}, None, (Caution.COST_UNKNOWN,)),
        ({"paid": None}, None, (Caution.COST_UNKNOWN,)),
        ({"paid": "-2.50"}, None, (Caution.SIGN_UNCONFIRMED,)),
    ],
)
def test_an_average_price_that_is_missing_or_negative_is_unknown_and_flagged(
    source, price, cautions
):
    row = Members(source)

    assert (row.average_price("paid"), row.cautions) == (price, cautions)


def test_a_type_with_a_new_word_is_other_only_where_the_plugin_allows_it():
    row, words = Members({"type": "Warrant"}), {"equity": InstrumentType.STOCK}

    assert row.instrument_type("type", words, may_be_new=True) is InstrumentType.OTHER
    assert row.cautions == (Caution.TYPE_UNKNOWN,)
    assert Members({"type": "EQUITY"}).instrument_type("type", words, may_be_new=True) == "stock"
    for name, allowed in (("type", False), ("missing", True)):
        with pytest.raises(RowRejected):
            row.instrument_type(name, words, may_be_new=allowed)


def test_a_multiplier_is_never_guessed_but_for_a_unit():
    assert Members({}).multiplier("m", InstrumentType.STOCK) == 1
    for source in ({}, {"m": "0"}, {"m": "-100"}, {"m": "x"}):
        row = Members(source)
        assert row.multiplier("m", InstrumentType.OPTION) is None
        assert Caution.MULTIPLIER_UNKNOWN in row.cautions


@pytest.mark.parametrize("word", ["SPY", "usd", "US", "", None, 7, ["USD"]])
def test_a_word_that_is_not_a_currency_of_iso_4217_is_an_unknown_currency(word):
    assert Members({"currency": word}).currency("currency") is None
    assert Members({"currency": "CAD"}).currency("currency") == "CAD"


def test_an_adjusted_deliverable_is_flagged():
    found = collect([PUT | {"symbol": "BABA2 260320P00440000"}], read_row)

    assert [one.caution for one in found.flags] == [Caution.ADJUSTED_DELIVERABLE]


def test_balances_without_cash_are_unknown_and_flagged():
    names = {"net_liquidating_value": "nlv", "cash": "cash", "buying_power": "bp"}
    account = Members({"nlv": "10", "cash": "-5", "bp": "x"})

    balances = account.balances("USD", **names)
    assert (balances.net_liquidating_value, balances.cash, balances.buying_power) == (10, -5, None)
    assert account.cautions == (Caution.NUMBER_UNREADABLE,)

    account = Members({"nlv": "10"})
    assert account.balances("USD", **names) is None
    assert account.cautions == (Caution.BALANCES_MISSING,)


# --- the portfolio


def test_the_portfolio_has_the_time_the_world_and_the_cautions_of_its_source():
    found = collect([STOCK, PUT | {"price": "x"}, None], read_row)

    portfolio = found.portfolio(
        RAW,
        source="acme",
        currency="USD",
        cautions=[Caution.BALANCES_MISSING] * 2,
        warnings=["look"],
    )

    assert portfolio.meta.fetched_at == RAW.fetched_at
    assert portfolio.meta.environment == "sandbox"
    assert portfolio.meta.status == "partial"
    assert portfolio.warnings == ("look",)
    assert [(one.caution, one.row) for one in portfolio.meta.flags] == [
        ("number_unreadable", 2),
        ("balances_missing", None),
    ]
    assert collect([STOCK], read_row).portfolio(RAW, source="acme").meta.status == "complete"
    assert is_valid(portfolio)


def test_what_the_schema_lets_pass_is_what_is_let_pass_here():
    definitions = json.loads(
        (Path(__file__).parents[2] / "schemas" / "positions-1.schema.json").read_text()
    )["$defs"]
    members: Mapping[str, dict] = definitions["position"]["properties"]

    for pattern, schema in (
        (_SYMBOL, definitions["symbol"]),
        (_ROOT, members["root"]),
        (_BROKER_SYMBOL, members["broker_symbol"]),
    ):
        assert f"^{pattern.pattern}$".replace("(?:", "(") == schema["pattern"]
        assert schema["maxLength"] == MAX_SYMBOL_LENGTH


def test_a_holding_is_what_the_reader_made():
    (stock,) = collect([STOCK], read_row).positions

    assert isinstance(stock, Holding)
    assert stock.broker_symbol is None


def test_a_second_row_of_a_contract_is_flagged_where_the_broker_nets():
    twice = [STOCK, PUT, STOCK | {"quantity": "-7", "price": "440"}]
    found = collect(twice, read_row, first=10, nets=True)

    assert [(f.caution, f.row, f.symbol) for f in found.flags] == [
        (Caution.POSITION_REPEATED, 10, "SPY"),
        (Caution.POSITION_REPEATED, 12, "SPY"),
    ]
    assert len(found.positions) == 3
    assert collect(twice, read_row).flags == ()
    assert collect([STOCK, PUT], read_row, nets=True).flags == ()
