"""The keys of the configuration table `[brokers.csv]`."""

from __future__ import annotations

from pathlib import Path

import attrs

from variance_bridge.broker import setting


@attrs.frozen(kw_only=True)
class CsvSettings:
    """How position files are found and read."""

    dialect: str | None = setting(
        None,
        title="The dialect to read the file by, instead of the one that its header names; `ibkr*` is one of those whose names "
        "begin so",
    )
    input_folder: Path | None = setting(  # noqa: RUF009 - a field
        None,
        title="Folder of exports, of which the newest of each account is read when no file is named",
    )
    max_rejected_percent: int = setting(
        20,
        title="Share of rows that may be unreadable; a file with more is refused. One row always may",
    )
