"""How old positions may be.

The edges are exact: an hour is fresh, a second more is stale; a day is read, a second more is refused. What a broker only
knows of the last close ages from the next close on: before that, nobody could have had anything newer.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs
from msgspec import structs

from variance_bridge.clock import CLOCK_TOLERANCE
from variance_bridge.errors import ConfigurationError, DataRefused, PositionsTooOld
from variance_bridge.formatting import age_words, format_age

if TYPE_CHECKING:
    from variance_bridge.settings.configuration import Configuration

FRESH_FOR = timedelta(hours=1)
"""How old positions may be to be fresh, where the user states nothing else."""

READABLE_FOR = timedelta(hours=24)
"""How old positions may be to be read, where the user states nothing else."""

STALE_MARK = "[Stale Source File]"


_HOUR = timedelta(hours=1)
_HOURS_SHOWN = 72


@attrs.frozen(kw_only=True)
class AgeLimits:
    """How old positions may be: up to `fresh_for` they are fresh, up to `readable_for` they are read, with a warning."""

    fresh_for: timedelta = FRESH_FOR
    readable_for: timedelta = READABLE_FOR

    def __attrs_post_init__(self) -> None:
        if not timedelta(0) < self.fresh_for <= self.readable_for:
            raise ValueError("fresh_for must be more than 0 and not more than readable_for")

    def is_readable(self, age: timedelta) -> bool:
        """Whether positions of that age are read without being asked for: not too old, and not from the future."""
        return -CLOCK_TOLERANCE <= age <= self.readable_for

    def __str__(self) -> str:
        """`fresh up to 1 h, readable up to 24 h`."""
        return f"fresh up to {_shown(self.fresh_for)}, readable up to {_shown(self.readable_for)}"


DEFAULT_LIMITS = AgeLimits()


def configured_limits(configuration: Configuration) -> AgeLimits:
    """The limits of the table `[freshness]`; what it does not state is as by default.

    Raises:
        ConfigurationError: positions would be fresh for longer than they can be read.
    """
    table = configuration.stated.freshness
    stated = {key: value for key, value in structs.asdict(table).items() if value is not None}
    try:
        return AgeLimits(**stated)
    except ValueError as error:
        raise ConfigurationError(f"freshness: {error}", where=str(configuration.file)) from None


def _shown(length: timedelta) -> str:
    hours, rest = divmod(length, _HOUR)
    return f"{hours} h" if hours <= _HOURS_SHOWN and hours and not rest else format_age(length)


class Freshness(StrEnum):
    """Whether positions are young enough to act on."""

    FRESH = "fresh"
    STALE = "stale"


def age_of(fetched_at: datetime, now: datetime, *, end_of_day: bool = False) -> timedelta:
    """The time since the state was known to be true; negative for a time in the future.

    Of a state of the close (`end_of_day`) it is the time since the close of the next trading day, and zero before that.

    Raises:
        DataRefused: one of the times has no zone, so its age is unknown.
    """
    if fetched_at.utcoffset() is None or now.utcoffset() is None:
        raise DataRefused(
            "a time without a zone has no age", hint="write times with Z or an offset"
        )
    if end_of_day and fetched_at <= now:
        from variance_bridge.trading_hours import next_close

        return max(timedelta(0), now - next_close(fetched_at))
    return now - fetched_at


def judge_age(
    age: timedelta,
    *,
    where: str,
    any_age: bool = False,
    limits: AgeLimits = DEFAULT_LIMITS,
    end_of_day: bool = False,
    shown_by: str = "variance show --any-age",
) -> tuple[Freshness, str | None]:
    """The freshness of positions of that age, and the warning that goes with it.

    Args:
        age: from `age_of`.
        where: the file, for the message.
        any_age: accept them however old they are, with a warning.
        limits: how old they may be; an hour and a day by default.
        end_of_day: whether the positions are of a close, for the message.
        shown_by: the command that shows them however old they are, for the message.

    Raises:
        PositionsTooOld: older than `limits.readable_for`, or more than 120 seconds in the future.
    """
    if age < -CLOCK_TOLERANCE:
        what = f"the positions are from the future, by {format_age(-age)}"
        return _refused(what, where, shown_by, any_age=any_age)
    if age > limits.readable_for:
        limit = _shown(limits.readable_for)
        what = f"the positions are {age_words(age, end_of_day=end_of_day)}; the limit is {limit}"
        return _refused(what, where, shown_by, any_age=any_age)
    if age > limits.fresh_for:
        return (
            Freshness.STALE,
            f"{STALE_MARK} the positions are {age_words(age, end_of_day=end_of_day)}",
        )
    return Freshness.FRESH, None


def _refused(what: str, where: str, shown_by: str, *, any_age: bool) -> tuple[Freshness, str]:
    if any_age:
        return Freshness.STALE, f"{STALE_MARK} {what} (shown because of --any-age)"
    raise PositionsTooOld(
        f"{STALE_MARK} {what}",
        where=where,
        hint=f"run `variance sync` again (download an export again first), or look anyway with `--any-age`, as in `{shown_by}`",
    )
