"""Where each setting comes from: flag before environment before file before default, and the origin is kept.

`variance.toml` lives in the user's configuration folder or where `--config` or VARIANCE_CONFIG says. Nothing here
reads a global: environment and folders are passed in.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from msgspec import Struct, field

from variance_bridge.errors import ConfigurationError, PluginError, UsageError
from variance_bridge.formatting import did_you_mean, repr_without
from variance_bridge.masking import as_typed
from variance_bridge.settings.credential_owner import Login, profile_suffix
from variance_bridge.settings.setting_messages import joined, refusal
from variance_bridge.settings.table_to_class import (
    REST,
    FlagText,
    keys_of,
    structure,
    try_structure,
)
from variance_bridge.storage.filesystem import reason

if TYPE_CHECKING:
    from variance_bridge.settings.account_labels import AccountLabels
    from variance_bridge.settings.last_sync import LastSync

FILE_NAME = "variance.toml"
POSITIONS = Path("positions")
_LAST_SYNC = "last sync"

_ENVIRONMENT = {
    "broker": "VARIANCE_BROKER",
    "output_dir": "VARIANCE_OUTPUT_DIR",
    "profile": "VARIANCE_PROFILE",
    "quotes": "VARIANCE_QUOTES",
}


class BrokerTable(Struct, frozen=True, kw_only=True):
    """Table `[brokers.NAME]`; `settings` are the keys that the broker's own class has."""

    default_account_id: str | None = None
    quotes: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, name=REST)


class ProfileTable(Struct, frozen=True, kw_only=True):
    """Table `[profiles.NAME]`; `settings` are the keys that the class of its broker has."""

    broker: str | None = None
    account: str | None = None
    output: str | None = None
    quotes: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict, name=REST)


class PluginsTable(Struct, frozen=True, kw_only=True):
    """Table `[plugins]`: distributions of third parties that the user allowed."""

    allow: tuple[str, ...] = ()


class NetworkTable(Struct, frozen=True, kw_only=True):
    """Table `[network]`: whether requests may take the detour, and whose certificates are believed besides the usual ones."""

    proxy: bool = False
    netrc: bool = False
    ca_file: Path | None = None
    system_certificates: bool = False


class FreshnessTable(Struct, frozen=True, kw_only=True):
    """Table `[freshness]`: how old positions may be; None for the program's own limits."""

    fresh_for: timedelta | None = None
    readable_for: timedelta | None = None


class WatchTable(Struct, frozen=True, kw_only=True):
    """Table `[watch]`: whether `variance watch` listens to brokers that say when something changes."""

    wake: bool = True


class ConfigurationFile(Struct, frozen=True, kw_only=True):
    """All keys of `variance.toml`; None for what it does not state."""

    broker: str | None = None
    output_dir: str | None = None
    quotes: str | None = None
    profile: str | None = None
    brokers: Mapping[str, BrokerTable] = field(default_factory=dict)
    profiles: Mapping[str, ProfileTable] = field(default_factory=dict)
    listeners: Mapping[str, Mapping[str, Any]] | tuple[str, ...] = ()
    plugins: PluginsTable = PluginsTable()
    network: NetworkTable = NetworkTable()
    freshness: FreshnessTable = FreshnessTable()
    watch: WatchTable = WatchTable()
    accounts: Mapping[str, str] = field(default_factory=dict)


class Sourced(Struct, frozen=True):
    """A value and where it came from, as `variance doctor` shows it: "flag", "environment (NAME)", "file", "last sync", "default"."""

    value: Any
    origin: str


class Configuration(Struct, frozen=True, kw_only=True):
    """The configuration file, read and checked, with the environment beside it.

    Attributes:
        folder: the user's configuration folder; need not exist.
        file: the file that was read; None when there is none.
        stated: what the file says.
    """

    folder: Path
    file: Path | None
    stated: ConfigurationFile = ConfigurationFile()
    environment: Mapping[str, str] = field(default_factory=dict)

    __repr__ = repr_without("environment")

    def top(self, key: str, flag: str | None = None, default: str | None = None) -> Sourced:
        """A setting that has an environment variable: broker, output_dir, profile, quotes."""
        if flag is not None:
            return Sourced(flag, "flag")
        name = _ENVIRONMENT[key]
        if self.environment.get(name):
            return Sourced(self.environment[name], f"environment ({name})")
        stated = getattr(self.stated, key)
        if stated is not None:
            return Sourced(stated, "file")
        if key == "broker" and default is None and (last := self._last_sync.broker):
            return Sourced(last, _LAST_SYNC)
        return Sourced(default, "default")

    def positions_folder(self) -> Sourced:
        """Where positions files are written and looked for.

        What is configured; else `positions` in the working folder, if it is there; else the folder of the last sync. The
        first sync of all makes `positions` in the working folder.
        """
        stated = self.top("output_dir")
        if stated.value is not None:
            return Sourced(Path(stated.value), stated.origin)
        if not POSITIONS.is_dir():
            last = self._last_sync.positions
            if last is not None and last.is_dir():
                return Sourced(last, _LAST_SYNC)
        return Sourced(POSITIONS, "default")

    @property
    def _last_sync(self) -> LastSync:
        from variance_bridge.settings.last_sync import last_sync

        return last_sync(self.folder)

    def profile(self, name: str | None) -> ProfileTable:
        """A profile; an empty one for None.

        Raises:
            ConfigurationError: there is no such profile.
        """
        if name is None:
            return ProfileTable()
        profiles = self.stated.profiles
        if name not in profiles:
            there_are = f" (there are: {', '.join(profiles) or 'none'})"
            raise ConfigurationError(
                f"there is no profile {as_typed(name)}{did_you_mean(name, profiles) or there_are}",
                where=str(self.file) if self.file else None,
            )
        return profiles[name]

    def login(self, broker: str, profile: str | None) -> Login:
        """Whose credentials a run with that profile uses.

        Raises:
            ConfigurationError: another profile's credentials would have variables of the same names.
        """
        if profile is not None:
            same = [
                other
                for other in self.stated.profiles
                if other != profile and profile_suffix(other) == profile_suffix(profile)
            ]
            if same:
                raise ConfigurationError(
                    f"the profiles {as_typed(profile)} and {as_typed(same[0])} would share the variables of their"
                    f" credentials (NAME__{profile_suffix(profile)})",
                    where=str(self.file) if self.file else None,
                    hint="rename one of them",
                )
        return Login(broker, profile)

    @property
    def listeners(self) -> Mapping[str, Mapping[str, Any]]:
        """The listeners that are called after a sync, in the file's order, each with the keys of its table."""
        stated = self.stated.listeners
        return stated if isinstance(stated, Mapping) else {name: {} for name in stated}

    def listener_settings(self, name: str, settings_class: type[Any] | None) -> Any:
        """The settings object that a listener is given, from its table `[listeners.NAME]`; None without a class.

        Raises:
            ConfigurationError: a key that the listener does not know, a value of the wrong type, a required one missing.
        """
        place = joined("listeners", name)
        settings, faults = try_structure(
            self.listeners[name],
            settings_class or _no_settings(),
            place=place,
            folder=self.file.parent if self.file else None,
        )
        if settings is None:
            is_list = not isinstance(self.stated.listeners, Mapping)
            raise refusal(
                faults,
                where=str(self.file) if self.file else None,
                hint=f"write a table [{place}] in place of the list `listeners`"
                if is_list
                else None,
            )
        return settings if settings_class else None

    @property
    def account_labels(self) -> AccountLabels:
        """What the user calls the accounts."""
        from variance_bridge.settings.account_labels import AccountLabels

        return AccountLabels(self.stated.accounts)

    def broker_table(self, broker: str) -> BrokerTable:
        """The broker's own table; empty when there is none."""
        return self.stated.brokers.get(broker, BrokerTable())


def user_folder(environment: Mapping[str, str]) -> Path:
    """The user's configuration folder; need not exist."""
    if named := environment.get("VARIANCE_CONFIG_DIR"):
        return Path(named)
    home = environment.get("HOME")
    if sys.platform == "linux" and home and "XDG_CONFIG_HOME" not in environment:
        return Path(
            home, ".config", "variance-bridge"
        )  # as platformdirs says, which takes 4 ms to import
    import platformdirs

    return Path(platformdirs.user_config_dir("variance-bridge", appauthor=False))


def data_folder() -> Path:
    """Where the user's data lies; need not exist. `variance init` offers a folder in it for positions files."""
    import platformdirs

    return Path(platformdirs.user_data_dir("variance-bridge", appauthor=False))


def configuration_file(
    folder: Path, explicit: str | Path | None, environment: Mapping[str, str]
) -> Path:
    """The configuration file of a run: what `--config` names, or VARIANCE_CONFIG, else the user's; need not exist."""
    named = explicit or environment.get("VARIANCE_CONFIG")
    return Path(named) if named else folder / FILE_NAME


def read_configuration(
    folder: Path, explicit: Path | None, environment: Mapping[str, str]
) -> Configuration:
    """The configuration of this run.

    Args:
        folder: the user's configuration folder.
        explicit: the file that `--config` names; it must exist.
        environment: the process's environment variables.

    Raises:
        ConfigurationError: the file cannot be read, is not TOML, or has keys that are unknown or of the wrong type.
    """
    file = configuration_file(folder, explicit, environment)
    is_named = explicit is not None or bool(environment.get("VARIANCE_CONFIG"))
    if not is_named and not _is_there(file):
        return Configuration(folder=folder, file=None, environment=environment)
    # Imported here: it takes 2 ms, and a run without a configuration file has nothing to read.
    from variance_bridge.settings.toml import read_toml

    stated = structure(
        read_toml(file), ConfigurationFile, where=str(file), folder=file.absolute().parent
    )
    return Configuration(folder=folder, file=file, stated=stated, environment=environment)


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise ConfigurationError(
            f"the configuration cannot be read: {reason(error)}",
            where=str(file),
            hint="check the permissions of its folder",
        ) from None


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


class BrokerSettings(Struct, frozen=True, kw_only=True):
    """A broker's settings, and where each came from."""

    instance: Any
    origins: Mapping[str, str]


@cache
def _no_settings() -> type[Any]:
    """The settings of a broker that has none."""
    return attrs.make_class("NoSettings", (), frozen=True)


class _Stated(Struct, frozen=True):
    """What a setting is set to, where, and how messages name that place."""

    value: Any
    origin: str
    place: str


def broker_settings(
    settings_class: type[Any] | None,
    *,
    configuration: Configuration,
    broker: str,
    profile: ProfileTable,
    overrides: Mapping[str, str],
) -> BrokerSettings:
    """The settings object that a broker is given: `--set`, then environment, then profile, then its table.

    Raises:
        ConfigurationError: a key that the broker does not know, a value of the wrong type, a required one missing.
        PluginError: the plugin's class is not an attrs class.
    """
    cls = settings_class or _no_settings()
    if not attrs.has(cls):
        raise PluginError(f"the settings of the broker `{broker}` are not an attrs class")
    stated: dict[str, _Stated] = {}
    for key, found in _layers(cls, configuration, broker, profile, overrides):
        stated.setdefault(key, found)
    file = configuration.file
    instance, faults = try_structure(
        {key: found.value for key, found in stated.items()},
        cls,
        place=joined("brokers", broker),
        places={key: found.place for key, found in stated.items()},
        folder=file.parent if file else None,
    )
    if instance is None:
        in_file = file and {found.origin for found in stated.values()} <= {"file", "profile"}
        raise refusal(
            faults,
            where=str(file) if in_file else None,
            hint=_missing(cls, stated, joined("brokers", broker)),
        )
    origins = {
        name: stated[key].origin if key in stated else "default"
        for key, name in keys_of(cls).items()
    }
    return BrokerSettings(instance=instance if settings_class else None, origins=origins)


def _layers(
    cls: type[Any],
    configuration: Configuration,
    broker: str,
    profile: ProfileTable,
    overrides: Mapping[str, str],
) -> Iterator[tuple[str, _Stated]]:
    """All places at which a setting is set, those that win first."""
    for key, text in overrides.items():
        yield key, _Stated(FlagText(text), "flag", f"--set {as_typed(key, marks='')}")
    for key, name in keys_of(cls).items():
        variable = attrs.fields_dict(cls)[name].metadata.get("environment")
        stated = configuration.environment.get(variable) if variable else None
        if variable and stated:
            yield key, _Stated(FlagText(stated), "environment", variable)
    for key, value in profile.settings.items():
        yield key, _Stated(value, "profile", joined(_profile_place(configuration, profile), key))
    for key, value in configuration.broker_table(broker).settings.items():
        yield key, _Stated(value, "file", joined(joined("brokers", broker), key))


def _profile_place(configuration: Configuration, profile: ProfileTable) -> str:
    names = [name for name, each in configuration.stated.profiles.items() if each is profile]
    return joined("profiles", names[0]) if names else "profile"


def _missing(cls: type[Any], stated: Mapping[str, _Stated], table: str) -> str | None:
    """Where to put the first setting that is required and nowhere set."""
    fields = attrs.fields_dict(cls)
    for key, name in keys_of(cls).items():
        if fields[name].default is attrs.NOTHING and key not in stated:
            return f"put `{key}` into the table [{table}] of {FILE_NAME}"
    return None
