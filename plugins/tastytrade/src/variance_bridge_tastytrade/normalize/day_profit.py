"""What a position gained today. Pure and exact.

The mark is compared with `average-daily-market-close-price`, and what was realized today is added. `close-price` is the
last session's and of no use here. Formulas: https://developer.tastytrade.com/api-guides/account-positions
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from variance_bridge.model import Side
from variance_bridge.money import add, unrealized_pl
from variance_bridge.rows import Members

_ZERO = Decimal(0)


def day_profit(
    row: Members, side: Side, quantity: Decimal, multiplier: Decimal, mark: Decimal, today: date
) -> Decimal | None:
    """Signed gain of the whole position; None where the row does not say enough.

    Args:
        row: of the positions list.
        side: of the position.
        quantity: positive.
        multiplier: money per 1.00 of price per contract.
        mark: per unit.
        today: the exchange's day.
    """
    basis = row.number("average-daily-market-close-price")
    realized = _realized(row, today)
    if basis is None or realized is None:
        return None
    return add(unrealized_pl(side, mark, basis, quantity, multiplier), realized)


def _realized(row: Members, today: date) -> Decimal | None:
    """Signed gain realized today. The API sends an amount without sign, its effect, and the day it belongs to."""
    amount = row.number("realized-day-gain")
    if amount is None or amount == 0:
        return amount
    on = row.day("realized-day-gain-date")
    # The exchange's day begins in the evening before, and so does the broker's: a date after New York's is today's.
    if on is not None and on < today:
        return _ZERO
    effect = (row.word("realized-day-gain-effect") or "").casefold()
    if on is None or effect not in {"credit", "debit"}:
        return None
    return amount if effect == "credit" else amount.copy_negate()
