"""A broker on the loopback that behaves like the real API, with faults at will. Standard library only, but for the streamer.

    faults = [Fault("positions", "status", at=2, status=503)]
    with Simulator(SimulatedPortfolio.demo(today), faults=faults) as simulator:
        ...  # a client of simulator.url with simulator.credentials
    simulator.counts(), simulator.connections, simulator.rate_excess(), simulator.requests

`SimulatedPortfolio.of([{"symbol": "SPY", "quantity": -10, "average_open_price": "1.5"}])` serves any positions;
`simulator.portfolio = ...` swaps them while it runs. `PYTHONPATH=plugins/tastytrade/tests/simulator python -m tastytrade_simulator` serves the demo.
"""

from tastytrade_simulator.authorization import LegacyLogin, SimulatedCredentials
from tastytrade_simulator.clock import SimulatedClock
from tastytrade_simulator.csv_file import generations, to_csv
from tastytrade_simulator.fault_kinds import BodyForm, Fault, FaultKind
from tastytrade_simulator.portfolio import SimulatedPortfolio
from tastytrade_simulator.recording import RecordedRequest
from tastytrade_simulator.server import Simulator, SimulatorError
from tastytrade_simulator.wire import NumberForm, Presence, WireForm
from variance_bridge_tastytrade.demo_server.portfolio import (
    SimulatedAccount,
    SimulatedMetrics,
    SimulatedPosition,
    SimulatedQuote,
)
from variance_bridge_tastytrade.demo_server.spelling import ABSENT

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
