"""One run: what is missing is handed out, then the tables are made of all parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter

from msgspec import Struct, structs

from variance_bridge.unattended import brokers_of
from variance_bridge_fleet.dask_workers import check_workers, connected, hand_out, threads_of
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output_folder import Output, content_hash
from variance_bridge_fleet.output_tables import write_tables
from variance_bridge_fleet.worker_files import Work, write_batch
from variance_bridge_fleet.worker_job import Job, installed, killed

MAX_BATCH = 25
"""Inputs in a job: enough that handing it out and writing its files cost little beside it, few enough to do them again."""
_BATCHES_PER_THREAD = 8
"""At least, where there are few inputs: so that the last batch keeps nobody waiting for long."""


class Run(Struct, frozen=True, kw_only=True):
    """What a run is about.

    Attributes:
        output: where everything goes.
        inputs: in the order of the manifest.
        configuration: the file that `--config` named.
        now: the present; a run that is resumed keeps its own.
    """

    output: Output
    inputs: Sequence[Input]
    configuration: Path | None
    now: datetime

    def carry_out(self, scheduler: str | None, workers: int | None, *, resume: bool) -> None:
        """Do what is missing, then write the tables.

        Raises:
            BridgeError: the run could not begin, or could not go on; `--resume` does the rest.
        """
        began = perf_counter()
        alike = installed(self.configuration)
        self.output.refuse_another(resume=resume)
        with connected(scheduler, workers) as client:
            check_workers(client, alike, self.configuration)
            started = self.output.begin(self.now, resume=resume)
            work = Work(self.output.work)
            job = Job(
                inputs=(),
                round=work.round + 1,
                out=self.output.folder,
                configuration=self.configuration,
                now=started,
                installed=alike,
            )
            jobs = self._jobs(job, self._missing(work), threads_of(client))
            suspects = list(hand_out(client, jobs))
            for each in hand_out(client, self._alone(suspects), at_a_time=1):
                write_batch(self.output.work, each.round + 1, list(map(killed, each.inputs)), {})
        write_tables(self.output, Work(self.output.work), self.inputs)
        self.output.note_end(started, perf_counter() - began, len(self.inputs))

    def _missing(self, work: Work) -> list[Input]:
        return [each for each in self.inputs if not work.is_done(each, _content(each, work))]

    def _jobs(self, job: Job, missing: Sequence[Input], threads: int) -> Iterator[Job]:
        """A job for the profiles of each broker, so that one process keeps to its rates, then the files in batches."""
        profiles = [each for each in missing if each.profile is not None]
        brokers = brokers_of(self.configuration, [str(each.profile) for each in profiles])
        for broker in dict.fromkeys(brokers.values()):
            of_broker = (each for each in profiles if brokers[str(each.profile)] == broker)
            yield structs.replace(job, inputs=tuple(of_broker), broker=broker)
        files = [each for each in missing if each.profile is None]
        size = min(MAX_BATCH, max(1, len(files) // (threads * _BATCHES_PER_THREAD)))
        for begin in range(0, len(files), size):
            yield structs.replace(job, inputs=tuple(files[begin : begin + size]))

    def _alone(self, suspects: Sequence[Job]) -> Iterator[Job]:
        """A job for each input that never came to an end together with others."""
        work = Work(self.output.work)
        for job in suspects:
            for each in job.inputs:
                if not work.has(each.key, since=job.round):
                    yield structs.replace(job, inputs=(each,), round=job.round + 1)


def _content(each: Input, work: Work) -> str | None:
    """The digest of a file that may be done; of others it is not needed."""
    return content_hash(each.file) if each.file is not None and work.has(each.key) else None
