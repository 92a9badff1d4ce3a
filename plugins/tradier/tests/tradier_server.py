"""A server on this machine that answers as Tradier does, and refuses what it refuses. For tests only."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

TOKEN = "invented-token-of-tradier"


class Tradier:
    """What the server holds, what was asked of it, and what it does wrong.

    Attributes:
        answers: JSON by path; quotes by symbol.
        faults: by path, a list of (status, headers, body) that is used up before the good answer.
    """

    def __init__(self, answers, quotes):
        self.answers, self.quotes = answers, quotes
        self.faults = {}
        self.asked = []
        self.url = ""

    def answer(self, method, target, headers):
        address = urlsplit(target)
        self.asked.append((method, target))
        if method != "GET":
            return 405, {}, b"{}"
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"Content-Type": "text/plain"}, b"Invalid Access Token"
        if headers.get("Accept") != "application/json":
            return 200, {"Content-Type": "application/xml"}, b"<?xml version='1.0'?><profile/>"
        if self.faults.get(address.path):
            return self.faults[address.path].pop(0)
        if address.path == "/v1/markets/quotes":
            return 200, {}, json.dumps(self._quotes(parse_qs(address.query))).encode()
        if address.path not in self.answers:
            return 404, {}, b'{"fault":{"faultstring":"not found"}}'
        return 200, {}, json.dumps(self.answers[address.path]).encode()

    def _quotes(self, query):
        symbols = query["symbols"][0].split(",")
        assert len(symbols) <= 100
        assert query["greeks"] == ["true"]
        found = [self.quotes[symbol] for symbol in symbols if symbol in self.quotes]
        unknown = [symbol for symbol in symbols if symbol not in self.quotes]
        held = {"unmatched_symbols": {"symbol": unknown}} if unknown else {}
        if found:
            held["quote"] = found[0] if len(found) == 1 else found
        return {"quotes": held}


@contextmanager
def serving(tradier):
    """The server on a free port of the loopback address, for the time of the block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = tradier.answer(self.command, self.path, self.headers)
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
    tradier.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield tradier
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
