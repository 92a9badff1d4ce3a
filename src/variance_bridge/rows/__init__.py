"""What a plugin reads answers and their rows with: exact values, the members of an object, and a count in which no row gets lost.

The names below are imported from their modules when they are first used: a request can be sent before what reads its
answer is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from variance_bridge import lazy_names
from variance_bridge.clock import http_date

if TYPE_CHECKING:
    from variance_bridge.rows.collection import CLOSED, Closed, Collected, collect
    from variance_bridge.rows.holdings import holding
    from variance_bridge.rows.instruments import listed_option
    from variance_bridge.rows.members import Members
    from variance_bridge.rows.response_body import body_of, json_of, list_of, object_of
    from variance_bridge.rows.stated_rates import exchange_rates
    from variance_bridge.rows.values import (
        RowRejected,
        day,
        moment,
        number,
        side_of,
        word,
    )

_PLACES = {
    "collection": ("CLOSED", "Closed", "Collected", "collect"),
    "holdings": ("holding",),
    "instruments": ("listed_option",),
    "members": ("Members",),
    "response_body": ("body_of", "json_of", "list_of", "object_of"),
    "stated_rates": ("exchange_rates",),
    "values": ("RowRejected", "day", "moment", "number", "side_of", "word"),
}
_MODULE_OF = {name: module for module, names in _PLACES.items() for name in names}

__all__ = [
    "CLOSED",
    "Closed",
    "Collected",
    "Members",
    "RowRejected",
    "body_of",
    "collect",
    "day",
    "exchange_rates",
    "holding",
    "http_date",
    "json_of",
    "list_of",
    "listed_option",
    "moment",
    "number",
    "object_of",
    "side_of",
    "word",
]

__getattr__ = lazy_names(__name__, _MODULE_OF)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
