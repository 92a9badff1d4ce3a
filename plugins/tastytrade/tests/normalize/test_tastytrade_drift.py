"""The API drifts: members vanish, turn null, change type or name. A row is then right, or rejected with its reason.

Every case is generated from the rows of data/real_rows.json, so that a new row brings its drifted forms with it.
"""

from __future__ import annotations

import copy
import functools
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from one_row import Kept, outcome_of
from variance_bridge.broker import Account, RawPortfolio
from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import to_document
from variance_bridge.errors import DataRefused
from variance_bridge.model import Caution, Portfolio, RejectedRow
from variance_bridge.rows import CLOSED
from variance_bridge_tastytrade.normalize.accounts import read_accounts
from variance_bridge_tastytrade.normalize.market_data import Item, read_items, read_metrics
from variance_bridge_tastytrade.normalize.portfolio import normalize

CASES = exact_json.loads((Path(__file__).parents[1] / "data" / "real_rows.json").read_bytes())[
    "cases"
]
DROPPED = object()
FETCHED_AT = datetime.fromisoformat("2026-02-06T15:00:00+00:00")

BALANCES = {
    "account-number": "5WX00001",
    "currency": "USD",
    "cash-balance": "1000.0",
    "net-liquidating-value": "2640.0",
    "derivative-buying-power": "500.0",
    "maintenance-requirement": "120.5",
    "long-equity-value": "0.0",
    "short-derivative-value": "1640.0",
    "updated-at": "2026-02-06T15:00:00.000+00:00",
}
ACCOUNT = {
    "account-number": "5WX00001",
    "account-type-name": "Individual",
    "nickname": "Main one",
    "is-closed": False,
    "external-id": "A1d557b2a",
    "opened-at": "2022-10-27T20:49:52.790+00:00",
}
MARKET_DATA = {
    "symbol": "SPY",
    "instrument-type": "Equity",
    "updated-at": "2026-02-06T15:00:00.000Z",
    "bid": "684.19",
    "ask": "684.21",
    "mid": "684.2",
    "mark": "684.2",
    "last": "684.3",
    "delta": "0.5",
    "gamma": "0.01",
    "theta": "-0.2",
    "vega": "0.9",
    "volatility": "0.155",
    "beta": "1.0",
}


def row_with_marks(case):
    """A row as `include-marks` gives it."""
    row = dict(case["row"])
    mark, quantity = Decimal(case["mark"]), Decimal(row["quantity"])
    row["mark-price"] = case["mark"]
    row["mark"] = str(mark * quantity * Decimal(row["multiplier"]))
    return row


def retypings(value):
    """The same or no content in every other JSON type."""
    yield None
    yield True
    yield []
    yield [value]
    yield {}
    yield {"value": value}
    if isinstance(value, str):
        yield ""
        yield f" {value} "
        if value.replace(".", "", 1).isdecimal():
            yield Decimal(value)
            yield "NaN"
            yield "Infinity"
            yield value + "x"
            yield value.replace(".", ",")
            yield "1" * 4000
    elif isinstance(value, int | Decimal) and not isinstance(value, bool):
        yield str(value)
        yield f"{value}.0"
        yield f"{value} contracts"
        yield 1.5


def drifted(source):
    """(what happened, the object afterwards), for each member."""
    for name, value in source.items():
        without = {key: one for key, one in source.items() if key != name}
        yield f"{name} dropped", without
        yield f"{name} renamed", {**without, name.replace("-", "_") + "_": value}
        yield f"{name} in camel case", {**without, name.title().replace("-", ""): value}
        for place, other in enumerate(retypings(value)):
            yield f"{name} retyped {place}", {**without, name: other}


DRIFTED = [
    pytest.param(case, row, id=f"{case['position']['symbol']}-{what}")
    for case in CASES
    for what, row in drifted(row_with_marks(case))
]
MONEY = ("average_price", "cost_basis", "market_value", "unrealized_pl", "multiplier")
TERMS = ("strike", "expiration", "expires_at", "option_type", "opened_on")


def test_there_is_drift_to_be_tested():
    assert len(DRIFTED) > 2000


def test_a_drifted_row_is_right_or_rejected_with_its_reason():
    """One test for all cases: two thousand parametrized ones would cost more in bookkeeping than in work."""
    wrong = [
        parameters.id for parameters in DRIFTED if not is_right_or_rejected(*parameters.values)
    ]
    assert wrong == []


@functools.cache
def right_holding(place):
    case = CASES[place]
    return outcome_of(row_with_marks(case), datetime.fromisoformat(case["fetched_at"])).holding


def is_right_or_rejected(case, row):
    fetched_at = datetime.fromisoformat(case["fetched_at"])
    right = right_holding(CASES.index(case))
    outcome = outcome_of(row, fetched_at)
    if isinstance(outcome, RejectedRow):
        return outcome.row == 1 and outcome.symbol in (None, right.symbol)
    if outcome is CLOSED:
        return False
    holding = outcome.holding
    if (holding.side, holding.quantity) != (right.side, right.quantity):
        return False
    if any(getattr(holding, name) not in (None, getattr(right, name)) for name in MONEY):
        return False
    if holding.day_pl not in (None, right.day_pl):
        return False
    if holding.quote is not None and holding.quote != right.quote:
        return False
    if Caution.TYPE_UNKNOWN in outcome.cautions:
        return True
    same = holding.symbol == right.symbol and holding.type is right.type
    return same and all(getattr(holding, n) in (None, getattr(right, n)) for n in TERMS)


IRRELEVANT = (
    "account-number",
    "cost-effect",
    "close-price",
    "average-yearly-market-close-price",
    "is-suppressed",
    "realized-today",
    "realized-today-date",
    "realized-today-effect",
    "streamer-symbol",
    "updated-at",
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_members_that_say_nothing_of_a_position_may_drift_as_they_like(case):
    """Above all `cost-effect`, which tells what closing would do: no sign is ever taken from it."""
    row = row_with_marks(case)
    fetched_at = datetime.fromisoformat(case["fetched_at"])
    right = outcome_of(row, fetched_at)
    for what, changed in drifted(row):
        if what.split(" ")[0] in IRRELEVANT:
            assert outcome_of(changed, fetched_at) == right, what
    for effect in ("Credit", "Debit", "None"):
        assert outcome_of({**row, "cost-effect": effect}, fetched_at) == right


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_restriction_adds_at_most_a_caution(case):
    row = row_with_marks(case)
    fetched_at = datetime.fromisoformat(case["fetched_at"])
    right = outcome_of(row, fetched_at)
    for what, changed in drifted(row):
        if what.split(" ")[0] in {"is-frozen", "restricted-quantity"}:
            outcome = outcome_of(changed, fetched_at)
            assert outcome.holding == right.holding, what
            assert set(outcome.cautions) >= set(right.cautions), what


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_drift_took_away_is_reported(case):
    """A missing average price, multiplier, side, quantity, symbol or type is never passed over in silence."""
    row = row_with_marks(case)
    fetched_at = datetime.fromisoformat(case["fetched_at"])
    for name in ("quantity", "quantity-direction", "symbol", "instrument-type"):
        without = {key: value for key, value in row.items() if key != name}
        assert isinstance(outcome_of(without, fetched_at), RejectedRow)
    for name, caution in (
        ("average-open-price", Caution.COST_UNKNOWN),
        ("multiplier", Caution.MULTIPLIER_UNKNOWN),
    ):
        outcome = outcome_of({**row, name: "unknown"}, fetched_at)
        assert caution in outcome.cautions
        assert outcome.holding.cost_basis is None
        assert outcome.holding.unrealized_pl is None


def portfolio_of(positions, balances) -> Portfolio:
    raw = RawPortfolio(
        account=Account(number="5WX00001"),
        payloads={"positions": positions, "balances": balances},
        fetched_at=FETCHED_AT,
    )
    portfolio = normalize(raw)
    return attrs.evolve(portfolio, meta=attrs.evolve(portfolio.meta, account_hash="a1b2***"))


ROWS = [row_with_marks(case) for case in CASES]


@pytest.mark.parametrize(
    "envelope",
    [
        None,
        [],
        {},
        "",
        {"data": None},
        {"data": []},
        {"data": {}},
        {"data": {"items": None}},
        {"data": {"items": {}}},
        {"data": {"items": "none"}},
        {"Data": {"items": []}},
        {"data": {"Items": []}},
        {"error": {"code": "unauthorized", "message": "no"}},
        {"data": {"items": []}, "pagination": {"total-items": 201, "total-pages": 2}},
        {"data": {"items": []}, "pagination": {"total-items": "201"}},
    ],
)
def test_an_answer_that_is_not_understood_is_never_an_empty_portfolio(envelope):
    with pytest.raises(DataRefused):
        portfolio_of(envelope, {"data": BALANCES})


def test_an_empty_list_is_an_empty_portfolio():
    for pagination in (None, {"total-items": 0}, {"total-items": "none"}, {}):
        envelope = {"data": {"items": []}, "pagination": pagination}
        portfolio = portfolio_of(envelope, {"data": {"items": [BALANCES]}})
        assert portfolio.positions == ()
        assert portfolio.meta.counts.fetched == 0


def test_entries_that_are_not_objects_are_skipped_where_they_cannot_be_counted():
    assert read_items([None, 7, "SPY", {"symbol": 7}]) == {}
    assert read_metrics([None, {"beta": "1"}]) == {}
    assert read_metrics([{"symbol": "SPY"}])["SPY"].beta is None
    listed = read_accounts({"data": {"items": [7, {"account": {"account-number": "5WX00002"}}]}})
    assert (len(listed.open), listed.unreadable) == (1, 1)


@pytest.mark.parametrize("broken", [None, "row", 7, [], {}, {"symbol": 7}])
def test_one_bad_row_never_loses_the_others_and_is_never_lost_silently(broken):
    rows = [*ROWS[:3], broken, *ROWS[3:]]
    portfolio = portfolio_of({"data": {"items": rows}}, {"data": BALANCES})
    assert len(portfolio.positions) == len(ROWS)
    assert [rejected.row for rejected in portfolio.meta.rejected] == [4]
    counts = portfolio.meta.counts
    assert counts.fetched == len(rows) == counts.normalized + counts.closed + counts.rejected
    assert portfolio.meta.status == "partial"
    assert check(to_document(portfolio)) == []


def test_drifted_balances_are_right_or_missing_and_reported():
    right = portfolio_of({"data": {"items": []}}, {"data": BALANCES}).balances
    for what, balances in drifted(BALANCES):
        for shape in (balances, {"items": [balances]}):
            portfolio = portfolio_of({"data": {"items": []}}, {"data": shape})
            assert check(to_document(portfolio)) == [], what
            if portfolio.balances is None:
                assert Caution.BALANCES_MISSING in {flag.caution for flag in portfolio.meta.flags}
                continue
            for field in attrs.fields(type(right)):
                value = getattr(portfolio.balances, field.name)
                assert value in (None, getattr(right, field.name)), what


def test_a_drifted_account_is_right_or_left_out_and_reported():
    for what, account in drifted(ACCOUNT):
        for item in (account, {"account": account, "authority-level": "owner"}):
            sibling = {"account": {"account-number": "5WX00002"}}
            listed = read_accounts({"data": {"items": [item, sibling]}})
            numbers = [account.number for account in listed.open]
            closed = account.get("is-closed") is True
            assert numbers in (["5WX00001", "5WX00002"], ["5WX00002"]), what
            assert len(numbers) + listed.unreadable + closed == 2, what


def test_drifted_market_data_is_right_or_unknown():
    right = read_items([MARKET_DATA])["SPY"]
    for what, entry in drifted(MARKET_DATA):
        item = read_items([entry]).get("SPY")
        if item is None:
            assert what.startswith("symbol")
            continue
        for field in structs.fields(Item):
            assert getattr(item, field.name) in (None, getattr(right, field.name)), what
        metrics = read_metrics([entry]).get("SPY")
        assert metrics is None or metrics.beta in (None, Decimal("1.0"))


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["Equity", "Equity Option", "Future", "Future Option", "Long", "Short", "1.0"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
row_members = sorted({name for row in ROWS for name in row})


@given(
    base=st.sampled_from(ROWS),
    changes=st.dictionaries(st.sampled_from(row_members), json_values, min_size=1, max_size=5),
)
def test_whatever_the_members_hold_a_row_never_raises_and_its_document_is_valid(base, changes):
    row = {**copy.deepcopy(base), **changes}
    outcome = outcome_of(row, FETCHED_AT)
    assert outcome is CLOSED or isinstance(outcome, Kept | RejectedRow)
    portfolio = portfolio_of({"data": {"items": [row]}}, {"data": BALANCES})
    assert check(to_document(portfolio)) == []


@given(rows=st.lists(json_values, max_size=3), balances=json_values)
def test_whatever_the_payloads_hold_there_is_a_portfolio_or_a_refusal(rows, balances):
    try:
        portfolio = portfolio_of({"data": {"items": rows}}, balances)
    except DataRefused:
        return
    assert check(to_document(portfolio)) == []
