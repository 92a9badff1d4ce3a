"""Answers with a fault in them: what `Fault` changes before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from tastytrade_simulator.fault_kinds import BodyForm, Fault, FaultKind
from tastytrade_simulator.responses import (
    HTML,
    Response,
    error_envelope,
    nginx_page,
    oauth_error,
    rfc_6749_error,
)


def altered(response: Response, fault: Fault) -> Response:
    """The answer with a fault in it; the same answer for a fault that is none of the answer's."""
    alter = _ALTERATIONS.get(FaultKind(fault.kind))
    return response if alter is None else alter(response, fault)


def _error_status(_response: Response, fault: Fault) -> Response:
    status = int(HTTPStatus.INTERNAL_SERVER_ERROR) if fault.status is None else fault.status
    is_proxy = status == HTTPStatus.TOO_MANY_REQUESTS or status > HTTPStatus.INTERNAL_SERVER_ERROR
    form = fault.form or (BodyForm.NGINX if is_proxy else BodyForm.ENVELOPE)
    headers = () if fault.retry_after is None else (("Retry-After", fault.retry_after),)
    answers: Mapping[str, Callable[[], Response]] = {
        BodyForm.NGINX: lambda: nginx_page(status),
        BodyForm.ENVELOPE: lambda: error_envelope(status, fault.code, fault.message),
        BodyForm.OAUTH: lambda: oauth_error(status, str(fault.code), fault.message),
        BodyForm.RFC_6749: lambda: rfc_6749_error(status, str(fault.code)),
        BodyForm.TEXT: lambda: Response(status, fault.message.encode(), "text/plain"),
        BodyForm.EMPTY: lambda: Response(status, b"", None),
    }
    answer = answers[form]()
    return replace(answer, headers=answer.headers + headers)


def _redirect(_response: Response, fault: Fault) -> Response:
    status = int(HTTPStatus.FOUND) if fault.status is None else fault.status
    return nginx_page(status, headers=(("Location", fault.location),))


def _html_200(_response: Response, _fault: Fault) -> Response:
    page = b"<html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n"
    return Response(HTTPStatus.OK, page, HTML)


def _replace_body(response: Response, fault: Fault) -> Response:
    status = response.status if fault.status is None else fault.status
    return replace(response, status=status, body=fault.body, content_type=fault.content_type)


def _missing_data(response: Response, _fault: Fault) -> Response:
    return _edited(response, lambda document: document.pop("data", None))


def _edit_member(response: Response, fault: Fault) -> Response:
    """Set, drop or rename what the pointer names; a pointer to nothing is the test's mistake and an error."""

    def edit(document: Any) -> None:
        *path, last = [_unescaped(part) for part in fault.pointer.split("/")[1:]]
        parent = document
        for part in path:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        key: Any = int(last) if isinstance(parent, list) else last
        if fault.kind == FaultKind.SET_MEMBER:
            parent[key] = fault.value
        elif fault.kind == FaultKind.DROP_MEMBER:
            del parent[key]
        else:
            parent[fault.value] = parent.pop(key)

    return _edited(response, edit)


def _unescaped(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _edited(response: Response, edit: Callable[[Any], object]) -> Response:
    document = json.loads(response.body)
    try:
        edit(document)
    except (LookupError, TypeError) as error:
        raise ValueError("the fault's pointer names nothing in the answer") from error
    return replace(response, body=json.dumps(document, separators=(",", ":")).encode())


_ALTERATIONS: Final[Mapping[FaultKind, Callable[[Response, Fault], Response]]] = {
    FaultKind.STATUS: _error_status,
    FaultKind.REDIRECT: _redirect,
    FaultKind.HTML_200: _html_200,
    FaultKind.WRONG_CONTENT_TYPE: lambda r, f: replace(r, content_type=f.content_type),
    FaultKind.MALFORMED_JSON: lambda r, _f: replace(r, body=r.body[: len(r.body) // 2]),
    FaultKind.MISSING_DATA: _missing_data,
    FaultKind.SET_MEMBER: _edit_member,
    FaultKind.DROP_MEMBER: _edit_member,
    FaultKind.RENAME_MEMBER: _edit_member,
    FaultKind.REPLACE_BODY: _replace_body,
}
