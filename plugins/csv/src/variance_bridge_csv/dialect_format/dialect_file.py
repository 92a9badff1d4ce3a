"""Dialect files: a table in, `Dialect` out, every fault named by its place in the file.

A key that is not known, a value of the wrong type, a pattern that could stall the program and a name that two fields
claim are all faults. Nothing is ignored, because what is ignored would be read as something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from variance_bridge.errors import ConfigurationError
from variance_bridge.files import Fault, refusal, try_structure
from variance_bridge_csv.dialect_format.dialect_faults import faults
from variance_bridge_csv.dialect_format.dialect_options import DESCRIPTION_VERSION, HINT, Dialect


def read_dialect(table: Mapping[str, Any], where: str) -> Dialect:
    """The dialect that a table (already extended) describes.

    Raises:
        ConfigurationError: its faults, each with its place.
    """
    own = dict(table)
    version = own.pop("description", None)
    if version != DESCRIPTION_VERSION:
        raise ConfigurationError(
            f"description: must be {DESCRIPTION_VERSION}, the version of the description language",
            where=where,
            hint=HINT,
        )
    dialect, found = try_structure(own, Dialect)
    if dialect is None:
        raise refusal(found, where=where, hint=HINT)
    if senseless := [Fault("", what) for what in faults(dialect)]:
        raise refusal(senseless, where=where, hint=HINT)
    return dialect
