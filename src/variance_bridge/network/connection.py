"""One try of one request over the network, bounded in time and memory.

The layer used is urllib3's pools of connections, with its retries and redirects switched off. A client above it, such as
`requests`, would read the whole body of a redirect to compute where it leads, keep cookies, look for proxies and netrc by
itself, and take as long to import as all the rest of a sync.

A try runs in a thread of its own, and the caller waits no longer than it said: neither a resolver that hangs, nor a
server that sends one byte a second, can hold it. An abandoned thread ends when its socket is shut down under it.
"""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import sys
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import urllib3.exceptions
from msgspec import Struct
from urllib3.connection import HTTPConnection, HTTPSConnection, ProxyConfig
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager, ProxyManager
from urllib3.response import BaseHTTPResponse
from urllib3.util import Timeout, parse_url

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.formatting import repr_without
from variance_bridge.network.allowed_requests import Address
from variance_bridge.network.proxy import NetworkAccess
from variance_bridge.network.retry import Policy, is_transient
from variance_bridge.storage.read import Reader
from variance_bridge.time_limit import within

if TYPE_CHECKING:
    from variance_bridge.privacy import Secret

_CHUNK: Final = 64 * 1024
_NO_CONTENT: Final = 204
_HTTPS_PORT: Final = 443
_GZIP: Final = zlib.MAX_WBITS | 16
_CODINGS: Final = {"gzip", "x-gzip"}
_LIBRARY_LOGGERS: Final = ("urllib3.connectionpool", "urllib3.connection", "urllib3.util.retry")


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


class Request(Struct, frozen=True, kw_only=True):
    """What is sent: the only place where secrets stand in the clear."""

    method: str
    address: Address
    headers: Mapping[str, str]
    body: bytes | None = None

    __repr__ = repr_without("headers", "body")


class Answer(Struct, frozen=True, kw_only=True):
    """What came back. Redirects, limits and failures come without a body, which is never read."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""
    received: int = 0

    __repr__ = repr_without("headers", "body")


class Wire:
    """Connections to the broker, kept alive between requests, one at a time."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._connections: _Connections | None = None
        for name in _LIBRARY_LOGGERS:
            logging.getLogger(name).addFilter(_keep_nothing)

    def send(self, request: Request, seconds: float, proxy: Secret | None) -> Answer:
        """One try.

        Args:
            request: what to send.
            seconds: the longest that this may take, altogether.
            proxy: the proxy's URL, if any.

        Raises:
            NoResponse: with the reason.
            DataRefused: the body is beyond the caps or in an unknown coding.
        """
        if self._connections is None:
            self._connections = _Connections(self._policy.access)
        pool = self._connections.pool_for(request.address, proxy)
        try:
            outcome = within(
                seconds,
                lambda: self._exchange(pool, request, seconds),
                thread="variance-bridge-request",
                abandon=self.close,
            )
        except TimeoutError:
            outcome = ConnectionFailure.DEADLINE
        if isinstance(outcome, ConnectionFailure):
            raise NoResponse(outcome)
        return outcome

    def close(self) -> None:
        """Shut all connections down, also under a thread that reads from one."""
        if self._connections is not None:
            self._connections.shut_down()
            self._connections = None

    def _exchange(
        self, pool: HTTPConnectionPool, request: Request, seconds: float
    ) -> Answer | ConnectionFailure:
        timeout = Timeout(
            connect=min(self._policy.connect_seconds, seconds),
            read=min(self._policy.read_seconds, seconds),
        )
        try:
            response = pool.urlopen(
                request.method,
                request.address.target,
                body=request.body,
                headers=request.headers,
                retries=False,
                redirect=False,
                timeout=timeout,
                preload_content=False,
                decode_content=False,
            )
            try:
                return _receive(response, self._policy.body_bytes)
            finally:
                response.close()
                response.release_conn()
        except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            return _failure(error)


def _receive(response: BaseHTTPResponse, longest: int) -> Answer:
    status = response.status
    headers = {name.lower(): value for name, value in response.headers.itermerged()}
    if status < 200 or 300 <= status < 400 or is_transient(status):
        return Answer(status=status, headers=headers)
    encoded = _read(response, headers, longest)
    body = _decode(encoded, headers.get("content-encoding", "").strip().lower(), longest)
    return Answer(status=status, headers=headers, body=body, received=len(encoded))


def _read(response: BaseHTTPResponse, headers: Mapping[str, str], longest: int) -> bytes:
    """The body as it is on the wire; a body that ends before its announced length is an error, not a short body.

    A body that ends with the connection has no announced length. One that is empty then is taken for an answer that
    was cut off, because a head that is cut off looks the same.
    """
    announced = headers.get("content-length")
    if announced is not None and not announced.isdecimal():
        raise http.client.IncompleteRead(b"")
    if announced is not None and int(announced[:20]) > longest:
        raise _too_long(longest)
    body = bytearray()
    while chunk := response.read1(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > longest:
            raise _too_long(longest)
    if (
        not body
        and announced is None
        and "transfer-encoding" not in headers
        and response.status != _NO_CONTENT
    ):
        raise http.client.IncompleteRead(b"")
    response.release_conn()
    return bytes(body)


def _decode(encoded: bytes, coding: str, longest: int) -> bytes:
    if coding in {"", "identity"}:
        return encoded
    if coding not in _CODINGS:
        raise DataRefused("the broker's answer is compressed in a way that was not asked for")
    decompressor = zlib.decompressobj(_GZIP)
    try:
        body = decompressor.decompress(encoded, longest + 1)
    except zlib.error:
        body, whole = b"", False
    else:
        # A second member behind the first is legal and never sent; following each would cost the square of their number.
        whole = decompressor.eof and not decompressor.unused_data
    if len(body) > longest:
        raise _too_long(longest)
    if not whole:
        raise DataRefused("the broker's answer is compressed, and broken")
    return body


def _too_long(longest: int) -> DataRefused:
    return DataRefused(f"the broker's answer is longer than {longest} bytes")


def _failure(error: BaseException) -> ConnectionFailure:
    """The reason behind an exception of the libraries, which wrap each other up to four deep."""
    chain = _wrapped(error)

    def has(*kinds: type[BaseException]) -> bool:
        return any(isinstance(one, kinds) for one in chain)

    if has(ssl.SSLCertVerificationError, ssl.CertificateError):
        return ConnectionFailure.CERTIFICATE
    if has(urllib3.exceptions.ProxyError):
        return ConnectionFailure.PROXY
    if has(urllib3.exceptions.NameResolutionError, socket.gaierror):
        return ConnectionFailure.UNRESOLVED
    if has(urllib3.exceptions.ConnectTimeoutError) and not has(
        urllib3.exceptions.NewConnectionError
    ):
        return ConnectionFailure.CONNECT_TIMEOUT
    if has(urllib3.exceptions.ReadTimeoutError, TimeoutError):
        return ConnectionFailure.READ_TIMEOUT
    if has(urllib3.exceptions.NewConnectionError):
        return ConnectionFailure.NOT_CONNECTED
    if has(ssl.SSLError):
        return ConnectionFailure.TLS
    return ConnectionFailure.BROKEN


def _wrapped(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(chain) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in chain:
            chain.append(one)
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
    return chain


def basic_authorization(user: str, password: str) -> str:
    """The value of an Authorization header (RFC 7617)."""
    import base64

    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _keep_nothing(_record: logging.LogRecord) -> bool:
    """The library's log lines hold the whole URL; the session writes its own."""
    return False


@cache
def _tls_context(ca_file: Path | None = None, system: bool = False) -> ssl.SSLContext:
    """TLS that the environment cannot loosen: neither other authorities (SSL_CERT_FILE) nor a key log (SSLKEYLOGFILE).

    Both are honoured by `ssl.create_default_context` and by urllib3's own context. The configuration can add authorities.

    Raises:
        ConfigurationError: `ca_file` cannot be read, or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    import certifi

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


def open_socket(
    address: Address, access: NetworkAccess, proxy: Secret | None, seconds: float
) -> socket.socket:
    """A connection to where an address leads, by the rules of the session's own: certificates, authorities, proxy.

    Args:
        address: that may be called.
        access: whose authorities are believed.
        proxy: the proxy's URL, if any.
        seconds: for the connection to be made.

    Raises:
        NoResponse: with the reason.
        ConfigurationError: the configured authorities cannot be read.
    """
    connection = _connection(address, access, proxy, seconds)
    try:
        connection.connect()
    except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
        connection.close()
        reason = _failure(error)
        certain = reason in {ConnectionFailure.CERTIFICATE, ConnectionFailure.TLS}
        raise NoResponse(
            ConnectionFailure.PROXY if proxy is not None and not certain else reason
        ) from None
    opened: socket.socket = connection.sock
    connection.sock = None  # it belongs to the caller from here on
    return opened


def _connection(
    address: Address, access: NetworkAccess, proxy: Secret | None, seconds: float
) -> HTTPConnection:
    host = address.host.strip("[]")
    if address.scheme == "http":
        return HTTPConnection(host, address.port, timeout=seconds)
    tls = _tls_context(access.ca_file, access.system_certificates)
    options: dict[str, Any] = {
        "timeout": seconds, "ssl_context": tls, "cert_reqs": "CERT_REQUIRED",
    }  # fmt: skip
    if proxy is None:
        return HTTPSConnection(host, address.port, **options)
    through = parse_url(proxy.reveal())
    options["proxy"] = through
    options["proxy_config"] = ProxyConfig(tls, False, None, None)
    connection = HTTPSConnection(through.host or "", through.port, **options)
    port = address.port or _HTTPS_PORT
    connection.set_tunnel(host, port, _proxy_authorization(proxy), through.scheme or "http")
    return connection


class _Connections:
    """Pools of connections that can be shut down while another thread reads from them."""

    def __init__(self, access: NetworkAccess) -> None:
        self._access = access
        self._managers: dict[str, PoolManager] = {}
        self._sockets: list[socket.socket] = []
        self._stopped = False

    def pool_for(self, address: Address, proxy: Secret | None) -> HTTPConnectionPool:
        """The connections to where an address leads, through the proxy if there is one.

        Raises:
            ConfigurationError: the configured authorities cannot be read.
        """
        # Plain HTTP stays on this machine: it needs neither a proxy nor anybody's certificates.
        way = "" if address.scheme == "http" else proxy.reveal() if proxy else "https"
        manager = self._managers.get(way)
        if manager is None:
            manager = self._managers[way] = self._manager(address.scheme, proxy)
            manager.pool_classes_by_scheme = _pools(self._remember)
        return manager.connection_from_url(address.origin)

    def _manager(self, scheme: str, proxy: Secret | None) -> PoolManager:
        if scheme == "http":
            return PoolManager(maxsize=1)
        tls = _tls_context(self._access.ca_file, self._access.system_certificates)
        if proxy is None:
            return PoolManager(maxsize=1, ssl_context=tls, cert_reqs="CERT_REQUIRED")
        return ProxyManager(
            proxy.reveal(),
            proxy_headers=_proxy_authorization(proxy),
            proxy_ssl_context=tls,
            maxsize=1,
            ssl_context=tls,
            cert_reqs="CERT_REQUIRED",
        )

    def _remember(self, connection: socket.socket | None) -> None:
        self._sockets = [one for one in self._sockets if one.fileno() >= 0]
        if connection is not None:
            self._sockets.append(connection)
        if self._stopped:  # while the connection was being made
            self.shut_down()

    def shut_down(self) -> None:
        self._stopped = True
        for connection in self._sockets:
            with suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)
        for manager in self._managers.values():
            manager.clear()


def _proxy_authorization(proxy: Secret) -> dict[str, str]:
    """The header that a proxy gets if its address names a user."""
    parts = urlsplit(proxy.reveal())
    if parts.username is None:
        return {}
    login = basic_authorization(unquote(parts.username), unquote(parts.password or ""))
    return {"Proxy-Authorization": login}


def _pools(remember: Callable[[socket.socket | None], None]) -> dict[str, Any]:
    """urllib3's pools, whose connections tell `remember` their sockets."""

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            remember(self.sock)

    class Encrypted(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            remember(self.sock)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
