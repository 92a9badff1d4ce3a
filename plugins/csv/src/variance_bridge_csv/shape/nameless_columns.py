"""Columns that their name alone does not find: nameless ones, one of several with the same name, and names with a currency in them."""

from __future__ import annotations

from collections.abc import Sequence

from variance_bridge_csv.dialect_format import regular_expressions
from variance_bridge_csv.dialect_format.dialect_options import Dialect, Field, Place
from variance_bridge_csv.name_matching import plain, visible


def places(cells: Sequence[str], dialect: Dialect) -> tuple[dict[Field, int], dict[Field, str]]:
    """Where the header has them, and the currencies that are part of the names of some."""
    names = [plain(cell) for cell in cells]
    found: dict[Field, int] = {}
    currencies: dict[Field, str] = {}
    for rule in dialect.places:
        place = _place(rule, cells, names)
        if place is None or rule.field in found:
            continue
        found[rule.field] = place
        match = (
            regular_expressions.match(rule.matches, visible(cells[place])) if rule.matches else None
        )
        if match is not None and match.groupdict().get("currency"):
            currencies[rule.field] = match["currency"]
    return found, currencies


def _place(rule: Place, cells: Sequence[str], names: Sequence[str]) -> int | None:
    if rule.matches is not None:
        return next(
            (
                place
                for place, cell in enumerate(cells)
                if regular_expressions.match(rule.matches, visible(cell))
            ),
            None,
        )
    if rule.after:
        wanted = set(map(plain, rule.after))
        place = next((place for place, name in enumerate(names) if name in wanted), None)
        # A name there belongs to another column: the nameless one is not in this file.
        if place is None or place + 1 >= len(names) or names[place + 1]:
            return None
        return place + 1
    equal = [place for place, name in enumerate(names) if name in set(map(plain, rule.name))]
    return equal[rule.nth - 1] if len(equal) >= rule.nth else None
