"""Which plugins are installed, from metadata alone: nothing of them is imported here.

An entry point's name is the broker's (or the command's) name.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from variance_bridge.errors import BridgeError, PluginError, UnknownPlugin
from variance_bridge.formatting import nearest, printable
from variance_bridge.storage.shipped import shipped_text

BROKERS = "variance_bridge"
COMMANDS = "variance_bridge.commands"

FindEntryPoints = Callable[[str], Iterable[EntryPoint]]


def installed_entry_points(group: str) -> Iterable[EntryPoint]:
    """The entry points of all installed distributions."""
    return entry_points(group=group)


class Plugin(NamedTuple):
    """One entry point: nothing of it has been imported."""

    name: str
    distribution: str
    version: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        """`distribution version`, as messages name a plugin."""
        return f"{self.distribution} {self.version}"


def plugins(
    group: str = BROKERS, find: FindEntryPoints = installed_entry_points
) -> tuple[Plugin, ...]:
    """All plugins of the group, by name."""
    found = {(point.name, *_distribution(point)): point for point in find(group)}
    return tuple(Plugin(*key, found[key]) for key in sorted(found))


def names(group: str = BROKERS, find: FindEntryPoints = installed_entry_points) -> tuple[str, ...]:
    """The names that can be asked for, each once."""
    return tuple(dict.fromkeys(plugin.name for plugin in plugins(group, find)))


def find_plugin(
    name: str,
    group: str = BROKERS,
    *,
    what: str = "broker",
    find: FindEntryPoints = installed_entry_points,
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


def known_brokers() -> Mapping[str, Mapping[str, Any]]:
    """What is known of brokers that may not be installed: title, distribution, whether it is made with the core."""
    from variance_bridge.settings.toml import parse_toml

    return parse_toml(shipped_text("known_brokers.toml"), "known_brokers.toml")


def _distribution(point: EntryPoint) -> tuple[str, str]:
    if point.dist is None:
        return "unknown distribution", "0"
    return str(point.dist.name), str(point.dist.version)


def _unknown(name: str, names: Sequence[str], what: str) -> UnknownPlugin:
    known = known_brokers() if what == "broker" else {}
    near = nearest(name, [*names, *known])
    if name in known:
        hint = f"install the distribution {known[name]['distribution']}"
    elif near is None:
        hint = "look for a distribution that brings it, or write one: `variance plugin new`"
    elif near in names:
        hint = f'did you mean "{near}"?'
    else:
        distribution = known[near]["distribution"]
        hint = f'did you mean "{near}"? Install the distribution {distribution}'
    return UnknownPlugin(
        f'no {what} "{printable(name, limit=60)}" is installed'
        f" (installed: {', '.join(names) or 'none'})",
        hint=hint,
    )


@contextlib.contextmanager
def guarded(plugin: str, doing: str) -> Iterator[None]:
    """Foreign code runs inside: what it prints goes to stderr, what it raises becomes a `PluginError`.

    Only the class of the exception is told, and for a missing module its name: a message may hold anything.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except BridgeError:
        raise
    except ImportError as error:
        missing = f" ({error.name})" if error.name else ""
        raise PluginError(
            f"{plugin} {doing}: {type(error).__name__}{missing}", hint="reinstall or upgrade it"
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an extension module's panic is no Exception
        raise PluginError(
            f"{plugin} {doing}: {type(error).__name__}",
            hint="report it to the plugin's authors; `-vv` shows where",
        ) from error
