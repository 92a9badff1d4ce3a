"""The table of strategies (strategy_names.toml) and the name that it gives to a group of legs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

Signature = tuple[tuple[str, int, int, int], ...]
"""The legs of a strategy, sorted: kind, signed ratio, rank of the strike (-1 for none or any), rank of the expiration.

Several futures are ranked like strikes, by their symbols.
"""

Rankable = TypeVar("Rankable", Decimal, date, str)

_NONE = -1
_EXPIRATIONS = {"near": 0, "far": 1}
_STRIKES = {"A": 0, "B": 1, "C": 2, "D": 3, "*": _NONE}
_OPTION_KINDS = ("call", "put")


class Member(Struct, frozen=True, kw_only=True):
    """One leg of a group that is to be named.

    Attributes:
        kind: its word in strategy_names.toml.
        ratio: signed; a stock's in units of what one option delivers.
        contract: the symbol of what is not an option.
        underlying_price: what the underlying trades at, where known.
    """

    kind: str
    ratio: int
    strike: Decimal = Decimal(0)
    expiration: date = date.max
    contract: str = ""
    underlying_price: Decimal | None = None


class _Entry(Struct, frozen=True, kw_only=True):
    name: str
    widths: str | None
    deep: bool
    inverted: int
    """The side whose put must be above its call: -1 short, +1 long; 0 for any."""


class Strategies(Struct, frozen=True):
    """The table, ready for look-ups."""

    entries: dict[Signature, tuple[_Entry, ...]]
    far_days: int
    days_between: int

    def name(self, members: Sequence[Member], today: date) -> str | None:
        """What the members are together; None when the table has no such strategy.

        `today` is a day in New York: it decides what is far enough from expiry for `deep`.
        """
        signature = _signature(members)
        for each in (signature, _at_any_strikes(signature)):
            for entry in self.entries.get(each, ()):
                if self._holds(entry, members, today):
                    return entry.name
        return None

    def _holds(self, entry: _Entry, members: Sequence[Member], today: date) -> bool:
        if entry.widths is not None and (entry.widths == "equal") != _equal_widths(members):
            return False
        if entry.inverted and not _inverted(members, entry.inverted):
            return False
        return not entry.deep or self._deep(members, today)

    def _deep(self, members: Sequence[Member], today: date) -> bool:
        near, far = sorted(members, key=lambda member: member.expiration)
        price = near.underlying_price or far.underlying_price
        if price is None or (far.expiration - today).days < self.far_days:
            return False
        if (far.expiration - near.expiration).days < self.days_between:
            return False
        low, high = (far, near) if near.kind == "call" else (near, far)
        return low.strike < price < high.strike


@cache
def strategies() -> Strategies:
    """The table that is shipped with this package."""
    text = Path(__file__).with_name("strategy_names.toml").read_text(encoding="utf-8")
    return read_strategies(text)


def read_strategies(text: str) -> Strategies:
    """The table in a text in the form of strategy_names.toml."""
    table = tomllib.loads(text)
    entries: dict[Signature, tuple[_Entry, ...]] = {}
    for row in table["strategy"]:
        legs = [_leg(leg) for leg in row["legs"]]
        for name, turned in ((row["name"], 1), (row.get("mirror"), -1)):
            if name is None:
                continue
            signature = tuple(sorted((kind, turned * ratio, a, b) for kind, ratio, a, b in legs))
            entry = _Entry(
                name=name,
                widths=row.get("widths"),
                deep=row.get("deep", False),
                inverted=-turned if row.get("inverted") else 0,
            )
            entries[signature] = (*entries.get(signature, ()), entry)
    return Strategies(entries, table["deep"]["far_days"], table["deep"]["days_between"])


def _leg(text: str) -> tuple[str, int, int, int]:
    ratio, kind, *rest = text.split()
    strike = next((_STRIKES[word] for word in rest if word in _STRIKES), _NONE)
    expiration = next((_EXPIRATIONS[word] for word in rest if word in _EXPIRATIONS), None)
    if expiration is None:
        expiration = 0 if kind in _OPTION_KINDS else _NONE
    return kind, int(ratio), strike, expiration


def _signature(members: Sequence[Member]) -> Signature:
    options = [member for member in members if member.kind in _OPTION_KINDS]
    strikes = _ranks(member.strike for member in options)
    expirations = _ranks(member.expiration for member in options)
    futures = _ranks(member.contract for member in members if member.kind == "future")
    rows = []
    for member in members:
        if member.kind in _OPTION_KINDS:
            ranks = strikes[member.strike], expirations[member.expiration]
        else:
            several = member.kind == "future" and len(futures) > 1
            ranks = futures[member.contract] if several else _NONE, _NONE
        rows.append((member.kind, member.ratio, *ranks))
    return tuple(sorted(rows))


def _at_any_strikes(signature: Signature) -> Signature:
    return tuple(
        sorted(
            (kind, ratio, _NONE if kind in _OPTION_KINDS else rank, expiration)
            for kind, ratio, rank, expiration in signature
        )
    )


def _ranks(values: Iterable[Rankable]) -> dict[Rankable, int]:
    return {value: rank for rank, value in enumerate(sorted(set(values)))}


def _inverted(members: Sequence[Member], side: int) -> bool:
    strikes = {member.kind: member.strike for member in members if member.ratio * side > 0}
    return strikes["put"] > strikes["call"]


def _equal_widths(members: Sequence[Member]) -> bool:
    strikes = sorted({member.strike for member in members if member.kind in _OPTION_KINDS})
    return strikes[1] - strikes[0] == strikes[-1] - strikes[-2]
