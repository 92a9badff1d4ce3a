"""One run: what is missing is handed out, then the tables are made of all parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs

from variance_bridge.commands import dumps
from variance_bridge_fleet.dask_workers import carry_out, check_workers, connected, killed_words
from variance_bridge_fleet.job import Job, installed
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output import Output
from variance_bridge_fleet.tables import write_tables


@attrs.frozen(kw_only=True)
class Run:
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
            for job in carry_out(client, self._jobs(started, alike)):
                self._note_killed(job)
        write_tables(self.output, self.inputs)
        self.output.note_end(started, perf_counter() - began, len(self.inputs))

    def _jobs(self, started: datetime, alike: dict[str, str]) -> list[Job]:
        """A job for each file that is missing, and one for all profiles, whose brokers' rates it keeps in one process."""
        done = self.output.is_done
        missing = [each for each in self.inputs if not done(each.key, each.file, each.read_by)]
        profiles = tuple(each for each in missing if each.profile is not None)
        groups = [(each,) for each in missing if each.profile is None]
        return [
            Job(
                inputs=group,
                out=self.output.folder,
                configuration=self.configuration,
                now=started,
                installed=alike,
            )
            for group in (*([profiles] if profiles else []), *groups)
        ]

    def _note_killed(self, job: Job) -> None:
        for each in job.inputs:
            if self.output.outcome(each.key) is None:
                self.output.write(self.output.outcome_file(each.key), dumps(_killed(each, job)))


def _killed(each: Input, job: Job) -> dict[str, Any]:
    account = {
        "source": None,
        "account_hash": None,
        "status": "failed",
        "positions": 0,
        "rejected": 0,
        "exit": 5,
        "reason": killed_words(job),
        "seconds": "0",
    }
    return {
        "input": each.shown,
        "sha256": None,
        "accounts": [account],
        "parts": {},
    }
