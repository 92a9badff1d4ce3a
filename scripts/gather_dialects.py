"""Writes all dialects that ship with the broker `csv` into the one file that the program reads.

Run with the Python of `.venv` whenever one of `plugins/csv/src/variance_bridge_csv/dialects/*.toml` was changed.
"""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import msgspec

from variance_bridge_csv.dialect_format.known_dialects import extended

FOLDER = Path(__file__).parents[1] / "plugins" / "csv" / "src" / "variance_bridge_csv" / "dialects"
OTHER_REPORTS = "other_reports.toml"


def gathered() -> bytes:
    """A line for each dialect, with what it extends, so that a change shows which one it is in."""
    read = {
        file.name: tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
        for file in sorted(FOLDER.glob("*.toml"))
    }
    reports = read.pop(OTHER_REPORTS)["report"]
    tables = {table["name"]: (table, name) for name, table in read.items()}
    encode = msgspec.json.Encoder(decimal_format="number").encode
    lines = (encode(name) + b": " + encode(extended(name, tables)) for name in tables)
    together = b'{"dialects": {\n' + b",\n".join(lines) + b'\n},\n"reports": ' + encode(reports)
    return together + b"}\n"


if __name__ == "__main__":
    (FOLDER / "all_dialects.generated.json").write_bytes(gathered())
