"""`--input -`: what comes in by standard input as a file, for brokers that read files."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from variance_bridge.cli.invocation import Invocation
from variance_bridge.errors import DataRefused, UsageError
from variance_bridge.pipeline.previous_document import STANDARD_STREAM

MAX_BYTES = 512 * 1024 * 1024
NAME = "standard-input"


@contextmanager
def standard_input_as_file(
    invocation: Invocation, input_file: Path | None
) -> Iterator[Path | None]:
    """The input file that the user named; for `-` a private copy of standard input, removed afterwards.

    Raises:
        UsageError: standard input is a terminal.
        DataRefused: it is empty or closed, or longer than any export.
    """
    if input_file != STANDARD_STREAM:
        yield input_file
        return
    stream = getattr(sys.stdin, "buffer", None)
    if (
        stream is None
    ):  # closed (`<&-`), or replaced by a program that runs the command within its own
        raise DataRefused("standard input is closed")
    if sys.stdin.isatty():
        raise UsageError(
            "`--input -` reads standard input, and that is the keyboard",
            hint="for example: variance sync --input - < export.csv",
        )
    data = stream.read(MAX_BYTES + 1)
    if not data:
        raise DataRefused("standard input is empty")
    if len(data) > MAX_BYTES:
        raise DataRefused(f"standard input is longer than {MAX_BYTES} bytes")
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="variance-") as folder:
        copy = Path(folder) / NAME
        copy.write_bytes(data)
        _take_time(invocation, copy)
        yield copy


def _take_time(invocation: Invocation, copy: Path) -> None:
    """The copy is as old as the file behind `< export.csv`; a pipe has no time, which is worth a warning."""
    status = os.fstat(sys.stdin.fileno())
    if stat.S_ISREG(status.st_mode):
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        invocation.warn(
            "a pipe has no time: an export that does not state its own counts as made just now"
        )
