"""The listeners of a run: loaded and given their settings before anything is fetched, called after each publish."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs
from msgspec import Struct

from variance_bridge.errors import BridgeError, PluginError
from variance_bridge.formatting import repr_without
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.guard import guarded
from variance_bridge.plugins.registry import Plugin

_DO_WITHOUT = "to sync without it, take it out of `listeners` in variance.toml"


class Listener(Struct, frozen=True):
    """A plugin that is called after each publish.

    Attributes:
        title: how warnings name it.
        plugin: its entry point.
        settings: what the hook is given as `settings`.
    """

    title: str
    plugin: Plugin
    settings: Any

    __repr__ = repr_without("settings")


def open_listener(context: RunContext, name: str, *, trust: bool = True) -> Listener:
    """A listener that the configuration names, with its settings.

    Args:
        context: of the run.
        name: of its entry point.
        trust: whether the user is asked about a third party's; the doctor does not ask.

    Raises:
        PluginError: it is unknown, broken or in conflict with another.
        ConfigurationError: its settings are wrong, or the user does not trust it.
    """
    try:
        loaded = context.registry.load_listener(name)
    except PluginError as error:
        hint = "\n  ".join(filter(None, (error.hint, _DO_WITHOUT)))
        raise type(error)(error.what, where=error.where, hint=hint) from error
    if trust:
        context.trust(loaded)
    settings = context.configuration.listener_settings(name, loaded.settings)
    return Listener(f"listener `{name}` ({loaded.plugin})", loaded.plugin, settings)


def call_listeners(
    context: RunContext, listeners: Iterable[Listener], portfolio: Portfolio, path: Path
) -> None:
    """Call each one once, whatever happens in the others. A failure is a warning: the sync has succeeded."""
    # What a broker warns of may quote it; the document does not hold it either.
    portfolio = attrs.evolve(portfolio, warnings=())
    for listener in {each.plugin.value: each for each in listeners}.values():
        call = context.registry.synced_hook(listener.plugin)
        try:
            with guarded("its hook", "failed"):
                said = call(portfolio=portfolio, path=path, settings=listener.settings)
            for sentence in said or ():
                context.warn(str(sentence))
        except BridgeError as error:
            context.warn("\n  ".join(filter(None, (f"{listener.title}: {error}", error.hint))))
