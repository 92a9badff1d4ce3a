"""The demo account through the broker's API and through its CSV export: the same clusters, actions and totals."""

from __future__ import annotations

import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator, to_csv
from variance_bridge.clock import SystemClock
from variance_bridge.commands import simulated_sync
from variance_bridge.reading.load import load
from variance_bridge_triage.render.json_report import to_document
from variance_bridge_triage.rules.report import triage
from variance_bridge_triage.rules.thresholds import shipped_thresholds

NOT_IN_THE_EXPORT = {"Bond"}
SAID = ("root", "strategy", "units", "action", "reason", "dte", "expired", "theta_per_day")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The triage of the live document and of the export, which has every digit here."""
    folder = tmp_path_factory.mktemp("demo")
    now = SystemClock().now()
    demo = SimulatedPortfolio.demo(now)
    with Simulator(demo) as simulator:
        known = simulator.credentials
        credentials = {
            "TT_CLIENT_SECRET": known.client_secret,
            "TT_REFRESH_TOKEN": known.refresh_token,
        }
        live = simulated_sync(
            "tastytrade",
            folder,
            settings={"base_url": simulator.url},
            credentials=credentials,
            warn=[].append,
        )
    export = folder / "export.csv"
    export.write_text(to_csv(demo, today=now.date(), decimals=None), encoding="utf-8")
    later = SystemClock().now()
    return [
        to_document(triage(load(file, later), shipped_thresholds(), later))
        for file in (live, export)
    ]


def test_clusters_actions_and_reasons_are_the_same(both):
    live, exported = (
        [{name: cluster[name] for name in SAID} for cluster in document["clusters"]]
        for document in both
    )
    live = [cluster for cluster in live if cluster["strategy"] not in NOT_IN_THE_EXPORT]
    assert ordered(exported) == ordered(live)
    assert {cluster["action"] for cluster in live} >= {"HARVEST", "DEFENSE", "GAMMA", None}


def ordered(clusters):
    """By name: strategies stand after others where a number is missing, and an export has fewer numbers."""
    return sorted(clusters, key=lambda cluster: (cluster["root"], cluster["strategy"]))


def test_legs_are_the_same(both):
    live, exported = (
        [
            (leg["symbol"], leg["side"], leg["quantity"])
            for cluster in ordered(document["clusters"])
            if cluster["strategy"] not in NOT_IN_THE_EXPORT
            for leg in cluster["legs"]
        ]
        for document in both
    )
    assert exported == live


def test_profits_that_both_know_are_the_same(both):
    live, exported = (
        {cluster["root"]: cluster["net_pl"] for cluster in document["clusters"]}
        for document in both
    )
    known = {root: amount for root, amount in exported.items() if amount is not None}
    assert len(known) >= len(exported) - 1
    assert known == {root: live[root] for root in known}


def test_theta_of_the_account_is_the_same(both):
    live, exported = (document["totals"]["theta_per_day"] for document in both)
    assert exported == live
