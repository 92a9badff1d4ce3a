"""The kit by which the author of a broker proves it. Needs the extra `testing` (pytest, hypothesis).

    from variance_bridge.testing import BrokerConformance

    class TestAcme(BrokerConformance):
        broker = AcmeBroker
        payloads = Path(__file__).parent / "recordings"

The names are imported when they are first used, because pytest imports this package whenever it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from variance_bridge import lazy_names

if TYPE_CHECKING:
    from variance_bridge.testing.frozen_clock import FrozenClock
    from variance_bridge.testing.recorder import record
    from variance_bridge.testing.recordings import Exchange, Recording, read_recordings
    from variance_bridge.testing.simulated_session import SimulatedSession
    from variance_bridge.testing.suites import BrokerConformance, FileBrokerConformance

_MODULE_OF = {
    "BrokerConformance": "suites",
    "Exchange": "recordings",
    "FileBrokerConformance": "suites",
    "FrozenClock": "frozen_clock",
    "Recording": "recordings",
    "SimulatedSession": "simulated_session",
    "read_recordings": "recordings",
    "record": "recorder",
}

__all__ = [
    "BrokerConformance",
    "Exchange",
    "FileBrokerConformance",
    "FrozenClock",
    "Recording",
    "SimulatedSession",
    "read_recordings",
    "record",
]


__getattr__ = lazy_names(__name__, _MODULE_OF)
