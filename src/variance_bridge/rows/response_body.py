"""An answer as a whole: its body or JSON, and the list or object that it must hold. A bad answer is never an empty one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from variance_bridge.broker import Response
from variance_bridge.errors import BrokerRefused, DataRefused

_AGAIN = "run the sync again; if it happens again, the API has changed: report it to the plugin's authors"

_LATER = "the broker may be under maintenance: run the sync again in a few minutes"
_CLOSED = (
    "check that the account is still open (`variance accounts`); if it is, the API has changed: report it to the"
    " plugin's authors"
)
_ERRORS = frozenset({"error", "errors", "fault", "detail", "error_code", "errorMessage"})
_REFUSALS = {
    401: "the credentials are not accepted",
    403: "the credentials do not permit this",
}
_NOT_GOOD = {
    204: "the answer is empty",
    400: "the broker does not understand the request",
    404: "the broker does not know what was asked for",
    410: "the broker no longer offers what was asked for",
}


def body_of(response: Response, *, hint: str) -> bytes:
    """The body of a good answer. Outages do not get here: the session has raised `BrokerUnreachable`.

    Args:
        response: to a GET.
        hint: what the user does when the credentials are not accepted.

    Raises:
        BrokerRefused: status 401 or 403, with the hint.
        DataRefused: any other status but 200.
    """
    where = getattr(response, "request", None)
    if problem := _REFUSALS.get(response.status):
        raise BrokerRefused(f"{problem} (status {response.status})", where=where, hint=hint)
    if response.status != 200:
        problem = _NOT_GOOD.get(response.status, "the answer is not the one that was asked for")
        raise DataRefused(
            f"{problem} (status {response.status})",
            where=where,
            hint=_CLOSED if response.status in (404, 410) else _AGAIN,
        )
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
        raise _without(answer, f"list{_named(path)}")
    return found


def object_of(answer: Any, *path: str) -> Mapping[str, Any]:
    """The object at the end of the path, likewise.

    Raises:
        DataRefused: there is none.
    """
    found = _at(answer, path)
    if not isinstance(found, Mapping):
        raise _without(answer, f"object{_named(path)}")
    return found


def _without(answer: Any, what: str) -> DataRefused:
    """The error for an answer that lacks something. Its own words may hold anything, so they are not shown."""
    if isinstance(answer, Mapping) and not _ERRORS.isdisjoint(answer):
        return DataRefused(
            f"the broker answered with an error message: its answer has no {what}", hint=_LATER
        )
    return DataRefused(f"the answer has no {what}", hint=_AGAIN)


def _at(answer: Any, path: Sequence[str]) -> Any:
    for name in path:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return answer


def _named(path: Sequence[str]) -> str:
    return f" `{'.'.join(path)}`" if path else ""
