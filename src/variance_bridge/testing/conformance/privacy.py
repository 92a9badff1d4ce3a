"""Whether anything personal gets out: into a document, a message, a log, a repr."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from variance_bridge.document import exact_json
from variance_bridge.document.convert import to_bytes
from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge.model import Portfolio
from variance_bridge.personal_values import PersonalKind, Secret
from variance_bridge.pipeline.personal_data import find_personal
from variance_bridge.testing import canaries
from variance_bridge.testing.case_decorator import Complaints, case
from variance_bridge.testing.conformance.conformance_case import ConformanceCase, PayloadTree
from variance_bridge.testing.payloads import changes_over_years
from variance_bridge.testing.payloads.trees import nodes, put, shown
from variance_bridge.testing.recorded_run import RecordedRun, completed, run_recording
from variance_bridge.testing.recordings import Exchange
from variance_bridge.testing.simulated_session import SentRequest

_MIN_LENGTH = 4
_MIN_SECRET = 8
_FREE_TEXTS = frozenset(
    {"description", "name", "note", "notes", "memo", "comment", "comments", "remark", "nickname"}
)
_MAX_DEPTH = 6


class Privacy(ConformanceCase):
    """PRIV."""

    @case("PRIV-01")
    def test_no_account_number_and_no_credential_is_in_a_document(self) -> Complaints:
        """Nothing that the run knows to be personal is in a document: account number, nickname, credential, token."""
        for run in self.recorded_runs():
            for account_run in run.account_runs:
                for hit in find_personal(self.document(account_run.portfolio), run.personal):
                    yield f"{account_run.name}: {hit}"
                text = self._text(account_run.portfolio)
                if (
                    len(account_run.account.number) >= _MIN_LENGTH
                    and account_run.account.number in text
                ):
                    yield f"{account_run.name}: the account number is in the document"

    @case("PRIV-02")
    def test_names_and_addresses_that_the_broker_adds_are_not_published(self) -> Complaints:
        """Members with names, addresses and notes in every object of the payloads do not get into a document."""
        for payload in self.payload_trees():
            for one in changes_over_years.new_members(payload.sources):
                outcome = payload.account_run.normalize(one.payloads)
                if isinstance(outcome, Portfolio) and canaries.shows(self._text(outcome)):
                    yield f"{payload.name}: {one}, one of them is published"

    @case("PRIV-03")
    def test_a_text_that_is_not_published_stays_unpublished_whatever_it_says(self) -> Complaints:
        """A text of the payloads that is in no document today is in none when it says something personal.

        The same holds for descriptions, names and notes: what stands there today may name a person tomorrow.
        """
        for payload in self.payload_trees():
            for place, _value in self._unpublished(payload):
                tree = put(payload.sources.tree, place, canaries.WORD)
                outcome = payload.renormalized(tree)
                if isinstance(outcome, Portfolio) and canaries.shows(self._text(outcome)):
                    yield f"{payload.name}: what {shown(place)} says is published"

    def _unpublished(self, payload: PayloadTree) -> Iterator[tuple[Any, str]]:
        published = self._text(payload.portfolio)
        for place, value in nodes(payload.sources.tree, self.most_drifting):
            is_text = isinstance(value, str) and changes_over_years.as_number(value) is None
            is_leaf = place[0] not in payload.sources.tables or payload.sources.is_cell(place)
            is_free = str(place[-1]).casefold().removeprefix("@") in _FREE_TEXTS
            if is_text and is_leaf and (is_free or value.strip() not in published):
                yield place, value

    @case("PRIV-04")
    def test_nothing_personal_is_logged(self) -> Complaints:
        """No log record of any level holds an account number, a credential or a name."""
        for run in self._planted():
            yield from _shown_in(run, run.log, "the log")
        for name, one, heard in self.unheard():
            if canaries.shows(heard.log):
                yield f"{name}: {one}, the log shows it"

    @case("PRIV-05")
    def test_nothing_personal_is_in_a_warning(self) -> Complaints:
        """No warning to the user holds an account number, a credential or a name."""
        for run in self._planted():
            yield from _shown_in(run, "\n".join(run.warnings), "a warning")
        for name, one, heard in self.unheard():
            if canaries.shows(heard.warnings):
                yield f"{name}: {one}, a warning shows it"

    @case("PRIV-06")
    def test_no_error_quotes_the_payloads(self) -> Complaints:
        """An error about payloads says which member is wrong, and never what it says.

        Error messages go to screens and into bug reports; what stands where a number should be may be a name.
        """
        for name, one, heard in self.unheard():
            outcome = heard.outcome
            if isinstance(outcome, BridgeError) and canaries.shows(_words(outcome)):
                yield f"{name}: {one}, the error quotes it"

    @case("PRIV-07")
    def test_no_error_quotes_an_answer(self) -> Complaints:
        """An error about an answer quotes neither its body nor the account number in its address."""
        for run in self.recorded_runs():
            for sent in dict.fromkeys(run.session.wire.sent):
                for status in (200, 400, 401, 403, 404):
                    failed = run_recording(
                        self.subject(), run.recording, alter=_answering(sent, status)
                    )
                    words = _words(failed.error) if isinstance(failed.error, BridgeError) else ""
                    if canaries.shows(words):
                        yield f"{run.recording.name}: when {sent} is answered {status}, the error quotes it"
                    if failed.personal.find(words):
                        yield f"{run.recording.name}: an error shows what identifies an account"

    @case("PRIV-08")
    def test_no_repr_shows_anything_personal(self) -> Complaints:
        """The repr of broker, accounts and payloads shows neither account number nor credential."""
        for run in self.recorded_runs():
            shown_values = [
                run.broker,
                *run.accounts,
                *(account_run.raw for account_run in run.account_runs),
            ]
            yield from _shown_in(run, " ".join(map(repr, shown_values)), "a repr")

    @case("PRIV-09")
    def test_nothing_is_printed(self) -> Complaints:
        """A broker prints nothing: stdout belongs to the result, and `context.warn` to what the user should know."""
        for run in self.recorded_runs():
            if run.printed:
                yield f"{run.recording.name}: it prints something"

    @case("PRIV-10")
    def test_no_secret_is_kept_in_the_clear(self) -> Complaints:
        """Credentials stay `Secret` objects: none of the broker's own objects holds one as text.

        Give the Secret itself to the session, with `secret.prefixed("Bearer ")` where it needs a word before it.
        """
        for run in self.recorded_runs():
            secrets = _secrets_of(run)
            found = _texts_with_secret(run.broker, secrets, self.subject().package, "broker", 0)
            for place in found:
                yield f"{run.recording.name}: {place} holds a credential in the clear"

    @case("PRIV-11")
    def test_nothing_personal_is_in_a_rejected_row(self) -> Complaints:
        """What is published of a rejected row is its number, a reason and at most the symbol of a listed contract."""
        for name, one, heard in self.unheard():
            outcome = heard.outcome
            if isinstance(outcome, Portfolio):
                symbols = [row.symbol for row in outcome.meta.rejected]
                symbols += [flag.symbol for flag in outcome.meta.flags]
                if any(canaries.shows(str(symbol)) for symbol in symbols):
                    yield f"{name}: {one}, it is published in meta"

    def _text(self, portfolio: Portfolio) -> str:
        try:
            return to_bytes(completed(portfolio, self.subject().spec.name)).decode()
        except (TypeError, ValueError):
            return repr(portfolio)

    def _planted(self) -> Iterator[RecordedRun]:
        """The runs once more, with names and addresses in every answer."""
        for run in self.recorded_runs():
            exchanges = tuple(_with_names(one) for one in run.recording.exchanges)
            recording = attrs.evolve(run.recording, exchanges=exchanges)
            yield run_recording(self.subject(), recording)


def _with_names(exchange: Exchange) -> Exchange:
    try:
        value = exact_json.loads(exchange.body)
    except DataRefused:
        return exchange
    return attrs.evolve(exchange, body=exact_json.dumps(canaries.with_planted_members(value)))


def _answering(wanted: SentRequest, status: int) -> Any:
    body = exact_json.dumps({"error": {**canaries.PLANTED, "code": canaries.WORD}})
    answer = Exchange(method="GET", url="", status=status, body=body)
    return lambda sent: answer if sent.key == wanted.key else None


def _words(error: BridgeError) -> str:
    return f"{error.what} {error.where or ''} {error.hint or ''}"


def _shown_in(run: RecordedRun, text: str, what: str) -> Complaints:
    if canaries.shows(text):
        yield f"{run.recording.name}: {what} shows a credential or a name"
    for account in run.accounts:
        for value in (account.number, account.nickname):
            if value and len(value) >= _MIN_LENGTH and value in text:
                yield f"{run.recording.name}: {what} shows what identifies an account"


def _secrets_of(run: RecordedRun) -> tuple[str, ...]:
    """The credentials that it was given, and the tokens that it was answered with."""
    return tuple(
        one.spelled
        for one in run.personal
        if one.kind is PersonalKind.CREDENTIAL and len(one.spelled) >= _MIN_SECRET
    )


def _texts_with_secret(
    value: Any, secrets: tuple[str, ...], package: str, place: str, depth: int
) -> Iterator[str]:
    """Where an object of the broker's own holds a credential or a token as plain text."""
    if depth > _MAX_DEPTH or isinstance(value, Secret):
        return
    if isinstance(value, str | bytes):
        text = value if isinstance(value, str) else value.decode("latin-1")
        if canaries.shows(text) or any(secret in text for secret in secrets):
            yield place
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield from _texts_with_secret(member, secrets, package, f"{place}[{name!r}]", depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for member in value:
            yield from _texts_with_secret(member, secrets, package, f"{place}[]", depth + 1)
    elif type(value).__module__.partition(".")[0] == package:
        members = {name: getattr(value, name, None) for name in _attribute_names(value)}
        for name, member in members.items():
            yield from _texts_with_secret(member, secrets, package, f"{place}.{name}", depth + 1)


def _attribute_names(value: Any) -> list[str]:
    slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return [*getattr(value, "__dict__", {}), *(name for name in slots if name != "__weakref__")]
