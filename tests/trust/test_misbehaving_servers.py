"""The session against servers that misbehave: nothing is followed, nothing leaks, everything ends."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
import tracemalloc
import zlib
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests

from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    ConfigurationError,
    DataRefused,
    ForbiddenRequest,
)
from variance_bridge.network.allowed_requests import resolve
from variance_bridge.network.connection import _tls_context
from variance_bridge.network.limits_and_retries import Policy
from variance_bridge.network.proxy import NetworkAccess
from variance_bridge.network.request import Request, Wire
from variance_bridge.network.session import ReadOnlySession
from variance_bridge.personal_values import Secret

MEBIBYTE = 1024 * 1024
CANARY = "canary-credential-7f3a"
REDIRECTS = (301, 302, 303, 307, 308)
SOON = 10
"""Seconds: enough on a busy machine, and far less than the "never" that a test looks for."""


def head(*lines: str, status: int = 200) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status} X", *lines, "")).encode()


def whole(body: bytes = b"{}", *lines: str, status: int = 200) -> bytes:
    return head(f"Content-Length: {len(body)}", *lines, status=status) + body


def sends(data: bytes, *, then_close: bool = False):
    def handle(connection: socket.socket, _request) -> None:
        connection.sendall(data)
        if then_close:
            connection.shutdown(socket.SHUT_RDWR)

    return handle


def test_a_get_arrives_as_it_was_meant(serve, open_session) -> None:
    server = serve(sends(whole(b'{"price": 1.10}', "X-Two: a", "X-Two: b")))
    response = open_session().get(
        f"{server.url}/instruments/futures/%2FESZ5",
        params=[("a[]", "x y"), ("a[]", "/ES")],
        headers={"Authorization": Secret(CANARY).prefixed("Bearer "), "Accept": "application/json"},
    )
    assert response.status == 200
    assert response.json() == {"price": Decimal("1.10")}
    assert response.headers["x-two"] == "a, b"
    (request,) = server.received
    assert request.line == "GET /instruments/futures/%2FESZ5?a%5B%5D=x%20y&a%5B%5D=%2FES HTTP/1.1"
    assert request.headers == {
        "host": f"127.0.0.1:{server.port}",
        "user-agent": "variance-bridge/0.1.0",
        "accept-encoding": "gzip",
        "accept": "application/json",
        "authorization": f"Bearer {CANARY}",
    }
    assert request.body == b""


def test_a_token_request_arrives_as_form_or_json(serve, open_session) -> None:
    server = serve(sends(whole()))
    session = open_session()
    fields = {"grant_type": "refresh_token", "refresh_token": Secret(CANARY + "&=ü")}
    session.post_token(f"{server.url}/oauth/token", form=fields)
    session.post_token(f"{server.url}/oauth/token", json=fields, headers={"Accept": "*/*"})
    form, document = server.received
    assert form.method == document.method == "POST"
    assert form.body == b"grant_type=refresh_token&refresh_token=canary-credential-7f3a%26%3D%C3%BC"
    assert form.headers["content-type"] == "application/x-www-form-urlencoded"
    assert json.loads(document.body)["refresh_token"] == CANARY + "&=ü"
    assert document.headers["content-type"] == "application/json"


def test_a_read_by_post_arrives_as_exact_bytes_or_typed_json(serve, open_session) -> None:
    server = serve(sends(whole()))
    session = open_session()
    signed = b"nonce=1&pair=XBT  USD"
    session.post_read(
        f"{server.url}/v1/quotes", body=signed, content_type="application/x-www-form-urlencoded"
    )
    document = {"count": 3, "price": Decimal("0.1"), "all": True, "keys": [None, Secret(CANARY)]}
    session.post_read(f"{server.url}/v1/quotes", params=[("k", Secret("a&b"))], json=document)
    exact, typed = server.received
    assert (exact.body, exact.headers["content-type"]) == (
        signed,
        "application/x-www-form-urlencoded",
    )
    assert typed.target == "/v1/quotes?k=a%26b"
    assert json.loads(typed.body, parse_float=Decimal) == {**document, "keys": [None, CANARY]}


def test_a_secret_in_a_query_is_sent_in_the_clear_and_never_logged(
    serve, open_session, personal, caplog
) -> None:
    server = serve(sends(whole()))
    with caplog.at_level("DEBUG"):
        open_session().get(f"{server.url}/flex", params=[("t", Secret(CANARY)), ("v", "3")])
    assert server.received[0].target == f"/flex?t={CANARY}&v=3"
    assert CANARY not in caplog.text
    assert personal.find(CANARY)


def test_one_connection_is_kept_for_all_requests(serve, open_session) -> None:
    chunked = head("Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n"
    answers = [whole(), chunked, whole(gzip.compress(b"{}"), "Content-Encoding: gzip"), whole()]

    def handle(connection, _request) -> None:
        connection.sendall(answers.pop())

    server = serve(handle)
    session = open_session()
    for _ in range(4):
        assert session.get(f"{server.url}/").json() == {}
    assert server.connections == 1


@pytest.mark.parametrize(
    "words", ["Connection: close", "X-Words: none, and the connection is closed"]
)
def test_a_connection_that_the_broker_closed_between_two_requests_is_made_anew(
    serve, open_session, words: str
) -> None:
    server = serve(sends(whole(b"[1]", words), then_close=True))
    session = open_session(tries=1)
    for _ in range(3):
        assert session.get(f"{server.url}/").json() == [1]
        server.all_closed()
    assert server.connections == 3


@pytest.mark.parametrize("status", [302, 429, 503])
def test_what_was_not_read_of_an_answer_is_not_taken_for_the_next_one(
    serve, open_session, status: int
) -> None:
    answers = [whole(b'["next"]'), whole(whole(b'["forged"]'), status=status)]

    def handle(connection, _request) -> None:
        connection.sendall(answers.pop())

    session = open_session(tries=1)
    server = serve(handle)
    with pytest.raises((BrokerRefused, BrokerUnreachable)):
        session.get(f"{server.url}/")
    assert session.get(f"{server.url}/").json() == ["next"]
    assert server.connections == 2


def test_what_follows_an_answer_unasked_is_not_taken_for_the_next_one(serve, open_session) -> None:
    answers = [whole(b'["next"]'), whole(b'["first"]') + whole(b'["forged"]')]

    def handle(connection, _request) -> None:
        connection.sendall(answers.pop())

    session = open_session(tries=1)
    server = serve(handle)
    assert session.get(f"{server.url}/").json() == ["first"]
    assert session.get(f"{server.url}/").json() == ["next"]


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests_share_a_connection_through_a_proxy_that_sees_nothing_of_them(
    self_signed, tmp_path, scheme: str
) -> None:
    access = NetworkAccess(ca_file=tmp_path / "certificate.pem")
    _tls_context.cache_clear()
    with (
        socket.create_server(("127.0.0.1", 0)) as broker,
        socket.create_server(("127.0.0.1", 0)) as proxy,
    ):
        asked: list[bytes] = []
        received: list[bytes] = []

        def answer_two() -> None:
            connection, _ = broker.accept()
            with self_signed.wrap_socket(connection, server_side=True) as encrypted:
                for _ in range(2):
                    received.append(encrypted.recv(65536))
                    encrypted.sendall(whole(b"[1]"))

        def tunnel() -> None:
            near, _ = proxy.accept()
            if scheme == "https":
                near = self_signed.wrap_socket(near, server_side=True)
            asked.append(near.recv(65536))
            far = socket.create_connection(broker.getsockname())
            near.sendall(b"HTTP/1.1 200 X\r\n\r\n")
            back = threading.Thread(target=relay, args=(far, near))
            back.start()
            relay(near, far)
            back.join(SOON)

        threads = [threading.Thread(target=answer_two), threading.Thread(target=tunnel)]
        for thread in threads:
            thread.start()
        wire = Wire(Policy(access=access))
        address = resolve(f"https://127.0.0.1:{broker.getsockname()[1]}/", frozenset())
        request = Request(method="GET", address=address, headers={"X-Canary": CANARY})
        through = Secret(f"{scheme}://127.0.0.1:{proxy.getsockname()[1]}")
        answers = [wire.send(request, SOON, through).body for _ in range(2)]
        wire.close()
        for thread in threads:
            thread.join(SOON)
    _tls_context.cache_clear()
    assert answers == [b"[1]", b"[1]"]
    assert [CANARY.encode() in one for one in received] == [True, True]
    assert [one.startswith(b"CONNECT 127.0.0.1:") for one in asked] == [True]
    assert CANARY.encode() not in asked[0]


def relay(source: socket.socket, target: socket.socket) -> None:
    """Pass on what arrives until nothing does any more."""
    with suppress(OSError), source, target:
        while data := source.recv(65536):
            target.sendall(data)


def test_a_session_that_nobody_closes_leaves_no_connection_open(serve, clock, personal) -> None:
    server = serve(sends(whole(b"[1]")))
    session = ReadOnlySession(
        (), (), clock=clock, personal=personal, user_agent="variance-bridge/0.1.0"
    )
    assert session.get(f"{server.url}/").json() == [1]
    del session
    gc.collect()
    server.all_closed()


def test_what_can_be_done_meanwhile_is_done_while_the_answer_is_on_its_way(
    serve, open_session
) -> None:
    done = threading.Event()

    def handle(connection, _request) -> None:
        assert done.wait(SOON)
        done.clear()
        connection.sendall(whole(b"[1]"))

    server = serve(handle)
    session = open_session(meanwhile=done.set)
    for _ in range(2):
        assert session.get(f"{server.url}/").json() == [1]


def test_a_compressed_answer_is_decompressed(serve, open_session) -> None:
    body = json.dumps({"a": ["x" * 1000] * 100}).encode()
    server = serve(sends(whole(gzip.compress(body), "Content-Encoding: gzip")))
    session = open_session()
    assert session.get(f"{server.url}/").body == body
    assert session.statistics.bytes_received < len(body) / 10


@pytest.mark.parametrize("method", ["get", "post_token"])
@pytest.mark.parametrize("status", REDIRECTS)
def test_no_redirect_is_followed_and_no_credential_reaches_its_target(
    serve, open_session, status: int, method: str
) -> None:
    bait = serve(sends(whole()))
    server = serve(sends(whole(b"", f"Location: {bait.url}/oauth/token", status=status)))
    ask = getattr(open_session(), method)
    body = {} if method == "get" else {"form": {"refresh_token": Secret(CANARY)}}
    with pytest.raises(BrokerRefused) as caught:
        ask(f"{server.url}/oauth/token", headers={"Authorization": Secret(CANARY)}, **body)
    assert bait.connections == 0
    assert len(server.received) == 1
    assert str(status) in str(caught.value)
    assert str(bait.port) not in str(caught.value)


@pytest.mark.parametrize("status", REDIRECTS)
def test_the_bait_works_for_a_client_that_follows_redirects(serve, status: int) -> None:
    bait = serve(sends(whole()))
    server = serve(sends(whole(b"", f"Location: {bait.url}/", status=status)))
    requests.get(server.url, timeout=5)
    assert bait.connections == 1


def test_the_body_of_a_redirect_is_not_read(serve, open_session) -> None:
    # Whoever waits for this body is left at the deadline, with another error.
    server = serve(sends(head("Location: /", f"Content-Length: {10**12}", status=302)))
    with pytest.raises(BrokerRefused):
        open_session(total_seconds=10, tries=1).get(f"{server.url}/")


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 406, 422])
def test_answers_and_refusals_are_returned_after_one_try(serve, open_session, status: int) -> None:
    server = serve(sends(whole(b'{"e": 1}', status=status)))
    session = open_session()
    for response in (
        session.get(f"{server.url}/"),
        session.post_token(f"{server.url}/oauth/token", form={"a": "b"}),
    ):
        assert (response.status, response.json()) == (status, {"e": 1})
    assert len(server.received) == 2
    assert session.statistics.retries == 0


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 599])
def test_limits_and_failures_are_tried_three_times(serve, open_session, clock, status) -> None:
    server = serve(sends(whole(b"<html>", status=status)))
    session = open_session()
    for ask, where in (
        (lambda: session.get(f"{server.url}/a"), "GET"),
        (lambda: session.post_token(f"{server.url}/oauth/token", json={"a": "b"}), "POST"),
    ):
        with pytest.raises(BrokerUnreachable, match=rf"{where} .*status {status} \(3 tries\)"):
            ask()
    assert len(server.received) == 6
    fixed = 1 if status == 429 else 0
    assert clock.slept == [0.5 + fixed, 1.0 + 2 * fixed] * 2


def endless(start: bytes, piece: bytes):
    """Sends a start, and then a piece for ever, as fast as it is taken."""

    def handle(connection: socket.socket, _request) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)

    return handle


def dripping(start: bytes, piece: bytes):
    """Sends a start, and then a piece for ever, slower than any limit of a single read."""

    def handle(connection: socket.socket, _request) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(0.02)

    return handle


CHUNKED = head("Transfer-Encoding: chunked")
NEVER_ENDING = {
    "silence": dripping(b"", b""),
    "status line, byte by byte": dripping(b"HTTP/1.1 200 ", b"x"),
    "header, byte by byte": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
    "headers, line by line": dripping(b"HTTP/1.1 200 OK\r\n", b"X-Slow: x\r\n"),
    "provisional answers": dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body, byte by byte": dripping(head("Content-Length: 1000000"), b" "),
    "body without a length": dripping(head(), b" "),
    "chunk, byte by byte": dripping(CHUNKED + b"fffff\r\n", b" "),
    "chunks of one byte": dripping(CHUNKED, b"1\r\n \r\n"),
    "chunk size, byte by byte": dripping(CHUNKED, b"0"),
    "chunk extension, byte by byte": dripping(CHUNKED + b"1;", b"x"),
    "trailers, line by line": dripping(CHUNKED + b"0\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize("case", NEVER_ENDING)
def test_a_server_that_never_ends_is_left_at_the_deadline(serve, open_session, case: str) -> None:
    server = serve(NEVER_ENDING[case])
    session = open_session(total_seconds=0.15, tries=1)
    started = time.monotonic()
    with pytest.raises((BrokerUnreachable, DataRefused)):
        session.get(f"{server.url}/")
    assert time.monotonic() - started < SOON
    assert not _threads_left()


def _threads_left() -> bool:
    """Whether a request's thread outlives it for long."""
    end = time.monotonic() + SOON
    while any(one.name == "variance-bridge-request" for one in threading.enumerate()):
        if time.monotonic() > end:
            return True
        time.sleep(0.005)
    return False


def test_a_body_that_ends_with_the_connection_is_whole(serve, open_session) -> None:
    server = serve(sends(head() + b"[1]", then_close=True))
    assert open_session().get(f"{server.url}/").json() == [1]


def test_no_content_is_an_answer(serve, open_session) -> None:
    response = open_session().get(serve(sends(head(status=204))).url)
    assert (response.status, response.body) == (204, b"")


FLOODS = {
    "status line": endless(b"HTTP/1.1 200 ", b"x" * 65536),
    "one header": endless(b"HTTP/1.1 200 OK\r\nX: ", b"x" * 65536),
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 10000),
    "body with a length": endless(head(f"Content-Length: {100 * MEBIBYTE}"), b"x" * 65536),
    "body without a length": endless(head(), b"x" * 65536),
    "chunks": endless(CHUNKED, b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "one endless chunk": endless(CHUNKED + b"fffffffffff\r\n", b"x" * 65536),
    "chunk size": endless(CHUNKED, b"0" * 65536),
    "a chunk of a negative size": endless(CHUNKED + b"-1\r\n", b"x" * 65536),
    "gzip": endless(head("Content-Encoding: gzip"), b"\x1f\x8b" * 32768),
}


@pytest.mark.parametrize("case", FLOODS)
def test_a_flood_ends_in_bounded_time_and_memory(serve, open_session, case: str) -> None:
    server = serve(FLOODS[case])
    session = open_session(total_seconds=5, tries=1)
    session.get(serve(sends(whole())).url)
    started = time.monotonic()
    tracemalloc.start()
    try:
        with pytest.raises((BrokerUnreachable, DataRefused)):
            session.get(f"{server.url}/")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert time.monotonic() - started < SOON
    assert peak < 40 * MEBIBYTE


def bomb() -> bytes:
    """100 MiB of blanks, as gzip: less than one."""
    blanks = b" " * MEBIBYTE
    compressor = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return b"".join([*(compressor.compress(blanks) for _ in range(100)), compressor.flush()])


def test_a_gzip_bomb_is_refused_in_bounded_memory(serve, open_session) -> None:
    data = bomb()
    server = serve(sends(whole(data, "Content-Encoding: gzip")))
    session = open_session()
    tracemalloc.start()
    try:
        with pytest.raises(DataRefused, match="longer than 8388608 bytes"):
            session.get(f"{server.url}/")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(data) < MEBIBYTE
    assert peak < 40 * MEBIBYTE
    assert session.statistics.retries == 0


def test_a_body_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not(
    serve, open_session
) -> None:
    session = open_session(body_bytes=1000)
    for data, lines in (
        (b" " * 1000, ()),
        (gzip.compress(b" " * 1000), ("Content-Encoding: gzip",)),
    ):
        assert session.get(serve(sends(whole(data, *lines))).url).body == b" " * 1000
    for data, lines in (
        (b" " * 1001, ()),
        (gzip.compress(b" " * 1001), ("Content-Encoding: gzip",)),
    ):
        with pytest.raises(DataRefused):
            session.get(serve(sends(whole(data, *lines))).url)


BROKEN_BODIES = {
    "shorter than announced": head("Content-Length: 100") + b'{"positions": []}',
    "chunk cut off": CHUNKED + b"ff\r\n[]",
    "no last chunk": CHUNKED + b"2\r\n[]\r\n",
    "chunk size that is no number": CHUNKED + b"zz\r\n[]\r\n",
    "chunk size below zero": CHUNKED + b"-1\r\n[]\r\n0\r\n\r\n",
    "nothing at all": b"",
    "no HTTP": b"220 mail.example ESMTP\r\n",
    "head cut off": b"HTTP/1.1 200 OK\r\nContent-Le",
    "head cut off behind a line": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "a length that is no number": head("Content-Length: two") + b"{}",
    "a negative length": head("Content-Length: -1") + b"{}",
    "two lengths": head("Content-Length: 2", "Content-Length: 3") + b"{} ",
}


@pytest.mark.parametrize("case", BROKEN_BODIES)
def test_half_an_answer_is_not_an_answer(serve, open_session, case: str) -> None:
    server = serve(sends(BROKEN_BODIES[case], then_close=True))
    with pytest.raises(BrokerUnreachable, match=r"\(3 tries\)"):
        open_session().get(f"{server.url}/")
    assert len(server.received) == 3


BROKEN_CODINGS = {
    "gzip that is none": whole(b"[]", "Content-Encoding: gzip"),
    "gzip cut off": whole(gzip.compress(b"[1, 2, 3]")[:-3], "Content-Encoding: gzip"),
    "gzip with something behind": whole(gzip.compress(b"[]") + b"x", "Content-Encoding: gzip"),
    "two gzip members": whole(gzip.compress(b"[") + gzip.compress(b"]"), "Content-Encoding: gzip"),
    "an empty gzip": whole(b"", "Content-Encoding: gzip"),
    "Brotli": whole(b"[]", "Content-Encoding: br"),
    "gzip in gzip": whole(gzip.compress(gzip.compress(b"[]")), "Content-Encoding: gzip, gzip"),
}


@pytest.mark.parametrize("case", BROKEN_CODINGS)
def test_a_body_that_cannot_be_decoded_is_refused(serve, open_session, case: str) -> None:
    server = serve(sends(BROKEN_CODINGS[case]))
    with pytest.raises(DataRefused):
        open_session().get(f"{server.url}/")
    assert len(server.received) == 1


HOSTILE_JSON = {
    "depth 100,000, arrays": b"[" * 100_000 + b"]" * 100_000,
    "depth 100,000, objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "depth 100,000, never closed": b"[" * 100_000,
    "a number of 5,000 digits": b'{"n": ' + b"9" * 5000 + b"}",
    "a fraction of 5,000 digits": b'{"n": 0.' + b"9" * 5000 + b"}",
    "a name twice": b'{"quantity": 1, "quantity": 100}',
    "a lone surrogate": b'{"symbol": "\\ud800"}',
    "a lone surrogate in UTF-8": b'{"symbol": "\xed\xa0\x80"}',
    "NaN": b'{"n": NaN}',
    "Infinity": b"[-Infinity]",
    "HTML": b"<html>maintenance</html>",
    "nothing": b"",
    "two documents": b"{}{}",
    "not UTF-8": b'{"a": "\xff"}',
}


@pytest.mark.parametrize("case", HOSTILE_JSON)
def test_hostile_json_is_refused_in_bounded_time(serve, open_session, case: str) -> None:
    response = open_session().get(serve(sends(whole(HOSTILE_JSON[case]))).url)
    started = time.thread_time()
    with pytest.raises(DataRefused) as caught:
        response.json()
    assert time.thread_time() - started < 1
    assert caught.value.exit_code == 6


def test_a_certificate_that_nobody_signed_is_refused_before_a_credential_is_sent(
    self_signed, open_session
) -> None:
    context = self_signed
    listener = socket.create_server(("127.0.0.1", 0))
    decrypted: list[bytes] = []

    def accept() -> None:
        connection, _ = listener.accept()
        try:
            with context.wrap_socket(connection, server_side=True) as encrypted:
                decrypted.append(encrypted.recv(65536))
        except OSError:
            connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    with listener, pytest.raises(BrokerUnreachable, match="certificate is not valid") as caught:
        open_session().get(
            f"https://127.0.0.1:{listener.getsockname()[1]}/",
            headers={"Authorization": Secret(CANARY)},
        )
    thread.join(5)
    assert b"".join(decrypted) == b""
    assert "(1 try)" in str(caught.value)
    assert "between you and the broker" in str(caught.value.hint)


@pytest.mark.parametrize("way", ["known authority", "ca_file", "system's store"])
def test_a_certificate_of_a_known_authority_is_accepted_and_the_connection_is_encrypted(
    tmp_path, self_signed, open_session, monkeypatch, way
) -> None:
    context = self_signed
    certificate, access = tmp_path / "certificate.pem", NetworkAccess()
    if way == "known authority":
        monkeypatch.setattr("certifi.where", lambda: str(certificate))
    elif way == "ca_file":
        access = NetworkAccess(ca_file=certificate)
    else:
        paths = SimpleNamespace(openssl_cafile=str(certificate), openssl_capath="/nowhere")
        monkeypatch.setattr("ssl.get_default_verify_paths", lambda: paths)
        access = NetworkAccess(system_certificates=True)
    _tls_context.cache_clear()
    listener = socket.create_server(("127.0.0.1", 0))
    received: list[bytes] = []

    def accept() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as encrypted:
            for _ in range(2):
                received.append(encrypted.recv(65536))
                encrypted.sendall(whole(b"[1]"))

    thread = threading.Thread(target=accept)
    thread.start()
    session = open_session(access=access)
    url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
    with listener:
        for _ in range(2):
            assert session.get(url, headers={"Authorization": Secret(CANARY)}).json() == [1]
    thread.join(5)
    _tls_context.cache_clear()
    assert [CANARY.encode() in request for request in received] == [True, True]


def test_tls_cannot_be_loosened_by_the_environment(monkeypatch, tmp_path) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "x"))
    context = _tls_context.__wrapped__()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.keylog_filename is None
    assert len(context.get_ca_certs()) > 50


@pytest.mark.parametrize(
    "content", [None, b"", b"no certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAA\n"]
)
def test_a_file_of_certificates_that_cannot_be_used_is_a_fault_of_the_configuration(
    tmp_path, open_session, content
) -> None:
    file = tmp_path / "company.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="the file of certificates") as caught:
        open_session(access=NetworkAccess(ca_file=file)).get("https://127.0.0.1:9/")
    assert caught.value.where == str(file)


@pytest.mark.parametrize("value", ["line\nbreak-in-it", "beyond-\u00e9-ascii", "x" * 8193])
def test_a_token_that_cannot_be_one_is_refused_as_the_brokers_fault(
    serve, open_session, value
) -> None:
    server = serve(sends(whole(json.dumps({"access_token": value}).encode())))
    with pytest.raises(DataRefused, match="granted a token that cannot be one") as caught:
        open_session().post_token(server.url + "/oauth/token", form={})
    assert value not in str(caught.value)


@pytest.mark.parametrize("value", ["line\nbreak-in-it", "beyond-\u00e9-ascii", "x" * 9000])
def test_a_credential_that_cannot_be_sent_is_its_owners_to_set_again(
    serve, open_session, value
) -> None:
    server = serve(sends(whole(b"[]")))
    with pytest.raises(ConfigurationError, match="a credential") as caught:
        open_session().get(server.url, headers={"Authorization": Secret(value)})
    assert (value in str(caught.value), server.received) == (False, [])


def test_a_server_that_speaks_no_tls_is_not_an_answer(serve, open_session) -> None:
    server = serve(sends(b"not TLS\r\n\r\n", then_close=True))
    with pytest.raises(BrokerUnreachable):
        open_session(tries=1, connect_seconds=0.2).get(server.url.replace("http", "https"))


def test_nobody_listening_is_explained(open_session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(
        BrokerUnreachable, match=r"no connection could be made \(3 tries\)"
    ) as caught:
        open_session().get(f"http://127.0.0.1:{port}/")
    assert caught.value.exit_code == 5


def test_a_name_that_does_not_resolve_is_explained(open_session, monkeypatch) -> None:
    def unknown(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(BrokerUnreachable, match="its name cannot be resolved"):
        open_session().get("https://api.acme.example/")


def test_a_resolver_that_hangs_is_left_at_the_deadline(open_session, monkeypatch) -> None:
    released = threading.Event()

    def hang(*_args, **_kwargs):
        released.wait(SOON)
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(BrokerUnreachable, match="no complete answer"):
            open_session(total_seconds=0.2, tries=1).get("https://api.acme.example/")
    finally:
        released.set()


def test_the_session_works_again_after_a_deadline(serve, open_session) -> None:
    released = threading.Event()

    def handle(connection, request) -> None:
        if request.line.startswith("GET /slow"):
            released.wait(SOON)
        connection.sendall(whole(b"[1]"))

    server = serve(handle)
    session = open_session(total_seconds=0.2, tries=1)
    with pytest.raises(BrokerUnreachable):
        session.get(f"{server.url}/slow")
    released.set()
    for _ in range(100):  # a busy machine may need more than one try to answer within 0.2 s
        with suppress(BrokerUnreachable):
            assert session.get(f"{server.url}/").json() == [1]
            return
    pytest.fail("no request was answered after the deadline")


def test_an_interrupt_closes_the_connection_and_passes(serve, open_session, monkeypatch) -> None:
    from concurrent.futures import Future

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    server = serve(dripping(b"HTTP/1.1 200 ", b"x"))
    session = open_session()
    monkeypatch.setattr(Future, "result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        session.get(f"{server.url}/")
    assert not _threads_left()


def test_proxies_and_netrc_of_the_surroundings_are_not_used(
    serve, open_session, monkeypatch, tmp_path
) -> None:
    proxy = serve(sends(whole(b'"proxy"')))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.upper(), proxy.url)
    (tmp_path / ".netrc").write_text(
        "machine 127.0.0.1 login x password netrc-canary\ndefault login x password y\n"
    )
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    server = serve(sends(whole(b'"server"')))
    session = open_session()
    assert session.get(f"{server.url}/").json() == "server"
    assert "authorization" not in server.received[0].headers
    assert proxy.connections == 0
    assert session.routes == ()


FAILURES = {
    "a status": sends(whole(b'{"error": "canary-body"}', status=503)),
    "a redirect": sends(whole(b"", "Location: /canary-location", status=302)),
    "no HTTP": sends(b"canary-server-words\r\n\r\n", then_close=True),
    "half a body": sends(head("Content-Length: 100") + b"canary-half", then_close=True),
    "a coding": sends(whole(b"canary-coded", "Content-Encoding: canary-coding")),
    "a broken header": sends(
        b"HTTP/1.1 200 OK\r\ncanary header\r\nA: b\r\n\r\n{}", then_close=True
    ),
    "a wrong length": sends(head("Content-Length: canary") + b"{}"),
    "no JSON": sends(whole(b"canary-text")),
    "a deadline": dripping(b"HTTP/1.1 200 OK\r\nX: ", b"c"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_no_message_log_line_or_traceback_holds_what_was_sent_or_received(
    serve, open_session, caplog, case: str
) -> None:
    for name in ("urllib3", "urllib3.connectionpool", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    server = serve(FAILURES[case])
    session = open_session(total_seconds=0.3 if case == "a deadline" else 10)
    told = [repr(session), repr(session.statistics)]
    # A traceback shows the lines of the calls, all of them from Python 3.13 on.
    reading = {
        "url": f"{server.url}/accounts/5canary5/x?account=canary-query",
        "params": [("id", "canary-param")],
        "headers": {"Authorization": Secret(CANARY), "X-Plain": "canary-plain"},
    }
    renewing = {
        "url": f"{server.url}/oauth/token",
        "form": {"refresh_token": Secret(CANARY), "x": "canary-field"},
    }
    for ask, sent in ((session.get, reading), (session.post_token, renewing)):
        try:
            response = ask(**sent)
            told.append(repr(response))
            response.json()
        except BridgeError as error:
            told += [str(error), repr(error), str(error.hint), *traceback.format_exception(error)]
    told.append(caplog.text)
    assert "variance_bridge.network.session" in caplog.text
    assert "canary" not in "".join(told).replace(Path(__file__).name, "")


def test_secrets_that_were_sent_and_tokens_that_came_back_are_personal_from_then_on(
    serve, open_session, personal
) -> None:
    tokens = {"access_token": "came-back-1", "data": [{"session-token": "came-back-2"}], "n": 1}
    server = serve(sends(whole(json.dumps(tokens).encode())))
    session = open_session()
    session.post_token(f"{server.url}/oauth/token", json={"refresh_token": Secret("was-sent-1")})
    session.get(f"{server.url}/", headers={"Authorization": Secret("Bearer was-sent-2")})
    for value in ("came-back-1", "came-back-2", "was-sent-1", "was-sent-2"):
        assert personal.find(value), value
    assert not personal.find("expires_in")


def test_stages_and_statistics_count_what_was_done(serve, open_session, clock) -> None:
    answers = [whole(b"[1]"), whole(status=503), whole(b"[1, 2]")]

    def handle(connection, _request) -> None:
        connection.sendall(answers.pop())

    server = serve(handle)
    session = open_session()
    with session.stage("positions"):
        session.get(f"{server.url}/")
        session.get(f"{server.url}/")
    stage = session.stage("balances")
    stage.__enter__()
    clock.ahead += 7
    stage.__exit__(BrokerRefused, BrokerRefused("no"), None)
    with session.stage("balances"):
        clock.ahead += 1
    done = session.statistics
    assert (done.requests, done.retries, done.bytes_received) == (3, 1, 9)
    assert done.seconds_waited == 0.5
    assert list(done.seconds) == ["positions", "balances"]
    assert done.seconds["positions"] >= 0.5
    assert done.seconds["balances"] == pytest.approx(8, abs=0.5)


def test_threads_that_share_a_session_take_turns(serve, open_session) -> None:
    server = serve(sends(whole(b"[7]")))
    session = open_session()
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda: results.append(session.get(f"{server.url}/").json()))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [[7]] * 8
    assert server.connections == 1


def test_the_network_libraries_are_imported_when_the_first_request_is_sent() -> None:
    code = (
        "import sys, variance_bridge.network.session\n"
        "print(sorted({'requests', 'urllib3', 'ssl', 'certifi', 'http.client'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "headers", [{"A": "b\r\nHost: evil.example"}, {"A\r\nB": "c"}, {"A": "ä"}, {"A": "b\x00"}]
)
def test_a_field_that_would_begin_another_one_is_never_written(serve, headers) -> None:
    """The session lets none through; what writes requests does not count on that."""
    server = serve()
    address = resolve(f"{server.url}/", frozenset())
    with pytest.raises(ForbiddenRequest):
        Wire(Policy()).send(Request(method="GET", address=address, headers=headers), 10, None)
    assert server.received == []


def test_a_request_that_no_proxy_carries_is_sent_without_urllib3(serve) -> None:
    code = (
        "import sys\n"
        "from variance_bridge.network.allowed_requests import resolve\n"
        "from variance_bridge.network.limits_and_retries import Policy\n"
        "from variance_bridge.network.request import Request, Wire\n"
        "address = resolve(sys.argv[1], frozenset())\n"
        "print(Wire(Policy()).send(Request(method='GET', address=address, headers={}), 10, None).status)\n"
        "print(sorted({'requests', 'urllib3', 'certifi'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"{serve(sends(whole())).url}/"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["200", "[]"]
