"""What is wrong with a value that the user set, and at which key. A value is repeated only where that is harmless."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from variance_bridge.errors import ConfigurationError
from variance_bridge.formatting import did_you_mean, printable
from variance_bridge.masking import ACCOUNT_DIGITS, may_be_account

MAX_SHOWN_FAULTS: Final = 3
MAX_LISTED: Final = 8

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_MAX_KEY = 60
_MAX_VALUE = 24


class Fault(Struct, frozen=True):
    """One key that is wrong: its place (`brokers.acme.timeout`; "" for the whole) and what is wrong with it."""

    place: str
    what: str

    def __str__(self) -> str:
        """`place: what`."""
        return f"{self.place}: {self.what}" if self.place else self.what


class Unacceptable(ValueError):
    """A value that is refused; the message says what it must be."""


def refusal(
    faults: Sequence[Fault], *, where: str | None = None, hint: str | None = None
) -> ConfigurationError:
    """The error for these faults: the first three, and how many more there are."""
    shown = "; ".join(map(str, faults[:MAX_SHOWN_FAULTS]))
    more = len(faults) - MAX_SHOWN_FAULTS
    return ConfigurationError(
        f"{shown} (and {more} more)" if more > 0 else shown, where=where, hint=hint
    )


def joined(place: str, step: str | int) -> str:
    """The place of a key, or of the item of a list, below `place`."""
    if isinstance(step, int):
        return f"{place}[{step}]"
    key = printable(step, limit=_MAX_KEY).replace("\n", "?")
    key = key if _BARE.fullmatch(key) else f'"{key}"'
    return f"{place}.{key}" if place else key


def must_be(what: str, value: Any) -> Unacceptable:
    """The refusal of `value`: `must be a number, not "abc"`."""
    shown = _shown(value)
    return Unacceptable(f"must be {what}, not {shown}" if shown else f"must be {what}")


def unknown(what: str, word: str, known: Iterable[str]) -> str:
    """`unknown key (did you mean "broker"?)`, or with the known ones where none is near."""
    words = [str(each) for each in known]
    near = did_you_mean(word, words)
    if near or len(words) > MAX_LISTED:
        return f"unknown {what}{near}"
    return f"unknown {what} (known: {', '.join(words) or 'none'})"


def is_harmless(value: Any) -> bool:
    """Whether a value may be repeated in a message: short, and not like an account number or a secret."""
    if isinstance(value, bool):
        return True
    if isinstance(value, int) and abs(value) >= 10**ACCOUNT_DIGITS:
        return False
    if not isinstance(value, str | int | float | Decimal):
        return False
    text = str(value)
    return len(text) <= _MAX_VALUE and not may_be_account(text)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a table"
    if not is_harmless(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{printable(value)}"'.replace("\n", "?") if isinstance(value, str) else str(value)
