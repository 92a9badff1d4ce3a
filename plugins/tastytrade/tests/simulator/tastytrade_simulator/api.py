"""What the API answers to a request when nothing fails: the gate, the token endpoint and the reading routes."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from tastytrade_simulator import instruments, log_in_routes, wire
from tastytrade_simulator.customer import customer
from tastytrade_simulator.responses import (
    Response,
    error_envelope,
    json_response,
    nginx_page,
    supported_message,
)
from tastytrade_simulator.routes import NO_ROUTE, SESSIONS, TOKEN, match
from tastytrade_simulator.state import SANDBOX, BrokerState
from variance_bridge_tastytrade.demo_server import payloads
from variance_bridge_tastytrade.demo_server.portfolio import SimulatedPosition
from variance_bridge_tastytrade.demo_server.spelling import zulu_time

# The version from which balances are a list, and the oldest that the simulator serves.
BALANCES_AS_LIST: Final = "20240501"
OLDEST_VERSION: Final = "20200101"

MAXIMUM_SYMBOLS: Final = 100
PUBLIC_ROUTES: Final = frozenset({TOKEN, SESSIONS, "device-challenge"})
_MARKET_ROUTES: Final = frozenset({"market-data", "market-data-single", "market-metrics"})

# product "/" version, and what may follow it (RFC 9110, 10.1.5). The vendor's documentation demands that; its own two SDKs,
# which work, send a product alone.
_USER_AGENT: Final = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[0-9A-Za-z.+_-]+(?: .*)?|tastytrade-sdk-(?:js|python)"
)
_VERSION: Final = re.compile(r"[0-9]{8}")

_TYPE_PARAMETERS: Final = {
    "index": ("Index",),
    "equity": ("Equity", "Index"),
    "equity-option": ("Equity Option",),
    "future": ("Future",),
    "future-option": ("Future Option",),
    "cryptocurrency": ("Cryptocurrency",),
}
_INSTRUMENT_KINDS: Final = {
    "equities": "Equity",
    "equity-options": "Equity Option",
    "futures": "Future",
    "future-options": "Future Option",
    "cryptocurrencies": "Cryptocurrency",
    "warrants": "Warrant",
}


@dataclass(frozen=True)
class Request:
    """One request as the API sees it. `headers` has names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    route: str
    segments: Mapping[str, str]

    def values(self, name: str) -> list[str]:
        """All values of a list parameter in the three styles in use: `a=1&a=2`, `a[]=1&a[]=2`, `a=1,2`."""
        pairs = parse_qsl(self.query, keep_blank_values=True)
        given = [value for key, value in pairs if key in (name, f"{name}[]")]
        return [item for value in given for item in value.split(",") if item]

    def flag(self, name: str) -> bool:
        """A boolean parameter: `true`, and nothing else, is true."""
        return self.values(name) == ["true"]


def answer(request: Request, state: BrokerState) -> Response:
    """The API's answer: first the proxy's checks, then the API's, then the route."""
    refused = _gate(request, state)
    if refused is not None:
        return refused
    if request.route == TOKEN:
        return log_in_routes.token(request.headers, request.body, state)
    if request.route in PUBLIC_ROUTES or request.route.startswith("sessions"):
        return log_in_routes.session(request.route, request.headers, request.body, state)
    return _READERS[request.route](request, state)


def route_of(method: str, path: str) -> tuple[str, dict[str, str]]:
    """Name and path segments of the route that serves a request."""
    found = match(method, path)
    return found.route, found.segments


def _gate(request: Request, state: BrokerState) -> Response | None:
    """The refusals that do not depend on what is asked for; the order is the real one, proxy first."""
    if not _USER_AGENT.fullmatch(request.headers.get("user-agent", "")):
        return nginx_page(HTTPStatus.UNAUTHORIZED)
    if state.environment == SANDBOX and request.path.startswith(
        ("/market-data", "/market-metrics")
    ):
        return nginx_page(HTTPStatus.BAD_GATEWAY)
    version_error = _version_error(request, state)
    if version_error is not None:
        return version_error
    if request.route in PUBLIC_ROUTES:
        return None
    scopes = state.authority.scopes_of(request.headers.get("authorization"))
    if scopes is None:
        return error_envelope(
            HTTPStatus.UNAUTHORIZED, "token_invalid", "This token is invalid or has expired"
        )
    if "read" not in scopes:
        return error_envelope(HTTPStatus.FORBIDDEN, "not_permitted", "User not permitted access")
    if request.route == NO_ROUTE:
        return _not_found("The requested resource could not be found")
    return None


def _version_error(request: Request, state: BrokerState) -> Response | None:
    """406 for a version that is malformed, or older than all, or sent to the sandbox, which takes none."""
    version = request.headers.get("accept-version")
    if version is None:
        return None
    served = bool(_VERSION.fullmatch(version)) and version >= OLDEST_VERSION
    if served and state.environment != SANDBOX:
        return None
    message = "The requested version is not supported."
    return error_envelope(HTTPStatus.NOT_ACCEPTABLE, 406, message)


def _not_found(message: str) -> Response:
    return error_envelope(HTTPStatus.NOT_FOUND, "record_not_found", message)


def _data(data: Any, request: Request, **more: Any) -> Response:
    return json_response({"data": data, "context": request.path, **more})


def _customer(request: Request, state: BrokerState) -> Response:
    return _data(customer(state.credentials.username), request)


def _quote_tokens(request: Request, state: BrokerState) -> Response:
    """What a client opens the stream of quotes with. There is no stream here."""
    now = state.clock()
    data = {
        "token": secrets.token_urlsafe(24),
        "dxlink-url": "wss://dxlink.example.invalid/realtime",
        "level": "demo",
        "issued-at": zulu_time(now),
        "expires-at": zulu_time(now + timedelta(days=1)),
    }
    return _data(data, request)


def _accounts(request: Request, state: BrokerState) -> Response:
    items = [payloads.listed_account(account) for account in state.portfolio.accounts]
    return _data({"items": items}, request)


def _account(request: Request, state: BrokerState) -> Response:
    account = state.portfolio.account(request.segments["account"])
    return _no_access() if account is None else _data(payloads.account(account), request)


def _no_access() -> Response:
    return error_envelope(HTTPStatus.FORBIDDEN, "not_permitted", "User not permitted access")


def _positions(request: Request, state: BrokerState) -> Response:
    """All rows of the account; never paginated. Closed rows only on request."""
    account = state.portfolio.account(request.segments["account"])
    if account is None:
        return _no_access()
    now, marks = state.clock(), request.flag("include-marks")
    items = [
        wire.in_form(
            payloads.position(row, account.number, now, marks=marks), row, state.wire, index
        )
        for index, row in enumerate(account.positions)
        if _is_wanted(row, request)
    ]
    return _data({"items": items}, request)


def _is_wanted(row: SimulatedPosition, request: Request) -> bool:
    if row.direction == "Zero" and not request.flag("include-closed-positions"):
        return False
    filters = {
        "symbol": row.symbol,
        "instrument-type": row.instrument_type,
        "underlying-symbol": row.underlying_symbol,
    }
    return all(
        not request.values(name) or value in request.values(name) for name, value in filters.items()
    )


def _balances(request: Request, state: BrokerState) -> Response:
    """An object before version 20240501, a list with one item per currency since."""
    account = state.portfolio.account(request.segments["account"])
    if account is None:
        return _no_access()
    balances = payloads.balances(account, state.clock())
    version = request.headers.get("accept-version", state.default_version)
    as_list = version >= BALANCES_AS_LIST
    return _data({"items": [balances]} if as_list else balances, request)


def _balance(request: Request, state: BrokerState) -> Response:
    account = state.portfolio.account(request.segments["account"])
    if account is None:
        return _no_access()
    if request.segments["currency"] != account.currency:
        return _not_found("Couldn't find AccountBalance.")
    return _data(payloads.balances(account, state.clock()), request)


def _market_data(request: Request, state: BrokerState) -> Response:
    """At most 100 symbols in total; unknown ones are dropped without a word; the order is the server's own."""
    wanted = {name: request.values(name) for name in _TYPE_PARAMETERS}
    if sum(len(symbols) for symbols in wanted.values()) > MAXIMUM_SYMBOLS:
        message = supported_message(f"At most {MAXIMUM_SYMBOLS} symbols may be requested")
        return error_envelope(HTTPStatus.BAD_REQUEST, "validation_error", message)
    found = {
        symbol
        for name, symbols in wanted.items()
        for symbol in symbols
        if symbol in state.portfolio.quotes
        and state.portfolio.quotes[symbol].instrument_type in _TYPE_PARAMETERS[name]
    }
    now = state.clock()
    items = [
        payloads.market_data(state.portfolio.quotes[symbol], now, state.portfolio)
        for symbol in sorted(found, key=_shuffled)
    ]
    return _data({"items": items}, request, pagination=None)


def _shuffled(symbol: str) -> str:
    """An order that is neither the request's nor the alphabet's, and always the same."""
    return hashlib.sha256(symbol.encode()).hexdigest()


def _market_data_single(request: Request, state: BrokerState) -> Response:
    quote = state.portfolio.quotes.get(request.segments["symbol"])
    if quote is None or quote.instrument_type != request.segments["type"]:
        return _not_found("Couldn't find MarketData.")
    return _data(payloads.market_data(quote, state.clock(), state.portfolio), request)


def _market_metrics(request: Request, state: BrokerState) -> Response:
    known = state.portfolio.metrics
    symbols = [symbol for symbol in dict.fromkeys(request.values("symbols")) if symbol in known]
    now = state.clock()
    items = [payloads.market_metrics(symbol, known[symbol], now) for symbol in symbols]
    return _data({"items": items}, request)


def _held(request: Request, state: BrokerState) -> list[SimulatedPosition]:
    """The held instruments of a kind, once each: the only ones that the simulator knows."""
    kind = _INSTRUMENT_KINDS.get(request.segments["kind"])
    rows = {
        row.symbol: row
        for account in state.portfolio.accounts
        for row in account.positions
        if row.instrument_type == kind
    }
    return list(rows.values())


def _instruments(request: Request, state: BrokerState) -> Response:
    if request.segments["kind"] not in _INSTRUMENT_KINDS:
        return _not_found("The requested resource could not be found")
    symbols = request.values("symbol")
    items = [
        instruments.instrument(row, state.portfolio)
        for row in _held(request, state)
        if not symbols or row.symbol in symbols
    ]
    return _data({"items": items}, request)


def _instrument(request: Request, state: BrokerState) -> Response:
    wanted = request.segments["symbol"]
    for row in _held(request, state):
        if wanted in (row.symbol, row.symbol.removeprefix("/")):
            return _data(instruments.instrument(row, state.portfolio), request)
    name = _INSTRUMENT_KINDS.get(request.segments["kind"], "Instrument").replace(" ", "")
    return _not_found(f"Couldn't find {name}.")


_READERS: Final[Mapping[str, Callable[[Request, BrokerState], Response]]] = {
    "customer": _customer,
    "accounts": _accounts,
    "account": _account,
    "positions": _positions,
    "balances": _balances,
    "balance": _balance,
    "market-data": _market_data,
    "market-data-single": _market_data_single,
    "market-metrics": _market_metrics,
    "quote-tokens": _quote_tokens,
    "instruments": _instruments,
    "instrument": _instrument,
}
