"""How the API spells numbers, times and missing members."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final


class Absent:
    """The type of `ABSENT`: a member that is not written at all."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


def plain_text(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros: 100, 0.5, 47.58333333."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def decimal_text(value: Decimal) -> str:
    """A decimal as the API writes it: always with a fraction ("1.0", "49.39", "0.0")."""
    text = plain_text(value)
    return text if "." in text else text + ".0"


def integer_or_text(value: Decimal) -> int | str:
    """A quantity as the API writes it: 3, but "100.29"."""
    return int(value) if value == value.to_integral_value() else plain_text(value)


def offset_time(moment: datetime) -> str:
    """A time as accounts and positions carry it: `2026-03-20T20:00:00.000+00:00`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def zulu_time(moment: datetime) -> str:
    """A time as market data and transactions carry it: `2025-04-29T21:33:25.130Z`."""
    return offset_time(moment).replace("+00:00", "Z")
