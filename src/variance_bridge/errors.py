"""Every error that a user can meet, each with its exit code.

    BridgeError                     1   a bug
    ├── UsageError                  2
    ├── ConfigurationError          3
    │   ├── CredentialsMissing      3
    │   └── PluginError             3
    │       └── UnknownPlugin       3
    ├── BrokerRefused               4
    ├── BrokerUnreachable           5
    ├── DataRefused                 6
    │   ├── OlderPositions          6
    │   └── UnknownFormat           6
    ├── PositionsTooOld             7
    ├── SyncRunning                 8
    └── ForbiddenRequest            1   a bug in a plugin

An error says what happened, where (a row by line or symbol, an account by its hash) and what to do next. It never
carries a value that a broker sent, an account number, a name or a secret: its text goes to screens and bug reports.
"""

from __future__ import annotations

from typing import ClassVar


class BridgeError(Exception):
    """The root of all errors that are reported to the user without a traceback.

    Attributes:
        exit_code: what the command line exits with (docs/cli.md).
        what: what happened, one sentence.
        where: the file, line, row, account hash or request that it happened to.
        hint: what to do next.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """One line: where, then what."""
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(BridgeError):
    """The command was called in a way that makes no sense (exit 2)."""

    exit_code = 2


class ConfigurationError(BridgeError):
    """Configuration is missing, unreadable or contradictory (exit 3)."""

    exit_code = 3


class CredentialsMissing(ConfigurationError):
    """A credential that the broker needs is nowhere to be found (exit 3)."""


class PluginError(ConfigurationError):
    """A plugin is broken, in conflict with another, or needs a newer hook API (exit 3)."""


class UnknownPlugin(PluginError):
    """No installed plugin has the name that was asked for (exit 3)."""


class BrokerRefused(BridgeError):
    """The broker answered no: credentials invalid, or not permitted (exit 4). Never retried."""

    exit_code = 4


class BrokerUnreachable(BridgeError):
    """The broker cannot be reached, or is failing, after all tries (exit 5)."""

    exit_code = 5


class DataRefused(BridgeError):
    """The data is not acceptable: unreadable input, an invalid document, a refused replacement (exit 6)."""

    exit_code = 6


class OlderPositions(DataRefused):
    """The positions are older than those of the file that they would replace (exit 6)."""


class UnknownFormat(DataRefused):
    """The file is of no kind that the plugin reads: another report, or nothing of a broker's (exit 6).

    In a folder it is passed over; any other refusal of a file there may cost an account its newest positions, and is said.
    """


class ForbiddenRequest(BridgeError):
    """Something asked the read-only session for what it never does: a bug in a plugin (exit 1).

    Raised before a byte leaves this machine.
    """


class PositionsTooOld(BridgeError):
    """The positions file is older than a trader may rely on, or from the future (exit 7)."""

    exit_code = 7


class SyncRunning(BridgeError):
    """Another sync holds the lock of the same output file (exit 8)."""

    exit_code = 8
