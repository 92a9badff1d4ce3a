"""From what the broker sent to a portfolio: every row by itself, counted, and checked against the balances. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from variance_bridge.broker import RawPortfolio
from variance_bridge.model import Caution, Counts, Flag, Meta, Portfolio, RejectedRow, Status
from variance_bridge_tastytrade.client.envelopes import items_of
from variance_bridge_tastytrade.normalize.balances import read_balances
from variance_bridge_tastytrade.normalize.money import SOURCE
from variance_bridge_tastytrade.normalize.positions import Closed, Kept, read_position
from variance_bridge_tastytrade.normalize.reconciliation import disagreements


def normalize(raw: RawPortfolio) -> Portfolio:
    """The portfolio that the payloads `positions` and `balances` describe. Each row is read once.

    Where positions and balances disagree, the portfolio has a flag, and a warning with both figures.

    Raises:
        DataRefused: an answer has not the shape of one; it is never taken for an empty one.
    """
    rows = items_of(raw.payloads["positions"], "positions")
    sheet = read_balances(raw.payloads["balances"])
    kept, closed, rejected = _sorted(rows, raw.fetched_at)
    holdings = tuple(one.holding for _, one in kept)
    differing = disagreements(
        holdings, sheet.values, valued_at=sheet.as_of, fetched_at=raw.fetched_at
    )
    flags = [
        Flag(caution=caution, row=row, symbol=one.holding.symbol)
        for row, one in kept
        for caution in one.cautions
    ]
    flags += [Flag(caution=caution) for caution in sheet.cautions]
    if differing:
        flags.append(Flag(caution=Caution.BALANCES_DISAGREE))
    meta = Meta(
        source=SOURCE,
        environment=raw.environment,
        fetched_at=raw.fetched_at,
        currency=sheet.currency,
        status=Status.PARTIAL if rejected else Status.COMPLETE,
        counts=Counts(
            fetched=len(rows), normalized=len(kept), closed=closed, rejected=len(rejected)
        ),
        rejected=tuple(rejected),
        flags=tuple(flags),
    )
    return Portfolio(
        meta=meta,
        positions=holdings,
        balances=sheet.balances,
        warnings=tuple(f"{found}; check both before you rely on either" for found in differing),
    )


def _sorted(
    rows: Sequence[Any], fetched_at: datetime
) -> tuple[list[tuple[int, Kept]], int, list[RejectedRow]]:
    kept: list[tuple[int, Kept]] = []
    closed = 0
    rejected: list[RejectedRow] = []
    for number, row in enumerate(rows, start=1):
        read_row = read_position(row, number, fetched_at)
        if isinstance(read_row, Kept):
            kept.append((number, read_row))
        elif isinstance(read_row, Closed):
            closed += 1
        else:
            rejected.append(read_row)
    return kept, closed, rejected
