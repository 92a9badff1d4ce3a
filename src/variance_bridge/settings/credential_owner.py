"""Whose credentials are meant: a broker's, for all profiles or for one."""

from __future__ import annotations

import re

from msgspec import Struct


class Login(Struct, frozen=True):
    """A log-in at a broker.

    Attributes:
        broker: its name in the registry.
        profile: the profile of `variance.toml` that it belongs to; None for the log-in of all that have no own.
    """

    broker: str
    profile: str | None = None

    @property
    def keyring_group(self) -> str:
        """What its entries in the keyring stand under. No broker's name holds a colon."""
        return self.broker if self.profile is None else f"{self.broker}:{self.profile}"

    @property
    def levels(self) -> tuple[Login, ...]:
        """Where a credential is looked for: its own log-in, then that of all profiles."""
        return (self,) if self.profile is None else (self, Login(self.broker))

    @property
    def flags(self) -> str:
        """The options that mean it on the command line."""
        profile = "" if self.profile is None else f" --profile {self.profile}"
        return f"--broker {self.broker}{profile}"

    def variable(self, name: str) -> str:
        """The variable, and the key in `.env`, of one of its credentials: `ACME_TOKEN`, `ACME_TOKEN__IRA`."""
        return name if self.profile is None else f"{name}__{profile_suffix(self.profile)}"


def profile_suffix(profile: str) -> str:
    """A profile's name as a variable may hold it: `IRA_2` for `ira-2`."""
    return re.sub(r"[^A-Z0-9]", "_", profile.upper())
