"""What `--since` names: a day of the exchanges, in New York, or an instant. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from variance_bridge.errors import UsageError
from variance_bridge.trading_hours import EXCHANGE_TIME, exchange_date

_ONE_DAY = timedelta(days=1)
_EXAMPLES = (
    "for example: --since yesterday, --since 2026-03-02, or --since 2026-03-02T16:00:00Z"
    " (days begin and end at midnight in New York)"
)


def beginning(text: str, now: datetime) -> datetime:
    """When the day begins, or the instant, in UTC. Raises as `end`, but for a day that is not over."""
    found = _day_or_instant(text, now)
    return found if isinstance(found, datetime) else _midnight(found)


def end(text: str, now: datetime) -> datetime:
    """The last moment of the day, or the instant, in UTC.

    Args:
        text: `yesterday`, a day (`2026-03-02`), or an instant with its zone.
        now: aware.

    Raises:
        UsageError: it is none of these, or is not over.
    """
    found = _day_or_instant(text, now)
    if isinstance(found, datetime):
        if found > now:
            raise UsageError("`--since` names a time in the future", hint=_EXAMPLES)
        return found
    if found >= exchange_date(now):
        raise UsageError("the day that `--since` names is not over in New York", hint=_EXAMPLES)
    return _midnight(found + _ONE_DAY) - datetime.resolution


def _day_or_instant(text: str, now: datetime) -> date | datetime:
    if text.strip().lower() == "yesterday":
        return exchange_date(now) - _ONE_DAY
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UsageError("`--since` is not a day, nor an instant with its zone", hint=_EXAMPLES)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), EXCHANGE_TIME).astimezone(UTC)
