"""What a plugin declared that its session may call, and as whom: the records of one distribution together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from variance_bridge.broker import BrokerSpec, QuoteSourceSpec, RateLimit


class Reach(Struct, frozen=True, kw_only=True):
    """Where one session may go, and how often.

    Attributes:
        hosts: that it may talk to.
        token_paths: to which a POST may go, for a token.
        read_posts: to which a POST may go that only reads.
        rate_limits: the published rates that it keeps to.
        user_agent: the product that the broker asks for, to be put before ours.
    """

    hosts: tuple[str, ...] = ()
    token_paths: tuple[str, ...] = ()
    read_posts: tuple[str, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    user_agent: str | None = None

    @classmethod
    def of(cls, *records: BrokerSpec | QuoteSourceSpec) -> Reach:
        """Of a broker and the quote sources of its plugin, which share one session."""
        return cls(
            hosts=_each_once(host for record in records for host in record.hosts),
            token_paths=_each_once(path for record in records for path in record.token_paths),
            read_posts=_each_once(path for record in records for path in record.read_posts),
            rate_limits=tuple(
                dict.fromkeys(limit for record in records for limit in record.rate_limits)
            ),
            user_agent=next((one.user_agent for one in records if one.user_agent), None),
        )

    def named(self, own: str) -> str:
        """The whole `User-Agent`, with our own product at its end."""
        return f"{self.user_agent} {own}" if self.user_agent else own


def _each_once(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
