"""Which elements of the payloads are rows: those of the lists that the author names, else found by taking one away or doubling it.

Nothing need be known of the broker's names for this, and a broker that loses rows cannot hide them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from msgspec import structs

from variance_bridge.model import Holding, Portfolio
from variance_bridge.testing.payloads.trees import Place, Sources, again, at, nodes, put, take
from variance_bridge.testing.recorded_run import AccountRun

NO_COUNT = -(10**9)


@attrs.frozen
class RowList:
    """A list of rows.

    Attributes:
        place: of the list.
        rows: indexes of its elements that the broker counts.
        others: indexes of elements that look like rows and that it does not count.
    """

    place: Place
    rows: tuple[int, ...]
    others: tuple[int, ...]

    def places(self) -> Iterator[Place]:
        """The places of the rows."""
        for index in self.rows:
            yield (*self.place, index)


def find_rows(
    account_run: AccountRun, sources: Sources, is_position: Callable[[Any], bool]
) -> tuple[RowList, ...]:
    """The lists of rows in the payloads of an account.

    Args:
        account_run: what the broker made of them.
        sources: the payloads.
        is_position: tells a row from a line that is not (cash, total), by the element.
    """
    found = []
    lists = [
        (place, value)
        for place, value in nodes(sources.tree)
        if isinstance(value, list) and not sources.is_line(place)
    ]
    for place, elements in lists:
        counted = [
            i for i in range(len(elements)) if _is_counted(account_run, sources, (*place, i))
        ]
        if not counted:
            continue
        width = len(elements[counted[0]]) if place[0] in sources.tables else None
        others = tuple(
            index
            for index, element in enumerate(elements)
            if index not in counted and _resembles_row(element, width) and is_position(element)
        )
        found.append(RowList(place, tuple(counted), () if width is not None else others))
    return tuple(found)


def named_rows(
    sources: Sources, paths: Sequence[str], is_position: Callable[[Any], bool]
) -> tuple[RowList, ...]:
    """The lists of rows that the author names, as in `account.positions`; a list that is not there has none."""
    found = []
    for path in paths:
        place = tuple(path.split("."))
        elements: Any = sources.tree
        for step in place:
            elements = elements.get(step) if isinstance(elements, Mapping) else None
        if isinstance(elements, list) and elements:
            rows = tuple(i for i, element in enumerate(elements) if is_position(element))
            found.append(RowList(place, rows, ()))
    return tuple(found)


def _is_counted(account_run: AccountRun, sources: Sources, place: Place) -> bool:
    """Whether the broker counts one row fewer without it, or one more when it is there twice.

    The second for answers that announce how many rows they have. A line of a table may be counted when it comes twice
    although it is none: a header among the rows is a row that cannot be read.
    """
    before = fetched(account_run.portfolio)
    without = account_run.normalize(sources.render(take(sources.tree, place)))
    if fetched(without) == before - 1 or sources.is_line(place):
        return fetched(without) == before - 1
    twice = account_run.normalize(sources.render(again(sources.tree, place)))
    return fetched(twice) == before + 1


def fetched(outcome: object) -> int:
    """How many rows a portfolio counts; a number that no portfolio has for an outcome that is none."""
    counts = outcome.meta.counts if isinstance(outcome, Portfolio) else None
    return NO_COUNT if counts is None else counts.fetched


def _resembles_row(element: Any, width: int | None) -> bool:
    return width is None or (isinstance(element, list) and len(element) == width)


def row_of(place: Place, lists: tuple[RowList, ...]) -> Place | None:
    """The row that a place lies in; None for a place outside of all rows."""
    for rows in lists:
        length = len(rows.place)
        if place[:length] == rows.place and len(place) > length and place[length] in rows.rows:
            return place[: length + 1]
    return None


def emptied(sources: Sources, lists: tuple[RowList, ...]) -> dict[str, Any]:
    """The payloads without any row."""
    tree: Any = sources.tree
    for rows in lists:
        elements = at(tree, rows.place)
        kept = [one for index, one in enumerate(elements) if index not in rows.rows]
        tree = put(tree, rows.place, kept)
    return sources.render(tree)


def holding_of(account_run: AccountRun, sources: Sources, place: Place) -> Holding | None:
    """The open position that a row is: the one that is gone without it, or there once more when it comes twice."""
    before = Counter(account_run.portfolio.positions)
    without = account_run.normalize(sources.render(take(sources.tree, place)))
    if isinstance(without, Portfolio):
        gone = before - Counter(without.positions)
        return next(iter(gone)) if gone.total() == 1 else None
    twice = account_run.normalize(sources.render(again(sources.tree, place)))
    if isinstance(twice, Portfolio):
        more = Counter(twice.positions) - before
        return next(iter(more)) if more.total() == 1 else None
    return None


def thinned(
    account_run: AccountRun, sources: Sources, lists: tuple[RowList, ...], row: Place
) -> tuple[AccountRun, Sources, Place]:
    """The run of an account with one row and one neighbour left, and where the row is then.

    A drift in a row is judged on these: it costs the broker less time than all rows would. Where the broker wants all
    its rows (they have to make a total), they are left as they are.
    """
    places = [place for rows in lists for place in rows.places()]
    kept = {row, places[(places.index(row) + 1) % len(places)]}
    tree: Any = sources.tree
    for place in reversed(places):
        if place not in kept:
            tree = take(tree, place)
    payloads = sources.render(tree)
    portfolio = account_run.normalize(payloads)
    if not isinstance(portfolio, Portfolio) or fetched(portfolio) != len(kept):
        return account_run, sources, row
    gone = sum(one[:-1] == row[:-1] and one < row and one not in kept for one in places)
    small = attrs.evolve(
        account_run, raw=structs.replace(account_run.raw, payloads=payloads), portfolio=portfolio
    )
    return small, Sources(payloads, sources.own), (*row[:-1], int(row[-1]) - gone)
