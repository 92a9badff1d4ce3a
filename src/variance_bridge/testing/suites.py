"""The classes that an author inherits from: all conformance cases that apply."""

from __future__ import annotations

from variance_bridge.testing.conformance.changed_answers import Drifts
from variance_bridge.testing.conformance.declaration import Declaration
from variance_bridge.testing.conformance.documents import Documents
from variance_bridge.testing.conformance.expectations import Expectations
from variance_bridge.testing.conformance.files import Files
from variance_bridge.testing.conformance.money import Money
from variance_bridge.testing.conformance.neighbour_rows import NeighbourRows
from variance_bridge.testing.conformance.network import Network
from variance_bridge.testing.conformance.privacy import Privacy
from variance_bridge.testing.conformance.purity import Purity
from variance_bridge.testing.conformance.recording_quality import Recorded
from variance_bridge.testing.conformance.rotation import Rotation
from variance_bridge.testing.conformance.waking import Waking


class _EveryBroker(
    Declaration, Recorded, Expectations, Documents, Money, NeighbourRows, Purity, Drifts, Privacy
):
    """The cases that hold for every broker."""


class BrokerConformance(_EveryBroker, Network, Rotation, Waking):
    """For a broker that asks a network: set `broker` and `payloads`."""


class FileBrokerConformance(_EveryBroker, Files):
    """For a broker that reads files (capability `reads_files`): set `broker` and `payloads`."""
