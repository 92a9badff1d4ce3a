"""The table of routes. A path is cut at its slashes before it is decoded, as the real API does it.

So a symbol's own slash must be sent as `%2F`: a raw one makes another path, which is another route or none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

TOKEN: Final = "token"
SESSIONS: Final = "sessions"
NO_ROUTE: Final = "no-route"

# Route name, method, path; `{...}` is one segment, decoded once.
ROUTES: Final[tuple[tuple[str, str, str], ...]] = (
    (TOKEN, "POST", "/oauth/token"),
    (SESSIONS, "POST", "/sessions"),
    ("sessions-delete", "DELETE", "/sessions"),
    ("sessions-validate", "POST", "/sessions/validate"),
    ("device-challenge", "POST", "/device-challenge"),
    ("customer", "GET", "/customers/me"),
    ("accounts", "GET", "/customers/me/accounts"),
    ("account", "GET", "/customers/me/accounts/{account}"),
    ("positions", "GET", "/accounts/{account}/positions"),
    ("balances", "GET", "/accounts/{account}/balances"),
    ("balance", "GET", "/accounts/{account}/balances/{currency}"),
    ("market-data", "GET", "/market-data/by-type"),
    ("market-data-single", "GET", "/market-data/{type}/{symbol}"),
    ("market-metrics", "GET", "/market-metrics"),
    ("quote-tokens", "GET", "/api-quote-tokens"),
    ("instruments", "GET", "/instruments/{kind}"),
    ("instrument", "GET", "/instruments/{kind}/{symbol}"),
)


@dataclass(frozen=True)
class Match:
    """The route of a request and the decoded segments of its path."""

    route: str
    segments: dict[str, str]


def match(method: str, path: str) -> Match:
    """The route of a method and a raw path; `no-route` where there is none."""
    parts = path.split("/")
    for name, wanted_method, pattern in ROUTES:
        if method == wanted_method:
            segments = _segments(pattern.split("/"), parts)
            if segments is not None:
                return Match(name, segments)
    return Match(NO_ROUTE, {})


def _segments(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    segments: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            segments[wanted[1:-1]] = unquote(part)
        elif wanted != part:
            return None
    return segments
