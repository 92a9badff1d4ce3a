"""The three tables of a run, made of what the workers left: part by part, so that memory does not grow with the run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from variance_bridge import DataRefused
from variance_bridge.commands import arrow_table
from variance_bridge.exchange import exchange_date
from variance_bridge_fleet.job import TRIAGE_KINDS
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output import Output

OUTCOME_KINDS: Mapping[str, type[Any]] = {
    "input": str,
    "source": str,
    "account_hash": str,
    "status": str,
    "positions": int,
    "rejected": int,
    "exit": int,
    "reason": str,
    "seconds": float,
    "input_number": int,
}
"""The columns of `outcomes.parquet`, one row an account, and one an input of which no account is known.

`input_number` is the input's place in the manifest, from 1: what may be an account number is left out of its name.
"""
_ROWS_AT_A_TIME = 20_000
_INPUTS_AT_A_TIME = 500
_DIGITS = 38


def write_tables(output: Output, inputs: Sequence[Input]) -> None:
    """Write all three, in the order of the inputs; what was there is replaced.

    Raises:
        DataRefused: a column would need more than 38 digits over all accounts; nothing is rounded.
    """
    _write_positions(output, inputs)
    _write_triage(output, inputs)
    _write_outcomes(output, inputs)


def _write_outcomes(output: Output, inputs: Sequence[Input]) -> None:
    """`outcomes.parquet`, some inputs at a time. It has no decimals, so every batch has one schema."""
    schema = arrow_table([], OUTCOME_KINDS).schema
    rows: list[dict[str, Any]] = []
    with _replacing(output.folder / "outcomes.parquet", schema) as writer:
        for number, each in enumerate(inputs, start=1):
            outcome = json.loads(output.outcome_file(each.key).read_bytes())
            for account in outcome["accounts"]:
                known = {"input": outcome["input"], "input_number": number, **account}
                rows.append({**known, "seconds": float(account["seconds"])})
            if number % _INPUTS_AT_A_TIME == 0 or number == len(inputs):
                writer.write_table(arrow_table(rows, OUTCOME_KINDS))
                rows = []


def _write_triage(output: Output, inputs: Sequence[Input]) -> None:
    """`triage.parquet`, part by part."""
    import pyarrow as pa

    parts = list(_parts(output, inputs, "triage"))
    schema = common_schema(_schema_of(file) for _number, file in parts)
    schema = schema or arrow_table([], TRIAGE_KINDS).schema
    numbered = schema.append(pa.field("input_number", pa.int64()))
    with _replacing(output.folder / "triage.parquet", numbered) as writer:
        gathered: list[Any] = []
        for place, (number, file) in enumerate(parts, start=1):
            table = _cast(_table_of(file), schema)
            numbers = pa.array([number] * table.num_rows, pa.int64())
            gathered.append(table.append_column(numbered.field("input_number"), numbers))
            if place % _INPUTS_AT_A_TIME == 0 or place == len(parts):
                writer.write_table(pa.concat_tables(gathered).combine_chunks())
                gathered = []


@contextmanager
def _replacing(file: Path, schema: Any) -> Iterator[Any]:
    """A writer of a file that takes its place when all of it was written."""
    from pyarrow import parquet

    new = file.with_name(f".{file.name}.new")
    with parquet.ParquetWriter(new, schema) as writer:
        yield writer
    new.chmod(0o600)
    new.replace(file)


def _parts(output: Output, inputs: Iterable[Input], table: str) -> Iterator[tuple[int, Path]]:
    """The parts of a table with the numbers of their inputs: those that the outcomes count, for another try may have left some."""
    for number, each in enumerate(inputs, start=1):
        outcome = output.outcome(each.key)
        if outcome is not None and table in outcome["parts"]:
            yield number, output.part(each.key, table)


def common_schema(schemas: Iterable[Any]) -> Any:
    """The schema with the largest scale of each column of decimals; None of none."""
    import pyarrow as pa

    found: Any = None
    for schema in schemas:
        if found is None:
            found = schema
        elif not schema.equals(found):
            for place, field in enumerate(schema):
                if (
                    pa.types.is_decimal(field.type)
                    and field.type.scale > found.field(place).type.scale
                ):
                    found = found.set(place, field)
    return found


def _cast(table: Any, schema: Any) -> Any:
    import pyarrow as pa

    if table.schema.equals(schema):
        return table
    for name in schema.names:
        try:
            table.column(name).cast(schema.field(name).type)
        except pa.ArrowInvalid:
            raise DataRefused(
                f"{name} would need more than {_DIGITS} digits over all accounts, and nothing is rounded",
                hint="put the accounts with such numbers into a run of their own",
            ) from None
    return table.cast(schema)


def _write_positions(output: Output, inputs: Sequence[Input]) -> None:
    """The dataset `positions/as_of=DAY/source=NAME/part-0.parquet`; all files have one schema."""
    parts = [file for _number, file in _parts(output, inputs, "positions")]
    schema = common_schema(_schema_of(file) for file in parts)
    new = output.folder / ".positions.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if schema is not None:
        with _Partitions(new, schema) as partitions:
            for file in parts:
                partitions.add(_cast(_table_of(file), schema))
    old = output.folder / "positions"
    shutil.rmtree(old, ignore_errors=True)
    new.replace(old)


def _schema_of(file: Path) -> Any:
    with _undamaged(file) as part:
        return part.schema


def _table_of(file: Path) -> Any:
    with _undamaged(file) as part:
        return part.read_all()


@contextmanager
def _undamaged(file: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        yield pa.ipc.open_file(pa.BufferReader(file.read_bytes()))
    except (OSError, pa.ArrowException):
        raise DataRefused(
            "a part of the tables is missing or damaged",
            where=str(file),
            hint="delete it if it is there, then use `--resume`: its input is read again",
        ) from None


class _Partitions:
    """Writers of the dataset, one for each day and source; rows are gathered until a group is worth writing."""

    def __init__(self, folder: Path, schema: Any) -> None:
        self._folder, self._schema = folder, schema
        self._writers: dict[tuple[str, str], Any] = {}
        self._gathered: dict[tuple[str, str], list[Any]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_others: object) -> None:
        if kind is None:
            for partition in list(self._gathered):
                self._flush(partition)
        self._stack.close()

    def add(self, table: Any) -> None:
        """Rows, by the day of their state and their source."""
        import pyarrow.compute as pc

        moments, sources = table["fetched_at"].unique(), table["source"].unique()
        for moment in moments.to_pylist():
            day = exchange_date(moment).isoformat()
            for source in sources.to_pylist():
                if len(moments) == len(sources) == 1:
                    chosen = table
                else:
                    chosen = table.filter(
                        pc.and_(
                            pc.equal(table["fetched_at"], moment),
                            pc.equal(table["source"], source),
                        )
                    )
                self._gather((day, source), chosen)

    def _gather(self, partition: tuple[str, str], table: Any) -> None:
        gathered = self._gathered.setdefault(partition, [])
        gathered.append(table)
        if sum(each.num_rows for each in gathered) >= _ROWS_AT_A_TIME:
            self._flush(partition)

    def _flush(self, partition: tuple[str, str]) -> None:
        import pyarrow as pa

        tables = self._gathered.pop(partition)
        if any(each.num_rows for each in tables):
            self._writer(partition).write_table(pa.concat_tables(tables).combine_chunks())

    def _writer(self, partition: tuple[str, str]) -> Any:
        from pyarrow import parquet

        if partition not in self._writers:
            day, source = partition
            folder = self._folder / f"as_of={day}" / f"source={source}"
            folder.mkdir(mode=0o700, parents=True)
            writer = parquet.ParquetWriter(folder / "part-0.parquet", self._schema)
            self._writers[partition] = self._stack.enter_context(writer)
        return self._writers[partition]
