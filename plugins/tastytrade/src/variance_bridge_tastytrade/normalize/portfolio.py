"""From what the API sent to a portfolio: every row by itself, counted, and checked against the balances. Pure."""

from __future__ import annotations

from variance_bridge.broker import RawPortfolio
from variance_bridge.model import Caution, Portfolio
from variance_bridge.rows import collect
from variance_bridge.trading_hours import exchange_date
from variance_bridge_tastytrade.client.items_and_pages import items_of
from variance_bridge_tastytrade.normalize.balances import read_balances
from variance_bridge_tastytrade.normalize.positions import SOURCE, read_position
from variance_bridge_tastytrade.normalize.reconciliation import disagreements


def normalize(raw: RawPortfolio) -> Portfolio:
    """The portfolio that the payloads `positions` and `balances` describe. Each row is read once.

    Where positions and balances disagree, the portfolio has a flag, and a warning with both figures.

    Raises:
        DataRefused: an answer does not have the shape of one; it is never taken for an empty one.
    """
    today = exchange_date(raw.fetched_at)
    # The API nets: it has one row for a contract, and cannot hold it long and short.
    found = collect(
        items_of(raw.payloads["positions"], "positions"),
        lambda row: read_position(row, today),
        nets=True,
    )
    sheet = read_balances(raw.payloads["balances"])
    differing = disagreements(
        found.positions, sheet.values, valued_at=sheet.as_of, fetched_at=raw.fetched_at
    )
    doubts = (Caution.BALANCES_DISAGREE,) if differing else ()
    return found.portfolio(
        raw,
        source=SOURCE,
        currency=sheet.currency,
        balances=sheet.balances,
        cautions=(*sheet.cautions, *doubts),
        warnings=[f"{each}; check both before you rely on either" for each in differing],
    )
