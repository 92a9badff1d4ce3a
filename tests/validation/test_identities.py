"""What a position says of itself twice must be the same twice; what is odd but sound stays valid."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import from_bytes, to_document
from variance_bridge.errors import DataRefused
from variance_bridge.testing.hypothesis_portfolios import amounts, portfolios

D = Decimal


def short_put(**changes: Any) -> dict[str, Any]:
    position = {
        "root": "SPY",
        "symbol": "SPY   270115P00450000",
        "type": "option",
        "side": "short",
        "quantity": 2,
        "option_type": "put",
        "strike": 450,
        "expiration": "2027-01-15",
        "multiplier": 100,
        "average_price": D("2.5"),
        "cost_basis": 500,
        "market_value": -400,
        "unrealized_pl": 100,
        "opened_on": "2026-01-02",
        "quote": {"bid": D("1.9"), "ask": D("2.1"), "mark": 2, "as_of": "2026-01-05T14:59:00Z"},
        "greeks": {"delta": 40, "gamma": D("-1.2"), "theta": 12, "vega": -60},
    }
    return without_none(position | changes)


def shares(**changes: Any) -> dict[str, Any]:
    position = {
        "root": "QZA",
        "symbol": "QZA",
        "type": "stock",
        "side": "long",
        "quantity": 100,
        "multiplier": 1,
        "average_price": 10,
        "cost_basis": 1000,
        "market_value": 1200,
        "unrealized_pl": 200,
        "quote": {"last": 12},
        "greeks": {"delta": 100},
    }
    return without_none(position | changes)


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def document(*positions: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {
        "meta": {
            "source": "acme",
            "fetched_at": "2026-01-05T15:00:00Z",
            "account_hash": "0123456789ab***",
            "currency": "USD",
            **meta,
        },
        "positions": list(positions),
    }


def found(*positions: dict[str, Any], **meta: Any) -> list[str]:
    return [violation.pointer for violation in check(document(*positions, **meta))]


def flagged(caution: str, symbol: str) -> dict[str, Any]:
    return {"flags": [{"caution": caution, "symbol": symbol}]}


@pytest.mark.parametrize(
    ("position", "member"),
    [
        (short_put(unrealized_pl=1_000_000), "unrealized_pl"),
        (short_put(unrealized_pl=-100), "unrealized_pl"),
        (short_put(unrealized_pl=1000), "unrealized_pl"),
        (short_put(unrealized_pl=D("103.1")), "unrealized_pl"),
        (shares(unrealized_pl=-200), "unrealized_pl"),
        (shares(market_value=None, unrealized_pl=-1100, quote=None), "unrealized_pl"),
        (shares(side="short", market_value=None, unrealized_pl=1100, greeks=None), "unrealized_pl"),
        (shares(average_price=None, market_value=120_000, unrealized_pl=119_000), "market_value"),
        (shares(average_price=None, market_value=120, unrealized_pl=-880), "market_value"),
        (shares(market_value=0, unrealized_pl=-1000), "market_value"),
        (short_put(market_value=-40_000, unrealized_pl=-39_500, quote={"last": 2}), "market_value"),
        (
            short_put(market_value=-40_000, unrealized_pl=-39_500, quote={"bid": 1, "ask": 3}),
            "market_value",
        ),
        (shares(multiplier=None, quote={"mark": 1}), "market_value"),
        (shares(multiplier=100, average_price=None, quote=None, greeks=None), "multiplier"),
        (short_put(quote={"bid": D("2.2"), "ask": D("2.1"), "mark": 2}), "quote/bid"),
        (short_put(quote={"bid": -1, "ask": D("2.1"), "mark": 2}), "quote/bid"),
        (shares(quote={"last": -12}, market_value=None, unrealized_pl=None), "quote/last"),
        (short_put(greeks={"implied_volatility": -1}), "greeks/implied_volatility"),
        (short_put(greeks={"delta": 221}), "greeks/delta"),
        (short_put(greeks={"delta": -40}), "greeks/delta"),
        (short_put(option_type=None, greeks={"delta": -40}), "greeks/delta"),
        (short_put(side="long", market_value=400, unrealized_pl=-100), "greeks/delta"),
        (shares(greeks={"delta": 111}), "greeks/delta"),
        (shares(greeks={"delta": -100}), "greeks/delta"),
        (short_put(greeks={"gamma": D("1.2")}), "greeks/gamma"),
        (short_put(greeks={"vega": 60}), "greeks/vega"),
        (short_put(opened_on="2026-01-07"), "opened_on"),
        (short_put(opened_on="2027-01-16"), "opened_on"),
        (short_put(quote={"mark": 2, "as_of": "2026-01-05T16:00:01Z"}), "quote/as_of"),
        (short_put(greeks={"as_of": "2027-01-05T15:00:00Z", "source": "acme"}), "greeks/as_of"),
        (short_put(market_value=-4000, unrealized_pl=-3500, quote={"last": 2}), "market_value"),
        (short_put(quote={"mark": 2, "iv_rank": 2543}), "quote/iv_rank"),
        (short_put(quote={"mark": 2, "iv_rank": -101}), "quote/iv_rank"),
        (short_put(quote={"mark": 2, "iv_percentile": 101}), "quote/iv_percentile"),
        (short_put(quote={"mark": 2, "iv_percentile": -1}), "quote/iv_percentile"),
        (short_put(quote={"mark": 2, "underlying_price": -5}), "quote/underlying_price"),
        (short_put(expires_at="2027-01-18T21:00:00Z"), "expires_at"),
        (short_put(expires_at="2026-01-15T21:00:00Z"), "expires_at"),
        (shares(currency="ZZZ"), "currency"),
        (shares(currency="GBX"), "currency"),
    ],
)  # fmt: skip
def test_a_position_that_contradicts_itself_is_refused(position, member):
    assert f"/positions/0/{member}" in found(position)
    with pytest.raises(DataRefused, match=f"/positions/0/{member}"):
        from_bytes(exact_json.dumps(document(position)))


@pytest.mark.parametrize(
    "position",
    [
        pytest.param(short_put(), id="an ordinary short put"),
        pytest.param(shares(), id="ordinary shares"),
        pytest.param(short_put(unrealized_pl=D("101.5")), id="a profit from unrounded prices"),
        pytest.param(
            short_put(
                expiration="2025-12-19", symbol="SPY   251219P00450000", opened_on="2025-11-03"
            ),
            id="an option that has expired",
        ),
        pytest.param(
            shares(average_price=0, cost_basis=0, unrealized_pl=1200), id="shares without a cost"
        ),
        pytest.param(
            shares(market_value=0, unrealized_pl=-1000, quote={"mark": 0}), id="worthless shares"
        ),
        pytest.param(
            short_put(market_value=0, unrealized_pl=500, quote={"bid": 0, "ask": 0, "mark": 0}),
            id="a worthless option",
        ),
        pytest.param(
            short_put(market_value=0, unrealized_pl=500, quote={"last": D("0.2")}),
            id="an option that was traded before it became worthless",
        ),
        pytest.param(
            short_put(
                quantity=D("0.5"), cost_basis=125, market_value=-100, unrealized_pl=25,
                greeks={"delta": 10},
            ),
            id="half a contract",
        ),
        pytest.param(
            shares(
                quantity=D("0.00000001"), cost_basis=D("0.0000001"), market_value=D("0.00000012"),
                unrealized_pl=D("0.00000002"), greeks={"delta": D("0.00000001")},
            ),
            id="a fraction of a share",
        ),
        pytest.param(
            short_put(symbol="SPY1  270115P00450000", deliverable="adjusted", greeks={"delta": 290}),
            id="an adjusted option that delivers 150 shares",
        ),
        pytest.param(
            {
                "root": "/CL", "symbol": "/CLK6", "type": "future", "side": "long", "quantity": 1,
                "multiplier": 1000, "average_price": D("-37.63"), "cost_basis": -37630,
                "market_value": -10000, "unrealized_pl": 27630,
                "quote": {"bid": D("-10.1"), "ask": D("-9.9"), "mark": -10}, "greeks": {"delta": 1000},
            },
            id="a future below zero",
        ),
        pytest.param(
            shares(average_price=D("-2.5"), cost_basis=-250, unrealized_pl=1450),
            id="shares whose cost came back",
        ),
        pytest.param(
            {
                "root": "QZSPREAD", "symbol": "QZSPREAD", "type": "other", "side": "long",
                "quantity": 1, "multiplier": 100, "average_price": 0, "cost_basis": 0,
                "market_value": -5, "unrealized_pl": -5, "quote": {"bid": D("-0.1"), "ask": 0},
            },
            id="a spread at zero",
        ),
        pytest.param(
            short_put(quote={"mark": 2, "as_of": "2026-03-05T15:00:00Z", "source": "other"}),
            id="an old file with quotes of another source",
        ),
        pytest.param(short_put(opened_on="2026-01-06"), id="opened in the evening session"),
        pytest.param(
            short_put(expires_at="2027-01-17T05:00:00Z"), id="an instant of expiry in another zone"
        ),
        pytest.param(
            short_put(quote={"mark": 2, "iv_rank": 131, "iv_percentile": 100}),
            id="a new high of volatility",
        ),
        pytest.param(
            shares(multiplier=None, quote={"mark": 12}), id="shares whose multiplier goes without saying"
        ),
        pytest.param(shares(currency="CNH"), id="a currency beside the list"),
    ],
)  # fmt: skip
def test_a_position_that_is_odd_but_sound_is_valid(position):
    assert found(position) == []


@pytest.mark.parametrize("caution", ["cost_contradicted", "value_contradicted"])
@pytest.mark.parametrize(
    ("profit", "is_valid"), [(150, True), (-100, True), (450, True), (1000, False), (-2000, False)]
)
def test_a_flagged_position_may_disagree_but_not_by_a_multiple(caution, profit, is_valid):
    position = short_put(unrealized_pl=profit)

    assert (found(position, **flagged(caution, position["symbol"])) == []) is is_valid
    assert found(position, **flagged(caution, "QZA")) == ["/positions/0/unrealized_pl"]


def test_the_same_position_twice_is_refused():
    assert found(short_put(), short_put()) == ["/positions/1"]
    assert found(short_put(), shares(), short_put()) == ["/positions/2"]


def test_a_position_that_is_flagged_as_repeated_may_stand_there_twice():
    twice = (short_put(), short_put())

    assert found(*twice, **flagged("position_repeated", short_put()["symbol"])) == []
    assert found(*twice, **flagged("position_repeated", "QZA")) == ["/positions/1"]


@pytest.mark.parametrize(
    "other",
    [
        shares(opened_on="2025-06-02"),
        shares(average_price=11, cost_basis=1100, unrealized_pl=100),
        shares(quantity=50, cost_basis=500, market_value=600, unrealized_pl=100, greeks=None),
        shares(side="short", market_value=-1200, unrealized_pl=-200, greeks=None),
    ],
)
def test_lots_of_one_contract_are_positions_of_their_own(other):
    assert found(shares(), other) == []


@pytest.mark.parametrize("moment", ["1969-12-31T23:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_fetch_in_an_absurd_year_is_refused(moment):
    assert found(fetched_at=moment) == ["/meta/fetched_at"]


@pytest.mark.parametrize(
    ("balances", "pointers"),
    [
        ({"currency": "EUR"}, ["/balances/currency"]),
        ({"currency": "ZZZ"}, ["/balances/currency"]),
        ({"currency": "USD", "as_of": "2026-01-06T15:00:00Z"}, ["/balances/as_of"]),
        ({"currency": "USD", "as_of": "2026-01-05T15:30:00Z"}, []),
    ],
)
def test_balances_are_in_the_currency_and_of_the_time_of_the_account(balances, pointers):
    whole = document()
    whole["balances"] = {"net_liquidating_value": 1, "cash": 1, **balances}

    assert [violation.pointer for violation in check(whole)] == pointers


def test_the_account_has_a_currency_that_exists():
    assert found(currency="ZZZ") == ["/meta/currency"]


PRICES = amounts(1, 10**4, 2)


@given(PRICES, PRICES, st.integers(1, 1000), st.sampled_from(["long", "short"]))
def test_every_position_that_is_computed_from_its_prices_is_valid(paid, now, quantity, side):
    assert found(computed(paid, now, quantity, side)) == []


@given(
    PRICES, PRICES, st.integers(1, 1000), st.sampled_from(["long", "short"]),
    st.sampled_from(["cost_basis", "market_value", "unrealized_pl"]),
    st.sampled_from([D(10), D(100), D("0.1"), D("0.01"), D(-1)]),
)  # fmt: skip
def test_an_amount_that_is_a_multiple_of_the_right_one_is_refused(
    paid, now, quantity, side, member, factor
):
    position = computed(paid, now, quantity, side)
    right = position[member]
    position[member] = right * factor
    if abs(right - position[member]) <= 200 * quantity:  # what rounded prices can explain
        return

    assert f"/positions/0/{member}" in found(position)


@given(PRICES, st.integers(1, 1000), st.sampled_from([10, 100, D("0.1"), D("0.01")]))
def test_a_value_that_is_a_multiple_of_the_last_price_is_refused(price, quantity, factor):
    value = price * quantity
    position = shares(
        quantity=quantity, average_price=None, cost_basis=None, unrealized_pl=None, greeks=None,
        quote={"last": price}, market_value=value,
    )  # fmt: skip
    assert found(position) == []
    position["market_value"] = value * factor

    assert found(position) == ["/positions/0/market_value"]


@pytest.mark.parametrize(
    ("value", "sound"), [(1000, True), (11_900, True), (100, True), (20_100, False), (5, False)]
)
def test_a_value_may_be_anywhere_in_a_wide_market(value, sound):
    position = shares(
        quantity=100, average_price=None, cost_basis=None, unrealized_pl=None, greeks=None,
        quote={"last": 10, "bid": 1, "ask": 100}, market_value=value,
    )  # fmt: skip

    assert (found(position) == []) is sound


def computed(paid: Decimal, now: Decimal, quantity: int, side: str) -> dict[str, Any]:
    sign = 1 if side == "long" else -1
    return short_put(
        side=side, quantity=quantity, average_price=paid, cost_basis=paid * 100 * quantity,
        market_value=sign * now * 100 * quantity, quote={"mark": now},
        unrealized_pl=sign * (now - paid) * 100 * quantity,
        greeks={"delta": -sign * 30 * quantity, "gamma": sign * quantity},
    )  # fmt: skip


@given(portfolios())
def test_what_validate_accepts_is_read_and_what_it_refuses_is_not(portfolio):
    right = to_document(portfolio)
    from_bytes(exact_json.dumps(right))
    # A flag may allow a contradiction: `test_a_flagged_position_may_disagree_but_not_by_a_multiple`.
    meta = {name: value for name, value in right["meta"].items() if name != "flags"}
    for position in deepcopy(right)["positions"]:
        position.update(cost_basis=1000, market_value=1, unrealized_pl=5, average_price=None)
        wrong = right | {"meta": meta, "positions": [without_none(position)]}

        assert check(wrong)
        with pytest.raises(DataRefused):
            from_bytes(exact_json.dumps(wrong))
