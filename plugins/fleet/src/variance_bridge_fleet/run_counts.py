"""A run in numbers, and the exit code that follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from variance_bridge import DataRefused
from variance_bridge_fleet.output_folder import Output

STATUSES = ("complete", "partial", "refused", "failed")
_ROWS_AT_A_TIME = 20_000


class Summary(Struct, frozen=True, kw_only=True):
    """A run in numbers. `complete`, `partial`, `refused` and `failed` add up to `accounts`.

    Attributes:
        inputs: files and profiles of the manifest.
        accounts: rows of the outcomes: one an account, and one an input of which no account is known.
        seconds: how long the run took.
    """

    inputs: int
    accounts: int
    complete: int
    partial: int
    refused: int
    failed: int
    positions: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """0 when every input ended complete or partial, 6 when some were refused, else 5 when some failed."""
        return 6 if self.refused else 5 if self.failed else 0

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**structs.asdict(self), "seconds": Decimal(str(self.seconds))}


def summary(output: Output) -> Summary:
    """The run in numbers.

    Raises:
        DataRefused: the folder holds no finished run.
    """
    statuses: Counter[str] = Counter()
    positions = 0
    for status, count in rows_of(output, "outcomes", "status", "positions"):
        statuses[status] += 1
        positions += count
    run = output.run()
    return Summary(
        inputs=int(run.get("inputs", 0)),
        accounts=statuses.total(),
        **{status: statuses[status] for status in STATUSES},
        positions=positions,
        seconds=float(run.get("seconds", 0)),
    )


def rows_of(output: Output, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a table of a run, with these columns; raises as `summary`."""
    for batch in batches_of(output, table, columns):
        yield from zip(*(batch[name].to_pylist() for name in columns), strict=True)


def batches_of(output: Output, table: str, columns: Sequence[str] | None = None) -> Iterator[Any]:
    """A table of a run, some rows at a time, so that memory does not grow with the run; raises as `summary`."""
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(output.folder / f"{table}.parquet") as file:
            for group in range(file.num_row_groups):  # over several, Arrow keeps what it has read
                yield from file.iter_batches(
                    _ROWS_AT_A_TIME, row_groups=[group], columns=columns, use_threads=False
                )
    except (OSError, ValueError):
        raise DataRefused(
            "the folder holds no finished run",
            where=str(output.folder),
            hint="use `variance fleet run ... --resume` to finish it",
        ) from None
