"""Faults as data: which request of which route fails, and how."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from tastytrade_simulator.routes import NO_ROUTE, ROUTES


class FaultKind(StrEnum):
    """What goes wrong. The fields of `Fault` in brackets belong to the kind."""

    # Another answer than the right one.
    STATUS = "status"  # [status, form, code, message, retry_after]
    REDIRECT = "redirect"  # [status 301-308, location]
    HTML_200 = "html-200"  # a maintenance page with status 200
    WRONG_CONTENT_TYPE = "wrong-content-type"  # [content_type] the right body under another name
    MALFORMED_JSON = "malformed-json"  # the body's first half, as a complete answer
    MISSING_DATA = "missing-data"  # the envelope without `data`
    SET_MEMBER = "set-member"  # [pointer, value]
    DROP_MEMBER = "drop-member"  # [pointer]
    RENAME_MEMBER = "rename-member"  # [pointer, value: the new name]
    REPLACE_BODY = "replace-body"  # [body, content_type, status]

    # The right answer, badly delivered.
    DELAY = "delay"  # [seconds]
    SLOW_DRIP = "slow-drip"  # [seconds per byte]
    TRUNCATED_BODY = "truncated-body"  # Content-Length of the whole, half of it, then the end
    RESET = "reset"  # no answer, connection reset
    RESET_IN_BODY = "reset-in-body"  # half of the body, then a reset
    CLOSED = "closed"  # no answer, connection closed
    SILENT = "silent"  # [seconds] no answer while the client waits
    GARBAGE = "garbage"  # bytes that are no HTTP
    GZIP_BOMB = "gzip-bomb"  # [size in bytes when unpacked]
    ENDLESS_BODY = "endless-body"  # [size] chunked rubbish

    # The server's state changes, then it answers.
    EXPIRE_TOKENS = "expire-tokens"  # every access token issued so far is dead
    CLOCK_OFFSET = "clock-offset"  # [seconds] the simulator's clock jumps
    ROTATE_REFRESH_TOKEN = "rotate-refresh-token"


class BodyForm(StrEnum):
    """The body of an error status."""

    NGINX = "nginx"
    ENVELOPE = "envelope"  # {"error": {"code", "message"}}
    OAUTH = "oauth"  # {"error_code", "error_description"}
    RFC_6749 = "rfc-6749"  # {"error": code}
    TEXT = "text"
    EMPTY = "empty"


EVERY_ROUTE: Final = "*"
_ROUTE_NAMES: Final = frozenset({EVERY_ROUTE, NO_ROUTE, *(name for name, _, _ in ROUTES)})


@dataclass(frozen=True)
class Fault:
    """One fault: `kind` happens to the `at`-th request (from 1) of `route` since the fault was installed.

    With `at` alone it happens once, with `at` and `times` to that many requests from there, with `times` alone to
    the first ones, with neither to all. `route` is a name of `routes.ROUTES`, or `*` for any route. Several faults
    may meet in one request: they apply in the order in which they are listed.

    Attributes:
        form: None picks what the API has for that status: nginx's page for 429 and 5xx, else the envelope.
        retry_after: the header's text; the real API sends none.
        pointer: a JSON pointer into the body, such as `/data/items/0/multiplier`.
        size: in bytes.
    """

    route: str
    kind: FaultKind | str
    at: int | None = None
    times: int | None = None
    status: int | None = None
    form: BodyForm | str | None = None
    code: str | int = "internal_server_error"
    message: str = "Something went wrong"
    retry_after: str | None = None
    location: str = ""
    content_type: str = "text/plain"
    body: bytes = b""
    pointer: str = ""
    value: Any = None
    seconds: float = 0.0
    size: int = 64 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.route not in _ROUTE_NAMES:
            raise ValueError(f"no route is called {self.route!r}")
        FaultKind(self.kind)
        if self.form is not None:
            BodyForm(self.form)
        if self.at is not None and self.at < 1:
            raise ValueError("a fault's request is counted from 1")

    def hits(self, request: int) -> bool:
        """Whether it happens to the so-and-so-many-th request of its route."""
        first = self.at or 1
        count = self.times if self.times is not None else (1 if self.at else None)
        return request >= first and (count is None or request < first + count)


class FaultPlan:
    """The faults in force, with the count of requests per route since they were installed."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def strike(self, route: str) -> tuple[Fault, ...]:
        """Count one request and return the faults that happen to it."""
        with self._lock:
            self._seen[route] += 1
            self._seen[EVERY_ROUTE] += 1
            return tuple(
                fault
                for fault in self.faults
                if fault.route in (route, EVERY_ROUTE) and fault.hits(self._seen[fault.route])
            )
