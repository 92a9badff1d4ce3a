"""A table (of TOML, JSON, flags or environment) as an instance of a class: every fault at once, with its key.

The generated code of cattrs does the work; this module decides what each type accepts. Nothing is guessed: `1` is not
a text, `"1"` not a number and `1.0` not a whole number, except where all values are texts (`FlagText`).
"""

from __future__ import annotations

import collections.abc
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, Union, get_args, get_origin

import attrs
import msgspec

from variance_bridge.settings.duration import parse_duration
from variance_bridge.settings.setting_messages import (
    Fault,
    Unacceptable,
    is_harmless,
    joined,
    must_be,
    refusal,
    unknown,
)

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

KEY: Final = "key"
"""Metadata of a field: its key in the table, where that is not the field's name (`is`)."""
REST: Final = "*"
"""As its `KEY`, or as the name of a Struct's field: it is given all keys which no other field claims, as a mapping."""

_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_NUMBER = r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?"
_WHOLE = r"[+-]?[0-9]{1,18}"
_MAX_WHOLE = 10**18
_TEXT_TYPES: Final = ("str", "str | None", str, str | None)
"""Of a field; as text where the module of the class has `from __future__ import annotations`."""
_FEW = 5


class FlagText(str):
    """A value from the command line or the environment: a text that is converted to the declared type."""

    __slots__ = ()


def structure(
    table: Any,
    cls: type[T],
    *,
    where: str | None = None,
    place: str = "",
    folder: Path | None = None,
) -> T:
    """The instance of an attrs class, or of a `msgspec.Struct`, that a table describes.

    Fields may be `str`, `bool`, `int`, `float`, `Decimal`, `Path`, `date`, `time`, `datetime` (with its zone),
    `timedelta` (`"15 min"`), enums (by value), `Literal`, lists, tuples and sets of these, mappings, other attrs
    classes and Structs (tables), and unions. Validators and converters of the fields run, and each may raise `ValueError`.

    Args:
        table: what the user wrote, as `read_toml` or a JSON reader gives it.
        cls: an attrs class or a Struct.
        where: the file, for the message.
        place: the key under which the table stands: `brokers.acme`.
        folder: relative paths are taken from here; from the working folder by default.

    Raises:
        ConfigurationError: keys that are unknown, missing or of the wrong type; names up to three of them.
    """
    instance, faults = try_structure(table, cls, place=place, folder=folder)
    if instance is None:
        raise refusal(faults, where=where)
    return instance


def try_structure(
    table: Any,
    cls: type[T],
    *,
    place: str = "",
    places: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> tuple[T | None, tuple[Fault, ...]]:
    """As `structure`, but the faults are returned; the instance is None where there are any.

    Args:
        table: what the user wrote.
        cls: an attrs class or a Struct.
        place: the key under which the table stands.
        folder: relative paths are taken from here.
        places: how messages name single keys of the table, where not by `place`: `--set timeout`.
    """
    if isinstance(table, Mapping) and (texts := _texts_only(table, cls)) is not None:
        # Nothing is to be converted, as in most runs, and cattrs takes its time to be imported. It finds the words for a fault.
        with suppress(Exception):
            return cls(**texts), ()
    from cattrs.errors import StructureHandlerNotFoundError

    token = _FOLDER.set(folder)
    try:
        return _converter().structure(table, cls), ()
    except (NameError, StructureHandlerNotFoundError) as error:
        what = (
            f"{cls.__name__} has a type that a table cannot be turned into ({type(error).__name__})"
        )
        return None, (Fault(place, what),)
    except Exception as error:  # noqa: BLE001 - cattrs wraps whatever the code of the class raises
        found = _faults(error, place, places or {})
        return None, tuple(_without_values(fault, table) for fault in found)
    finally:
        _FOLDER.reset(token)


def _texts_only(table: Mapping[str, Any], cls: type[Any]) -> dict[str, str] | None:
    """What to call the class with where the table has nothing but texts for fields of text; else None."""
    if not table:
        return {}
    if not attrs.has(cls) or _is_struct(cls):
        return None
    fields, keys = attrs.fields_dict(cls), keys_of(cls)
    found = {}
    for key, value in table.items():
        field = fields.get(keys.get(key, ""))
        if field is None or field.type not in _TEXT_TYPES or not isinstance(value, str):
            return None
        found[field.alias or field.name] = str(value)
    return found


def structure_shipped(table: Mapping[str, Any], cls: type[T]) -> T:
    """As `structure`, for a table that ships with the program and is held to `structure` by the tests.

    It takes a tenth of the time: nothing that is wrong is named, keys that are not known are ignored, and cattrs is not
    imported. The names of an attrs class' fields are its keys.
    """
    return msgspec.convert(table, cls)


def keys_of(cls: type[Any]) -> dict[str, str]:
    """The keys of a table that is an instance of this attrs class or Struct, and the field for each."""
    if _is_struct(cls):
        found = {field.encode_name: field.name for field in msgspec.structs.fields(cls)}
    else:
        fields = (field for field in attrs.fields(cls) if field.init)
        found = {field.metadata.get(KEY, field.name): field.name for field in fields}
    found.pop(REST, None)
    return found


@cache
def _converter() -> Converter:
    from cattrs import Converter

    converter = Converter(detailed_validation=True, forbid_extra_keys=True)
    for kind, hook in _SCALARS.items():
        converter.register_structure_hook(kind, _unless_enum(hook))
    for fits, factory in (
        (lambda kind: _origin(kind) == Literal, _literal),
        (_is_enum, _enum),
        (lambda kind: _origin(kind) in _COLLECTIONS, _collection),
        (lambda kind: _origin(kind) in _MAPPINGS, _mapping),
        (lambda kind: get_origin(kind) in {Union, UnionType}, _union),
        (attrs.has, _class),
        (_is_struct, _struct),
    ):
        converter.register_structure_hook_factory(fits, factory)
    return converter


def _unless_enum(hook: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The generated code gives a hook for `str` all its subclasses, and a `StrEnum` is one."""

    def build(value: Any, type_: Any) -> Any:
        return _enum(type_)(value, type_) if _is_enum(type_) else hook(value, type_)

    return build


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Enum)


def _text(value: Any, _type: Any) -> str:
    if not isinstance(value, str):
        raise must_be("text in quotes", value)
    return str(value)


def _boolean(value: Any, _type: Any) -> bool:
    if isinstance(value, FlagText):
        value = _BOOLEANS.get(value.lower(), value)
    if not isinstance(value, bool):
        raise must_be("true or false", value)
    return value


def _whole(value: Any, _type: Any) -> int:
    number = int(value) if isinstance(value, FlagText) and re.fullmatch(_WHOLE, value) else value
    if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= _MAX_WHOLE:
        raise must_be("a whole number", value)
    return number


def _decimal(value: Any, _type: Any) -> Decimal:
    number = value
    if isinstance(value, FlagText) and re.fullmatch(_NUMBER, value):
        number = Decimal(value)
    # A float is refused: it has already lost what it stood for.
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise must_be("a number", value)
    try:
        exact = Decimal(number)
    except InvalidOperation:
        raise must_be("a number", value) from None
    if not exact.is_finite():
        raise must_be("a number", value)
    return exact


def _float(value: Any, type_: Any) -> float:
    try:
        return value if type(value) is float else float(_decimal(value, type_))
    except OverflowError:
        raise must_be("a number", value) from None


def _path(value: Any, _type: Any) -> Path:
    if not isinstance(value, str) or not value or "\0" in value:
        raise must_be("the path of a file or folder in quotes", value)
    try:
        path = Path(value).expanduser()
    except RuntimeError:
        raise Unacceptable("`~` stands for a home folder that is not known") from None
    folder = None if isinstance(value, FlagText) else _FOLDER.get()
    return folder / path if folder else path


def _date(value: Any, _type: Any) -> date:
    day = _from_text(date.fromisoformat, value)
    if not isinstance(day, date) or isinstance(day, datetime):
        raise must_be("a date like 2025-12-31", value)
    return day


def _instant(value: Any, _type: Any) -> datetime:
    moment = _from_text(datetime.fromisoformat, value)
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise must_be("a time like 2025-12-31T16:00:00Z, with its zone", value)
    return moment


def _time(value: Any, _type: Any) -> time:
    hour = _from_text(time.fromisoformat, value)
    if not isinstance(hour, time):
        raise must_be("a time of day like 16:00:00", value)
    return hour


def _from_text(read: Callable[[str], Any], value: Any) -> Any:
    """In JSON, flags and environment a date is a text; in TOML it is not, but may be written so."""
    if not isinstance(value, str):
        return value
    try:
        return read(value)
    except ValueError:
        return None


def _duration(value: Any, _type: Any) -> timedelta:
    length = _from_text(parse_duration, value)
    if not isinstance(length, timedelta):
        raise must_be('a length of time like "15 min", "2 h" or "3 d"', value)
    return length


_SCALARS: Final[Mapping[Any, Callable[[Any, Any], Any]]] = {
    str: _text,
    bool: _boolean,
    int: _whole,
    float: _float,
    Decimal: _decimal,
    Path: _path,
    date: _date,
    datetime: _instant,
    time: _time,
    timedelta: _duration,
}
_COLLECTIONS: Final[Mapping[Any, Callable[[Iterable[Any]], Any]]] = {
    list: list,
    tuple: tuple,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: tuple,
    collections.abc.Set: frozenset,
}
_MAPPINGS: Final = {dict, collections.abc.Mapping}


def _origin(kind: Any) -> Any:
    return get_origin(kind) or kind


def _choice(value: Any, options: Mapping[str, Any]) -> Any:
    """The option that a value names: by its text, and for a file's values by its type as well."""
    found = options.get(str(value)) if isinstance(value, str | int) else None
    plain = found.value if isinstance(found, Enum) else found
    if found is not None and (isinstance(value, FlagText) or type(plain) is type(value)):
        return found
    if isinstance(value, str) and is_harmless(value) and len(options) > _FEW:
        raise Unacceptable(unknown(f'word "{value}"', value, options))
    raise must_be(_alternatives(options.values()), value)


def _alternatives(options: Iterable[Any]) -> str:
    plain = [each.value if isinstance(each, Enum) else each for each in options]
    *most, last = [f'"{each}"' if isinstance(each, str) else str(each) for each in plain]
    return f"{', '.join(most)} or {last}" if most else last


def _literal(kind: Any) -> Callable[[Any, Any], Any]:
    options = {str(each): each for each in get_args(kind)}
    return lambda value, _type: _choice(value, options)


@cache
def _enum(kind: Any) -> Callable[[Any, Any], Any]:
    options = {str(each.value): each for each in kind}
    return lambda value, _type: _choice(value, options)


def _collection(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from cattrs.cols import list_structure_factory

    arguments = get_args(kind)
    if _origin(kind) is tuple and arguments and arguments[-1] is not Ellipsis:
        return lambda value, _type: _fixed(value, arguments, converter)
    items: Any = list[arguments[0] if arguments else Any]  # type: ignore[misc]
    build = list_structure_factory(items, converter)
    collect = _COLLECTIONS[_origin(kind)]
    return lambda value, _type: collect(build(_items(value), items))


def _items(value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, FlagText):
        return [FlagText(part.strip()) for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple):
        raise must_be("a list", value)
    return value


def _fixed(value: Any, kinds: tuple[Any, ...], converter: Converter) -> tuple[Any, ...]:
    items = _items(value)
    if len(items) != len(kinds):
        raise Unacceptable(f"must be a list of {len(kinds)}, not of {len(items)}")
    return tuple(converter.structure(item, kind) for item, kind in zip(items, kinds, strict=True))


def _mapping(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    from cattrs.cols import mapping_structure_factory

    key, inner = get_args(kind) or (str, Any)
    table: Any = dict[key, inner]  # type: ignore[valid-type]
    build = mapping_structure_factory(table, converter)
    return lambda value, _type: build(_table(value), table)


def _table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise must_be("a table", value)
    return value


def _union(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """The first member that accepts the value. If none does: the complaint of the member for tables or lists, else of the last."""
    members = [each for each in get_args(kind) if each is not NoneType]
    optional = len(members) < len(get_args(kind))

    def build(value: Any, _type: Any) -> Any:
        if value is None and optional:
            return None
        for member in members[:-1]:
            try:
                return converter.structure(value, member)
            except Exception:  # noqa: BLE001, S112 - cattrs wraps whatever is raised
                continue
        fitting = (each for each in members if _has_shape_of(value, each))
        return converter.structure(value, next(fitting, members[-1]))

    return build


def _has_shape_of(value: Any, kind: Any) -> bool:
    if isinstance(value, Mapping):
        return _origin(kind) in _MAPPINGS or attrs.has(kind) or _is_struct(kind)
    return isinstance(value, list) and _origin(kind) in _COLLECTIONS


def _class(cls: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    from cattrs.gen import make_dict_structure_fn, override

    attrs.resolve_types(cls)
    fields = attrs.fields(cls)
    keys = keys_of(cls)
    rest = next((field.name for field in fields if field.metadata.get(KEY) == REST), None)
    renamed = {name: key for key, name in keys.items()}
    overrides: dict[str, Any] = {
        field.name: override(
            rename=renamed.get(field.name),
            struct_hook=_validated(cls, field, converter) if field.validator else None,
        )
        for field in fields
    }
    build = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True, **overrides)

    def structure_class(value: Any, type_: Any) -> Any:
        table = _table(value)
        if rest is not None:
            own = {key: each for key, each in table.items() if key in keys}
            table = own | {rest: {key: each for key, each in table.items() if key not in keys}}
        return build(table, type_)

    return structure_class


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _struct(cls: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    """An attrs class with the fields of the Struct takes its place: cattrs finds the faults of no other."""
    fields = msgspec.structs.fields(cls)
    attributes = {field.name: _attribute(field) for field in fields}
    build = _class(attrs.make_class(cls.__name__, attributes, kw_only=True), converter)

    def structure_struct(value: Any, type_: Any) -> Any:
        made = build(value, type_)
        return cls(**{name: getattr(made, name) for name in attributes})

    return structure_struct


def _attribute(field: msgspec.structs.FieldInfo) -> Any:
    default = (
        attrs.NOTHING
        if field.required
        else attrs.Factory(field.default_factory)
        if field.default is msgspec.NODEFAULT
        else field.default
    )
    return attrs.field(type=field.type, default=default, metadata={KEY: field.encode_name})


def _validated(
    cls: type[Any], field: attrs.Attribute[Any], converter: Converter
) -> Callable[[Any, Any], Any]:
    """The hook of a field with a validator, which is run here so that its fault is found beside the others'."""

    def build(value: Any, type_: Any) -> Any:
        made = converter.structure(value, type_)
        if field.converter is None and field.validator is not None:
            try:
                field.validator(object.__new__(cls), field, made)
            except (TypeError, ValueError) as error:
                raise _rejected(error, field, value) from error
        return made

    return build


def _rejected(error: Exception, field: attrs.Attribute[Any], value: Any) -> Unacceptable:
    """What a validator says of a value: in its own words, unless they repeat what should not be repeated."""
    options = error.args[2] if len(error.args) == _IN_ARGUMENTS else None
    if isinstance(options, collections.abc.Collection):  # attrs.validators.in_
        return must_be(_alternatives(sorted(options, key=str)), value)
    words = str(error.args[0]).removeprefix(f"'{field.name}' ") if error.args else ""
    if words and (is_harmless(value) or str(value) not in words):
        return Unacceptable(words)
    title = field.metadata.get("title")
    return Unacceptable(f"not acceptable ({title})" if title else "not acceptable")


_IN_ARGUMENTS = 4
"""`in_` raises ValueError(message, attribute, options, value)."""


def _faults(error: BaseException, place: str, places: Mapping[str, str]) -> Iterator[Fault]:
    from cattrs.errors import BaseValidationError, ForbiddenExtraKeysError

    if isinstance(error, BaseValidationError):
        for inner in error.exceptions:
            step = _step(inner, error.cl)
            below = place if step is None else _named(place, step, places)
            yield from _faults(inner, below, {} if step is not None else places)
    elif isinstance(error, ForbiddenExtraKeysError):
        for key in sorted(error.extra_fields, key=str):
            yield Fault(_named(place, key, places), unknown("key", key, keys_of(error.cl)))
    else:
        yield Fault(place, _what(error))


def _without_values(fault: Fault, table: Any) -> Fault:
    """The fault without its words where they repeat what may be a secret: the code of a class may say anything."""
    shown = any(str(value) in fault.what for value in _scalars(table) if not is_harmless(value))
    return Fault(fault.place, "not acceptable") if shown else fault


def _scalars(table: Any) -> Iterator[Any]:
    if isinstance(table, Mapping):
        for value in table.values():
            yield from _scalars(value)
    elif isinstance(table, list | tuple):
        for value in table:
            yield from _scalars(value)
    elif table != "":
        yield table


def _named(place: str, step: str | int, places: Mapping[str, str]) -> str:
    return places.get(str(step)) or joined(place, step)


def _step(error: BaseException, cls: Any) -> str | int | None:
    """The key or the item that an error of cattrs is about."""
    from cattrs.errors import AttributeValidationNote, IterableValidationNote

    for note in getattr(error, "__notes__", ()):
        if isinstance(note, AttributeValidationNote):
            field = attrs.fields_dict(cls).get(note.name)
            return str(field.metadata.get(KEY, note.name)) if field else note.name
        if isinstance(note, IterableValidationNote):
            return note.index
    return None


def _what(error: BaseException) -> str:
    match error:
        case KeyError():
            return "is missing"
        case ValueError() | TypeError():
            return str(error.args[0]) if error.args else "not acceptable"
    return f"not acceptable ({type(error).__name__})"
