"""The values of the API's members, whatever they drift to: exact numbers and words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from variance_bridge.model import Caution

_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")


class UnreadableError(ValueError):
    """A member that is there and makes no sense. It carries no value: that may be personal."""


def number(value: Any) -> Decimal | None:
    """The exact number; None for what is absent, null or empty.

    Raises:
        UnreadableError: something else is there.
    """
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise UnreadableError
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        raise UnreadableError
    return Decimal(text)


def word(value: Any) -> str | None:
    """The text without the blanks around it; None for anything that is no text."""
    return value.strip() or None if isinstance(value, str) else None


class Members:
    """The optional numbers of an object: one that cannot be read is unknown, and remembered as a caution."""

    def __init__(self, source: Mapping[str, Any]) -> None:
        self._source = source
        self.cautions: dict[Caution, None] = {}

    def number(self, name: str) -> Decimal | None:
        """The member as a number."""
        try:
            return number(self._source.get(name))
        except UnreadableError:
            self.cautions[Caution.NUMBER_UNREADABLE] = None
            return None
