"""One WebSocket on which a broker says that something changed. It is listened to; nothing that it says is kept.

Address, certificates and proxy are those of the session (`network.allowed_requests`, `network.connection`, `network.proxy`). All that is
sent are the texts by which the broker's plugin introduces itself and keeps the connection alive. `websockets` is used
for the protocol alone: its own connections would follow redirects, and use proxies that the configuration did not allow.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from variance_bridge.broker import Notice
from variance_bridge.network.connection import ConnectionFailure, NoResponse, open_socket, shut_down
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.request_address import Address
from variance_bridge.storage.read import MEBIBYTE

if TYPE_CHECKING:
    from variance_bridge.broker import Clock
    from variance_bridge.personal_values import Secret

MAX_MESSAGE: Final = 512 * 1024
"""Bytes of one message. A longer one ends the connection before it is read."""

MAX_RECEIVED: Final = 8 * MEBIBYTE
"""Bytes between two heartbeats, of whatever kind. More end the connection."""

MAX_SENT: Final = 64 * 1024

_CHUNK: Final = 64 * 1024


class Lost(Exception):
    """The connection is over. Its words are fixed: what the other side said is not repeated."""

    def __init__(self, reason: str) -> None:
        super().__init__(str(reason))
        self.reason = str(reason)


class Ended(StrEnum):
    """Why a connection that had been opened is over."""

    CLOSED = "the broker closed the connection"
    SILENT = "the broker did not answer a heartbeat"
    FLOODED = "the broker sent more than is read"
    NOT_A_SOCKET = "what answers is not a WebSocket"
    REFUSED = "the broker did not accept the log-in"
    TOO_LONG = "there is more to send than is allowed"


class Conversation(Struct, frozen=True, kw_only=True):
    """What is said on the connection, and what is made of the answers.

    Attributes:
        hello: the text that is sent first.
        heartbeat: the text that is sent at intervals, and that the broker answers; None for a ping of the protocol.
        seconds: between two heartbeats. Whoever has not said anything in that time is gone.
        read: what a message means.
        changed: called when one says that something changed.
        goes_on: whether to listen until the next heartbeat.
    """

    hello: Callable[[], Secret | None]
    heartbeat: Callable[[], Secret | None]
    seconds: float
    read: Callable[[bytes], Notice]
    changed: Callable[[], None]
    goes_on: Callable[[], bool] = lambda: True


class WakeSocket:
    """A connection, from the first byte to the last. One thread listens; `close` may be called by another.

    Args:
        address: that may be called.
        policy: time limits, and whose certificates are believed.
        proxy: the proxy's URL, if any.
        user_agent: `product/version`.
        clock: the time.
    """

    def __init__(
        self,
        address: Address,
        policy: Policy,
        proxy: Secret | None,
        *,
        user_agent: str,
        clock: Clock,
    ) -> None:
        self._address = address
        self._policy = policy
        self._proxy = proxy
        self._user_agent = user_agent
        self._clock = clock
        self._channel: _Channel | None = None
        self._closed = threading.Event()

    def listen(self, conversation: Conversation) -> None:
        """Open the connection, introduce ourselves and listen, until that is not wanted any more.

        Raises:
            Lost: it could not be opened, or is over.
        """
        try:
            self._converse(self._open(), conversation)
        except (Lost, NoResponse, OSError, WebSocketException) as failure:
            if not self._closed.is_set():
                raise _lost(failure) from None
        finally:
            if self._channel is not None:
                self._channel.hang_up()

    def close(self) -> None:
        """End the connection, also under a thread that listens."""
        self._closed.set()
        if self._channel is not None:
            self._channel.shut_down()

    def _open(self) -> _Channel:
        limit = self._policy.connect_seconds
        until = self._clock.monotonic() + limit
        connection = open_socket(self._address, self._policy.access, self._proxy, limit)
        channel = self._channel = _Channel(connection, self._address, self._policy.read_seconds)
        channel.ask(self._user_agent)
        while not channel.is_open():
            left = until - self._clock.monotonic()
            if left <= 0 or self._closed.is_set():
                raise Lost(ConnectionFailure.DEADLINE)
            channel.arrived(left)
        return channel

    def _converse(self, channel: _Channel, conversation: Conversation) -> None:
        channel.say(conversation.hello())
        while True:
            heard = self._hear(channel, conversation)
            if self._closed.is_set() or not conversation.goes_on():
                return
            if not heard:
                raise Lost(Ended.SILENT)
            channel.say(conversation.heartbeat())

    def _hear(self, channel: _Channel, conversation: Conversation) -> bool:
        """Listen until the next heartbeat; whether there was any message, or the answer to a ping."""
        until = self._clock.monotonic() + conversation.seconds
        channel.received = 0
        heard = False
        while (left := until - self._clock.monotonic()) > 0 and not self._closed.is_set():
            for message in channel.arrived(left):
                heard = True
                notice = conversation.read(message) if message else Notice.OTHER
                if notice is Notice.REFUSED:
                    raise Lost(Ended.REFUSED)
                if notice is Notice.CHANGED:
                    conversation.changed()
        return heard


def _lost(failure: Exception) -> Lost:
    if isinstance(failure, Lost):
        return failure
    if isinstance(failure, WebSocketException):
        return Lost(Ended.NOT_A_SOCKET)
    return Lost(failure.reason if isinstance(failure, NoResponse) else Ended.CLOSED)


class _Channel:
    """Messages over a socket, by the protocol (RFC 6455).

    Attributes:
        received: bytes that came in; set to 0 at each heartbeat.
    """

    def __init__(self, connection: socket.socket, address: Address, seconds: float) -> None:
        scheme = "wss" if address.scheme == "https" else "ws"
        uri = f"{scheme}://{address.origin.partition('://')[2]}{address.target}"
        self._socket = connection
        self._seconds = seconds
        self._protocol = ClientProtocol(parse_uri(uri), max_size=MAX_MESSAGE, logger=_no_logger())
        self._message = bytearray()
        self.received = 0

    def ask(self, user_agent: str) -> None:
        """Ask for the connection to be made a WebSocket."""
        request = self._protocol.connect()
        request.headers["User-Agent"] = user_agent
        self._protocol.send_request(request)
        self._flush()

    def is_open(self) -> bool:
        """Whether it is one. A redirect is an answer like any other that opens none: it is not followed.

        Raises:
            Lost: it will not be one.
        """
        refused = self._protocol.handshake_exc
        if isinstance(refused, InvalidStatus):
            raise Lost(f"{Ended.NOT_A_SOCKET} (status {refused.response.status_code})")
        if refused is not None:
            raise Lost(Ended.NOT_A_SOCKET)
        return self._protocol.state is not State.CONNECTING

    def say(self, text: Secret | None) -> None:
        """Send a text; a ping of the protocol in the place of none."""
        if self._protocol.state is not State.OPEN:
            raise Lost(Ended.CLOSED)
        if text is None:
            self._protocol.send_ping(b"")
        else:
            data = text.reveal().encode()
            if len(data) > MAX_SENT:
                raise Lost(Ended.TOO_LONG)
            self._protocol.send_text(data)
        self._flush()

    def arrived(self, seconds: float) -> Sequence[bytes]:
        """The messages that arrive within a time, or some of them; an empty one stands for the answer to a ping.

        Raises:
            Lost: the other side closed the connection, sends too much, or does not keep to the protocol.
        """
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            return ()
        self.received += len(data)
        if self.received > MAX_RECEIVED:
            raise Lost(Ended.FLOODED)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        frames = [one for one in self._protocol.events_received() if isinstance(one, Frame)]
        messages = [message for frame in frames for message in self._whole(frame)]
        self._flush()
        if self._protocol.state in {State.CLOSING, State.CLOSED} and not messages:
            sent = self._protocol.close_sent
            too_long = sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG
            raise Lost(Ended.FLOODED if too_long else Ended.CLOSED)
        return messages

    def _whole(self, frame: Frame) -> Iterator[bytes]:
        """The message whose last frame this is."""
        if frame.opcode is Opcode.PONG:
            yield b""
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._message += frame.data
            if frame.fin:
                message = bytes(self._message)
                self._message.clear()
                yield message

    def _flush(self) -> None:
        self._socket.settimeout(self._seconds)
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)

    def shut_down(self) -> None:
        """End it under a thread that reads from it."""
        shut_down(self._socket)

    def hang_up(self) -> None:
        """Say good-bye where that is possible, and close it."""
        with suppress(OSError):  # the other side may be gone
            if self._protocol.state is State.OPEN:
                self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
                self._flush()
        with suppress(OSError):
            self._socket.close()


@cache
def _no_logger() -> logging.Logger:
    """The library logs what is sent and received; this logger keeps nothing of it."""
    logger = logging.Logger("variance_bridge.network.wake_socket.websockets")  # noqa: LOG001 - in nobody's tree
    logger.disabled = True
    logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.CRITICAL + 1)
    return logger
