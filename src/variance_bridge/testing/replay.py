"""A run in a process of its own: the job goes in through stdin, the documents come out through stdout."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Sequence
from typing import Any

import attrs

from variance_bridge.broker import BrokerSpec, QuoteSourceSpec
from variance_bridge.document.convert import to_bytes
from variance_bridge.plugins.entry_points import Plugin
from variance_bridge.plugins.registry import LoadedPlugin, import_place
from variance_bridge.testing.recorded_run import completed, run_recording
from variance_bridge.testing.recordings import Recording
from variance_bridge.testing.subject import Subject


@attrs.frozen(kw_only=True)
class Job:
    """Which broker, and what to run it on."""

    plugin: Plugin
    spec: BrokerSpec
    quotes: tuple[QuoteSourceSpec, ...]
    recordings: tuple[Recording, ...]

    @classmethod
    def of(cls, subject: Subject, recordings: Sequence[Recording]) -> Job:
        """The job of running a subject on its recordings."""
        loaded = subject.loaded
        return cls(
            plugin=loaded.plugin,
            spec=loaded.broker,
            quotes=loaded.quotes,
            recordings=tuple(recordings),
        )


def program(path: Sequence[str]) -> str:
    """The program of the other process, with our import path."""
    return f"import sys; sys.path[:] = {list(path)!r}; from {__name__} import main; main()"


def main() -> None:
    """Run the job that comes through stdin; it comes from our own process."""
    job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    loaded = LoadedPlugin(plugin=job.plugin, broker=job.spec, quotes=job.quotes)
    broker: Any = import_place(job.plugin, job.spec.broker)
    subject = Subject(broker=broker, loaded=loaded)
    for recording in job.recordings:
        run = run_recording(subject, recording)
        if run.error is not None:
            raise SystemExit(str(run.problem(subject.package)))
        for account_run in run.account_runs:
            sys.stdout.buffer.write(to_bytes(completed(account_run.portfolio, subject.spec.name)))
