"""What a command says of itself while it runs: on a terminal what it is doing and for how long, a line per stage with `-v`.

The line appears after a moment, so that what is quick draws nothing, and goes when the command is done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from variance_bridge.masking import masked
from variance_bridge.pipeline.sync_records import Progress

if TYPE_CHECKING:
    from variance_bridge.broker import Session
    from variance_bridge.cli.invocation import Invocation


_WORDS = {
    "accounts": "Reading accounts",
    "fetch": "Reading positions",
    "quotes": "Reading quotes",
    "check": "Checking",
    "publish": "Saving",
}
"""What the stages of a sync are called on the screen."""


@contextmanager
def shown_progress(invocation: Invocation, file: Path | None = None) -> Iterator[Progress]:
    """Progress for people on stderr. With `-v` each stage is reported with its duration.

    Args:
        invocation: of this command.
        file: that is read, where no broker is asked.
    """
    stages = _Stages(invocation)
    try:
        with _bar(stages, _words(file)) as progress:
            yield progress
    finally:
        stages.finish()


def _words(file: Path | None) -> Mapping[str, str]:
    if file is None:
        return _WORDS
    reading = f"Reading {masked(file.name)}"
    return {**_WORDS, "accounts": reading, "fetch": reading}


@contextmanager
def _bar(stages: _Stages, words: Mapping[str, str]) -> Iterator[Progress]:
    plain = Progress(stage=stages.begin, session=stages.watch, accounts=stages.go_on)
    if sys.stderr is None or not sys.stderr.isatty():
        yield plain
        return
    from variance_bridge.cli.progress_line import progress_line

    with progress_line("Starting") as line:

        def begin(stage: str, detail: str) -> None:
            stages.begin(stage, detail)
            line.say(words.get(stage, stage))

        def go_on(done: int, of: int, account: str) -> None:
            stages.go_on(done, of, account)
            line.count(done, of)

        with stages.spoken_by(line.above, line.gauge):
            yield structs.replace(plain, stage=begin, accounts=go_on)


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """A sign on a terminal that something is going on, for what has no stages."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    from variance_bridge.cli.progress_line import progress_line

    with progress_line(words):
        yield


class _Stages:
    """Times the stages of a sync, one after the other."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._stage: str | None = None
        self._began = 0.0
        self._session: Session | None = None

    def watch(self, session: Session) -> None:
        self._session = session

    def go_on(self, _done: int, of: int, account: str) -> None:
        self._invocation.subject = account if of > 1 else ""

    @contextmanager
    def spoken_by(
        self, speak: Callable[[str], None], gauge: Callable[[str, Callable[[], int], int], None]
    ) -> Iterator[None]:
        """Lines go above the bar while it is drawn, and counts into it."""
        invocation = self._invocation
        before = invocation.speak, invocation.gauge
        invocation.speak, invocation.gauge = speak, gauge
        try:
            yield
        finally:
            invocation.speak, invocation.gauge = before

    def begin(self, stage: str, detail: str) -> None:
        self.end()
        self._stage, self._began = f"{stage} {detail}".strip(), self._invocation.clock.monotonic()

    def end(self) -> None:
        if self._stage is not None:
            seconds = self._invocation.clock.monotonic() - self._began
            self._invocation.note(f"{self._stage}: {seconds:.2f} s")
        self._stage = None

    def finish(self) -> None:
        self.end()
        self._invocation.subject = ""
        statistics = getattr(self._session, "statistics", None)
        if statistics is not None and statistics.requests:
            self._invocation.note(
                f"requests: {statistics.requests}, retries: {statistics.retries},"
                f" waited {statistics.seconds_waited:.1f} s"
            )
