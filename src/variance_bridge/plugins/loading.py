"""Finds plugins by name and imports only those that are asked for, so that a broken plugin can break only itself.

An entry point's name is that of the broker or the listener; two of one name are an error, which `registry.find_plugin`
raises (there, because a light command needs it without the rest). Each import happens inside a guard; what comes back
is checked before it is believed: known hooks only, records of the right class, exactly one of the asked-for name, a
hook API that we speak. pluggy's own loader does none of this: it stops at the first broken plugin and drops a second
one of the same name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
from msgspec import Struct

from variance_bridge.broker import HOOK_API, BrokerSpec, QuoteSourceSpec
from variance_bridge.errors import PluginError, UnknownPlugin
from variance_bridge.masking import as_typed
from variance_bridge.plugins.guard import guarded
from variance_bridge.plugins.registry import (
    BROKERS,
    LISTENERS,
    FindPlugins,
    Plugin,
    find_plugin,
    installed,
    names,
    plugins,
)

if TYPE_CHECKING:
    import pluggy

OLDEST_HOOK_API = 1
"""The oldest hook API whose plugins still work."""


_NO_QUOTES = "check `quotes` in variance.toml, or use `--quotes none`"


class PluginState(StrEnum):
    """What is the matter with a plugin."""

    LOADED = "loaded"
    UNUSED = "not used"
    MISSING = "not installed"
    BROKEN = "broken"
    CONFLICT = "conflict"
    TOO_NEW = "too new"


class LoadedPlugin(Struct, frozen=True, kw_only=True):
    """A broker's plugin whose module was imported and whose records were checked."""

    plugin: Plugin
    broker: BrokerSpec
    quotes: tuple[QuoteSourceSpec, ...]


class LoadedListener(Struct, frozen=True, kw_only=True):
    """A listener whose module was imported.

    Attributes:
        settings: the attrs class of the keys in its table; None without one.
    """

    plugin: Plugin
    settings: type[Any] | None


class Listing(Struct, frozen=True, kw_only=True):
    """A broker or listener as `variance brokers` shows it; `loaded` is for brokers."""

    name: str
    distributions: tuple[str, ...]
    state: PluginState
    reason: str | None = None
    loaded: LoadedPlugin | None = None


class _TooNew(PluginError):
    """The plugin needs a newer hook API."""


class Registry:
    """The installed plugins; those of a run are in one plugin manager.

    Args:
        find: gives the entry points of a group; passed in, so that tests need to install nothing.
    """

    def __init__(self, find: FindPlugins = installed) -> None:
        self._find = find
        self._loaded: dict[str, LoadedPlugin] = {}

    @cached_property
    def _manager(self) -> pluggy.PluginManager:
        import pluggy

        from variance_bridge.plugins import hookspecs

        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        return manager

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the installed brokers; nothing is imported."""
        return names(find=self._find)

    def load(self, name: str) -> LoadedPlugin:
        """Import the broker plugin of that name, and no other, and check what it declares.

        Raises:
            UnknownPlugin: none has that name.
            PluginError: it is in conflict with another, cannot be imported, or declares something that is not right.
        """
        if name not in self._loaded:
            plugin = find_plugin(name, find=self._find)
            self._register(plugin)
            self._loaded[name] = LoadedPlugin(
                plugin=plugin,
                broker=_named_like(plugin, self._declared(plugin, "brokers", BrokerSpec)),
                quotes=self._declared(plugin, "quotes", QuoteSourceSpec),
            )
        return self._loaded[name]

    def load_listener(self, name: str) -> LoadedListener:
        """Import the listener of that name, and no other.

        Raises:
            UnknownPlugin: none has that name.
            PluginError: as `load`, or it does not listen.
        """
        plugin = find_plugin(name, LISTENERS, what="listener", find=self._find)
        self._register(plugin)
        if not self.synced_hook(plugin).get_hookimpls():
            raise PluginError(
                f"{plugin} does not implement the hook variance_bridge_synced",
                hint="report it to the plugin's authors",
            )
        with guarded(str(plugin), "failed while it declared its settings"):
            settings = self._hook(plugin, "variance_bridge_listener_settings")()
        if settings is not None and not (isinstance(settings, type) and attrs.has(settings)):
            raise PluginError(f"the settings of {plugin} are not an attrs class")
        return LoadedListener(plugin=plugin, settings=settings)

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
        sources = [
            spec.name for each in self.brokers() if each.loaded for spec in each.loaded.quotes
        ]
        raise UnknownPlugin(
            f"no source of quotes {as_typed(name)} is installed (installed: {', '.join(sources) or 'none'})",
            hint=_NO_QUOTES,
        )

    def _named(self, name: str) -> tuple[LoadedPlugin, ...]:
        try:
            return (self.load(name),)
        except UnknownPlugin:
            return ()

    def synced_hook(self, plugin: Plugin) -> pluggy.HookCaller:
        """The hook `variance_bridge_synced` of one loaded plugin; calling it does nothing where there is none."""
        return self._hook(plugin, "variance_bridge_synced")

    def brokers(self) -> tuple[Listing, ...]:
        """Every installed broker and its state; loads each one inside its guard."""
        return tuple(self._list(name, BROKERS, self.load) for name in names(find=self._find))

    def listeners(self, wanted: Collection[str]) -> tuple[Listing, ...]:
        """Every listener that is installed or wanted, and its state; loads the wanted ones, each inside its guard."""
        found = dict.fromkeys([*names(LISTENERS, self._find), *wanted])
        return tuple(
            self._list(name, LISTENERS, self.load_listener if name in wanted else None)
            for name in found
        )

    def _list(
        self, name: str, group: str, load: Callable[[str], LoadedPlugin | LoadedListener] | None
    ) -> Listing:
        found = tuple(str(one) for one in plugins(group, self._find) if one.name == name)
        if load is None:
            return Listing(name=name, distributions=found, state=PluginState.UNUSED)
        try:
            loaded = load(name)
        except PluginError as error:
            state = PluginState.TOO_NEW if isinstance(error, _TooNew) else PluginState.BROKEN
            if len(found) != 1:
                state = PluginState.CONFLICT if found else PluginState.MISSING
            return Listing(name=name, distributions=found, state=state, reason=error.what)
        broker = loaded if isinstance(loaded, LoadedPlugin) else None
        return Listing(name=name, distributions=found, state=PluginState.LOADED, loaded=broker)

    def _register(self, plugin: Plugin) -> None:
        """Import what an entry point names and check its hooks; once for a module that two entry points name."""
        import pluggy

        if self._manager.has_plugin(plugin.value):
            return
        with guarded(str(plugin), "cannot be imported"):
            module = plugin.load()
            try:
                self._manager.register(module, name=plugin.value)
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                self._manager.unregister(name=plugin.value)
                raise PluginError(
                    f"{plugin} implements a hook that does not exist, or with wrong arguments",
                    hint="see docs/hooks.md for the hooks and their arguments",
                ) from error

    def _hook(self, plugin: Plugin, name: str) -> pluggy.HookCaller:
        """The hook of one plugin alone: pluggy would not call those after one that fails."""
        own = self._manager.get_plugin(plugin.value)
        return self._manager.subset_hook_caller(name, self._manager.get_plugins() - {own})

    def _declared(self, plugin: Plugin, what: str, kind: type[Any]) -> tuple[Any, ...]:
        with guarded(str(plugin), "failed while it declared itself"):
            results = self._hook(plugin, f"variance_bridge_{what}")()
            records = [record for result in results for record in result]
        return tuple(_checked(plugin, record, kind) for record in records)


def _named_like(plugin: Plugin, brokers: tuple[BrokerSpec, ...]) -> BrokerSpec:
    named = [spec for spec in brokers if spec.name == plugin.name]
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
