"""The thresholds of the triage: what is shipped, and what the user says differently."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import printable
from variance_bridge.storage.read import read_bounded
from variance_bridge_triage.cluster.strategies import strategies

FILE_NAME = "triage.toml"
MAX_BYTES = 1024 * 1024


def _must_be(words: str) -> ValueError:
    return ValueError(words)


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _must_be("a number")
    number = Decimal(value)
    if not number.is_finite():
        raise _must_be("a number")
    return number


def _positive(value: Any) -> Decimal:
    number = _number(value)
    if number <= 0:
        raise _must_be("a number above zero")
    return number


def _days(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise _must_be("a whole number of days")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _must_be("a list of texts")
    return tuple(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise _must_be("a text")
    return value


def _numbers(value: Any) -> tuple[Decimal, ...]:
    if not isinstance(value, list) or not value:
        raise _must_be("a list of numbers")
    return tuple(_number(each) for each in value)


@attrs.frozen(kw_only=True)
class Account:
    """Table [account]."""

    net_liquidity: Decimal = attrs.field(metadata={"read": _positive})


@attrs.frozen(kw_only=True)
class Benchmark:
    """Table [benchmark]; `volatility` is a fraction per year, `price` None where the positions are asked for it."""

    symbol: str = attrs.field(metadata={"read": _text})
    volatility: Decimal = attrs.field(metadata={"read": _positive})
    price: Decimal | None = attrs.field(metadata={"read": _positive}, default=None)


@attrs.frozen(kw_only=True)
class Harvest:
    """Table [harvest]; targets are fractions of the credit."""

    target: Decimal = attrs.field(metadata={"read": _positive})
    quick_target: Decimal = attrs.field(metadata={"read": _positive})
    quick_days: int = attrs.field(metadata={"read": _days})


@attrs.frozen(kw_only=True)
class SizeThreat:
    """Table [size_threat]; `share` is a fraction of net liquidity, `moves` are in standard deviations of a day."""

    share: Decimal = attrs.field(metadata={"read": _positive})
    moves: tuple[Decimal, ...] = attrs.field(metadata={"read": _numbers})


@attrs.frozen(kw_only=True)
class Window:
    """Table [window]; in calendar days."""

    days: int = attrs.field(metadata={"read": _days})


@attrs.frozen(kw_only=True)
class HedgeCheck:
    """Table [hedge_check]; `beta_delta` in shares of the benchmark."""

    strategies: tuple[str, ...] = attrs.field(metadata={"read": _texts})
    roots: tuple[str, ...] = attrs.field(metadata={"read": _texts})
    beta_delta: Decimal = attrs.field(metadata={"read": _number})


@attrs.frozen(kw_only=True)
class OfStrategy:
    """What differs for one strategy; None for what does not."""

    target: Decimal | None = attrs.field(metadata={"read": _positive}, default=None)
    days: int | None = attrs.field(metadata={"read": _days}, default=None)


@attrs.frozen(kw_only=True)
class Thresholds:
    """All thresholds, and where they come from."""

    account: Account
    benchmark: Benchmark
    harvest: Harvest
    size_threat: SizeThreat
    window: Window
    hedge_check: HedgeCheck
    strategies: Mapping[str, OfStrategy]
    origin: str

    def target(self, strategy: str) -> Decimal:
        """The fraction of the credit at which that strategy is harvested."""
        own = self.strategies.get(strategy)
        return own.target if own and own.target is not None else self.harvest.target

    def window_days(self, strategy: str) -> int:
        """Days to expiry from which a short option of that strategy needs attention."""
        own = self.strategies.get(strategy)
        return own.days if own and own.days is not None else self.window.days


SHIPPED = "shipped"

_TABLES: Mapping[str, type] = {
    "account": Account,
    "benchmark": Benchmark,
    "harvest": Harvest,
    "size_threat": SizeThreat,
    "window": Window,
    "hedge_check": HedgeCheck,
}


def shipped_thresholds() -> Thresholds:
    """The thresholds of thresholds.toml in this package."""
    return read_thresholds(_shipped_table(), origin=SHIPPED)


def thresholds(folder: Path | None, explicit: Path | None = None) -> Thresholds:
    """The user's thresholds on top of the shipped ones.

    Args:
        folder: the user's configuration folder; `triage.toml` in it counts when it is there.
        explicit: the file that `--thresholds` names; it must exist.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or says what we do not know.
    """
    file = explicit or (folder / FILE_NAME if folder else None)
    if file is None or (explicit is None and not file.exists()):
        return shipped_thresholds()
    own = _parsed(file)
    try:
        return read_thresholds(_merged(_shipped_table(), own), origin=str(file))
    except ConfigurationError as error:
        raise ConfigurationError(error.what, where=str(file), hint=error.hint) from None


def read_thresholds(table: Mapping[str, Any], *, origin: str) -> Thresholds:
    """Thresholds from parsed TOML that has them all.

    Raises:
        ConfigurationError: something is missing, unknown or of the wrong kind.
    """
    tables = {name: _instance(kind, table.get(name, {}), name) for name, kind in _TABLES.items()}
    strategies_ = {
        name: _instance(OfStrategy, row, f'strategies."{name}"')
        for name, row in _table(table.get("strategies", {}), "strategies").items()
    }
    known_names = {entry.name for rows in strategies().entries.values() for entry in rows}
    _check_names(strategies_, known_names, "strategy")
    _check_names(table, {*_TABLES, "strategies"}, "table")
    return Thresholds(**tables, strategies=strategies_, origin=origin)


def _shipped_table() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("thresholds.toml").read_text(encoding="utf-8")
    return tomllib.loads(text, parse_float=Decimal)


def _parsed(file: Path) -> dict[str, Any]:
    try:
        text = read_bounded(file, MAX_BYTES).decode("utf-8")
        return tomllib.loads(text, parse_float=Decimal)
    except DataRefused as error:
        raise ConfigurationError(error.what, where=str(file)) from None
    except UnicodeDecodeError:
        raise ConfigurationError("is not UTF-8", where=str(file)) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"is not TOML: {error}", where=str(file)) from None


def _merged(shipped: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(shipped)
    for name, table in own.items():
        known = shipped.get(name)
        if isinstance(table, dict) and isinstance(known, dict):
            merged[name] = _merged(known, table)
        else:
            merged[name] = table
    return merged


def _instance(kind: type, table: Any, name: str) -> Any:
    fields = {field.name: field.metadata["read"] for field in attrs.fields(kind)}
    values = _table(table, name)
    _check_names(values, fields, f"key in [{name}]")
    read = {}
    for key, value in values.items():
        try:
            read[key] = fields[key](value)
        except ValueError as error:
            raise ConfigurationError(f"`{name}.{key}` must be {error}") from None
    try:
        return kind(**read)
    except TypeError:
        raise ConfigurationError(f"[{name}] lacks something") from None


def _table(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"`{name}` must be a table")
    return value


def _check_names(found: Iterable[str], known: Iterable[str], what: str) -> None:
    for name in found:
        if name not in known:
            nearest = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean `{nearest[0]}`?" if nearest else None
            raise ConfigurationError(f"there is no {what} `{printable(name)}`", hint=hint)
