"""The conformance kit on Tradier's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.testing import BrokerConformance
from variance_bridge_tradier.broker import TradierBroker


class TestTradier(BrokerConformance):
    broker = TradierBroker
    payloads = Path(__file__).parent / "recordings"
