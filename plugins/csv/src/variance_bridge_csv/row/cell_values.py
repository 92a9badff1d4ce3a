"""Cells: text in, exact values out. A cell matches its grammar as a whole or is refused; nothing is guessed.

Each function here makes the reader of one column from the dialect, so that what the dialect says is looked up once for a
file and not once for a cell. None means that the cell says "unknown"; `CellFault` that it says something that is not
understood. Neither the fault nor its message repeats the cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from variance_bridge import symbology
from variance_bridge.symbology import OptionType
from variance_bridge_csv.dialect_format import date_formats
from variance_bridge_csv.dialect_format.dialect_options import CellRules, Field
from variance_bridge_csv.name_matching import plain, visible

MAX_NUMBER_LENGTH = 48
"""Characters of a number's cell."""

MAX_DIGITS = 38
"""Digits of a number: what a document promises to carry."""

_SIMPLE_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
"""What nearly every number looks like: the same value by every grammar whose decimal mark is a point."""


_OPTION_TYPES = {
    "call": OptionType.CALL,
    "c": OptionType.CALL,
    "put": OptionType.PUT,
    "p": OptionType.PUT,
}


_MIDNIGHT = re.compile(r"[ T](?:0?0:00(?::00)?(?:\.0+)?|12:00(?::00)? [Aa][Mm])")
"""What a spreadsheet program or a database writes behind a day: `12/18/2026 0:00`."""


class CellFault(ValueError):
    """A cell that is not what its column holds."""


def clean(cell: str, rules: CellRules, html_entities: bool = False) -> str:
    """The cell's text: outer blanks, invisible characters and spreadsheet guards removed."""
    text = visible(cell)
    if html_entities and "&" in text:
        from html import unescape

        text = visible(unescape(text))
    if rules.excel_guards:
        if text.startswith('="') and text.endswith('"') and len(text) >= 3:
            text = text[2:-1]
        elif text.startswith("'"):
            text = text[1:]
    return text


def text_reader(
    field: Field, rules: CellRules, html_entities: bool = False
) -> Callable[[str], str | None]:
    """The reader of the text in a column's cells."""
    nulls = frozenset((*rules.nulls, *rules.column_nulls.get(field, ())))

    def read(cell: str) -> str | None:
        text = clean(cell, rules, html_entities)
        return None if text in nulls else text

    return read


def number_reader(
    field: Field, rules: CellRules, html_entities: bool = False
) -> Callable[..., Decimal | None]:
    """The reader of the numbers in a column's cells.

    Its second argument, which may be left out, is the denominator of the product's price fraction, where its price may be written as one. It
    raises CellFault for what is not a number of this grammar.
    """
    read_text = text_reader(field, rules, html_entities)
    nulls = frozenset((*rules.nulls, *rules.column_nulls.get(field, ())))
    suffixes, prefixes = rules.suffixes.get(field, ()), rules.prefixes.get(field, ())
    is_simple = _SIMPLE_NUMBER.fullmatch
    simple_allowed = rules.decimal == "." and not suffixes and not prefixes
    grammar = _grammar(rules)

    def read(cell: str, fraction: int | None = None) -> Decimal | None:
        if simple_allowed and len(cell) <= MAX_DIGITS and is_simple(cell) and cell not in nulls:
            value = Decimal(cell)
            return value or value.copy_abs()  # never -0
        text = read_text(cell)
        if text is None:
            return None
        if len(text) > MAX_NUMBER_LENGTH:
            raise CellFault("too long for a number")
        text = _without_units(text, suffixes, prefixes)
        if rules.fractions and fraction and ("'" in text or '"' in text):
            try:
                return symbology.parse_fraction(text, fraction)
            except symbology.FractionError:
                raise CellFault("not a price in fractions") from None
        return _number(text, grammar, rules.thousands)

    return read


def _number(text: str, grammar: re.Pattern[str], thousands: str) -> Decimal:
    found = grammar.fullmatch(text.replace("\u2212", "-"))
    if not found:
        raise CellFault("not a number")
    opened, first, second, whole, part, trailing, closed = found.groups("")
    if thousands:
        whole = whole.replace(thousands, "")
    signs = first + second + trailing + ("-" if opened else "")
    if len(signs) > 1 or not (whole or part) or bool(opened) != bool(closed):
        raise CellFault("not a number")
    if len((whole + part).lstrip("0")) > MAX_DIGITS:
        raise CellFault("too many digits")
    value = Decimal(f"{whole or '0'}.{part}" if part else whole or "0")
    return value.copy_negate() if signs == "-" and value else value  # `-value` rounds at 28 digits


def _without_units(text: str, suffixes: tuple[str, ...], prefixes: tuple[str, ...]) -> str:
    for suffix in suffixes:
        if text.endswith(suffix):
            text = text.removesuffix(suffix).rstrip()
            break
    for prefix in prefixes:
        if text.startswith(prefix):
            text = text.removeprefix(prefix).lstrip()
            break
    return text


def _grammar(rules: CellRules) -> re.Pattern[str]:
    """The pattern of a number: opening parenthesis, two places for a sign, whole part, part, sign, parenthesis."""
    signs = rules.currency_signs
    currency = "(?:" + "|".join(re.escape(sign) for sign in signs) + ")?" if signs else ""
    # "0,015" is 0.015 with a decimal comma: a group of thousands never begins with 0.
    grouped = (
        f"[1-9][0-9]{{0,2}}(?:{re.escape(rules.thousands)}[0-9]{{3}})+|" if rules.thousands else ""
    )
    return re.compile(
        ("([(]?)" if rules.parentheses else "()")
        + f"([+-]?) ?{currency} ?([+-]?)"
        + f"({grouped}[0-9]*)(?:{re.escape(rules.decimal)}([0-9]*))?"
        + ("(-?)" if rules.trailing_minus else "()")
        + ("([)]?)" if rules.parentheses else "()")
    )


def option_type_of(text: str) -> OptionType | None:
    """Call or put, or None for any other word."""
    return _OPTION_TYPES.get(plain(text))


def day_reader(
    field: Field, rules: CellRules, html_entities: bool = False
) -> Callable[[str], date | None]:
    """The reader of the dates in a column's cells. It raises CellFault for what is in none of the dialect's formats."""
    read_text = text_reader(field, rules, html_entities)
    formats = rules.column_dates.get(field, rules.dates)

    def read(cell: str) -> date | None:
        text = read_text(cell)
        if text is None:
            return None
        found = date_formats.parse_day(text, formats)
        if found is None:
            day = _MIDNIGHT.split(text, maxsplit=1)
            found = date_formats.parse_day(day[0], formats) if day[1:] == [""] else None
        if found is None:
            raise CellFault("not a date")
        return found

    return read
