"""A broker on the loopback that behaves like the real API, with faults at will. Standard library only.

with Simulator(SimulatedPortfolio.demo(today)) as simulator:
    ...  # simulator.url, simulator.credentials, simulator.requests
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
