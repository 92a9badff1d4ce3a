"""One answer off a connection, read by Python's `http.client` within the limits of a session.

It is imported when the first request has been sent: what it needs would take a tenth of a sync's time before that.
"""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.network.connection import ConnectionFailure, NoResponse
from variance_bridge.network.limits_and_retries import is_transient

if TYPE_CHECKING:
    import socket

_CHUNK: Final = 64 * 1024
_NO_CONTENT: Final = 204
_GZIP: Final = zlib.MAX_WBITS | 16
_CODINGS: Final = {"gzip", "x-gzip"}


class Answer(Struct, frozen=True, kw_only=True):
    """What came back. Redirects, limits and failures come without a body, which is never read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    received: int = 0

    __repr__ = repr_without("headers", "body")


def read_answer(connection: socket.socket, method: str, longest: int) -> tuple[Answer, bool]:
    """The answer to a request, and whether all that the other side sent was read and the connection lives on.

    Args:
        connection: over which the request was sent.
        method: of the request.
        longest: the most bytes of a body, before and after decompression.

    Raises:
        NoResponse: what comes is not HTTP, or breaks off.
        OSError: the connection broke, or the time is up.
        DataRefused: the body is too long, or in an unknown coding.
    """
    with closing(http.client.HTTPResponse(connection, method=method)) as response:
        try:
            response.begin()
            answer = _receive(response, longest)
        except http.client.HTTPException:
            raise NoResponse(ConnectionFailure.BROKEN) from None
        return answer, _is_read(response.status) and not response.will_close


def _is_read(status: int) -> bool:
    """Whether an answer's body is read: that of a redirect, a limit or a failure never is."""
    return 200 <= status < 300 or (status >= 400 and not is_transient(status))


def _receive(response: http.client.HTTPResponse, longest: int) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        before = headers.get(name.lower())
        headers[name.lower()] = value if before is None else f"{before}, {value}"
    if not _is_read(response.status):
        return Answer(status=response.status, headers=headers)
    encoded = _read(response, headers, longest)
    body = _decode(encoded, headers.get("content-encoding", "").strip().lower(), longest)
    return Answer(status=response.status, headers=headers, body=body, received=len(encoded))


def _read(response: http.client.HTTPResponse, headers: Mapping[str, str], longest: int) -> bytes:
    """The body as it is on the wire; a body that ends before its announced length is an error, not a short body.

    A body that ends with the connection has no announced length. One that is empty then is taken for an answer that
    was cut off, because a head that is cut off looks the same.
    """
    announced = headers.get("content-length")
    if announced is not None and not announced.isdecimal():
        raise http.client.IncompleteRead(b"")
    length = None if announced is None else int(announced[:20])
    if length is not None and length > longest:
        raise _too_long(longest)
    body = bytearray()
    # Not `read`: a chunk of a negative size would have it read all that comes, at once.
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > longest:
            raise _too_long(longest)
    if (
        not body
        and announced is None
        and "transfer-encoding" not in headers
        and response.status != _NO_CONTENT
    ):
        raise http.client.IncompleteRead(b"")
    if length is not None and not response.chunked and len(body) < length:
        raise http.client.IncompleteRead(b"")
    return bytes(body)


def _decode(encoded: bytes, coding: str, longest: int) -> bytes:
    if coding in {"", "identity"}:
        return encoded
    if coding not in _CODINGS:
        raise DataRefused("the broker's answer is compressed in a way that was not asked for")
    decompressor = zlib.decompressobj(_GZIP)
    try:
        body = decompressor.decompress(encoded, longest + 1)
    except zlib.error:
        body, whole = b"", False
    else:
        # A second member behind the first is legal and never sent; following each would cost the square of their number.
        whole = decompressor.eof and not decompressor.unused_data
    if len(body) > longest:
        raise _too_long(longest)
    if not whole:
        raise DataRefused("the broker's answer is compressed, and broken")
    return body


def _too_long(longest: int) -> DataRefused:
    return DataRefused(f"the broker's answer is longer than {longest} bytes")
