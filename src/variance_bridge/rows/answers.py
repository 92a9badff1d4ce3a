"""An answer as a whole: its body or JSON, and the list or object that it must hold. A bad answer is never an empty one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.broker import Response
from variance_bridge.errors import BrokerRefused, DataRefused

_AGAIN = "run the sync again; if it happens again, the API has changed: report it to the plugin's authors"


def body_of(response: Response, *, hint: str) -> bytes:
    """The body of a good answer. Outages do not get here: the session has raised `BrokerUnreachable`.

    Args:
        response: to a GET.
        hint: what the user does when the credentials are not accepted.

    Raises:
        BrokerRefused: status 401 or 403, with the hint.
        DataRefused: any other status but 200.
    """
    if response.status in (401, 403):
        what = f"the credentials are not accepted (status {response.status})"
        raise BrokerRefused(what, hint=hint)
    if response.status != 200:
        raise DataRefused(f"the answer has the status {response.status}", hint=_AGAIN)
    return response.body


def json_of(response: Response, *, hint: str) -> Any:
    """The JSON of a good answer.

    Args:
        response: to a GET.
        hint: what the user does when the credentials are not accepted.

    Raises:
        BrokerRefused: status 401 or 403, with the hint.
        DataRefused: any other status but 200, or a body that is not JSON.
    """
    body_of(response, hint=hint)
    return response.json()


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
