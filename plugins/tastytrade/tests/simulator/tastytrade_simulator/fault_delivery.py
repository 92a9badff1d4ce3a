"""How an answer reaches the client's socket: whole, or cut, slow, endless, or not at all."""

from __future__ import annotations

import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.utils import format_datetime
from typing import Final

from tastytrade_simulator.fault_kinds import Fault, FaultKind
from tastytrade_simulator.responses import Response, phrase

_CHUNK: Final = 64 * 1024
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Connection:
    """One client's socket, and the event that is set when the server stops."""

    socket: socket.socket
    stopping: threading.Event

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the server lives."""
        self.stopping.wait(seconds)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self.socket.sendall(data)

    def reset(self) -> None:
        """Close with a TCP reset instead of a proper end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
        self.socket.close()


def head(response: Response, now: datetime, length: int | None) -> bytes:
    """Status line and headers; without a length the body is chunked."""
    lines = [
        f"HTTP/1.1 {int(response.status)} {phrase(response.status)}",
        "Server: nginx/1.31.0",
        f"Date: {format_datetime(now, usegmt=True)}",
        "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}",
    ]
    if response.content_type is not None:
        lines.append(f"Content-Type: {response.content_type}")
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def deliver(
    connection: Connection, response: Response, now: datetime, faults: Sequence[Fault]
) -> bool:
    """Send an answer; the first fault of delivery decides how. Returns whether the connection lives on."""
    for fault in faults:
        way = _WAYS.get(FaultKind(fault.kind))
        if way is not None:
            way(connection, response, now, fault)
            return fault.kind in _WHOLE and not connection.stopping.is_set()
    connection.send(head(response, now, len(response.body)) + response.body)
    return True


def _truncated(connection: Connection, response: Response, now: datetime, _fault: Fault) -> None:
    connection.send(head(response, now, len(response.body)) + _half(response))


def _reset(connection: Connection, _response: Response, _now: datetime, _fault: Fault) -> None:
    connection.reset()


def _reset_in_body(
    connection: Connection, response: Response, now: datetime, _fault: Fault
) -> None:
    connection.send(head(response, now, len(response.body)) + _half(response))
    connection.reset()


def _closed(_connection: Connection, _response: Response, _now: datetime, _fault: Fault) -> None:
    """Say nothing; the server closes the connection afterwards."""


def _silent(connection: Connection, _response: Response, _now: datetime, fault: Fault) -> None:
    """Say nothing for so many seconds (0: as long as the server lives or the client waits)."""
    waited = 0.0
    while not connection.stopping.is_set() and (not fault.seconds or waited < fault.seconds):
        if _has_left(connection.socket):
            return
        connection.pause(0.02)
        waited += 0.02


def _has_left(client: socket.socket) -> bool:
    """Whether the client has closed its end."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    finally:
        client.setblocking(True)


def _garbage(connection: Connection, _response: Response, _now: datetime, _fault: Fault) -> None:
    connection.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")


def _slow_drip(connection: Connection, response: Response, now: datetime, fault: Fault) -> None:
    """The body byte by byte, with a pause after each."""
    connection.send(head(response, now, len(response.body)))
    for byte in response.body:
        if connection.stopping.is_set():
            return
        connection.send(bytes([byte]))
        connection.pause(fault.seconds)


def _gzip_bomb(connection: Connection, response: Response, now: datetime, fault: Fault) -> None:
    """A small body that unpacks to `size` bytes of white space before its JSON."""
    packed = b"".join(_packed(response.body, fault.size))
    bomb = replace(response, headers=(*response.headers, ("Content-Encoding", "gzip")))
    connection.send(head(bomb, now, len(packed)) + packed)


def _packed(body: bytes, size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(level=9, wbits=31)
    filler = b" " * _CHUNK
    for _ in range(size // _CHUNK):
        yield packer.compress(filler)
    yield packer.compress(body) + packer.flush()


def _endless_body(connection: Connection, response: Response, now: datetime, fault: Fault) -> None:
    """A chunked body of `size` bytes of white space, for a client that does not count."""
    connection.send(head(response, now, None))
    chunk = f"{_CHUNK:x}\r\n".encode() + b" " * _CHUNK + b"\r\n"
    for _ in range(fault.size // _CHUNK):
        if connection.stopping.is_set():
            return
        connection.send(chunk)
    connection.send(b"0\r\n\r\n")


def _half(response: Response) -> bytes:
    return response.body[: len(response.body) // 2]


# After these the client has a whole answer, and may use the connection again.
_WHOLE: Final = frozenset({FaultKind.SLOW_DRIP, FaultKind.GZIP_BOMB, FaultKind.ENDLESS_BODY})

_WAYS: Final[Mapping[FaultKind, Callable[[Connection, Response, datetime, Fault], None]]] = {
    FaultKind.TRUNCATED_BODY: _truncated,
    FaultKind.RESET: _reset,
    FaultKind.RESET_IN_BODY: _reset_in_body,
    FaultKind.CLOSED: _closed,
    FaultKind.SILENT: _silent,
    FaultKind.GARBAGE: _garbage,
    FaultKind.SLOW_DRIP: _slow_drip,
    FaultKind.GZIP_BOMB: _gzip_bomb,
    FaultKind.ENDLESS_BODY: _endless_body,
}
