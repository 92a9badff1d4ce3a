"""The address of a request: as it is sent, and as messages and log lines show it."""

from __future__ import annotations

import re

from msgspec import Struct

from variance_bridge.formatting import repr_without

_VERSION_SEGMENT = r"v[0-9]{1,3}"


class Address(Struct, frozen=True):
    """A URL that may be called.

    Attributes:
        scheme: `https`; `http` on loopback only.
        host: as declared, or a loopback address; an IPv6 address in brackets.
        port: None for the scheme's own.
        path: as it is sent, starting with a slash: brackets escaped, escapes in capitals.
        query: without the question mark; "" for none.
        loopback: the request stays on this machine.
    """

    scheme: str
    host: str
    port: int | None
    path: str
    query: str
    loopback: bool

    __repr__ = repr_without("path", "query")

    @property
    def authority(self) -> str:
        """Host and port, as the header field `Host` has them."""
        return self.host + (f":{self.port}" if self.port else "")

    @property
    def origin(self) -> str:
        """Scheme, host and port: nothing personal in it."""
        return f"{self.scheme}://{self.authority}"

    @property
    def target(self) -> str:
        """Path and query, as they are sent."""
        return self.path + (f"?{self.query}" if self.query else "")

    @property
    def url(self) -> str:
        """The whole URL, as it is sent."""
        return self.origin + self.target

    @property
    def shown(self) -> str:
        """Origin and path for a message: no query, and no path segment that holds a digit (an account number)."""
        segments = [
            "***"
            if any(map(str.isdigit, part)) and not re.fullmatch(_VERSION_SEGMENT, part)
            else part
            for part in self.path.split("/")
        ]
        return self.origin + "/".join(segments)
