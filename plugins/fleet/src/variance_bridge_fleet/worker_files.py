"""What workers leave in `work/`: the outcomes of a batch of inputs, and their rows for the tables.

work/ROUND-BATCH.json          the outcomes of some inputs, written when all else of them is there
work/DIGITS.positions.arrow    their positions as rows, and DIGITS.triage.arrow their strategies, named by what is in them

A round begins with each run, and when what killed its worker is tried alone. Of two outcomes of an input that of the later round counts, so
a worker of an earlier run that was given up and still writes changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from variance_bridge import DataRefused
from variance_bridge.commands import dumps
from variance_bridge.files import write_file
from variance_bridge_fleet.manifest import Input

TABLES = ("positions", "triage")
_DONE = frozenset({"complete", "partial", "refused"})
"""What is not tried again: a file that is not acceptable stays so. What failed may succeed the next time."""
_DIGITS = 24
_OPEN_AT_A_TIME = 4


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one input.

    Attributes:
        key: of the input.
        shown: what tables call it.
        sha256: of the file that was read; None where there is none.
        read_by: what the manifest said about how to read it.
        accounts: a row each, or one where no account is known; never empty.
        rows: how many the input has in each table.
    """

    key: str
    shown: str
    sha256: str | None
    read_by: str
    accounts: Sequence[Mapping[str, Any]]
    rows: Mapping[str, int]

    @property
    def has_succeeded(self) -> bool:
        """Whether another try would end in the same way."""
        return all(each["status"] in _DONE for each in self.accounts)


class Batch(Struct, frozen=True):
    """The outcomes of a batch, in the order of its inputs, and the names of the files with their rows."""

    outcomes: tuple[Outcome, ...]
    parts: Mapping[str, str]

    def first_row(self, place: int, table: str) -> int:
        """Where the rows of the input at that place begin."""
        return sum(each.rows[table] for each in self.outcomes[:place])


def write_batch(
    folder: Path, round_: int, outcomes: Sequence[Outcome], tables: Mapping[str, bytes]
) -> None:
    """Keep a batch: first its rows, then its outcomes.

    Raises:
        DataRefused: it cannot be written.
    """
    parts = {}
    for table, data in tables.items():
        parts[table] = f"{hashlib.sha256(data).hexdigest()[:_DIGITS]}.{table}.arrow"
        write(folder / parts[table], data)
    document = {"inputs": [structs.asdict(each) for each in outcomes], "parts": parts}
    file = batch_file(folder, round_, [each.key for each in outcomes])
    write(file, dumps(document, indent=None))


def batch_file(folder: Path, round_: int, keys: Sequence[str]) -> Path:
    """Where the outcomes of a batch are."""
    digits = hashlib.sha256("".join(keys).encode()).hexdigest()[:_DIGITS]
    return folder / f"{round_:06d}-{digits}.json"


def write(file: Path, data: bytes) -> None:
    """Write one file of the output, as a whole."""
    write_file(file, data, title="the output", hint="make room, then use `--resume`")


def read_batch(file: Path) -> Batch | None:
    """The batch of a file; None where it cannot be read as one."""
    try:
        found = json.loads(file.read_bytes())
        outcomes = tuple(Outcome(**each) for each in found["inputs"])
        whole = outcomes and all(map(_is_whole, outcomes))
        return Batch(outcomes, dict(found["parts"])) if whole else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _is_whole(outcome: Outcome) -> bool:
    stated = bool(outcome.accounts) and all(each["status"] for each in outcome.accounts)
    return stated and all(isinstance(outcome.rows[table], int) for table in TABLES)


def _round_of(file: Path) -> int:
    return int(file.name.partition("-")[0])


class _Kept(Struct, frozen=True):
    """Where the outcome of an input is, and what decides whether it is done."""

    file: Path
    place: int
    sha256: str | None
    read_by: str
    is_final: bool


class Work:
    """The outcomes that are in a folder: of each input, where its latest is."""

    def __init__(self, folder: Path) -> None:
        """Read all of them once; rows are read when they are asked for."""
        self._folder = folder
        self._kept: dict[str, _Kept] = {}
        self.round = 0
        for file in sorted(folder.glob("[0-9]*-*.json")):
            batch = read_batch(file)
            self.round = _round_of(file)
            if batch is not None:
                self._add(file, batch)
        self._batch = lru_cache(_OPEN_AT_A_TIME)(read_batch)

    def _add(self, file: Path, batch: Batch) -> None:
        are_there = all((self._folder / name).is_file() for name in batch.parts.values())
        for place, each in enumerate(batch.outcomes):
            is_final = each.has_succeeded and (are_there or not any(each.rows.values()))
            self._kept[each.key] = _Kept(file, place, each.sha256, each.read_by, is_final)

    def has(self, key: str, since: int = 0) -> bool:
        """Whether an outcome of the input is there, whatever it is, that was written in that round or later."""
        return key in self._kept and _round_of(self._kept[key].file) >= since

    def is_done(self, each: Input, content: str | None) -> bool:
        """Whether an input need not be read again: it ended, did not fail, and its file is as it was, and how it is read.

        Args:
            each: the input.
            content: the digest of its file; None of a profile.
        """
        kept = self._kept.get(each.key)
        if kept is None or not kept.is_final or kept.read_by != each.read_by:
            return False
        return each.file is None or kept.sha256 == content

    def outcomes(self, inputs: Sequence[Input]) -> Iterator[tuple[int, Outcome]]:
        """The number of each input, from 1, and its outcome."""
        for first, batch, place, count in self._runs(inputs):
            yield from enumerate(batch.outcomes[place : place + count], start=first)

    def rows(self, inputs: Sequence[Input], table: str) -> Iterator[tuple[Path, int, list[int]]]:
        """Where the rows of the inputs are, in the order of these.

        Yields:
            A file, the first of its rows that count, and for each row from there the number of its input.
        """
        for first, batch, place, count in self._runs(inputs):
            chosen = enumerate(batch.outcomes[place : place + count], start=first)
            numbers = [number for number, each in chosen for _ in range(each.rows[table])]
            if numbers:
                file = self._folder / batch.parts[table]
                yield file, batch.first_row(place, table), numbers

    def _runs(self, inputs: Sequence[Input]) -> Iterator[tuple[int, Batch, int, int]]:
        """Inputs that follow each other in a batch too: the number of the first, the batch, the place there, and how many."""
        begin = 0
        while begin < len(inputs):
            kept = self._kept[inputs[begin].key]
            end = begin + 1
            while end < len(inputs) and self._follows(inputs[end], kept, end - begin):
                end += 1
            yield begin + 1, self._read(kept.file), kept.place, end - begin
            begin = end

    def _follows(self, each: Input, first: _Kept, distance: int) -> bool:
        kept = self._kept[each.key]
        return kept.file == first.file and kept.place == first.place + distance

    def _read(self, file: Path) -> Batch:
        batch = self._batch(file)
        if batch is None:
            raise DataRefused(
                "outcomes of the run are damaged", where=str(file), hint="use `--resume`"
            )
        return batch
