"""Positions as flat rows, one mapping each, for spreadsheets, data frames and columnar files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter
from typing import Any

import attrs

from variance_bridge.model import Greeks, Holding, Portfolio, Quote

Cell = str | Decimal | date | datetime | None
"""What a flat row holds: text, an exact number, a day, an instant in UTC, or None for unknown."""

_OF_META = ("source", "account_hash", "fetched_at")
_OBJECTS: Mapping[str, type[Any]] = {"quote": Quote, "greeks": Greeks}
_ACCOUNT_CURRENCY = "account_currency"


def _members(cls: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in attrs.fields(cls))


_OF_POSITION = tuple(name for name in _members(Holding) if name not in _OBJECTS)
_MEMBERS_OF_OBJECTS = {name: _members(cls) for name, cls in _OBJECTS.items()}

_READ_POSITION = attrgetter(*_OF_POSITION)
_READ_OBJECTS = {name: attrgetter(*members) for name, members in _MEMBERS_OF_OBJECTS.items()}
_UNKNOWN = {name: (None,) * len(members) for name, members in _MEMBERS_OF_OBJECTS.items()}

ROW_COLUMNS = (
    *_OF_META,
    *_OF_POSITION,
    *(f"{name}_{member}" for name, members in _MEMBERS_OF_OBJECTS.items() for member in members),
    _ACCOUNT_CURRENCY,
)
"""The keys of every flat row, in their order: those of the document, then its quote's and greeks' with a prefix."""


def flat_rows(portfolio: Portfolio) -> list[dict[str, Cell]]:
    """The positions of a portfolio as flat rows, in their order.

    Each row has exactly the keys of `ROW_COLUMNS`. A member that the position does not have is None: unknown. Numbers are
    exact, words are plain texts. `currency` is the position's own where it differs from the account's, which is in
    `account_currency`.
    """
    meta, balances = portfolio.meta, portfolio.balances
    account = tuple(getattr(meta, name) for name in _OF_META)
    currency = meta.currency or (balances.currency if balances else None)
    return [
        dict(zip(ROW_COLUMNS, (*account, *_values(holding), currency), strict=True))
        for holding in portfolio.positions
    ]


def _values(holding: Holding) -> tuple[Cell, ...]:
    own = _plain(_READ_POSITION(holding))
    for name, read in _READ_OBJECTS.items():
        part = getattr(holding, name)
        own += _UNKNOWN[name] if part is None else _plain(read(part))
    return own


def _plain(values: tuple[Any, ...]) -> tuple[Cell, ...]:
    """Words of an enumeration as the texts that they are."""
    return tuple([value.value if isinstance(value, StrEnum) else value for value in values])
