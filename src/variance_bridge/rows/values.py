"""The values of an object's members, whatever type they drift to: exact numbers, instants, days, words. Pure.

Numbers arrive as JSON numbers or as texts, and change from one to the other without notice. Each reader gives None for
what is absent (null, or an empty text) and raises `RowRejected` for what is there and makes no sense: unknown and wrong
are different things, and zero is neither.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from variance_bridge.model import Rejection, Side

MAX_MAGNITUDE = 30
"""A number but zero is at least 1e-30 and less than 1e31, whatever its sign: no price or quantity is beyond that."""

MAX_DIGITS = 60
"""Of a number. The document carries 38 significant digits of any source; a broker's zeros may stand around them."""

MAX_WORD_LENGTH = 128
"""Characters of a word."""

_NUMBER = re.compile(
    rf"[+-]?[0-9]{{1,{MAX_DIGITS}}}(?:\.[0-9]{{1,{MAX_DIGITS}}})?(?:[eE][+-]?[0-9]{{1,2}})?"
)
# What most brokers write. Up to this length it is within the bounds, whatever its digits.
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_MAX_PLAIN_LENGTH = MAX_MAGNITUDE
_SHORT_INTEGER = 10**15
# RFC 3339, section 5.6, and the offset without its colon, which some APIs write. `datetime.fromisoformat` reads more,
# and how much depends on the version of Python.
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class RowRejected(Exception):
    """A row that cannot be read. `collect` counts it, and no other row is lost.

    Attributes:
        reason: from the closed list, so that no value of the row can get into the document, a log or a screen.
        symbol: canonical, where it was read before the rest made no sense.
    """

    def __init__(self, reason: Rejection, *, symbol: str | None = None) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.symbol = symbol


def number(value: Any) -> Decimal | None:
    """The exact number that a JSON number or a text stands for; None for null and an empty text.

    Raises:
        RowRejected: `number_unreadable`. A binary fraction, a boolean, NaN, a list, "N/A", a thousands separator, and
            a number beyond `MAX_MAGNITUDE` or `MAX_DIGITS`.
    """
    if isinstance(value, str):
        return _number_of_text(value) if value else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise RowRejected(Rejection.NUMBER_UNREADABLE)
    exact = Decimal(value)
    if isinstance(value, int) and -_SHORT_INTEGER < value < _SHORT_INTEGER:
        return exact
    return _bounded(exact)


def _number_of_text(text: str) -> Decimal:
    if len(text) <= _MAX_PLAIN_LENGTH and _PLAIN_NUMBER.fullmatch(text):
        return Decimal(text)
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise RowRejected(Rejection.NUMBER_UNREADABLE)
    return _bounded(Decimal(text), is_short=len(text) <= MAX_DIGITS)


def _bounded(exact: Decimal, *, is_short: bool = False) -> Decimal:
    if not exact.is_finite() or abs(exact.adjusted()) > MAX_MAGNITUDE:
        raise RowRejected(Rejection.NUMBER_UNREADABLE)
    if not is_short and len(exact.as_tuple().digits) > MAX_DIGITS:
        raise RowRejected(Rejection.NUMBER_UNREADABLE)
    return exact


def word(value: Any) -> str | None:
    """A short text without the blanks around it; None for null and for a text of blanks.

    Raises:
        RowRejected: `unreadable_row`. Not a text, or longer than `MAX_WORD_LENGTH`.
    """
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > MAX_WORD_LENGTH:
        raise RowRejected(Rejection.UNREADABLE_ROW)
    return value.strip() or None


def moment(value: Any) -> datetime | None:
    """The instant of an RFC 3339 text, aware, in UTC; digits beyond a microsecond are cut off.

    Raises:
        RowRejected: `date_unreadable`. Anything else; a time without a zone is not an instant.
    """
    return None if value is None else _moment_of_text(_short(value))


# Options of one expiration expire at the same instant.
@lru_cache(maxsize=4096)
def _moment_of_text(text: str) -> datetime | None:
    text = text.strip()
    if not text:
        return None
    if not _MOMENT.fullmatch(text):
        raise RowRejected(Rejection.DATE_UNREADABLE)
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RowRejected(Rejection.DATE_UNREADABLE) from None


def day(value: Any) -> date | None:
    """The day of the calendar that `YYYY-MM-DD` names.

    Raises:
        RowRejected: `date_unreadable`. Anything else.
    """
    return None if value is None else _day_of_text(_short(value))


@lru_cache(maxsize=4096)
def _day_of_text(text: str) -> date | None:
    text = text.strip()
    if not text:
        return None
    if not _DAY.fullmatch(text):
        raise RowRejected(Rejection.DATE_UNREADABLE)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RowRejected(Rejection.DATE_UNREADABLE) from None


def _short(value: Any) -> str:
    """A text that is short enough to be a date, and to be remembered."""
    if not isinstance(value, str) or len(value) > MAX_WORD_LENGTH:
        raise RowRejected(Rejection.DATE_UNREADABLE)
    return value


def side_of(quantity: Decimal) -> Side:
    """The side of a position whose broker writes short quantities as negative numbers."""
    return Side.SHORT if quantity < 0 else Side.LONG
