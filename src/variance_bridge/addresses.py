"""Which address a broker's requests go to: its own, or the one that the user set in its place. Pure.

A broker has a setting `base_url` for tests and simulators. Credentials are sent to the address that it names, so it is either
one of the broker's hosts or this machine, and nothing else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from variance_bridge.errors import ConfigurationError

_LOOPBACK: Final = ipaddress.IPv4Network("127.0.0.0/8")
_HTTPS_PORTS: Final = (None, 443)


def is_loopback(host: str) -> bool:
    """Whether the host is an address of this machine, spelled in the one canonical way: `127.0.0.1`, `[::1]`.

    `localhost` is not: where a name leads is up to a resolver.
    """
    if host == "[::1]":
        return True
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return address in _LOOPBACK and str(address) == host


def is_this_machine(url: str) -> bool:
    """Whether an address leads to this machine: http or https, to a loopback address, with nothing but a port behind it."""
    return _host(url) is not None and is_loopback(_host(url) or "")


def base_address(
    base_url: str | None, usual: str, *, setting: str, hosts: Collection[str] = ()
) -> str:
    """The address that stands before every path of the API, without a slash at its end.

    Args:
        base_url: what the user set; None for nothing.
        usual: the broker's own; a user may spell it out, too.
        setting: which setting it is, for the message: "`base_url` of acme".
        hosts: hosts of the broker that may stand there too, over https.

    Raises:
        ConfigurationError: it leads neither to this machine nor to one of the hosts. The message does not repeat it.
    """
    if base_url is None:
        return usual.rstrip("/")
    address = base_url.strip().rstrip("/")
    if is_this_machine(address) or address == usual.rstrip("/"):
        return address
    if _host(address) in hosts and _is_https(address):
        return address
    raise ConfigurationError(
        "credentials are sent only to the broker or to this machine",
        where=f"setting {setting}",
        hint="leave it unset, or use http://127.0.0.1:PORT",
    )


def _is_https(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.port in _HTTPS_PORTS


def _host(url: str) -> str | None:
    """The host of an address that is spelled plainly, an IPv6 address in brackets; None for any other."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        return None
    if "@" in parts.netloc or "\\" in url or any(character.isspace() for character in url):
        return None
    return f"[{host}]" if ":" in host else host
