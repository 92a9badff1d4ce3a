"""The connection on which a broker says that something changed: where it leads, what is sent, and that everything ends."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wake_server import Peer, waking

from variance_bridge.broker import Notice
from variance_bridge.clock import SystemClock
from variance_bridge.errors import ForbiddenRequest
from variance_bridge.network import wake_socket
from variance_bridge.network.allowed_requests import resolve_socket
from variance_bridge.network.connection import ConnectionFailure
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.proxy import NetworkAccess
from variance_bridge.network.wake_socket import Conversation, Ended, Lost, WakeSocket, _Channel
from variance_bridge.personal_values import Secret

HOSTS = frozenset({"stream.acme.example"})
CANARY = "canary-credential-7f3a"
HELLO = json.dumps({"connect": ["5WX01234"], "token": CANARY})
SOON = 10
"""Seconds: enough on a busy machine, and far less than the "never" that a test looks for."""
QUICK = Policy(connect_seconds=2.0, read_seconds=2.0)


def meaning(message: bytes) -> Notice:
    return {b"fill": Notice.CHANGED, b"no": Notice.REFUSED}.get(message, Notice.OTHER)


class Listening:
    """A client in a thread: what it heard, and why it ended."""

    def __init__(
        self,
        url,
        *,
        seconds=SOON,
        heartbeat=lambda: Secret("beat"),
        goes_on=lambda: True,
        policy=QUICK,
        proxy=None,
    ):
        self.changes = threading.Semaphore(0)
        self.seen: list[bytes] = []
        self.reason: str | None = None
        address = resolve_socket(url, HOSTS)
        self.socket = WakeSocket(address, policy, proxy, user_agent="variance-bridge/1", clock=SystemClock())  # fmt: skip
        self.conversation = Conversation(
            hello=lambda: Secret(HELLO),
            heartbeat=heartbeat,
            seconds=seconds,
            read=self.read,
            changed=self.changes.release,
            goes_on=goes_on,
        )
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def read(self, message):
        self.seen.append(message)
        return meaning(message)

    def run(self):
        try:
            self.socket.listen(self.conversation)
        except Lost as lost:
            self.reason = lost.reason

    def ended(self) -> str | None:
        self.thread.join(SOON)
        assert not self.thread.is_alive()
        return self.reason


@contextmanager
def listening(serve, **options):
    with waking(serve) as server:
        client = Listening(server.url, **options)
        try:
            yield client, server
        finally:
            client.socket.close()
            client.thread.join(SOON)


def opened(then):
    """A server that opens the connection, hears the hello, and goes on as the test says."""

    def serve(peer, _number):
        peer.open()
        peer.hear()
        then(peer)

    return serve


def says(*messages, then=lambda peer: peer.hear()):
    def serve(peer):
        for message in messages:
            peer.say(message)
        then(peer)

    return opened(serve)


@pytest.mark.parametrize(
    "url",
    [
        "ws://stream.acme.example/", "https://stream.acme.example/", "wss://other.example/",
        "wss://stream.acme.example:8443/", "wss://stream.acme.example/?token=1", "wss:stream.acme.example",
        "wss://user@stream.acme.example/", "wss://stream.acme.example/../x", "ws://localhost:1/", "None",
    ],
)  # fmt: skip
def test_a_socket_leads_to_a_declared_host_or_this_machine_and_nowhere_else(url):
    with pytest.raises(ForbiddenRequest):
        resolve_socket(url, HOSTS)


def test_a_socket_to_a_declared_host_is_encrypted():
    assert (
        resolve_socket("wss://stream.acme.example/a", HOSTS).url == "https://stream.acme.example/a"
    )
    assert resolve_socket("ws://127.0.0.1:8000/a", HOSTS).loopback


def test_what_is_sent_is_the_hello_and_heartbeats_and_nothing_else():
    enough = threading.Event()

    def serve(peer):
        for _ in range(3):
            peer.say("ok")
            peer.hear()
        enough.set()

    with listening(opened(serve), seconds=0.2) as (_client, server):
        assert enough.wait(SOON)
        (peer,) = server.peers

    assert peer.texts == [HELLO, "beat", "beat", "beat"]
    assert peer.request.path == "/stream"
    assert peer.request.headers["User-Agent"] == "variance-bridge/1"
    assert not {"Authorization", "Cookie", "Origin", "Sec-WebSocket-Extensions"} & {
        *map(str.title, peer.request.headers.keys())
    }


def test_a_message_that_says_so_is_a_change_and_no_other_is():
    with listening(says("other", "{}", b"\x00\xff", "", "fill")) as (client, _server):
        assert client.changes.acquire(timeout=SOON)
        assert not client.changes.acquire(blocking=False)
        assert client.seen == [b"other", b"{}", b"\x00\xff", b"fill"]


def test_a_message_in_pieces_is_read_whole():
    def serve(peer):
        peer.protocol.send_text(b"fi", fin=False)
        peer.protocol.send_continuation(b"ll", fin=True)
        peer.flush()
        peer.hear()

    with listening(opened(serve)) as (client, _server):
        assert client.changes.acquire(timeout=SOON)


def test_a_broker_that_does_not_answer_a_heartbeat_is_gone():
    with listening(opened(lambda peer: peer.socket.recv(9)), seconds=0.3) as (client, server):
        assert client.ended() == Ended.SILENT
        assert server.peers[0].texts == [HELLO]


@pytest.mark.slow
def test_a_ping_stands_for_a_heartbeat_that_the_broker_does_not_have():
    def serve(peer):
        peer.say("ok")
        time.sleep(0.5)  # the protocol's side answers no ping meanwhile
        peer.hear()

    with listening(opened(serve), seconds=0.2, heartbeat=lambda: None) as (client, _server):
        assert client.ended() == Ended.SILENT
    with listening(says("ok"), seconds=0.2, heartbeat=lambda: None) as (client, _server):
        time.sleep(0.7)
        assert client.thread.is_alive()


def test_a_log_in_that_is_not_accepted_ends_it():
    with listening(says("no")) as (client, _server):
        assert client.ended() == Ended.REFUSED


@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_a_connection_that_the_broker_closes_is_over(code):
    with listening(says(then=lambda peer: peer.close(code))) as (client, _server):
        assert client.ended() == Ended.CLOSED


def test_news_before_the_good_bye_is_not_lost():
    def serve(peer):
        peer.protocol.send_text(b"fill")
        peer.close()

    with listening(opened(serve)) as (client, _server):
        assert client.ended() == Ended.CLOSED
        assert client.changes.acquire(blocking=False)


def test_a_good_bye_in_one_breath_with_a_message_is_noticed_at_the_next_heartbeat():
    def serve(peer):
        peer.protocol.send_text(b"ok")
        peer.protocol.send_close(1000, "Bye")
        peer.socket.sendall(b"".join(peer.protocol.data_to_send()))
        time.sleep(0.6)  # and the connection stays up meanwhile

    with listening(opened(serve), seconds=0.2) as (client, _server):
        assert client.ended() == Ended.CLOSED


def test_a_message_beyond_the_limit_is_never_read():
    with listening(says("x" * (wake_socket.MAX_MESSAGE + 1))) as (client, _server):
        assert client.ended() == Ended.FLOODED
        assert client.seen == []


def test_a_message_beyond_the_limit_in_pieces_is_never_read():
    def serve(peer):
        peer.protocol.send_text(b"x" * 1024, fin=False)
        for _ in range(1024):
            peer.protocol.send_continuation(b"x" * 1024, fin=False)
        peer.flush()
        peer.hear()

    with listening(opened(serve)) as (client, _server):
        assert client.ended() == Ended.FLOODED


@pytest.mark.parametrize("kind", ["send_ping", "send_text"])
def test_a_flood_ends(kind, monkeypatch):
    monkeypatch.setattr(wake_socket, "MAX_RECEIVED", 64 * 1024)

    def serve(peer):
        while True:
            getattr(peer.protocol, kind)(b"x" * 100)
            peer.flush()

    with listening(opened(serve)) as (client, _server):
        assert client.ended() == Ended.FLOODED


@pytest.mark.parametrize("status", [200, 301, 302, 307, 308, 401, 404, 503])
def test_an_answer_that_opens_no_socket_is_not_followed_and_gets_no_log_in(status):
    with waking(lambda peer, _number: peer.open()) as elsewhere:

        def serve(peer, _number):
            peer.socket.recv(65536)
            where = f"Location: {elsewhere.url}\r\n" if 300 <= status < 400 else ""
            peer.socket.sendall(f"HTTP/1.1 {status} X\r\n{where}Content-Length: 0\r\n\r\n".encode())
            peer.texts.append(peer.socket.recv(65536).decode())

        with listening(serve) as (client, server):
            assert client.ended() == f"{Ended.NOT_A_SOCKET} (status {status})"
            assert len(server.peers) == 1
        assert elsewhere.peers == []
        assert CANARY not in "".join(server.peers[0].texts)


@pytest.mark.parametrize(
    "noise", [b"220 ready\r\n", b"\x00" * 4096, b"HTTP/1.1 101 X\r\n\r\n", b""]
)
def test_whatever_else_answers_is_not_a_socket(noise):
    def serve(peer, _number):
        peer.socket.recv(65536)
        peer.socket.sendall(noise)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.socket.recv(65536)

    with listening(serve) as (client, _server):
        assert client.ended() in (Ended.NOT_A_SOCKET, Ended.CLOSED)


def test_an_opening_that_drips_ends_in_time():
    def serve(peer, _number):
        for byte in b"HTTP/1.1 101 Switching Protocols\r\n" * 100:
            peer.socket.sendall(bytes([byte]))
            time.sleep(0.05)

    with listening(serve, policy=Policy(connect_seconds=0.4)) as (client, _server):
        assert client.ended() == ConnectionFailure.DEADLINE


def test_nobody_there_is_said_so():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    client = Listening(f"ws://127.0.0.1:{port}/")

    assert client.ended() == ConnectionFailure.NOT_CONNECTED


def encrypted(context, serve):
    """A server that speaks TLS; it keeps nothing where the client does not go on."""

    def attend(peer, number):
        peer.socket = context.wrap_socket(peer.socket, server_side=True)
        serve(peer, number)

    return attend


def test_a_certificate_that_nobody_signed_is_refused_before_the_log_in_is_sent(self_signed):
    with waking(encrypted(self_signed, says("fill"))) as server:
        client = Listening(server.url.replace("ws://", "wss://"))
        assert client.ended() == ConnectionFailure.CERTIFICATE
        assert server.peers[0].texts == []


def test_an_encrypted_connection_is_listened_to_where_its_authority_is_believed(
    self_signed, tmp_path
):
    believed = NetworkAccess(ca_file=tmp_path / "certificate.pem")
    with waking(encrypted(self_signed, says("ok", "fill"))) as server:
        url = server.url.replace("ws://", "wss://")
        client = Listening(url, policy=Policy(access=believed))
        assert client.changes.acquire(timeout=SOON)
        client.socket.close()
        assert client.ended() is None


@pytest.mark.parametrize(
    ("status", "reason"), [(407, ConnectionFailure.PROXY), (200, ConnectionFailure.CERTIFICATE)]
)
def test_a_proxy_is_asked_for_a_tunnel_and_never_sees_the_log_in(self_signed, status, reason):
    def serve(peer, _number):
        peer.texts.append(peer.socket.recv(65536).decode())
        peer.socket.sendall(f"HTTP/1.1 {status} X\r\n\r\n".encode())
        if status == 200:  # it plays the broker, with a certificate that is not the broker's
            self_signed.wrap_socket(peer.socket, server_side=True)

    with waking(serve) as server:
        proxy = Secret(f"http://user:proxy-canary@127.0.0.1:{server.port}")
        client = Listening("wss://stream.acme.example/", proxy=proxy)
        assert client.ended() == reason
        (asked,) = server.peers[0].texts

    assert asked.startswith("CONNECT stream.acme.example:443 HTTP/1.")
    assert "Proxy-Authorization: Basic " in asked
    assert CANARY not in asked


def test_a_proxy_that_speaks_tls_is_asked_over_tls_with_a_certificate_that_is_believed(
    self_signed, tmp_path
):
    def serve(peer, _number):
        peer.socket = self_signed.wrap_socket(peer.socket, server_side=True)
        peer.texts.append(peer.socket.recv(65536).decode())
        peer.socket.sendall(b"HTTP/1.1 407 X\r\n\r\n")

    believed = Policy(access=NetworkAccess(ca_file=tmp_path / "certificate.pem"))
    with waking(serve) as server:
        proxy = Secret(f"https://127.0.0.1:{server.port}")
        url = "wss://stream.acme.example/"
        assert Listening(url, proxy=proxy).ended() == ConnectionFailure.CERTIFICATE
        assert Listening(url, proxy=proxy, policy=believed).ended() == ConnectionFailure.PROXY
        assert server.peers[0].texts == []
        assert server.peers[1].texts[0].startswith("CONNECT stream.acme.example:443 ")


def test_a_server_that_does_not_finish_tls_is_left_in_time():
    with waking(lambda _peer, _number: time.sleep(1)) as server:
        url = server.url.replace("ws://", "wss://")
        client = Listening(url, policy=Policy(connect_seconds=0.3))
        assert client.ended() in (ConnectionFailure.READ_TIMEOUT, ConnectionFailure.CONNECT_TIMEOUT)


def test_tls_within_a_proxys_tls_is_closed_beneath():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        layered = SimpleNamespace(
            socket=ours
        )  # urllib3's SSLTransport has no `shutdown` of its own
        _Channel(layered, resolve_socket("wss://stream.acme.example/", HOSTS), 1.0).shut_down()
        assert theirs.recv(1) == b""


@given(st.booleans(), st.lists(st.binary(max_size=64), max_size=4))
def test_no_bytes_do_anything_but_end_the_connection(is_open, chunks):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        channel = _Channel(ours, resolve_socket("ws://127.0.0.1:1/", HOSTS), 1.0)
        channel.ask("variance-bridge/1")
        if is_open:
            peer = Peer(theirs)
            peer.open()
            channel.arrived(1.0)
            assert channel.is_open()
        for chunk in filter(None, chunks):
            theirs.sendall(chunk)
            try:
                assert all(isinstance(one, bytes) for one in channel.arrived(0.01))
                channel.is_open()
            except Lost:
                break
        channel.hang_up()


def test_it_ends_at_once_when_it_is_closed():
    with listening(says("ok", "fill")) as (client, _server):
        assert client.changes.acquire(timeout=SOON)
        client.socket.close()
        assert client.ended() is None


def test_it_ends_when_nobody_wants_to_listen_any_more():
    with listening(says("ok"), seconds=0.2, goes_on=lambda: False) as (client, server):
        assert client.ended() is None
        assert server.peers[0].texts == [HELLO]


def test_neither_the_log_in_nor_a_message_reaches_a_log(caplog):
    logging.getLogger("websockets").setLevel(logging.DEBUG)
    with caplog.at_level("DEBUG"), listening(says("a secret message", "fill")) as (client, _server):
        assert client.changes.acquire(timeout=SOON)

    assert CANARY not in caplog.text
    assert "secret message" not in caplog.text


def test_more_than_may_be_sent_is_not_sent():
    too_much = Secret("x" * (wake_socket.MAX_SENT + 1))
    with listening(says("ok"), seconds=0.2, heartbeat=lambda: too_much) as (client, server):
        assert client.ended() == Ended.TOO_LONG
        assert server.peers[0].texts == [HELLO]
