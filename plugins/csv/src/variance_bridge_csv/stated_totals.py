"""Whether rows add up to the totals and subtotals that their file states. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from variance_bridge_csv.dialect_format.dialect_options import (
    Dialect,
    RowClass,
)
from variance_bridge_csv.table_rows import POSITIONS, ReadRow

_SUMMED = frozenset({RowClass.POSITION, RowClass.MONEY_MARKET, RowClass.CASH, RowClass.PENDING})
_ROUNDING = Decimal("0.05")
"""So far a sum of values that are rounded to cents may be from their total."""


def sum_of_values(rows: Iterable[ReadRow]) -> Decimal | None:
    """What the rows are worth together; None where there are none, or an amount among them is not known."""
    values: list[Decimal | None] = []
    for row in rows:
        if row.value_unread:
            return None
        values.append(row.value)
    return sum((value for value in values if value is not None), Decimal(0)) if values else None


def compared_with_total(
    total: ReadRow | None, rows: Sequence[ReadRow], dialect: Dialect
) -> tuple[bool | None, tuple[str, ...]]:
    """Whether the rows add up to the total, and the currencies of the rows where that cannot be compared.

    A file may have a total for each currency. A single one over rows in several was converted at rates that are not in the rows.
    """
    check, own = dialect.check, dialect.account.currency
    if check.subtotals:
        return _subtotals_agree(rows, dialect), ()
    if total is None or total.value is None:
        return None, ()
    summed = _SUMMED if check.total_includes_cash else POSITIONS
    counted = [row for row in rows if row.row_class in summed]
    stated = {
        row.currency: row.value for row in rows if row.row_class is RowClass.TOTAL and row.value
    }
    if None not in stated and len(stated) > 1:
        off = [
            _sum_off((row for row in counted if (row.currency or own) == currency), value)
            for currency, value in stated.items()
        ]
        return all(one <= check.total_tolerance for one in off), ()
    off_by = _sum_off(counted, total.value)
    found = {row.currency or own for row in counted if row.value}
    if found <= {total.currency or own}:
        return off_by <= check.total_tolerance, ()
    if off_by <= min(check.total_tolerance, _ROUNDING):
        # What a row calls its currency is the instrument's: the values are all in the total's.
        return True, ()
    return None, tuple(sorted(one for one in found if one is not None))


def _sum_off(rows: Iterable[ReadRow], total: Decimal) -> Decimal:
    return abs((sum_of_values(rows) or Decimal(0)) - total)


def _subtotals_agree(rows: Sequence[ReadRow], dialect: Dialect) -> bool | None:
    """Whether each group of rows has the sum that a subtotal row states; None where no group has one.

    A group may have a second one, in another currency: one that agrees is enough. Below an underlying there are rows, unless they
    are hidden; what has no underlying is the sum of all.
    """
    stated = _subtotals(rows)
    own: dict[tuple[object, ...], Decimal] = {}
    for row in rows:
        if row.row_class in _SUMMED:
            own[row.group] = own.get(row.group, Decimal(0)) + (row.summed or 0)
    agree = [
        any(
            abs(own.get(group, Decimal(0)) - value) <= dialect.check.total_tolerance
            for value in values
        )
        for group, values in stated.items()
        if group in own or not dialect.check.subtotals_by or (dialect.hierarchy and all(group))
    ]
    return all(agree) if agree else None


def _subtotals(rows: Iterable[ReadRow]) -> dict[tuple[object, ...], list[Decimal]]:
    stated: dict[tuple[object, ...], list[Decimal]] = {}
    for row in rows:
        if row.row_class is RowClass.SUBTOTAL and row.summed is not None:
            stated.setdefault(row.group, []).append(row.summed)
    return stated


def total_seen(rows: Sequence[ReadRow], dialect: Dialect) -> bool:
    """Whether the total that ends a complete file is there; with subtotals, that of every group."""
    if not dialect.check.subtotals:
        return any(row.row_class in {RowClass.TOTAL, RowClass.SUBTOTAL} for row in rows)
    if not dialect.check.subtotals_by:
        return False
    if any(row.row_class is RowClass.SUBTOTAL and row.summed is None for row in rows[:-1]):
        # A subtotal in a form of its own: of which group it is cannot be read. The last row may be cut off.
        return True
    return {row.group for row in rows if row.row_class in POSITIONS} <= _subtotals(rows).keys()
