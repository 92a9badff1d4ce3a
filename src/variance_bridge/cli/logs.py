"""What `-v` and `-vv` write to stderr, and the guard that keeps personal values out of it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from variance_bridge.cli.log_redaction import install_exception_hooks, install_redaction

if TYPE_CHECKING:
    from variance_bridge.personal_values import PersonalValues

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def _worth_reading(record: logging.LogRecord) -> bool:
    """What we and our plugins say; of libraries, only what went wrong."""
    return record.name.startswith("variance_bridge") or record.levelno >= logging.WARNING


def guarded_logs(personal: PersonalValues, verbosity: int) -> Callable[[], None]:
    """Write log records to stderr by `verbosity`, redacted, and report uncaught exceptions without values.

    Returns:
        A function that undoes it.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    handler.addFilter(_worth_reading)
    root = logging.getLogger()
    level, before = _LEVELS[min(verbosity, 2)], root.level
    root.addHandler(handler)
    root.setLevel(level)
    undo = (install_redaction(personal, root), install_exception_hooks(personal))

    def restore() -> None:
        for one in undo:
            one()
        root.removeHandler(handler)
        root.setLevel(before)

    return restore
