"""The three tables of a run, made of what the workers left: part by part, so that memory does not grow with the run."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Self

from variance_bridge import DataRefused
from variance_bridge.commands import arrow_table
from variance_bridge.trading_hours import exchange_date
from variance_bridge_fleet.manifest import Input
from variance_bridge_fleet.output_folder import Output
from variance_bridge_fleet.worker_files import Work
from variance_bridge_fleet.worker_job import TRIAGE_KINDS

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
_DIGITS = 38


def write_tables(output: Output, work: Work, inputs: Sequence[Input]) -> None:
    """Write all three, in the order of the inputs; what was there is replaced.

    Raises:
        DataRefused: a column would need more than 38 digits over all accounts; nothing is rounded.
    """
    _write_positions(output, work, inputs)
    _write_triage(output, work, inputs)
    _write_outcomes(output, work, inputs)


def _write_outcomes(output: Output, work: Work, inputs: Sequence[Input]) -> None:
    """`outcomes.parquet`, some rows at a time. It has no decimals, so every batch has one schema."""
    schema = arrow_table([], OUTCOME_KINDS).schema
    with _replacing(output.folder / "outcomes.parquet", schema) as writer:
        found = _outcome_rows(work, inputs)
        while rows := list(islice(found, _ROWS_AT_A_TIME)):
            writer.write_table(arrow_table(rows, OUTCOME_KINDS))


def _outcome_rows(work: Work, inputs: Sequence[Input]) -> Iterator[dict[str, Any]]:
    for number, outcome in work.outcomes(inputs):
        for account in outcome.accounts:
            known = {"input": outcome.shown, "input_number": number, **account}
            yield {**known, "seconds": float(account["seconds"])}


def _write_triage(output: Output, work: Work, inputs: Sequence[Input]) -> None:
    """`triage.parquet`, part by part."""
    import pyarrow as pa

    schema = _schema_of_all(work, inputs, "triage") or arrow_table([], TRIAGE_KINDS).schema
    numbered = schema.append(pa.field("input_number", pa.int64()))
    gathered = _Gathered()
    with _replacing(output.folder / "triage.parquet", numbered) as writer:
        for table, numbers in _rows(work, inputs, "triage", schema):
            column = pa.array(numbers, pa.int64())
            gathered.add(table.append_column(numbered.field("input_number"), column))
            if gathered.rows >= _ROWS_AT_A_TIME:
                writer.write_table(gathered.taken())
        if gathered.rows:
            writer.write_table(gathered.taken())


class _Gathered:
    """Tables of one schema, until there are enough rows to be worth a group of a Parquet file."""

    def __init__(self) -> None:
        self._tables: list[Any] = []
        self.rows = 0

    def add(self, table: Any) -> None:
        self._tables.append(table)
        self.rows += table.num_rows

    def taken(self) -> Any:
        import pyarrow as pa

        whole = pa.concat_tables(self._tables).combine_chunks()
        self._tables, self.rows = [], 0
        return whole


def _rows(
    work: Work, inputs: Sequence[Input], table: str, schema: Any
) -> Iterator[tuple[Any, list[int]]]:
    """Rows of inputs that follow each other, in that schema, and for each the number of its input."""
    for file, first, numbers in work.rows(inputs, table):
        yield _cast(_table_of(file).slice(first, len(numbers)), schema), numbers


def _schema_of_all(work: Work, inputs: Sequence[Input], table: str) -> Any:
    """One schema for all rows of a table; None where there is no row."""
    files = dict.fromkeys(file for file, _first, _numbers in work.rows(inputs, table))
    return common_schema(map(_schema_of, files))


@contextmanager
def _replacing(file: Path, schema: Any) -> Iterator[Any]:
    """A writer of a file that takes its place when all of it was written."""
    from pyarrow import parquet

    new = file.with_name(f".{file.name}.new")
    with parquet.ParquetWriter(new, schema) as writer:
        yield writer
    new.chmod(0o600)
    new.replace(file)


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


def _write_positions(output: Output, work: Work, inputs: Sequence[Input]) -> None:
    """The dataset `positions/as_of=DAY/source=NAME/part-0.parquet`; all files have one schema."""
    schema = _schema_of_all(work, inputs, "positions")
    new = output.folder / ".positions.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if schema is not None:
        with _Partitions(new, schema) as partitions:
            for table, _numbers in _rows(work, inputs, "positions", schema):
                partitions.add(table)
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
            hint="delete it if it is there, then use `--resume`: its inputs are read again",
        ) from None


class _Partitions:
    """Writers of the dataset, one for each day and source; rows are gathered until a group is worth writing."""

    def __init__(self, folder: Path, schema: Any) -> None:
        self._folder, self._schema = folder, schema
        self._writers: dict[tuple[str, str], Any] = {}
        self._gathered: dict[tuple[str, str], _Gathered] = defaultdict(_Gathered)
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
        days: dict[str, list[Any]] = defaultdict(list)
        for moment in table["fetched_at"].unique().to_pylist():
            days[exchange_date(moment).isoformat()].append(moment)
        sources = table["source"].unique().to_pylist()
        for day, moments in days.items():
            for source in sources:
                is_all = len(days) == len(sources) == 1
                self._gather(
                    (day, source), table if is_all else _of_partition(table, moments, source)
                )

    def _gather(self, partition: tuple[str, str], table: Any) -> None:
        gathered = self._gathered[partition]
        gathered.add(table)
        if gathered.rows >= _ROWS_AT_A_TIME:
            self._flush(partition)

    def _flush(self, partition: tuple[str, str]) -> None:
        if self._gathered[partition].rows:
            self._writer(partition).write_table(self._gathered[partition].taken())

    def _writer(self, partition: tuple[str, str]) -> Any:
        from pyarrow import parquet

        if partition not in self._writers:
            day, source = partition
            folder = self._folder / f"as_of={day}" / f"source={source}"
            folder.mkdir(mode=0o700, parents=True)
            writer = parquet.ParquetWriter(folder / "part-0.parquet", self._schema)
            self._writers[partition] = self._stack.enter_context(writer)
        return self._writers[partition]


def _of_partition(table: Any, moments: list[Any], source: str) -> Any:
    """The rows whose state is of one of these moments, from that source."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(moments, table.schema.field("fetched_at").type)
    of_day = pc.is_in(table["fetched_at"], value_set=wanted)
    return table.filter(pc.and_(of_day, pc.equal(table["source"], source)))
