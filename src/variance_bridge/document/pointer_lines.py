"""On which line of a JSON text the value of a JSON pointer stands, for annotations that point at it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from variance_bridge.document.violation import json_pointer

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')


def lines_of(text: bytes, pointers: Iterable[str]) -> Mapping[str, int]:
    """The line, from 1, of each pointer (RFC 6901) in a valid JSON text.

    A pointer to a member that is missing gets the line of the innermost object or array that is there.
    """
    wanted = set(pointers)
    if wanted <= {""}:
        return dict.fromkeys(wanted, 1)
    known = dict(_places(text.decode("utf-8-sig")))
    return {pointer: known[_there(pointer, known)] for pointer in wanted}


def _there(pointer: str, known: Mapping[str, int]) -> str:
    while pointer not in known:
        pointer = pointer.rpartition("/")[0]
    return pointer


def _places(text: str) -> Iterator[tuple[str, int]]:
    """The pointer and the line of every value, in the order of the text."""
    yield "", 1
    line = 1
    # The key or index of the value that comes next, an entry for each open bracket.
    path: list[str | int] = []
    expects_key = False
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "\n":
            line += 1
        elif piece in "}]":
            path.pop()
        elif piece == ",":
            expects_key = isinstance(path[-1], str)
            path[-1] = "" if expects_key else int(path[-1]) + 1
        elif piece == ":":
            expects_key = False
        elif expects_key:
            path[-1] = json.loads(piece)
        else:
            yield json_pointer(path), line
            if piece in "{[":
                path.append("" if piece == "{" else 0)
                expects_key = piece == "{"
