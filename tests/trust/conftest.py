"""A clock that need not be waited for, a scripted server on loopback, and sessions with short limits."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import ssl
import threading
import time
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from variance_bridge.broker import RateLimit
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.session import ReadOnlySession
from variance_bridge.personal_values import PersonalValues
from variance_bridge.settings.keyring import Keyring

HOST = "api.acme.example"
TOKEN_PATH = "/oauth/token"
READ_PATH = "/v1/quotes"

Handler = Callable[[socket.socket, "Received"], None]


@attrs.define
class QuickClock:
    """Sleeping is noted, and passes at once."""

    slept: list[float] = attrs.field(factory=list)
    ahead: float = 0.0

    def now(self) -> datetime:
        return datetime(2026, 3, 2, 15, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ahead += seconds


@attrs.frozen
class Received:
    """A request as it came in."""

    head: bytes
    body: bytes

    @property
    def line(self) -> str:
        return self.head.split(b"\r\n", 1)[0].decode()

    @property
    def method(self) -> str:
        return self.line.split(" ")[0]

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        return {line.split(":")[0].lower(): line.split(":", 1)[1].strip() for line in lines if line}


class Server:
    """Answers each request by calling the handler with the raw connection."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.received: list[Received] = []
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection:
            while request := self._read(connection):
                self.received.append(request)
                self._handler(connection, request)

    @staticmethod
    def _read(connection: socket.socket) -> Received | None:
        data = b""
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return None
            data += chunk
        head, body = data.split(b"\r\n\r\n", 1)
        length = re.search(rb"(?i)content-length: (\d+)", head)
        while length and len(body) < int(length[1]):
            body += connection.recv(65536)
        return Received(head, body)

    def all_closed(self) -> None:
        """Wait until this side of every connection is closed, as its handler wanted it."""
        until = time.monotonic() + 10
        while any(one.fileno() >= 0 for one in self._open):
            assert time.monotonic() < until
            time.sleep(0.001)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def answer(status: int = 200, body: bytes = b"{}", *headers: str) -> Handler:
    """A handler that gives the same whole answer to every request."""
    head = "".join(f"{line}\r\n" for line in (f"Content-Length: {len(body)}", *headers))
    data = f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + body
    return lambda connection, _request: connection.sendall(data)


def raw(data: bytes) -> Handler:
    """A handler that sends these bytes and closes the connection."""

    def handle(connection: socket.socket, _request: Received) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return handle


@pytest.fixture
def serve():
    """Start servers; they end with the test."""
    servers: list[Server] = []

    def start(handler: Handler | None = None) -> Server:
        servers.append(Server(handler or answer()))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def self_signed(tmp_path) -> ssl.SSLContext:
    """A server's side of TLS, for 127.0.0.1, with a certificate that nobody signed: `certificate.pem` in the test's folder."""
    data = tomllib.loads((Path(__file__).parent / "data" / "self_signed.toml").read_text())
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(ssl.DER_cert_to_PEM_cert(base64.b64decode(data["certificate"])))
    label = "PRIVATE KEY"
    lines = f"-----BEGIN {label}-----\n{data['key']}\n-----END {label}-----\n"
    key.write_text(lines)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def clock():
    return QuickClock()


@pytest.fixture
def personal():
    return PersonalValues()


@pytest.fixture
def open_session(clock, personal):
    """Sessions for api.acme.example with a token path and a read by POST; policy fields by name."""
    sessions: list[ReadOnlySession] = []

    def start(
        random: Callable[[], float] = lambda: 0.5,
        rate_limits: Sequence[RateLimit] = (),
        meanwhile: Callable[[], object] = lambda: None,
        **limits: object,
    ) -> ReadOnlySession:
        sessions.append(
            ReadOnlySession(
                (HOST,),
                (TOKEN_PATH,),
                read_posts=(READ_PATH,),
                clock=clock,
                personal=personal,
                user_agent="variance-bridge/0.1.0",
                policy=Policy(**limits),
                rate_limits=rate_limits,
                random=random,
                meanwhile=meanwhile,
            )
        )
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


class FakeBackend:
    """A keyring backend in memory; its class's module says which one it pretends to be."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.keeps = True
        self.asked = 0

    def get_password(self, service: str, name: str) -> str | None:
        self.asked += 1
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, value: str) -> None:
        self.asked += 1
        if self.keeps:
            self.entries[service, name] = value

    def delete_password(self, service: str, name: str) -> None:
        del self.entries[service, name]


class RaisingBackend(FakeBackend):
    """A keyring that is locked and cannot ask; what it raises holds the entry."""

    def get_password(self, service: str, name: str) -> str | None:
        self.asked += 1
        raise RuntimeError("canary in the message of the keyring")

    set_password = delete_password = get_password


class HangingBackend(FakeBackend):
    """A keyring that waits for somebody who is not there."""

    def get_password(self, service: str, name: str) -> str | None:
        self.asked += 1
        time.sleep(1)
        return None

    set_password = delete_password = get_password


class AbsentBackend(FakeBackend):
    """What keyring gives when there is none: every question is an error."""

    def get_password(self, service: str, name: str) -> str | None:
        self.asked += 1
        raise NotImplementedError("No recommended backend was available")

    set_password = delete_password = get_password


SORTS = {
    "secure": ("keyring.backends.SecretService", FakeBackend),
    "raising": ("keyring.backends.SecretService", RaisingBackend),
    "hanging": ("keyring.backends.SecretService", HangingBackend),
    "absent": ("keyring.backends.fail", AbsentBackend),
    "null": ("keyring.backends.null", FakeBackend),
    "plaintext": ("keyrings.alt.file", FakeBackend),
    "unknown": ("somebody.elses.backend", FakeBackend),
}


@pytest.fixture
def backends():
    """One backend of each sort."""
    return {
        sort: type("Keyring", (kind,), {"__module__": module})()
        for sort, (module, kind) in SORTS.items()
    }


@pytest.fixture
def keyrings(backends):
    """Keyrings by sort; each call is a new run."""
    return lambda sort: Keyring(lambda: backends[sort], patience=0.1 if sort == "hanging" else 30)
