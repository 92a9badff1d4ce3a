"""JSON values of every shape, the same ones each time: what may stand in a payload on the worst day."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any, Final

SEED: Final = 20260115

_SCALARS: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 7, 10**40, Decimal("0.1"), Decimal("-1e-30"), Decimal("1e39"), "", " ", "0", "-0", "1",
    "-1", "1.5", ".5", "5.", "1e9999", "NaN", "-Infinity", "0x10", "1_000", "1,5", "١٢", "null", "None", "true", "\x00",
    "=1+1", "A" * 500, "🙂", "2026-13-40", "9999-12-31T23:59:59Z", "long", "short", "SPY", "SPY   260320P00440000",
)  # fmt: skip
_NAMES: Final = ("", "id", "value", "amount", "items", "data", "🙂")
_MAX_DEPTH = 3


def anything(random: Random, depth: int = 0) -> Any:
    """A JSON value."""
    kind = random.random()
    if depth >= _MAX_DEPTH or kind < 0.6:
        return random.choice(_SCALARS)
    size = random.randrange(4)
    if kind < 0.8:
        return [anything(random, depth + 1) for _ in range(size)]
    return {random.choice(_NAMES): anything(random, depth + 1) for _ in range(size)}


def in_place_of(row: Any, count: int) -> Iterator[Any]:
    """Values in the place of a row: any at all, and the row with some of its members replaced."""
    random = Random(SEED)  # noqa: S311 - nothing is secret here
    names = sorted(row) if isinstance(row, dict) else []
    for turn in range(count):
        if turn % 3 == 0 or not names:
            yield anything(random)
        else:
            chosen = random.sample(names, k=random.randint(1, min(4, len(names))))
            yield {**row, **{name: anything(random) for name in chosen}}
