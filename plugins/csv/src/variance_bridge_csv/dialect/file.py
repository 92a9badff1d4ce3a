"""Dialect files: TOML in, `Dialect` out, every fault named by its place in the file.

A key that is not known, a value of the wrong kind, a pattern that could stall the program and a name that two fields
claim are all faults. Nothing is ignored, because what is ignored would be read as something else.
"""

from __future__ import annotations

import difflib
import tomllib
import types
import typing
from collections.abc import Hashable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import cache
from typing import Any

import attrs

from variance_bridge.errors import ConfigurationError
from variance_bridge_csv.dialect.lint import faults
from variance_bridge_csv.dialect.model import (
    DESCRIPTION_VERSION,
    Dialect,
    OtherReport,
)
from variance_bridge_csv.names import shown

LARGEST_DIALECT = 256 * 1024
"""Bytes of a dialect file."""

_KEY_OF_FIELD = {"captures": "capture", "rows": "row", "is_": "is"}


class DialectFault(ConfigurationError):
    """A dialect file that cannot be used (exit 3)."""


def parse_table(text: str, where: str) -> dict[str, Any]:
    """The TOML of a dialect file.

    Raises:
        DialectFault: it is not TOML, or too long.
    """
    if len(text) > LARGEST_DIALECT:
        raise DialectFault("the dialect file is too long", where=where)
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise DialectFault(f"not TOML: {error}", where=where) from None
    except (ValueError, InvalidOperation, RecursionError):
        # tomllib passes on what int() and Decimal() say.
        raise DialectFault(
            "not TOML that can be read: a number beyond all bounds, or nested too deep", where=where
        ) from None


def extend(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The table of a dialect that `extends` another: its own words win, tables are merged, lists are replaced."""
    merged = dict(base)
    for key, value in own.items():
        beneath = merged.get(key)
        if isinstance(beneath, Mapping) and isinstance(value, Mapping):
            merged[key] = extend(beneath, value)
        else:
            merged[key] = value
    merged.pop("extends", None)
    return merged


def read_dialect(table: Mapping[str, Any], where: str) -> Dialect:
    """The dialect that a table (already extended) describes.

    Raises:
        DialectFault: the first fault, with its place.
    """
    own = dict(table)
    version = own.pop("description", None)
    if version != DESCRIPTION_VERSION:
        raise DialectFault(
            f"description must be {DESCRIPTION_VERSION}: the version of the description language",
            where=where,
        )
    dialect: Dialect = _structure(Dialect, own, where, "")
    found = faults(dialect)
    if found:
        more = f" (and {len(found) - 1} more faults)" if len(found) > 1 else ""
        raise DialectFault(
            f"{found[0]}{more}", where=where, hint="docs/dialects.md explains every key"
        )
    return dialect


def read_other_reports(table: Mapping[str, Any], where: str) -> tuple[OtherReport, ...]:
    """The kinds of file that are no positions files."""
    reports: tuple[OtherReport, ...] = _structure(
        tuple[OtherReport, ...], table.get("report", []), where, "report"
    )
    return reports


@cache
def _hints(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _kind_of(cls: type[Any], name: str) -> Any:
    return _hints(typing.cast("Hashable", cls))[name]


def _structure(kind: Any, value: Any, where: str, place: str) -> Any:
    """The value as an instance of `kind`; `kind` is one of the types that the classes of `dialect` use."""
    origin = typing.get_origin(kind)
    if origin in {typing.Union, types.UnionType}:
        (kind,) = (one for one in typing.get_args(kind) if one is not type(None))
        return _structure(kind, value, where, place)
    if origin is tuple:
        return _structure_list(typing.get_args(kind)[0], value, where, place)
    if origin is not None and issubclass(origin, Mapping):
        key_kind, value_kind = typing.get_args(kind)
        return _structure_mapping(key_kind, value_kind, value, where, place)
    if attrs.has(kind):
        return _structure_class(kind, value, where, place)
    return _structure_scalar(kind, value, where, place)


def _structure_class(cls: type[Any], value: Any, where: str, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise _fault(where, place, "must be a table")
    fields = {_KEY_OF_FIELD.get(field.name, field.name): field for field in attrs.fields(cls)}
    members = {}
    for key, member in value.items():
        field = fields.get(key)
        if field is None:
            raise _unknown(where, _join(place, key), key, fields)
        members[field.name] = _structure(
            _kind_of(cls, field.name), member, where, _join(place, key)
        )
    for key, field in fields.items():
        if field.default is attrs.NOTHING and field.name not in members:
            raise _fault(where, _join(place, key), "is missing")
    return cls(**members)


def _structure_list(kind: Any, value: Any, where: str, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _fault(where, place, "must be a list")
    return tuple(
        _structure(kind, one, where, f"{place}[{number}]") for number, one in enumerate(value)
    )


def _structure_mapping(
    key_kind: Any, kind: Any, value: Any, where: str, place: str
) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise _fault(where, place, "must be a table")
    return types.MappingProxyType(
        {
            _structure_scalar(key_kind, key, where, _join(place, key)): _structure(
                kind, one, where, _join(place, key)
            )
            for key, one in value.items()
        }
    )


def _structure_scalar(kind: Any, value: Any, where: str, place: str) -> Any:
    if kind is Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise _fault(where, place, "must be a number")
        return Decimal(value)
    if kind is bool or kind is int:
        if type(value) is not kind:
            raise _fault(
                where, place, f"must be {'true or false' if kind is bool else 'a whole number'}"
            )
        return value
    if not isinstance(value, str):
        raise _fault(where, place, "must be text")
    if issubclass(kind, StrEnum):
        try:
            return kind(value)
        except ValueError:
            raise _unknown(where, place, value, list(kind)) from None
    return value


def _join(place: str, key: object) -> str:
    return f"{place}.{shown(str(key))}" if place else shown(str(key))


def _fault(where: str, place: str, what: str) -> DialectFault:
    return DialectFault(
        f"{place or 'the file'} {what}", where=where, hint="docs/dialects.md explains every key"
    )


def _unknown(where: str, place: str, word: str, known: Any) -> DialectFault:
    near = difflib.get_close_matches(word, [str(one) for one in known], n=1)
    did_you_mean = f"; did you mean {near[0]!r}?" if near else ""
    return DialectFault(
        f"{place} is not known{did_you_mean}",
        where=where,
        hint=f"known: {', '.join(sorted(str(one) for one in known))}",
    )
