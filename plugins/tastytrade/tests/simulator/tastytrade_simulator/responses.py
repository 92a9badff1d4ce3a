"""The kinds of answer that the API gives: JSON, two kinds of error body, and nginx's pages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html"
_SUPPORT: Final = "Unique customer support identifier: 5e1f0c0de5e1f0c0de5e1f0c0de5e1f0"


@dataclass(frozen=True)
class Response:
    """What goes over the wire; the server adds Date, Server and Content-Length."""

    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: tuple[tuple[str, str], ...] = ()


def json_response(
    document: Any, status: int = HTTPStatus.OK, headers: tuple[tuple[str, str], ...] = ()
) -> Response:
    """A JSON document, compact as the API sends it."""
    body = json.dumps(document, separators=(",", ":")).encode()
    return Response(status, body, JSON, headers)


def error_envelope(
    status: int,
    code: str | int,
    message: str,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    **more: Any,
) -> Response:
    """`{"error": {"code", "message"}}`: what the API proper answers. The code of a 406 is an integer."""
    return json_response({"error": {"code": code, "message": message, **more}}, status, headers)


def supported_message(message: str) -> str:
    """A message with the support identifier that the API appends to many of them."""
    return f"{message}. {_SUPPORT}"


def oauth_error(status: int, code: str, description: str) -> Response:
    """`{"error_code", "error_description"}`: what the token endpoint answers (tastyware/tastytrade issue 281)."""
    return json_response({"error_code": code, "error_description": description}, status)


def rfc_6749_error(status: int, code: str) -> Response:
    """`{"error": code}`, the standard's body; clients of the token endpoint expect it for a wrong client."""
    return json_response({"error": code}, status)


def nginx_page(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """The proxy's own page: what a bad User-Agent, an outage and a limit look like."""
    title = f"{status} {phrase(status)}"
    page = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{title}</h1></center>\r\n<hr><center>nginx/1.31.0</center>\r\n</body>\r\n</html>\r\n"
    )
    return Response(status, page.encode(), HTML, headers)


def phrase(status: int) -> str:
    """The standard's reason phrase, or Unknown."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
