"""The loopback server beneath the fake brokers of the plugins' tests: each says what is answered, this one listens and sends."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(broker):
    """The server on a free port of the loopback address, for the time of the block.

    Args:
        broker: `answer(method, target, headers, body)` gives status, headers and body; `url` is set on it.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, body = broker.answer(self.command, self.path, self.headers, sent)
            with suppress(ConnectionError):  # a client that has read enough goes away
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    broker.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield broker
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
