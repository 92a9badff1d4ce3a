"""The shape of an answer: the list or the object that it must hold. An answer without it is never an empty one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.errors import DataRefused

_AGAIN = (
    "run the sync again; if it stays so, the API has changed: report it to the plugin's authors"
)


def list_of(answer: Any, *path: str) -> Sequence[Any]:
    """The list at the end of the path: `list_of(answer, "data", "items")` is `answer["data"]["items"]`.

    Raises:
        DataRefused: there is none. That is an answer that is not understood, and not an account without positions.
    """
    found = _at(answer, path)
    if not isinstance(found, list | tuple):
        raise DataRefused(f"the answer has no list{_named(path)}", hint=_AGAIN)
    return found


def object_of(answer: Any, *path: str) -> Mapping[str, Any]:
    """The object at the end of the path, likewise.

    Raises:
        DataRefused: there is none.
    """
    found = _at(answer, path)
    if not isinstance(found, Mapping):
        raise DataRefused(f"the answer has no object{_named(path)}", hint=_AGAIN)
    return found


def _at(answer: Any, path: Sequence[str]) -> Any:
    for name in path:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def _named(path: Sequence[str]) -> str:
    return f" `{'.'.join(path)}`" if path else ""
