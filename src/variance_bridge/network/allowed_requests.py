"""Which requests the read-only session may send: decided here, from method and URL, before anything is sent.

The check is a grammar and not a parser: what is not spelled in the one plain way is refused, so that no two parsers
can disagree about where a URL leads (user info, backslashes, tabs, Unicode dots, `127.1`, encoded hosts, ...). The
caller sends exactly the text that was checked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final
from urllib.parse import quote, unquote, urlencode

from variance_bridge.addresses import is_loopback
from variance_bridge.errors import ForbiddenRequest, PluginError
from variance_bridge.network.request_address import Address

MAX_URL: Final = 8192
_DEFAULT_PORT = 443
_LAST_PORT = 65535
_DECODING_ROUNDS = 3
_SOCKET_SCHEMES: Final = {"wss": "https", "ws": "http"}

_CHARACTERS = r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_PARTS = r"(?P<scheme>https?)://(?P<authority>[^/?]*)(?P<path>/[^?]*)?(?:\?(?P<query>.*))?"
_AUTHORITY = r"(?P<host>\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ESCAPED_ON_THE_WIRE = r"%[0-9A-Fa-f]{2}|[\[\]]"
_ENCODED_CONTROL = r"%(?:[01][0-9A-Fa-f]|7[Ff]|5[Cc])"


def check_hosts(hosts: Iterable[str]) -> frozenset[str]:
    """The hosts that a plugin declared, when each of them is a plain host name.

    Raises:
        PluginError: one of them is a pattern, an address of another machine, or not spelled in the plain way.
    """
    declared = frozenset(hosts)
    for host in declared:
        labels = host.split(".")
        plain = len(host) < 254 and all(re.fullmatch(_LABEL, label) for label in labels)
        if not is_loopback(host) and (not plain or len(labels) < 2 or labels[-1].isdigit()):
            raise PluginError(
                "a plugin declares a host that is not a plain host name",
                hint="Hosts are written in lower case, without scheme, port, wildcard or final dot.",
            )
    return declared


def check_post_paths(paths: Iterable[str]) -> frozenset[str]:
    """The paths for POST that a plugin declared, when each of them is a plain path.

    Raises:
        PluginError: one of them is relative, has a query, or is not spelled in the plain way.
    """
    declared = frozenset(paths)
    for path in declared:
        if not path.startswith("/") or not re.fullmatch(_CHARACTERS, path) or _path_problem(path):
            raise PluginError("a plugin declares a path for POST that is not a plain absolute path")
        if "?" in path or "#" in path or "%" in path:
            raise PluginError(
                "a plugin declares a path for POST with a query, a fragment or an escape"
            )
    return declared


def resolve(url: str, hosts: frozenset[str], params: Sequence[tuple[str, str]] = ()) -> Address:
    """The address of a URL that may be called.

    Args:
        url: as the plugin wrote it.
        hosts: what the plugin declared.
        params: added to the query, each encoded once, in order, repeats kept.

    Raises:
        ForbiddenRequest: it leads elsewhere, or is not spelled plainly. The message says which rule was broken and
            does not hold the URL.
    """
    if len(url) > MAX_URL:
        raise _forbidden(f"the URL is longer than {MAX_URL} characters")
    if not re.fullmatch(_CHARACTERS, url):
        raise _forbidden("the URL holds a character that has no place in a URL")
    if "#" in url:
        raise _forbidden("the URL has a fragment")
    parts = re.fullmatch(_PARTS, url)
    if parts is None:
        raise _forbidden("the URL does not start with https://")
    authority = re.fullmatch(_AUTHORITY, parts["authority"])
    if authority is None:
        raise _forbidden(
            "user info in the URL"
            if "@" in parts["authority"]
            else "the URL's host is not spelled plainly"
        )
    path = _as_sent(parts["path"] or "/")
    if problem := _path_problem(path):
        raise _forbidden(problem)
    port = int(authority["port"]) if authority["port"] else None
    query = "&".join(part for part in (parts["query"], _encode(params)) if part)
    return _permit(parts["scheme"], authority["host"], port, path, query, hosts)


def resolve_socket(url: str, hosts: frozenset[str]) -> Address:
    """The address of a WebSocket that may be opened: wss to a declared host, ws on this machine only.

    Raises:
        ForbiddenRequest: as `resolve`; or it has a query, where servers on the way would log what is in it.
    """
    scheme, separator, rest = url.partition("://")
    if scheme not in _SOCKET_SCHEMES or not separator:
        raise _forbidden("the URL of a WebSocket does not start with wss://")
    address = resolve(f"{_SOCKET_SCHEMES[scheme]}://{rest}", hosts)
    if address.query:
        raise _forbidden("the URL of a WebSocket has a query")
    return address


def _permit(
    scheme: str, host: str, port: int | None, path: str, query: str, hosts: frozenset[str]
) -> Address:
    if is_loopback(host):
        if port is not None and port > _LAST_PORT:
            raise _forbidden("the URL's port does not exist")
        return Address(scheme, host, port, path, query, loopback=True)
    if host not in hosts:
        raise _forbidden("the host is not one that the plugin declared")
    if scheme != "https":
        raise _forbidden("https is required")
    if port not in {None, _DEFAULT_PORT}:
        raise _forbidden("the port is not the default one")
    return Address(scheme, host, None, path, query, loopback=False)


def _as_sent(path: str) -> str:
    """A path in the spelling of RFC 3986 §2.1 and §3.3, which the HTTP library would give it after the check."""

    def escape(match: re.Match[str]) -> str:
        found = match[0]
        return found.upper() if found.startswith("%") else quote(found)

    return re.sub(_ESCAPED_ON_THE_WIRE, escape, path)


def _path_problem(path: str) -> str | None:
    if "//" in path:
        return "the URL's path has an empty segment"
    if re.search(_ENCODED_CONTROL, path):
        return "the URL's path holds an encoded control character or backslash"
    for segment in path.split("/"):
        decoded = segment
        for _ in range(_DECODING_ROUNDS):
            decoded = unquote(decoded)
        # An encoded slash belongs to a symbol; "." before one ("./ESZ5 ...") stays where it is, ".." climbs.
        if decoded in {".", ".."} or ".." in re.split(r"[/\\]", decoded):
            return "the URL's path has a dot segment"
    return None


def _encode(params: Sequence[tuple[str, str]]) -> str:
    return urlencode(list(params), quote_via=quote, safe="")


def check_token_post(address: Address, token_paths: Collection[str]) -> None:
    """Return if a POST for a token may go there: to a declared token path, without a query.

    Raises:
        ForbiddenRequest: it may not.
    """
    if address.path not in token_paths or address.query:
        raise _forbidden("POST goes to the declared token paths only")


def check_read_post(address: Address, read_posts: Collection[str]) -> None:
    """Return if a POST that only reads may go there: to a declared read.

    Raises:
        ForbiddenRequest: it may not.
    """
    if address.path not in read_posts:
        raise _forbidden("POST goes to its declared `read_posts` only")


def is_plain(text: str) -> bool:
    """Whether it can be sent in a header field: printable ASCII (RFC 9110 §5.5)."""
    return text.isascii() and text.isprintable()


def _forbidden(what: str) -> ForbiddenRequest:
    return ForbiddenRequest(
        f"a request was stopped before it was sent: {what}",
        hint="This is a bug in the broker's plugin, or a wrong address in its settings.",
    )
