"""Where each setting comes from: flag before environment before file before default, and the origin is kept.

`variance.toml` lives in the user's configuration folder or where `--config` or VARIANCE_CONFIG says. Nothing here
reads a global: environment and folders are passed in.
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.errors import ConfigurationError, UsageError

FILE_NAME = "variance.toml"
MAX_BYTES = 1024 * 1024

_TOP = ("broker", "output_dir", "quotes", "profile", "brokers", "profiles", "plugins", "network")
_PLUGINS = ("allow",)
_NETWORK = ("proxy", "netrc")
_PROFILE = ("broker", "account", "output", "quotes")
_BROKER = ("default_account_id", "quotes")
_ENVIRONMENT = {
    "broker": "VARIANCE_BROKER",
    "output_dir": "VARIANCE_OUTPUT_DIR",
    "profile": "VARIANCE_PROFILE",
    "quotes": "VARIANCE_QUOTES",
}


@attrs.frozen
class Sourced:
    """A value and where it came from, as `variance doctor` tells it: "flag", "environment (NAME)", "file", "default"."""

    value: Any
    origin: str


@attrs.frozen(kw_only=True)
class Configuration:
    """The configuration file, read and checked, with the environment beside it.

    Attributes:
        folder: the user's configuration folder; need not exist.
        file: the file that was read; None when there is none.
    """

    folder: Path
    file: Path | None
    table: Mapping[str, Any] = attrs.field(factory=dict)
    environment: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    def top(self, key: str, flag: str | None = None, default: str | None = None) -> Sourced:
        """One of the settings that stand for themselves: broker, output_dir, profile, quotes."""
        if flag is not None:
            return Sourced(flag, "flag")
        name = _ENVIRONMENT[key]
        if self.environment.get(name):
            return Sourced(self.environment[name], f"environment ({name})")
        if key in self.table:
            return Sourced(_text(self.table[key], key), "file")
        return Sourced(default, "default")

    def profile(self, name: str | None) -> Mapping[str, Any]:
        """The table of a profile; empty for None.

        Raises:
            ConfigurationError: there is no such profile.
        """
        if name is None:
            return {}
        profiles = _table(self.table.get("profiles", {}), "profiles")
        if name not in profiles:
            raise ConfigurationError(
                f"there is no profile of that name (there are: {', '.join(profiles) or 'none'})",
                hint=_nearest(name, profiles),
            )
        return _with_texts(profiles[name], _PROFILE, f"profiles.{name}")

    def broker_table(self, broker: str) -> Mapping[str, Any]:
        """The broker's own table; empty when there is none."""
        brokers = _table(self.table.get("brokers", {}), "brokers")
        return _with_texts(brokers.get(broker, {}), _BROKER, f"brokers.{broker}")

    def allowed_plugins(self) -> tuple[str, ...]:
        """Distributions of third parties that the user allowed in the file."""
        plugins = _table(self.table.get("plugins", {}), "plugins")
        return tuple(_texts(plugins.get("allow", []), "plugins.allow"))

    def network(self, key: str) -> bool:
        """Whether requests may take the detour `proxy` or `netrc`."""
        network = _table(self.table.get("network", {}), "network")
        value = network.get(key, False)
        if not isinstance(value, bool):
            raise ConfigurationError(f"`network.{key}` must be true or false")
        return value


def read_configuration(
    folder: Path, explicit: Path | None, environment: Mapping[str, str]
) -> Configuration:
    """The configuration of this run.

    Args:
        folder: the user's configuration folder.
        explicit: the file that `--config` names; it must exist.
        environment: the process's environment variables.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or has a key that we do not know.
    """
    named = explicit or (Path(path) if (path := environment.get("VARIANCE_CONFIG")) else None)
    file = named or folder / FILE_NAME
    if named is None and not file.exists():
        return Configuration(folder=folder, file=None, environment=environment)
    table = _read(file)
    _check_keys(table)
    return Configuration(folder=folder, file=file, table=table, environment=environment)


def _read(file: Path) -> dict[str, Any]:
    try:
        # Opening a named pipe without O_NONBLOCK would wait for a writer that may never come.
        handle = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if stat.S_ISFIFO(os.fstat(handle).st_mode):
                raise ConfigurationError("the configuration is a pipe, not a file", where=str(file))
            with os.fdopen(handle, "rb", closefd=False) as stream:
                raw = stream.read(MAX_BYTES + 1)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not usable"
        raise ConfigurationError(
            f"the configuration cannot be read: {reason}", where=str(file)
        ) from None
    if len(raw) > MAX_BYTES:
        raise ConfigurationError("the configuration is larger than 1 MiB", where=str(file))
    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise ConfigurationError("the configuration is not UTF-8", where=str(file)) from None
    except (
        ValueError,
        RecursionError,
    ) as error:  # tomllib passes on what int() says of 5,000 digits
        place = str(error).rpartition("(")[2].rstrip(")") if "(at " in str(error) else "some place"
        raise ConfigurationError(
            f"the configuration is not TOML ({place})", where=str(file)
        ) from None


def _check_keys(table: Mapping[str, Any]) -> None:
    _known_keys(table, _TOP, "")
    _known_keys(_table(table.get("plugins", {}), "plugins"), _PLUGINS, "plugins.")
    _known_keys(_table(table.get("network", {}), "network"), _NETWORK, "network.")
    for kind in ("brokers", "profiles"):
        for name, inner in _table(table.get(kind, {}), kind).items():
            _table(inner, f"{kind}.{name}")


def _known_keys(table: Mapping[str, Any], known: Sequence[str], prefix: str) -> None:
    for key in table:
        if key not in known:
            raise ConfigurationError(
                f"the configuration has a key that is not known: `{prefix}{key}`",
                hint=_nearest(key, known),
            )


def _nearest(word: str, known: Iterable[str]) -> str | None:
    nearest = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean `{nearest[0]}`?" if nearest else None


def _table(value: Any, key: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ConfigurationError(f"`{key}` must be a table of the configuration")
    return value


def _with_texts(value: Any, ours: Sequence[str], key: str) -> Mapping[str, Any]:
    """A table in which our own keys are texts; the others are the broker's."""
    table = _table(value, key)
    for name in ours:
        if name in table:
            _text(table[name], f"{key}.{name}")
    return table


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"`{key}` must be a text")
    return value


def _texts(value: Any, key: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"`{key}` must be a list of texts")
    return value


def parse_overrides(pairs: Iterable[str]) -> dict[str, str]:
    """The settings of `--set KEY=VALUE`.

    Raises:
        UsageError: no `=`, or a key twice.
    """
    overrides: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError("`--set` wants KEY=VALUE", hint="for example --set dialect=acme")
        if key in overrides:
            raise UsageError(f"`--set {key}=` was given twice")
        overrides[key] = value
    return overrides


@attrs.frozen(kw_only=True)
class BrokerSettings:
    """A broker's settings, and where each came from."""

    instance: Any
    origins: Mapping[str, str]


def broker_settings(
    settings_class: type[Any] | None,
    *,
    configuration: Configuration,
    broker: str,
    profile: Mapping[str, Any],
    overrides: Mapping[str, str],
) -> BrokerSettings:
    """The settings object that a broker is given: `--set`, then environment, then profile, then its table.

    Raises:
        ConfigurationError: a key that the broker does not know, a value of the wrong kind, a required one missing.
    """
    fields: Mapping[str, Any] = attrs.fields_dict(settings_class) if settings_class else {}
    layers = (
        ("flag", overrides, ()),
        ("environment", _from_environment(fields, configuration.environment), ()),
        ("profile", profile, _PROFILE),
        ("file", configuration.broker_table(broker), _BROKER),
    )
    values: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(fields, "default")
    for origin, layer, ours in layers:
        for key, value in layer.items():
            if key in ours:
                continue
            if key not in fields:
                raise _unknown_setting(broker, key, fields)
            if key not in values:
                values[key] = _typed(value, fields[key], broker)
                origins[key] = origin
    return BrokerSettings(instance=_build(settings_class, fields, values, broker), origins=origins)


def _from_environment(
    fields: Mapping[str, Any], environment: Mapping[str, str]
) -> Mapping[str, str]:
    named = {name: field.metadata.get("environment") for name, field in fields.items()}
    return {
        name: environment[variable]
        for name, variable in named.items()
        if variable and environment.get(variable)
    }


def _unknown_setting(broker: str, key: str, fields: Mapping[str, Any]) -> ConfigurationError:
    known = ", ".join(fields) or "none"
    return ConfigurationError(
        f"the broker `{broker}` has no setting `{key[:40]}` (it has: {known})",
        hint=_nearest(key, fields),
    )


def _build(
    settings_class: type[Any] | None,
    fields: Mapping[str, Any],
    values: Mapping[str, Any],
    broker: str,
) -> Any:
    if settings_class is None:
        return None
    missing = [n for n, f in fields.items() if f.default is attrs.NOTHING and n not in values]
    if missing:
        raise ConfigurationError(
            f"the broker `{broker}` needs the setting `{missing[0]}`",
            hint=f"put it into the table [brokers.{broker}] of {FILE_NAME}",
        )
    try:
        return settings_class(**values)
    except (TypeError, ValueError) as error:
        wrong = _rejected_field(settings_class, fields, values)
        detail = f": {wrong}" if wrong else ""
        raise ConfigurationError(f"a setting of `{broker}` is not acceptable{detail}") from error


def _rejected_field(
    settings_class: type[Any], fields: Mapping[str, Any], values: Mapping[str, Any]
) -> str | None:
    """The setting whose validator or converter refuses its value, with the field's own title."""
    base = {n: v for n, v in values.items() if fields[n].default is attrs.NOTHING}
    for name, value in values.items():
        try:
            settings_class(**{**base, name: value})
        except (TypeError, ValueError):
            return f"`{name}` ({fields[name].metadata.get('title', 'see its documentation')})"
    return None


_MOST_DIGITS = 20
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _typed(value: Any, field: Any, broker: str) -> Any:
    """The value in the kind that the settings class declares: flags and the environment give texts for all of them."""
    declared = str(field.type)
    setting = f"the setting `{field.name}` of `{broker}`"
    if "bool" in declared:
        word = _WORDS.get(value.lower()) if isinstance(value, str) else value
        if not isinstance(word, bool):
            raise ConfigurationError(f"{setting} must be true or false")
        return word
    if "int" in declared:
        digits = isinstance(value, str) and value.isdecimal() and len(value) < _MOST_DIGITS
        number = int(value) if digits else value
        if isinstance(number, bool) or not isinstance(number, int):
            raise ConfigurationError(f"{setting} must be a whole number")
        return number
    if "str" in declared and not isinstance(value, str):
        raise ConfigurationError(f"{setting} must be a text")
    return value
