"""For plugins: files of the user, read with limits and replaced as a whole, and TOML tables as attrs classes."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.errors import DataRefused
from variance_bridge.settings.setting_messages import Fault, refusal
from variance_bridge.settings.table_to_class import KEY, structure, structure_shipped, try_structure
from variance_bridge.settings.toml import merge_tables, parse_toml, read_toml
from variance_bridge.storage.filesystem import reason
from variance_bridge.storage.read import MAX_BYTES, FileContent, Reader

__all__ = [
    "KEY",
    "Fault",
    "FileContent",
    "merge_tables",
    "parse_toml",
    "read_file",
    "read_toml",
    "refusal",
    "structure",
    "structure_shipped",
    "try_structure",
    "write_file",
]


def read_file(file: Path, *, shown: str | None = None, max_bytes: int = MAX_BYTES) -> FileContent:
    """The bytes of a regular file (`data`), and its `status`, as of `os.stat`, when they were read.

    Args:
        file: that the user named. A symbolic link is followed.
        shown: what a message calls it, for a name that may be personal; the path by default.
        max_bytes: a larger file is refused.

    Raises:
        DataRefused: it is not there, not a regular file, too large, unreadable, or being changed.
    """
    return Reader(max_bytes=max_bytes).read_named(file, shown=shown)


def write_file(file: Path, data: bytes, *, title: str, hint: str) -> None:
    """Write a file (0600), as a whole or not at all. What was there is replaced.

    Args:
        file: its folder exists. A symbolic link in its place is replaced, not followed.
        data: its content.
        title: what a message calls it: "the page".
        hint: what the user can do when it cannot be written.

    Raises:
        DataRefused: it cannot be written; what was there is as it was.
    """
    from variance_bridge.storage.replace import replace_file

    try:
        replace_file(file, data)
    except (OSError, ValueError) as error:
        is_without_folder = isinstance(error, FileNotFoundError) and not file.parent.is_dir()
        why = f"the folder {file.parent} does not exist" if is_without_folder else reason(error)
        what = f"{title} cannot be written: {why}"
        raise DataRefused(what, where=str(file), hint=hint) from None
