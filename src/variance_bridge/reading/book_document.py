"""A book for programs: what `--json` prints of its sources and totals. Every member is always there; null is unknown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from variance_bridge.document.convert import instant_text, to_document
from variance_bridge.money import Sum
from variance_bridge.reading.book import Book, Source
from variance_bridge.reading.currency_conversion import Converted
from variance_bridge.reading.totals import Totals


def book_document(book: Book, converted: Converted | None = None) -> dict[str, Any]:
    """The whole book: its sources, totals, and the documents that count.

    Args:
        book: what was read.
        converted: its totals in one currency, where one was asked for.
    """
    in_one = {} if converted is None else {"totals_in": converted_document(converted)}
    return {
        "sources": [source_document(each) for each in book.sources],
        "accounts": accounts_document(book),
        "totals_by_currency": {
            currency or "unknown": _totals(totals)
            for currency, totals in book.totals_by_currency.items()
        },
        **in_one,
        "documents": [to_document(snapshot.portfolio) for snapshot in book.snapshots],
    }


def converted_document(converted: Converted) -> dict[str, Any]:
    """The sums in one currency, and the rates that they rest on; null where a rate is missing."""
    return {
        "currency": converted.currency,
        **sums_document(converted.sums),
        "rates": [
            {
                "currency": each.currency,
                "rate": each.rate,
                "day": each.day.isoformat(),
                "source": each.source,
            }
            for each in converted.rates
        ],
        "missing_rates": list(converted.missing),
    }


def source_document(source: Source) -> dict[str, Any]:
    """One source; `error` and `exit` where it does not count, `replaced_by` where a newer one does."""
    snapshot, error = source.snapshot, source.error
    meta = snapshot.portfolio.meta if snapshot else None
    shown: dict[str, Any] = {
        "file": source.file,
        "source": meta.source if meta else None,
        "account_hash": source.account_hash,
        "fetched_at": instant_text(meta.fetched_at) if meta else None,
        "age_seconds": int(snapshot.age.total_seconds()) if snapshot else None,
        "freshness": snapshot.freshness.value if snapshot else None,
        "status": meta.status.value if meta and meta.status else None,
    }
    if source.replaced_by is not None:
        shown["replaced_by"] = source.replaced_by
    if error is not None:
        shown |= {"error": str(error), "exit": error.exit_code}
    return shown


def accounts_document(book: Book) -> dict[str, Any]:
    """How many accounts the totals are of, and of how many."""
    counted = len(book.snapshots)
    return {"counted": counted, "of": counted + len(book.failed)}


def sums_document(sums: Mapping[str, Sum]) -> dict[str, Any]:
    """Each sum when all of it is known, else null; `partial` says what is known of those."""
    partial = {
        name: {"sum": each.amount, "known": each.known, "of": each.count}
        for name, each in sums.items()
        if each.known < each.count
    }
    return {**{name: each.complete for name, each in sums.items()}, "partial": partial}


def _totals(totals: Totals) -> dict[str, Any]:
    return {**sums_document(totals.sums), "positions": totals.positions}
