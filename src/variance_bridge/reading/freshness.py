"""How old positions may be.

The edges are exact: an hour is fresh, a second more is stale; a day is read, a second more is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from variance_bridge.clock import CLOCK_TOLERANCE
from variance_bridge.errors import DataRefused, PositionsTooOld
from variance_bridge.formatting import format_age

FRESH_FOR = timedelta(hours=1)
READABLE_FOR = timedelta(hours=24)

STALE_MARK = "[Stale Source File]"


class Freshness(StrEnum):
    """Whether positions are young enough to act on."""

    FRESH = "fresh"
    STALE = "stale"


def age_of(fetched_at: datetime, now: datetime) -> timedelta:
    """The time since the state was known to be true; negative for a time in the future.

    Raises:
        DataRefused: one of the times has no zone, so that its age is anybody's guess.
    """
    if fetched_at.utcoffset() is None or now.utcoffset() is None:
        raise DataRefused(
            "a time without a zone has no age", hint="write times with Z or an offset"
        )
    return now - fetched_at


def judge_age(age: timedelta, *, where: str, any_age: bool = False) -> tuple[Freshness, str | None]:
    """The freshness of positions of that age, and the warning that goes with it.

    Args:
        age: from `age_of`.
        where: the file, for the message.
        any_age: look at them however old they are; the warning says so.

    Raises:
        PositionsTooOld: older than 24 hours, or more than 120 seconds in the future.
    """
    if age < -CLOCK_TOLERANCE:
        return _refused(f"the positions are from the future, by {format_age(-age)}", where, any_age)
    if age > READABLE_FOR:
        return _refused(f"the positions are {format_age(age)} old", where, any_age)
    if age > FRESH_FOR:
        return Freshness.STALE, f"{STALE_MARK} the positions are {format_age(age)} old"
    return Freshness.FRESH, None


def _refused(what: str, where: str, any_age: bool) -> tuple[Freshness, str]:
    if any_age:
        return Freshness.STALE, f"{STALE_MARK} {what}; shown all the same, as asked"
    raise PositionsTooOld(
        f"{STALE_MARK} {what}",
        where=where,
        hint="run `variance sync` for new ones, or look anyway with `--any-age`",
    )
