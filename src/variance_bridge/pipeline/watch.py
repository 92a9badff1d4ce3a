"""When each profile is synced again: in market hours, after sleep, lost networks and refusals. No I/O but waiting.

Each profile has a time of its own, so that a failing one does not slow down the others. News of a broker only ever moves that
time forward.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from msgspec import Struct

from variance_bridge.broker import Clock
from variance_bridge.errors import BrokerRefused, ConfigurationError, UsageError
from variance_bridge.model import Timeliness
from variance_bridge.pipeline.sync_all import ProfileOutcome
from variance_bridge.pipeline.sync_records import Failed, Synced
from variance_bridge.trading_hours import is_in_session, next_close, next_open

MIN_EVERY = timedelta(seconds=30)
MAX_BACK_OFF = timedelta(hours=1)
_JITTER = 0.1
"""Of the wait, at most: so that not everybody asks a broker on the minute."""
_TOGETHER = timedelta(seconds=15)
"""Profiles that are due within so short a time are synced in one round."""
_NAP_SECONDS = 15.0
"""A machine that was asleep notices within this time that it is late."""
_MAX_DOUBLINGS = 12
QUIET = timedelta(seconds=2)
"""After the last news, before a sync: the legs of an order are filled one after the other."""
MAX_BURST = timedelta(seconds=10)
"""After the first news, at most, where news does not end."""
MIN_GAP = timedelta(seconds=15)
"""Between the end of a sync and one that news asks for: about the published rates, with room for other programs."""
_FINAL = (BrokerRefused, ConfigurationError, UsageError)
"""Asking again changes nothing, and a wrong password that is tried again locks an account."""


class Pace(Struct, frozen=True, kw_only=True):
    """How often.

    Attributes:
        every: between the end of a sync and the next one.
        always: outside market hours too.
    """

    every: timedelta
    always: bool = False


class Round(Struct, frozen=True, kw_only=True):
    """One round of syncs.

    Attributes:
        at: when it ended.
        outcomes: of the profiles whose turn it was.
        given_up: the profiles that are not tried again, of this round.
        next_at: when the next round begins; None when there is none.
    """

    at: datetime
    outcomes: Sequence[ProfileOutcome]
    given_up: Sequence[str | None]
    next_at: datetime | None


class Heard(Struct, frozen=True):
    """News of one profile: when the first and the last of it came."""

    first: datetime
    last: datetime


class News(Protocol):
    """What brokers say of changes, while the watch waits."""

    def wait(self, seconds: float) -> bool:
        """Wait that long, or until there is news; whether there is."""
        ...

    def take(self) -> Mapping[str | None, Heard]:
        """What has been heard since the last call, by profile."""
        ...


class _NoNews:
    """Where no broker says anything: a wait is a sleep."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait(self, seconds: float) -> bool:
        self._clock.sleep(seconds)
        return False

    def take(self) -> Mapping[str | None, Heard]:
        return {}


class _Turn(Struct):
    """When a profile is due, and how often it has failed since its last success.

    Attributes:
        by_clock: when it is due without news.
        failures: since its last success.
        from_news: the earliest sync that news can ask for; None while it fails, and where nothing newer can be had.
        heard: the news since its last sync.
    """

    by_clock: datetime
    failures: int = 0
    from_news: datetime | None = None
    heard: Heard | None = None

    @property
    def due(self) -> datetime:
        """When it is synced."""
        if self.heard is None or self.from_news is None:
            return self.by_clock
        settled = min(self.heard.last + QUIET, self.heard.first + MAX_BURST)
        return min(self.by_clock, max(settled, self.from_news))


Sync = Callable[[Collection[str | None]], Sequence[ProfileOutcome]]


def watch(
    names: Iterable[str | None],
    sync: Sync,
    pace: Pace,
    *,
    clock: Clock,
    random: Callable[[], float],
    rounds: int | None = None,
    news: News | None = None,
) -> Iterable[Round]:
    """Sync again and again; the first time at once, whatever the market's hours.

    Args:
        names: the profiles.
        sync: syncs those that it is given, and returns when it is done: there is never more than one at a time.
        pace: how often.
        clock: the time, and how to wait.
        random: numbers in [0, 1), for the jitter.
        rounds: after so many it ends; None for never.
        news: of brokers that say when something changes.

    Yields:
        Each round. It ends early when no profile is left to try.
    """
    turns = {name: _Turn(clock.now()) for name in names}
    news = news or _NoNews(clock)
    done = 0
    while turns:
        now = clock.now()
        outcomes = sync([name for name, turn in turns.items() if turn.due <= now + _TOGETHER])
        given_up = [each.profile for each in outcomes if _is_final(each)]
        for name in given_up:
            del turns[name]
        now, done = clock.now(), done + 1
        for outcome in outcomes:
            if outcome.profile in turns:
                _schedule(turns[outcome.profile], outcome, now, pace, random)
        is_last = not turns or done == rounds
        due = None if is_last else min(turn.due for turn in turns.values())
        yield Round(at=now, outcomes=outcomes, given_up=given_up, next_at=due)
        if due is None:
            return
        _rest(turns, pace, clock, news)


def _rest(turns: Mapping[str | None, _Turn], pace: Pace, clock: Clock, news: News) -> None:
    """Wait until the first profile is due; news of one moves it forward, in market hours."""
    while not sleep_until(min(turn.due for turn in turns.values()), clock, news.wait):
        is_open = pace.always or is_in_session(clock.now())
        for name, heard in news.take().items():
            turn = turns.get(name)
            if turn is not None and is_open:
                turn.heard = Heard(turn.heard.first, heard.last) if turn.heard else heard


def _is_final(outcome: ProfileOutcome) -> bool:
    """Whether nothing of the profile was synced, and asking again would change nothing."""
    failed = [one.error for one in outcome.results if isinstance(one, Failed)]
    return len(failed) == len(outcome.results) and any(isinstance(one, _FINAL) for one in failed)


def _schedule(
    turn: _Turn, outcome: ProfileOutcome, now: datetime, pace: Pace, random: Callable[[], float]
) -> None:
    newest = _newest_possible(outcome)
    turn.failures = turn.failures + 1 if outcome.exit_code else 0
    turn.by_clock = next_sync(now, pace, turn.failures, random, newest_possible=newest)
    turn.from_news = None if turn.failures or newest else now + MIN_GAP
    turn.heard = None


def next_sync(
    now: datetime,
    pace: Pace,
    failures: int,
    random: Callable[[], float],
    *,
    newest_possible: datetime | None = None,
) -> datetime:
    """When a profile is synced again.

    Args:
        now: the end of its last sync, aware.
        pace: how often.
        failures: since its last success; the wait doubles with each, up to an hour.
        random: a number in [0, 1) for the jitter.
        newest_possible: before that moment, nothing newer can be had.
    """
    wait = pace.every * (1 << min(max(failures - 1, 0), _MAX_DOUBLINGS))
    wait = max(pace.every, min(wait, MAX_BACK_OFF))
    wait *= 1 + _JITTER * random()
    if failures:
        return now + wait
    if newest_possible is not None and newest_possible > now:
        return newest_possible + wait
    if pace.always or is_in_session(now):
        return now + wait
    return next_open(now) + _JITTER * random() * pace.every


def _newest_possible(outcome: ProfileOutcome) -> datetime | None:
    """Of states of a close, the next close; None where a newer state can be had at any time."""
    closes = [
        next_close(meta.fetched_at)
        if (meta := one.portfolio.meta).timeliness is Timeliness.END_OF_DAY
        else None
        for one in outcome.results
        if isinstance(one, Synced)
    ]
    known = [close for close in closes if close is not None]
    return min(known) if known and len(known) == len(closes) else None


def sleep_until(
    due: datetime, clock: Clock, wait: Callable[[float], bool | None] | None = None
) -> bool:
    """Wait in short naps, so that a machine that was asleep goes on at once; a clock that is set back makes no wait longer.

    Args:
        due: until when.
        clock: the time.
        wait: waits so many seconds, and says whether it was interrupted; `clock.sleep` by default.

    Returns:
        False when it was interrupted before.
    """
    wait = wait or clock.sleep
    planned, began = (due - clock.now()).total_seconds(), clock.monotonic()
    while True:
        left = min((due - clock.now()).total_seconds(), planned - (clock.monotonic() - began))
        if left <= 0:
            return True
        if wait(min(left, _NAP_SECONDS)):
            return False
