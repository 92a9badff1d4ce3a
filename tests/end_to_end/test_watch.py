"""`variance watch`: once at its start, then politely, through nights, holidays, sleep, outages and refusals. No real time passes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.cli.watch import closed_until
from variance_bridge.errors import (
    BrokerRefused,
    BrokerUnreachable,
    CredentialsMissing,
    DataRefused,
    SyncRunning,
)
from variance_bridge.model import Meta, Portfolio, Timeliness
from variance_bridge.pipeline.draft import Draft
from variance_bridge.pipeline.sync_all import ProfileOutcome
from variance_bridge.pipeline.sync_records import Failed, Synced
from variance_bridge.pipeline.watch import MIN_GAP, Heard, Pace, next_sync, sleep_until, watch
from variance_bridge.storage.lock import output_lock
from variance_bridge.testing.frozen_clock import FrozenClock
from variance_bridge.trading_hours import is_in_session, next_open, why_closed

TUESDAY = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
"""Ten o'clock in New York, in the session."""
FIVE = timedelta(minutes=5)
PACE = Pace(every=FIVE)
NOTHING = Draft(text=(), meta={}, words=frozenset(), violations=[])


def new_york(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def good(name, now, timeliness=None):
    meta = Meta(source="acme", fetched_at=now, timeliness=timeliness)
    portfolio = Portfolio(meta=meta)
    synced = Synced(path=Path("x"), portfolio=portfolio, draft=NOTHING, published=True)
    return ProfileOutcome(profile=name, broker="acme", results=(synced,))


def bad(name, error):
    return ProfileOutcome(profile=name, broker="acme", results=(Failed(account="", error=error),))


class Syncs:
    """Stands for the syncs: what each profile does, and when it was asked."""

    def __init__(self, clock, **answers):
        self.clock, self.answers = clock, answers
        self.asked = []

    def __call__(self, names):
        self.asked += [(name, self.clock.now()) for name in names]
        return [self._outcome(name) for name in names]

    def _outcome(self, name):
        listed = self.answers.get(name) or []
        answer = listed.pop(0) if listed else None
        if isinstance(answer, Timeliness):
            return good(name, self.clock.now(), answer)
        return bad(name, answer) if answer else good(name, self.clock.now())

    def times(self, name):
        return [at for asked, at in self.asked if asked == name]


def rounds(clock, syncs, names=("a",), pace=PACE, count=4, random=lambda: 0.0):
    return list(islice(watch(names, syncs, pace, clock=clock, random=random), count))


def test_the_first_sync_is_at_once_and_the_next_ones_keep_the_pace():
    clock = FrozenClock(TUESDAY)
    syncs = Syncs(clock)
    found = rounds(clock, syncs)

    assert syncs.times("a") == [TUESDAY + FIVE * number for number in range(4)]
    assert found[0].next_at == TUESDAY + FIVE


@pytest.mark.parametrize(
    ("start", "opening"),
    [
        ("2026-03-02T20:00-05:00", "2026-03-03T09:30-05:00"),
        ("2026-03-03T09:29-05:00", "2026-03-03T09:30-05:00"),
        ("2026-03-06T16:15-05:00", "2026-03-09T09:30-04:00"),
        ("2026-04-02T18:00-04:00", "2026-04-06T09:30-04:00"),
    ],
    ids=["a night", "a minute too early", "the weekend of summer time", "Good Friday"],
)
def test_outside_the_hours_it_syncs_once_and_then_at_the_next_opening(start, opening):
    clock = FrozenClock(new_york(start))
    syncs = Syncs(clock)
    rounds(clock, syncs, count=3)

    assert syncs.times("a") == [new_york(start), new_york(opening), new_york(opening) + FIVE]


def test_always_goes_on_at_night():
    clock = FrozenClock(new_york("2026-03-02T20:00-05:00"))
    syncs = Syncs(clock)
    rounds(clock, syncs, pace=Pace(every=FIVE, always=True), count=2)

    assert syncs.times("a")[1] == clock.now()
    assert syncs.times("a")[1] - syncs.times("a")[0] == FIVE


def test_the_state_of_the_close_is_fetched():
    clock = FrozenClock(new_york("2026-03-03T16:12-05:00"))
    syncs = Syncs(clock)
    rounds(clock, syncs, count=3)

    assert syncs.times("a")[1:] == [
        new_york("2026-03-03T16:17-05:00"), new_york("2026-03-04T09:30-05:00"),
    ]  # fmt: skip


def test_a_state_of_the_close_is_not_asked_for_again_before_the_next_close():
    clock = FrozenClock(TUESDAY)
    syncs = Syncs(clock, a=[Timeliness.END_OF_DAY], b=[])
    rounds(clock, syncs, names=("a", "b"), count=3)

    assert len(syncs.times("b")) == 3
    assert len(syncs.times("a")) == 1


def test_one_that_fails_waits_longer_each_time_and_slows_no_other_down():
    clock = FrozenClock(TUESDAY)
    outage = [BrokerUnreachable("no answer") for _ in range(4)]
    syncs = Syncs(clock, a=outage)
    rounds(clock, syncs, names=("a", "b"), count=16)
    times = syncs.times("a")

    assert [later - earlier for earlier, later in pairwise(times)] == [
        FIVE, 2 * FIVE, 4 * FIVE, 8 * FIVE,
    ]  # fmt: skip
    assert len(syncs.times("b")) == 16


def test_a_lost_network_is_tried_again_at_night_too_and_at_most_hourly():
    night = new_york("2026-03-02T20:00-05:00")
    assert next_sync(night, PACE, 1, lambda: 0.0) == night + FIVE
    assert next_sync(night, PACE, 60, lambda: 0.0) == night + timedelta(hours=1)
    slow = Pace(every=timedelta(hours=3))
    assert next_sync(night, slow, 9, lambda: 0.0) == night + timedelta(hours=3)


@pytest.mark.parametrize("error", [BrokerRefused("wrong"), CredentialsMissing("none")])
def test_what_is_refused_is_never_tried_again(error):
    clock = FrozenClock(TUESDAY)
    syncs = Syncs(clock, a=[error])
    found = rounds(clock, syncs, names=("a", "b"), count=5)

    assert len(syncs.times("a")) == 1
    assert found[0].given_up == ["a"]
    assert len(syncs.times("b")) == 5


def test_it_ends_when_no_profile_is_left():
    clock = FrozenClock(TUESDAY)
    found = rounds(clock, Syncs(clock, a=[BrokerRefused("wrong")]), count=5)

    assert [each.next_at for each in found] == [None]


@pytest.mark.parametrize("error", [SyncRunning("busy"), DataRefused("cut")])
def test_a_temporary_failure_is_retried(error):
    clock = FrozenClock(TUESDAY)
    syncs = Syncs(clock, a=[error])
    rounds(clock, syncs, count=2)

    assert len(syncs.times("a")) == 2


def test_the_jitter_only_ever_waits_longer():
    for number in (0.0, 0.5, 0.999):
        due = next_sync(TUESDAY, PACE, 0, lambda number=number: number)
        assert FIVE <= due - TUESDAY <= FIVE * 1.1


class Laptop(FrozenClock):
    """Is put to sleep for an hour in its third nap: the wall clock moves on, the monotonic one does not."""

    def __init__(self, jump):
        super().__init__(TUESDAY)
        self.jump, self.asleep = jump, timedelta()

    def now(self):
        return super().now() + self.asleep

    def sleep(self, seconds):
        super().sleep(seconds)
        if len(self.slept) == 3:
            self.asleep = self.jump


def test_after_a_sleep_it_syncs_at_once_and_once():
    clock = Laptop(timedelta(hours=1))
    syncs = Syncs(clock)
    rounds(clock, syncs, count=3)
    first, second, third = syncs.times("a")

    assert second - first < timedelta(hours=1, minutes=1)
    assert third - second == FIVE


def test_a_clock_that_is_set_back_makes_no_wait_longer():
    clock = Laptop(-timedelta(hours=1))
    sleep_until(clock.now() + FIVE, clock)

    assert clock.monotonic() == FIVE.total_seconds()


def test_the_session_is_that_of_new_york():
    assert is_in_session(new_york("2026-03-03T09:30-05:00"))
    assert is_in_session(new_york("2026-07-06T16:14-04:00"))
    assert not is_in_session(new_york("2026-03-03T16:15-05:00"))
    assert not is_in_session(new_york("2026-07-03T12:00-04:00"))
    assert next_open(new_york("2026-03-03T09:30-05:00")) == new_york("2026-03-04T09:30-05:00")


class Notices(FrozenClock):
    """A clock that is a watch's news as well: at given times of its own something is heard of profile `a`."""

    def __init__(self, start, *seconds, profile="a"):
        super().__init__(start)
        self.coming = [start + timedelta(seconds=each) for each in seconds]
        self.profile = profile
        self.heard = None

    def sleep(self, seconds):
        super().sleep(seconds)
        self.arrive()

    def arrive(self):
        while self.coming and self.coming[0] <= self.now():
            at = self.coming.pop(0)
            self.heard = Heard(self.heard.first if self.heard else at, at)

    def wait(self, seconds):
        if self.heard is None and self.coming:
            seconds = min(seconds, (self.coming[0] - self.now()).total_seconds())
        if self.heard is None:
            self.sleep(seconds)
        return self.heard is not None

    def take(self):
        heard, self.heard = self.heard, None
        return {self.profile: heard} if heard else {}


def woken(news, *, syncs=None, pace=PACE, names=("a",), count=3):
    """When profile `a` is synced, in seconds from the start."""
    start = news.now()
    syncs = syncs or Syncs(news)
    list(islice(watch(names, syncs, pace, clock=news, random=lambda: 0.0, news=news), count))
    return [(at - start).total_seconds() for at in syncs.times("a")]


def test_news_brings_the_next_sync_forward_and_the_one_after_it_keeps_the_pace():
    assert woken(Notices(TUESDAY, 60)) == [0, 62, 362]


def test_a_hundred_notices_of_one_order_are_one_sync():
    burst = [60 + number / 20 for number in range(100)]
    assert woken(Notices(TUESDAY, *burst)) == [0, burst[-1] + 2, burst[-1] + 302]


def test_news_that_never_ends_does_not_put_the_sync_off_and_never_syncs_too_often():
    times = woken(Notices(TUESDAY, *range(1, 200)), count=8)

    assert times[1] == MIN_GAP.total_seconds()
    assert {later - earlier for earlier, later in pairwise(times)} == {MIN_GAP.total_seconds()}


def test_news_right_after_a_sync_waits_for_the_shortest_gap():
    assert woken(Notices(TUESDAY, 1))[:2] == [0, 15]


def test_news_during_a_sync_asks_for_another():
    news = Notices(TUESDAY, 63)

    class Slow(Syncs):
        def __call__(self, names):
            found = super().__call__(names)
            news.sleep(5)
            return found

    news.coming.insert(0, TUESDAY + timedelta(seconds=60))
    assert woken(news, syncs=Slow(news)) == [0, 62, 82]


def test_news_never_puts_a_sync_off():
    assert woken(Notices(TUESDAY, 299.5))[:2] == [0, 300]


def test_news_does_not_shorten_the_waits_of_one_that_fails():
    news = Notices(TUESDAY, 20, 400)
    syncs = Syncs(news, a=[BrokerUnreachable("no answer"), BrokerUnreachable("no answer")])
    assert woken(news, syncs=syncs) == [0, 300, 900]


@pytest.mark.parametrize(("always", "second"), [(False, 13.5 * 3600), (True, 62)])
def test_news_outside_market_hours_counts_only_with_always(always, second):
    night = new_york("2026-03-02T20:00-05:00")
    pace = Pace(every=timedelta(hours=20), always=always)
    assert woken(Notices(night, 60), pace=pace)[:2] == [0, second]


def test_news_before_anything_newer_can_exist_is_not_asked_for():
    news = Notices(TUESDAY, 60)
    syncs = Syncs(news, a=[Timeliness.END_OF_DAY])
    assert woken(news, syncs=syncs)[1] > 6 * 3600


def test_news_of_one_profile_syncs_no_other_and_of_an_unknown_one_none():
    news = Notices(TUESDAY, 60)
    syncs = Syncs(news)
    woken(news, syncs=syncs, names=("a", "b"), count=2)
    assert len(syncs.times("b")) == 1
    assert woken(Notices(TUESDAY, 60, profile="gone"))[:2] == [0, 300]


@pytest.fixture
def command(folder, capsys, monkeypatch, export):
    """`variance watch` over a profile that reads a file, on a clock that takes no time."""
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder))
    clock = FrozenClock(datetime.now(UTC))
    for name in ("now", "monotonic", "sleep"):
        method = getattr(clock, name)
        monkeypatch.setattr(f"variance_bridge.clock.SystemClock.{name}", lambda _self, *given, method=method: method(*given))  # fmt: skip
    (folder / "positions").mkdir()
    export.rename(folder / "positions" / "export.csv")
    (folder / "variance.toml").write_text(
        '[profiles.mine]\nbroker = "csv"\ninput_folder = "positions"\n'
    )

    def call(*arguments):
        capsys.readouterr()
        return run(["watch", *arguments]), *capsys.readouterr()

    return call


def test_the_command_prints_a_line_for_each_account_and_round(command, folder):
    code, out, err = command("--count", "2", "--always")

    assert code == 0, err
    assert len(out.splitlines()) == 2
    assert all("mine" in line and "3 positions" in line for line in out.splitlines())
    assert (folder / "positions" / "live_csv.json").is_file()


def test_programs_get_a_json_object_on_a_line_for_each_round(command):
    _, out, _ = command("--count", "2", "--always", "--json", "--every", "1 min")
    first, second = map(json.loads, out.splitlines())

    assert first["synced"][0]["profile"] == "mine"
    assert datetime.fromisoformat(second["at"]) - datetime.fromisoformat(first["at"]) >= timedelta(
        minutes=1
    )
    assert (first["next_at"] is None, second["next_at"]) == (False, None)


@pytest.mark.parametrize("every", ["5", "1 s", "soon", "-5m"])
def test_an_unreadable_or_too_short_interval_is_a_usage_error(command, every):
    assert command("--every", every)[0] == 2


def test_an_unknown_profile_is_refused_as_sync_refuses_it(command, capsys):
    code, _, err = command("--profile", "mien")

    assert (code, 'did you mean "mine"' in err) == (3, True)
    assert run(["sync", "--profile", "mien"]) == 3
    assert capsys.readouterr().err == err


def test_a_second_watch_of_one_folder_is_refused(command, folder):
    with output_lock(folder / "positions" / "watch"):
        code, _, err = command("--count", "1")

    assert (code, "another `variance watch` is running" in err) == (8, True)


def test_ctrl_c_ends_it_with_130(command, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", interrupt)
    code, out, err = command("--always")

    assert code == 130
    assert len(out.splitlines()) == 1
    assert "Interrupted" in err


def test_on_a_terminal_the_dashboard_is_drawn_again_after_each_round(command, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    code, out, err = command("--count", "2", "--always")

    assert code == 0, err
    assert out.count("Net P/L") == 2
    assert "next at" in err


def test_a_warning_is_repeated_only_when_it_changes(command, folder, monkeypatch):
    file = folder / "positions" / "export.csv"
    whole = file.read_text()
    rounds = iter(
        [whole + "QZZ,Stock,many,,,,1,2,3,4,5,6,7,8\n"] * 2
        + [whole + "QZY,Stock,few,,,,1,2,3,4,5,6,7,8\n"] * 2
    )
    from variance_bridge.cli import sync_all

    sync = sync_all.run_sync_all

    def changed(*arguments):
        file.write_text(next(rounds))
        return sync(*arguments)

    monkeypatch.setattr(sync_all, "run_sync_all", changed)
    _, _, err = command("--count", "4", "--always")

    warnings = [line for line in err.splitlines() if "row rejected" in line]
    assert [("many" in each, "few" in each) for each in warnings] == [(True, False), (False, True)]


@pytest.mark.parametrize(
    ("moment", "why"),
    [
        ("2026-11-26T12:00-05:00", "Thanksgiving Day"),
        ("2026-07-03T12:00-04:00", "Independence Day"),
        ("2026-03-07T12:00-05:00", "the weekend"),
        ("2025-01-09T12:00-05:00", "a holiday"),  # a day of mourning, which no rule plans
        ("2026-03-03T20:00-05:00", ""),
    ],
)
def test_it_is_known_why_the_market_is_closed(moment, why):
    assert why_closed(new_york(moment)) == why


def test_a_wait_for_the_market_says_why():
    holiday, session = new_york("2026-11-26T12:00-05:00"), new_york("2026-11-25T12:00-05:00")
    said = ": the market is closed, Thanksgiving Day"
    assert closed_until(holiday, next_open(holiday) + FIVE) == said
    assert closed_until(holiday, holiday + FIVE) == ""  # a failure is retried meanwhile
    assert closed_until(session, session + FIVE) == ""
    night = new_york("2026-11-24T20:00-05:00")
    assert closed_until(night, next_open(night)) == ": the market is closed"
