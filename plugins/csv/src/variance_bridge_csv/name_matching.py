"""How names of columns and words of cells are compared."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_BLANKS = re.compile(r"\s+")
_NOT_WORD = re.compile(r"[^\w%]+|_+")
_APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u02bc": "'", "\u00b4": "'", "`": "'"})
_INVISIBLE = str.maketrans(
    {"\ufeff": None, "\u200b": None, "\u200e": None, "\u00a0": " ", "\u202f": " "}
)
_RESPELLED = re.compile(r"[\s'`]+")


def visible(text: str) -> str:
    """The text without byte-order marks, zero-width characters and outer blanks; no-break blanks are blanks."""
    return text.strip() if text.isascii() else text.translate(_INVISIBLE).strip()


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """The form in which names are compared: case, kind of apostrophe and number of blanks do not matter."""
    text = unicodedata.normalize("NFKC", visible(name)).translate(_APOSTROPHES)
    return _BLANKS.sub(" ", text).casefold()


def bare(name: str) -> str:
    """The form of the last resort: letters and digits only (`Put/Call` is `putCall`). A percentage stays one: it is no amount."""
    return _NOT_WORD.sub("", plain(name))


def trace(name: str) -> str:
    """What every line of ASCII has in it, in lower case, that has this `plain` name in a cell.

    Looking for it first spares nearly all lines the comparison of their cells.
    """
    return max(_RESPELLED.split(name), key=len)


def shown(name: str) -> str:
    """A name out of a file, fit for a terminal: printable, short, or a stand-in."""
    text = visible(name)
    if text and len(text) <= 48 and text.isprintable():
        return text
    return "(a name that cannot be shown)"
