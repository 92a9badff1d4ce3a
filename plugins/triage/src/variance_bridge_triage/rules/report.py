"""The triage of one snapshot: everything that the screen, the page and `--json` show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Struct

from variance_bridge import AgeLimits, Freshness, Snapshot
from variance_bridge.formatting import age_words, money, plural
from variance_bridge.model import Caution, Meta, Status, Timeliness
from variance_bridge.prices import Prices, underlying_prices
from variance_bridge.symbology import SymbolError, parse
from variance_bridge.trading_hours import exchange_date
from variance_bridge_triage.rules.actions import (
    Action,
    Circumstances,
    Finding,
    NotJudged,
    Unavailable,
    judge,
    unavailable,
)
from variance_bridge_triage.rules.doubts import doubted_symbols, doubts, doubts_about
from variance_bridge_triage.rules.metrics import (
    NO_PRICES,
    Facts,
    Totals,
    facts,
    in_own_terms,
    totals,
)
from variance_bridge_triage.rules.thresholds import ASSUMED, Thresholds
from variance_bridge_triage.strategies.clusters import cluster

BALANCES = "balances"
EMPTY = "No positions: the account is empty."


class Entry(Struct, frozen=True, kw_only=True):
    """A cluster, its numbers, the findings about it (most urgent first), and the rules that could not be judged.

    Attributes:
        unread: how many rows of its root could not be read: with them it may be another strategy.
        doubts: why numbers of its legs are in doubt; what may concern any position of the account is not among them.
    """

    facts: Facts
    findings: tuple[Finding, ...]
    not_judged: tuple[NotJudged, ...]
    unread: int = 0
    doubts: tuple[Caution, ...] = ()

    @property
    def finding(self) -> Finding | None:
        """The most urgent one."""
        return self.findings[0] if self.findings else None


class Report(Struct, frozen=True, kw_only=True):
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
        benchmark: what deltas are weighted against, and its price.
        net_liquidity_origin: `BALANCES`; when the positions state none, the user's file or `ASSUMED`.
        entries: those that need action first, by urgency; then those that could not be judged fully, and the rest, by root.
        rows: how many positions there are.
        sign_of_positions: what the balances say against an account without any.
        label: what the user calls the account, or the name of an export's file; for the screen and the page alone, never
            for JSON.
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
    benchmark: str
    benchmark_price: Decimal | None
    entries: tuple[Entry, ...]
    rows: int
    sign_of_positions: str | None
    unavailable: tuple[Unavailable, ...]
    thresholds: Thresholds
    label: str | None = None

    @property
    def age_words(self) -> str:
        """How old the positions are."""
        return age_words(self.age, end_of_day=self.meta.timeliness is Timeliness.END_OF_DAY)

    @property
    def too_old(self) -> bool:
        """Whether they are shown only because of `--any-age`."""
        return not self.age_limits.is_readable(self.age)

    @property
    def partial(self) -> bool:
        """Whether rows of the source could not be read."""
        return bool(self.meta.rejected) or self.meta.status is Status.PARTIAL

    @property
    def is_whole(self) -> bool | None:
        """Whether the source's rows are all here; None where nobody says so."""
        if self.partial or self.meta.missing_rows:
            return False
        return True if self.meta.status is Status.COMPLETE else None

    @property
    def unread(self) -> int:
        """How many rows of the source could not be read."""
        counts = self.meta.counts
        return max(len(self.meta.rejected), counts.rejected if counts else 0)

    @property
    def status_words(self) -> str:
        """Whether all rows of the source were there, and understood."""
        if self.partial:
            return f"partial: {self.unread} rejected"
        if self.meta.missing_rows:
            return "rows may be missing"
        return "complete" if self.meta.status is Status.COMPLETE else "completeness unknown"

    @property
    def all_clear(self) -> bool:
        """Whether no rule asks for action, each was judged for every strategy, and no row is missing, doubtful or too old."""
        return not (self.assumes_net_liquidity and self.entries) and not (
            self.actions or self.undecided or self.partial or self.doubts or self.too_old
        )

    @property
    def assumes_net_liquidity(self) -> bool:
        """Whether neither the positions nor the user's thresholds say what the account is worth."""
        return self.net_liquidity_origin == ASSUMED

    @property
    def doubts(self) -> tuple[str, ...]:
        """What the file itself flags that could make the verdict wrong, each in a sentence."""
        sign = None if self.entries else self.sign_of_positions
        contradicted = () if sign is None else (f"The balances say otherwise: {sign}.",)
        return (*contradicted, *doubts(self.meta))

    @property
    def verdict(self) -> tuple[str, ...]:
        """What was found, and what keeps it from being the whole truth, each in a sentence."""
        return tuple(_verdict(self))

    @property
    def judged_nowhere(self) -> tuple[Action, ...]:
        """The rules that could not be judged for any strategy."""
        lacking = [{each.action for each in entry.not_judged} for entry in self.entries]
        return tuple(
            action for action in Action if lacking and all(action in its for its in lacking)
        )

    @property
    def actions(self) -> tuple[Entry, ...]:
        """Those that need action."""
        return tuple(entry for entry in self.entries if entry.findings)

    @property
    def undecided(self) -> tuple[Entry, ...]:
        """Those about which nothing was found, though not every rule could be judged."""
        return tuple(each for each in self.entries if not each.findings and each.not_judged)

    @property
    def rest(self) -> tuple[Entry, ...]:
        """The others."""
        return tuple(each for each in self.entries if not each.findings and not each.not_judged)


def _verdict(report: Report) -> Iterator[str]:
    if report.entries:
        yield from _verdict_of_strategies(report)
    elif report.partial:
        yield f"No row could be read: {_unread(report)}."
    else:
        yield "No positions are listed." if report.doubts else EMPTY
    yield from report.doubts
    if report.entries and report.too_old:
        yield f"The positions are {report.age_words}."


def _verdict_of_strategies(report: Report) -> Iterator[str]:
    readable = f"the {plural(report.rows, 'readable row')}"
    of = plural(len(report.entries), "strategy", "strategies")
    partly = [entry for entry in report.entries if entry.not_judged]
    if report.actions:
        count = len(report.actions)
        yield f"{count} of {of} {'needs' if count == 1 else 'need'} action."
    if report.actions and report.partial:
        yield f"This is about {readable}; {_unread(report)}."
    elif report.partial:
        yield f"Nothing in {readable} needs action; {_unread(report)}."
    elif not report.actions and not partly and report.doubts:
        yield "No rule asks for action."
    elif not report.actions and not partly:
        amount = money(report.net_liquidity, report.currency)
        yield (
            f"Nothing needs action if net liquidity is {amount}, which is assumed."
            if report.assumes_net_liquidity
            else "Nothing needs action."
        )
    if partly:
        lead = "" if report.actions or report.partial else "No rule asks for action, but "
        yield f"{lead}{len(partly)} of {of} could not be judged fully."
    for action in report.judged_nowhere:
        yield f"{action.value} could not be judged for any strategy."


def _unread(report: Report) -> str:
    if not report.unread:
        return "some rows are unread"
    return f"{plural(report.unread, 'row')} {'is' if report.unread == 1 else 'are'} unread"


def triage(
    snapshot: Snapshot, thresholds: Thresholds, now: datetime, lent: Prices = NO_PRICES
) -> Report:
    """Cluster and judge the positions. Pure: the clock comes in as `now`.

    Args:
        snapshot: the positions of one account, which are judged by themselves.
        thresholds: of the rules.
        now: aware.
        lent: prices of underlyings that other accounts have; they are shown and marked, and no rule uses them.
    """
    portfolio, today = in_own_terms(snapshot.portfolio), exchange_date(now)
    sums, prices = totals(portfolio), underlying_prices(portfolio.positions)
    net_liquidity, origin = _net_liquidity(sums, thresholds)
    benchmark, benchmark_price = _benchmark(portfolio.meta, thresholds, prices)
    circumstances = Circumstances(
        thresholds=thresholds,
        now=now,
        today=today,
        prices=prices,
        net_liquidity=net_liquidity,
        currency=portfolio.currency,
        benchmark=benchmark,
        benchmark_price=benchmark_price,
        portfolio_beta_delta=sums.beta_delta,
        doubted=doubted_symbols(portfolio.meta.flags),
    )
    unread = _unread_roots(portfolio.meta)
    entries = [
        _entry(facts(each, today, prices, lent), circumstances, unread[each.root])
        for each in cluster(portfolio.positions, today)
    ]
    return Report(
        meta=portfolio.meta,
        currency=portfolio.currency,
        now=now,
        age=snapshot.age,
        freshness=snapshot.freshness,
        age_limits=snapshot.limits,
        warnings=snapshot.warnings,
        totals=sums,
        net_liquidity=net_liquidity,
        net_liquidity_origin=origin,
        benchmark=benchmark,
        benchmark_price=benchmark_price,
        entries=tuple(_in_order(entries)),
        rows=len(portfolio.positions),
        sign_of_positions=portfolio.balances.sign_of_positions if portfolio.balances else None,
        unavailable=tuple(unavailable([each.not_judged for each in entries])),
        thresholds=thresholds,
    )


def _entry(found: Facts, circumstances: Circumstances, unread: int) -> Entry:
    its = judge(found, circumstances)
    return Entry(
        facts=found,
        findings=its.findings,
        not_judged=its.not_judged,
        unread=unread,
        doubts=doubts_about(found.cluster.legs, circumstances.doubted),
    )


def _unread_roots(meta: Meta) -> Counter[str]:
    """How many rows of each root could not be read, of those whose symbol is known."""
    roots = Counter[str]()
    for row in meta.rejected:
        try:
            roots += Counter([parse(row.symbol).root] if row.symbol else [])
        except SymbolError:
            continue
    return roots


def _benchmark(meta: Meta, thresholds: Thresholds, prices: Prices) -> tuple[str, Decimal | None]:
    """What the deltas are weighted against, by the file if it says so, and its price: the user's, the file's, a position's."""
    own, stated = thresholds.benchmark, meta.benchmark
    symbol = stated.symbol if stated else own.symbol
    if own.price is not None and own.symbol == symbol:
        return symbol, own.price
    return symbol, stated.price if stated else prices.get((symbol, None, None))


def _net_liquidity(sums: Totals, thresholds: Thresholds) -> tuple[Decimal, str]:
    if sums.net_liquidity is not None:
        return sums.net_liquidity, BALANCES
    return thresholds.account.net_liquidity, thresholds.origin_of_net_liquidity


_ORDER = {action: place for place, action in enumerate(Action)}
_NEVER = 10**6


def _in_order(entries: Sequence[Entry]) -> Iterator[Entry]:
    """As `Report.entries` has them; clusters come by root."""
    yield from sorted((entry for entry in entries if entry.findings), key=_urgency)
    yield from (entry for entry in entries if not entry.findings and entry.not_judged)
    yield from (entry for entry in entries if not entry.findings and not entry.not_judged)


def _urgency(entry: Entry) -> tuple[int, Decimal, int, str, str]:
    most_urgent, cluster_ = entry.findings[0], entry.facts.cluster
    dte = entry.facts.dte if entry.facts.dte is not None else _NEVER
    return _ORDER[most_urgent.action], -most_urgent.weight, dte, cluster_.root, cluster_.strategy
