"""Names of files and typed words, shown without what may be an account number or a secret. Pure.

What a run has seen of an account is searched for by `privacy`; this is for names of which nothing is known yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from variance_bridge.formatting import printable
from variance_bridge.privacy import MASK

_WORD = re.compile(r"[^\W_]+")
_DAY = re.compile(r"(?:[A-Za-z]{3,})?20[0-3][0-9](?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
MAX_TYPED = 40
ACCOUNT_DIGITS = 4


def as_typed(word: str, *, marks: str = '"') -> str:
    """A name that the user typed, in quotation marks, as an error repeats it.

    `***` for what is more likely a secret or an account number in the wrong place: more than 40 characters, or four
    digits and more.
    """
    if len(word) > MAX_TYPED or may_be_account(word):
        return MASK
    return f"{marks}{printable(word)}{marks}".replace("\n", "?")


def may_be_account(text: str) -> bool:
    """Whether a short text may be an account number: four digits and more. Errors are pasted into public issues."""
    return sum(sign.isdigit() for sign in text) >= ACCOUNT_DIGITS


def masked(name: str, personal: Iterable[tuple[int, int]] = ()) -> str:
    """A file's name without what may say whose it is.

    Every word that looks like an account number becomes `***`: five digits or more, or three among letters in a word of
    six characters, unless it is a day (`20261125`). So do the `personal` places, each from its start to its end.
    """
    account_like = (word.span() for word in _WORD.finditer(name) if _is_account_like(word[0]))
    pieces: list[str] = []
    shown_to = 0
    for start, end in sorted([*personal, *account_like]):
        if start > shown_to or not pieces:
            pieces += [name[shown_to:start], MASK]
        shown_to = max(shown_to, end)
    return "".join([*pieces, name[shown_to:]])


def _is_account_like(word: str) -> bool:
    if _DAY.fullmatch(word):
        return False
    digits = sum(sign.isdigit() for sign in word)
    return digits >= 5 or (3 <= digits < len(word) and len(word) >= 6)
