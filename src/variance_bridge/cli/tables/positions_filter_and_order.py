"""Which positions `variance show` lists, and in which order: `--root` and `--sort`."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from msgspec import Struct

from variance_bridge.errors import UsageError
from variance_bridge.formatting import did_you_mean, nearest
from variance_bridge.masking import as_typed
from variance_bridge.model import Holding
from variance_bridge.money import quotient
from variance_bridge.prices import mark_of

Row = TypeVar("Row")


_MAY_BE_ROOT = re.compile(r"/?[A-Za-z]{1,5}(?:[/][A-Za-z])?")


def may_be_root(word: str) -> bool:
    """Whether a word that is neither a command nor a file may be a symbol, for `--root`: `AAPL`, `/ES`, `BRK/B`."""
    return _MAY_BE_ROOT.fullmatch(word) is not None


def _profit_share(holding: Holding) -> Decimal | None:
    profit, basis = holding.unrealized_pl, holding.cost_basis
    return None if profit is None or not basis else quotient(profit, basis.copy_abs())


def _greek(name: str) -> Callable[[Holding], Decimal | None]:
    return lambda holding: getattr(holding.greeks, name, None)


def _expiration(holding: Holding) -> date | None:
    return holding.expiration


class _Key(Struct, frozen=True):
    """What a column is sorted by; numbers from the largest on, dates and words from the first on."""

    value: Callable[[Holding], Any]
    largest_first: bool = True


KEYS = {
    "symbol": _Key(lambda holding: holding.symbol, largest_first=False),
    "root": _Key(lambda holding: holding.root, largest_first=False),
    "side": _Key(lambda holding: holding.side.value, largest_first=False),
    "qty": _Key(lambda holding: holding.quantity),
    "days": _Key(_expiration, largest_first=False),
    "underlying": _Key(lambda holding: getattr(holding.quote, "underlying_price", None)),
    "avg": _Key(lambda holding: holding.average_price),
    "mark": _Key(lambda holding: mark_of(holding).price),
    "value": _Key(lambda holding: holding.market_value),
    "cost": _Key(lambda holding: holding.cost_basis),
    "pl": _Key(lambda holding: holding.unrealized_pl),
    "pl%": _Key(_profit_share),
    "day": _Key(lambda holding: holding.day_pl),
    "delta": _Key(_greek("delta")),
    "beta-delta": _Key(_greek("beta_delta")),
    "theta": _Key(_greek("theta")),
}
_OTHER_NAMES = {
    "p/l": "pl", "profit": "pl", "p/l%": "pl%", "quantity": "qty", "dte": "days", "expiration": "days", "average": "avg",
    "price": "mark", "day_pl": "day", "day-pl": "day", "position": "symbol", "beta_delta": "beta-delta", "β-delta": "beta-delta",
}  # fmt: skip


def sort_key(column: str) -> str:
    """The name in `KEYS` of a column that the user typed, in any case.

    Raises:
        UsageError: there is no such column; names the nearest.
    """
    typed = column.strip().casefold().replace(" ", "")
    name = _OTHER_NAMES.get(typed, typed)
    if name in KEYS:
        return name
    near = nearest(typed, [*KEYS, *_OTHER_NAMES])
    hint = f'did you mean "{near}"?' if near else f"columns: {', '.join(KEYS)}"
    raise UsageError(f"there is no column {as_typed(column)} to sort by", hint=hint)


class Order(Struct, frozen=True, kw_only=True):
    """Which rows are listed, and in which order. What is unknown stands last, in either direction.

    Attributes:
        roots: as the user typed them, in any case; all without any.
        sort: a name in `KEYS`; the order of the file without one.
        reverse: the other way round.
    """

    roots: Collection[str] = ()
    sort: str | None = None
    reverse: bool = False

    def check(self, holdings: Iterable[Holding]) -> None:
        """Raises as `arranged`, before anything is shown."""
        if self.roots:
            _roots(self.roots, sorted({holding.root for holding in holdings}))

    def arranged(self, rows: Iterable[Row], holding_of: Callable[[Row], Holding]) -> list[Row]:
        """The rows that are listed, each with a position.

        Raises:
            UsageError: there is no position of a root; names the nearest.
        """
        listed = list(rows)
        if self.roots:
            wanted = _roots(self.roots, sorted({holding_of(row).root for row in listed}))
            listed = [row for row in listed if holding_of(row).root in wanted]
        if self.sort is None:
            return listed
        key = KEYS[self.sort]
        known = [row for row in listed if key.value(holding_of(row)) is not None]
        unknown = [row for row in listed if key.value(holding_of(row)) is None]
        known.sort(
            key=lambda row: key.value(holding_of(row)),
            reverse=key.largest_first is not self.reverse,
        )
        return known + unknown


def _roots(typed: Collection[str], held: Sequence[str]) -> set[str]:
    by_name = {root.casefold(): root for root in held}
    for word in typed:
        if word.casefold() not in by_name:
            near = did_you_mean(word.upper(), held)
            raise UsageError(
                f"there is no position in {as_typed(word)}{near}",
                hint=None if near else f"there are: {', '.join(held[:20])}",
            )
    return {by_name[word.casefold()] for word in typed}
