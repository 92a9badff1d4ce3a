"""The format `parquet`: flat rows in one columnar file, their numbers exact. Needs the extra `parquet` (pyarrow)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from variance_bridge.model import SCHEMA_VERSION, Portfolio
from variance_bridge.reading.arrow_table import arrow_table, import_pyarrow
from variance_bridge.reading.export_columns import flat_rows


def export(portfolios: Sequence[Portfolio]) -> bytes:
    """The table of `arrow_table` as a Parquet file; its metadata state the version of the documents' schema.

    Raises:
        DataRefused: a number needs more digits than the format has.
        ConfigurationError: pyarrow is not installed.
    """
    table = arrow_table(list(chain.from_iterable(map(flat_rows, portfolios))))
    stated = {"variance_bridge.schema_version": SCHEMA_VERSION}
    pa = import_pyarrow()
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    parquet.write_table(table.replace_schema_metadata(stated), sink)
    written: bytes = sink.getvalue().to_pybytes()
    return written
