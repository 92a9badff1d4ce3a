"""What the simulated broker is at the moment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tastytrade_simulator.authorization import (
    Authority,
    LegacyLogin,
    SimulatedCredentials,
)
from tastytrade_simulator.portfolio import SimulatedPortfolio
from tastytrade_simulator.wire import WireForm

PRODUCTION: Final = "production"
SANDBOX: Final = "sandbox"

# The newest date of the vendor's release notes that changed an answer.
NEWEST_VERSION: Final = "20261012"
# The real broker locks an address out for about eight hours after "too many" failed logins; it gives no number.
FAILED_LOGINS_BEFORE_LOCK: Final = 3


@dataclass
class BrokerState:
    """The parts of the simulated broker; any of them may be replaced while it serves.

    Attributes:
        default_version: the version that a request without `Accept-Version` gets. The vendor's sources contradict
            each other on whether that is the newest or the oldest.
        narrows_scope: whether asking for less than was granted gives less; unknown of the real server.
        failed_logins: so far; beyond `FAILED_LOGINS_BEFORE_LOCK` no request is answered any more.
    """

    portfolio: SimulatedPortfolio
    authority: Authority
    credentials: SimulatedCredentials
    clock: Callable[[], datetime]
    environment: str = PRODUCTION
    wire: WireForm = field(default_factory=WireForm)
    legacy_login: LegacyLogin = LegacyLogin.OPEN
    default_version: str = NEWEST_VERSION
    narrows_scope: bool = True
    failed_logins: int = 0
    rotate_refresh_token: bool = False

    @property
    def locked_out(self) -> bool:
        """Whether the client has failed to log in too often to be answered at all."""
        return self.failed_logins >= FAILED_LOGINS_BEFORE_LOCK
