"""What the session is besides its requests: closable, nameless about its secrets, and strict about bodies."""

from __future__ import annotations

import pickle
import socket
import threading

import pytest

from variance_bridge.errors import BrokerUnreachable, ForbiddenRequest
from variance_bridge.network.session import Response
from variance_bridge.personal_values import Secret

TOKEN_URL = "https://api.acme.example/oauth/token"


def test_a_session_closes_its_connection_and_opens_another_when_it_is_needed(
    serve, open_session
) -> None:
    server = serve()
    with open_session() as session:
        session.get(f"{server.url}/")
    session.get(f"{server.url}/")
    assert server.connections == 2


def test_a_session_can_be_closed_before_its_first_request(serve, open_session) -> None:
    server = serve()
    session = open_session()
    session.close()
    assert server.connections == 0
    assert session.get(f"{server.url}/").status == 200


def test_a_session_is_never_pickled(open_session) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(open_session())


def test_a_token_request_has_one_body(open_session) -> None:
    fields = {"refresh_token": Secret("canary-1")}
    with pytest.raises(ForbiddenRequest):
        open_session().post_token(TOKEN_URL)
    with pytest.raises(ForbiddenRequest):
        open_session().post_token(TOKEN_URL, form=fields, json=fields)
    with pytest.raises(ForbiddenRequest):
        open_session().post_token(TOKEN_URL, body=b"", content_type="text/plain\r\nHost: x")


def test_a_token_answer_that_is_not_json_is_returned_like_any_other(serve, open_session) -> None:
    def handle(connection, _request) -> None:
        body = b"<html>"
        connection.sendall(b"HTTP/1.1 401 X\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    response = open_session().post_token(f"{serve(handle).url}/oauth/token", form={"a": "b"})
    assert (response.status, response.body) == (401, b"<html>")


def test_a_response_shows_neither_headers_nor_body() -> None:
    shown = repr(Response(status=200, headers={"set-cookie": "canary"}, body=b"canary"))
    assert shown == "Response(status=200, 6 bytes)"


def test_no_cookie_is_kept(serve, open_session) -> None:
    def handle(connection, _request) -> None:
        connection.sendall(
            b"HTTP/1.1 200 X\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 2\r\n\r\n{}"
        )

    server = serve(handle)
    session = open_session()
    session.get(f"{server.url}/")
    session.get(f"{server.url}/")
    assert ["cookie" in request.headers for request in server.received] == [False, False]


def test_a_connection_that_takes_too_long_is_explained(open_session, monkeypatch) -> None:
    def slow(*_args, **_kwargs):
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", slow)
    with pytest.raises(BrokerUnreachable, match="no connection within the time allowed"):
        open_session().get("https://api.acme.example/")


def test_a_server_that_breaks_tls_off_is_explained(serve, open_session) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        connection, _ = listener.accept()
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.close()

    thread = threading.Thread(target=accept)
    thread.start()
    with listener, pytest.raises(BrokerUnreachable, match="TLS could not be set up"):
        open_session(tries=1).get(f"https://127.0.0.1:{listener.getsockname()[1]}/")
    thread.join(5)
