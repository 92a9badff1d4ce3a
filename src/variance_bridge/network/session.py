"""The read-only session: all that a broker plugin can do to the network.

GET to the declared hosts, POST to the declared token paths and reads, https or loopback, no redirect followed, at most
three tries, bounded in time and memory. What may be called is decided in `network.allowed_requests`, when to try again in
`network.limits_and_retries`; `network.proxy` has the proxy and the netrc file, `network.connection` opens sockets,
`network.request` does one try, and `network.answer` reads what comes back.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self
from urllib.parse import urlencode

from msgspec import Struct, field

from variance_bridge.errors import (
    BrokerRefused,
    BrokerUnreachable,
    ConfigurationError,
    DataRefused,
    ForbiddenRequest,
    PluginError,
)
from variance_bridge.formatting import format_age, plural
from variance_bridge.model import Route
from variance_bridge.network.allowed_requests import (
    check_hosts,
    check_post_paths,
    check_read_post,
    check_token_post,
    is_plain,
    resolve,
)
from variance_bridge.network.limits_and_retries import (
    TOO_MANY_REQUESTS,
    Policy,
    is_transient,
    retry_after,
    wait_before,
)
from variance_bridge.network.proxy import learned_proxy
from variance_bridge.network.rate_limits import Rates
from variance_bridge.network.request_address import Address
from variance_bridge.personal_values import MAX_SECRET_LENGTH, PersonalKind, PersonalValues, Secret

if TYPE_CHECKING:
    from variance_bridge.broker import Clock, RateLimit
    from variance_bridge.network.answer import Answer
    from variance_bridge.network.request import Request, Wire

_LOG = logging.getLogger(__name__)
_MEDIA_TYPE: Final = r"[a-z]+/[a-z0-9.+-]+(?:; ?charset=[A-Za-z0-9-]+)?"
_FIELD_NAME: Final = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_USER_AGENT: Final = r"(?:[A-Za-z0-9._-]+/[A-Za-z0-9._+-]+ )?[A-Za-z0-9._-]+/[0-9][A-Za-z0-9._+-]*(?: \([A-Za-z0-9 .;:/_+-]*\))?"
_MIN_TOKEN_LENGTH: Final = 8
_MAX_SCHEME_LENGTH: Final = len("Bearer ")

_OWN_HEADERS: Final = frozenset(
    {
        "accept-encoding", "connection", "content-length", "cookie", "expect", "host", "keep-alive",
        "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
        "x-http-method", "x-http-method-override", "x-method-override",
    }
)  # fmt: skip
"""Header fields that a plugin may not set: those of the connection, and those by which a GET passes for another method."""


def _random() -> float:
    import secrets

    return secrets.SystemRandom().random()


class Response(Struct, frozen=True, kw_only=True):
    """What came back (`variance_bridge.broker.Response`). Its repr shows neither headers nor body.

    `request` is what was asked for, as a message may show it: without query and account number.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    request: str | None = None

    def json(self) -> Any:
        """The body as JSON; every number an exact `Decimal` or `int`.

        Raises:
            DataRefused: the body is not JSON, or beyond the caps on depth and digits.
        """
        from variance_bridge.document import exact_json

        try:
            return exact_json.loads(self.body)
        except DataRefused as error:
            raise DataRefused(
                f"the broker's answer is {self._form(error.what)}",
                where=self.request,
                hint="run the command again in a few minutes: the broker may be under maintenance, or a page of your"
                " network in between",
            ) from None

    def _form(self, problem: str) -> str:
        """What a body is that cannot be read as JSON."""
        if not self.body.strip():
            return "empty"
        named = self.headers.get("content-type", "").lower()
        if "html" in named or self.body.lstrip()[:1] == b"<":
            return "an HTML page or XML, and not JSON"
        return f"cut off, or not what was asked for: {problem}"

    def __repr__(self) -> str:
        return f"Response(status={self.status}, {len(self.body)} bytes)"


class Statistics(Struct, kw_only=True):
    """What the session did so far.

    Attributes:
        requests: tries that were sent, the retries among them.
        retries: tries after the first of each request.
        bytes_received: bodies as they were on the wire, before decompression.
        seconds_waited: spent in back-off.
        seconds: by stage, from the beginning to the end of `ReadOnlySession.stage`.
    """

    requests: int = 0
    retries: int = 0
    bytes_received: int = 0
    seconds_waited: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


class ReadOnlySession:
    """A session that can read from the declared hosts, obtain a token there, and do nothing else.

    Args:
        hosts: host names in lower case, without port.
        token_paths: the paths to which a POST may go, for a token.
        read_posts: the paths to which a POST may go that only reads.
        clock: the time.
        personal: learns every secret that is sent, and every token that comes back; redacts log lines and messages.
        user_agent: `product/version`, of which there may be two; brokers refuse requests without one.
        policy: limits, proxy and netrc.
        rate_limits: the rates that the broker publishes, which are kept to by waiting; or those of another session of
            the same broker, so that both together keep to them.
        random: numbers in [0, 1) for the jitter.
        meanwhile: called whenever a request has been sent, in the time in which its answer is on its way; raises nothing.

    Raises:
        PluginError: the declaration cannot be kept to: a wildcard, another machine's address, a relative path.
    """

    def __init__(
        self,
        hosts: Iterable[str],
        token_paths: Iterable[str] = (),
        *,
        read_posts: Iterable[str] = (),
        clock: Clock,
        personal: PersonalValues,
        user_agent: str,
        policy: Policy | None = None,
        rate_limits: Sequence[RateLimit] | Rates = (),
        random: Callable[[], float] = _random,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> None:
        if not re.fullmatch(_USER_AGENT, user_agent):
            raise PluginError("the user agent is not of the form product/version")
        self._hosts = check_hosts(hosts)
        self._token_paths = check_post_paths(token_paths)
        self._read_posts = check_post_paths(read_posts)
        self._clock = clock
        self._personal = personal
        self._user_agent = user_agent
        self._policy = policy or Policy()
        self._rates = rate_limits if isinstance(rate_limits, Rates) else Rates(rate_limits)
        self._random = random
        self._meanwhile = meanwhile
        self._wire: Wire | None = None
        self._lock = threading.RLock()
        self._taken: dict[Route, None] = {}
        self.statistics = Statistics()

    def get(
        self,
        url: str,
        *,
        params: Sequence[tuple[str, str | Secret]] = (),
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Response:
        """GET (see `variance_bridge.broker.Session`)."""
        address = resolve(url, self._hosts, self._query(params))
        return self._request("GET", address, headers or {}, self._policy.tries)

    def post_read(
        self,
        url: str,
        *,
        params: Sequence[tuple[str, str | Secret]] = (),
        form: Mapping[str, str | Secret] | None = None,
        json: Any = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Response:
        """POST to one of the declared reads (see `variance_bridge.broker.Session`)."""
        address = resolve(url, self._hosts, self._query(params))
        check_read_post(address, self._read_posts)
        kind, data = self._body(form, json, body, content_type)
        return self._request("POST", address, headers or {}, self._policy.tries, kind, data)

    def post_token(
        self,
        url: str,
        *,
        form: Mapping[str, str | Secret] | None = None,
        json: Any = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        headers: Mapping[str, str | Secret] | None = None,
        once: bool = False,
    ) -> Response:
        """POST to one of the token paths (see `variance_bridge.broker.Session`).

        The tokens in the answer are personal values from then on.
        """
        address = resolve(url, self._hosts)
        check_token_post(address, self._token_paths)
        kind, data = self._body(form, json, body, content_type)
        tries = 1 if once else self._policy.tries
        response = self._request("POST", address, headers or {}, tries, kind, data)
        self._learn_tokens(response)
        return response

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time of the `with` block under a name in `statistics.seconds`."""
        started = self._clock.monotonic()
        try:
            yield
        finally:
            passed = self._clock.monotonic() - started
            self.statistics.seconds[name] = self.statistics.seconds.get(name, 0.0) + passed

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes other than the straight one that requests took so far, for `meta.via`."""
        return tuple(self._taken)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._wire is not None:
                self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ReadOnlySession({', '.join(sorted(self._hosts))})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a session is never pickled")

    def _request(
        self,
        method: str,
        address: Address,
        headers: Mapping[str, str | Secret],
        tries: int,
        content_type: str | None = None,
        body: bytes | None = None,
    ) -> Response:
        from variance_bridge.network.request import Request

        sent = self._headers(headers, address, content_type)
        request = Request(
            method=method, address=address, headers=sent, body=body, meanwhile=self._meanwhile
        )
        with self._lock:
            answer = self._try(request, tries)
        if 300 <= answer.status < 400:
            raise BrokerRefused(
                f"the broker answered with a redirect ({answer.status}), which is never followed",
                where=self._shown(request),
                hint="The broker's address has changed, or something stands between: update the plugin.",
            )
        return Response(
            status=answer.status,
            headers=answer.headers,
            body=answer.body,
            request=self._shown(request),
        )

    def _try(self, request: Request, tries: int) -> Answer:
        """Up to so many tries within `policy.total_seconds`."""
        from variance_bridge.network.connection import ConnectionFailure, NoResponse

        self._keep_to_rates(request)  # the wait for the first try is not part of the request's time
        started = self._clock.monotonic()
        for attempt in range(1, tries + 1):
            if attempt > 1:
                self._keep_to_rates(request)
            left = self._policy.total_seconds - (self._clock.monotonic() - started)
            asked: float | None = None
            certain = limited = False
            failed = True
            try:
                answer = self._send(request, left, attempt)
            except NoResponse as failure:
                problem = f"the broker cannot be reached: {failure.reason.value}"
                certain = failure.reason is ConnectionFailure.CERTIFICATE
            else:
                if not is_transient(answer.status) and answer.status >= 200:
                    return answer
                problem = f"the broker answered with status {answer.status}"
                failed, limited = False, answer.status == TOO_MANY_REQUESTS
                asked = retry_after(answer.headers, self._clock.now())
            wait = max(
                wait_before(attempt, asked, self._policy, self._random, limited=limited),
                self._rates.wait(request.address.path, self._clock.monotonic()),
            )
            left = self._policy.total_seconds - (self._clock.monotonic() - started)
            last = attempt == tries or wait >= left
            if certain or last or wait > self._policy.longest_wait_seconds:
                break
            self._clock.sleep(wait)
            self.statistics.seconds_waited += wait
        raise BrokerUnreachable(
            f"{problem} ({plural(attempt, 'try', 'tries')})",
            where=self._shown(request),
            hint=_advice(
                asked,
                certain=certain,
                limited=limited,
                ignored_proxy=self._ignored_proxy(request) if failed else None,
            ),
        )

    def _keep_to_rates(self, request: Request) -> None:
        """Wait until the broker's published rates allow a try, and count it."""
        path = request.address.path
        with self._rates.turn:
            wait = self._rates.wait(path, self._clock.monotonic())
            if wait > 0:
                self._clock.sleep(wait)
                self.statistics.seconds_waited += wait
            self._rates.count(path, self._clock.monotonic())

    def _ignored_proxy(self, request: Request) -> str | None:
        """The variable of a proxy that the surroundings name and the configuration does not allow."""
        if request.address.loopback:
            return None
        return next((name for name in self._policy.access.ignored if "proxy" in name.lower()), None)

    def _send(self, request: Request, seconds: float, attempt: int) -> Answer:
        """One try, counted and logged."""
        from variance_bridge.network.connection import NoResponse
        from variance_bridge.network.request import Wire

        if self._wire is None:
            self._wire = Wire(self._policy)
        proxy = None if request.address.loopback else self._proxy_for(request.address.host)
        self.statistics.requests += 1
        self.statistics.retries += attempt > 1
        began = self._clock.monotonic()
        outcome = "stopped"
        try:
            answer = self._wire.send(request, seconds, proxy)
            outcome = str(answer.status)
            self.statistics.bytes_received += answer.received
        except NoResponse as failure:
            outcome = failure.reason.value
            raise
        except DataRefused as error:
            outcome = "refused"
            raise DataRefused(
                error.what,
                where=self._shown(request),
                hint="Run the command again; if it happens again, report it to the plugin's authors.",
            ) from None
        finally:
            passed = self._clock.monotonic() - began
            _LOG.debug("%s: %s (try %d, %.3f s)", self._shown(request), outcome, attempt, passed)
        return answer

    def _proxy_for(self, host: str) -> Secret | None:
        proxy = learned_proxy(self._policy.access, host, self._personal)
        if proxy is not None:
            self._taken[Route.PROXY] = None
        return proxy

    def _headers(
        self, given: Mapping[str, str | Secret], address: Address, content_type: str | None
    ) -> dict[str, str]:
        """The header fields to send, the secrets among them in the clear."""
        sent = {"User-Agent": self._user_agent, "Accept-Encoding": "gzip"}
        if content_type is not None:
            sent["Content-Type"] = content_type
        for name, value in given.items():
            own = name.lower() in _OWN_HEADERS or name.lower() in map(str.lower, sent)
            if own or not re.fullmatch(_FIELD_NAME, name):
                raise ForbiddenRequest(
                    "a request was stopped before it was sent: a plugin may not set this header field",
                    where=name if re.fullmatch(_FIELD_NAME, name) else None,
                )
            sent[name] = self._reveal(value)
            if not is_plain(sent[name]):
                raise self._not_plain(name, value)
        self._add_login(sent, address)
        return sent

    def _not_plain(self, name: str, value: str | Secret) -> ForbiddenRequest | ConfigurationError:
        """Whose fault a header field is that cannot be sent: the plugin's, or that of the one who gave the credential."""
        what = "holds a character beyond ASCII, or a line break"
        if isinstance(value, Secret):
            return ConfigurationError(
                f"a credential {what}, so it cannot be sent",
                where=name,
                hint="It was probably not copied whole: set it again (`variance auth status` says where it is).",
            )
        return ForbiddenRequest(
            f"a request was stopped before it was sent: a header field {what}", where=name
        )

    def _add_login(self, sent: dict[str, str], address: Address) -> None:
        """Basic authentication from the netrc file, where the user allowed it and the plugin sends none."""
        if address.loopback or any(name.lower() == "authorization" for name in sent):
            return
        login = self._policy.access.login_for(address.host)
        if login is None:
            return
        from variance_bridge.network.connection import basic_authorization

        user, password = login
        self._personal.add(password)
        sent["Authorization"] = basic_authorization(user, password.reveal())
        self._taken[Route.NETRC] = None

    def _query(self, params: Sequence[tuple[str, str | Secret]]) -> list[tuple[str, str]]:
        return [(name, self._reveal(value)) for name, value in params]

    def _body(
        self,
        form: Mapping[str, str | Secret] | None,
        document: Any,
        exact: bytes | None,
        content_type: str,
    ) -> tuple[str, bytes]:
        """Content type and bytes of the one body that was given."""
        from variance_bridge.document import exact_json

        if sum(given is not None for given in (form, document, exact)) != 1:
            raise ForbiddenRequest("a POST has one body: a form, JSON, or bytes")
        if form is not None:
            fields = [(name, self._reveal(value)) for name, value in form.items()]
            return "application/x-www-form-urlencoded", urlencode(fields).encode("ascii")
        if exact is not None:
            if not re.fullmatch(_MEDIA_TYPE, content_type):
                raise ForbiddenRequest("the content type is not of the form type/subtype")
            return content_type, exact
        return "application/json", exact_json.dumps(self._in_the_clear(document))

    def _in_the_clear(self, value: Any) -> Any:
        """A JSON value whose secrets are revealed."""
        if isinstance(value, Secret):
            return self._reveal(value)
        if isinstance(value, Mapping):
            return {name: self._in_the_clear(member) for name, member in value.items()}
        if isinstance(value, list | tuple):
            return [self._in_the_clear(member) for member in value]
        return value

    def _reveal(self, value: str | Secret) -> str:
        """The value in the clear; a secret is a personal value from then on, and so is it without its scheme."""
        if not isinstance(value, Secret):
            return value
        revealed = value.reveal()
        if len(revealed) > MAX_SECRET_LENGTH + _MAX_SCHEME_LENGTH:
            raise ConfigurationError(
                f"a credential is longer than {MAX_SECRET_LENGTH} characters",
                hint="Set it again: it cannot be the right one.",
            )
        self._personal.add(value)
        scheme, _, rest = revealed.partition(" ")
        if scheme in {"Bearer", "Basic", "Token"} and rest:
            self._personal.add(rest, PersonalKind.CREDENTIAL)
        return revealed

    def _learn_tokens(self, response: Response) -> None:
        """Whatever a token endpoint calls a token is one, also when the plugin forgets to say so."""
        try:
            answer = response.json()
        except DataRefused:
            return
        waiting = [answer]
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            if not isinstance(one, dict):
                continue
            for name, value in one.items():
                if isinstance(value, dict | list):
                    waiting.append(value)
                elif (
                    isinstance(value, str)
                    and len(value) >= _MIN_TOKEN_LENGTH
                    and _names_token(name)
                ):
                    if len(value) > MAX_SECRET_LENGTH or not is_plain(value):
                        raise DataRefused(
                            "the broker granted a token that cannot be one: too long, beyond ASCII, or with a line break",
                            hint="Run the command again; if it happens again, report it to the broker.",
                        )
                    self._personal.add(value, PersonalKind.CREDENTIAL)

    def _shown(self, request: Request) -> str:
        return self._personal.redact(f"{request.method} {request.address.shown}")


def _names_token(name: str) -> bool:
    return name.lower().replace("-", "_").endswith("token")


def _advice(asked: float | None, *, certain: bool, limited: bool, ignored_proxy: str | None) -> str:
    if certain:
        return (
            "Something stands between you and the broker, or this machine's date is wrong. Do not go on until it is known."
            " If it is your company's proxy, give its certificate: `[network] ca_file`."
        )
    if ignored_proxy:
        return f"{ignored_proxy} is set and not used; to use it: `proxy = true` under [network] in variance.toml."
    if asked:
        # Rounded up, where minutes are shown: too early would be refused again.
        wait = format_age(timedelta(seconds=asked if asked < 60 else asked + 59))
        return f"The broker asks to wait {wait}: run the command again after that."
    if limited:
        return (
            "The broker limits how often it may be asked: run the command again in a few minutes."
        )
    return "Check the network and the broker's status page, then run the command again."
