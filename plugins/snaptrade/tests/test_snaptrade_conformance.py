"""The conformance kit on SnapTrade's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.testing import BrokerConformance
from variance_bridge_snaptrade.broker import SnapTradeBroker


class TestSnapTrade(BrokerConformance):
    broker = SnapTradeBroker
    payloads = Path(__file__).parent / "recordings"

    def test_a_paper_account_never_passes_for_a_real_one(self):
        worlds = [(one.raw.account.number, one.raw.environment) for one in self.account_runs()]

        assert worlds == [
            ("PAPER00005", "sandbox"),
            ("INV00000001", "production"),
            ("77777702", "production"),
        ]
