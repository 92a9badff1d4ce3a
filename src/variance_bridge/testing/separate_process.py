"""A run in a process of its own: the job goes in through stdin, the documents come out through stdout."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from variance_bridge.broker import BrokerSpec, QuoteSourceSpec
from variance_bridge.document.convert import to_bytes
from variance_bridge.model import Portfolio
from variance_bridge.plugins.loading import LoadedPlugin, import_place
from variance_bridge.plugins.registry import Plugin
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.recorded_run import AccountRun, completed, run_recording
from variance_bridge.testing.recordings import Recording


@attrs.frozen(kw_only=True)
class Job:
    """Which broker, and what to run it on."""

    plugin: Plugin
    spec: BrokerSpec
    quotes: tuple[QuoteSourceSpec, ...]
    recordings: tuple[Recording, ...]
    payloads: tuple[tuple[Mapping[str, Any], ...], ...]

    @classmethod
    def of(
        cls,
        subject: Subject,
        recordings: Sequence[Recording],
        payloads: Sequence[tuple[Mapping[str, Any], ...]],
    ) -> Job:
        """The job of running a subject on its recordings, and on other payloads for each of their accounts."""
        loaded = subject.loaded
        return cls(
            plugin=loaded.plugin,
            spec=loaded.broker,
            quotes=loaded.quotes,
            recordings=tuple(recordings),
            payloads=tuple(payloads),
        )


def fingerprint(outcome: object, source: str) -> bytes:
    """What a broker made of payloads, in the order in which it gave it."""
    if not isinstance(outcome, Portfolio):
        return type(outcome).__name__.encode()
    order = [
        [holding.symbol for holding in outcome.positions],
        [(one.row, one.reason) for one in outcome.meta.rejected],
        [(one.row, one.symbol, one.caution) for one in outcome.meta.flags],
    ]
    return to_bytes(completed(outcome, source)) + repr(order).encode()


def prints_of(run: AccountRun, payloads: Sequence[Mapping[str, Any]], source: str) -> bytes:
    """Of the recorded payloads, and of others."""
    outcomes = (run.portfolio, *map(run.normalize, payloads))
    return b"".join(fingerprint(one, source) for one in outcomes)


def program(path: Sequence[str]) -> str:
    """The program of the other process, with our import path."""
    return f"import sys; sys.path[:] = {list(path)!r}; from {__name__} import main; main()"


def main() -> None:
    """Run the job that comes through stdin; it comes from our own process."""
    job: Job = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by the process that started this one
    loaded = LoadedPlugin(plugin=job.plugin, broker=job.spec, quotes=job.quotes)
    broker: Any = import_place(job.plugin, job.spec.broker)
    subject = Subject(broker=broker, loaded=loaded)
    payloads = iter(job.payloads)
    for recording in job.recordings:
        run = run_recording(subject, recording)
        if run.error is not None:
            raise SystemExit(str(run.problem(subject.package)))
        for account_run in run.account_runs:
            sys.stdout.buffer.write(prints_of(account_run, next(payloads), subject.spec.name))
