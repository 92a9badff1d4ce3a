"""The conformance kit on the broker of Interactive Brokers and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.testing import BrokerConformance
from variance_bridge_ibkr.broker import IbkrBroker


class TestIbkr(BrokerConformance):
    broker = IbkrBroker
    payloads = Path(__file__).parent / "recordings"
