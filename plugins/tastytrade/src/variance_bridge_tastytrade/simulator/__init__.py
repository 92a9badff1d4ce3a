"""A broker on the loopback that behaves like the real API, with faults at will. Standard library only.

    faults = [Fault("positions", "status", at=2, status=503)]
    with Simulator(SimulatedPortfolio.demo(today), faults=faults) as simulator:
        ...  # a client of simulator.url with simulator.credentials
    simulator.counts(), simulator.connections, simulator.rate_excess(), simulator.requests

`SimulatedPortfolio.of([{"symbol": "SPY", "quantity": -10, "average_open_price": "1.5"}])` serves any positions;
`simulator.portfolio = ...` swaps them while it runs. `python -m variance_bridge_tastytrade.simulator` serves the demo.
"""

from variance_bridge_tastytrade.simulator.authorization import LegacyLogin, SimulatedCredentials
from variance_bridge_tastytrade.simulator.clock import SimulatedClock
from variance_bridge_tastytrade.simulator.csv_export import generations, to_csv
from variance_bridge_tastytrade.simulator.faults import BodyForm, Fault, FaultKind
from variance_bridge_tastytrade.simulator.portfolio import (
    SimulatedAccount,
    SimulatedMetrics,
    SimulatedPortfolio,
    SimulatedPosition,
    SimulatedQuote,
)
from variance_bridge_tastytrade.simulator.recording import RecordedRequest
from variance_bridge_tastytrade.simulator.server import Simulator, SimulatorError
from variance_bridge_tastytrade.simulator.wire import ABSENT, NumberForm, Presence, WireForm

__all__ = [
    "ABSENT",
    "BodyForm",
    "Fault",
    "FaultKind",
    "LegacyLogin",
    "NumberForm",
    "Presence",
    "RecordedRequest",
    "SimulatedAccount",
    "SimulatedClock",
    "SimulatedCredentials",
    "SimulatedMetrics",
    "SimulatedPortfolio",
    "SimulatedPosition",
    "SimulatedQuote",
    "Simulator",
    "SimulatorError",
    "WireForm",
    "generations",
    "to_csv",
]
