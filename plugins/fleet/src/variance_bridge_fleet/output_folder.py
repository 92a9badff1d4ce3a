"""The output folder: what a run writes into it.

documents/                  one JSON per account, as `sync` writes it
work/                       what the tables are made of (see `variance_bridge_fleet.worker_files`)
run.json                    when the run began
positions/                  the tables, made of `work/` when all inputs have ended
outcomes.parquet
triage.parquet
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from variance_bridge import DataRefused
from variance_bridge.commands import dumps, instant_text
from variance_bridge.files import read_file
from variance_bridge_fleet.worker_files import write

_RUN = "run.json"


class Output(Struct, frozen=True):
    """An output folder, absolute."""

    folder: Path

    @property
    def documents(self) -> Path:
        """One JSON per account."""
        return self.folder / "documents"

    @property
    def work(self) -> Path:
        """What the tables are made of."""
        return self.folder / "work"

    def refuse_another(self, *, resume: bool) -> None:
        """Return when the folder is empty, or holds a run that is to be taken up.

        Raises:
            DataRefused: it holds another run, or something else.
        """
        if self._started() is not None:
            if not resume:
                raise DataRefused(
                    "the output folder holds another run",
                    where=str(self.folder),
                    hint="use `--resume` to continue it, or choose another `--out`",
                )
        elif self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
            raise DataRefused(
                "the output folder holds files that are not from a run",
                where=str(self.folder),
                hint="choose another `--out`",
            )

    def begin(self, now: datetime, *, resume: bool) -> datetime:
        """Make the folder, or take up the run that is in it; when the run began. Raises as `refuse_another`."""
        self.refuse_another(resume=resume)
        started = self._started()
        if started is not None:
            return started
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self.folder / _RUN, dumps({"started": instant_text(now)}))
            for each in (self.documents, self.work):
                each.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DataRefused(
                f"the output folder cannot be made: {error.strerror}", where=str(self.folder)
            ) from None
        return now

    def _started(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.run()["started"]).astimezone(UTC)
        except (ValueError, KeyError, TypeError):
            return None

    def run(self) -> dict[str, Any]:
        """What is known of the run: when it began, how long it took, how many inputs it had; nothing where there is none."""
        try:
            found: dict[str, Any] = json.loads((self.folder / _RUN).read_bytes())
        except (OSError, ValueError):
            return {}
        return found

    def note_end(self, started: datetime, seconds: float, inputs: int) -> None:
        """Keep how long the run took, and how many inputs it had."""
        run = {
            "started": instant_text(started),
            "seconds": str(round(seconds, 3)),
            "inputs": inputs,
        }
        write(self.folder / _RUN, dumps(run))


def content_hash(file: Path) -> str | None:
    """SHA-256 of a file; None where it cannot be read."""
    try:
        return hashlib.sha256(read_file(file).data).hexdigest()
    except DataRefused:
        return None
