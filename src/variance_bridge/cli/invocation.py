"""What every command of one invocation shares: options before the command, folders, clock, environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from variance_bridge.clock import SystemClock

if TYPE_CHECKING:
    from variance_bridge.configuration import Configuration
    from variance_bridge.registry import Registry


@attrs.define(slots=False)
class Invocation:
    """One call of the command. Everything is read on first use, so that `--help` reads nothing."""

    config: str | None = None
    verbosity: int = 0
    clock: SystemClock = attrs.field(factory=SystemClock)

    @cached_property
    def environment(self) -> Mapping[str, str]:
        """The process's environment variables, as they were when the command began."""
        return dict(os.environ)

    @cached_property
    def folder(self) -> Path:
        """The user's configuration folder; need not exist."""
        if named := self.environment.get("VARIANCE_CONFIG_DIR"):
            return Path(named)
        import platformdirs

        return Path(platformdirs.user_config_dir("variance-bridge", appauthor=False))

    @cached_property
    def configuration(self) -> Configuration:
        """The configuration file, read and checked."""
        from variance_bridge.configuration import read_configuration

        explicit = Path(self.config) if self.config else None
        return read_configuration(self.folder, explicit, self.environment)

    @cached_property
    def registry(self) -> Registry:
        """The installed plugins."""
        from variance_bridge.registry import Registry

        return Registry()
