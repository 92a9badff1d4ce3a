"""An answer that is not ready is asked for again: politely, and not for ever."""

from __future__ import annotations

import pytest

from variance_bridge import BrokerRefused, BrokerUnreachable
from variance_bridge.polling import WAITS, NotReady, poll
from variance_bridge.testing import FrozenClock

LATE = BrokerUnreachable("the statement is not ready")
BUSY = BrokerUnreachable("the broker is busy")


def asking(*answers):
    """Gives the answers in turn, and the last one for ever."""
    left = list(answers)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def test_an_answer_that_is_ready_is_not_waited_for():
    clock = FrozenClock()

    assert poll(asking("done"), clock=clock) == "done"
    assert clock.slept == []


def test_the_waits_grow():
    clock = FrozenClock()

    assert poll(asking(*[NotReady(LATE)] * 4, "done"), clock=clock) == "done"
    assert clock.slept == [1, 2, 4, 8]


@pytest.mark.parametrize("seconds", [0.5, 10, 220])
def test_what_is_never_ready_ends_with_its_error_within_the_seconds(seconds):
    clock = FrozenClock()

    with pytest.raises(BrokerUnreachable) as ended:
        poll(asking(NotReady(LATE)), clock=clock, seconds=seconds)

    assert (ended.value, ended.value.exit_code) == (LATE, 5)
    assert clock.monotonic() <= seconds < clock.monotonic() + WAITS[len(clock.slept)]


def test_the_seconds_that_answers_take_count():
    clock = FrozenClock()

    def ask():
        clock.advance(50)
        return NotReady(LATE)

    with pytest.raises(BrokerUnreachable):
        poll(ask, clock=clock, seconds=120)
    assert clock.slept == [1, 2]


def test_waits_of_its_own_are_used_up_and_then_it_is_enough():
    clock = FrozenClock()

    with pytest.raises(BrokerUnreachable):
        poll(asking(NotReady(BUSY, (10, 20))), clock=clock)
    assert clock.slept == [10, 20]


def test_tries_with_other_waits_do_not_count():
    clock = FrozenClock()
    late, busy = NotReady(LATE, (5, 5)), NotReady(BUSY, (10,))

    assert poll(asking(late, busy, late, "done"), clock=clock) == "done"
    assert clock.slept == [5, 10, 5]


def test_an_error_ends_the_polling_at_once():
    clock = FrozenClock()

    def ask():
        raise BrokerRefused("the token is not accepted")

    with pytest.raises(BrokerRefused):
        poll(ask, clock=clock)
    assert clock.slept == []
