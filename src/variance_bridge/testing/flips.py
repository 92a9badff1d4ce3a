"""How a broker says which side a row is on: learned from rows of both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

from variance_bridge.model import Side
from variance_bridge.testing.drift import as_number
from variance_bridge.testing.trees import Place, nodes, put

_FIXED = ("strike", "multiplier", "price")
"""Parts of names whose numbers have no side, even where one of them is negative."""

_MOST_WORDS = 3
"""So many words may say the side together: position, effect of closing, effect of today's gain."""

_SIGNED = ("unrealized", "pnl", "profit")
"""Parts of names whose numbers have one, even where none of them is negative."""


def flips(row: Any, side: Side, witnesses: Sequence[tuple[Any, Side]]) -> Iterator[Any]:
    """The row as it might be on the opposite side, the plainest way first.

    A number is negated where some row has it negative: quantities, values and profits that carry a sign. A word may be
    exchanged where the rows of the one side all have one word, and those of the other all another; which of these
    words say the side is found by trying.
    """
    negated = row
    words: list[tuple[Place, str]] = []
    for place, value in nodes(row):
        number = as_number(value)
        if number is not None:
            if number and _carries_sign(place, witnesses):
                negated = put(negated, place, _negated(value, number))
        elif isinstance(value, str):
            word = _opposite(place, value, side, witnesses)
            if word is not None:
                words.append((place, word))
    for several in chain.from_iterable(
        combinations(words, size) for size in range(_MOST_WORDS + 1)
    ):
        changed = negated
        for place, word in several:
            changed = put(changed, place, word)
        yield changed


def _values(place: Place, rows: Sequence[Any]) -> list[Any]:
    found = []
    for row in rows:
        found += [value for where, value in nodes(row) if where == place]
    return found


def _carries_sign(place: Place, witnesses: Sequence[tuple[Any, Side]]) -> bool:
    name = str(place[-1]).casefold()
    if any(part in name for part in _FIXED):
        return False
    if any(part in name for part in _SIGNED):
        return True
    numbers = [as_number(value) for value in _values(place, [row for row, _side in witnesses])]
    return any(number is not None and number < 0 for number in numbers)


def _negated(value: Any, number: Decimal) -> Any:
    if isinstance(value, str):
        return value.removeprefix("-") if number < 0 else f"-{value.removeprefix('+')}"
    return -value


def _opposite(
    place: Place, value: str, side: Side, witnesses: Sequence[tuple[Any, Side]]
) -> str | None:
    own = set(_values(place, [row for row, one in witnesses if one is side]))
    other = set(_values(place, [row for row, one in witnesses if one is not side]))
    is_word_of_side = own == {value} and len(other) == 1 and other.isdisjoint(own)
    return str(other.pop()) if is_word_of_side else None
