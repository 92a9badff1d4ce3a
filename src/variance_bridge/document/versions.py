"""Reading a document of a later 1.y: what this version does not know is left out, and that is said once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from variance_bridge.document.schema import schema
from variance_bridge.errors import DataRefused
from variance_bridge.model import SCHEMA_VERSION

_VERSION = re.compile(r"([0-9]{1,3})[.]([0-9]{1,3})")
_KNOWN = ((1, 0), (1, 1))
_WHEN_UNKNOWN = {"type": "other", "reason": "unreadable_row"}


def for_this_version(document: Any) -> tuple[Any, tuple[str, ...]]:
    """The document as a reader of `SCHEMA_VERSION` sees it, and warnings.

    A document of a version that we know is returned as it is: there an unknown member is a violation, not a novelty.

    Raises:
        DataRefused: another major version.
    """
    version = _version(document)
    if version is None or version in _KNOWN:
        return document, ()
    major, minor = version
    if major != 1:
        raise DataRefused(
            f"the document is of version {major}.{minor}; this program reads 1.x",
            hint="upgrade variance-bridge",
        )
    known = _known(document, schema(), None)
    if known == document:
        return document, ()
    warning = f"the document is of version 1.{minor}: members that {SCHEMA_VERSION} does not know were ignored"
    return known, (warning,)


def is_of_another_major(document: Any) -> bool:
    """Whether it is a document whose major version this program does not read."""
    version = _version(document)
    return version is not None and version[0] != 1


def _version(document: Any) -> tuple[int, int] | None:
    meta = document.get("meta") if isinstance(document, dict) else None
    text = meta.get("schema_version") if isinstance(meta, dict) else None
    match = _VERSION.fullmatch(text) if isinstance(text, str) else None
    return (int(match[1]), int(match[2])) if match else None


class _Unknown:
    """Stands for a word that this version does not know."""


def _resolve(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = rule.get("$ref")
    return schema()["$defs"][reference.removeprefix("#/$defs/")] if reference else rule


def _known(value: Any, rule: Mapping[str, Any], name: str | None) -> Any:
    rule = _resolve(rule)
    if "enum" in rule and isinstance(value, str) and value not in rule["enum"]:
        return _WHEN_UNKNOWN.get(name or "", _Unknown)
    if isinstance(value, dict) and "properties" in rule:
        return _known_members(value, rule)
    if isinstance(value, list) and "items" in rule:
        items = [_known(item, rule["items"], None) for item in value]
        return [item for item in items if item is not _Unknown]
    return value


def _known_members(value: dict[str, Any], rule: Mapping[str, Any]) -> Any:
    members = {}
    for name, member in value.items():
        if name not in rule["properties"]:
            continue
        kept = _known(member, rule["properties"][name], name)
        if kept is not _Unknown:
            members[name] = kept
        elif name == "caution":
            return _Unknown
    return members
