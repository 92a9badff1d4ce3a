"""The conformance kit on SnapTrade's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.testing import BrokerConformance
from variance_bridge_snaptrade.broker import SnapTradeBroker


class TestSnapTrade(BrokerConformance):
    broker = SnapTradeBroker
    payloads = Path(__file__).parent / "recordings"
