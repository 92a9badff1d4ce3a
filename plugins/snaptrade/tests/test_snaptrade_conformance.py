"""The conformance kit on SnapTrade's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge import DataRefused
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

    def test_kept_payloads_of_an_account_without_visible_holdings_are_refused_too(self):
        kept = self.account_runs()[0]
        hidden = {"sync_status": {"holdings": {"holdings_unavailable": True}}}
        account = kept.raw.payloads["account"] | hidden

        assert isinstance(kept.normalize({**kept.raw.payloads, "account": account}), DataRefused)

    def test_what_identifies_an_account_or_its_owner_is_known_to_be_personal(self):
        for run in self.recorded_runs():
            entry = run.account_runs[0].raw.payloads["account"]
            for name in ("id", "number", "institution_account_id", "name"):
                assert run.personal.find(f"see {entry[name]}"), name
