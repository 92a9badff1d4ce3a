"""The conformance kit of Variance Bridge, on Alpaca's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge_alpaca.broker import AlpacaBroker

from variance_bridge.testing import BrokerConformance


class TestAlpaca(BrokerConformance):
    broker = AlpacaBroker
    payloads = Path(__file__).parent / "recordings"
