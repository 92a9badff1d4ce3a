"""How a broker says which side a row is on: learned from rows of both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import chain, combinations
from typing import Any

from variance_bridge.model import Holding, Side
from variance_bridge.testing.payloads.changes_over_years import as_number
from variance_bridge.testing.payloads.trees import Place, nodes, put

_FIXED = ("strike", "multiplier", "price")
"""Parts of names whose numbers have no side, even where one of them is negative."""

_MONEY = re.compile(
    r"(?P<open>[(]?)(?P<sign>[+-]?)(?P<currency>[$])?(?P<digits>[0-9,]*[0-9](?:[.][0-9]*)?|[.][0-9]+)(?P<unit>%?)(?P<close>[)]?)"
)
_MAX_WORDS = 3
"""So many words may say the side together: position, effect of closing, effect of today's gain."""

_SIGNED = ("unrealized", "pnl", "profit")
"""Parts of names whose numbers have one, even where none of them is negative."""


def flips(row: Any, was: Holding, witnesses: Sequence[tuple[Any, Side]]) -> Iterator[Any]:
    """The row as it might be on the opposite side, the plainest way first.

    A number is negated where some row has it negative: quantities, values and profits that carry a sign. A word may be
    exchanged where the rows of the one side all have one word, and those of the other all another; which of these
    words say the side is found by trying.
    """
    negated = row
    day_gain = abs(was.day_pl) if was.day_pl else None
    words: list[tuple[Place, str]] = []
    for place, value in nodes(row):
        number = amount(value)
        if number is not None:
            if number and (_carries_sign(place, witnesses) or abs(number) == day_gain):
                negated = put(negated, place, _negated(value))
        elif isinstance(value, str):
            word = _opposite(place, value, was.side, witnesses)
            if word is not None:
                words.append((place, word))
    for several in chain.from_iterable(combinations(words, size) for size in range(_MAX_WORDS + 1)):
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
    numbers = [amount(value) for value in _values(place, [row for row, _side in witnesses])]
    return any(number is not None and number < 0 for number in numbers)


def amount(value: Any) -> Decimal | None:
    """The number that a value is or spells, also as money is written for people: `-$1,205.00`, `(15.00)`."""
    number = as_number(value)
    if number is not None or not isinstance(value, str):
        return number
    found = _MONEY.fullmatch(value.strip())
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    digits = Decimal(found["digits"].replace(",", ""))
    return -digits if found["open"] or found["sign"] == "-" else digits


def _negated(value: Any) -> Any:
    if not isinstance(value, str):
        return -value
    found = _MONEY.fullmatch(value.strip())
    if found is None:
        return value
    plain = f"{found['currency'] or ''}{found['digits']}{found['unit'] or ''}"
    return plain if found["open"] or found["sign"] == "-" else f"-{plain}"


def _opposite(
    place: Place, value: str, side: Side, witnesses: Sequence[tuple[Any, Side]]
) -> str | None:
    own = set(_values(place, [row for row, one in witnesses if one is side]))
    other = set(_values(place, [row for row, one in witnesses if one is not side]))
    is_word_of_side = own == {value} and len(other) == 1 and other.isdisjoint(own)
    return str(other.pop()) if is_word_of_side else None
