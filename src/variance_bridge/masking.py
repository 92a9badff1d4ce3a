"""Names of files and typed words, shown without what may be an account number or a secret. Pure.

What a run has seen of an account is searched for by `personal_values`; this is for names of which nothing is known yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from variance_bridge.formatting import printable
from variance_bridge.personal_values import MASK

_WORD = r"[^\W_]+"
_MONTH_AND_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_DAY = rf"(?:[A-Za-z]{{3,}})?20[0-3][0-9]{_MONTH_AND_DAY}"
_SHORT_DAY = rf"[23][0-9]{_MONTH_AND_DAY}"
_TIME_AFTER_DAY = (
    r"(?<![^\W_])20[0-3][0-9]([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12][0-9]|3[01])"
    r"[-_ .]{1,2}((?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9])(?![^\W_])"
)
# fmt: off
_KINDS_OF_ACCOUNT = frozenset({
    "account", "accounts", "brokerage", "cash", "custodial", "hsa", "individual", "ira", "joint",
    "margin", "organization", "rollover", "roth", "sep", "simple", "tod", "traditional", "trust",
})
# fmt: on
_EXPORT_NAME = r"[^/\\\n]+\.(?:csv|tsv|txt|xlsx?|xml|html?|pdf)\b"
_NUMBER = r"[^\W_]*[0-9][^\W_]*"
_MIN_ACCOUNT = 3
"""Brokers shorten an account number to its last three or four digits."""
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
    six characters, unless it is a day (`20261125`; `261125` after another word) or the time after a day
    (`2026-11-25-112800`). So do the `personal` places, each from its start to its end.
    """
    times = {found.span(2) for found in re.finditer(_TIME_AFTER_DAY, name)}
    account_like = [
        word.span()
        for word in re.finditer(_WORD, name)
        if word.span() not in times and _is_account_like(word[0], is_first=word.start() == 0)
    ]
    pieces: list[str] = []
    shown_to = 0
    for start, end in sorted([*personal, *account_like]):
        if start > shown_to or not pieces:
            pieces += [name[shown_to:start], MASK]
        shown_to = max(shown_to, end)
    return "".join([*pieces, name[shown_to:]])


def without_accounts(name: str, accounts: Iterable[str]) -> str:
    """A file's name without these account numbers, the parts of them that a broker writes, and what looks like another."""
    shown = masked(name)
    numbers = {part for account in accounts for part in re.findall(_NUMBER, account)}
    for number in sorted(numbers, key=len, reverse=True):
        if len(number) >= _MIN_ACCOUNT:
            shown = re.sub(re.escape(number), MASK, shown, flags=re.IGNORECASE)
    return shown


def shown_path(path: str) -> str:
    """A path, and what follows it, as errors repeat it: the name of an export as `masked` has it.

    Names of positions files stay: variance, or the user with `--output`, gave them.
    """
    return re.sub(_EXPORT_NAME, lambda name: masked(name[0]), path, flags=re.IGNORECASE)


def is_kind_of_account(nickname: str) -> bool:
    """Whether a nickname says what kind of account it is ("Individual", "Roth IRA"), as brokers name accounts, and nobody's name."""
    return {word.casefold() for word in re.findall(_WORD, nickname)} <= _KINDS_OF_ACCOUNT


def _is_account_like(word: str, *, is_first: bool) -> bool:
    if re.fullmatch(_DAY, word) or (not is_first and re.fullmatch(_SHORT_DAY, word)):
        return False
    digits = sum(sign.isdigit() for sign in word)
    return digits >= 5 or (3 <= digits < len(word) and len(word) >= 6)
