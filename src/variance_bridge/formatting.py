"""How numbers, ages, foreign text and unknown names are shown: on the terminal, on pages and in messages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta
    from decimal import Context, Decimal
    from pathlib import PurePath

MAX_PATH = 4096
_MIN_PATH = 12
UNKNOWN = "–"
"""Stands for a number that is not known: never a zero."""

ROW_REJECTED = ": row rejected: "
"""Between where a row is and why, in a warning that names it: what was warned of is not repeated in the result of a sync."""

_SIGNS = {"USD": "$", "EUR": "€", "GBP": "£"}

_HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


def printable(text: str, *, limit: int = 500) -> str:
    """`text` without anything that a terminal obeys: control, format and bidirectional characters become `?`.

    A line feed stays; longer texts than `limit` characters are cut with an ellipsis.
    """
    shown = "".join(
        "?" if char != "\n" and unicodedata.category(char) in _HIDDEN else char for char in text
    )
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def repr_without(*hidden: str) -> Callable[[Any], str]:
    """The `__repr__` of a `msgspec.Struct` that does not show these fields: personal, or too long to be read."""

    def shown(record: Any) -> str:
        names = [name for name in record.__struct_fields__ if name not in hidden]
        fields = ", ".join(f"{name}={getattr(record, name)!r}" for name in names)
        return f"{type(record).__name__}({fields})"

    return shown


def path_text(path: PurePath) -> str:
    """A path as text that every writer can encode and no terminal obeys: the path itself for all ordinary names."""
    return printable(str(path).encode("utf-8", "replace").decode(), limit=MAX_PATH)


def short_path(path: str, width: int) -> str:
    """A path for a line of that width: without its first folders, then with a gap in the middle of the file's name.

    At least 12 characters of it are shown, whatever the width.
    """
    if len(path) <= width:
        return path
    folders = [place for place, sign in enumerate(path) if sign == "/"]
    for place in folders:
        if len(path) - place + 1 <= width:
            return f"…{path[place:]}"
    name = path[folders[-1] + 1 :] if folders else path
    room = max(width, _MIN_PATH) - 1
    if len(name) <= room + 1:
        return name
    return f"{name[: room - room // 2]}…{name[len(name) - room // 2 :]}"


def format_age(age: timedelta) -> str:
    """A length of time as people say it, rounded down: "59 s", "12 min", "3 h 20 min", "2 d 4 h"."""
    seconds = int(age.total_seconds())
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else f"{seconds} s"


def age_words(age: timedelta, *, end_of_day: bool = False) -> str:
    """How old positions of that age are: `3 h old`; of an end of day, `of the last close`, `3 h past the next close`."""
    if age.days < 0:
        return "from the future"
    if not end_of_day:
        return f"{format_age(age)} old"
    return f"{format_age(age)} past the next close" if age else "of the last close"


_NEARLY_THE_SAME = 0.75
"""Of two words, the part that they share."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like a mistyped one; None where none is nearly the same.

    A wrong suggestion is worse than none: `--since` is not a slip of `--json`.
    """
    import difflib

    typed = word.lstrip("-")
    candidates = {each.lstrip("-"): each for each in known}
    found = difflib.get_close_matches(typed, candidates, n=1, cutoff=_NEARLY_THE_SAME)
    near = found[0] if found else next((each for each in candidates if _is_slip(typed, each)), None)
    return None if near is None else candidates[near]


def _is_slip(typed: str, known: str) -> bool:
    """Of short words, of which a single letter is a large part: `cvs`, `AAB`; or a word that was cut short: `trad`."""
    if len(typed) < 3:
        return False
    others = sum(a != b for a, b in zip(typed, known, strict=False))
    is_short_slip = len(typed) == len(known) and (others < 2 or sorted(typed) == sorted(known))
    return is_short_slip or known.startswith(typed)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` (did you mean "ira"?)`, to stand behind what was typed; nothing where no known word is near."""
    near = nearest(word, known)
    return f' (did you mean "{near}"?)' if near else ""


def rounded(value: Decimal, places: int) -> Decimal:
    """Rounded half up, at any length; a negative number that rounds to zero is zero."""
    # As many digits as the result has: the default context refuses more than 28.
    step, context = _rounding(places, max(value.adjusted(), 0) + abs(places) + 2)
    result = value.quantize(step, context=context)
    return result or result.copy_abs()


@lru_cache(maxsize=256)
def _rounding(places: int, precision: int) -> tuple[Decimal, Context]:
    """The place to which numbers are rounded, and how."""
    # Imported here: light commands print no numbers, and `decimal` is most of what they would load.
    from decimal import ROUND_HALF_UP, Context, Decimal

    return Decimal(1).scaleb(-places), Context(prec=precision, rounding=ROUND_HALF_UP)


def number(value: Decimal | None, places: int = 0, *, sign: bool = False) -> str:
    """`1,234.5`; with `sign`, numbers above zero get a plus."""
    if value is None:
        return UNKNOWN
    shown = rounded(value, places)
    return f"{shown:{'+' if sign and shown else ''},.{places}f}"


def money(amount: Decimal | None, currency: str | None = None, *, sign: bool = False) -> str:
    """To the cent, all digits: `$1,234.50`, `CHF 1,234.50`; without a currency the number alone."""
    if amount is None:
        return UNKNOWN
    shown = rounded(amount, 2)
    prefix = "-" if shown < 0 else "+" if sign and shown else ""
    unit = _SIGNS.get(currency or "", f"{currency} " if currency else "")
    return f"{prefix}{unit}{shown.copy_abs():,.2f}"


def is_whole_cents(amount: Decimal | None) -> bool:
    """Whether `money` shows the amount exactly."""
    return amount is None or rounded(amount, 2) == amount


def percent(fraction: Decimal | None, places: int = 0, *, sign: bool = False) -> str:
    """0.5 is `50%`."""
    if fraction is None:
        return UNKNOWN
    return f"{number(fraction.scaleb(2), places, sign=sign)}%"


def price(amount: Decimal | None) -> str:
    """In its own precision, two digits after the point at least and six at most."""
    if amount is None:
        return UNKNOWN
    digits = f"{rounded(amount, 6):,.6f}"
    return digits[:-4] + digits[-4:].rstrip("0")


def quantity(amount: Decimal) -> str:
    """As it is, without zeros at its end: `1,200`, `0.25`."""
    digits = f"{amount:,f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def strike(amount: Decimal | None) -> str:
    """As it is, without marks between thousands: `5800`, `47.5`."""
    return UNKNOWN if amount is None else quantity(amount).replace(",", "")


def plural(count: int, noun: str, several: str | None = None) -> str:
    """`1 position`, `3,000 positions`; `several` where the plural is not just an "s" more."""
    return f"{count:,} {noun if count == 1 else several or noun + 's'}"
