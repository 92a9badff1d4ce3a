"""What the broker does on the network: it only reads, and a failure is never taken for an answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest

from variance_bridge.document import exact_json
from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    DataRefused,
    ForbiddenRequest,
)
from variance_bridge.model import Environment
from variance_bridge.network.connection import ConnectionFailure
from variance_bridge.testing import canaries
from variance_bridge.testing.blockade import Kind
from variance_bridge.testing.canaries import WORD
from variance_bridge.testing.case_decorator import (
    Complaints,
    NotApplicableError,
    NotReadyError,
    case,
)
from variance_bridge.testing.conformance.conformance_case import ConformanceCase
from variance_bridge.testing.payloads import changes_over_years
from variance_bridge.testing.payloads.changes_over_years import Scope
from variance_bridge.testing.payloads.trees import Sources, nodes
from variance_bridge.testing.recorded_run import RecordedRun, describe_exception, run_recording
from variance_bridge.testing.recordings import Exchange, Recording, parse_body
from variance_bridge.testing.simulated_session import SentRequest

Answer = Exchange | ConnectionFailure
MakeAnswer = Callable[[SentRequest], Answer | None]

_ERROR = exact_json.dumps(
    {"error": {"code": "refused", "message": f"no such thing, {canaries.PLANTED['owner']}"}}
)
_PAGE = (
    f"<html><body>Dear {canaries.PLANTED['owner']}, we will be back soon.</body></html>".encode()
)
_HTML = {"content-type": "text/html"}
_JSON = {"content-type": "application/json"}


ELSEWHERE = "http://127.0.0.1:8443"
"""An address that is not the broker's own: a simulator or a gateway on this machine."""

_PRODUCTION = Environment.PRODUCTION
_NOT_REAL = frozenset({"sandbox", "paper", "cert", "test", "uat", "demo", "simulator", "practice"})
"""Words in the name of a host that is not the real one."""


MAX_LISTED = 5
"""Of a list in the answer with the accounts, so many elements drift: it may hold all positions too."""


class Network(ConformanceCase):
    """READ, FAIL, ACCT, NEAR-12 and DOC-06: for brokers that ask a network. A file does not say which world it comes from."""

    @case("READ-01")
    def test_it_asks_only_for_what_the_session_allows(self) -> Complaints:
        """Every request goes by GET to a declared host, or by POST to a declared path.

        The session refuses everything else; a broker that tries is not read-only, or its hosts are not declared.
        """
        for run in self.tries():
            for error in run.session.forbidden:
                yield f"{run.recording.name}: {error.what}"

    @case("READ-02")
    def test_what_is_posted_buys_a_token_or_is_a_declared_read(self) -> Complaints:
        """POST goes to a declared token path, whose answer is a token, or to a declared read, and to nothing else.

        A path that is posted to and answers with something else is an order, or might be one. `BrokerSpec.read_posts`
        declares the paths that an API wants to be read by POST.
        """
        reads = self.subject().reach.read_posts
        for run in self.tries():
            yield from (
                f"{run.recording.name}: something was posted: {error.what}"
                for error in run.session.forbidden
                if "POST" in error.what
            )
            for sent in run.session.wire.sent:
                if sent.path in reads or sent.method != "POST":
                    continue
                if not _answers_token(run, sent):
                    yield f"{run.recording.name}: the answer to {sent} holds no token"

    @case("READ-03")
    def test_it_opens_no_connection_of_its_own(self) -> Complaints:
        """The session is the only way out: no socket and no name look-up beside it."""
        yield from self._strays(Kind.NETWORK)

    @case("READ-04")
    def test_it_starts_no_process_and_no_thread(self) -> Complaints:
        """Neither processes nor threads are started, which could do what the session does not."""
        yield from self._strays(Kind.PROCESSES)

    @case("READ-05")
    def test_it_touches_no_file(self) -> Complaints:
        """No file is read, written or looked for while the broker is asked."""
        yield from self._strays(Kind.FILES)

    @case("READ-06")
    def test_it_reads_no_environment_variable(self) -> Complaints:
        """Credentials and settings come with the context, and not from the environment."""
        yield from self._strays(Kind.ENVIRONMENT)

    @case("READ-07")
    def test_it_takes_the_time_from_the_context(self) -> Complaints:
        """The time comes from `context.clock` and from no other clock."""
        yield from self._strays(Kind.CLOCK)

    def _strays(self, kind: Kind) -> Complaints:
        for run in self.recorded_runs():
            watched = run_recording(self.subject(), run.recording, block=(kind,))
            yield from (f"{run.recording.name}: {one}" for one in watched.blocked_calls)

    @case("READ-08")
    def test_no_secret_stands_in_an_address_undeclared(self) -> Complaints:
        """Credentials travel in header fields or bodies; in an address only where the plugin declares it.

        Servers on the way may log addresses. Where the API wants it so, declare `BrokerSpec.credential_in_query`, which the
        user is shown; a credential in the path is never right.
        """
        declared = any(one.credential_in_query for one in self.subject().records)
        for run in self.tries():
            for sent in run.session.wire.sent:
                query = "" if declared else str(sent.query)
                if canaries.shows(f"{sent.url}{query}"):
                    yield f"{run.recording.name}: a credential stands in the address of {sent.method}"

    @case("READ-09")
    def test_making_the_broker_asks_nothing(self) -> Complaints:
        """`__init__` sends no request and touches nothing: listing and checking brokers is free."""
        for run in self.recorded_runs():
            sent = len(run.session.wire.sent)
            self.subject().broker(run.context)
            if len(run.session.wire.sent) > sent:
                yield f"{run.recording.name}: __init__ sends a request"

    @case("DOC-06")
    def test_each_document_says_which_world_it_comes_from(self) -> Complaints:
        """Production, sandbox and simulator are distinguished, by `RawPortfolio.environment` or by the document."""
        for run in self.recorded_runs():
            hosts = sorted({urlsplit(one.url).hostname or "" for one in run.recording.exchanges})
            for account_run in run.account_runs:
                stated = account_run.portfolio.meta.environment or account_run.raw.environment
                if stated is None:
                    yield f"{account_run.name}: neither the raw portfolio nor the document states an environment"
                for host in hosts:
                    if stated is _PRODUCTION and not _NOT_REAL.isdisjoint(re.split("[.-]", host)):
                        yield f"{account_run.name}: what {host} answers is called production"

    @case("NEAR-12")
    def test_another_address_is_not_production(self) -> Complaints:
        """With another base address in the settings, the document does not say that it comes from production."""
        applies = False
        for run in self.recorded_runs():
            for moved in _moved(run.recording, self.subject().settings_class):
                again = run_recording(self.subject(), moved)
                for account_run in again.account_runs if again.error is None else ():
                    applies = True
                    portfolio = account_run.portfolio
                    if (portfolio.meta.environment or account_run.raw.environment) is _PRODUCTION:
                        yield f"{account_run.name}: from {ELSEWHERE}, it is production"
        if not applies:
            raise NotApplicableError("no setting is the address of the API")

    @case("FAIL-01")
    @pytest.mark.parametrize("status", [401, 403])
    def test_a_refusal_is_reported_as_a_refusal(self, status: int) -> Complaints:
        """401 and 403 are BrokerRefused: the credentials are invalid, or do not permit it."""
        yield from self._fails(f"answered {status}", _status(status), (BrokerRefused,))

    @case("FAIL-02")
    @pytest.mark.parametrize("status", [400, 404, 406, 410, 422])
    def test_another_4xx_is_reported_as_a_refusal(self, status: int) -> Complaints:
        """Any other 4xx is BrokerRefused or DataRefused, and no crash."""
        yield from self._fails(f"answered {status}", _status(status), (BrokerRefused, DataRefused))

    @case("FAIL-03")
    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_an_outage_is_reported_as_an_outage(self, status: int) -> Complaints:
        """429 and 5xx are BrokerUnreachable, after the session's tries."""
        yield from self._fails(f"answered {status}", _status(status), (BrokerUnreachable,))

    @case("FAIL-04")
    @pytest.mark.parametrize(
        "silence",
        [ConnectionFailure.READ_TIMEOUT, ConnectionFailure.UNRESOLVED, ConnectionFailure.BROKEN],
    )
    def test_no_answer_is_reported_as_an_outage(self, silence: ConnectionFailure) -> Complaints:
        """A time-out, an unknown name and a broken connection are BrokerUnreachable."""
        yield from self._fails("not answered", lambda _sent: silence, (BrokerUnreachable,))

    @case("FAIL-05")
    def test_a_redirect_is_not_followed(self) -> Complaints:
        """A redirect is BrokerRefused: credentials are not carried elsewhere."""
        answer = Exchange(
            method="GET", url="", status=302, headers={"location": "https://elsewhere.example/"}
        )
        yield from self._fails("redirected", lambda _sent: answer, (BrokerRefused,))

    @case("FAIL-06")
    def test_a_page_in_the_place_of_json_is_refused(self) -> Complaints:
        """An HTML page with status 200 (maintenance, a hotel's network) is DataRefused."""
        page = Exchange(method="GET", url="", headers=_HTML, body=_PAGE)
        yield from self._fails("answered with an HTML page", lambda _sent: page, (DataRefused,))

    @case("FAIL-07")
    @pytest.mark.parametrize("status", [200, 204])
    def test_an_empty_body_is_refused(self, status: int) -> Complaints:
        """A good status without a body is DataRefused, and no account that holds nothing."""
        empty = Exchange(method="GET", url="", status=status, headers=_JSON)
        refusals = (DataRefused, BrokerRefused)
        yield from self._fails(f"answered {status} without a body", lambda _sent: empty, refusals)

    @case("FAIL-08")
    def test_half_an_answer_is_refused(self) -> Complaints:
        """JSON that breaks off in its middle is DataRefused."""

        def half(sent: SentRequest) -> Answer | None:
            body = self._recorded_body(sent)
            return Exchange(method="GET", url="", headers=_JSON, body=body[: len(body) // 2])

        yield from self._fails("answered with half of its JSON", half, (DataRefused,))

    @case("FAIL-09")
    @pytest.mark.parametrize(
        "other", [None, "text", 7, True, [], {}, [[]], {"data": None}, {"items": 7}]
    )
    def test_json_of_another_shape_is_refused(self, other: Any) -> Complaints:
        """JSON of another shape is DataRefused or BrokerRefused, and never an empty answer."""

        def answer(sent: SentRequest) -> Answer | None:
            recorded = parse_body(self._recorded_body(sent))
            if other == recorded or (other == [] and isinstance(recorded, list)):
                return None
            return Exchange(method="GET", url="", headers=_JSON, body=exact_json.dumps(other))

        refusals = (DataRefused, BrokerRefused)
        yield from self._fails(f"answered with the JSON {other!r}", answer, refusals)

    @case("FAIL-10")
    def test_an_error_with_a_good_status_is_refused(self) -> Complaints:
        """An error message with status 200 is DataRefused, BrokerRefused or BrokerUnreachable."""
        error = Exchange(method="GET", url="", headers=_JSON, body=_ERROR)
        refusals = (DataRefused, BrokerRefused, BrokerUnreachable)
        yield from self._fails("answered 200 with an error message", lambda _sent: error, refusals)

    @case("FAIL-11")
    def test_an_answer_beyond_all_measure_is_refused(self) -> Complaints:
        """An answer longer than the session reads is DataRefused."""
        endless = Exchange(method="GET", url="", headers=_JSON, body=b" " * (9 * 1024 * 1024))
        yield from self._fails("answered without end", lambda _sent: endless, (DataRefused,))

    @case("FAIL-12")
    @pytest.mark.parametrize("status", [400, 401, 403])
    def test_a_refused_log_in_is_tried_once(self, status: int) -> Complaints:
        """A refused token request is final: it is not sent a second time, because failed log-ins are counted."""
        paths = self.subject().reach.token_paths
        for sent, run in self._altered(_status(status)):
            again = run.session.wire.sent.count(sent)
            if sent.method == "POST" and sent.path in paths and again > 1:
                yield f"{sent} is sent {again} times, though it was answered {status}"

    @case("FAIL-13")
    def test_an_error_says_what_to_do(self) -> Complaints:
        """A refusal comes with a hint: what the user can do next."""
        for sent, run in self._altered(_status(401)):
            if isinstance(run.error, BridgeError) and not run.error.hint:
                yield f"when {sent} is answered 401, the error has no hint"

    @case("ACCT-01")
    def test_a_missing_member_of_an_account_is_no_other_account(self) -> Complaints:
        """Each member of the list of accounts can be missing: no account is invented, and none is lost silently.

        An account that cannot be read is reported with `context.warn`, or the answer is refused.
        """
        yield from self._accounts(changes_over_years.missing)

    @case("ACCT-02")
    def test_a_null_in_an_account_is_no_other_account(self) -> Complaints:
        """Each value of the list of accounts can be null; "None" is not an account number."""
        yield from self._accounts(
            lambda scope: changes_over_years.retyped(scope, changes_over_years.null)
        )

    @case("ACCT-03")
    def test_a_value_of_another_type_in_an_account_is_no_other_account(self) -> Complaints:
        """Each value of the list of accounts can be inside a list, or true."""
        yield from self._accounts(
            lambda scope: changes_over_years.retyped(
                scope, changes_over_years.wrapped, changes_over_years.truth
            )
        )

    @case("ACCT-04")
    def test_a_new_word_loses_no_account(self) -> Complaints:
        """Each word in the list of accounts can be a new one: an account of an unknown status or type is not lost silently."""
        yield from self._accounts(lambda scope: changes_over_years.retyped(scope, _new_word))

    def _accounts(
        self, drifts: Callable[[Scope], Iterator[changes_over_years.Drift]]
    ) -> Complaints:
        fullest = self._fullest()
        listing = run_recording(self.subject(), fullest.recording, accounts_only=True)
        # An account may be named in another answer than the one that drifts.
        written = {text for one in fullest.recording.exchanges for text in _texts(one.body)}
        for sent in dict.fromkeys(one for one in listing.session.wire.sent if one.method == "GET"):
            sources = Sources({"answer": parse_body(self._recorded_body(sent))})
            if sources.unreadable:
                raise NotApplicableError(
                    "the list of accounts is a text in which the kit finds no members"
                )
            for one in drifts(Scope(sources, tuple(nodes(sources.tree, MAX_LISTED)))):
                body = _as_body(one.payloads["answer"])
                answer = Exchange(method="GET", url="", headers=_JSON, body=body)
                changed = run_recording(
                    self.subject(), fullest.recording, accounts_only=True, alter=_only(sent, answer)
                )
                where = f"{fullest.recording.name}: {one} in {sent}"
                usual = listing.warnings
                yield from (f"{where}, {p}" for p in self._wrong_accounts(changed, written, usual))

    def _wrong_accounts(
        self, changed: RecordedRun, texts: set[str], usual: Sequence[str]
    ) -> Complaints:
        """What is wrong with the accounts of a changed answer.

        Args:
            changed: the run.
            texts: all that the broker's answers say; an account number is one of them.
            usual: the warnings of the answer as it was recorded, which say nothing of the change.
        """
        if changed.error is not None:
            if not isinstance(changed.error, BridgeError):
                yield f"it crashes with {describe_exception(changed.error, self.subject().package)}"
            return
        found = {account.number for account in changed.accounts}
        if found - texts - {WORD}:
            yield "there is an account with a number that the broker never wrote"
        if len(found) < len(self._fullest().accounts) and set(changed.warnings) <= set(usual):
            yield "an account is lost without a warning"

    def _fullest(self) -> RecordedRun:
        """The run with the most positions."""
        return max(
            self.recorded_runs(),
            key=lambda one: sum(len(a.portfolio.positions) for a in one.account_runs),
        )

    def _recorded_body(self, sent: SentRequest) -> bytes:
        """The last answer: the ones before it may say that it is not ready."""
        for exchange in reversed(self._fullest().recording.exchanges):
            if f"{exchange.method} {exchange.url.partition('?')[0]}" == str(sent):
                return exchange.body
        raise NotReadyError(f"there is no answer to {sent}")

    def _altered(self, make: MakeAnswer) -> Iterator[tuple[SentRequest, RecordedRun]]:
        """One run for each request of the fullest recording, with something else in the place of its answer."""
        fullest = self._fullest()
        for sent in dict.fromkeys(fullest.session.wire.sent):
            answer = make(sent)
            if answer is not None:
                yield (
                    sent,
                    run_recording(self.subject(), fullest.recording, alter=_only(sent, answer)),
                )

    def _fails(
        self, how: str, make: MakeAnswer, wanted: tuple[type[BridgeError], ...]
    ) -> Complaints:
        """What is wrong with how each failure is reported. A request that is not needed may fail without consequence."""
        before = [account_run.portfolio.positions for account_run in self._fullest().account_runs]
        names = " or ".join(one.__name__ for one in wanted)
        for sent, run in self._altered(make):
            error = run.error
            if error is None:
                after = [account_run.portfolio.positions for account_run in run.account_runs]
                if after != before and not _is_all_rejected(run):
                    count = sum(map(len, after))
                    yield f"when {sent} is {how}, it is taken for an account with {count} positions"
            elif not isinstance(error, wanted) or isinstance(error, ForbiddenRequest):
                yield f"when {sent} is {how}, it ends with {describe_exception(error, self.subject().package)} and not with {names}"


def _is_all_rejected(run: RecordedRun) -> bool:
    """Whether rows were rejected and none was kept: the core refuses that, so it is never taken for empty."""
    return any(
        account_run.portfolio.meta.rejected and not account_run.portfolio.positions
        for account_run in run.account_runs
    )


def _texts(body: bytes) -> set[str]:
    """All texts in an answer."""
    sources = Sources({"answer": parse_body(body)})
    return {value for _place, value in nodes(sources.tree) if isinstance(value, str)}


def _as_body(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else exact_json.dumps(value)


def _moved(recording: Recording, settings_class: type[Any] | None) -> Iterator[Recording]:
    """The recording as another address would have answered it, for each setting that is an address."""
    for field in attrs.fields(settings_class) if settings_class else ():
        default = str(field.default).rstrip("/")
        if not default.startswith("https://") or field.name in recording.settings:
            continue
        exchanges = tuple(
            attrs.evolve(one, url=ELSEWHERE + one.url.removeprefix(default))
            if one.url.startswith(default)
            else one
            for one in recording.exchanges
        )
        if exchanges == recording.exchanges:
            continue  # an address of something else, such as where a log-in comes back to
        settings = {**recording.settings, field.name: ELSEWHERE}
        yield attrs.evolve(recording, exchanges=exchanges, settings=settings)


def _status(status: int) -> MakeAnswer:
    answer = Exchange(method="GET", url="", status=status, headers=_JSON, body=_ERROR)
    return lambda _sent: answer


def _only(wanted: SentRequest, answer: Answer) -> Callable[[SentRequest], Answer | None]:
    return lambda sent: answer if sent.key == wanted.key else None


def _answers_token(run: RecordedRun, sent: SentRequest) -> bool:
    """Whether the recorded answer has a member whose name ends in `token`."""
    for exchange in run.recording.exchanges:
        if exchange.method != "POST" or exchange.url.partition("?")[0] != sent.url:
            continue
        try:
            waiting = [exact_json.loads(exchange.body)]
        except DataRefused:
            continue
        while waiting:
            one = waiting.pop()
            if isinstance(one, list):
                waiting += one
            elif isinstance(one, dict):
                if any(name.lower().replace("-", "_").endswith("token") for name in one):
                    return True
                waiting += one.values()
    return False


def _new_word(value: Any) -> Iterator[changes_over_years.Change]:
    if isinstance(value, str):
        yield "is an unknown word", WORD
