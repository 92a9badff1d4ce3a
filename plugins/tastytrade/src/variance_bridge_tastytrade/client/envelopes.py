"""The frame around every answer: `{"data": ..., "context": ...}`. Pure.

A missing `data` and an empty list are different things: the first is an answer that we do not understand (a proxy's page,
an outage), with the second the broker says that there is nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.errors import DataRefused
from variance_bridge.rows import RowRejected, number

_AGAIN = "run the sync again; if it fails again, the API has changed: please report it"


def data_of(envelope: Any, what: str) -> Any:
    """The member `data`.

    Raises:
        DataRefused: it is missing.
    """
    if not isinstance(envelope, Mapping) or envelope.get("data") is None:
        raise DataRefused("the answer has no `data`", where=f"tastytrade, {what}", hint=_AGAIN)
    return envelope["data"]


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
    items = data.get("items") if isinstance(data, Mapping) else None
    if not isinstance(items, list):
        raise DataRefused(
            "the answer has no list `data.items`", where=f"tastytrade, {what}", hint=_AGAIN
        )
    if _announced(envelope) > len(items):
        raise DataRefused(
            "the answer is only one page of a longer list", where=f"tastytrade, {what}", hint=_AGAIN
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
