"""Two states of one account side by side: what changed, in which strategies, and what that did to its money. Pure, but for the history."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from variance_bridge import Book, BridgeError, Caution, Holding, Snapshot, Source, Totals
from variance_bridge.trading_hours import exchange_date
from variance_bridge_history.database import Entry, History
from variance_bridge_history.earlier_documents import snapshot_of
from variance_bridge_history.position_changes import Changes, changes, held


class State(Struct, frozen=True, kw_only=True):
    """What an account held at one moment.

    Attributes:
        totals: by currency; empty where they are not known any more.
        missing_rows: why positions may be missing from it, each reason as the end of a sentence.
    """

    fetched_at: datetime
    positions: Sequence[Holding]
    totals: Mapping[str | None, Totals] = {}
    missing_rows: Mapping[Caution, str] = {}


class Comparison(Struct, frozen=True, kw_only=True):
    """What changed in an account.

    Attributes:
        account: its hash; "" where it is not known.
        strategies: for each symbol, the strategies that it was part of: after the change, or before where it is gone.
            Empty without the plugin that knows them.
    """

    account: str
    before: State
    after: State
    changes: Changes
    strategies: Mapping[str, tuple[str, ...]]

    @property
    def cautions(self) -> Iterator[tuple[str, Caution, str]]:
        """What may be no change at all: of which document (`before`, `after`), its caution, and a sentence."""
        for document, state, looks in (
            ("before", self.before, "looks opened may have been missing from the older document"),
            ("after", self.after, "looks closed may be missing from the newer document"),
        ):
            for caution, reason in state.missing_rows.items():
                yield document, caution, f"what {looks}: {reason}"


def compare(account: str, before: State, after: State) -> Comparison:
    """The later state against the earlier one, of the same account."""
    today = exchange_date(after.fetched_at)
    return Comparison(
        account=account,
        before=before,
        after=after,
        changes=changes(held(before.positions), held(after.positions), today),
        strategies={**_strategies(before), **_strategies(after)},
    )


def state_of(snapshot: Snapshot) -> State:
    """The state that positions are of."""
    book = Book(sources=(Source(file="", snapshot=snapshot),), read_at=snapshot.read_at)
    portfolio = snapshot.portfolio
    return State(
        fetched_at=portfolio.meta.fetched_at,
        positions=portfolio.positions,
        totals=book.totals_by_currency,
        missing_rows=portfolio.meta.missing_rows,
    )


def kept_state(history: History, entry: Entry) -> State:
    """The state that a kept document is of; without its money where today's rules refuse the document."""
    try:
        return state_of(snapshot_of(history, entry))
    except BridgeError:
        return State(fetched_at=entry.fetched_at, positions=history.positions(entry.sha256))


def _strategies(state: State) -> dict[str, tuple[str, ...]]:
    try:
        from variance_bridge_triage.strategies.clusters import cluster
    except ImportError:
        return {}
    found: dict[str, list[str]] = {}
    for each in cluster(state.positions, exchange_date(state.fetched_at)):
        for symbol in _once(leg.symbol for leg in each.legs):
            found.setdefault(symbol, []).append(each.strategy)
    return {symbol: tuple(_once(names)) for symbol, names in found.items()}


def _once(texts: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(texts)
