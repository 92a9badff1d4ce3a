"""The triage for programs: what `--json` prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from variance_bridge.commands import (
    Converted,
    accounts_document,
    converted_document,
    instant_text,
    source_document,
    sums_document,
)
from variance_bridge.formatting import rounded
from variance_bridge.model import Holding
from variance_bridge_triage.rules.book import Judged, JudgedBook
from variance_bridge_triage.rules.metrics import Amounts
from variance_bridge_triage.rules.new_actions import News
from variance_bridge_triage.rules.report import Entry, Report


def book_document(
    judged: JudgedBook,
    converted: Converted | None = None,
    news: Iterable[News] | None = None,
) -> dict[str, Any]:
    """All sources as mappings and lists; with one source, its `meta` and `totals` besides, else how many accounts count."""
    reports = judged.reports
    if len(judged.judged) == len(reports) == 1:
        others = to_document(reports[0])
    else:
        others = {"accounts": accounts_document(judged.book)}
    shared = {
        "sources": [_source(each) for each in judged.judged],
        "totals_by_currency": _by_currency(judged.totals_by_currency, reports),
        **({} if converted is None else {"totals_in": converted_document(converted)}),
        "clusters": [each for report in reports for each in clusters_document(report)],
        **({} if news is None else {"changed": [_new(each) for each in news]}),
    }
    return {**others, **shared}


def _source(judged: Judged) -> dict[str, Any]:
    shown, report = source_document(judged.source), judged.report
    if report is None:
        return shown
    return {**shown, "verdict": {"all_clear": report.all_clear, "sentences": list(report.verdict)}}


def _new(news: News) -> dict[str, Any]:
    """A finding that is new since the document before."""
    cluster, finding = news.entry.facts.cluster, news.finding
    return {
        "account_hash": news.report.meta.account_hash,
        "root": cluster.root,
        "strategy": cluster.strategy,
        "action": finding.action.value,
        "reason": finding.reason,
        "since": None if news.since is None else instant_text(news.since),
    }


def to_document(report: Report) -> dict[str, Any]:
    """The report as mappings and lists. Every member is always there; null is unknown, or none.

    A sum of which a part is unknown is null; `partial` beside it says what is known of it.
    """
    return {
        "meta": _meta(report),
        "totals": _totals(report),
        "totals_by_currency": _by_currency(report.totals.by_currency, [report]),
        "verdict": {"all_clear": report.all_clear, "sentences": list(report.verdict)},
        "clusters": clusters_document(report),
        "unavailable": [
            {"rule": u.action.value, "needs": u.needs, "clusters": u.clusters, "of": u.of}
            for u in report.unavailable
        ],
    }


def clusters_document(report: Report) -> list[dict[str, Any]]:
    """The strategies alone, as `to_document` has them."""
    return [_cluster(report, entry) for entry in report.entries]


def _by_currency(totals: Mapping[str | None, Amounts], reports: Sequence[Report]) -> dict[str, Any]:
    """What `totals` has, for each currency alone."""
    return {
        currency or "unknown": {**_amounts(amounts), **_counts_of(currency, reports)}
        for currency, amounts in totals.items()
    }


def _counts_of(currency: str | None, reports: Sequence[Report]) -> dict[str, Any]:
    """How many strategies are in a currency, and what losses are measured by where one account is in it."""
    entries = [
        entry
        for report in reports
        for entry in report.entries
        if (entry.facts.currency or report.currency) == currency
    ]
    own = [report for report in reports if report.currency == currency]
    return {
        "loss_measure": _loss_measure(own[0]) if len(own) == 1 else None,
        "clusters": len(entries),
        "actions": sum(entry.finding is not None for entry in entries),
    }


def _loss_measure(report: Report) -> dict[str, Any]:
    return {
        "net_liquidity": report.net_liquidity,
        "origin": report.net_liquidity_origin,
        "benchmark": report.benchmark,
        "benchmark_price": report.benchmark_price,
    }


def _meta(report: Report) -> dict[str, Any]:
    meta = report.meta
    return {
        "source": meta.source,
        "environment": meta.environment.value if meta.environment else None,
        "account_hash": meta.account_hash,
        "currency": report.currency,
        "fetched_at": instant_text(meta.fetched_at),
        "age_seconds": int(report.age.total_seconds()),
        "freshness": report.freshness.value,
        "status": meta.status.value if meta.status else None,
        "rejected": report.unread,
        "warnings": list(report.warnings),
        "generated_at": instant_text(report.now),
        "thresholds": report.thresholds.origin,
    }


def _totals(report: Report) -> dict[str, Any]:
    totals = report.totals
    sums = {
        "net_pl": totals.net_pl,
        "beta_delta": totals.beta_delta,
        "theta_per_day": totals.theta,
    }
    known = sums_document(sums)
    partial = known.pop("partial")
    return {
        **known,
        "net_liquidity": totals.net_liquidity,
        "buying_power": totals.buying_power,
        "loss_measure": _loss_measure(report),
        "clusters": len(report.entries),
        "actions": len(report.actions),
        "partial": partial,
    }


def _amounts(amounts: Amounts) -> dict[str, Any]:
    sums = {
        "net_pl": amounts.net_pl,
        "beta_delta": amounts.beta_delta,
        "theta_per_day": amounts.theta,
        "net_liquidity": amounts.net_liquidity,
        "buying_power": amounts.buying_power,
    }
    return sums_document(sums)


def _cluster(report: Report, entry: Entry) -> dict[str, Any]:
    facts, finding = entry.facts, entry.finding
    sums = {
        "net_pl": facts.net_pl,
        "net_cost": facts.net_cost,
        "delta": facts.delta,
        "beta_delta": facts.beta_delta,
        "theta_per_day": facts.theta,
    }
    known, fraction = sums_document(sums), facts.pl_fraction
    partial = known.pop("partial")
    return {
        "account_hash": report.meta.account_hash,
        "root": facts.cluster.root,
        "strategy": facts.cluster.strategy,
        "units": facts.cluster.units,
        "action": finding.action.value if finding else None,
        "reason": finding.reason if finding else None,
        "also": [{"action": f.action.value, "reason": f.reason} for f in entry.findings[1:]],
        "not_judged": [{"rule": n.action.value, "needs": n.needs} for n in entry.not_judged],
        "unread_rows": entry.unread,
        "dte": facts.dte,
        "expiration": facts.expiration.isoformat() if facts.expiration else None,
        "expired": facts.expired,
        **known,
        "pl_fraction": None if fraction is None else rounded(fraction, 4),
        "underlying_price": facts.price,
        "currency": facts.currency or None,
        "legs": [_leg(leg) for leg in facts.cluster.legs],
        "partial": partial,
    }


def _leg(leg: Holding) -> dict[str, Any]:
    return {
        "symbol": leg.symbol,
        "type": leg.type.value,
        "side": leg.side.value,
        "quantity": leg.quantity,
        "option_type": leg.option_type.value if leg.option_type else None,
        "strike": leg.strike,
        "expiration": leg.expiration.isoformat() if leg.expiration else None,
        "opened_on": leg.opened_on.isoformat() if leg.opened_on else None,
        "cost_basis": leg.cost_basis,
        "market_value": leg.market_value,
        "unrealized_pl": leg.unrealized_pl,
    }
