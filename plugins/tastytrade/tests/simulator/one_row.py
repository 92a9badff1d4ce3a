"""What a single row of the API becomes, for tests that read rows one at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from variance_bridge.model import Caution, Holding, RejectedRow
from variance_bridge.rows import CLOSED, Closed, collect
from variance_bridge.trading_hours import exchange_date
from variance_bridge_tastytrade.normalize.positions import read_position


@attrs.frozen
class Kept:
    """A position and its cautions."""

    holding: Holding
    cautions: tuple[Caution, ...]


def outcome_of(row: Any, fetched_at: datetime, number: int = 1) -> Kept | Closed | RejectedRow:
    today = exchange_date(fetched_at)
    found = collect([row], lambda members: read_position(members, today), first=number)
    if found.rejected:
        return found.rejected[0]
    if not found.positions:
        return CLOSED
    return Kept(found.positions[0], tuple(flag.caution for flag in found.flags))
