"""Several fields out of one cell: two numbers, a symbol with its terms, terms out of a description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from variance_bridge_csv.dialect import patterns
from variance_bridge_csv.dialect.model import Field, Part


def parts_of(
    said: Mapping[Field, str], rules: Sequence[Part], decimal: str = "."
) -> dict[Field, str]:
    """What the cells of a row say in pieces. The first rule that gives a field wins; a cell that does not match says nothing."""
    found: dict[Field, str] = {}
    for rule in rules:
        match = patterns.match(rule.pattern, said.get(rule.of, ""))
        if match is None:
            continue
        for name, text in match.groupdict().items():
            field = Field(name)
            if text is not None and field not in found:
                found[field] = _scaled(text, rule.divide_by.get(field), decimal)
    return found


def _scaled(text: str, divisor: Decimal | None, decimal: str) -> str:
    if divisor is None:
        return text.strip()
    try:
        return format((Decimal(text) / divisor).normalize(), "f").replace(".", decimal)
    except InvalidOperation:
        return text
