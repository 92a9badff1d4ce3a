"""The adapter at work against the simulator, over real HTTP, on a clock that costs no time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator
from variance_bridge.broker import BrokerContext
from variance_bridge.errors import ConfigurationError
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.session import ReadOnlySession
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge_tastytrade.plugin import variance_bridge_brokers
from variance_bridge_tastytrade.settings import TastytradeSettings

(SPEC,) = variance_bridge_brokers()


class VirtualClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.start = datetime(2026, 2, 6, 16, 0, tzinfo=UTC)
        self.passed = 0.0
        self.naps: list[float] = []

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.passed += seconds


def quick_policy(**changes: Any) -> Policy:
    """The session's limits, with time-outs for a server on the same machine."""
    return Policy(**{"connect_seconds": 2.0, "read_seconds": 5.0, "total_seconds": 30.0, **changes})


class Desk:
    """Everything that one run has: a simulator, a clock, a session, and what the user was told."""

    def __init__(self, simulator: Simulator, clock: VirtualClock, running: ExitStack) -> None:
        self.simulator = simulator
        self.clock = clock
        self.personal = PersonalValues()
        self.warnings: list[str] = []
        self.stored: dict[str, Secret] = {}
        self.can_store = True
        self._running = running

    @property
    def oauth_credentials(self) -> dict[str, Secret]:
        known = self.simulator.credentials
        return {
            "TT_CLIENT_SECRET": Secret(known.client_secret),
            "TT_REFRESH_TOKEN": Secret(known.refresh_token),
        }

    def session(self, policy: Policy | None = None) -> ReadOnlySession:
        session = ReadOnlySession(
            SPEC.hosts,
            SPEC.token_paths,
            clock=self.clock,
            personal=self.personal,
            user_agent="variance-bridge/0.1.0",
            policy=policy or quick_policy(),
            rate_limits=SPEC.rate_limits,
        )
        self._running.callback(session.close)
        return session

    def context(
        self,
        *,
        credentials: dict[str, Secret] | None = None,
        policy: Policy | None = None,
        **settings: Any,
    ) -> BrokerContext:
        return BrokerContext(
            settings=TastytradeSettings(base_url=self.simulator.url, **settings),
            credentials=self.oauth_credentials if credentials is None else credentials,
            session=self.session(policy),
            clock=self.clock,
            personal=self.personal,
            warn=self.warnings.append,
            store_credential=self.store,
        )

    def store(self, name: str, secret: Secret) -> None:
        if not self.can_store:
            raise ConfigurationError("it cannot be kept")
        self.stored[name] = secret


def two_positions() -> SimulatedPortfolio:
    """A share and a short option on it, with quotes."""
    return SimulatedPortfolio.of(
        [
            {
                "symbol": "MCD",
                "quantity": 100,
                "average_open_price": "290.10",
                "quote": {"bid": "300.10", "ask": "300.30", "mark": "300.20", "last": "300.25"},
            },
            {
                "symbol": "MCD   260320C00310000",
                "instrument_type": "Equity Option",
                "quantity": -1,
                "average_open_price": "2.74",
                "quote": {
                    "bid": "2.30",
                    "ask": "2.34",
                    "mark": "2.32",
                    "delta": "0.30",
                    "gamma": "0.02",
                    "theta": "-0.10",
                    "vega": "0.35",
                    "volatility": "0.21",
                },
            },
        ],
        quotes=[
            {"symbol": "SPY", "bid": "600.00", "ask": "600.02", "mark": "600.01", "last": "600"}
        ],
        betas={"MCD": "0.5", "SPY": "1"},
        cash="1000.00",
    )


@pytest.fixture(scope="session")
def new_clock() -> type[VirtualClock]:
    """For properties, which need a clock for each example."""
    return VirtualClock


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def desk_for(clock: VirtualClock) -> Iterator[Callable[..., Desk]]:
    """Opens a desk in front of a simulator with these settings."""
    with ExitStack() as running:

        def open_desk(portfolio: SimulatedPortfolio | None = None, **settings: Any) -> Desk:
            settings.setdefault("clock", clock.now)
            simulator = Simulator(portfolio or two_positions(), **settings)
            return Desk(running.enter_context(simulator), clock, running)

        yield open_desk


@pytest.fixture(scope="module")
def module_desk() -> Iterator[Desk]:
    """One desk for what a whole module needs once."""
    with ExitStack() as running:
        clock = VirtualClock()
        simulator = running.enter_context(Simulator(two_positions(), clock=clock.now))
        yield Desk(simulator, clock, running)


@pytest.fixture
def desk(desk_for: Callable[..., Desk]) -> Desk:
    return desk_for()
