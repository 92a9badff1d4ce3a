"""Cells: text in, exact values out. A cell matches its grammar as a whole or is refused; nothing is guessed.

None means that the cell says "unknown"; `CellFault` that it says something that is not understood. Neither the fault nor
its message repeats the cell.
"""

from __future__ import annotations

import html
import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

from variance_bridge.symbology import FractionError, parse_fraction
from variance_bridge_csv.dialect import dates
from variance_bridge_csv.dialect.model import CellRules, Field
from variance_bridge_csv.names import visible

LONGEST_NUMBER = 48
"""Characters of a number's cell."""

MOST_DIGITS = 38
"""Digits of a number: what the lingua franca promises to carry."""


class CellFault(ValueError):
    """A cell that is not what its column holds."""


def clean(cell: str, rules: CellRules, html_entities: bool = False) -> str:
    """The cell's text: outer blanks, invisible characters and spreadsheet guards removed."""
    text = visible(cell)
    if html_entities and "&" in text:
        text = visible(html.unescape(text))
    if rules.excel_guards:
        if text.startswith('="') and text.endswith('"') and len(text) >= 3:
            text = text[2:-1]
        elif text.startswith("'"):
            text = text[1:]
    return text


def is_null(text: str, field: Field, rules: CellRules) -> bool:
    """Whether the (clean) text says "unknown"."""
    return text in rules.nulls or text in rules.column_nulls.get(field, ())


def number(
    text: str, field: Field, rules: CellRules, fraction: int | None = None
) -> Decimal | None:
    """The number in a cell.

    Args:
        text: the clean cell.
        field: what the column means.
        rules: the dialect's spelling.
        fraction: denominator of the product's price fraction, where its price may be written as one.

    Raises:
        CellFault: it is no number of this grammar.
    """
    if is_null(text, field, rules):
        return None
    if len(text) > LONGEST_NUMBER:
        raise CellFault("too long for a number")
    text = _without_units(text, field, rules)
    if rules.fractions and fraction and ("'" in text or '"' in text):
        try:
            return parse_fraction(text, fraction)
        except FractionError:
            raise CellFault("not a price in fractions") from None
    found = _number_pattern(rules).fullmatch(text.replace("\u2212", "-"))
    if not found:
        raise CellFault("not a number")
    whole, part = found["whole"] or "", found["part"] or ""
    if rules.thousands:
        whole = whole.replace(rules.thousands, "")
    signs = [found[name] for name in ("first", "second", "trailing") if found[name]]
    if found["open"]:
        signs.append("-")
    if len(signs) > 1 or not whole + part or bool(found["open"]) != bool(found["close"]):
        raise CellFault("not a number")
    return _decimal("-" in signs, whole, part)


def _decimal(negative: bool, whole: str, part: str) -> Decimal:
    if len((whole + part).lstrip("0")) > MOST_DIGITS:
        raise CellFault("too many digits")
    value = Decimal(f"{whole or '0'}.{part}" if part else whole or "0")
    return -value if negative and value else value


def _without_units(text: str, field: Field, rules: CellRules) -> str:
    for suffix in rules.suffixes.get(field, ()):
        if text.endswith(suffix):
            text = text.removesuffix(suffix).rstrip()
            break
    for prefix in rules.prefixes.get(field, ()):
        if text.startswith(prefix):
            text = text.removeprefix(prefix).lstrip()
            break
    return text


@lru_cache(maxsize=64)
def _pattern_of(
    decimal: str, thousands: str, signs: tuple[str, ...], parentheses: bool, trailing_minus: bool
) -> re.Pattern[str]:
    currency = "(?:" + "|".join(re.escape(sign) for sign in signs) + ")?" if signs else ""
    # "0,015" is 0.015 with a decimal comma: a group of thousands never begins with 0.
    grouped = f"[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+|" if thousands else ""
    return re.compile(
        ("(?P<open>[(]?)" if parentheses else "(?P<open>)")
        + f"(?P<first>[+-]?) ?{currency} ?(?P<second>[+-]?)"
        + f"(?P<whole>{grouped}[0-9]*)(?:{re.escape(decimal)}(?P<part>[0-9]*))?"
        + ("(?P<trailing>-?)" if trailing_minus else "(?P<trailing>)")
        + ("(?P<close>[)]?)" if parentheses else "(?P<close>)")
    )


def _number_pattern(rules: CellRules) -> re.Pattern[str]:
    return _pattern_of(
        rules.decimal,
        rules.thousands,
        rules.currency_signs,
        rules.parentheses,
        rules.trailing_minus,
    )


def day(text: str, field: Field, rules: CellRules) -> date | None:
    """The date in a cell.

    Raises:
        CellFault: it is no date in one of the dialect's formats.
    """
    if is_null(text, field, rules):
        return None
    found = dates.parse_day(text, rules.column_dates.get(field, rules.dates))
    if found is None:
        raise CellFault("not a date")
    return found
