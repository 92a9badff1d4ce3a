"""Waits on this machine for the browser to come back from the broker's page: one answer, within a time limit.

It listens on 127.0.0.1 alone, answers nothing but the exact path of the redirect, and shows and logs nothing of what it is
sent.
"""

from __future__ import annotations

import errno
import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

from variance_bridge.errors import BrokerUnreachable, ConfigurationError
from variance_bridge.network.oauth_authorization import MAX_REDIRECT
from variance_bridge.storage.filesystem import reason

_HOST: Final = "127.0.0.1"
_CONNECTION_SECONDS: Final = 10.0
"""A browser opens connections on which it sends nothing."""

_PAGE: Final = (
    b"<!doctype html><meta charset=utf-8><title>Variance Bridge</title>"
    b"<p>Variance Bridge has the answer. Go back to the terminal; this window can be closed."
)
_HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
    "Connection": "close",
}


class RedirectListener:
    """The redirect's end, for the time of a `with` block.

    Args:
        redirect: `http://127.0.0.1:PORT/PATH`; port 0 is any that is free.

    Raises:
        ConfigurationError: the port is taken, or cannot be listened on.
    """

    def __init__(self, redirect: str) -> None:
        wanted = urlsplit(redirect)
        answers: queue.Queue[str] = queue.Queue(maxsize=1)
        self._answers = answers
        try:
            self._server = _Server((_HOST, wanted.port or 0), _handler(self, wanted.path, answers))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ConfigurationError(
                f"port {wanted.port} is in use by another program"
                if taken
                else f"port {wanted.port} cannot be listened on: {reason(error)}",
                where=redirect,
                hint="end the other program, or wait until its log-in is over, and log in again",
            ) from None
        self.address = f"http://{_HOST}:{self._server.server_address[1]}{wanted.path}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def answer(self, seconds: float) -> str:
        """The address with which the browser came.

        Raises:
            BrokerUnreachable: it did not come within so many seconds.
        """
        try:
            return self._answers.get(timeout=seconds)
        except queue.Empty:
            raise BrokerUnreachable(
                f"no answer came back from the broker's page within {seconds:.0f} seconds",
                hint="run `variance auth login` again; if the browser is on another machine, use a tunnel"
                f" (`ssh -L`) for port {self._server.server_address[1]}",
            ) from None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A second program must not be able to listen on the same port.
    allow_reuse_port = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a browser that goes away is its own affair."""


def _handler(
    listener: RedirectListener, path: str, answers: queue.Queue[str]
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _CONNECTION_SECONDS
        server_version = "VarianceBridge"
        sys_version = ""

        def do_GET(self) -> None:
            asked, _, query = self.path.partition("?")
            # Another name for this machine would be a page of somebody else's that leads here.
            named = self.headers.get("Host", "")
            own = urlsplit(listener.address).netloc
            is_answer = asked == (path or "/") and named == own and len(self.path) <= MAX_REDIRECT
            if not is_answer or not any(
                part.startswith(("code=", "error=")) for part in query.split("&")
            ):
                self.send_error(404)
                return
            self.send_response(200)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(_PAGE)))
            self.end_headers()
            self.wfile.write(_PAGE)
            if not answers.full():
                answers.put_nowait(f"{listener.address}?{query}")

        def log_message(self, *_arguments: object) -> None:
            """Log nothing: the address contains the code."""

    return Handler
