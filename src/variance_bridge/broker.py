"""What the author of a broker plugin works with: the records a plugin returns and the things it is given.

A plugin's module returns `BrokerSpec` records from the hook `variance_bridge_brokers`; the class that a record names is
imported only when it is used, is given a `BrokerContext`, and has the three methods of `Broker`. Everything that
touches the world (network, clock, files, secrets) comes in through the context, so that a broker can be tested with
none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import attrs
from msgspec import field, structs

from variance_bridge.errors import ConfigurationError
from variance_bridge.formatting import repr_without
from variance_bridge.model import Environment, Portfolio, Route
from variance_bridge.personal_values import PersonalValues, Secret
from variance_bridge.symbology.instrument import Record

HOOK_API = 1
"""The version of this interface. A plugin states the one that it was written for (docs/versioning.md)."""

_NAME = r"[a-z][a-z0-9_]{0,31}"
_CREDENTIAL = r"[A-Z][A-Z0-9_]{0,63}"
_HOST = r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?"
_PRODUCT = r"[A-Za-z0-9._-]+/[A-Za-z0-9._+-]+"
_PAGE = r"https://[a-z0-9.-]+(?:/[!-~]*)?"
_REDIRECT = r"https://[!-~]+|http://127\.0\.0\.1:[0-9]{1,5}/[!-~]*"
_PLACE = r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*"


class Capability(StrEnum):
    """What a broker can tell. Declared by a plugin, shown to the user, held to by the conformance kit."""

    STOCK = "stock"
    OPTION = "option"
    FUTURE = "future"
    FUTURE_OPTION = "future_option"
    CRYPTO = "crypto"
    BOND = "bond"
    FUND = "fund"
    CASH = "cash"
    BALANCES = "balances"
    QUOTES = "quotes"
    MANY_ACCOUNTS = "many_accounts"
    READS_FILES = "reads_files"


def _check(record: Record, kinds: type | tuple[type, ...], *names: str) -> None:
    for name in names:
        if not isinstance(getattr(record, name), kinds):
            raise TypeError(f"{name} must be {kinds}, and is {type(getattr(record, name))}")


def _check_text(record: Record, pattern: str, what: str, *names: str) -> None:
    """Where a field holds several texts, each of them is checked."""
    for name in names:
        value = getattr(record, name)
        for text in value if isinstance(value, tuple) else (value,):
            if not isinstance(text, str) or not re.fullmatch(pattern, text):
                raise ValueError(f"{name} must be {what} ({pattern})")


def _check_optional_text(record: Record, pattern: str, what: str, *names: str) -> None:
    _check_text(
        record, pattern, what, *(name for name in names if getattr(record, name) is not None)
    )


def _make_tuples(record: Record, kind: type, *names: str) -> None:
    """Any iterable may be given; a tuple of values of that kind is kept."""
    for name in names:
        values = getattr(record, name)
        if isinstance(values, str):
            # ("api.acme.example") without its comma would be as many hosts as it has letters.
            raise TypeError(f"{name} must be several strings, and is one")
        found = tuple(values)
        if not all(isinstance(value, kind) for value in found):
            raise TypeError(f"{name} must be {kind}, each of them")
        structs.force_setattr(record, name, found)


class Credential(Record, frozen=True):
    """A secret that a plugin asks for.

    Attributes:
        name: the environment variable, `.env` key and keyring entry that hold it: `ACME_TOKEN`.
        title: what it is, for the user: "read-only API token".
        required: whether the broker cannot work without it.
        when: a setting and its value, for a broker with several ways to log in: it is looked for, and given to the
            broker, only where the setting has that value, as in `("auth", "oauth")`.
        lifetime: how long it works from the log-in on, where the broker limits that: the user is warned in time.
    """

    name: str
    title: str
    required: bool = True
    when: tuple[str, str] | None = None
    lifetime: timedelta | None = None

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        _check_text(self, _CREDENTIAL, "an environment variable's name", "name")
        _check(self, str, "title")
        _check(self, (timedelta, type(None)), "lifetime")

    def applies(self, settings: object = None) -> bool:
        """Whether the broker has a use for it, with these settings (None: with those that ask for the most)."""
        if self.when is None:
            return True
        name, value = self.when
        return bool(getattr(settings, name, value) == value)

    def is_required(self, settings: object = None) -> bool:
        """Whether the broker cannot work without it, with these settings (None: with those that ask for the most)."""
        return self.required and self.applies(settings)


class CredentialPage(Record, frozen=True, kw_only=True):
    """A log-in by a page of the broker: `variance auth login` opens it, and asks for the credentials that it shows.

    Attributes:
        url: the page's address, https.
    """

    url: str

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        _check_text(self, _PAGE, "an https address", "url")


class AuthorizationCode(Record, frozen=True, kw_only=True):
    """A log-in in the browser, by OAuth's authorization code (RFC 6749, section 4.1).

    The user agrees on a page of the broker, and the code that comes back is exchanged for a refresh token.
    `client_id`, `client_secret` and `refresh_token` are names of declared credentials. The user is asked for
    the first two if they are not set yet; the log-in grants the third. If the setting `base_url` is on this machine, both
    addresses are taken from there.

    Attributes:
        authorize_url: the page on which the user agrees, https.
        token_url: where the code is exchanged: a declared host, and a path of `token_paths`.
        client_id: the credential with the application's ID.
        client_secret: the credential with the application's secret; None if it has none.
        refresh_token: the credential that the exchange grants.
        redirect: where the browser is sent afterwards, exactly as it is registered at the broker. At
            `http://127.0.0.1:PORT/PATH` the program waits for it (port 0: any that is free). A browser that is sent to an
            https address shows an error, and the user pastes the address.
        redirect_setting: the setting in which users state what they registered; None where all have the same.
        scope: what is asked for; "" to leave it out.
        pkce: whether the broker takes a proof key (RFC 7636, S256).
        basic: whether the application's ID and secret go into the header `Authorization` of the exchange, and not into
            its form.
        returns_state: whether the broker sends `state` back. From one that does not, a pasted address without it is taken;
            with another `state` it is refused in any case.
    """

    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str | None = None
    refresh_token: str
    redirect: str = "http://127.0.0.1:0/"
    redirect_setting: str | None = None
    scope: str = ""
    pkce: bool = False
    basic: bool = False
    returns_state: bool = True

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        _check_text(self, _PAGE, "an https address", "authorize_url", "token_url")
        _check_text(self, _CREDENTIAL, "a credential's name", "client_id", "refresh_token")
        if self.client_secret is not None:
            _check_text(self, _CREDENTIAL, "a credential's name", "client_secret")
        _check_text(self, _REDIRECT, "an https address, or http on 127.0.0.1", "redirect")
        _check(self, (str, type(None)), "redirect_setting")
        _check(self, str, "scope")
        _check(self, bool, "pkce", "basic", "returns_state")


class RateLimit(Record, frozen=True, kw_only=True):
    """A rate that a broker publishes; the session keeps to it by waiting, and counts every try, the retries too.

    Attributes:
        requests: so many at most, in any window of so many `seconds`.
        path: of the requests that count, by its first segments; `*` is any one segment: `/accounts/*/positions`. "" for
            all requests.
    """

    requests: int
    seconds: float = 1.0
    path: str = ""

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        _check(self, int, "requests")
        _check(self, str, "path")
        if self.requests < 1 or self.seconds <= 0:
            raise ValueError("requests must be 1 or more, and seconds more than 0")


class _Declaration(Record, frozen=True, kw_only=True):
    """What brokers and quote sources declare alike; `BrokerSpec` says what each attribute means."""

    name: str
    title: str
    hosts: tuple[str, ...] = ()
    token_paths: tuple[str, ...] = ()
    read_posts: tuple[str, ...] = ()
    credential_in_query: bool = False
    user_agent: str | None = None
    settings: str | None = None
    credentials: tuple[Credential, ...] = ()
    rate_limits: tuple[RateLimit, ...] = ()
    hook_api: int = HOOK_API

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        _check_text(self, _NAME, "a lower-case name", "name")
        _check(self, str, "title")
        _make_tuples(self, str, "hosts", "token_paths", "read_posts")
        _check_text(self, _HOST, "host names in lower case", "hosts")
        _check(self, bool, "credential_in_query")
        _check_optional_text(self, _PRODUCT, "product/version", "user_agent")
        _check_optional_text(self, _PLACE, "module:Class", "settings")
        _make_tuples(self, Credential, "credentials")
        _make_tuples(self, RateLimit, "rate_limits")


class BrokerSpec(_Declaration, frozen=True, kw_only=True):
    """A broker, declared. A record and not an object, so that listing it runs nothing.

    Attributes:
        name: what `--broker` and the configuration say; equals the entry point's name.
        slug: the output file is `positions/live_<slug>.json`.
        title: the broker's own name, for people.
        broker: `module:Class` of the `Broker`, imported only when it is used.
        hosts: the read-only session talks to these (lower case, no port) and no others, over https.
        token_paths: paths on those hosts to which a POST may go, to be granted a token.
        read_posts: paths on those hosts that are read by POST, because the API has no GET for them; shown when the user is
            asked to allow the plugin. Nothing else is ever posted.
        credential_in_query: whether the API takes a credential in the query of an address, where servers on the way may log
            it; shown to the user likewise.
        user_agent: a product, as in "Acme-Reader/1", that this broker asks for in `User-Agent`; it is put before ours.
        settings: `module:Class` of an attrs class; its fields are the keys of the broker's configuration table.
        credentials: the secrets it is given. It never sees another one.
        capabilities: what it can tell; its words will do: `frozenset({"stock", "option"})`.
        quotes: name of the quote source that is used with this broker unless the user says otherwise; None for none.
        rate_limits: the rates that the broker publishes, which the session keeps to.
        create_credentials: where a user creates the credentials: one sentence, shown when they are missing.
        login: how `variance auth login` obtains them; None: it asks for each of them.
        wakes: `module:Class` of the `Wake` with which `variance watch` hears of changes, imported only there; None where the
            broker does not say when something changes. The user sees it when asked to allow the plugin.
        answer_modules: modules of the plugin that only the broker's answers need. They are imported while the first answer is on
            its way, so that they keep no request waiting.
        hook_api: the version of this interface that it was written for.
    """

    slug: str
    broker: str
    capabilities: frozenset[Capability | str] = field(default_factory=frozenset)
    quotes: str | None = None
    create_credentials: str | None = None
    login: AuthorizationCode | CredentialPage | None = None
    wakes: str | None = None
    answer_modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        super().__post_init__()
        _check_text(self, _NAME, "a lower-case name", "slug")
        _check_text(self, _PLACE, "module:Class", "broker")
        words = frozenset(Capability(word) for word in self.capabilities)
        structs.force_setattr(self, "capabilities", words)
        _check(self, (str, type(None)), "quotes", "create_credentials")
        _check(self, (CredentialPage, AuthorizationCode, type(None)), "login")
        _check_optional_text(self, _PLACE, "module:Class", "wakes")
        _make_tuples(self, str, "answer_modules")
        if isinstance(self.login, AuthorizationCode):
            self._check_login(self.login)

    def _check_login(self, login: AuthorizationCode) -> None:
        """A log-in uses what is declared beside it, and nothing else."""
        used = {login.client_id, login.client_secret or login.client_id, login.refresh_token}
        if not used <= {credential.name for credential in self.credentials}:
            raise ValueError("login names a credential that is not declared")
        host, _, path = login.token_url.removeprefix("https://").partition("/")
        if host not in self.hosts or f"/{path}" not in self.token_paths:
            raise ValueError("login.token_url is not a declared host with one of token_paths")


class QuoteSourceSpec(_Declaration, frozen=True, kw_only=True):
    """A source of market data, declared. It is chosen by configuration and may be none.

    The attributes mean what they mean in `BrokerSpec`; `source` is `module:Class` of the `QuoteSource`. A quote source
    that lives in one distribution with the broker of the run shares its session, credentials, settings and
    `BrokerContext.shared`.
    """

    source: str

    def __post_init__(self) -> None:
        """What is declared is checked when it is declared."""
        super().__post_init__()
        _check_text(self, _PLACE, "module:Class", "source")


class Clock(Protocol):
    """The time, passed in."""

    def now(self) -> datetime:
        """The present, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment, never going back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Response(Protocol):
    """What came back: a status below 500 and not 429 (those were retried and ended as `BrokerUnreachable`).

    A redirect is never followed and never returned: it is `BrokerRefused`.
    """

    @property
    def status(self) -> int:
        """HTTP status code."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields, names in lower case."""
        ...

    @property
    def body(self) -> bytes:
        """The decoded body, at most 8 MiB."""
        ...

    def json(self) -> Any:
        """The body as JSON; every number an exact `Decimal` or `int`.

        Raises:
            DataRefused: the body is not JSON, or beyond the caps on depth and digits.
        """
        ...


class Session(Protocol):
    """The read-only session: GET to the declared hosts, POST to the declared token paths and `read_posts`, and nothing else.

    Each method raises `ForbiddenRequest` before a byte leaves when the URL is not allowed, `BrokerUnreachable` when
    three tries (429, 5xx, no answer) failed, and `DataRefused` when the body is beyond its caps. 4xx answers other than
    429 are returned, not raised. A `Secret` is sent in the clear wherever it stands, and never logged.

    The body of a POST is one of `form`, `json` (any JSON value; numbers are `int` or `Decimal`) and `body`: exact bytes, for an
    API that wants a signature over them, of the type `content_type`.
    """

    @property
    def routes(self) -> tuple[Route, ...]:
        """NetworkAccess that requests have taken so far, because the user configured them."""
        ...

    def get(
        self,
        url: str,
        *,
        params: Sequence[tuple[str, str | Secret]] = (),
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Response:
        """GET. `params` are encoded once, in order, repeats kept."""
        ...

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
        """POST to one of the plugin's `read_posts`, which only reads; tried again like a GET."""
        ...

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
        """POST to one of the plugin's token paths.

        `once` for a log-in with a password: it is not tried again, whatever happens, because failed log-ins are counted.
        """
        ...


def _keep_nothing(name: str, _secret: Secret) -> object:
    raise ConfigurationError(f"the new {name} cannot be kept: there is no place for it")


class BrokerContext(Record, frozen=True, kw_only=True):
    """All that a broker is given. It takes nothing else: no global clock, no environment, no socket.

    Attributes:
        settings: an instance of the class that `BrokerSpec.settings` names (None without one), from the configuration
            table, the environment and `--set`.
        credentials: the declared ones that were found, by name.
        session: the read-only session, for the declared hosts.
        clock: the time.
        input_file: what `--input` named, for brokers that read files.
        folder: the broker's own folder below the user's configuration folder; it need not exist.
        personal: tell it every name, e-mail, account number and token that the broker answers with: what it knows is
            redacted from logs and searched for before a document is published.
        shared: scratch space of this run, shared by the broker and the quote source of one distribution.
        warn: tells the user something about this run, on stderr; no personal values.
        progress: shows on a terminal how far a long read is: what is counted (`"rows"`), a function that says how many are
            done, and how many there are (0: unknown). The function is called from another thread, ten times a second at
            most, so that counting costs the reader nothing.
        store_credential: keeps a credential that the broker replaced, such as a rotated refresh token, where the old one
            came from. Call it before the new one is used. It raises `ConfigurationError` where the new one cannot be
            kept; let that end the run, because the old one may be dead.
        hold_credential: for the time in which a credential is exchanged for a new one: `with hold_credential(name) as known:`
            no other sync exchanges it, and `known` is the credential as it is kept now, which another sync may have
            replaced since this one began; None where it is kept nowhere. `variance_bridge.oauth_tokens.AccessToken` does that.
    """

    settings: Any
    credentials: Mapping[str, Secret]
    session: Session
    clock: Clock
    personal: PersonalValues
    input_file: Path | None = None
    folder: Path | None = None
    shared: MutableMapping[str, Any] = field(default_factory=dict)
    warn: Callable[[str], None] = lambda _message: None
    progress: Callable[[str, Callable[[], int], int], None] = lambda _counted, _done, _of: None
    store_credential: Callable[[str, Secret], object] = _keep_nothing
    hold_credential: Callable[[str], AbstractContextManager[Secret | None]] = lambda _name: (
        nullcontext()
    )


class Account(Record, frozen=True, kw_only=True):
    """An account of the user. The only place where an account number lives.

    Attributes:
        number: as the broker writes it; "" when the source does not tell one.
        kind: the broker's word, such as "Individual" or "Roth IRA".
        nickname: the user's own word for it.
        currency: ISO 4217.
        details: what the broker needs to fetch it, private to the broker.
    """

    number: str
    kind: str | None = None
    nickname: str | None = None
    currency: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    __repr__ = repr_without("number", "nickname", "details")


class RawPortfolio(Record, frozen=True, kw_only=True):
    """What the broker sent, unchanged: the input of the pure function `normalize`.

    Attributes:
        account: whose.
        payloads: parsed JSON (or text) by the broker's own names, as it came.
        fetched_at: aware, UTC: when the state was known to be true, that is before the first required request, or the
            export time of a file.
        environment: which world it came from.
    """

    account: Account
    payloads: Mapping[str, Any]
    fetched_at: datetime
    environment: Environment | None = None

    __repr__ = repr_without("payloads")


@runtime_checkable
class Broker(Protocol):
    """What a broker plugin implements. `__init__` takes the `BrokerContext` and does no I/O."""

    def accounts(self) -> Sequence[Account]:
        """The open accounts, in the broker's order. I/O.

        Raises:
            BrokerRefused: the credentials are invalid or do not permit it.
            BrokerUnreachable: no answer, or only failures.
            DataRefused: an answer that is not understood, or an unreadable file.
        """
        ...

    def fetch(self, account: Account) -> RawPortfolio:
        """What the broker says of one account. I/O; raises as `accounts`. An outage is never an empty answer."""
        ...

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """The payloads in the lingua franca. Pure: no I/O, no clock, no randomness.

        One bad row never costs the others: it goes to `meta.rejected`. `meta.account_hash` and `meta.generator` are
        left to the core.
        """
        ...


class Notice(StrEnum):
    """What a message of a broker means to `variance watch`.

    `CHANGED`: positions or balances are other than before. `REFUSED`: the log-in was not accepted, or is not any longer.
    `OTHER`: anything else.
    """

    CHANGED = "changed"
    REFUSED = "refused"
    OTHER = "other"


@runtime_checkable
class Wake(Protocol):
    """How a broker says over a WebSocket that something changed, so that `variance watch` syncs sooner.

    `__init__` takes the `BrokerContext` that the `Broker` was given too, so that both share a log-in, and does no I/O. The
    core opens the connection and sends the two texts, and nothing else. What comes back is looked at by `read`, and then
    forgotten: positions come from `Broker.fetch` alone.
    """

    @property
    def address(self) -> str | None:
        """`wss://HOST/PATH` on a declared host, without a query; `ws://` on this machine only. None: not with these settings."""
        ...

    @property
    def heartbeat_seconds(self) -> float:
        """The time between two heartbeats, from 1 to 300. A broker that says nothing in it is taken for gone."""
        ...

    def hello(self, accounts: Sequence[Account]) -> Secret:
        """What is sent first: a text, at most 64 KiB, with a log-in that is valid now. I/O through the session is allowed."""
        ...

    def heartbeat(self) -> Secret | None:
        """The text that keeps the connection alive, and that the broker answers; None for a ping of the protocol. I/O as `hello`."""
        ...

    def read(self, message: bytes) -> Notice:
        """What a message means. Pure; any bytes are possible, and none are an error."""
        ...


class MarketData(Record, frozen=True, kw_only=True):
    """One instrument's prices and sensitivities, per unit (one share, one unit of the option's price).

    `theta` per day, `vega` per volatility point, `implied_volatility` as a fraction; `iv_rank` and `iv_percentile` of the
    underlying in percent; `beta` of the underlying against the benchmark of the `MarketSnapshot`; `as_of` is the
    price's own time; `halted` where trading is suspended, so that bid, ask and mark are not a market.
    """

    bid: Decimal | None = None
    ask: Decimal | None = None
    mark: Decimal | None = None
    last: Decimal | None = None
    underlying_price: Decimal | None = None
    as_of: datetime | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    implied_volatility: Decimal | None = None
    iv_rank: Decimal | None = None
    iv_percentile: Decimal | None = None
    beta: Decimal | None = None
    halted: bool = False


class MarketSnapshot(Record, frozen=True, kw_only=True):
    """What a quote source answered. An instrument it does not know is absent, never a zero.

    Attributes:
        instruments: by canonical symbol (`Holding.symbol`).
        benchmark_symbol: what the betas are against, in canonical spelling.
        benchmark_price: its price, which is written to `meta.benchmark`.
        benchmark_as_of: that price's own time.
        currency: the currency of all prices, ISO 4217; they are not used for a position in another currency, whose symbol may be
            the same. None if the source does not know.
        available: False when the source has no market data here at all (a sandbox): the sync goes on with a warning.
    """

    instruments: Mapping[str, MarketData]
    benchmark_symbol: str | None = None
    benchmark_price: Decimal | None = None
    benchmark_as_of: datetime | None = None
    currency: str | None = None
    available: bool = True


@runtime_checkable
class QuoteSource(Protocol):
    """What a quote source implements. `__init__` takes the `BrokerContext` and does no I/O."""

    def fetch(self, portfolio: Portfolio) -> MarketSnapshot:
        """Market data for the portfolio's instruments. I/O; raises as `Broker.accounts`."""
        ...


def setting(default: Any = attrs.NOTHING, *, title: str, environment: str | None = None) -> Any:
    """A field of a settings class.

    Args:
        default: used when the user does not set it; without a default the setting is required.
        title: one line for the user and for the documentation.
        environment: the environment variable that overrides the configuration file.
    """
    return attrs.field(default=default, metadata={"title": title, "environment": environment})
