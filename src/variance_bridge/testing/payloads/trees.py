"""Payloads as trees of mappings and lists, with a place for each value, and copies in which one place is changed.

A payload that is the text of a table (CSV and its like) is taken apart into lines and cells, and one that is XML into its
elements, so that what can happen to a member of a JSON object can happen to a cell or an attribute too.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

import attrs

from variance_bridge.testing.payloads import xml_trees

Place = tuple[str | int, ...]

_DELIMITERS = (",", ";", "\t", "|")
_MIN_COLUMNS = 3


def shown(place: Place) -> str:
    """`positions.items[3].quantity`, counted from 0 as in JSON."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".")


def at(tree: Any, place: Place) -> Any:
    """The value at a place."""
    for step in place:
        tree = tree[step]
    return tree


def put(tree: Any, place: Place, value: Any) -> Any:
    """A copy with another value at a place; what is beside the way to it is shared."""
    if not place:
        return value
    step, rest = place[0], place[1:]
    if isinstance(tree, Mapping):
        return {name: put(one, rest, value) if name == step else one for name, one in tree.items()}
    return [put(one, rest, value) if index == step else one for index, one in enumerate(tree)]


def take(tree: Any, place: Place) -> Any:
    """A copy without the member or element at a place."""
    parent, step = at(tree, place[:-1]), place[-1]
    if isinstance(parent, Mapping):
        return put(tree, place[:-1], {name: one for name, one in parent.items() if name != step})
    return put(tree, place[:-1], [one for index, one in enumerate(parent) if index != step])


def rename(tree: Any, place: Place, name: str) -> Any:
    """A copy in which a member of an object has another name."""
    parent = at(tree, place[:-1])
    renamed = {name if one == place[-1] else one: value for one, value in parent.items()}
    return put(tree, place[:-1], renamed)


def again(tree: Any, place: Place) -> Any:
    """A copy in which a list has an element twice."""
    parent, step = at(tree, place[:-1]), place[-1]
    doubled = [one for index, each in enumerate(parent) for one in [each] * (1 + (index == step))]
    return put(tree, place[:-1], doubled)


def nodes(tree: Any, most: int | None = None, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every value but the root, objects before their members.

    Args:
        tree: mappings, lists and scalars.
        most: of a longer list only so many elements are visited, evenly spread.
        place: of the root.
    """
    if isinstance(tree, Mapping):
        steps: list[str | int] = list(tree)
    elif isinstance(tree, list):
        steps = list(_spread(len(tree), most))
    else:
        return
    for step in steps:
        yield (*place, step), tree[step]
        yield from nodes(tree[step], most, (*place, step))


def _spread(length: int, most: int | None) -> list[int]:
    if most is None or length <= most:
        return list(range(length))
    return sorted({round(index * (length - 1) / (most - 1)) for index in range(most)})


@attrs.frozen
class Table:
    """A text payload that is a table.

    Attributes:
        texts: the lines as they came, by the identity of their cells: a line that is not changed is written as it was.
    """

    delimiter: str
    line_end: str
    cells: list[list[str]]
    texts: Mapping[int, str] = attrs.field(repr=False)

    def render(self, lines: list[list[str]]) -> str:
        """The text of changed lines."""
        return self.line_end.join(self._line(line) for line in lines)

    def _line(self, cells: list[str]) -> str:
        if id(cells) in self.texts:
            return self.texts[id(cells)]
        out = io.StringIO()
        csv.writer(out, delimiter=self.delimiter, lineterminator="").writerow(cells)
        return out.getvalue()


def as_table(text: str) -> Table | None:
    """The text as a table; None where most of its lines have no columns."""
    line_end = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(line_end)
    best: tuple[int, str, list[list[str]]] | None = None
    for delimiter in _DELIMITERS:
        cells = [next(csv.reader([line], delimiter=delimiter), []) for line in lines]
        widths = Counter(len(row) for row in cells if len(row) >= _MIN_COLUMNS)
        alike = max(widths.values(), default=0)
        if alike >= 2 and (best is None or alike > best[0]):
            best = (alike, delimiter, cells)
    if best is None:
        return None
    _, delimiter, cells = best
    texts = {id(row): line for row, line in zip(cells, lines, strict=True)}
    return Table(delimiter, line_end, cells, texts)


class Sources:
    """The payloads of a fetch as one tree.

    Attributes:
        tree: without what the plugin itself put beside the broker's payloads.
        own: the names of what the plugin put beside the broker's payloads.
        tables: the text payloads that are tables, by name.
        markup: those that are XML.
        unreadable: the names of those that could not be.
    """

    def __init__(self, payloads: Mapping[str, Any], own: AbstractSet[str] = frozenset()) -> None:
        self._payloads = payloads
        self.own = own
        of_broker = {name: value for name, value in payloads.items() if name not in own}
        texts = {name: value for name, value in of_broker.items() if isinstance(value, str)}
        documents = {name: xml_trees.parse(value) for name, value in texts.items()}
        self.markup = {name: one for name, one in documents.items() if one is not None}
        tables = {name: as_table(value) for name, value in texts.items() if name not in self.markup}
        self.tables = {name: table for name, table in tables.items() if table is not None}
        self.unreadable = tuple(name for name, table in tables.items() if table is None)
        cells = {name: table.cells for name, table in self.tables.items()}
        self.tree: dict[str, Any] = {**of_broker, **cells, **self.markup}

    def render(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """The payloads of a changed tree."""
        changed = {name: self._rendered(name, value) for name, value in tree.items()}
        kept = {name: one for name, one in self._payloads.items() if name not in self.tree}
        return {**kept, **changed}

    def _rendered(self, name: str, value: Any) -> Any:
        if name in self.tables and isinstance(value, list):
            return self.tables[name].render(value)
        return xml_trees.render(value) if name in self.markup else value

    def holds_text(self, place: Place) -> bool:
        """Whether nothing but text can stand at a place: a cell, or an attribute."""
        return self.is_cell(place) or (place[0] in self.markup and not isinstance(place[-1], int))

    def is_cell(self, place: Place) -> bool:
        """Whether a place is a cell of a table, which can hold text only."""
        return place[0] in self.tables and len(place) == 3

    def is_line(self, place: Place) -> bool:
        """Whether a place is a line of a table."""
        return place[0] in self.tables and len(place) == 2
