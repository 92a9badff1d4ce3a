"""The outline of a document: what it says of itself, and which positions are in it. Read in a twentieth of the time of the whole.

It is what a sync needs to know of the file that it replaces. Nothing else in it is looked at, so nothing else need be right.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Struct

from variance_bridge.document.convert import from_bytes_by_form
from variance_bridge.document.exact_json import without_mark
from variance_bridge.document.versions import for_this_version
from variance_bridge.model import Caution, Environment, Portfolio, Status, missing_rows
from variance_bridge.symbology import InstrumentType


class OutlineFlag(Struct, frozen=True):
    """Of a flag, what it says."""

    caution: Caution


class OutlineMeta(Struct, frozen=True):
    """Of `meta`, what tells one document from another; the members are those of `variance_bridge.model.Meta`."""

    source: str
    fetched_at: Annotated[datetime, msgspec.Meta(tz=True)]
    schema_version: str = "1.0"
    account_hash: str | None = None
    environment: Environment | None = None
    status: Status | None = None
    flags: tuple[OutlineFlag, ...] = ()

    @property
    def missing_rows(self) -> Mapping[Caution, str]:
        """As `variance_bridge.model.Meta.missing_rows`."""
        return missing_rows(flag.caution for flag in self.flags)


class OutlinePosition(Struct, frozen=True):
    """Which contract a position is in."""

    symbol: str
    type: InstrumentType


class Outline(Struct, frozen=True):
    """What a document says of itself, and its positions."""

    meta: OutlineMeta
    positions: tuple[OutlinePosition, ...]


def outline(data: bytes) -> Outline | Portfolio:
    """The outline of a document. What cannot be read so (a word of a later version, say) is read as a whole.

    Raises:
        DataRefused: not JSON, another major version, or not of the form of a document.
    """
    try:
        found = msgspec.json.decode(without_mark(data), type=Outline)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return from_bytes_by_form(data)
    for_this_version({"meta": {"schema_version": found.meta.schema_version}})
    return found
