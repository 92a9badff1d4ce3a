"""What a report comes to beside its totals: the day's profit, winners and losers, and how its notes are settled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from variance_bridge.formatting import money, percent, plural
from variance_bridge.money import Sum, add_up
from variance_bridge_triage.render.legs import LENT, one_line
from variance_bridge_triage.rules.actions import NotJudged, unavailable
from variance_bridge_triage.rules.metrics import Totals
from variance_bridge_triage.rules.report import BALANCES, Entry, Report


class Counted(NamedTuple):
    """How many strategies gain, lose, neither, and of how many it is not known."""

    winners: int
    losers: int
    flat: int
    unknown: int

    @property
    def others(self) -> str:
        """`1 flat, 2 unknown`; nothing without any."""
        named = (("flat", self.flat), ("unknown", self.unknown))
        return ", ".join(f"{count} {name}" for name, count in named if count)


def unread_rows(entry: Entry) -> str:
    """`1 row of SPY is unread, so this may be another strategy`; nothing where all were read."""
    if not entry.unread:
        return ""
    verb = "is" if entry.unread == 1 else "are"
    root = one_line(entry.facts.cluster.root)
    return f"{plural(entry.unread, 'row')} of {root} {verb} unread, so this may be another strategy"


def numbers_in_doubt(entry: Entry) -> str:
    """`numbers in doubt: cost_contradicted`, by the flags of the file; nothing without any."""
    return f"numbers in doubt: {', '.join(entry.doubts)}" if entry.doubts else ""


def profits_in_doubt(report: Report, currency: str | None) -> str:
    """`1 in doubt`: of how many strategies in a currency the profit is counted, although a number of them is in doubt."""
    count = sum(
        entry.facts.net_pl.amount is not None
        for entry in report.entries
        if entry.doubts and (entry.facts.currency or report.currency) == currency
    )
    return f"{count} in doubt" if count else ""


def counted(report: Report) -> Counted:
    """Strategies by the sign of their profit; one that is known in part counts as unknown."""
    profits = [entry.facts.net_pl.complete for entry in report.entries]
    known = [profit for profit in profits if profit is not None]
    return Counted(
        winners=sum(profit > 0 for profit in known),
        losers=sum(profit < 0 for profit in known),
        flat=sum(not profit for profit in known),
        unknown=len(profits) - len(known),
    )


def shared_lacks(report: Report) -> tuple[NotJudged, ...] | None:
    """What every undecided strategy lacks, less what the verdict says of all strategies; None where they differ."""
    nowhere = report.judged_nowhere
    named = {
        tuple(each for each in entry.not_judged if each.action not in nowhere)
        for entry in report.undecided
    }
    return named.pop() if len(named) == 1 else None


def is_weighted(report: Report) -> bool:
    """Whether the weighted delta is known for most of what has a delta; that of cash is 0 and says nothing."""
    listed = [entry.facts for entry in report.entries]
    weighted = sum(bool(facts.beta_delta.amount) for facts in listed)
    plain = sum(bool(facts.delta.amount) for facts in listed)
    return weighted > 0 and 2 * weighted >= plain


def used(totals: Totals) -> str:
    """`26% used`: the maintenance requirement as a share of net liquidity; nothing where one of them is not stated."""
    required, net = totals.requirement, totals.net_liquidity
    return f"{percent(required / net)} used" if required is not None and net and net > 0 else ""


def day_profits(report: Report) -> dict[str | None, Sum]:
    """The day's profit for each currency; none at all where no position states it."""
    found: dict[str | None, list[Sum]] = {}
    for entry in report.entries:
        legs = add_up(leg.day_pl for leg in entry.facts.cluster.legs)
        found.setdefault(entry.facts.currency or report.currency, []).append(legs)
    sums = {
        currency: Sum(
            add_up(each.amount for each in parts).amount,
            sum(each.known for each in parts),
            sum(each.count for each in parts),
        )
        for currency, parts in found.items()
    }
    return sums if any(each.known for each in sums.values()) else {}


_SETTLED_BY = (
    (
        "beta-weighted",
        "exports do not state it, quotes of a broker may (`variance sync --quotes BROKER`)",
    ),
    (
        "the price of the underlying",
        "quotes of a broker state it (`variance sync --quotes BROKER`)",
    ),
    ("the price of", "set `price` under [benchmark] in triage.toml"),
    ("net liquidity", "set `net_liquidity` under [account] in triage.toml"),
)


def notes(reports: Report | Sequence[Report]) -> Iterator[str]:
    """Which rules could not be judged and why, what the rest was judged by, and what would settle it.

    Of several accounts the same is said once: strategies are counted over all of them.
    """
    listed = [reports] if isinstance(reports, Report) else reports
    of = plural(sum(len(each.entries) for each in listed), "strategy", "strategies")
    for lacking in unavailable([entry.not_judged for each in listed for entry in each.entries]):
        settled = next((f"; {by}" for what, by in _SETTLED_BY if what in lacking.needs), "")
        of_all = f"{lacking.clusters} of {of}"
        yield f"{lacking.action.value} not judged for {of_all}: it needs {lacking.needs}{settled}"
    if lent := _lent(listed):
        yield f"{LENT} {lent}: of another account of the same day; no rule uses it"
    unstated = [each for each in listed if each.net_liquidity_origin != BALANCES]
    lead = "Losses" if len(unstated) == len(listed) else "Where net liquidity is not stated, losses"
    yield from dict.fromkeys(f"{lead} are {_measured(each)}" for each in unstated)


def _lent(reports: Iterable[Report]) -> str:
    """`price of NVDA, SPY`: whose prices other accounts state; nothing where there are none."""
    entries = (entry for each in reports for entry in each.entries)
    roots = {one_line(e.facts.cluster.root) for e in entries if e.facts.lent_price is not None}
    return f"price of {', '.join(sorted(roots))}" if roots else ""


def _measured(report: Report) -> str:
    amount = money(report.net_liquidity, report.currency)
    settled = "; set `net_liquidity` under [account] in triage.toml"
    return (
        f"measured against {amount}, {report.net_liquidity_origin}"
        f"{settled if report.assumes_net_liquidity else ''}"
    )
