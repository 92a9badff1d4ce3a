"""The frame around every answer: `{"data": ..., "context": ...}`. Pure.

A missing `data` and an empty list are different things: the first is an answer that we do not understand (a proxy's page,
an outage), with the second the broker says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from variance_bridge.errors import DataRefused
from variance_bridge.paging import pages
from variance_bridge.rows import RowRejected, number

_AGAIN = "run the sync again; if it fails again, the API has changed: please report it"


def data_of(envelope: Any, what: str) -> Any:
    """The member `data`.

    Raises:
        DataRefused: it is missing.
    """
    if not isinstance(envelope, Mapping) or envelope.get("data") is None:
        raise _without_data(what)
    return envelope["data"]


def all_items(ask: Callable[[Sequence[tuple[str, str]]], Any], what: str) -> Any:
    """The envelope of a list; where it comes in pages, the first one with the items of all.

    Args:
        ask: gets the envelope of a page, by the parameters that choose it.
        what: the route's name, for messages.

    Raises:
        DataRefused: a page is not understood, or pages are missing.
    """
    found = pages(
        lambda number: ask([("page-offset", str(number))] if number else []),
        rows=lambda envelope: _items(
            envelope.get("data") if isinstance(envelope, Mapping) else None, what
        ),
        following=_next_page,
        total=lambda envelope: _announced(envelope) or None,
    )
    if len(found) == 1:
        return found[0]
    items = [item for envelope in found for item in envelope["data"]["items"]]
    return {**found[0], "data": {**found[0]["data"], "items": items}}


def _next_page(envelope: Mapping[str, Any], count: int) -> int | None:
    """The number of the page behind this one, where the broker announces more items than there are so far."""
    if _announced(envelope) <= count:
        return None
    try:
        place = number(envelope["pagination"].get("page-offset"))
    except RowRejected:
        place = None
    return int(place or 0) + 1


def items_of(envelope: Any, what: str) -> Sequence[Any]:
    """The list `data.items`, complete.

    Raises:
        DataRefused: there is no list, or the answer is one page of several.
    """
    return _complete(data_of(envelope, what), envelope, what)


def object_or_items_of(envelope: Any, what: str) -> Sequence[Any]:
    """The list `data.items`, or `data` alone if it is an object without that list: both forms of the balances.

    Raises:
        DataRefused: neither is there, or the list is one page of several.
    """
    data = data_of(envelope, what)
    if isinstance(data, Mapping) and "items" not in data:
        return [data]
    return _complete(data, envelope, what)


def _complete(data: Any, envelope: Mapping[str, Any], what: str) -> Sequence[Any]:
    items = _items(data, what)
    if _announced(envelope) > len(items):
        raise DataRefused(
            "the answer is only one page of a longer list", where=f"tastytrade, {what}", hint=_AGAIN
        )
    return items


def _without_data(what: str) -> DataRefused:
    return DataRefused("the answer has no `data`", where=f"tastytrade, {what}", hint=_AGAIN)


def _items(data: Any, what: str) -> Sequence[Any]:
    if data is None:
        raise _without_data(what)
    items = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise DataRefused(
            "the answer has no list `data.items`", where=f"tastytrade, {what}", hint=_AGAIN
        )
    return items


def _announced(envelope: Mapping[str, Any]) -> int:
    """How many items the pagination beside `data` announces; 0 if it says nothing."""
    pagination = envelope.get("pagination")
    if not isinstance(pagination, Mapping):
        return 0
    try:
        return int(number(pagination.get("total-items")) or 0)
    except RowRejected:
        return 0
