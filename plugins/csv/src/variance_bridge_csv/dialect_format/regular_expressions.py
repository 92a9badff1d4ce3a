"""Regular expressions that come from dialect files: checked before use, and never given long text.

A dialect may be copied from a stranger, so its patterns must not be able to stall the program. Python's engine
backtracks; what makes that explode is a repeat inside a repeat, or many open-ended repeats in a row over a long text.
The first is refused; of the second there may be `MAX_OPEN_REPEATS` (one of up to ten or more characters counts as
open-ended), so that a match takes at most some millions of steps; longer text than `MAX_TEXT_LENGTH` matches nothing.
"""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

MAX_PATTERN_LENGTH = 400
MAX_TEXT_LENGTH = 300
MAX_OPEN_REPEATS = 3

_ESCAPE = re.compile(r"\\.", re.DOTALL)
_SET = re.compile(r"\[\^?\]?[^\]]*\]")
_OPEN_REPEAT = re.compile(r"[*+]|\{[0-9]*,(?:[0-9]{2,})?\}")
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{[0-9]+(?:,[0-9]*)?\})")
_BACKREFERENCE = re.compile(r"\\[1-9]|\(\?P=")
_GROUP = re.compile(r"\(\?P<([^>]*)>")
_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")


def fault(pattern: str) -> str | None:
    """What is wrong with a dialect's pattern, or None."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        return f"is longer than {MAX_PATTERN_LENGTH} characters"
    if _BACKREFERENCE.search(pattern):
        return "has a back-reference"
    if _LOOKAROUND.search(pattern):
        return "looks ahead or behind"
    skeleton = _skeleton(pattern)
    if _nested_repeat(skeleton):
        return "repeats a group that has a repeat or a choice in it"
    if len(_OPEN_REPEAT.findall(skeleton)) > MAX_OPEN_REPEATS:
        return f"has more than {MAX_OPEN_REPEATS} open-ended repeats"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return "is not a regular expression"
    except FutureWarning:
        return "has a set with `[`, `--`, `&&`, `~~` or `||` in it, which will mean something else one day: escape it"
    return None


def _skeleton(pattern: str) -> str:
    """The pattern without its escapes and sets, whose signs mean nothing."""
    return _SET.sub("s", _ESCAPE.sub("e", pattern))


def _nested_repeat(skeleton: str) -> bool:
    starts: list[int] = []
    for place, character in enumerate(skeleton):
        if character == "(":
            starts.append(place)
        elif character == ")" and starts:
            inside = skeleton[starts.pop() + 1 : place].removeprefix("?:")
            repeated = _REPEATED_GROUP.match(skeleton, place)
            if repeated and re.search(r"[*+|{]", inside):
                return True
    return False


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def match(pattern: str, text: str) -> re.Match[str] | None:
    """The match of the whole text, or None. Text beyond `MAX_TEXT_LENGTH` matches nothing."""
    if len(text) > MAX_TEXT_LENGTH:
        return None
    return _compiled(pattern).fullmatch(text)


def group_names(pattern: str) -> frozenset[str]:
    """The named groups of a pattern that has no `fault`. It is not compiled for that: each dialect is asked, and one is used."""
    return frozenset(_GROUP.findall(_skeleton(pattern)))
