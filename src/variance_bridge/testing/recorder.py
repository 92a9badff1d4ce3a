"""Turns one real sync into a recording that can be committed: the answers of the broker, with nobody's data in them.

What is kept is what the plugin needs, and found by trying: a text or number without which accounts and positions come
out the same is replaced by a meaningless one. Account numbers, and all else that the run knows to be personal, are
replaced by invented ones everywhere. Positions and amounts stay as they are: look at the file before you commit it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import attrs
from msgspec import structs

from variance_bridge.broker import Session
from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused
from variance_bridge.network.declared_hosts import Reach
from variance_bridge.personal_values import PersonalKind, PersonalValues
from variance_bridge.pipeline.broker_choice import Choice
from variance_bridge.pipeline.run import BrokerRun, open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.plugins.guard import guarded
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.payloads.changes_over_years import as_number
from variance_bridge.testing.payloads.trees import Place, nodes, put
from variance_bridge.testing.recorded_run import RecordedRun, run_recording
from variance_bridge.testing.recordings import Exchange, Recording, recording_text

if TYPE_CHECKING:
    from variance_bridge.broker import Response
    from variance_bridge.model import Route
    from variance_bridge.personal_values import Secret

_KEPT_HEADERS = ("content-type",)
_INVENTED = "invented"
_MIN_LENGTH = 4
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]+(Z|[+-][0-9:]+)?)?")
_SYMBOL = re.compile(r"[A-Z0-9./ ]{1,24}|[a-z][a-z_ -]{0,23}|[A-Z][a-z]+( [A-Z][a-z]+)?")
_PERSONAL_NAME = re.compile(
    r"name|mail|phone|address|street|city|zip|postal|birth|tax|ssn|owner|holder|user|customer|person|note|descr|token|id$",
    re.IGNORECASE,
)


class ListeningSession:
    """Passes everything on to a real session, and keeps the answers.

    Attributes:
        exchanges: in the order in which they came.
    """

    def __init__(self, inner: Session, exchanges: list[Exchange]) -> None:
        self._inner = inner
        self.exchanges = exchanges

    @property
    def routes(self) -> tuple[Route, ...]:
        """As of the real session."""
        return self._inner.routes

    def get(
        self,
        url: str,
        *,
        params: Sequence[tuple[str, str | Secret]] = (),
        headers: Mapping[str, str | Secret] | None = None,
    ) -> Response:
        """GET through the real session."""
        response = self._inner.get(url, params=params, headers=headers)
        return self._kept("GET", _joined(url, params), response)

    def post_read(
        self, url: str, *, params: Sequence[tuple[str, str | Secret]] = (), **arguments: Any
    ) -> Response:
        """A read by POST through the real session; what is sent is not kept."""
        response = self._inner.post_read(url, params=params, **arguments)
        return self._kept("POST", _joined(url, params), response)

    def post_token(self, url: str, **arguments: Any) -> Response:
        """A token request through the real session; what is sent is not kept."""
        return self._kept("POST", url, self._inner.post_token(url, **arguments))

    def _kept(self, method: str, url: str, response: Response) -> Response:
        headers = _kept_headers(response.headers)
        self.exchanges.append(
            Exchange(
                method=method,
                url=url,
                status=response.status,
                headers=headers,
                body=response.body,
            )
        )
        return response


def _joined(url: str, params: Sequence[tuple[str, str | Secret]]) -> str:
    """The URL with its query, in which an invented value stands for a secret."""
    shown = [(name, value if isinstance(value, str) else _INVENTED) for name, value in params]
    query = urlencode(shown, quote_via=quote, safe="")
    return f"{url}{'&' if '?' in url else '?'}{query}" if query else url


def _kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: headers[name] for name in _KEPT_HEADERS if name in headers}


def record(
    context: RunContext,
    name: str,
    file: Path,
    *,
    title: str = "",
    profile: str | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Recording:
    """Sync all accounts of a broker, and write the scrubbed recording into a new file.

    Args:
        context: this context, as for a sync.
        name: of the broker.
        file: must not exist.
        title: one line about what is in it.
        profile: of the configuration.
        overrides: settings of the broker for this run, as of `--set`.

    Raises:
        BridgeError: as a sync; DataRefused where something personal would be left in the recording.
        FileExistsError: there is such a file.
    """
    exchanges: list[Exchange] = []

    def listening(reach: Reach) -> Session:
        return ListeningSession(context.open_session(reach), exchanges)

    listened = structs.replace(context, open_session=listening)
    taken_at = context.clock.now()
    run = open_broker(listened, Choice(broker=name, profile=profile, overrides=overrides or {}))
    numbers = _fetch_all(run)
    if not exchanges:
        raise DataRefused(
            f"the broker `{name}` asked nothing of a network, so there is nothing to record",
            hint="for a broker that reads files, name the file in a recording: see docs/conformance.md",
        )
    raw = Recording(
        name=file.name,
        title=title,
        taken_at=taken_at,
        settings=_settings(run),
        exchanges=tuple(exchanges),
    )
    subject = Subject(broker=type(run.broker), loaded=run.loaded)
    scrubbed = scrub(raw, numbers, context.personal, lambda one: run_recording(subject, one))
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(recording_text(scrubbed))
    return scrubbed


def _fetch_all(run: BrokerRun) -> tuple[str, ...]:
    accounts = run.accounts()
    for account in accounts:
        with guarded(str(run.loaded.plugin), "failed while it fetched"):
            run.broker.fetch(account)
    return tuple(account.number for account in accounts)


def _settings(run: BrokerRun) -> Mapping[str, Any]:
    """The settings that somebody set, but for addresses of this context."""
    origins = run.settings.origins
    values = {
        n: getattr(run.settings.instance, n) for n, origin in origins.items() if origin != "default"
    }
    return {name: value for name, value in values.items() if isinstance(value, str | int | bool)}


def scrub(
    recording: Recording,
    numbers: Iterable[str],
    personal: PersonalValues,
    replay: Callable[[Recording], RecordedRun],
) -> Recording:
    """The recording with invented account data.

    Args:
        recording: as it was taken.
        numbers: of the accounts.
        personal: what the run knows to be personal.
        replay: runs the broker on a recording.

    Raises:
        DataRefused: something that is known to be personal would be left.
    """
    renamed = _with_invented_identities(recording, numbers, personal)
    first = replay(renamed)
    scrubbed = (
        _without_the_unread(renamed, first, replay) if first.error is None else _plain(renamed)
    )
    text = recording_text(scrubbed).decode()
    found = personal.find(text)
    if found:
        kinds = ", ".join(kind.value for kind in found)
        raise DataRefused(
            f"the recording was not written, because it would hold something personal ({kinds})",
            hint="Look at the answers in a debugger, and write the recording by hand.",
        )
    return scrubbed


def _with_invented_identities(
    recording: Recording, numbers: Iterable[str], personal: PersonalValues
) -> Recording:
    """Every account number and personal value replaced, the same one by the same invented one, longest first."""
    named = {number: f"INV{place:06d}" for place, number in enumerate(numbers, start=1) if number}
    for place, value in enumerate(personal, start=1):
        if value.spelled not in named and len(value.spelled) >= _MIN_LENGTH:
            named[value.spelled] = _invented(value.kind, place)
    replacements = sorted(named.items(), key=lambda pair: -len(pair[0]))

    def replaced(text: str) -> str:
        for old, new in replacements:
            text = re.sub(re.escape(old), new, text, flags=re.IGNORECASE)
            text = text.replace(quote(old, safe=""), new)
        return text

    exchanges = tuple(
        attrs.evolve(
            exchange,
            url=replaced(exchange.url),
            headers=_kept_headers(exchange.headers),
            body=replaced(exchange.body.decode("utf-8", "replace")).encode(),
        )
        for exchange in recording.exchanges
    )
    return attrs.evolve(recording, exchanges=exchanges)


def _invented(kind: PersonalKind, place: int) -> str:
    if kind is PersonalKind.EMAIL:
        return f"{_INVENTED}{place}@mail.example"
    if kind is PersonalKind.ACCOUNT_NUMBER:
        return f"INV{900000 + place}"
    return f"{_INVENTED}-{place}"


def _without_the_unread(
    recording: Recording, before: RecordedRun, replay: Callable[[Recording], RecordedRun]
) -> Recording:
    """What changes nothing in accounts and portfolios says nothing any more."""
    for index, exchange in enumerate(recording.exchanges):
        body = _parsed(exchange)
        if body is None:
            continue
        for places in _alike(body):
            changed = body
            for place, value in places:
                changed = put(changed, place, _meaningless(value))
            attempt = _with_body(recording, index, changed)
            if _same(before, replay(attempt)):
                recording, body = attempt, changed
    return recording


def _plain(recording: Recording) -> Recording:
    """For a plugin that does not run yet: what does not look like a number, date or symbol says nothing any more."""
    for index, exchange in enumerate(recording.exchanges):
        body = _parsed(exchange)
        for place, value in nodes(body):
            if isinstance(value, str | int | Decimal) and not _is_harmless(place, value):
                body = put(body, place, _meaningless(value))
        recording = recording if body is None else _with_body(recording, index, body)
    return recording


def _is_harmless(place: Place, value: Any) -> bool:
    name = next((step for step in reversed(place) if isinstance(step, str)), "")
    if isinstance(value, bool) or (
        isinstance(value, str) and value.startswith(_INVENTED[:3].upper())
    ):
        return True
    if _PERSONAL_NAME.search(name):
        return False
    text = str(value)
    is_plain = _DATE.fullmatch(text) or _SYMBOL.fullmatch(text)
    return as_number(value) is not None or is_plain is not None


def _alike(body: Any) -> Iterator[list[tuple[Place, Any]]]:
    """The scalars of a body, those of one name in all elements of a list together."""
    groups: dict[Place, list[tuple[Place, Any]]] = {}
    for place, value in nodes(body):
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            general = tuple("[]" if isinstance(step, int) else step for step in place)
            groups.setdefault(general, []).append((place, value))
    yield from groups.values()


def _meaningless(value: Any) -> Any:
    if not isinstance(value, str):
        return 1
    return "1" if as_number(value) is not None else _INVENTED


def _parsed(exchange: Exchange) -> Any:
    try:
        return exact_json.loads(exchange.body)
    except DataRefused:
        return None


def _with_body(recording: Recording, index: int, body: Any) -> Recording:
    exchanges = list(recording.exchanges)
    exchanges[index] = attrs.evolve(exchanges[index], body=exact_json.dumps(body))
    return attrs.evolve(recording, exchanges=tuple(exchanges))


def _same(before: RecordedRun, after: RecordedRun) -> bool:
    """Whether accounts and portfolios are the same, and nothing failed or was warned of that was not before."""
    return (
        after.error is None
        and [one.number for one in after.accounts] == [one.number for one in before.accounts]
        and [account_run.portfolio for account_run in after.account_runs]
        == [account_run.portfolio for account_run in before.account_runs]
        and after.warnings == before.warnings
    )
