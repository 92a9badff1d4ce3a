"""How the API writes numbers, times and missing members.

The API's types drift inside one endpoint: `multiplier` arrived as the number 100 until early 2026 and as the
string "100.0" later (QuantConnect/Lean.Brokerages.Tastytrade issue 19), `/MYM` has "0.5" (tastyware/tastytrade
issue 328), `quantity` is 3, "100" or "100.29". A `WireForm` says which of these forms the simulator speaks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from variance_bridge_tastytrade.demo_server.payloads import present
from variance_bridge_tastytrade.demo_server.portfolio import SimulatedPosition
from variance_bridge_tastytrade.demo_server.spelling import ABSENT, decimal_text, plain_text

_EFFECTS: Final = ("realized-day-gain-effect", "realized-today-effect")
_LATER_MEMBERS: Final = (
    *_EFFECTS,
    "realized-day-gain-date",
    "realized-today-date",
    "average-daily-market-close-price",
    "average-yearly-market-close-price",
)


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


def in_form(
    written: Mapping[str, Any], row: SimulatedPosition, form: WireForm, index: int
) -> dict[str, Any]:
    """A row of the positions list as this dialect writes it; members that the test set stay as they are.

    `index` picks the number form where it is MIXED.
    """
    changed: dict[str, Any] = {
        "quantity": number(row.quantity, form.quantity, index),
        "restricted-quantity": number(row.restricted_quantity, form.restricted_quantity, index),
    }
    if row.multiplier is not None:
        changed["multiplier"] = number(row.multiplier, form.multiplier, index)
    if form.streamer_symbol is not Presence.PRESENT:
        changed["streamer-symbol"] = ABSENT if form.streamer_symbol is Presence.ABSENT else None
    for name in _LATER_MEMBERS if not form.complete else ():
        changed[name] = ABSENT
    for name in _EFFECTS if form.complete and form.stray_spaces else ():
        changed[name] = f" {written[name]}"
    return present(
        {
            name: changed.get(name, value) if name not in row.members else value
            for name, value in written.items()
        }
    )
