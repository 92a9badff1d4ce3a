"""The triage of one snapshot: everything that the screen, the page and `--json` show."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import attrs

from variance_bridge import AgeLimits, Freshness, Snapshot
from variance_bridge.exchange import exchange_date
from variance_bridge.formatting import format_age
from variance_bridge.model import Meta, Portfolio, Status
from variance_bridge_triage.cluster.clusters import cluster
from variance_bridge_triage.rules.actions import Action, Circumstances, Finding, Unavailable, judge
from variance_bridge_triage.rules.metrics import Facts, Totals, facts, totals, underlying_prices
from variance_bridge_triage.rules.thresholds import Thresholds

BALANCES = "balances"


@attrs.frozen(kw_only=True)
class Entry:
    """A cluster, its numbers and the findings about it, most urgent first."""

    facts: Facts
    findings: tuple[Finding, ...]

    @property
    def finding(self) -> Finding | None:
        """The most urgent one."""
        return self.findings[0] if self.findings else None


@attrs.frozen(kw_only=True)
class Report:
    """The triage.

    Attributes:
        meta: of the positions.
        currency: of the account; None where unknown.
        now: when it was made, aware.
        age: of the positions.
        freshness: whether they are young enough to act on.
        age_limits: how old they may be.
        warnings: what a person should know about them.
        net_liquidity: what losses are measured against.
        net_liquidity_origin: `BALANCES`, or the thresholds' file when the positions state none.
        entries: those that need action first, by urgency; then the rest by root.
    """

    meta: Meta
    currency: str | None
    now: datetime
    age: timedelta
    freshness: Freshness
    age_limits: AgeLimits
    warnings: tuple[str, ...]
    totals: Totals
    net_liquidity: Decimal
    net_liquidity_origin: str
    entries: tuple[Entry, ...]
    unavailable: tuple[Unavailable, ...]
    thresholds: Thresholds

    @property
    def age_words(self) -> str:
        """How old the positions are."""
        return "from the future" if self.age < timedelta(0) else f"{format_age(self.age)} old"

    @property
    def too_old(self) -> bool:
        """Whether they are shown only because of `--any-age`."""
        return not self.age_limits.is_readable(self.age)

    @property
    def partial(self) -> bool:
        """Whether rows of the source could not be read."""
        return bool(self.meta.rejected) or self.meta.status is Status.PARTIAL

    @property
    def status_words(self) -> str:
        """Whether all rows of the source were understood."""
        if self.partial:
            return f"partial: {len(self.meta.rejected)} rejected"
        return "complete" if self.meta.status is Status.COMPLETE else "completeness unknown"

    @property
    def actions(self) -> tuple[Entry, ...]:
        """Those that need action."""
        return tuple(entry for entry in self.entries if entry.findings)

    @property
    def rest(self) -> tuple[Entry, ...]:
        """The others."""
        return tuple(entry for entry in self.entries if not entry.findings)


def triage(snapshot: Snapshot, thresholds: Thresholds, now: datetime) -> Report:
    """Cluster and judge the positions. Pure: the clock comes in as `now`."""
    portfolio, today = snapshot.portfolio, exchange_date(now)
    sums, prices = totals(portfolio), underlying_prices(portfolio.positions)
    net_liquidity, origin = _net_liquidity(sums, thresholds)
    found = [facts(each, today, prices) for each in cluster(portfolio.positions, today)]
    circumstances = Circumstances(
        thresholds=thresholds,
        now=now,
        today=today,
        prices=prices,
        net_liquidity=net_liquidity,
        currency=currency_of(portfolio),
        benchmark_price=thresholds.benchmark.price
        or prices.get((thresholds.benchmark.symbol, None)),
        portfolio_beta_delta=sums.beta_delta,
    )
    findings, unavailable = judge(found, circumstances)
    entries = [Entry(facts=each, findings=its) for each, its in zip(found, findings, strict=True)]
    return Report(
        meta=portfolio.meta,
        currency=currency_of(portfolio),
        now=now,
        age=snapshot.age,
        freshness=snapshot.freshness,
        age_limits=snapshot.limits,
        warnings=snapshot.warnings,
        totals=sums,
        net_liquidity=net_liquidity,
        net_liquidity_origin=origin,
        entries=tuple(sorted(entries, key=_urgency)),
        unavailable=tuple(unavailable),
        thresholds=thresholds,
    )


def currency_of(portfolio: Portfolio) -> str | None:
    """The account's currency, where the file or its balances state it."""
    if portfolio.meta.currency is not None:
        return portfolio.meta.currency
    return portfolio.balances.currency if portfolio.balances else None


def _net_liquidity(sums: Totals, thresholds: Thresholds) -> tuple[Decimal, str]:
    if sums.net_liquidity is not None:
        return sums.net_liquidity, BALANCES
    return thresholds.account.net_liquidity, f"assumed ({thresholds.origin} thresholds)"


_ORDER = {action: place for place, action in enumerate(Action)}
_NEVER = 10**6


def _urgency(entry: Entry) -> tuple[int, int, str, str]:
    found = entry.finding
    place = _ORDER[found.action] if found else len(_ORDER)
    dte = entry.facts.dte if entry.facts.dte is not None else _NEVER
    cluster_ = entry.facts.cluster
    return place, dte if found else 0, cluster_.root, cluster_.strategy if found else ""
