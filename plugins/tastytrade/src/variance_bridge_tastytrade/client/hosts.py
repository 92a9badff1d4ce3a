"""Which address the credentials may be sent to: production, the sandbox, or this machine. Pure.

Anything else in API_BASE_URL is refused, because the refresh token never expires and would be sent there. The session
refuses other hosts too; the message here names the setting.
"""

from __future__ import annotations

import re

from msgspec import Struct

from variance_bridge.addresses import is_loopback
from variance_bridge.errors import ConfigurationError
from variance_bridge.model import Environment
from variance_bridge_tastytrade.host_names import PRODUCTION_HOSTS, SANDBOX_HOSTS, STREAMER_HOSTS
from variance_bridge_tastytrade.settings import SANDBOX, TastytradeSettings

_STREAMERS = {
    "api.tastyworks.com": STREAMER_HOSTS[0],
    "api.tastytrade.com": STREAMER_HOSTS[0],
    "api.cert.tastyworks.com": STREAMER_HOSTS[1],
}

_SWAPPED = {
    "api.cert.tastytrade.com": "api.cert.tastyworks.com",
    "api.sandbox.tastyworks.com": "api.sandbox.tastytrade.com",
}
"""Hosts that do not exist, and what is meant."""

_URL = r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/?"


class Endpoint(Struct, frozen=True):
    """Where requests go.

    Attributes:
        base_url: scheme, host and port, without a slash at the end.
        environment: what the positions are marked with. The address decides it, so that the sandbox never passes for production.
        is_sandbox: it has the sandbox's limits: no Accept-Version, no market data.
    """

    base_url: str
    environment: Environment
    is_sandbox: bool


def endpoint(settings: TastytradeSettings) -> Endpoint:
    """The address that the settings mean.

    Raises:
        ConfigurationError: it is not a permitted address, or belongs to the other environment.
    """
    is_sandbox = settings.environment == SANDBOX
    own, other = (
        (SANDBOX_HOSTS, PRODUCTION_HOSTS) if is_sandbox else (PRODUCTION_HOSTS, SANDBOX_HOSTS)
    )
    if settings.base_url is None:
        return _remote(own[0], is_sandbox)
    match = re.fullmatch(_URL, settings.base_url.strip().lower())
    if match is None:
        raise _refused("the address is not a plain https://HOST")
    scheme, host, port = match["scheme"] or "", match["host"], match["port"]
    loopback = "127.0.0.1" if host == "localhost" else host
    if is_loopback(loopback):
        if scheme not in ("", "http", "https"):
            raise _refused("the scheme is neither http nor https")
        base_url = f"{scheme or 'http'}://{loopback}" + (f":{port}" if port else "")
        return Endpoint(base_url, Environment.SIMULATOR, is_sandbox)
    if host in other:
        wanted = "production" if is_sandbox else "sandbox"
        raise _refused(
            f"this is the address of the {wanted} environment",
            f'set environment = "{wanted}", or another address',
        )
    if host in _SWAPPED:
        raise _refused("there is no such host", f"{_SWAPPED[host]} is meant")
    if host not in own:
        raise _refused("the address belongs neither to tastytrade nor to this machine")
    if scheme not in ("", "https") or port not in (None, "443"):
        raise _refused("tastytrade is reached only by https on port 443")
    return _remote(host, is_sandbox)


def streamer_address(endpoint: Endpoint) -> str | None:
    """Where notices of changes come from; None where no streamer is known. A simulator has it on its own port."""
    scheme, _, host = endpoint.base_url.partition("://")
    if endpoint.environment is Environment.SIMULATOR:
        return f"{'wss' if scheme == 'https' else 'ws'}://{host}/"
    streamer = _STREAMERS.get(host)
    return f"wss://{streamer}/" if streamer else None


def _remote(host: str, is_sandbox: bool) -> Endpoint:
    environment = Environment.SANDBOX if is_sandbox else Environment.PRODUCTION
    return Endpoint(f"https://{host}", environment, is_sandbox)


def _refused(what: str, hint: str | None = None) -> ConfigurationError:
    allowed = ", ".join((*PRODUCTION_HOSTS, *SANDBOX_HOSTS))
    return ConfigurationError(
        f"credentials are not sent to this address: {what}",
        where="API_BASE_URL (setting `base_url` of tastytrade)",
        hint=hint or f"leave it unset, or use one of {allowed}, or a loopback address",
    )
