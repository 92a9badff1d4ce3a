"""A connection to where an address leads: straight or through a proxy, plain on this machine, else by TLS.

TLS is what the environment cannot loosen. Sockets are opened with Python's own means; urllib3, which takes longer to be
imported than a request needs, opens those through a proxy: it can speak TLS within a proxy's TLS.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sys
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from variance_bridge.errors import ConfigurationError
from variance_bridge.network.proxy import NetworkAccess
from variance_bridge.network.request_address import Address
from variance_bridge.storage.read import Reader

if TYPE_CHECKING:
    import ssl

    from variance_bridge.personal_values import Secret

_PORTS: Final = {"http": 80, "https": 443}
_LIBRARY_LOGGER: Final = "urllib3.connection"


class ConnectionFailure(StrEnum):
    """Why there was no answer: fixed words, because the libraries' own hold the URL."""

    UNRESOLVED = "its name cannot be resolved"
    NOT_CONNECTED = "no connection could be made"
    CONNECT_TIMEOUT = "no connection within the time allowed"
    READ_TIMEOUT = "no answer within the time allowed"
    DEADLINE = "no complete answer within the time allowed"
    BROKEN = "the connection broke off"
    PROXY = "the proxy did not connect"
    CERTIFICATE = "its TLS certificate is not valid"
    TLS = "TLS could not be set up"


class NoResponse(Exception):
    """A try that ended without an answer. Holds no URL and no cause that holds one."""

    def __init__(self, reason: ConnectionFailure) -> None:
        super().__init__(reason.value)
        self.reason = reason


def open_socket(
    address: Address, access: NetworkAccess, proxy: Secret | None, seconds: float
) -> socket.socket:
    """A connection to where an address leads.

    Args:
        address: that may be called.
        access: whose authorities are believed.
        proxy: the proxy's URL, if any. Plain HTTP stays on this machine, and never goes through it.
        seconds: for the connection to be made, and for each step of TLS.

    Raises:
        NoResponse: with the reason.
        ConfigurationError: the configured authorities cannot be read.
    """
    if address.scheme == "http":
        return _connect(address, seconds)
    tls = _tls_context(access.ca_file, access.system_certificates)
    if proxy is not None:
        return _connect_through(proxy, address, tls, seconds)
    connection = _connect(address, seconds)
    try:
        return tls.wrap_socket(connection, server_hostname=_name(address))
    except OSError as error:
        connection.close()
        raise NoResponse(failure_of(error, late=ConnectionFailure.CONNECT_TIMEOUT)) from None


def _connect(address: Address, seconds: float) -> socket.socket:
    try:
        connection = socket.create_connection((_name(address), _port(address)), seconds)  # type: ignore[arg-type]
    except socket.gaierror:
        raise NoResponse(ConnectionFailure.UNRESOLVED) from None
    except TimeoutError:
        raise NoResponse(ConnectionFailure.CONNECT_TIMEOUT) from None
    except OSError:
        raise NoResponse(ConnectionFailure.NOT_CONNECTED) from None
    # Each request is sent whole: to wait for more would cost the time of a round trip.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _name(address: Address) -> bytes:
    """As bytes: for a text Python would load its codec of international names, and hosts are ASCII."""
    return address.host.strip("[]").encode("ascii")


def _port(address: Address) -> int:
    return address.port or _PORTS[address.scheme]


def failure_of(
    error: BaseException,
    *,
    late: ConnectionFailure,
    otherwise: ConnectionFailure = ConnectionFailure.BROKEN,
) -> ConnectionFailure:
    """The reason behind an exception; `late` where the other side took too long."""
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        return ConnectionFailure.CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return ConnectionFailure.TLS
    return late if isinstance(error, TimeoutError) else otherwise


def _connect_through(
    proxy: Secret, address: Address, tls: ssl.SSLContext, seconds: float
) -> socket.socket:
    """A connection through a proxy's tunnel (CONNECT), with TLS to the proxy as well where its URL is https."""
    import http.client

    from urllib3.connection import HTTPSConnection, ProxyConfig
    from urllib3.exceptions import HTTPError
    from urllib3.util import parse_url

    logging.getLogger(_LIBRARY_LOGGER).addFilter(_keep_nothing)
    through = parse_url(proxy.reveal())
    connection = HTTPSConnection(
        through.host or "",
        through.port,
        timeout=seconds,
        ssl_context=tls,
        cert_reqs="CERT_REQUIRED",
        proxy=through,
        proxy_config=ProxyConfig(tls, False, None, None),
    )
    connection.set_tunnel(
        _name(address).decode("ascii"),
        _port(address),
        _proxy_authorization(proxy),
        through.scheme or "http",
    )
    try:
        connection.connect()
    except (HTTPError, http.client.HTTPException, OSError) as error:
        connection.close()
        unconnected = ConnectionFailure.PROXY
        raise NoResponse(failure_of(error, late=unconnected, otherwise=unconnected)) from None
    opened: socket.socket = connection.sock
    connection.sock = None  # it belongs to the caller from here on
    return opened


def _keep_nothing(_record: logging.LogRecord) -> bool:
    """The library's log lines hold addresses; the session writes its own."""
    return False


def _proxy_authorization(proxy: Secret) -> dict[str, str]:
    """The header that a proxy gets if its address names a user."""
    parts = urlsplit(proxy.reveal())
    if parts.username is None:
        return {}
    login = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
    return {"Proxy-Authorization": login}


def basic_authorization(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def is_quiet(connection: socket.socket) -> bool:
    """Whether nothing is to be read: of a connection between two answers, that the other side has not closed it."""
    with selectors.DefaultSelector() as selector:
        selector.register(connection, selectors.EVENT_READ)
        return not selector.select(0)


def shut_down(connection: socket.socket) -> None:
    """End it under a thread that reads from it."""
    # urllib3's TLS within a proxy's TLS has no `shutdown` of its own.
    beneath = getattr(connection, "socket", connection)
    with suppress(OSError):  # it is closed already
        beneath.shutdown(socket.SHUT_RDWR)


@cache
def _tls_context(ca_file: Path | None = None, system: bool = False) -> ssl.SSLContext:
    """TLS that the environment cannot loosen: neither other authorities (SSL_CERT_FILE) nor a key log (SSLKEYLOGFILE).

    Both are honoured by `ssl.create_default_context` and by urllib3's own context. The configuration can add authorities.

    Raises:
        ConfigurationError: `ca_file` cannot be read, or holds no certificate.
    """
    # Imported here: a connection on this machine has no TLS.
    import ssl

    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_verify_locations(certifi.where())
    if system:
        _add_system_store(context)
    if ca_file is not None:
        content = Reader(title="the file of certificates", error=ConfigurationError).read_named(
            ca_file
        )
        try:
            context.load_verify_locations(cadata=content.data.decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise ConfigurationError(
                "the file of certificates holds none that can be read",
                where=str(ca_file),
                hint="`[network] ca_file` names a PEM file, with lines BEGIN CERTIFICATE",
            ) from None
    return context


def _add_system_store(context: ssl.SSLContext) -> None:
    """The authorities that the system's owner trusts, where this Python's OpenSSL was built to look for them.

    `load_default_certs` would let SSL_CERT_FILE name another place; on Windows it reads the system's own store besides.
    """
    import ssl

    if sys.platform == "win32":
        context.load_default_certs()
    paths = ssl.get_default_verify_paths()
    file, folder = Path(paths.openssl_cafile), Path(paths.openssl_capath)
    with suppress(
        ssl.SSLError, OSError
    ):  # an empty store is no reason to fail: certifi's are there
        context.load_verify_locations(
            file if file.is_file() else None, folder if folder.is_dir() else None
        )
