"""Which address the credentials may be sent to: production, the sandbox, or this machine. Pure.

Anything else in API_BASE_URL is refused, because the refresh token never expires and would be sent there. The session
refuses other hosts too; here the user is told why in the words of the setting.
"""

from __future__ import annotations

import ipaddress
import re

import attrs

from variance_bridge.errors import ConfigurationError
from variance_bridge.model import Environment
from variance_bridge_tastytrade.settings import SANDBOX, TastytradeSettings

PRODUCTION_HOSTS = ("api.tastyworks.com", "api.tastytrade.com")
"""https://developer.tastytrade.com/docs/sandbox; the second is the vendor's own alias."""

SANDBOX_HOSTS = ("api.cert.tastyworks.com",)

_URL = re.compile(
    r"(?:(?P<scheme>[a-z]+)://)?(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE,
)


@attrs.frozen
class Endpoint:
    """Where requests go.

    Attributes:
        base_url: scheme, host and port, without a slash at the end.
        environment: what the positions are marked with; the address decides, so that none passes for another.
        is_sandbox: speaks as the sandbox does: no Accept-Version, no market data.
    """

    base_url: str
    environment: Environment
    is_sandbox: bool


def endpoint(settings: TastytradeSettings) -> Endpoint:
    """The address that the settings mean.

    Raises:
        ConfigurationError: it is none of the permitted ones, or belongs to the other environment.
    """
    is_sandbox = settings.environment == SANDBOX
    own, other = (
        (SANDBOX_HOSTS, PRODUCTION_HOSTS) if is_sandbox else (PRODUCTION_HOSTS, SANDBOX_HOSTS)
    )
    if settings.base_url is None:
        return _remote(own[0], is_sandbox)
    match = _URL.fullmatch(settings.base_url.strip())
    if match is None:
        raise _refused("the address is not a plain https://HOST")
    scheme, host, port = (match["scheme"] or "").lower(), match["host"].lower(), match["port"]
    loopback = "127.0.0.1" if host == "localhost" else host
    if _is_loopback(loopback):
        if scheme not in ("", "http", "https"):
            raise _refused("the address is not one of http or https")
        base_url = f"{scheme or 'http'}://{loopback}" + (f":{port}" if port else "")
        return Endpoint(base_url, Environment.SIMULATOR, is_sandbox)
    if host in other:
        wanted = "production" if is_sandbox else "sandbox"
        raise _refused(
            f"the address is that of the {wanted}",
            f'set environment = "{wanted}", or another address',
        )
    if host not in own:
        raise _refused("the address is not one of tastytrade's, nor of this machine")
    if scheme not in ("", "https") or port not in (None, "443"):
        raise _refused("tastytrade is reached by https on its own port only")
    return _remote(host, is_sandbox)


def _remote(host: str, is_sandbox: bool) -> Endpoint:
    environment = Environment.SANDBOX if is_sandbox else Environment.PRODUCTION
    return Endpoint(f"https://{host}", environment, is_sandbox)


def _is_loopback(host: str) -> bool:
    if host == "[::1]":
        return True
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return address.is_loopback


def _refused(what: str, hint: str | None = None) -> ConfigurationError:
    allowed = ", ".join((*PRODUCTION_HOSTS, *SANDBOX_HOSTS))
    return ConfigurationError(
        f"the credentials are not sent there: {what}",
        where="API_BASE_URL (setting `base_url` of tastytrade)",
        hint=hint or f"leave it unset, or use one of {allowed}, or a loopback address",
    )
