"""The conformance kit, on the recorded answers of two accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from variance_bridge.testing import BrokerConformance
from variance_bridge_tastytrade.broker import TastytradeBroker


@pytest.mark.slow
class TestTastytrade(BrokerConformance):
    broker = TastytradeBroker
    payloads = Path(__file__).parent / "recordings"
    most_drifting = 3


@pytest.mark.slow
class TestEveryRow(TestTastytrade):
    most_drifting = 30
