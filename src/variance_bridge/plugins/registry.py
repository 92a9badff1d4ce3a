"""Which plugins are installed, from metadata alone: nothing of them is imported here.

An entry point's name is the name of the broker, command, listener or export format. The files `entry_points.txt` are read directly, because
importing `importlib.metadata` alone takes half of the start-up; a test compares what both find.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from variance_bridge.errors import PluginError, UnknownPlugin
from variance_bridge.formatting import nearest

BROKERS = "variance_bridge"
COMMANDS = "variance_bridge.commands"
LISTENERS = "variance_bridge.listeners"
EXPORTS = "variance_bridge.exports"


class Plugin(NamedTuple):
    """One entry point: nothing of it has been imported.

    Attributes:
        name: of the broker, command, listener or export format.
        value: `module` or `module:attribute`.
        distribution: the installed package that brings it, as `pip` calls it.
        version: of that package.
    """

    name: str
    value: str
    distribution: str = "unknown distribution"
    version: str = "0"

    def __str__(self) -> str:
        """`distribution version`, as messages name a plugin."""
        return f"{self.distribution} {self.version}"

    def load(self) -> Any:
        """Import what the entry point names; raises whatever its code raises."""
        module, _, attribute = self.value.partition(":")
        loaded: Any = import_module(module.strip())
        for name in filter(None, attribute.strip().split(".")):
            loaded = getattr(loaded, name)
        return loaded


FindPlugins = Callable[[str], Iterable[Plugin]]


def installed(group: str) -> Iterable[Plugin]:
    """The entry points of that group in all installed distributions."""
    found: list[Plugin] = []
    seen: set[str] = (
        set()
    )  # of two distributions with one name the first on the path counts, as for imports
    for folder in sys.path:
        for metadata in _metadata_folders(folder or "."):
            name = os.path.basename(metadata).rpartition(".")[0].partition("-")[0]
            key = name.lower().replace("-", "_").replace(".", "_")
            if key in seen:
                continue
            seen.add(key)
            found += (plugin for name, plugin in _entry_points(metadata) if name == group)
    return found


def _metadata_folders(folder: str) -> tuple[str, ...]:
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError:  # a path that does not exist
        return ()
    return _listed(folder, changed)


@lru_cache(maxsize=64)
def _listed(folder: str, _changed: int) -> tuple[str, ...]:
    """Read again when the folder has changed, as Python's own import system does."""
    try:
        names = os.listdir(folder)
    except OSError:  # a zip file, in which no plugin of ours is looked for
        return ()
    return tuple(
        os.path.join(folder, name) for name in names if name.endswith((".dist-info", ".egg-info"))
    )


def _entry_points(metadata: str) -> tuple[tuple[str, Plugin], ...]:
    """The entry points of one distribution in our groups, with their group."""
    file = os.path.join(metadata, "entry_points.txt")
    try:
        changed = os.stat(file).st_mtime_ns
    except OSError:  # most distributions have none
        return ()
    return _declared(metadata, file, changed)


@lru_cache(maxsize=1024)
def _declared(metadata: str, file: str, _changed: int) -> tuple[tuple[str, Plugin], ...]:
    text = _text(file)
    return tuple(_parsed(text, metadata)) if BROKERS in text else ()


def _parsed(text: str, metadata: str) -> Iterator[tuple[str, Plugin]]:
    about = dict(
        _headers(
            _text(os.path.join(metadata, "METADATA")) or _text(os.path.join(metadata, "PKG-INFO"))
        )
    )
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            group = line.strip("[]").strip()
        elif "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            value = value.partition("[")[0]  # extras are not used
            yield (
                group,
                Plugin(
                    name.strip(),
                    value.strip(),
                    about.get("name", "?"),
                    about.get("version", "0"),
                ),
            )


def _headers(metadata: str) -> Iterator[tuple[str, str]]:
    """The headers of a METADATA file (core metadata specification: e-mail headers, a blank line, the description)."""
    for line in metadata.splitlines():
        name, colon, value = line.partition(":")
        if not line.strip():
            return
        if colon and not line[0].isspace():
            yield name.lower(), value.strip()


def _text(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def plugins(group: str = BROKERS, find: FindPlugins = installed) -> tuple[Plugin, ...]:
    """All plugins of the group, by name."""
    return tuple(sorted(set(find(group))))


def names(group: str = BROKERS, find: FindPlugins = installed) -> tuple[str, ...]:
    """The names that can be asked for, each once."""
    return tuple(dict.fromkeys(plugin.name for plugin in plugins(group, find)))


def find_plugin(
    name: str,
    group: str = BROKERS,
    *,
    what: str = "broker",
    find: FindPlugins = installed,
) -> Plugin:
    """The one plugin of that name.

    Raises:
        UnknownPlugin: none has that name; says which there are, the nearest, and what to install.
        PluginError: two distributions claim the name; names both.
    """
    found = [plugin for plugin in plugins(group, find) if plugin.name == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise PluginError(
            f"two plugins claim the {what} `{name}`: {' and '.join(str(p) for p in found)}",
            hint="uninstall one of them",
        )
    raise _unknown(name, names(group, find), what)


def known_plugins(kind: str) -> Mapping[str, Mapping[str, Any]]:
    """What is known of brokers or listeners that may not be installed: title, distribution, whether made with the core."""
    found: Mapping[str, Mapping[str, Any]] = _known_plugins().get(kind, {})
    return found


@cache
def _known_plugins() -> Mapping[str, Any]:
    import msgspec

    from variance_bridge.storage.read import shipped_text

    found: Mapping[str, Any] = msgspec.json.decode(shipped_text("known_brokers_and_formats.json"))
    return found


def is_built_in(plugin: Plugin) -> bool:
    """Whether a plugin is made with the core: the exact name of a built-in distribution, its package, its place.

    Its place is where the core itself is installed. Nothing of this proves an origin to somebody who can write there; it
    keeps another distribution, or a folder on the path, from passing for ours by a name that only looks alike.
    """
    package = plugin.distribution.replace("-", "_")
    if plugin.value.partition(":")[0].partition(".")[0].strip() != package:
        return False
    if plugin.distribution not in {
        about["distribution"]
        for kind in ("broker", "listener", "command", "export")
        for about in known_plugins(kind).values()
        if about.get("built_in")
    }:
        return False
    core = _folder_of("variance_bridge")
    return core is None or _folder_of(package) in (None, core)


def _folder_of(package: str) -> str | None:
    """Where the metadata of a distribution lie, the first on the path; None where there are none."""
    found = (
        folder
        for folder in sys.path
        for metadata in _metadata_folders(folder or ".")
        if os.path.basename(metadata).partition("-")[0] == package
    )
    return next(found, None)


def _unknown(name: str, names: Sequence[str], what: str) -> UnknownPlugin:
    # Imported here: only a refusal needs it, and a start without one is faster.
    from variance_bridge.masking import as_typed

    known = known_plugins(what)
    formats = known_plugins("format") if what == "broker" else {}
    near = nearest(name.lower(), [*names, *known, *formats])
    if name in known:
        hint = f"install the distribution {known[name]['distribution']}"
    elif near is None:
        hint = "read a file that it exports, `variance sync FILE`; or look for a distribution that brings it, or write one: "
        hint += "`variance plugin new`"
        if what != "broker":
            hint = "look for a distribution that brings it; docs/hooks.md shows how to write one"
    elif near in names or near not in known:
        hint = f'did you mean "{near}"?'
    else:
        distribution = known[near]["distribution"]
        hint = f'did you mean "{near}"? Install the distribution {distribution}'
    return UnknownPlugin(
        f"no {what} {as_typed(name)} is installed (installed: {', '.join(names) or 'none'})",
        hint=hint,
    )
