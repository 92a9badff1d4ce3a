"""A loopback HTTP server with the six routes that a sync of tastytrade needs."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from variance_bridge_tastytrade.demo_server import payloads
from variance_bridge_tastytrade.demo_server.portfolio import ZERO, DemoPortfolio

_TOKEN_SECONDS: Final = 900
# How long the accepting thread sleeps between looks at whether it should stop.
_STOP_LATENCY: Final = 0.005
_NOT_FOUND: Final = {"error": {"code": "record_not_found", "message": "Not found"}}
_NOT_PERMITTED: Final = {"error": {"code": "token_invalid", "message": "This token is invalid"}}
_INVALID_GRANT: Final = {"error_code": "invalid_grant", "error_description": "Invalid JWT"}

Answer = tuple[int, dict[str, Any]]


class DemoServer:
    """Serves a portfolio on `http://127.0.0.1`, on a free port, as a context manager.

    Attributes:
        client_secret: what a client needs to get in; made at random, and so is `refresh_token`.
    """

    def __init__(self, portfolio: DemoPortfolio, clock: Callable[[], datetime]) -> None:
        self.client_secret = secrets.token_hex(20)
        self.refresh_token = secrets.token_urlsafe(40)
        self._access_token = secrets.token_urlsafe(40)
        self._portfolio = portfolio
        self._clock = clock
        self._server = _Server(self)

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=(_STOP_LATENCY,), name="demo", daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def issue_token(self, request: dict[str, Any]) -> Answer:
        """The answer of `POST /oauth/token` to a refresh grant."""
        given = (request.get("client_secret"), request.get("refresh_token"))
        if given != (self.client_secret, self.refresh_token):
            return 400, _INVALID_GRANT
        return 200, {
            "access_token": self._access_token,
            "token_type": "Bearer",
            "expires_in": _TOKEN_SECONDS,
            "scope": "read",
        }

    def read(self, target: str, authorization: str | None) -> Answer:
        """The answer to a GET."""
        if authorization != f"Bearer {self._access_token}":
            return 401, _NOT_PERMITTED
        url = urlsplit(target)
        items = self._items(url.path, parse_qs(url.query))
        if items is None:
            return 404, _NOT_FOUND
        return 200, {"data": {"items": items}, "context": url.path}

    def _items(self, path: str, query: dict[str, list[str]]) -> list[dict[str, Any]] | None:
        portfolio, now = self._portfolio, self._clock()
        # A symbol's own slash arrives as %2F: the path is cut before it is decoded.
        match [unquote(part) for part in path.split("/")[1:]]:
            case ["customers", "me", "accounts"]:
                return [payloads.listed_account(account) for account in portfolio.accounts]
            case ["accounts", number, "positions"] if account := portfolio.account(number):
                held = [row for row in account.positions if row.direction != ZERO]
                return [payloads.position(row, number, now, marks=True) for row in held]
            case ["accounts", number, "balances"] if account := portfolio.account(number):
                return [payloads.balances(account, now)]
            case ["market-data", "by-type"]:
                wanted = {symbol for symbols in query.values() for symbol in _split(symbols)}
                quotes = [quote for quote in portfolio.quotes.values() if quote.symbol in wanted]
                return [payloads.market_data(quote, now, portfolio) for quote in quotes]
            case ["market-metrics"]:
                return [
                    payloads.market_metrics(symbol, portfolio.metrics[symbol], now)
                    for symbol in _split(query.get("symbols", ()))
                    if symbol in portfolio.metrics
                ]
        return None


def _split(values: list[str] | tuple[str, ...]) -> list[str]:
    """A list parameter comes as `a=1&a=2` or `a=1,2`."""
    return [item for value in values for item in value.split(",") if item]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, demo: DemoServer) -> None:
        self.demo = demo
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Answer a reading route."""
        self._send(*self.server.demo.read(self.path, self.headers.get("authorization")))

    def do_POST(self) -> None:
        """Answer the token endpoint."""
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        if self.path == "/oauth/token":
            self._send(*self.server.demo.issue_token(json.loads(body)))
        else:
            self._send(404, _NOT_FOUND)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""

    def _send(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document, separators=(",", ":")).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
