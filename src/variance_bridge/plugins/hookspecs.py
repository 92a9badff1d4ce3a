"""The hooks that a plugin may implement (pluggy, project name `variance_bridge`)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec, QuoteSourceSpec
    from variance_bridge.model import Portfolio

PROJECT = "variance_bridge"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function of a plugin's module as the implementation of the hook of the same name."""


@hookspec
def variance_bridge_brokers() -> Iterable[BrokerSpec]:  # type: ignore[empty-body]
    """The brokers of this plugin: records, not instances.

    Exactly one of them has the name of the entry point through which the plugin was found.
    """


@hookspec
def variance_bridge_quotes() -> Iterable[QuoteSourceSpec]:  # type: ignore[empty-body]
    """The quote sources of this plugin. Market data stays apart from positions: it is chosen by configuration."""


@hookspec(firstresult=True)
def variance_bridge_listener_settings() -> type[Any]:  # type: ignore[empty-body]
    """The attrs class of the keys in a listener's table `[listeners.NAME]`; without it the table has none."""


@hookspec
def variance_bridge_synced(portfolio: Portfolio, path: Path, settings: Any) -> str | None:
    """Called after `portfolio` was published as `path`: for the broker that was synced, and for every listener.

    Whatever goes wrong in it is a warning that names it; the sync has succeeded, and the others are called.

    Args:
        portfolio: what the document holds.
        path: the document. Its lock is released by now, so the next sync may already have replaced it.
        settings: of the broker, or of the listener's own class; None without one.

    Returns:
        A sentence that the user is shown as a warning, such as why nothing was done; None, as a rule.
    """
