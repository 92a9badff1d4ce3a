"""The conformance kit on Schwab's broker and recorded answers."""

from __future__ import annotations

from pathlib import Path

from variance_bridge.testing import BrokerConformance
from variance_bridge_schwab.broker import SchwabBroker


class TestSchwab(BrokerConformance):
    broker = SchwabBroker
    payloads = Path(__file__).parent / "recordings"

    def flipped(self, row):
        """The same row of the other side: quantities exchanged, value and profits negated under the other side's names."""
        side, other = ("long", "short") if row["longQuantity"] else ("short", "long")
        turned = {
            name.replace(side, other).replace(side.title(), other.title()): value
            for name, value in row.items()
            if name not in ("longQuantity", "shortQuantity")
        }
        return turned | {
            "longQuantity": row["shortQuantity"],
            "shortQuantity": row["longQuantity"],
            "marketValue": -row["marketValue"],
            "currentDayProfitLoss": -row["currentDayProfitLoss"],
            f"{other}OpenProfitLoss": -row[f"{side}OpenProfitLoss"],
        }

    def test_account_numbers_and_hashes_are_known_to_be_personal(self):
        for run in self.recorded_runs():
            for one in run.account_runs:
                for value in (one.raw.account.number, one.raw.account.details["hash"]):
                    assert run.personal.find(f"see {value}")
