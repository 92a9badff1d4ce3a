"""Two jobs side by side, A B A B, so that what else the machine does meets both: the ratio is what counts.

CPU time and not wall-clock time: of the process and its children (`os.wait4`), or of this thread's process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Job = Callable[[], object]


@dataclass(frozen=True)
class Usage:
    """What a finished process used: CPU and wall-clock seconds, and the bytes that it had in memory at its peak."""

    cpu: float
    wall: float
    peak: int


@dataclass(frozen=True)
class Pair:
    """Medians of both sides in seconds, and of the ratios of each pair."""

    ours: float
    beside: float
    ratio: float
    times: int


def run(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Usage:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with what it said on stderr.
    """
    said = folder / "stderr.txt"
    began = time.perf_counter()
    with said.open("wb") as errors, Path(os.devnull).open("r+b") as nothing:
        process = subprocess.Popen(
            command, stdin=nothing, stdout=nothing, stderr=errors, cwd=folder, env=dict(environment)
        )
        _pid, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    if process.returncode:
        raise RuntimeError(f"{command[1:4]} failed: {said.read_text(errors='replace')[-600:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss * unit)


def in_process(job: Job) -> float:
    """CPU seconds of a call."""
    began = time.process_time()
    job()
    return time.process_time() - began


def pairs(ours: Callable[[], float], beside: Callable[[], float], times: int) -> Pair:
    """Measure both so many times, by turns, after a first time that does not count."""
    ours(), beside()
    measured = [(beside(), ours()) for _ in range(times)]
    return Pair(
        ours=statistics.median(mine for _, mine in measured),
        beside=statistics.median(theirs for theirs, _ in measured),
        ratio=statistics.median(mine / theirs for theirs, mine in measured),
        times=times,
    )
