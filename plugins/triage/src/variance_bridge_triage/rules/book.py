"""Several sources judged side by side. Strategies are built within an account, never across. Pure, but for reading the files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from variance_bridge import AgeLimits, BridgeError, load
from variance_bridge.formatting import path_text, plural
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.metrics import Amounts, Sum, add_up
from variance_bridge_triage.rules.report import Report, triage
from variance_bridge_triage.rules.thresholds import Thresholds

DEFAULT_LIMITS = AgeLimits()


@attrs.frozen(kw_only=True)
class Source:
    """One file.

    Attributes:
        file: as the user named it.
        report: None where it could not be read.
        error: why not.
        replaced_by: the newer file of the same account, which counts in its place.
    """

    file: str
    report: Report | None = None
    error: BridgeError | None = None
    replaced_by: str | None = None


@attrs.frozen(kw_only=True)
class Book:
    """All sources, in the order in which they were named."""

    sources: tuple[Source, ...]

    @property
    def reports(self) -> tuple[Report, ...]:
        """Those that count: readable, and the newest of their account."""
        return tuple(
            each.report for each in self.sources if each.report and each.replaced_by is None
        )

    @property
    def errors(self) -> tuple[BridgeError, ...]:
        """Why sources could not be read."""
        return tuple(each.error for each in self.sources if each.error)

    @property
    def totals_by_currency(self) -> dict[str | None, Amounts]:
        """The sums of all sources that count. Currencies are never added to each other."""
        found: dict[str | None, list[Amounts]] = {}
        for report in self.reports:
            for currency, amounts in report.totals.by_currency.items():
                found.setdefault(currency, []).append(amounts)
        return {
            currency: Amounts(
                net_pl=_together([each.net_pl for each in several]),
                theta=_together([each.theta for each in several]),
            )
            for currency, several in found.items()
        }

    def asks_for(self, actions: Iterable[Action]) -> bool:
        """Whether one of these actions was found for some strategy, as the first or beside another."""
        wanted = frozenset(actions)
        return any(
            finding.action in wanted
            for report in self.reports
            for entry in report.entries
            for finding in entry.findings
        )

    @property
    def headline(self) -> str:
        """How many of the sources the totals are of: `3 sources`, `2 of 3 sources`."""
        counted, all_ = len(self.reports), len(self.sources)
        return plural(all_, "source") if counted == all_ else f"{counted} of {all_} sources"


def _together(sums: Sequence[Sum]) -> Sum:
    amounts = add_up(each.amount for each in sums if each.known)
    return attrs.evolve(
        amounts, known=sum(each.known for each in sums), count=sum(each.count for each in sums)
    )


def read_book(
    files: Sequence[Path],
    thresholds: Thresholds,
    now: datetime,
    *,
    any_age: bool = False,
    limits: AgeLimits = DEFAULT_LIMITS,
) -> Book:
    """Read and judge the files. One that cannot be read costs no other.

    Args:
        files: positions files and exports.
        thresholds: for all of them.
        now: aware.
        any_age: judge positions however old they are.
        limits: how old they may be.
    """
    sources = [_read(file, thresholds, now, any_age, limits) for file in files]
    newest: dict[tuple[str, str], Source] = {}
    for each in sources:
        key = _account(each)
        if key and (key not in newest or _is_newer(each, newest[key])):
            newest[key] = each
    return Book(
        sources=tuple(
            attrs.evolve(each, replaced_by=newest[key].file)
            if (key := _account(each)) and newest[key] is not each
            else each
            for each in sources
        )
    )


def _read(
    file: Path,
    thresholds: Thresholds,
    now: datetime,
    any_age: bool,
    limits: AgeLimits,
) -> Source:
    name = path_text(file)
    try:
        snapshot = load(file, now, any_age=any_age, limits=limits)
    except BridgeError as error:
        return Source(file=name, error=error)
    return Source(file=name, report=triage(snapshot, thresholds, now))


def _account(source: Source) -> tuple[str, str] | None:
    """Broker and account; None where they are unknown, as in an export that was not synced."""
    if source.report is None or source.report.meta.account_hash is None:
        return None
    return source.report.meta.source, source.report.meta.account_hash


def _is_newer(one: Source, other: Source) -> bool:
    assert one.report is not None and other.report is not None  # noqa: S101, PT018 - _account has seen both
    return one.report.meta.fetched_at > other.report.meta.fetched_at
