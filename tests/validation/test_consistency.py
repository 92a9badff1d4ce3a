from __future__ import annotations

import copy
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document import exact_json
from variance_bridge.document.convert import to_document
from variance_bridge.document.rules.consistency import check_consistency
from variance_bridge.document.schema import check_schema
from variance_bridge.rounding_tolerance import within_tolerance
from variance_bridge.testing.hypothesis_portfolios import amounts, portfolios

EXACT = Context(prec=100)
FULL = Path(__file__).parents[2] / "schemas" / "examples" / "full.json"


@pytest.fixture
def document() -> Any:
    return exact_json.loads(FULL.read_bytes())


def found(document: Any) -> list[tuple[str, str]]:
    return [(violation.pointer, violation.rule) for violation in check_consistency(document)]


@pytest.mark.parametrize(
    ("path", "value", "pointer", "rule"),
    [
        (("meta", "counts", "fetched"), 11, "/meta/counts/fetched", "counts"),
        (("meta", "counts", "closed"), 2, "/meta/counts/fetched", "counts"),
        (("meta", "status"), "complete", "/meta/status", "status"),
        (
            ("positions", 0, "cost_basis"),
            Decimal(680151),
            "/positions/0/cost_basis",
            "cost_basis",
        ),
        (("positions", 0, "cost_basis"), -680150, "/positions/0/cost_basis", "cost_basis"),
        (("positions", 0, "multiplier"), 5, "/positions/0/cost_basis", "cost_basis"),
        (("positions", 0, "market_value"), -685500, "/positions/0/market_value", "market_value"),
        (("positions", 3, "market_value"), 3600, "/positions/3/market_value", "market_value"),
        (("positions", 3, "side"), "long", "/positions/3/market_value", "market_value"),
        (("positions", 3, "quote", "mark"), 361, "/positions/3/market_value", "market_value"),
        (("positions", 5, "strike"), Decimal("5750.001"), "/positions/5/strike", "terms"),
        (("positions", 5, "expiration"), "2026-03-19", "/positions/5/expiration", "terms"),
        (("positions", 5, "option_type"), "call", "/positions/5/option_type", "terms"),
        (("positions", 5, "root"), "SPXW", "/positions/5/root", "terms"),
        (("positions", 5, "type"), "stock", "/positions/5/symbol", "terms"),
        (("positions", 1, "root"), "/MESM6EX3H6", "/positions/1/root", "terms"),
        (
            ("positions", 1, "symbol"),
            "./MESM6EX3H6 260320C6450",
            "/positions/1/option_type",
            "terms",
        ),
        (("positions", 0, "symbol"), "ESM6", "/positions/0/symbol", "terms"),
        (("positions", 3, "root"), "BRK", "/positions/3/root", "terms"),
        (("positions", 0, "expiration"), "2026-02-30", "/positions/0/expiration", "date"),
        (("meta", "fetched_at"), "2026-02-30T00:00:00Z", "/meta/fetched_at", "date"),
        (("balances", "as_of"), "2026-04-31T00:00:00Z", "/balances/as_of", "date"),
        (
            ("positions", 3, "quote", "as_of"),
            "2026-06-31T00:00:00Z",
            "/positions/3/quote/as_of",
            "date",
        ),
        (
            ("positions", 3, "greeks", "as_of"),
            "2023-02-29T00:00:00Z",
            "/positions/3/greeks/as_of",
            "date",
        ),
    ],
)
def test_a_contradiction_is_found_where_it_is(document, path, value, pointer, rule):
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    assert (pointer, rule) in found(document)


@pytest.mark.parametrize(
    ("type_", "symbol", "root", "term", "value"),
    [
        ("stock", "QZA", "QZA", "option_type", "call"),
        ("stock", "QZA", "QZA", "strike", Decimal(450)),
        ("stock", "QZA", "QZA", "expiration", "2026-03-20"),
        ("crypto", "BTC/USD", "BTC-USD", "expiration", "2026-03-20"),
        ("future", "/ESM6", "/ES", "strike", Decimal(5000)),
        ("future", "/ESM6", "/ES", "option_type", "put"),
    ],
)
def test_a_term_that_the_type_does_not_have_is_found(document, type_, symbol, root, term, value):
    position = {"root": root, "symbol": symbol, "type": type_, "side": "long", "quantity": 1}
    document["positions"][0] = position
    assert found(document) == []
    position[term] = value

    assert found(document) == [(f"/positions/0/{term}", "terms")]


@pytest.mark.parametrize(("side", "value"), [("short", 100), ("long", -100)])
@pytest.mark.parametrize("known", [{}, {"multiplier": 1}, {"quote": {"underlying_price": 1}}])
def test_a_lost_sign_is_found_without_a_price_too(document, side, value, known):
    position = {"root": "QZA", "symbol": "QZA", "type": "stock", "side": side, "quantity": 1}
    document["positions"][0] = {**position, **known, "market_value": value}
    assert found(document) == [("/positions/0/market_value", "market_value")]
    for right in (-value, 0):
        document["positions"][0]["market_value"] = right
        assert found(document) == []


def test_a_future_may_be_worth_less_than_nothing(document):
    position = {"root": "/CL", "symbol": "/CLK6", "type": "future", "side": "long", "quantity": 1}
    document["positions"][0] = {**position, "market_value": -37630}

    assert found(document) == []


def test_a_position_more_or_less_than_counted_is_found(document):
    document["positions"].append(copy.deepcopy(document["positions"][0]))

    assert ("/meta/counts/normalized", "counts") in found(document)


def test_rejected_rows_that_are_not_listed_are_found(document):
    document["meta"]["rejected"] = []

    assert ("/meta/counts/rejected", "counts") in found(document)
    assert ("/meta/status", "status") in found(document)


def test_what_is_absent_contradicts_nothing(document):
    for position in document["positions"]:
        for name in ("average_price", "multiplier", "option_type", "quote"):
            position.pop(name, None)
    document["meta"].pop("counts")

    assert found(document) == []


def test_an_amount_that_was_rounded_to_cents_is_accepted_and_a_cent_more_is_not(document):
    position = document["positions"][1]
    position["cost_basis"] = Decimal("713.75")
    assert found(document) == []
    position["cost_basis"] = Decimal("713.77")
    assert found(document) == [("/positions/1/cost_basis", "cost_basis")]


@pytest.mark.parametrize(
    ("stated", "computed", "quantity", "expected"),
    [
        ("100.005", "100", "1", True),
        ("100.0052", "100", "1", False),
        ("100.01", "100", "2", True),
        ("1000001", "1000000", "1", True),
        ("1000001.1", "1000000", "1", False),
        ("0.004", "0", "0.5", True),
        ("0.006", "0", "0.5", False),
        ("-100", "100", "1", False),
        ("0", "0", "1", True),
    ],
)
def test_the_tolerance_is_one_millionth_and_half_a_cent_for_each_contract(
    stated, computed, quantity, expected
):
    assert within_tolerance(Decimal(stated), Decimal(computed), Decimal(quantity)) is expected


@given(amounts(), amounts(), st.integers(1, 1000).map(Decimal))
def test_the_tolerance_does_not_depend_on_which_amount_is_called_stated(one, other, quantity):
    assert within_tolerance(one, other, quantity) == within_tolerance(other, one, quantity)


@given(portfolios())
def test_a_flipped_side_never_passes_with_its_value(portfolio):
    document = to_document(portfolio)
    for position in document["positions"]:
        position["market_value"] = Decimal(500)
        position["multiplier"] = Decimal(1)
        position["quantity"] = Decimal(5)
        position["quote"] = {"mark": Decimal(100)}
        position["side"] = "short"
        position.pop("average_price", None)

    wrong = [rule for _pointer, rule in found(document) if rule == "market_value"]
    assert len(wrong) == len(document["positions"])


def test_messages_hold_no_value_of_the_document(document):
    document["positions"][0]["symbol"] = "5WX00001"
    document["positions"][5]["strike"] = Decimal("987654.321")
    assert check_schema(document) == []

    text = " ".join(map(str, check_consistency(document)))
    assert "5WX" not in text
    assert "987" not in text


def test_products_of_the_longest_numbers_are_not_rounded_before_they_are_compared(document):
    position = document["positions"][4]
    position.update(
        quantity=Decimal("1234567890.12345678"), average_price=Decimal("98765432109876.54321"),
        cost_basis=Decimal("121932631137021795226.1854"),
    )  # fmt: skip
    assert found(document) == [("/positions/4/cost_basis", "cost_basis")]
    position["cost_basis"] = EXACT.multiply(position["quantity"], position["average_price"])
    assert found(document) == []
    position["cost_basis"] *= Decimal("1.0000011")
    assert found(document) == [("/positions/4/cost_basis", "cost_basis")]


def test_a_futures_option_that_is_named_by_its_series_alone_may_state_its_day(document):
    document["positions"][1]["symbol"] = "./EX3H26P6450"
    document["positions"][1].pop("underlying")

    assert found(document) == []
