"""A run in numbers, and the exit code that follows from them."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

from msgspec import Struct, structs

from variance_bridge import DataRefused
from variance_bridge_fleet.output import Output

STATUSES = ("complete", "partial", "refused", "failed")


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
    outcomes = read_table(output, "outcomes.parquet")
    statuses = Counter(outcomes["status"].to_pylist())
    run = output.run()
    return Summary(
        inputs=int(run.get("inputs", 0)),
        accounts=outcomes.num_rows,
        **{status: statuses[status] for status in STATUSES},
        positions=sum(outcomes["positions"].to_pylist()),
        seconds=float(run.get("seconds", 0)),
    )


def read_table(output: Output, name: str) -> Any:
    """One of the tables of a run as an Arrow table.

    Raises:
        DataRefused: the folder holds no finished run.
    """
    from pyarrow import parquet

    try:
        return parquet.read_table(output.folder / name)
    except (OSError, ValueError):
        raise DataRefused(
            "the folder holds no finished run",
            where=str(output.folder),
            hint="use `variance fleet run ... --resume` to finish it",
        ) from None
