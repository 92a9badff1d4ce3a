"""One try of one request over the network, bounded in time and memory.

The layer used is `http.client`, which speaks over the sockets that `network.connection` opens and does nothing else. A
client above it, such as `requests`, would read the whole body of a redirect to compute where it leads, keep cookies, look
for proxies and netrc by itself, and take as long to import as all the rest of a sync.

A try runs in a thread of its own, and the caller waits no longer than it said: neither a resolver that hangs, nor a
server that sends one byte a second, can hold it. An abandoned thread ends when its socket is shut down under it.
"""

from __future__ import annotations

import http.client
import socket
import weakref
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from variance_bridge.errors import DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.network.connection import (
    ConnectionFailure,
    NoResponse,
    failure_of,
    is_quiet,
    open_socket,
    shut_down,
)
from variance_bridge.network.limits_and_retries import Policy, is_transient
from variance_bridge.network.request_address import Address
from variance_bridge.time_limit import within

if TYPE_CHECKING:
    from variance_bridge.personal_values import Secret

_CHUNK: Final = 64 * 1024
_NO_CONTENT: Final = 204
_GZIP: Final = zlib.MAX_WBITS | 16
_CODINGS: Final = {"gzip", "x-gzip"}


def _nothing() -> None:
    pass


class Request(Struct, frozen=True, kw_only=True):
    """What is sent: the only place where secrets stand in the clear.

    Attributes:
        meanwhile: called when it has been sent and the answer is on its way, as a rule for the time of a round trip.
    """

    method: str
    address: Address
    headers: Mapping[str, str]
    body: bytes | None = None
    meanwhile: Callable[[], object] = _nothing

    __repr__ = repr_without("headers", "body")


class Answer(Struct, frozen=True, kw_only=True):
    """What came back. Redirects, limits and failures come without a body, which is never read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    received: int = 0

    __repr__ = repr_without("headers", "body")


class Wire:
    """Connections to the broker, kept alive between requests, one at a time."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._lines: dict[tuple[str, str], _Line] = {}
        unclosed = weakref.finalize(self, _shut_down, self._lines)
        unclosed.atexit = False  # at the end of the process, the system closes them

    def send(self, request: Request, seconds: float, proxy: Secret | None) -> Answer:
        """One try.

        Args:
            request: what to send.
            seconds: the longest that this may take, altogether.
            proxy: the proxy's URL, if any.

        Raises:
            NoResponse: with the reason.
            DataRefused: the body is beyond the caps or in an unknown coding.
            ConfigurationError: the configured authorities cannot be read.
        """
        way = request.address.origin, proxy.reveal() if proxy else ""
        line = self._lines.get(way)
        if line is None:
            line = self._lines[way] = _Line(request.address, proxy, self._policy)
        try:
            outcome = within(
                seconds,
                lambda: line.exchange(request, seconds),
                thread="variance-bridge-request",
                abandon=self.close,
            )
        except TimeoutError:
            outcome = ConnectionFailure.DEADLINE
        if isinstance(outcome, ConnectionFailure):
            raise NoResponse(outcome)
        return outcome

    def close(self) -> None:
        """Shut all connections down, also under a thread that reads from one."""
        _shut_down(self._lines)


def _shut_down(lines: dict[tuple[str, str], _Line]) -> None:
    while lines:
        lines.popitem()[1].shut_down()


class _Speaker(http.client.HTTPConnection):
    """Speaks over the socket that it is given, and opens none itself."""

    auto_open = 0


class _Line:
    """The way to one host, with the connection there that is kept between requests."""

    def __init__(self, address: Address, proxy: Secret | None, policy: Policy) -> None:
        self._address = address
        self._proxy = proxy
        self._policy = policy
        self._speaker = _Speaker("")
        self._socket: socket.socket | None = None
        self._busy = self._stopped = False

    def exchange(self, request: Request, seconds: float) -> Answer | ConnectionFailure:
        """What came back, or why nothing did. The connection is kept where all that the other side sent was read."""
        kept = False
        self._busy = True
        try:
            connection = self._connection(min(self._policy.connect_seconds, seconds))
            connection.settimeout(min(self._policy.read_seconds, seconds))
            self._speaker.request(
                request.method,
                request.address.target,
                request.body,
                {"Host": request.address.authority, **request.headers},
            )
            request.meanwhile()
            with closing(self._speaker.getresponse()) as response:
                answer = _receive(response, self._policy.body_bytes)
                kept = _is_read(response.status) and not response.will_close
        except NoResponse as failure:
            return failure.reason
        except (http.client.HTTPException, OSError) as error:
            return failure_of(error, late=ConnectionFailure.READ_TIMEOUT)
        finally:
            self._busy = False
            if self._stopped or not kept:
                self._hang_up()
        return answer

    def _connection(self, seconds: float) -> socket.socket:
        if self._socket is not None and not is_quiet(self._socket):
            self._hang_up()
        if self._socket is None:
            self._socket = self._speaker.sock = open_socket(
                self._address, self._policy.access, self._proxy, seconds
            )
        if self._stopped:  # while the connection was being made
            raise NoResponse(ConnectionFailure.BROKEN)
        return self._socket

    def _hang_up(self) -> None:
        self._speaker.close()
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def shut_down(self) -> None:
        """End it for good. A thread that reads from it finds its end, and closes it then."""
        self._stopped = True
        if self._socket is not None:
            shut_down(self._socket)
        if not self._busy:
            self._hang_up()


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
