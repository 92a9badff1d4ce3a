"""Posts a few facts about each sync to the address that `[listeners.webhook]` names: this machine, or a host that is declared there.

What is sent is a closed list without anything personal, without a position, an amount, or a path.
"""

from __future__ import annotations

import json
import ssl
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import attrs

from variance_bridge import ConfigurationError, Portfolio, hookimpl, setting
from variance_bridge.addresses import is_loopback

_TIMEOUT = timedelta(seconds=10)
_OK = range(200, 300)
_MAX_ANSWER = 64 * 1024


@attrs.frozen(kw_only=True)
class WebhookSettings:
    """Table `[listeners.webhook]`."""

    url: str = setting(title="where the facts are posted: https, or http on this machine")
    host: str | None = setting(None, title="the host of the address, unless it is this machine")
    timeout: timedelta = setting(_TIMEOUT, title="how long it may take")  # noqa: RUF009 - a field

    @url.validator
    def _check_url(self, _field: Any, url: str) -> None:
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            raise ValueError("must be an address") from None
        plain = url.isascii() and url.isprintable() and not any(sign in url for sign in " \\\"'<>")
        if not plain or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with https:// and a host, or http:// on this machine")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise ValueError("must not contain a user or a fragment")
        if parts.scheme == "http" and not is_loopback(_host(parts)):
            raise ValueError("must be https, except on this machine (http://127.0.0.1:PORT)")

    @timeout.validator
    def _check_timeout(self, _field: Any, timeout: timedelta) -> None:
        if timeout <= timedelta():
            raise ValueError("must be greater than zero")

    def __attrs_post_init__(self) -> None:
        host = _host(urlsplit(self.url))
        if not is_loopback(host) and (self.host or "").lower() != host:
            raise ValueError("`host` must repeat the host of `url`, so that a slip sends nothing")


def _host(parts: SplitResult) -> str:
    """In lower case; an IPv6 address in brackets."""
    host = (parts.hostname or "").lower()
    return f"[{host}]" if ":" in host else host


@hookimpl
def variance_bridge_listener_settings() -> type[WebhookSettings]:
    """The keys of `[listeners.webhook]`."""
    return WebhookSettings


@hookimpl
def variance_bridge_synced(portfolio: Portfolio, path: Path, settings: WebhookSettings) -> None:
    """Post the facts, once.

    Raises:
        ConfigurationError: there is no answer in time, or one that does not accept them.
    """
    del path  # it may name a person
    status = _post(settings, json.dumps(body(portfolio)).encode())
    if status not in _OK:
        redirected = " (a redirect, which is never followed)" if 300 <= status < 400 else ""
        raise ConfigurationError(f"the address answered with status {status}{redirected}")


def body(portfolio: Portfolio) -> dict[str, Any]:
    """What is posted, as JSON."""
    meta = portfolio.meta
    return {
        "event": "synced",
        "account_hash": meta.account_hash,
        "source": meta.source,
        "environment": str(meta.environment) if meta.environment else None,
        "status": str(meta.status) if meta.status else None,
        "positions": len(portfolio.positions),
        "rejected": len(meta.rejected),
        "fetched_at": f"{meta.fetched_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _post(settings: WebhookSettings, data: bytes) -> int:
    """The status of the answer. One request: no redirect, no proxy, no second try."""
    parts, seconds = urlsplit(settings.url), settings.timeout.total_seconds()
    host = parts.hostname or ""
    connection = (
        HTTPSConnection(host, parts.port, timeout=seconds, context=ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(host, parts.port, timeout=seconds)
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": "variance-bridge-notify/0.1.0"}
    try:
        connection.request("POST", target, body=data, headers=headers)
        answer = connection.getresponse()
        answer.read(_MAX_ANSWER)
    except (OSError, HTTPException) as error:
        raise ConfigurationError(f"the address cannot be reached: {_reason(error)}") from None
    finally:
        connection.close()
    return answer.status


def _reason(error: Exception) -> str:
    """Without the address, whose path may be a secret."""
    if isinstance(error, TimeoutError):
        return "there was no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
