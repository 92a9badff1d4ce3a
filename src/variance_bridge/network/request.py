"""One try of one request over the network, bounded in time and memory.

A request is written here, to a socket that `network.connection` opened, and `network.answer` reads what comes back. A
client such as `requests` would read the whole body of a redirect to compute where it leads, keep cookies, look for proxies
and netrc by itself, and take as long to import as all the rest of a sync.

A try runs in a thread of its own, and the caller waits no longer than it said: neither a resolver that hangs, nor a
server that sends one byte a second, can hold it. An abandoned thread ends when its socket is shut down under it.
"""

from __future__ import annotations

import socket
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from variance_bridge.errors import ForbiddenRequest
from variance_bridge.formatting import repr_without
from variance_bridge.network.allowed_requests import is_plain
from variance_bridge.network.connection import (
    ConnectionFailure,
    NoResponse,
    failure_of,
    is_quiet,
    open_socket,
    shut_down,
)
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.request_address import Address
from variance_bridge.time_limit import within

if TYPE_CHECKING:
    from variance_bridge.network.answer import Answer
    from variance_bridge.personal_values import Secret


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


class _Line:
    """The way to one host, with the connection there that is kept between requests."""

    def __init__(self, address: Address, proxy: Secret | None, policy: Policy) -> None:
        self._address = address
        self._proxy = proxy
        self._policy = policy
        self._socket: socket.socket | None = None
        self._busy = self._stopped = False

    def exchange(self, request: Request, seconds: float) -> Answer | ConnectionFailure:
        """What came back, or why nothing did. The connection is kept where all that the other side sent was read."""
        kept = False
        self._busy = True
        try:
            connection = self._connection(min(self._policy.connect_seconds, seconds))
            connection.settimeout(min(self._policy.read_seconds, seconds))
            connection.sendall(_written(request))
            # Imported here: while the answer is on its way it costs no time.
            from variance_bridge.network.answer import read_answer

            request.meanwhile()
            answer, kept = read_answer(connection, request.method, self._policy.body_bytes)
        except NoResponse as failure:
            return failure.reason
        except OSError as error:
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
            self._socket = open_socket(self._address, self._policy.access, self._proxy, seconds)
        if self._stopped:  # while the connection was being made
            raise NoResponse(ConnectionFailure.BROKEN)
        return self._socket

    def _hang_up(self) -> None:
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


def _written(request: Request) -> bytes:
    """The request as it is sent (RFC 9112): its head, an empty line, its body."""
    fields = {"Host": request.address.authority, **request.headers}
    if request.body is not None:
        fields["Content-Length"] = str(len(request.body))
    target = request.address.target
    lines = [
        f"{request.method} {target} HTTP/1.1",
        *(f"{name}: {value}" for name, value in fields.items()),
    ]
    # A line break would begin another field, or another request. The session has let none through.
    if " " in target or not all(map(is_plain, lines)):
        raise ForbiddenRequest("a request was stopped before it was sent: it cannot be written")
    return "\r\n".join((*lines, "", "")).encode("ascii") + (request.body or b"")
