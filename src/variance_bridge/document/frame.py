"""What a rule needs to know of the document around a position, found once for all positions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import attrs

from variance_bridge.document.limits import limits

_DOUBTS = frozenset({"cost_contradicted", "value_contradicted"})
_REPEATED = "position_repeated"
_SECONDS = 19
"""Length of `2026-03-02T15:04:05`: times are compared as texts, to the second."""


class Fault(NamedTuple):
    """What is wrong in one position: the member's path below it, the rule, a sentence."""

    member: str
    rule: str
    message: str


@attrs.frozen(kw_only=True)
class Frame:
    """What a rule needs to know of the document.

    Attributes:
        source: of the positions; quotes of the same source are as old as they are.
        latest_day: the last day on which a position can have been opened, as it is written; "" where unknown.
        latest_moment: the last second of which a price of the same source can be; "" where unknown.
        doubted: symbols that are flagged as contradictory; None: the whole document is.
        repeated: symbols that are flagged as repeated; None: the whole document is.
    """

    source: str
    latest_day: str
    latest_moment: str
    doubted: frozenset[str] | None
    repeated: frozenset[str] | None

    def doubts(self, position: Mapping[str, Any]) -> bool:
        """Whether the document says itself that this position's money is contradictory."""
        return self.doubted is None or position["symbol"] in self.doubted


def frame_of(document: Mapping[str, Any]) -> Frame:
    """The frame of a document of valid form."""
    meta = document["meta"]
    day, moment = _latest(meta["fetched_at"])
    flags = meta.get("flags", ())
    return Frame(
        source=meta["source"],
        latest_day=day,
        latest_moment=moment,
        doubted=_flagged(flags, _DOUBTS),
        repeated=_flagged(flags, frozenset({_REPEATED})),
    )


def _latest(fetched_at: str) -> tuple[str, str]:
    try:
        fetched = datetime.fromisoformat(fetched_at).replace(tzinfo=None)
        day = fetched.date() + timedelta(days=limits().times_days_ahead)
        moment = fetched + timedelta(seconds=limits().times_fetch_takes)
    except (ValueError, OverflowError):
        return "", ""
    return day.isoformat(), moment.isoformat()[:_SECONDS]


def _flagged(flags: Any, cautions: frozenset[str]) -> frozenset[str] | None:
    """The symbols with one of these cautions; None where one is about the whole file."""
    found = [flag.get("symbol") for flag in flags if flag["caution"] in cautions]
    return None if None in found else frozenset(found)


def is_after(moment: str, latest: str) -> bool:
    """Whether an instant is later than the latest second; False where that is not known."""
    return latest != "" and moment[:_SECONDS] > latest


@lru_cache(maxsize=4096)
def is_in_calendar(text: str) -> bool:
    """Whether a date or an instant that has the form of one exists."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
