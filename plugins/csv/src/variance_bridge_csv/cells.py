"""Cells: text in, exact values out. A cell matches its grammar as a whole or is refused; nothing is guessed.

None means that the cell says "unknown"; `CellFault` that it says something that is not understood. Neither the fault nor
its message repeats the cell.
"""

from __future__ import annotations

import html
import re
from datetime import date, time, tzinfo
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from variance_bridge.symbology import FractionError, parse_fraction
from variance_bridge_csv.dialect import CellRules, Field
from variance_bridge_csv.names import visible

LONGEST_NUMBER = 48
"""Characters of a number's cell."""

MOST_DIGITS = 38
"""Digits of a number: what the lingua franca promises to carry."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LONG_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)

# US brokers write ET and the like, which no time-zone database knows.
_ZONES = {
    "ET": "America/New_York",
    "EST": "America/New_York",
    "EDT": "America/New_York",
    "CT": "America/Chicago",
    "CST": "America/Chicago",
    "CDT": "America/Chicago",
    "MT": "America/Denver",
    "MST": "America/Denver",
    "MDT": "America/Denver",
    "PT": "America/Los_Angeles",
    "PST": "America/Los_Angeles",
    "PDT": "America/Los_Angeles",
    "GMT": "UTC",
    "Z": "UTC",
}


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
    found = parse_day(text, rules.column_dates.get(field, rules.dates))
    if found is None:
        raise CellFault("not a date")
    return found


_DIRECTIVES = {
    "%Y": r"(?P<year>[0-9]{4})",
    "%y": r"(?P<short_year>[0-9]{2})",
    "%m": r"(?P<month>[0-9]{1,2})",
    "%d": r"(?P<day>[0-9]{1,2})",
    "%b": r"(?P<month_name>[A-Za-z]{3})",
    "%B": r"(?P<month_name>[A-Za-z]{3,9})",
    "%H": r"(?P<hour>[0-9]{1,2})",
    "%I": r"(?P<half_hour>[0-9]{1,2})",
    "%M": r"(?P<minute>[0-9]{2})",
    "%S": r"(?P<second>[0-9]{2})",
    "%p": r"(?P<half>[AaPp]\.?[Mm]\.?)",
}
_DIRECTIVE = re.compile(r"%.|[^%]", re.DOTALL)


def date_format_fault(date_format: str) -> str | None:
    """What is wrong with a date or time format of a dialect, or None."""
    try:
        _date_pattern(date_format)
    except (KeyError, re.error):
        return f"may have {' '.join(sorted(_DIRECTIVES))}, each once, and plain characters"
    return None


@lru_cache(maxsize=128)
def _date_pattern(date_format: str) -> re.Pattern[str]:
    parts = []
    for piece in _DIRECTIVE.findall(date_format):
        if piece.startswith("%"):
            parts.append(_DIRECTIVES[piece])
        elif piece == " ":
            parts.append(" +")
        else:
            parts.append(re.escape(piece))
    return re.compile("".join(parts))


def parse_day(text: str, formats: tuple[str, ...]) -> date | None:
    """The date, read by the first format that fits and gives a day of the calendar. English month names only.

    A year of two digits is one of this century: no listed contract expired before 2000.
    """
    for date_format in formats:
        found = _date_pattern(date_format).fullmatch(text) if len(text) <= 40 else None
        if not found:
            continue
        parts = found.groupdict()
        year = int(parts["year"]) if parts.get("year") else 2000 + int(parts.get("short_year") or 0)
        month = _month(parts)
        try:
            return date(year, month, int(parts.get("day") or 0))
        except ValueError:
            continue
    return None


def _month(parts: dict[str, str | None]) -> int:
    name = (parts.get("month_name") or "").casefold()
    if not name:
        return int(parts.get("month") or 0)
    for names in (_MONTHS, _LONG_MONTHS):
        if name in names:
            return names.index(name) + 1
    return 0


def parse_time(text: str, formats: tuple[str, ...]) -> time | None:
    """The time of day, read by the first format that fits."""
    for time_format in formats:
        found = _date_pattern(time_format).fullmatch(text) if len(text) <= 40 else None
        if not found:
            continue
        parts = found.groupdict()
        hour = int(parts.get("hour") or 0)
        if parts.get("half_hour"):
            half = int(parts["half_hour"] or 0)
            afternoon = (parts.get("half") or "").casefold().startswith("p")
            hour = half % 12 + (12 if afternoon else 0) if 1 <= half <= 12 else 99
        try:
            return time(hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))
        except ValueError:
            continue
    return None


def zone(name: str) -> tzinfo | None:
    """The time zone that a dialect or a file names, or None."""
    try:
        return ZoneInfo(_ZONES.get(name.upper(), name))
    except (
        KeyError,
        ValueError,
        OSError,
    ):  # ZoneInfo raises these for names of all kinds of oddity
        return None
