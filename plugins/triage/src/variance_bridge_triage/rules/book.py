"""A book judged: each account by itself, side by side. Strategies are built within an account, never across. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from msgspec import Struct, structs

from variance_bridge import Book, BridgeError, Snapshot, Source
from variance_bridge.money import Sum, together
from variance_bridge.prices import Underlying, underlying_prices
from variance_bridge.trading_hours import exchange_date
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.metrics import Amounts, in_own_terms
from variance_bridge_triage.rules.report import Report, triage
from variance_bridge_triage.rules.thresholds import Thresholds

NO_LABELS: Mapping[str, str] = {}


class Judged(Struct, frozen=True, kw_only=True):
    """One source, and the triage of what it holds; None where it does not count."""

    source: Source
    report: Report | None = None


class JudgedBook(Struct, frozen=True, kw_only=True):
    """All sources, in the order in which they were named.

    Attributes:
        book: what was read.
        judged: its sources, each with its triage.
    """

    book: Book
    judged: tuple[Judged, ...]

    @property
    def reports(self) -> tuple[Report, ...]:
        """Of those that count: readable, and the newest of their account."""
        return tuple(each.report for each in self.judged if each.report)

    @property
    def errors(self) -> tuple[BridgeError, ...]:
        """Why sources do not count."""
        return tuple(each.error for each in self.book.failed if each.error)

    @property
    def totals_by_currency(self) -> dict[str | None, Amounts]:
        """The sums of all sources that count. Currencies are never added to each other."""
        found: dict[str | None, list[Amounts]] = {}
        for report in self.reports:
            for currency, amounts in report.totals.by_currency.items():
                found.setdefault(currency, []).append(amounts)
        one_benchmark = len({report.benchmark for report in self.reports}) == 1
        return {
            currency: _together(several, one_benchmark=one_benchmark)
            for currency, several in found.items()
        }

    @property
    def sums(self) -> dict[str | None, dict[str, Sum]]:
        """The sums of money of each currency, by the names that `--json` has."""
        return {
            currency: {
                "net_pl": amounts.net_pl,
                "theta_per_day": amounts.theta,
                "net_liquidity": amounts.net_liquidity,
                "buying_power": amounts.buying_power,
            }
            for currency, amounts in self.totals_by_currency.items()
        }

    @property
    def actions(self) -> frozenset[Action]:
        """The actions that were found for some strategy, as the first or beside another."""
        return frozenset(
            finding.action
            for report in self.reports
            for entry in report.entries
            for finding in entry.findings
        )

    @property
    def headline(self) -> str:
        """How many of the accounts the totals are of: `3 accounts`, `2 of 3 accounts`."""
        return self.book.headline


def _together(several: list[Amounts], *, one_benchmark: bool) -> Amounts:
    """Deltas that are weighted against different benchmarks do not add up."""
    sums = {
        field.name: together(getattr(each, field.name) for each in several)
        for field in structs.fields(Amounts)
    }
    if not one_benchmark:
        sums["beta_delta"] = Sum(None, 0, sums["beta_delta"].count)
    return Amounts(**sums)


def judge_book(
    book: Book, thresholds: Thresholds, now: datetime, labels: Mapping[str, str] = NO_LABELS
) -> JudgedBook:
    """The triage of every snapshot that counts.

    Args:
        book: what was read.
        thresholds: for all accounts.
        now: aware.
        labels: what the user calls the accounts, by hash, where the reports are for the user's own screen.
    """
    lent = _prices_by_day(source.snapshot for source in book.sources if source.counts)

    def report_of(source: Source) -> Report | None:
        if source.snapshot is None or not source.counts:
            return None
        report = triage(source.snapshot, thresholds, now, lent.get(_day_of(source.snapshot), {}))
        # An export is of no account that has a name: its file says which positions are meant.
        name = Path(source.file).name if source.account_hash is None else None
        return structs.replace(report, label=labels.get(source.account_hash or "", name))

    return JudgedBook(
        book=book,
        judged=tuple(Judged(source=each, report=report_of(each)) for each in book.sources),
    )


_Day = tuple[str | None, date]


def _day_of(snapshot: Snapshot) -> _Day:
    """The currency and the day within which accounts lend each other prices."""
    portfolio = snapshot.portfolio
    return portfolio.currency, exchange_date(portfolio.meta.fetched_at)


def _prices_by_day(snapshots: Iterable[Snapshot | None]) -> dict[_Day, dict[Underlying, Decimal]]:
    """The prices of underlyings that accounts state, the newest of each; those without a currency lend none."""
    found: dict[_Day, dict[Underlying, Decimal]] = {}
    known = [each for each in snapshots if each is not None and each.portfolio.currency]
    for each in sorted(known, key=lambda each: each.portfolio.meta.fetched_at):
        own = in_own_terms(each.portfolio)
        found.setdefault(_day_of(each), {}).update(underlying_prices(own.positions))
    return found
