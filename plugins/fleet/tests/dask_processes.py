"""A scheduler and workers of Dask, each a process of its own, as an operator starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Processes:
    """What was started; all of it writes its log into one folder."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder
        self._started: list[subprocess.Popen[bytes]] = []

    def scheduler(self) -> tuple[str, subprocess.Popen[bytes]]:
        """The address of a new scheduler on the loopback, and its process."""
        process, log = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        for _ in range(600):
            if found := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text()):
                return found[0], process
            time.sleep(0.1)
        raise AssertionError(log.read_text())

    def worker(
        self, scheduler: str, *options: str, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """A worker of that scheduler, with one thread."""
        spill = str(self.logs / "spill")
        stated = (scheduler, "--nthreads", "1", "--local-directory", spill, *options)
        return self._start("worker", *stated, environment=environment)[0]

    def ready_worker(self, scheduler: str) -> None:
        """A worker, once the scheduler knows it."""
        from distributed import Client

        self.worker(scheduler)
        with Client(scheduler) as client:
            client.wait_for_workers(1, timeout=60)

    def _start(
        self, kind: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> tuple[subprocess.Popen[bytes], Path]:
        log = self.logs / f"{kind}-{len(self._started)}.log"
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        with log.open("w") as stream:
            process = subprocess.Popen(
                [*command, "--no-dashboard"],
                stdout=stream,
                stderr=stream,
                env={**os.environ, **(environment or {})},
            )
        self._started.append(process)
        return process, log

    def end(self) -> None:
        for process in reversed(self._started):
            process.terminate()
        for process in reversed(self._started):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(30)


@contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Start what is needed; all of it has ended after the block."""
    folder.mkdir()
    started = Processes(folder)
    try:
        yield started
    finally:
        started.end()
