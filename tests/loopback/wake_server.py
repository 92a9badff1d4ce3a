"""A WebSocket server on loopback that stands for a broker's, by the protocol alone: every step is the test's to choose."""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import contextmanager, suppress

from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

_QUIET = logging.Logger("wake server", logging.CRITICAL)  # noqa: LOG001 - in nobody's tree
"""What the client logs is what tests look at."""


class Peer:
    """The server's end of one connection.

    Attributes:
        request: by which it was opened.
        texts: that were received.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.protocol = ServerProtocol(logger=_QUIET)
        self.request: Request | None = None
        self.texts: list[str] = []

    def open(self) -> None:
        """Answer the opening."""
        while self.request is None:
            for event in self._received():
                if isinstance(event, Request):
                    self.request = event
        self.protocol.send_response(self.protocol.accept(self.request))
        self.flush()

    def hear(self) -> str:
        """The next text."""
        while True:
            for event in self._received():
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                    self.texts.append(bytes(event.data).decode())
                    return self.texts[-1]

    def say(self, text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        self.protocol.send_text(data) if isinstance(text, str) else self.protocol.send_binary(data)
        self.flush()

    def close(self, code: int = 1000) -> None:
        self.protocol.send_close(code, "Bye")
        self.flush()

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.socket.sendall(data)

    def _received(self) -> list[object]:
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError
        self.protocol.receive_data(data)
        events = self.protocol.events_received()
        self.flush()
        return events


class WakeServer:
    """Serves each connection with `serve(peer, number)`, which opens it or does not.

    Attributes:
        peers: of all connections so far.
    """

    def __init__(self, serve) -> None:
        self.serve = serve
        self.peers: list[Peer] = []
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/stream"

    def accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                self.peers.append(Peer(connection))
                number = len(self.peers)
                threading.Thread(
                    target=self.attend, args=(self.peers[-1], number), daemon=True
                ).start()

    def attend(self, peer: Peer, number: int) -> None:
        with suppress(OSError):  # the client goes when it likes
            self.serve(peer, number)

    def stop(self) -> None:
        with suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for peer in self.peers:
            with suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
            peer.socket.close()


@contextmanager
def waking(serve):
    """The server, for the time of the block."""
    server = WakeServer(serve)
    thread = threading.Thread(target=server.accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join()
