"""Pairing things that stand on a line, in near-linear time and in one way only.

Two questions recur: which of the opposite positions along the strikes belong together (`nearest`), and
which of two kinds of things enclose each other (`nested`). Both answers depend on the order of the line alone.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

Thing = TypeVar("Thing")
Pair = tuple[int, int, Decimal]
"""Indices of two points on the line, left one first, and the amount by which they are paired."""


class Point(NamedTuple):
    """An amount at a place on the line: positive for long, negative for short."""

    place: Decimal
    amount: Decimal


def nearest(line: Sequence[Point]) -> list[Pair]:
    """Pair long with short so that the minority side is used up and the distances are small.

    Who takes part is settled nearest pair first. Who goes with whom among them then costs no distance at all: along a
    line, first in first out and last in first out give the same sum of distances wherever long and short balance. Of
    the two, each balanced stretch takes the one with fewer pairs, else the first, which makes equal widths.

    Args:
        line: by place, ascending; two points of opposite sign never share a place.
    """
    chosen = _participants(line)
    ordered = _stretches(line, chosen, last_in=False)
    enclosing = _stretches(line, chosen, last_in=True)
    return [
        pair
        for first, second in zip(ordered, enclosing, strict=True)
        for pair in (second if len(second) < len(first) else first)
    ]


def _participants(line: Sequence[Point]) -> list[Decimal]:
    """How much of each point takes part, unsigned: repeatedly the nearest neighbours of opposite sign."""
    left = [abs(point.amount) for point in line]
    before = list(range(-1, len(line) - 1))
    after = list(range(1, len(line) + 1))
    heap: list[tuple[Decimal, int, int]] = []

    def offer(i: int, j: int) -> None:
        if i >= 0 and j < len(line) and (line[i].amount > 0) != (line[j].amount > 0):
            heapq.heappush(heap, (line[j].place - line[i].place, i, j))

    for i in range(len(line) - 1):
        offer(i, i + 1)
    while heap:
        _distance, i, j = heapq.heappop(heap)
        if not left[i] or not left[j] or after[i] != j:
            continue
        amount = min(left[i], left[j])
        for k in (i, j):
            left[k] -= amount
            if not left[k]:
                _unlink(before, after, k)
        i, j = (i if left[i] else before[i]), (j if left[j] else after[j])
        offer(i, j)
    return [abs(point.amount) - rest for point, rest in zip(line, left, strict=True)]


def _unlink(before: list[int], after: list[int], k: int) -> None:
    if before[k] >= 0:
        after[before[k]] = after[k]
    if after[k] < len(before):
        before[after[k]] = before[k]


def _stretches(
    line: Sequence[Point], chosen: Sequence[Decimal], *, last_in: bool
) -> list[list[Pair]]:
    """The pairs of each balanced stretch, the waiting points taken from one end or the other."""
    stretches: list[list[Pair]] = []
    waiting: deque[tuple[int, Decimal]] = deque()
    for j, point in enumerate(line):
        amount = chosen[j]
        while amount and waiting and (line[waiting[0][0]].amount > 0) != (point.amount > 0):
            i, there = waiting.pop() if last_in else waiting.popleft()
            taken = min(amount, there)
            stretches[-1].append((i, j, taken))
            amount -= taken
            if taken < there:
                put_back = waiting.append if last_in else waiting.appendleft
                put_back((i, there - taken))
        if amount:
            if not waiting:
                stretches.append([])
            waiting.append((j, amount))
    return stretches


def nested(
    line: Iterable[tuple[bool, Thing]],
    amount: Callable[[Thing], Decimal],
    join: Callable[[Thing, Thing, Decimal], None],
) -> None:
    """Pair what opens with what closes, innermost first, as brackets do.

    Args:
        line: in order; True for a thing that opens, False for one that closes.
        amount: how much of a thing there is to be paired.
        join: pairs that much of the two; it must lower the amount of both by it.
    """
    waiting: list[Thing] = []
    for opens, thing in line:
        if opens:
            waiting.append(thing)
            continue
        while waiting and amount(thing):
            if not amount(waiting[-1]):
                waiting.pop()
                continue
            join(waiting[-1], thing, min(amount(waiting[-1]), amount(thing)))


def grouped(
    things: Iterable[Thing], keys: Callable[[Thing], Iterable[Hashable]]
) -> list[list[Thing]]:
    """The groups of two things or more that share a key, in the order of the things; a thing with two keys is in two.

    A thing is not a list.
    """
    groups: dict[Hashable, Thing | list[Thing]] = {}
    for thing in things:
        for key in keys(thing):
            there = groups.get(key)
            if there is None:
                # A thing alone stays bare: where all expirations differ, lists would be most of what is allocated.
                groups[key] = thing
            elif isinstance(there, list):
                there.append(thing)
            else:
                groups[key] = [there, thing]
    return [group for group in groups.values() if isinstance(group, list)]
