"""For commands of plugins: what a command is given, and how it writes JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from variance_bridge.broker import Clock
from variance_bridge.document.convert import instant_text
from variance_bridge.document.exact_json import dumps
from variance_bridge.reading.freshness import AgeLimits

__all__ = ["Invocation", "dumps", "instant_text"]


class Invocation(Protocol):
    """One call of `variance`: the object of click's context (`@click.pass_obj`)."""

    @property
    def clock(self) -> Clock:
        """The time. A command reads no other clock."""
        ...

    @property
    def folder(self) -> Path:
        """The user's configuration folder; it need not exist."""
        ...

    @property
    def age_limits(self) -> AgeLimits:
        """How old positions may be, for `variance_bridge.load`."""
        ...

    def newest_live(self) -> Path:
        """The newest positions file.

        Raises:
            DataRefused: there is none; says how to get one.
        """
        ...

    def warn(self, message: str) -> None:
        """Show the user a warning, on stderr, without anything personal."""
        ...
