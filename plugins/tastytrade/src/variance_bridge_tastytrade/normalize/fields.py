"""The values of the API's members, whatever type they drifted to: exact numbers, instants, days, words.

Numbers arrive as JSON numbers or as strings, and change from one to the other without notice (multiplier: 100 until
2026-02, "100.0" since). Each reader gives None for what is absent, null or empty, and raises `Unreadable` for what is
there and makes no sense: unknown and wrong are different things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from variance_bridge.model import Caution

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_LARGEST_EXPONENT = 30
_LONGEST_WORD = 128


class Unreadable(ValueError):
    """A member that is there and cannot be read. Carries no value: it may be personal."""


def number(value: Any) -> Decimal | None:
    """An exact decimal. Binary fractions, booleans, NaN and numbers beyond any price or quantity are unreadable."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Unreadable
    if isinstance(value, str):
        value = value.strip()
        if not _NUMBER.fullmatch(value):
            raise Unreadable
    exact = Decimal(value)
    if not exact.is_finite() or abs(exact.adjusted()) > _LARGEST_EXPONENT:
        raise Unreadable
    return exact


def moment(value: Any) -> datetime | None:
    """An instant in UTC. Positions write `2026-03-20T20:00:00.000+00:00`, market data `...Z`; no zone, no instant."""
    text = word(value)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
        if instant.utcoffset() is None:
            raise Unreadable
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable from None


def day(value: Any) -> date | None:
    """A calendar day, `YYYY-MM-DD`."""
    text = word(value)
    if text is None:
        return None
    if not _DAY.fullmatch(text):
        raise Unreadable
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable from None


def word(value: Any) -> str | None:
    """A short text without the blanks around it (" None" was seen with one)."""
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > _LONGEST_WORD:
        raise Unreadable
    return value.strip() or None


def exchange_day(instant: datetime) -> date:
    """The day of an instant at the exchanges, in New York: what the API calls today."""
    return instant.astimezone(ZoneInfo("America/New_York")).date()


class Members:
    """The optional members of an object: an unreadable one counts as unknown, and is remembered as a caution."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._source = source
        self._cautions: dict[Caution, None] = {}

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What was unreadable, each once, in the order in which it was met."""
        return tuple(self._cautions)

    def caution(self, caution: Caution) -> None:
        """Remember one more."""
        self._cautions[caution] = None

    def is_absent(self, name: str) -> bool:
        """Whether there is nothing to read: no member, null or an empty text."""
        return self._source.get(name) in (None, "")

    def number(self, name: str) -> Decimal | None:
        """The member as an exact decimal."""
        return self._read(number, name, Caution.NUMBER_UNREADABLE)

    def moment(self, name: str) -> datetime | None:
        """The member as an instant."""
        return self._read(moment, name, Caution.DATE_UNREADABLE)

    def day(self, name: str) -> date | None:
        """The member as a calendar day."""
        return self._read(day, name, Caution.DATE_UNREADABLE)

    def word(self, name: str) -> str | None:
        """The member as a short text; anything else is unknown."""
        try:
            return word(self._source.get(name))
        except Unreadable:
            return None

    def _read(self, read: Callable[[Any], T | None], name: str, caution: Caution) -> T | None:
        try:
            return read(self._source.get(name))
        except Unreadable:
            self.caution(caution)
            return None
