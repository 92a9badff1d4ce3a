"""The balances of an account, from the sections Net Asset Value (in base) and Cash Report, where the query has them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec import Struct

from variance_bridge import Balances, Caution
from variance_bridge.rows import Members
from variance_bridge.trading_hours import close_of
from variance_bridge_ibkr.flex_values import day_or_none, stated

_BASE = "BASE_SUMMARY"


class Sheet(Struct, frozen=True, kw_only=True):
    """What the two sections say.

    Attributes:
        balances: None where net asset value, cash or the account's currency is unknown.
        cautions: `balances_missing` where a section is there and cannot be read.
    """

    balances: Balances | None = None
    cautions: tuple[Caution, ...] = ()


def sheet_of(statement: Mapping[str, Any], base: str | None) -> Sheet:
    """The balances of a statement, in the account's currency."""
    values, money = _rows(statement, "EquitySummaryInBase"), _rows(statement, "CashReport")
    if values is None:
        return Sheet()
    day, last = _last(values)
    worth = None if last is None else last.number("total")
    cash = None if last is None else last.number("cash")
    if cash is None:
        cash = _cash(money or [])
    if base is None or worth is None or cash is None:
        return Sheet(cautions=(Caution.BALANCES_MISSING,))
    as_of = None if day is None else close_of(day)
    return Sheet(
        balances=Balances(currency=base, net_liquidating_value=worth, cash=cash, as_of=as_of)
    )


def _rows(statement: Mapping[str, Any], name: str) -> list[Members] | None:
    """The rows of a section; None where the query does not have it."""
    rows = statement.get(name)
    return [Members(stated(row)) for row in rows] if isinstance(rows, list | tuple) else None


def _last(rows: list[Members]) -> tuple[date | None, Members | None]:
    """The day and the row of the last report date; none where it cannot be said which is the last."""
    days = [day_or_none(row, "reportDate") for row in rows]
    if len(rows) == 1:
        return days[0], rows[0]
    known = [day for day in days if day is not None]
    if not known or len(known) < len(rows) or known.count(max(known)) > 1:
        return None, None
    return max(known), rows[known.index(max(known))]


def _cash(rows: list[Members]) -> Decimal | None:
    """The cash of all currencies in base, at the end of the period; negative on margin debit."""
    bases = [row for row in rows if row.word("currency") == _BASE]
    return bases[0].number("endingCash") if len(bases) == 1 else None
