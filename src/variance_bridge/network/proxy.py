"""How requests may reach the network beside the straight way: a proxy and a netrc file, where the user configured them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from variance_bridge.errors import ConfigurationError
from variance_bridge.personal_values import PersonalKind, PersonalValues, Secret
from variance_bridge.storage.private_files import read_private

_PROXY_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
_NO_PROXY_VARIABLES = ("no_proxy", "NO_PROXY")
_NETRC_NAMES = (".netrc", "_netrc")
_PROXY = r"https?://[^\s/?#]+/?"


class NetworkAccess(Struct, frozen=True, kw_only=True):
    """Where requests go through, and where credentials may come from, beside what the plugin says.

    Attributes:
        proxy: the proxy's URL; None goes straight to the broker. Never used for loopback.
        no_proxy: hosts (and the hosts below them) that are reached without the proxy; `*` for all.
        netrc: a netrc file that gives basic authentication to requests that have none; None reads no such file.
        ca_file: certificates of authorities (PEM) that are believed besides those of `certifi`; a company's own.
        system_certificates: whether the system's store is believed besides those of `certifi`.
        ignored: what the surroundings offered and the configuration did not allow, for `variance doctor`.
    """

    proxy: Secret | None = None
    no_proxy: tuple[str, ...] = ()
    netrc: Path | None = None
    ca_file: Path | None = None
    system_certificates: bool = False
    ignored: tuple[str, ...] = ()

    def proxy_for(self, host: str) -> Secret | None:
        """The proxy for requests to a host."""
        for entry in self.no_proxy:
            name = entry.lower().lstrip(".")
            if name == "*" or host == name or host.endswith("." + name):
                return None
        return self.proxy

    def login_for(self, host: str) -> tuple[str, Secret] | None:
        """User name and password for a host, from the netrc file; its `default` entry is not used.

        Raises:
            ConfigurationError: the file cannot be read or understood, or others can read it.
        """
        if self.netrc is None:
            return None
        import netrc

        read_private(self.netrc, "the netrc file")
        try:
            entry = netrc.netrc(self.netrc).hosts.get(host)
        except (netrc.NetrcParseError, OSError, UnicodeDecodeError):
            entry, broken = None, True
        else:
            broken = False
        if broken:
            raise ConfigurationError("the netrc file is not understood", where=str(self.netrc))
        return (entry[0], Secret(entry[2])) if entry and entry[2] else None


def learned_proxy(access: NetworkAccess, host: str, personal: PersonalValues) -> Secret | None:
    """The proxy for a host, whose address and password are personal values from then on."""
    proxy = access.proxy_for(host)
    if proxy is not None:
        personal.add(proxy)
        personal.add(urlsplit(proxy.reveal()).password or "", PersonalKind.CREDENTIAL)
    return proxy


def network_access(
    environment: Mapping[str, str], home: Path, *, allow_proxy: bool, allow_netrc: bool
) -> NetworkAccess:
    """What the surroundings offer and the configuration allows.

    Args:
        environment: for HTTPS_PROXY, ALL_PROXY and NO_PROXY, in upper or lower case.
        home: where `.netrc` would be.
        allow_proxy: `[network] proxy = true`.
        allow_netrc: `[network] netrc = true`.

    Raises:
        ConfigurationError: a proxy is allowed, and its URL is not http:// or https:// with a host.
    """
    variable = next((name for name in _PROXY_VARIABLES if environment.get(name)), None)
    file = next((home / name for name in _NETRC_NAMES if (home / name).is_file()), None)
    if allow_proxy and variable is not None and not re.fullmatch(_PROXY, environment[variable]):
        raise ConfigurationError(
            "the proxy's address must be http://HOST:PORT or https://HOST:PORT", where=variable
        )
    exceptions = next(
        (environment[name] for name in _NO_PROXY_VARIABLES if name in environment), ""
    )
    return NetworkAccess(
        proxy=Secret(environment[variable]) if allow_proxy and variable is not None else None,
        no_proxy=tuple(exceptions.replace(",", " ").split()),
        netrc=file if allow_netrc else None,
        ignored=tuple(
            name
            for name, allowed in ((variable, allow_proxy), (file and file.name, allow_netrc))
            if name and not allowed
        ),
    )
