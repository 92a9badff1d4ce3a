"""The file itself: which one, its bytes, its time, and a name for it that can be shown."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path

from msgspec import Struct

from variance_bridge.errors import DataRefused, UsageError
from variance_bridge.files import read_file
from variance_bridge.formatting import repr_without
from variance_bridge_csv.file.file_name import day_in_name, describe_name

MAX_FILE_BYTES = 512 * 1024 * 1024
"""Room for a million rows of any broker; what is larger would not fit into the memory of a usual machine."""


class InputFile(Struct, frozen=True):
    """A positions file as it was found.

    Attributes:
        path: of the file.
        shown: its name, with what may be an account number or a nickname hidden.
        modified_at: its modification time, UTC.
        account: the account number that its name tells, or "".
        nickname: the user's word for the account that its name tells.
        named_day: the date in its name.
    """

    path: Path
    shown: str
    modified_at: datetime
    account: str = ""
    nickname: str | None = None
    named_day: date | None = None

    __repr__ = repr_without("path", "account", "nickname")


def required(named: Path | None) -> Path:
    """The file to read, which the core chooses: the one that the user named, or each of the folder `input_folder`.

    Raises:
        UsageError: there is none.
    """
    if named is None:
        raise UsageError(
            "this broker reads a file, and none was named",
            hint="name it, as in `variance sync FILE` or `variance accounts FILE`; or set `input_folder` in the table [brokers.csv] of variance.toml",
        )
    return named


def read_input(path: Path, name_patterns: Iterable[str]) -> tuple[InputFile, bytes]:
    """The file and its bytes.

    Raises:
        DataRefused: it is not there, no file, not readable, or larger than any positions file.
    """
    name_patterns = tuple(name_patterns)
    shown, account, nickname = describe_name(path.name, name_patterns)
    content = read_file(path, shown=shown, max_bytes=MAX_FILE_BYTES)
    try:
        modified_at = datetime.fromtimestamp(int(content.status.st_mtime), UTC)
    except (OSError, OverflowError, ValueError):
        raise DataRefused(
            "the file's modification time is out of range",
            where=shown,
            hint="set its time: touch FILE",
        ) from None
    named_day = day_in_name(path.name, name_patterns)
    return InputFile(path, shown, modified_at, account, nickname, named_day), content.data
