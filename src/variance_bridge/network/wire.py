"""One try of one request over the network, bounded in time and memory.

The layer used is `requests`' transport adapter, and not its session: the session reads the whole body of a redirect to
compute where it would lead, keeps cookies, and looks for proxies and netrc by itself.

A try runs in a thread of its own, and the caller waits no longer than it said: neither a resolver that hangs, nor a
server that sends one byte a second, can hold it. An abandoned thread ends when its socket is shut down under it.
"""

from __future__ import annotations

import base64
import http.client
import logging
import socket
import ssl
import sys
import threading
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import certifi
import requests.adapters
import requests.exceptions
import requests.models
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge.network.allowed import Address
from variance_bridge.network.retry import Policy, is_transient
from variance_bridge.storage.read import Reader

if TYPE_CHECKING:
    from variance_bridge.privacy import Secret

_CHUNK: Final = 64 * 1024
_NO_CONTENT: Final = 204
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


@attrs.frozen(kw_only=True)
class Request:
    """What is sent: the only place where secrets stand in the clear."""

    method: str
    address: Address
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


@attrs.frozen(kw_only=True)
class Answer:
    """What came back. Redirects, limits and failures come without a body, which is never read."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    received: int = 0


class Wire:
    """Connections to the broker, kept alive between requests, one at a time."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._adapter: _Adapter | None = None
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
        if self._adapter is None:
            access = self._policy.access
            self._adapter = _Adapter(_tls_context(access.ca_file, access.system_certificates))
        adapter = self._adapter
        future: Future[Answer | ConnectionFailure] = Future()

        def work() -> None:
            try:
                future.set_result(self._exchange(adapter, request, seconds, proxy))
            except BaseException as error:  # noqa: BLE001 - it is raised again where the caller waits
                future.set_exception(error)

        threading.Thread(target=work, name="variance-bridge-request", daemon=True).start()
        try:
            outcome = future.result(timeout=seconds)
        except TimeoutError:
            outcome = ConnectionFailure.DEADLINE
        finally:
            if not future.done():
                self.close()
        if isinstance(outcome, ConnectionFailure):
            raise NoResponse(outcome)
        return outcome

    def close(self) -> None:
        """Shut all connections down, also under a thread that reads from one."""
        if self._adapter is not None:
            self._adapter.shut_down()
            self._adapter = None

    def _exchange(
        self, adapter: _Adapter, request: Request, seconds: float, proxy: Secret | None
    ) -> Answer | ConnectionFailure:
        prepared = requests.models.PreparedRequest()
        prepared.prepare(
            method=request.method,
            url=request.address.url,
            headers=request.headers,
            data=request.body,
        )
        prepared.url = request.address.url
        timeout = (
            min(self._policy.connect_seconds, seconds),
            min(self._policy.read_seconds, seconds),
        )
        proxies = {"https": proxy.reveal()} if proxy and not request.address.loopback else {}
        try:
            response = adapter.send(
                prepared, stream=True, timeout=timeout, verify=True, proxies=proxies
            )
            try:
                return _receive(response.raw, response.status_code, self._policy.body_bytes)
            finally:
                response.close()
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            http.client.HTTPException,
            OSError,
        ) as error:
            return _failure(error)


def _receive(raw: HTTPResponse, status: int, longest: int) -> Answer:
    headers = {name.lower(): value for name, value in raw.headers.itermerged()}
    if status < 200 or 300 <= status < 400 or is_transient(status):
        return Answer(status=status, headers=headers)
    encoded = _read(raw, headers, longest)
    body = _decode(encoded, headers.get("content-encoding", "").strip().lower(), longest)
    return Answer(status=status, headers=headers, body=body, received=len(encoded))


def _read(raw: HTTPResponse, headers: Mapping[str, str], longest: int) -> bytes:
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
    while chunk := raw.read1(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > longest:
            raise _too_long(longest)
    if (
        not body
        and announced is None
        and "transfer-encoding" not in headers
        and raw.status != _NO_CONTENT
    ):
        raise http.client.IncompleteRead(b"")
    raw.release_conn()
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
    if has(requests.exceptions.ProxyError, urllib3.exceptions.ProxyError):
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


class _Adapter(requests.adapters.HTTPAdapter):
    """`requests`' adapter, that can shut its connections down while another thread reads from them."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._sockets: list[socket.socket] = []
        self._stopped = False
        self._pools = _pools(self._remember)
        super().__init__(pool_connections=4, pool_maxsize=1, max_retries=0, pool_block=False)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._tls, **pool_kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def cert_verify(self, conn: Any, _url: Any, _verify: Any, _cert: Any) -> None:
        """Certificates are always required; the context has its authorities, which need no second reading."""
        conn.cert_reqs = "CERT_REQUIRED"

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, **proxy_kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

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
        self.close()


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
