"""The dialects that are at hand: those shipped with this plugin, and the user's own.

The shipped ones are written as TOML, one file each, and read from `dialects/all_dialects.generated.json`, which holds them all, with what
they extend: that takes 1 ms, and the 30 files 14. `scripts/gather_dialects.py` writes it, and a test holds it to the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

from variance_bridge.errors import ConfigurationError
from variance_bridge.files import merge_tables, read_toml
from variance_bridge.formatting import did_you_mean, printable, repr_without
from variance_bridge_csv.dialect_format.dialect_options import HINT, Dialect, OtherReport

_SHIPPED = Path(__file__).parents[1] / "dialects" / "all_dialects.generated.json"
_OTHER_REPORTS = "other_reports.toml"
_MAX_USER_DIALECTS = 200
_MAX_BYTES = 256 * 1024
"""Of a dialect file."""


class KnownDialect(Struct, frozen=True):
    """A dialect with the table that it was read from, which is its plain-data form."""

    dialect: Dialect
    table: Mapping[str, Any]

    __repr__ = repr_without("table")


def check(path: Path) -> Dialect:
    """The dialect in a file, which may extend a shipped one or one that lies beside it. I/O.

    Raises:
        ConfigurationError: what is wrong with it.
    """
    table = _read_table(path)
    tables = dict(_shipped_tables())
    for other in _user_files(path.parent):
        if other != path:
            beside = _read_table(other)
            tables[_name_of(beside, other.name)] = (beside, other.name)
    name = _name_of(table, path.name)
    tables[name] = (table, path.name)
    return _known(name, tables).dialect


def load(folder: Path | None) -> Mapping[str, KnownDialect]:
    """All dialects by name. One in `folder` takes the place of a shipped one of the same name. I/O.

    Raises:
        ConfigurationError: a dialect of the user is faulty; where and how.
    """
    own = _user_files(folder)
    if not own:
        return _shipped()
    tables = dict(_shipped_tables())
    for path in own:
        table = _read_table(path)
        tables[_name_of(table, path.name)] = (table, path.name)
    return {name: _known(name, tables) for name in tables}


def own_names(folder: Path | None) -> frozenset[str]:
    """The names of the user's own dialects. I/O.

    Raises:
        ConfigurationError: one of the files cannot be read.
    """
    return frozenset(_name_of(_read_table(path), path.name) for path in _user_files(folder))


def _read_table(path: Path) -> dict[str, Any]:
    return read_toml(path, where=path.name, max_bytes=_MAX_BYTES)


def _user_files(folder: Path | None) -> list[Path]:
    if folder is None or not folder.is_dir():
        return []
    found = sorted(
        path for path in folder.glob("*.toml") if path.name != _OTHER_REPORTS and not path.is_fifo()
    )
    if len(found) > _MAX_USER_DIALECTS:
        raise ConfigurationError(
            f"more than {_MAX_USER_DIALECTS} dialect files in the configuration folder"
        )
    return found


class _Shipped(Struct, frozen=True):
    """What `all_dialects.generated.json` holds; `reports` are the kinds of broker file that are no positions files."""

    dialects: dict[str, Dialect]
    reports: tuple[OtherReport, ...]


@cache
def _shipped_records() -> _Shipped:
    return msgspec.json.decode(_SHIPPED.read_bytes(), type=_Shipped)


@cache
def _shipped_tables() -> Mapping[str, tuple[dict[str, Any], str]]:
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    tables = decoder.decode(_SHIPPED.read_bytes())["dialects"]
    return {name: (table, f"dialects/{name}.toml") for name, table in tables.items()}


@cache
def _shipped() -> Mapping[str, KnownDialect]:
    tables, records = _shipped_tables(), _shipped_records().dialects
    known = {name: KnownDialect(records[name], table) for name, (table, _where) in tables.items()}
    return MappingProxyType(known)


def other_reports() -> tuple[OtherReport, ...]:
    """The kinds of broker file that are no positions files."""
    return _shipped_records().reports


def _name_of(table: Mapping[str, Any], where: str) -> str:
    name = table.get("name")
    if not isinstance(name, str):
        raise ConfigurationError(
            "name: is missing, or is not text in quotes", where=where, hint=HINT
        )
    return name


def _known(name: str, tables: Mapping[str, tuple[dict[str, Any], str]]) -> KnownDialect:
    table, where = tables[name]
    # Imported here: those that are shipped were checked when they were gathered, and most syncs read no other.
    from variance_bridge_csv.dialect_format.dialect_file import read_dialect

    full = _extended(table, where, tables, (name,), shipped=_shipped_tables())
    return KnownDialect(read_dialect(full, where), full)


def extended(name: str, tables: Mapping[str, tuple[dict[str, Any], str]]) -> dict[str, Any]:
    """The table of that name with what it extends, where none of the tables takes the place of a shipped one."""
    table, where = tables[name]
    return _extended(table, where, tables, (name,), shipped={})


def _extended(
    table: Mapping[str, Any],
    where: str,
    tables: Mapping[str, tuple[dict[str, Any], str]],
    chain: tuple[str, ...],
    *,
    shipped: Mapping[str, tuple[dict[str, Any], str]],
) -> dict[str, Any]:
    """The table with what it extends. A dialect may extend the shipped one whose place it takes."""
    base_name = table.get("extends")
    if base_name is None:
        return dict(table)
    if not isinstance(base_name, str):
        raise ConfigurationError("extends: must be text in quotes", where=where, hint=HINT)
    if (
        base_name == table.get("name")
        and base_name in shipped
        and shipped[base_name][0] is not table
    ):
        base, base_where = shipped[base_name]
    elif base_name in chain:
        raise ConfigurationError("extends: a dialect cannot extend itself", where=where)
    elif base_name in tables:
        base, base_where = tables[base_name]
    else:
        raise ConfigurationError(
            f'extends: there is no dialect "{printable(base_name, limit=60)}"'
            f"{did_you_mean(base_name, tables)}",
            where=where,
        )
    own = {key: value for key, value in table.items() if key != "extends"}
    below = _extended(base, base_where, tables, (*chain, base_name), shipped=shipped)
    return merge_tables(below, own)
