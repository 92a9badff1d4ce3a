"""The account streamer: whole objects when something changes, and no snapshot at the start. Needs `websockets`.

What it answers was seen of the real one (akiraak/ai-income-lab, `tastytrade-api-sample.md`; JS#36): a token without
`Bearer` is an "Unknown domain" while heartbeats are still answered, an empty list of accounts is an error, and so is a
heartbeat before the connect.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol


class Streamer:
    """Everyone who is connected.

    Attributes:
        received: what was sent to it, parsed, in order; it holds secrets.
        answers_heartbeats: False for one that hangs.
        connected: released for each connection that was accepted.
    """

    def __init__(self, is_good: Callable[[str | None], bool]) -> None:
        self.received: list[dict[str, Any]] = []
        self.answers_heartbeats = True
        self.connected = threading.Semaphore(0)
        self._is_good = is_good
        self._sessions: list[_Session] = []

    def attend(self, connection: socket.socket, path: str, headers: Mapping[str, str]) -> None:
        """Serve one connection, whose opening was read already, to its end."""
        session = _Session(connection, path, headers)
        self._sessions.append(session)
        with suppress(OSError):  # the client goes when it likes
            for message in session.messages():
                self.received.append(json.loads(message))
                answer = self._answer(session, self.received[-1])
                if answer is not None:
                    session.say(json.dumps(answer))
        self._sessions.remove(session)

    def push(self, kind: str, data: Mapping[str, Any]) -> None:
        """Send a notice to all who asked for its account."""
        notice = json.dumps({"type": kind, "data": data, "timestamp": 1688595114405})
        for session in list(self._sessions):
            if data.get("account-number") in session.accounts:
                with suppress(OSError):
                    session.say(notice)

    def close(self) -> None:
        """Say "Bye", as it does from time to time (tastyware/tastytrade#229)."""
        for session in list(self._sessions):
            with suppress(OSError):
                session.close()

    def _answer(self, session: _Session, message: Mapping[str, Any]) -> dict[str, Any] | None:
        action = message.get("action")
        echo = {"action": action, "web-socket-session-id": "5b6e2799"}
        if action == "heartbeat" and not session.accounts:
            return {"status": "error", **echo, "message": "connect-not-completed"}
        if action == "heartbeat":
            return {"status": "ok", **echo} if self.answers_heartbeats else None
        if action != "connect":
            return {"status": "error", **echo, "message": "not-implemented"}
        token = message.get("auth-token")
        if not self._is_good(token):
            unknown = not str(token).startswith("Bearer ")
            return {"status": "error", **echo, "message": "Unknown domain" if unknown else "failed"}
        if not message.get("value"):
            return {"status": "error", **echo, "message": "value missing or not valid"}
        session.accounts = tuple(message["value"])
        self.connected.release()
        return {"status": "ok", **echo}


class _Session:
    """One connection, with the accounts that it asked for."""

    def __init__(self, connection: socket.socket, path: str, headers: Mapping[str, str]) -> None:
        self.accounts: tuple[str, ...] = ()
        self._socket = connection
        self._lock = threading.Lock()
        self._protocol = ServerProtocol()
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self._protocol.receive_data("\r\n".join([*lines, "", ""]).encode())
        (request,) = self._protocol.events_received()
        self._protocol.send_response(self._protocol.accept(request))  # type: ignore[arg-type]
        self._flush()

    def messages(self) -> Iterator[bytes]:
        """What the client sends, until it goes."""
        while data := self._socket.recv(65536):
            with self._lock:
                self._protocol.receive_data(data)
                frames = [
                    bytes(one.data)
                    for one in self._protocol.events_received()
                    if isinstance(one, Frame) and one.opcode is Opcode.TEXT
                ]
                self._flush()
            yield from frames

    def say(self, text: str) -> None:
        with self._lock:
            self._protocol.send_text(text.encode())
            self._flush()

    def close(self) -> None:
        with self._lock:
            self._protocol.send_close(1000, "Bye")
            self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
