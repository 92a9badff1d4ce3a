"""Totals, and what programs read: exact, and never a zero for what is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from msgspec import structs

from variance_bridge.document.exact_json import dumps, loads
from variance_bridge.model import Balances, Greeks, Quote
from variance_bridge.money import Sum, add_up
from variance_bridge.symbology import InstrumentType
from variance_bridge_triage.render.json_report import to_document

CENTS = "123456789012345678901234567.89"


def test_a_sum_says_of_how_many_it_knows():
    assert add_up([Decimal(1), None, Decimal(2)]) == Sum(Decimal(3), 2, 3)
    assert add_up([Decimal(1), None]).complete is None
    assert add_up([None]) == Sum(None, 0, 1)
    assert add_up([]).complete == 0


def test_totals_are_exact(hold, triaged):
    positions = [
        hold("1 stock", root=root, unrealized_pl=Decimal(amount))
        for root, amount in (("AAA", CENTS), ("BBB", "0.01"), ("CCC", "-" + CENTS))
    ]
    assert triaged(positions).totals.net_pl.complete == Decimal("0.01")


def test_the_cost_of_a_short_position_keeps_every_digit(hold, triaged):
    (entry,) = triaged([hold("-1 105C", cost_basis=Decimal("1" * 40 + ".25"))]).entries
    assert entry.facts.net_cost.complete == Decimal("-" + "1" * 40 + ".25")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 stock", {"gamma", "theta", "vega", "beta_gamma"}),
        ("1 future", {"gamma", "theta", "vega", "beta_gamma"}),
        ("1 cash", {"gamma", "theta", "vega", "beta_gamma", "delta", "beta_delta"}),
        ("1 105C", set()),
        ("1 other", set()),
    ],
)
def test_greeks_are_zero_by_nature_only_where_nothing_can_move_them(hold, text, expected):
    assert set(hold(text).zero_by_nature) == expected


def test_theta_of_shares_is_zero_and_of_an_option_unknown(hold, triaged):
    assert triaged([hold("100 stock")]).totals.theta.complete == 0
    assert triaged([hold("100 stock"), hold("1 105C")]).totals.theta == Sum(Decimal(0), 1, 2)


def money_market(hold, **changes):
    return hold("5000 fund", root="QZPXX", market_value=Decimal(5000), **changes)


def test_a_money_market_fund_counts_as_cash_and_needs_no_judgement(hold, triaged):
    report = triaged([money_market(hold), hold("10 stock", root="QZA", unrealized_pl=Decimal(5))])

    assert report.totals.net_pl == Sum(Decimal(5), 2, 2)
    (fund,) = [each for each in report.entries if each.facts.cluster.root == "QZPXX"]
    assert (fund.findings, fund.not_judged) == ((), ())


@pytest.mark.parametrize(
    ("changes", "profit"),
    [
        ({"unrealized_pl": Decimal("1.5")}, Decimal("1.5")),  # stated: believed
        ({"cost_basis": Decimal(4990)}, None),
        ({"market_value": Decimal("5000.01")}, None),  # its price moves
        ({"market_value": None}, None),
        ({"type": InstrumentType.STOCK}, None),
    ],
)
def test_no_other_fund_is_taken_for_cash(hold, triaged, changes, profit):
    fund = structs.replace(money_market(hold), **changes)
    assert fund.profit == profit
    assert "beta_delta" not in fund.zero_by_nature


def test_cash_has_neither_profit_nor_delta(hold, triaged):
    totals = triaged([hold("500 cash", root="USD")]).totals
    assert (totals.net_pl.complete, totals.beta_delta.complete) == (0, 0)


def test_positions_in_another_currency_are_left_out_of_the_money_and_counted(hold, triaged):
    positions = [
        hold("1 stock", root="AAA", unrealized_pl=Decimal(5)),
        hold("1 stock", root="BBB", unrealized_pl=Decimal(7), currency="EUR"),
        hold("1 stock", root="CCC", unrealized_pl=Decimal(9), currency="USD"),
    ]
    assert triaged(positions).totals.net_pl == Sum(Decimal(14), 2, 3)


def test_totals_are_listed_for_each_currency(hold, triaged):
    positions = [
        hold("1 stock", root="AAA", unrealized_pl=Decimal(5)),
        hold("1 stock", root="BBB", unrealized_pl=Decimal(7), currency="EUR"),
        hold("1 stock", root="CCC", unrealized_pl=Decimal(9), currency="USD"),
        hold("1 105C", root="DDD", currency="CHF"),
    ]
    document = to_document(triaged(positions))
    assert list(document["totals_by_currency"]) == ["USD", "CHF", "EUR"]
    dollars = document["totals_by_currency"]["USD"]
    assert dollars.keys() == document["totals"].keys()
    assert (dollars.pop("clusters"), dollars.pop("actions")) == (2, 0)
    assert dollars.pop("loss_measure") == document["totals"]["loss_measure"]
    assert dollars == {
        "net_pl": 14,
        "beta_delta": None,
        "theta_per_day": 0,
        "net_liquidity": None,
        "buying_power": None,
        "partial": {
            "beta_delta": {"sum": None, "known": 0, "of": 2},
            "net_liquidity": {"sum": None, "known": 0, "of": 1},
            "buying_power": {"sum": None, "known": 0, "of": 1},
        },
    }
    assert document["totals_by_currency"]["EUR"]["net_pl"] == 7
    assert document["totals_by_currency"]["EUR"]["clusters"] == 1
    assert document["totals_by_currency"]["EUR"]["loss_measure"] is None
    assert document["totals_by_currency"]["EUR"]["net_liquidity"] is None
    assert document["totals_by_currency"]["EUR"]["buying_power"] is None
    assert document["totals_by_currency"]["CHF"]["net_pl"] is None


def test_a_leg_that_states_the_currency_of_the_account_is_not_foreign(hold, triaged):
    strangle = [
        hold("-1 105C", currency="USD", cost_basis=Decimal(100), unrealized_pl=Decimal(80)),
        hold("-1 95P", cost_basis=Decimal(100), unrealized_pl=Decimal(80)),
    ]
    covered = [
        hold("100 stock", root="ABC", currency="USD"),
        hold("-1 105C", root="ABC", unrealized_pl=Decimal(-520)),
    ]
    report = triaged(strangle + covered)
    assert {entry.facts.cluster.strategy for entry in report.entries} == {
        "Short Strangle",
        "Covered Call",
    }
    assert {entry.facts.currency for entry in report.entries} == {None}
    assert list(report.totals.by_currency) == ["USD"]


def test_an_account_whose_currency_only_the_balances_state_has_it(hold, triaged):
    balances = Balances(currency="EUR", net_liquidating_value=Decimal(1000), cash=Decimal(0))
    legs = [hold("-1 105C", currency="EUR"), hold("-1 95P")]
    (entry,) = triaged(legs, balances=balances, currency=None).entries
    assert entry.facts.cluster.strategy == "Short Strangle"


def strangle(hold):
    greeks = Greeks(delta=Decimal(-3), theta=Decimal("4.5"), beta_delta=Decimal("-1.25"))
    quote = Quote(underlying_price=Decimal("100.5"))
    money = {"cost_basis": Decimal("200.10"), "unrealized_pl": Decimal("12.30")}
    return [
        hold("-1 105C @2025-12-01", greeks=greeks, quote=quote, **money),
        hold("-1 95P @2025-12-01", greeks=greeks, quote=quote, **money),
    ]


def test_programs_read_every_fact_of_a_cluster(hold, triaged):
    (cluster,) = to_document(triaged(strangle(hold)))["clusters"]
    legs = cluster.pop("legs")
    assert cluster == {
        "account_hash": "a1b2c3d4e5f6***",
        "root": "XYZ",
        "strategy": "Short Strangle",
        "units": 1,
        "action": None,
        "reason": None,
        "also": [],
        "not_judged": [{"rule": "SIZE_THREAT", "needs": "the price of SPY"}],
        "unread_rows": 0,
        "dte": 30,
        "expiration": "2026-01-21",
        "expired": False,
        "net_pl": Decimal("24.60"),
        "net_cost": Decimal("-400.20"),
        "delta": -6,
        "beta_delta": Decimal("-2.50"),
        "theta_per_day": 9,
        "pl_fraction": Decimal("0.0615"),
        "underlying_price": Decimal("100.5"),
        "currency": None,
        "partial": {},
    }
    assert [leg["strike"] for leg in legs] == [95, 105]
    assert legs[0] == {
        "symbol": "XYZ   260121P00095000",
        "type": "option",
        "side": "short",
        "quantity": 1,
        "option_type": "put",
        "strike": 95,
        "expiration": "2026-01-21",
        "opened_on": "2025-12-01",
        "cost_basis": Decimal("200.10"),
        "market_value": None,
        "unrealized_pl": Decimal("12.30"),
    }


def test_programs_read_where_the_facts_come_from(hold, triaged):
    balances = Balances(
        currency="USD",
        net_liquidating_value=Decimal("100123.45"),
        cash=Decimal(1),
        buying_power=Decimal("5000.5"),
    )
    document = to_document(triaged(strangle(hold), balances=balances))
    assert document["meta"] == {
        "source": "acme",
        "environment": None,
        "account_hash": "a1b2c3d4e5f6***",
        "currency": "USD",
        "fetched_at": "2025-12-22T15:18:00Z",
        "age_seconds": 720,
        "freshness": "fresh",
        "status": None,
        "rejected": 0,
        "warnings": [],
        "generated_at": "2025-12-22T15:30:00Z",
        "thresholds": "shipped",
    }
    assert document["totals"] == {
        "net_pl": Decimal("24.60"),
        "beta_delta": Decimal("-2.50"),
        "theta_per_day": 9,
        "net_liquidity": Decimal("100123.45"),
        "buying_power": Decimal("5000.5"),
        "loss_measure": {
            "net_liquidity": Decimal("100123.45"),
            "origin": "balances",
            "benchmark": "SPY",
            "benchmark_price": None,
        },
        "clusters": 1,
        "actions": 0,
        "partial": {},
    }


def test_an_unknown_sum_is_null_and_its_known_part_stands_apart(hold, triaged):
    positions = [strangle(hold)[0], hold("-1 95P @2025-12-01")]
    document = to_document(triaged(positions))
    assert document["totals"]["net_pl"] is None
    assert document["totals"]["partial"]["net_pl"] == {
        "sum": Decimal("12.30"),
        "known": 1,
        "of": 2,
    }
    assert document["clusters"][0]["net_pl"] is None
    assert document["clusters"][0]["partial"]["net_pl"]["known"] == 1


def test_a_silent_rule_is_named_once(hold, triaged):
    document = to_document(triaged([hold("-1 95P 10d"), hold("-1 50P 10d", root="ABC")]))
    rules = [(row["rule"], row["needs"], row["clusters"]) for row in document["unavailable"]]
    assert rules == [
        ("DEFENSE", "the price of the underlying", 2),
        ("SIZE_THREAT", "the beta-weighted delta of every leg", 2),
        ("HARVEST", "the profit and cost of every option", 2),
    ]
    for cluster in document["clusters"]:
        assert [each["rule"] for each in cluster["not_judged"]] == [
            "DEFENSE",
            "SIZE_THREAT",
            "HARVEST",
        ]


def test_the_document_is_exact_json(hold, triaged):
    positions = [hold("1 stock", unrealized_pl=Decimal(CENTS), opened_on=date(2025, 12, 1))]
    document = loads(dumps(to_document(triaged(positions))))
    assert document["clusters"][0]["net_pl"] == Decimal(CENTS)
    assert document["totals"]["net_pl"] == Decimal(CENTS)
