"""How the API writes numbers, times and missing members.

The API's types drift inside one endpoint: `multiplier` arrived as the number 100 until early 2026 and as the
string "100.0" later (QuantConnect/Lean.Brokerages.Tastytrade issue 19), `/MYM` has "0.5" (tastyware/tastytrade
issue 328), `quantity` is 3, "100" or "100.29". A `WireForm` says which of these forms the simulator speaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final


class Absent:
    """The type of `ABSENT`: a member that is not written at all."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class NumberForm(StrEnum):
    """One way in which the API writes a number."""

    INTEGER = "integer"  # 3; a fraction has to be a string: "100.29"
    NUMBER = "number"  # 3, 100.29
    STRING = "string"  # "3", "100.29"
    DECIMAL_STRING = "decimal-string"  # "3.0", "100.29"
    MIXED = "mixed"  # another of the four in each row


class Presence(StrEnum):
    """Whether an optional member is there."""

    PRESENT = "present"
    NULL = "null"
    ABSENT = "absent"


@dataclass(frozen=True)
class WireForm:
    """The dialect of one year of the API.

    `complete` False is the sandbox's row of May 2025: no effects, no dates, no daily and yearly averages.
    `stray_spaces` writes the effect " None" with the leading space that was seen in production.
    """

    multiplier: NumberForm = NumberForm.DECIMAL_STRING
    quantity: NumberForm = NumberForm.INTEGER
    restricted_quantity: NumberForm = NumberForm.INTEGER
    streamer_symbol: Presence = Presence.PRESENT
    complete: bool = True
    stray_spaces: bool = False


PRODUCTION_2026: Final = WireForm()
PRODUCTION_2025: Final = WireForm(
    multiplier=NumberForm.INTEGER, streamer_symbol=Presence.ABSENT, stray_spaces=True
)
DOCUMENTATION: Final = WireForm(
    multiplier=NumberForm.INTEGER,
    quantity=NumberForm.STRING,
    restricted_quantity=NumberForm.DECIMAL_STRING,
    streamer_symbol=Presence.ABSENT,
)
SANDBOX_2025: Final = WireForm(
    multiplier=NumberForm.INTEGER, streamer_symbol=Presence.ABSENT, complete=False
)
MIXED: Final = WireForm(
    multiplier=NumberForm.MIXED,
    quantity=NumberForm.MIXED,
    restricted_quantity=NumberForm.MIXED,
    streamer_symbol=Presence.NULL,
)

_CONCRETE_FORMS: Final = tuple(form for form in NumberForm if form is not NumberForm.MIXED)


def plain_text(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: 100, 0.5, 47.58333333."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def decimal_text(value: Decimal) -> str:
    """A decimal as the API writes it: never without a fraction ("1.0", "49.39", "0.0")."""
    text = plain_text(value)
    return text if "." in text else text + ".0"


def number(value: Decimal, form: NumberForm, row: int = 0) -> int | float | str:
    """The JSON value for a number in one form; `row` picks the form where it is MIXED.

    A JSON number is given only where it is exact; other values fall back to the string.
    """
    if form is NumberForm.MIXED:
        form = _CONCRETE_FORMS[row % len(_CONCRETE_FORMS)]
    if form is NumberForm.DECIMAL_STRING:
        return decimal_text(value)
    if form is not NumberForm.STRING and value == value.to_integral_value():
        return int(value)
    if form is NumberForm.NUMBER and Decimal(repr(float(value))) == value:
        return float(value)
    return plain_text(value)


def offset_time(moment: datetime) -> str:
    """A time as accounts and positions carry it: `2026-03-20T20:00:00.000+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def zulu_time(moment: datetime) -> str:
    """A time as market data and transactions carry it: `2025-04-29T21:33:25.130Z`."""
    return offset_time(moment).replace("+00:00", "Z")
