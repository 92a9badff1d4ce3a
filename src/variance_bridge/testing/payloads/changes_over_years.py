"""What happens to the payloads of an API over the years: members vanish, turn null, change type or name, and appear."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import Any

import attrs

from variance_bridge.testing.canaries import WORD, with_planted_members
from variance_bridge.testing.payloads import xml_trees
from variance_bridge.testing.payloads.trees import (
    Place,
    Sources,
    at,
    nodes,
    put,
    rename,
    shown,
    take,
)

MAX_ELEMENTS = 12
"""Of a longer list, so many elements drift, evenly spread."""

_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

Change = tuple[str, Any]
Ways = Callable[[Any], Iterable[Change]]


@attrs.frozen
class Drift:
    """One change of the payloads.

    Attributes:
        what: in words, as in `is missing`.
        place: where.
        shown: the place as messages name it.
    """

    what: str
    place: Place
    payloads: Mapping[str, Any] = attrs.field(repr=False)
    shown: str

    def __str__(self) -> str:
        return f"when {self.shown} {self.what}"


@attrs.frozen
class Scope:
    """What drifts: payloads, and the places in them.

    Attributes:
        inside: the beginning of all places, which messages leave out: the row that they lie in.
    """

    sources: Sources
    places: tuple[tuple[Place, Any], ...]
    inside: Place = ()

    @classmethod
    def whole(cls, sources: Sources) -> Scope:
        """All places of the payloads."""
        return cls(sources, tuple(nodes(sources.tree, MAX_ELEMENTS)))

    def drift(self, what: str, place: Place, tree: Any) -> Drift:
        """One change."""
        name = shown(place[len(self.inside) :]) or "the row"
        return Drift(what, place, self.sources.render(tree), name)


def as_number(value: Any) -> Decimal | None:
    """The number that a value is, or that a text spells; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | Decimal):
        return Decimal(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def missing(scope: Scope) -> Iterator[Drift]:
    """Each member is missing, and each cell of a row; columns are lost as a whole (`lost_columns`)."""
    for place, _value in scope.places:
        is_cell_of_row = bool(scope.inside) and scope.sources.is_cell(place)
        if _is_member(scope.sources, place) or is_cell_of_row:
            yield scope.drift("is missing", place, take(scope.sources.tree, place))


def renamed(scope: Scope) -> Iterator[Drift]:
    """Each member has another name: another way of writing it, or a new word."""
    for place, _value in scope.places:
        if _is_member(scope.sources, place):
            name = _other_name(str(place[-1]))
            tree = rename(scope.sources.tree, place, name)
            yield scope.drift(f"is named {name}", place, tree)


def _is_member(sources: Sources, place: Place) -> bool:
    """Whether a place is a member of an object of the broker's; the payloads' own names are the plugin's.

    Elements of XML are not: a document without them has an empty list.
    """
    if not isinstance(place[-1], str) or len(place) == 1 or place[0] in sources.tables:
        return False
    return place[0] not in sources.markup or place[-1].startswith(xml_trees.ATTRIBUTE)


def _other_name(name: str) -> str:
    """The same words in another spelling: avg_price and avg-price become avgPrice, avgPrice becomes avg_price."""
    words = [word for word in re.split(r"[-_ ]|(?<=[a-z])(?=[A-Z])", name) if word]
    if len(words) == 1:
        return f"{name}New"
    if re.search(r"[-_ ]", name):
        return words[0].lower() + "".join(word.title() for word in words[1:])
    return "_".join(word.lower() for word in words)


def retyped(scope: Scope, *ways: Ways) -> Iterator[Drift]:
    """Each value becomes what `ways` give for it."""
    for place, value in scope.places:
        is_cell = scope.sources.is_cell(place)
        is_of_text = place[0] in {**scope.sources.tables, **scope.sources.markup}
        if is_of_text and not is_cell and isinstance(value, list | dict):
            continue
        holds_text = scope.sources.holds_text(place)
        for words, other in chain.from_iterable(way(value) for way in ways):
            if not holds_text or isinstance(other, str):
                yield scope.drift(words, place, put(scope.sources.tree, place, other))


def null(value: Any) -> Iterator[Change]:
    """Nothing in its place."""
    if value is not None:
        yield "is null", None


def emptied(value: Any) -> Iterator[Change]:
    """An empty text, list or object in its place."""
    for words, empty in (("is an empty text", ""), ("is an empty list", []), ("is empty", {})):
        if value != empty and not isinstance(value, dict | list):
            yield words, empty


def number_as_text(value: Any) -> Iterator[Change]:
    """A number as text, a text as a number, with blanks around it or with an exponent."""
    number = as_number(value)
    if number is None:
        return
    if isinstance(value, str):
        yield "is a number instead of a text", int(number) if number == int(number) else number
    else:
        yield "is a text instead of a number", str(value)
    yield "is a text with blanks around it", f" {value} "
    yield "is written with an exponent", f"{number:E}"


def wrapped(value: Any) -> Iterator[Change]:
    """The value inside a list or an object."""
    if not isinstance(value, dict | list):
        yield "is inside a list", [value]
        yield "is inside an object", {"value": value}


def truth(value: Any) -> Iterator[Change]:
    """True or false in its place; as a word or a number where it was true or false already."""
    if isinstance(value, bool):
        yield "is a word for true or false", "true" if value else "false"
        yield "is 1 or 0", int(value)
    elif not isinstance(value, dict | list):
        yield "is true", True
        yield "is false", False


def unknown_word(value: Any) -> Iterator[Change]:
    """A word that nobody knows, or a number where there was a word."""
    if isinstance(value, dict | list | bool) or value is None:
        return
    yield "is an unknown word", WORD
    if as_number(value) is None:
        yield "is a number instead of a word", 7


def no_number(value: Any) -> Iterator[Change]:
    """What looks like a number and is none, or is one that nobody means."""
    number = as_number(value)
    if number is None:
        return
    for text in ("NaN", "Infinity", f"{value}x", "1" * 400, "١٢", f"{value} {value}"):
        yield f"is the text {text[:12]}", text
    if "." in str(value):
        yield "has a decimal comma", str(value).replace(".", ",")


def new_members(sources: Sources) -> Iterator[Drift]:
    """Every object has members that nobody has heard of."""
    tree = {
        name: value if name in sources.tables else with_planted_members(value)
        for name, value in sources.tree.items()
    }
    for name in tree:
        yield Drift("has new members", (name,), sources.render(tree), name)


def other_order(sources: Sources) -> Iterator[Drift]:
    """The members of every object stand in another order."""
    for name, value in sources.tree.items():
        if name not in sources.tables:
            changed = {**sources.tree, name: _reversed(value)}
            payloads = sources.render(changed)
            yield Drift("has its members in another order", (name,), payloads, name)


def _reversed(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _reversed(value[name]) for name in reversed(list(value))}
    if isinstance(value, list):
        return [_reversed(item) for item in value]
    return value


@attrs.frozen
class Columns:
    """The part of a table that has columns: the header and what stands below it, up to the first line without columns.

    Attributes:
        width: of the header; totals may have a cell more, which stays where it is.
    """

    name: str
    header: int
    lines: tuple[int, ...]
    width: int


def find_columns(sources: Sources, name: str, first_row: int) -> Columns | None:
    """The columns of a table; None where no line above the first row is as wide.

    Args:
        sources: the payloads.
        name: of the table.
        first_row: index of the first line that is a row.
    """
    lines = sources.tree[name]
    width = len(lines[first_row])
    header = next((i for i in range(first_row - 1, -1, -1) if len(lines[i]) == width), None)
    if header is None:
        return None
    narrow = (i for i in range(header, len(lines)) if len(lines[i]) < width)
    end = next(narrow, len(lines))
    return Columns(name, header, tuple(range(header, end)), width)


def _rebuilt(
    sources: Sources, columns: Columns, change: Callable[[int, list[str]], list[str]]
) -> dict[str, Any]:
    lines = at(sources.tree, (columns.name,))
    changed = [change(i, one) if i in columns.lines else one for i, one in enumerate(lines)]
    return sources.render({**sources.tree, columns.name: changed})


def lost_columns(sources: Sources, columns: Columns) -> Iterator[Drift]:
    """Each column is missing, or has another name."""
    header = sources.tree[columns.name][columns.header]
    for place, title in enumerate(header):

        def without(_line: int, cells: list[str], place: int = place) -> list[str]:
            return cells[:place] + cells[place + 1 :]

        def retitled(line: int, cells: list[str], place: int = place) -> list[str]:
            if line != columns.header:
                return cells
            return [*cells[:place], f"{cells[place]} New", *cells[place + 1 :]]

        where: Place = (columns.name, columns.header, place)
        lost, other = _rebuilt(sources, columns, without), _rebuilt(sources, columns, retitled)
        yield Drift("is missing", where, lost, f"the column {title}")
        yield Drift("has another name", where, other, f"the column {title}")


def moved_columns(sources: Sources, columns: Columns) -> Iterator[Drift]:
    """The columns stand in another order, or a new one stands among them."""

    def backwards(_line: int, cells: list[str]) -> list[str]:
        return cells[: columns.width][::-1] + cells[columns.width :]

    def with_new_one(line: int, cells: list[str]) -> list[str]:
        return [cells[0], "Held By" if line == columns.header else WORD, *cells[1:]]

    where: Place = (columns.name, columns.header)
    yield Drift(
        "has its columns backwards", where, _rebuilt(sources, columns, backwards), columns.name
    )
    yield Drift("has a new column", where, _rebuilt(sources, columns, with_new_one), columns.name)
