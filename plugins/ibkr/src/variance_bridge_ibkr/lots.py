"""Each position once: a query may give it as one SUMMARY row, as LOT rows that add up to it, or as both. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Any

import attrs
from msgspec import structs

from variance_bridge import DataRefused
from variance_bridge.money import total
from variance_bridge.rows import Collected, RowRejected, number

SUMMARY, LOT = "SUMMARY", "LOT"
_SUMMED = ("position", "costBasisMoney", "positionValue")
_CONTRACT = ("conid", "assetCategory", "symbol", "currency", "strike", "expiry", "putCall", "model", "side")  # fmt: skip


def level_of(row: Any) -> str | None:
    """The level of detail of a row; None where it states none."""
    level = row.get("levelOfDetail") if isinstance(row, Mapping) else None
    return level.strip().upper() if isinstance(level, str) else None


def one_row_each(rows: Sequence[Any]) -> list[tuple[int, Any]]:
    """The rows with each position in one of them: summaries where there are any, else the sums of lots.

    Each comes with its number in the section, from 1; a sum with that of its first lot.

    Raises:
        DataRefused: the rows do not state their level, and a contract stands in several of them.
    """
    levels = [level_of(row) for row in rows]
    numbered = list(enumerate(rows, 1))
    if SUMMARY in levels:
        return [each for each, level in zip(numbered, levels, strict=True) if level != LOT]
    if LOT in levels:
        return _summed(numbered)
    contracts = [_contract(row) for row in rows if isinstance(row, Mapping) and row.get("symbol")]
    if not any(levels) and len(set(contracts)) < len(contracts):
        raise DataRefused(
            "a contract stands in several rows, and nothing tells positions from their lots",
            hint="add Level of Detail to the section Open Positions of the query",
        )
    return numbered


def _summed(numbered: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    lots: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    first: dict[tuple[str, ...], int] = {}
    others = []
    for place, row in numbered:
        if level_of(row) == LOT:
            lots.setdefault(_contract(row), []).append(row)
            first.setdefault(_contract(row), place)
        else:
            others.append((place, row))
    return sorted(
        [*((first[key], _sum(each)) for key, each in lots.items()), *others], key=itemgetter(0)
    )


def _contract(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in _CONTRACT)


def _sum(lots: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The summary row of lots: sums, and what all of them say alike."""
    alike = {
        name: value
        for name, value in lots[0].items()
        if all(lot.get(name) == value for lot in lots) and name not in _SUMMED
    }
    if len(lots) > 1:
        # A cost per unit that happens to be equal may still be rounded.
        alike.pop("costBasisPrice", None)
    sums = {name: _total(lot.get(name) for lot in lots) for name in _SUMMED}
    return {**alike, **{name: each for name, each in sums.items() if each is not None}, "levelOfDetail": SUMMARY}  # fmt: skip


def _total(values: Iterable[Any]) -> Any:
    """The sum; None where a value is absent; the value itself where it cannot be read, so that its row is rejected."""
    summands: list[Decimal] = []
    for value in values:
        try:
            summand = number(value)
        except RowRejected:
            return value
        if summand is None:
            return None
        summands.append(summand)
    return total(*summands)


def renumbered(found: Collected, numbers: Sequence[int]) -> Collected:
    """What was collected, with its rows named by their numbers in the section."""

    def at(row: int | None) -> Any:
        return None if row is None else numbers[row - 1]

    return attrs.evolve(
        found,
        rejected=tuple(structs.replace(each, row=at(each.row)) for each in found.rejected),
        flags=tuple(structs.replace(each, row=at(each.row)) for each in found.flags),
    )
