"""The blockade stops each touch of the world, however it is spelled, and nothing else."""
# ruff: noqa: DTZ003, DTZ005, DTZ011, ICN001, PLW0108, PTH109, PTH123, SIM115, UP020 - the spellings are what is tested

from __future__ import annotations

import datetime as clock_module
import gc
import io
import logging
import os
import random
import secrets
import socket
import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from time import monotonic as passed

import pytest

from variance_bridge.testing.blockade import BlockedError, Kind, blocked, blocked_calls

HERE = Path(__file__)

TOUCHES = [
    (Kind.FILES, lambda: open(HERE)),
    (Kind.FILES, lambda: io.open(HERE)),
    (Kind.FILES, lambda: HERE.read_text()),
    (Kind.FILES, lambda: os.open(HERE, os.O_RDONLY)),
    (Kind.FILES, lambda: HERE.exists()),
    (Kind.FILES, lambda: list(HERE.parent.iterdir())),
    (Kind.FILES, lambda: Path("x").unlink()),
    (Kind.NETWORK, lambda: socket.socket()),
    (Kind.NETWORK, lambda: socket.create_connection(("127.0.0.1", 9))),
    (Kind.NETWORK, lambda: socket.getaddrinfo("localhost", 80)),
    (Kind.PROCESSES, lambda: subprocess.run(["true"], check=False)),
    (Kind.PROCESSES, lambda: os.system("true")),
    (Kind.PROCESSES, lambda: threading.Thread(target=print).start()),
    (Kind.CLOCK, lambda: datetime.now(UTC)),
    (Kind.CLOCK, lambda: datetime.utcnow()),
    (Kind.CLOCK, lambda: clock_module.datetime.now()),
    (Kind.CLOCK, lambda: date.today()),
    (Kind.CLOCK, lambda: time.time()),
    (Kind.CLOCK, lambda: passed()),
    (Kind.CLOCK, lambda: time.sleep(0)),
    (Kind.RANDOMNESS, lambda: random.random()),
    (Kind.RANDOMNESS, lambda: random.choice([1, 2])),
    (Kind.RANDOMNESS, lambda: random.Random(1).random()),
    (Kind.RANDOMNESS, lambda: secrets.token_hex()),
    (Kind.RANDOMNESS, lambda: uuid.uuid4()),
    (Kind.RANDOMNESS, lambda: os.urandom(1)),
    (Kind.ENVIRONMENT, lambda: os.environ["HOME"]),
    (Kind.ENVIRONMENT, lambda: os.environ.get("NO_SUCH_VARIABLE")),
    (Kind.ENVIRONMENT, lambda: os.getenv("HOME")),
    (Kind.ENVIRONMENT, lambda: dict(os.environ)),
    (Kind.ENVIRONMENT, lambda: os.getcwd()),
]


@pytest.mark.parametrize(("kind", "touch"), TOUCHES)
def test_each_touch_is_stopped_and_reported_with_its_kind_and_place(kind, touch):
    found = blocked_calls(touch, kind, package=__name__.partition(".")[0])

    assert [one.kind for one in found] == [kind]
    assert "test_blockade.py, line " in str(found[0])


@pytest.mark.parametrize(
    "pure",
    [
        lambda: Decimal("1.5") * 3,
        lambda: datetime.fromisoformat("2026-01-15T15:00:00+00:00").astimezone(UTC),
        lambda: date(2026, 1, 15).isoformat(),
        lambda: Path("a") / "b",
        lambda: sorted({"b", "a"}),
        lambda: uuid.uuid5(uuid.NAMESPACE_URL, "x"),
        lambda: logging.getLogger("kit").warning("a line"),
    ],
)
def test_what_is_pure_passes_under_a_full_blockade(pure):
    assert blocked_calls(pure) == ()


def test_a_touch_of_a_kind_that_is_not_blocked_passes():
    assert blocked_calls(time.time, Kind.FILES) == ()
    assert blocked_calls(lambda: HERE.exists(), Kind.CLOCK) == ()


def test_a_touch_that_the_code_swallows_is_reported_anyway():
    def swallows():
        try:
            time.time()
        except BaseException:  # noqa: BLE001 - that is what it does
            return

    assert [one.kind for one in blocked_calls(swallows)] == [Kind.CLOCK]


def test_an_exception_that_hides_a_touch_does_not_hide_it():
    def hides():
        try:
            time.time()
        except BaseException as error:
            raise ValueError("no price") from error

    assert [one.kind for one in blocked_calls(hides)] == [Kind.CLOCK]


def test_an_exception_of_its_own_passes_through():
    with pytest.raises(KeyError):
        blocked_calls(partial({}.__getitem__, "absent"))


def test_a_file_that_is_permitted_may_be_read():
    def permits(event, arguments):
        return event == "open" and arguments[0] == str(HERE)

    with blocked(Kind.FILES, permits=permits):
        file = io.open(os.fspath(HERE))
    file.close()
    with pytest.raises(BlockedError), blocked(Kind.FILES, permits=permits):
        io.open(os.fspath(HERE.parent / "other"))


def test_afterwards_the_world_is_open_again_and_the_profiler_as_it_was():
    before = sys.getprofile()
    blocked_calls(time.time)

    assert sys.getprofile() is before
    assert HERE.exists()
    assert time.time() > 0


def test_other_threads_are_left_alone():
    seen = []
    reading = threading.Thread(target=lambda: (started.wait(), seen.append(len(HERE.read_text()))))
    started = threading.Event()
    reading.start()
    with blocked(Kind.FILES):
        started.set()
        while reading.is_alive():
            pass
    reading.join()

    assert seen


def test_what_the_garbage_collector_calls_is_not_blamed_on_the_function():
    def measure(_phase, _info):
        time.perf_counter()

    threshold = gc.get_threshold()
    gc.callbacks.append(measure)
    gc.set_threshold(1)
    try:
        found = blocked_calls(lambda: [[one] for one in range(2000)])
    finally:
        gc.callbacks.remove(measure)
        gc.set_threshold(*threshold)

    assert found == ()
    assert gc.isenabled()
