"""What a sync says of itself while it runs: a bar on a terminal, a line per stage with `-v`, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import structs

from variance_bridge.pipeline.sync import Progress

if TYPE_CHECKING:
    from variance_bridge.broker import Session
    from variance_bridge.cli.invocation import Invocation


@contextmanager
def shown_progress(invocation: Invocation) -> Iterator[Progress]:
    """Progress for people on stderr. With `-v` each stage is reported with its duration."""
    stages = _Stages(invocation)
    try:
        with _bar(stages) as progress:
            yield progress
    finally:
        stages.finish()


@contextmanager
def _bar(stages: _Stages) -> Iterator[Progress]:
    plain = Progress(stage=stages.begin, session=stages.watch, accounts=stages.go_on)
    if sys.stderr is None or not sys.stderr.isatty():
        yield plain
        return
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.text import Text

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading accounts", total=None, visible=False)

        def go_on(done: int, of: int, account: str) -> None:
            stages.go_on(done, of, account)
            bar.update(task, completed=done, total=of, visible=of > 1)

        with stages.spoken_by(lambda text: bar.console.print(Text(text), soft_wrap=True)):
            yield structs.replace(plain, accounts=go_on)


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
    def spoken_by(self, speak: Callable[[str], None]) -> Iterator[None]:
        """Lines go above the bar while it is drawn, and not into it."""
        before, self._invocation.speak = self._invocation.speak, speak
        try:
            yield
        finally:
            self._invocation.speak = before

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
