"""What each tool answers, as mappings and lists with exact numbers. Pure, but for reading the folder.

Every answer says of what accounts it is, how old each is, and which do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import attrs

from variance_bridge import Book, PositionsTooOld, Snapshot, Source, __version__
from variance_bridge.commands import (
    accounts_document,
    instant_text,
    source_document,
    sums_document,
    to_document,
)
from variance_bridge.model import SCHEMA_VERSION
from variance_bridge.money import Sum
from variance_bridge.trading_hours import exchange_date
from variance_bridge_mcp.allowed_texts import option, symbol, ticker
from variance_bridge_mcp.folder import Folder

KEPT_INSIDE = frozenset({"broker_symbol", "sector"})
"""Members of a position that never leave the folder: free text."""

MAX_POSITIONS = 1000
"""In one answer; the rest follows by `offset`."""

Answer = dict[str, Any]


def list_portfolios(folder: Folder) -> Answer:
    """Each account with its age, its state and its balances."""
    book = folder.book()
    portfolios = [_source(each) | {"balances": _balances(each)} for each in book.sources]
    return _frame(book) | {"portfolios": portfolios}


def positions(
    folder: Folder,
    *,
    account: str | None = None,
    root: str | None = None,
    type: str | None = None,  # noqa: A002 - the name of the member
    offset: int = 0,
    limit: int = MAX_POSITIONS,
) -> Answer:
    """The positions of the accounts that count, filtered."""
    book = folder.book(account)
    wanted = {name: value for name, value in (("root", root), ("type", type)) if value is not None}
    found = [
        position
        for snapshot in book.snapshots
        for position in _positions(snapshot)
        if all(position[name] == value for name, value in wanted.items())
    ]
    return _dated(book) | {"of": len(found), "positions": found[offset : offset + limit]}


def totals(folder: Folder, *, account: str | None = None) -> Answer:
    """The sums by currency; null where a part is unknown, and `partial` says what is known."""
    book = folder.book(account)
    sums = {
        currency or "unknown": sums_document(
            {
                field.name: value
                for field in attrs.fields(type(totals))
                if isinstance(value := getattr(totals, field.name), Sum)
            }
        )
        | {"positions": totals.positions}
        for currency, totals in book.totals_by_currency.items()
    }
    return _dated(book) | {"totals_by_currency": sums}


def triage(
    folder: Folder,
    *,
    account: str | None = None,
    root: str | None = None,
    action: str | None = None,
) -> Answer:
    """The strategies, what each asks for and why, by the thresholds that are shipped."""
    from variance_bridge_triage.render.json_report import book_document
    from variance_bridge_triage.rules.book import judge_book
    from variance_bridge_triage.rules.thresholds import shipped_thresholds

    book = folder.book(account)
    judged = book_document(judge_book(book, shipped_thresholds(), book.read_at))
    clusters = [
        _cluster(each)
        for each in judged["clusters"]
        if root in (None, each["root"])
        if action in (None, each["action"], *(other["action"] for other in each["also"]))
    ]
    verdicts = [
        {"account_hash": each["account_hash"], **each["verdict"]}
        for each in judged["sources"]
        if "verdict" in each
    ]
    return _dated(book) | {"thresholds": "shipped", "verdicts": verdicts, "clusters": clusters}


def diff(folder: Folder, *, account: str | None = None) -> Answer:
    """What changed in each account since the document before."""
    from variance_bridge_history.position_changes import changes, held

    book = folder.book(account)
    found: dict[str, list[Answer]] = {
        kind: [] for kind in ("opened", "closed", "changed", "expired", "rolled")
    }
    compared = []
    for after in book.snapshots:
        before = folder.previous(after)
        if (
            before is None
            or before.portfolio.meta.account_hash != after.portfolio.meta.account_hash
        ):
            continue
        compared.append(_compared(before, after))
        old, new = (held(each.portfolio.positions) for each in (before, after))
        changed = changes(old, new, exchange_date(after.portfolio.meta.fetched_at))
        of_account = {"account_hash": after.portfolio.meta.account_hash}
        for kind in ("opened", "closed", "changed", "expired"):
            found[kind] += [of_account | _change(each) for each in getattr(changed, kind)]
        found["rolled"] += [of_account | _roll(each) for each in changed.rolled]
    return _dated(book) | {"compared": compared, **found}


def health(folder: Folder) -> Answer:
    """Whether the answers can be relied on: what is missing, old, incomplete or doubtful."""
    book = folder.book()
    cautions = Counter(
        flag.caution.value for each in book.snapshots for flag in each.portfolio.meta.flags
    )
    missing = any(each.portfolio.meta.missing_rows for each in book.snapshots)
    rejected = sum(len(each.portfolio.meta.rejected) for each in book.snapshots)
    return _dated(book) | {
        "healthy": bool(book.snapshots) and not (book.failed or book.stale or rejected or missing),
        "version": __version__,
        "schema_version": SCHEMA_VERSION,
        "files": len(book.sources),
        "stale": len(book.stale),
        "failed": len(book.failed),
        "rejected": rejected,
        "cautions": dict(sorted(cautions.items())),
    }


def _frame(book: Book) -> Answer:
    return {"read_at": instant_text(book.read_at), "accounts": accounts_document(book)}


def _dated(book: Book) -> Answer:
    return _frame(book) | {"sources": [_source(each) for each in book.sources]}


def _source(source: Source) -> Answer:
    """A source without the name of its file, which may hold a nickname, and with its error as a word."""
    stated = source_document(source)
    names = ("source", "account_hash", "fetched_at", "age_seconds", "freshness", "status")
    meta = source.snapshot.portfolio.meta if source.snapshot else None
    return {
        **{name: stated[name] for name in names},
        "environment": meta.environment.value if meta and meta.environment else None,
        "timeliness": meta.timeliness.value if meta and meta.timeliness else None,
        "counts": source.counts,
        "problem": _problem(source),
        "rows_may_be_missing": _missing_rows(source.snapshot),
    }


def _missing_rows(snapshot: Snapshot | None) -> list[str]:
    """The cautions that doubt the completeness of a document: what it lacks is not known to be closed."""
    return [] if snapshot is None else list(snapshot.portfolio.meta.missing_rows)


def _problem(source: Source) -> str | None:
    if source.replaced_by is not None:
        return "a_newer_document_counts"
    if source.error is None:
        return None
    if isinstance(source.error, PositionsTooOld):
        ahead = source.snapshot is not None and source.snapshot.age.total_seconds() < 0
        return "from_the_future" if ahead else "too_old"
    return "not_valid"


def _balances(source: Source) -> Answer | None:
    if source.snapshot is None or not source.counts:
        return None
    balances: Answer | None = to_document(source.snapshot.portfolio).get("balances")
    return balances


def _positions(snapshot: Snapshot) -> Iterator[Answer]:
    meta = snapshot.portfolio.meta
    of_account = {"account_hash": meta.account_hash, "source": meta.source}
    for position in to_document(snapshot.portfolio)["positions"]:
        yield of_account | _said(position)


def _said(position: Mapping[str, Any]) -> Answer:
    """A position of the document without free text."""
    expires_on = position.get("expiration")
    kept = {name: value for name, value in position.items() if name not in KEPT_INSIDE}
    kept["symbol"] = symbol(
        position["symbol"],
        position["type"],
        date.fromisoformat(expires_on) if expires_on else None,
    )
    for name in ("root", "underlying"):
        if name in kept:
            kept[name] = ticker(kept[name])
    for name in ("quote", "greeks"):
        if name in kept:
            kept[name] = {k: v for k, v in kept[name].items() if k != "source"}
    return kept


def _cluster(cluster: Mapping[str, Any]) -> Answer:
    said = dict(cluster)
    said["root"] = ticker(cluster["root"])
    said["legs"] = [_leg(leg) for leg in cluster["legs"]]
    return said


def _leg(leg: Mapping[str, Any]) -> Answer:
    expires_on = leg["expiration"]
    said = symbol(
        leg["symbol"], leg["type"], date.fromisoformat(expires_on) if expires_on else None
    )
    return {**leg, "symbol": said}


def _compared(before: Snapshot, after: Snapshot) -> Answer:
    return {
        "account_hash": after.portfolio.meta.account_hash,
        "before": _moment(before),
        "after": _moment(after),
    }


def _moment(snapshot: Snapshot) -> Answer:
    return {
        "fetched_at": instant_text(snapshot.portfolio.meta.fetched_at),
        "age_seconds": int(snapshot.age.total_seconds()),
        "rows_may_be_missing": _missing_rows(snapshot),
    }


def _change(change: Any) -> Answer:
    return {
        "root": ticker(change.root),
        "symbol": option(change.symbol),
        "quantity_before": change.before,
        "quantity_after": change.after,
        "unrealized_pl_before": change.profit_before,
        "unrealized_pl_after": change.profit_after,
        "looks": change.looks and change.looks.value,
    }


def _roll(roll: Any) -> Answer:
    return {
        "root": ticker(roll.root),
        "symbol": option(roll.opened.symbol),
        "quantity_before": roll.closed.quantity,
        "quantity_after": roll.opened.quantity,
        "unrealized_pl_before": roll.closed.unrealized_pl,
        "unrealized_pl_after": roll.opened.unrealized_pl,
        "from": option(roll.closed.symbol),
        "to": option(roll.opened.symbol),
    }


def floats(value: Any) -> Any:
    """The same with numbers as a reader of JSON has them: integers and doubles."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {name: floats(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [floats(item) for item in value]
    return value
