"""The loopback HTTP server: `Simulator`, what tests and the demo start."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tastytrade_simulator.alterations import altered
from tastytrade_simulator.api import Request, answer, route_of
from tastytrade_simulator.authorization import (
    ACCESS_TOKEN_SECONDS,
    Authority,
    LegacyLogin,
    SimulatedCredentials,
)
from tastytrade_simulator.clock import SimulatedClock
from tastytrade_simulator.fault_delivery import Connection, deliver
from tastytrade_simulator.fault_kinds import Fault, FaultKind, FaultPlan
from tastytrade_simulator.portfolio import SimulatedPortfolio
from tastytrade_simulator.recording import (
    RecordedRequest,
    RequestLog,
    rate_excess,
    sequential_round_trips,
)
from tastytrade_simulator.responses import Response, nginx_page
from tastytrade_simulator.state import (
    NEWEST_VERSION,
    PRODUCTION,
    SANDBOX,
    BrokerState,
)
from tastytrade_simulator.wire import PRODUCTION_2026, WireForm

if TYPE_CHECKING:
    from tastytrade_simulator.streamer import Streamer

_MAX_BODY: Final = 1024 * 1024
# How long the accepting thread sleeps between looks at whether it should stop.
_STOP_LATENCY: Final = 0.005


class SimulatorError(Exception):
    """The simulator itself failed while it answered: a mistake in the test's data, or a bug."""


class Simulator:
    """A broker on `http://127.0.0.1`, on a free port, as a context manager.

    Every attribute below may be set while it serves; swapping `portfolio` costs nothing.

    Attributes:
        portfolio: what it serves.
        faults: what fails; setting it starts the counting of requests anew.
        wire: how numbers and optional members are written.
        credentials: what a client needs to log in.
        clock: the simulator's time; a `SimulatedClock` unless another was given.
        enforce_rate_limits: answer 429, without body, beyond the published rates.
        state: everything else that the broker knows.
    """

    def __init__(
        self,
        portfolio: SimulatedPortfolio,
        *,
        faults: Sequence[Fault] = (),
        clock: Callable[[], datetime] | None = None,
        environment: str = PRODUCTION,
        wire: WireForm = PRODUCTION_2026,
        legacy_login: LegacyLogin = LegacyLogin.OPEN,
        scopes: Sequence[str] = ("read",),
        narrows_scope: bool = True,
        access_token_seconds: int = ACCESS_TOKEN_SECONDS,
        default_version: str = NEWEST_VERSION,
        enforce_rate_limits: bool = False,
        credentials: SimulatedCredentials | None = None,
    ) -> None:
        if environment not in (PRODUCTION, SANDBOX):
            raise ValueError(f"the environment is {PRODUCTION} or {SANDBOX}")
        self.clock: Callable[[], datetime] = clock or SimulatedClock()
        self.credentials = credentials or SimulatedCredentials.generate()
        self.enforce_rate_limits = enforce_rate_limits
        self.state = BrokerState(
            portfolio=portfolio,
            authority=Authority(self.credentials, self.clock, scopes, access_token_seconds),
            credentials=self.credentials,
            clock=self.clock,
            environment=environment,
            wire=wire,
            legacy_login=legacy_login,
            default_version=default_version,
            narrows_scope=narrows_scope,
        )
        self.errors: list[Exception] = []
        self._streamer: Streamer | None = None
        self._plan = FaultPlan(faults)
        self._log = RequestLog()
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is None and self.errors:
            raise SimulatorError("the simulator failed while it answered") from self.errors[0]

    def start(self) -> None:
        """Begin to serve."""
        self._stopping.clear()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_STOP_LATENCY,), name="simulator", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close every connection."""
        if self._server is None or self._thread is None:
            return
        self._stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        self._server = None

    @property
    def url(self) -> str:
        """Where it serves, without a slash at the end."""
        if self._server is None:
            raise SimulatorError("the simulator is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def streamer(self) -> Streamer:
        """Its account streamer, on the same address."""
        if self._streamer is None:
            from tastytrade_simulator.streamer import Streamer

            authority = self.state.authority
            self._streamer = Streamer(lambda token: authority.scopes_of(token) is not None)
        return self._streamer

    @property
    def portfolio(self) -> SimulatedPortfolio:
        """What it serves."""
        return self.state.portfolio

    @portfolio.setter
    def portfolio(self, portfolio: SimulatedPortfolio) -> None:
        self.state.portfolio = portfolio

    @property
    def wire(self) -> WireForm:
        """How it writes numbers and optional members."""
        return self.state.wire

    @wire.setter
    def wire(self, wire: WireForm) -> None:
        self.state.wire = wire

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force."""
        return self._plan.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._plan = FaultPlan(faults)

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests since the start or the last `clear`, in order of arrival."""
        return self._log.snapshot()

    def counts(self) -> Counter[str]:
        """The number of requests by route; `no-route` for what nothing serves."""
        return Counter(request.route for request in self.requests)

    @property
    def connections(self) -> int:
        """Over how many connections the requests came."""
        return len({request.connection for request in self.requests})

    def rate_excess(self) -> dict[str, int]:
        """How many requests came sooner than the published rates allow, by route."""
        return rate_excess(self.requests)

    def sequential_round_trips(self) -> int:
        """The longest chain of requests each of which had to wait for the one before."""
        return sequential_round_trips(self.requests)

    def clear(self) -> None:
        """Forget the requests so far, and count those that the faults wait for anew."""
        self._log.clear()
        self._plan = FaultPlan(self._plan.faults)

    def expire_access_tokens(self) -> None:
        """End every access token and session issued so far."""
        self.state.authority.expire_all()

    def serve(self, handler: _Handler, request: Request, record: RecordedRequest) -> bool:
        """Answer one request; returns whether the connection lives on."""
        connection = Connection(handler.connection, self._stopping)
        faults = self._plan.strike(request.route)
        if self.state.locked_out:
            faults = (*faults, Fault(request.route, FaultKind.SILENT))
        try:
            for fault in faults:
                self._change(fault, connection)
            response = self._answer(request)
            for fault in faults:
                response = altered(response, fault)
        except Exception as error:  # noqa: BLE001 - told to the test in __exit__; the client gets a 500
            self.errors.append(error)
            response = nginx_page(500)
        record.status = int(response.status)
        record.answered = (
            time.monotonic()
        )  # before it is sent: a client may ask again before this thread runs on
        try:
            return deliver(connection, response, self.clock(), faults)
        except OSError:
            return False  # the client has gone, which it may

    def _change(self, fault: Fault, connection: Connection) -> None:
        """The faults that change the server rather than the answer."""
        if fault.kind == FaultKind.DELAY:
            connection.pause(fault.seconds)
        elif fault.kind == FaultKind.EXPIRE_TOKENS:
            self.expire_access_tokens()
        elif fault.kind == FaultKind.CLOCK_OFFSET:
            if not isinstance(self.clock, SimulatedClock):
                raise SimulatorError("a clock-offset fault needs a SimulatedClock")
            self.clock.advance(fault.seconds)
        elif fault.kind == FaultKind.ROTATE_REFRESH_TOKEN:
            self.state.rotate_refresh_token = True

    def _answer(self, request: Request) -> Response:
        if self.enforce_rate_limits and self._too_soon(request.route):
            return Response(429, b"", None)
        return answer(request, self.state)

    def _too_soon(self, route: str) -> bool:
        """Whether the newest request of this route broke a published rate."""
        same = [request for request in self.requests if request.route == route]
        return rate_excess(same).get(route, 0) > rate_excess(same[:-1]).get(route, 0)

    def record(self, handler: _Handler, request: Request) -> RecordedRequest:
        """Note a request that has arrived."""
        record = RecordedRequest(
            method=request.method,
            path=request.path,
            query=request.query,
            route=request.route,
            at=self.clock(),
            started=time.monotonic(),
            connection=handler.number,
            headers=request.headers,
            body=request.body,
        )
        self._log.add(record)
        return record

    def new_connection(self) -> int:
        """The number of a connection that was just accepted."""
        return self._log.new_connection()


class _Server(ThreadingHTTPServer):
    """A server that can be stopped while clients keep their connections open."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        client, address = super().get_request()
        with self._lock:
            self._open.add(client)
        return client, address

    def shutdown_request(self, request: Any) -> None:
        """Close one connection, in the thread that served it."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake every thread that waits for a client's next request."""
        with self._lock:
            for client in self._open:
                try:
                    client.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it closed itself in the meantime

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep what went wrong for the test that waits in `Simulator.__exit__`; a client may break off at will."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.simulator.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    """Reads requests off one connection and hands them to the simulator."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.number = self.server.simulator.new_connection()

    def parse_request(self) -> bool:
        """Let every method through, so that a forbidden one is recorded and not only refused."""
        parsed = super().parse_request()
        if parsed:
            setattr(self, f"do_{self.command}", self._serve)
        return parsed

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""

    def _serve(self) -> None:
        target = self.requestline.split()[
            1
        ]  # `self.path` has lost the second of two leading slashes
        path, _, query = target.partition("?")
        route, segments = route_of(self.command, path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("upgrade", "").lower() == "websocket":
            self.server.simulator.streamer.attend(self.connection, path, headers)
            self.close_connection = True
            return
        request = Request(self.command, path, query, headers, self._body(headers), route, segments)
        simulator = self.server.simulator
        record = simulator.record(self, request)
        lives_on = simulator.serve(self, request, record)
        if not lives_on or "transfer-encoding" in headers:  # a chunked body was not read
            self.close_connection = True

    def _body(self, headers: dict[str, str]) -> bytes:
        length = headers.get("content-length", "0")
        size = min(int(length), _MAX_BODY) if length.isascii() and length.isdigit() else 0
        return self.rfile.read(size) if size else b""
