"""What needs action now and did not in the previous document. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import Struct

from variance_bridge import Snapshot
from variance_bridge_triage.rules.actions import Action, Finding
from variance_bridge_triage.rules.book import JudgedBook
from variance_bridge_triage.rules.report import Entry, Report, triage


class News(Struct, frozen=True, kw_only=True):
    """A finding that is new.

    Attributes:
        report: of the account.
        entry: the strategy.
        finding: what is new about it.
        since: when the document before it was fetched; None where there is none, so that everything is new.
    """

    report: Report
    entry: Entry
    finding: Finding
    since: datetime | None


def news_of(
    judged: JudgedBook, previous: Callable[[Snapshot], Snapshot | None]
) -> tuple[News, ...]:
    """What is new in each account, in the order of the dashboard.

    Args:
        judged: the book as it is.
        previous: the document before a document; None where there is none. It is judged as of its own time.
    """
    found: list[News] = []
    for each in judged.judged:
        if each.report is None or each.source.snapshot is None:
            continue
        before = previous(each.source.snapshot)
        since = before.portfolio.meta.fetched_at if before else None
        known = (
            frozenset(_edges(triage(before, each.report.thresholds, since).entries))
            if before is not None and since is not None
            else frozenset()
        )
        found += (
            News(report=each.report, entry=entry, finding=finding, since=since)
            for entry in each.report.entries
            for finding in entry.findings
            if (_strategy(entry), finding.action) not in known
        )
    return tuple(found)


_Strategy = tuple[str, str, tuple[str, ...]]


def _edges(entries: Iterable[Entry]) -> Iterable[tuple[_Strategy, Action]]:
    return ((_strategy(entry), finding.action) for entry in entries for finding in entry.findings)


def _strategy(entry: Entry) -> _Strategy:
    """Which strategy it is: other legs, as after a roll, are another one; another quantity is not."""
    cluster = entry.facts.cluster
    return cluster.root, cluster.strategy, tuple(sorted(leg.symbol for leg in cluster.legs))
