"""What a rule is given: the document around a position, found once for all positions, and what is plausible at all."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

_LIMITS = Path(__file__).with_name("plausibility_limits.toml")
"""How far numbers of one document may be apart before they contradict each other."""

_DOUBTS = frozenset({"cost_contradicted", "value_contradicted"})
_REPEATED = "position_repeated"
_SECONDS = 19
"""Length of `2026-03-02T15:04:05`: times are compared as texts, to the second."""


class Fault(NamedTuple):
    """What is wrong in one position: the member's path below it, the rule, a sentence."""

    member: str
    rule: str
    message: str


class Frame(Struct, frozen=True, kw_only=True):
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


class Limits(Struct, frozen=True, kw_only=True):
    """The limits by table and name; the file says what each is and why."""

    last_factor: Decimal
    last_option_factor: Decimal
    last_slack: Decimal
    contradicted_factor: Decimal
    rank_least: int
    rank_most: int
    greeks_delta: Decimal
    greeks_delta_noise: Decimal
    greeks_noise: Decimal
    times_first_year: int
    times_last_year: int
    times_fetch_takes: int
    times_expiry_days: int
    times_days_ahead: int


@cache
def limits() -> Limits:
    """The limits, read once."""
    text = _LIMITS.read_text(encoding="utf-8")
    tables = tomllib.loads(text, parse_float=Decimal)
    named = {
        f"{table}_{name}": value for table, entry in tables.items() for name, value in entry.items()
    }
    return Limits(**named)


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
