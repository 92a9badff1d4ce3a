"""The real read-only session over recorded answers: what it refuses on the network it refuses here too.

Only the wire is replaced. Addresses, header fields, retries, back-off, redirects and caps are those of
`variance_bridge.network.session`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import attrs

from variance_bridge.errors import DataRefused, ForbiddenRequest
from variance_bridge.network.answer import Answer
from variance_bridge.network.connection import ConnectionFailure, NoResponse
from variance_bridge.network.limits_and_retries import Policy, is_transient
from variance_bridge.network.request import Request, Wire
from variance_bridge.network.session import ReadOnlySession, Response
from variance_bridge.personal_values import PersonalKind, PersonalValues
from variance_bridge.testing.frozen_clock import FrozenClock
from variance_bridge.testing.recordings import Exchange

if TYPE_CHECKING:
    from variance_bridge.personal_values import Secret

SECONDS_PER_REQUEST = 1.0
"""How far the clock moves with each request, so that a time before a request can be distinguished from one after it."""

USER_AGENT = "variance-bridge-testing/1"

_OF_THE_MOMENT = frozenset({"nonce", "timestamp"})
"""Parameters of signed requests that are never the same twice; a recording holds those of its own time."""

Key = tuple[str, str, tuple[tuple[str, str], ...]]
Alter = Callable[["SentRequest"], "Exchange | ConnectionFailure | None"]


class UnrecordedRequestError(AssertionError):
    """The broker asked for something that the recording does not hold."""


@attrs.frozen
class SentRequest:
    """A request as it would have left this machine.

    Attributes:
        url: without the query.
        query: names and values, decoded, sorted.
        headers: as sent, secrets in the clear.
    """

    method: str
    url: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str] = attrs.field(repr=False, eq=False)
    body: bytes | None = attrs.field(repr=False, eq=False)

    @property
    def path(self) -> str:
        """Of the URL."""
        return urlsplit(self.url).path

    @property
    def key(self) -> Key:
        """What tells it from others: method, address and query."""
        return self.method, self.url, self.query

    def __str__(self) -> str:
        """Method and address, without the query."""
        return f"{self.method} {self.url}"


class RecordedWire(Wire):
    """Answers from a recording; the same request a second time gets the second answer, and the last one from then on.

    Attributes:
        sent: every try, in order.
        unrecorded: the requests that had no answer.
    """

    def __init__(
        self,
        exchanges: Iterable[Exchange],
        clock: FrozenClock,
        personal: PersonalValues,
        alter: Alter | None = None,
    ) -> None:
        super().__init__(Policy())
        self._answers: dict[Key, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            self._answers[_key(exchange.method, exchange.url)].append(exchange)
        self._clock = clock
        self._personal = personal
        self._alter = alter
        self.sent: list[SentRequest] = []
        self.unrecorded: list[SentRequest] = []

    def send(self, request: Request, seconds: float, proxy: Secret | None) -> Answer:  # noqa: ARG002 - the wire's
        """The recorded answer, or what stands in its place.

        Raises:
            NoResponse: the request is altered into silence.
            UnrecordedRequestError: the recording has no answer to it.
        """
        method, url, query = _key(request.method, request.address.url)
        sent = SentRequest(method, url, query, dict(request.headers), request.body)
        self.sent.append(sent)
        self._clock.advance(SECONDS_PER_REQUEST)
        altered = self._alter(sent) if self._alter else None
        if isinstance(altered, ConnectionFailure):
            raise NoResponse(altered)
        exchange = altered or self._recorded(sent)
        if exchange.status < 200 or 300 <= exchange.status < 400 or is_transient(exchange.status):
            return Answer(status=exchange.status, headers=exchange.headers)
        if len(exchange.body) > Policy().body_bytes:
            raise DataRefused("the broker's answer is longer than the session reads")
        return Answer(
            status=exchange.status,
            headers=exchange.headers,
            body=exchange.body,
            received=len(exchange.body),
        )

    def _recorded(self, sent: SentRequest) -> Exchange:
        answers = self._answers.get(sent.key) or self._answers.get(
            self._without_secrets(sent.key) or sent.key
        )
        if not answers:
            self.unrecorded.append(sent)
            raise UnrecordedRequestError(
                f"the broker asked for {sent}, and the recording has no answer to it"
                f" (it has: {', '.join(f'{key[0]} {key[1]}' for key in self._answers)})"
            )
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def _without_secrets(self, key: Key) -> Key | None:
        """The recorded request that differs in nothing but its time and its secrets, which were replaced in the recording."""
        secrets = {one.spelled for one in self._personal if one.kind is PersonalKind.CREDENTIAL}
        method, url, query = key

        def is_same(other: tuple[tuple[str, str], ...]) -> bool:
            return len(other) == len(query) and all(
                name == wanted
                and (value == recorded or value in secrets or name.casefold() in _OF_THE_MOMENT)
                for (name, value), (wanted, recorded) in zip(query, other, strict=True)
            )

        known = (one for one in self._answers if one[:2] == (method, url) and is_same(one[2]))
        return next(known, None)


class SimulatedSession(ReadOnlySession):
    """A `ReadOnlySession` whose wire ends in a recording.

    Attributes:
        wire: what was sent.
        forbidden: what the session refused to send, also where the broker went on as if nothing had happened.
    """

    def __init__(
        self,
        exchanges: Iterable[Exchange],
        *,
        hosts: Iterable[str],
        token_paths: Iterable[str] = (),
        read_posts: Iterable[str] = (),
        clock: FrozenClock | None = None,
        personal: PersonalValues | None = None,
        alter: Alter | None = None,
    ) -> None:
        ticking = clock or FrozenClock()
        known = personal if personal is not None else PersonalValues()
        super().__init__(
            hosts,
            token_paths,
            read_posts=read_posts,
            clock=ticking,
            personal=known,
            user_agent=USER_AGENT,
            random=lambda: 0.5,
        )
        self._wire = self.wire = RecordedWire(exchanges, ticking, known, alter)
        self.forbidden: list[ForbiddenRequest] = []

    def get(
        self,
        url: str,
        *,
        params: Sequence[tuple[str, str | Secret]] = (),
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Response:
        """GET, answered from the recording."""
        return self._noting(super().get, url, params=params, headers=headers)

    def post_read(self, url: str, **arguments: Any) -> Response:
        """A read by POST, answered from the recording."""
        return self._noting(super().post_read, url, **arguments)

    def post_token(self, url: str, **arguments: Any) -> Response:
        """A token request, answered from the recording."""
        return self._noting(super().post_token, url, **arguments)

    def _noting(self, send: Callable[..., Response], url: str, **arguments: Any) -> Response:
        try:
            return send(url, **arguments)
        except ForbiddenRequest as error:
            self.forbidden.append(error)
            raise


def _key(method: str, url: str) -> Key:
    parts = urlsplit(url)
    query = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return method, f"{parts.scheme}://{parts.netloc}{parts.path or '/'}", query
