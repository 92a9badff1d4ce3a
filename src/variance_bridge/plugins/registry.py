"""Finds plugins by name and imports only the one that is asked for, so that a broken plugin can break only itself.

An entry point's name is the broker's name; two plugins of one name are an error, which `entry_points.find_plugin`
raises (there, because a light command needs it without the rest). Each import happens inside a guard; what comes back
is checked before it is believed: known hooks only, records of the right class, exactly one of the asked-for name, a
hook API that we speak. pluggy's own loader does none of this: it stops at the first broken plugin and drops a second
one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.broker import HOOK_API, BrokerSpec, QuoteSourceSpec
from variance_bridge.errors import PluginError, UnknownPlugin
from variance_bridge.formatting import printable
from variance_bridge.model import Portfolio
from variance_bridge.plugins.entry_points import (
    FindPlugins,
    Plugin,
    find_plugin,
    guarded,
    installed,
    names,
    plugins,
)

OLDEST_HOOK_API = 1
"""The oldest hook API whose plugins still work."""


_NO_QUOTES = "check `quotes` in variance.toml, or use `--quotes none`"


class PluginState(StrEnum):
    """What is the matter with an installed plugin."""

    LOADED = "loaded"
    BROKEN = "broken"
    CONFLICT = "conflict"
    TOO_NEW = "too new"


@attrs.frozen(kw_only=True)
class LoadedPlugin:
    """A plugin whose module was imported and whose records were checked."""

    plugin: Plugin
    broker: BrokerSpec
    quotes: tuple[QuoteSourceSpec, ...]
    manager: Any = attrs.field(repr=False, eq=False)


@attrs.frozen(kw_only=True)
class Listing:
    """An installed plugin as `variance brokers` shows it."""

    name: str
    distributions: tuple[str, ...]
    state: PluginState
    reason: str | None = None
    loaded: LoadedPlugin | None = None


class _TooNew(PluginError):
    """The plugin needs a newer hook API."""


class Registry:
    """The installed plugins.

    Args:
        find: gives the entry points of a group; passed in, so that tests need to install nothing.
    """

    def __init__(self, find: FindPlugins = installed) -> None:
        self._find = find
        self._loaded: dict[str, LoadedPlugin] = {}

    def load(self, name: str) -> LoadedPlugin:
        """Import the broker plugin of that name, and no other, and check what it declares.

        Raises:
            UnknownPlugin: none has that name.
            PluginError: it is in conflict with another, cannot be imported, or declares something that is not right.
        """
        if name not in self._loaded:
            self._loaded[name] = _load(find_plugin(name, find=self._find))
        return self._loaded[name]

    def quote_source(self, name: str) -> tuple[LoadedPlugin, QuoteSourceSpec]:
        """The quote source of that name, which lives in the plugin of the same name or in one already loaded.

        Raises:
            UnknownPlugin: no plugin of that name, or it brings no such source.
            PluginError: as `load`.
        """
        loaded = [*self._loaded.values(), *(() if name in self._loaded else self._named(name))]
        for plugin in loaded:
            for spec in plugin.quotes:
                if spec.name == name:
                    return plugin, spec
        raise UnknownPlugin(
            f'no source of quotes "{printable(name, limit=60)}" is installed', hint=_NO_QUOTES
        )

    def _named(self, name: str) -> tuple[LoadedPlugin, ...]:
        try:
            return (self.load(name),)
        except UnknownPlugin:
            return ()

    def listing(self) -> tuple[Listing, ...]:
        """Every installed broker and its state; loads each one inside its guard."""
        return tuple(self._list(name) for name in names(find=self._find))

    def _list(self, name: str) -> Listing:
        claims = tuple(str(plugin) for plugin in plugins(find=self._find) if plugin.name == name)
        try:
            loaded = self.load(name)
        except PluginError as error:
            state = PluginState.TOO_NEW if isinstance(error, _TooNew) else PluginState.BROKEN
            state = PluginState.CONFLICT if len(claims) > 1 else state
            return Listing(name=name, distributions=claims, state=state, reason=error.what)
        return Listing(name=name, distributions=claims, state=PluginState.LOADED, loaded=loaded)


def _load(plugin: Plugin) -> LoadedPlugin:
    import pluggy

    from variance_bridge.plugins import hookspecs

    with guarded(str(plugin), "cannot be imported"):
        module = plugin.load()
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(
            f"{plugin} implements a hook that does not exist, or with wrong arguments",
            hint="see docs/hooks.md for the hooks and their arguments",
        ) from error
    with guarded(str(plugin), "failed while it declared itself"):
        brokers = _flatten(manager.hook.variance_bridge_brokers())
        quotes = _flatten(manager.hook.variance_bridge_quotes())
    return LoadedPlugin(
        plugin=plugin,
        broker=_only_broker(plugin, brokers),
        quotes=tuple(_checked(plugin, spec, QuoteSourceSpec) for spec in quotes),
        manager=manager,
    )


def _flatten(results: Iterable[Iterable[Any]]) -> list[Any]:
    return [record for result in results for record in result]


def _only_broker(plugin: Plugin, records: Sequence[Any]) -> BrokerSpec:
    specs: list[BrokerSpec] = [_checked(plugin, record, BrokerSpec) for record in records]
    named = [spec for spec in specs if spec.name == plugin.name]
    if len(named) == 1:
        return named[0]
    raise PluginError(
        f"{plugin} must declare exactly one broker named `{plugin.name}`, like its entry point;"
        f" it declares {len(named)}",
        hint="report it to the plugin's authors",
    )


def _checked(plugin: Plugin, record: Any, kind: type[Any]) -> Any:
    """A record of the right class that speaks our hook API; a newer one is refused before its fields are read."""
    wanted = getattr(record, "hook_api", None)
    if isinstance(wanted, int) and wanted > HOOK_API:
        raise _TooNew(
            f"{plugin} needs hook API {wanted}, this variance-bridge speaks {HOOK_API}",
            hint="upgrade variance-bridge",
        )
    if not isinstance(record, kind):
        raise PluginError(
            f"{plugin} declares something that is not a {kind.__name__}",
            hint="report it to the plugin's authors",
        )
    if not isinstance(wanted, int) or wanted < OLDEST_HOOK_API:
        raise PluginError(
            f"{plugin} was written for a hook API before {OLDEST_HOOK_API}", hint="upgrade it"
        )
    return record


def import_place(plugin: Plugin, place: str) -> Any:
    """What `module:Name` of a record names.

    Raises:
        PluginError: it cannot be imported or is not there.
    """
    with guarded(str(plugin), f"cannot import {place}"):
        return plugin._replace(value=place).load()


def tell_synced(loaded: Iterable[LoadedPlugin], portfolio: Portfolio, path: Path) -> list[str]:
    """Call `variance_bridge_synced` of each plugin; the failures, in words. None of them undoes the sync."""
    failures = []
    for one in loaded:
        try:
            with guarded(str(one.plugin), "failed after the sync"):
                one.manager.hook.variance_bridge_synced(portfolio=portfolio, path=path)
        except PluginError as error:
            failures.append(error.what)
    return failures
