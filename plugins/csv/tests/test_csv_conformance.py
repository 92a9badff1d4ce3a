"""The conformance kit, on files in three dialects."""

from __future__ import annotations

from pathlib import Path

import pytest

from variance_bridge.testing import FileBrokerConformance
from variance_bridge_csv.broker import CsvBroker


@pytest.mark.slow
class TestCsv(FileBrokerConformance):
    broker = CsvBroker
    payloads = Path(__file__).parent / "recordings"
    own_payloads = frozenset({"file", "dialect", "time_from_file"})
    account_members = frozenset({"Account"})
    most_drifting = 2


@pytest.mark.slow
class TestEveryLine(TestCsv):
    most_drifting = 30
