"""One run of a broker on a recording: everything it did, and what came of it."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
from msgspec import structs

from variance_bridge.broker import Account, BrokerContext, RawPortfolio
from variance_bridge.model import Portfolio, Status
from variance_bridge.personal_values import PersonalKind, PersonalValues, Secret
from variance_bridge.settings.configuration import Configuration, ProfileTable, broker_settings
from variance_bridge.testing.blockade import BlockedCall, Kind, blocked
from variance_bridge.testing.broker_under_test import Subject
from variance_bridge.testing.canaries import credential_value
from variance_bridge.testing.frozen_clock import FrozenClock
from variance_bridge.testing.recordings import Recording
from variance_bridge.testing.simulated_session import Alter, SimulatedSession

ACCOUNT_HASH = "0123456789ab***"
GENERATOR = "variance-bridge 0"

Outcome = Portfolio | Exception


@attrs.frozen(kw_only=True)
class Overheard:
    """What a broker made of payloads, and what could be read meanwhile."""

    outcome: Outcome
    warnings: str
    log: str
    printed: str


@attrs.frozen(kw_only=True)
class AccountRun:
    """One account of a run.

    Attributes:
        name: of the recording, and of the account's place where there are several.
        fetched: the payloads as `fetch` gave them, before `normalize` could change them.
        requests_before: requests that had been sent when `fetch` began.
        began: the clock at that moment.
        warnings: of the whole run; what the broker warns of later is added.
    """

    name: str
    broker: Any
    account: Account
    raw: RawPortfolio
    fetched: Mapping[str, Any]
    portfolio: Portfolio
    requests_before: int
    began: Any
    expected: Mapping[str, Any] | None = None
    warnings: list[str] = attrs.field(factory=list, repr=False)

    def normalize(self, payloads: Mapping[str, Any]) -> Outcome:
        """What the broker makes of other payloads; an exception is a result too."""
        try:
            result = self.broker.normalize(structs.replace(self.raw, payloads=payloads))
        except Exception as error:  # noqa: BLE001 - which one is what a case looks at
            return error
        return result if isinstance(result, Portfolio) else TypeError("no Portfolio came back")

    def overheard(self, payloads: Mapping[str, Any]) -> Overheard:
        """The same, with what the broker warns of, logs and prints meanwhile."""
        before = len(self.warnings)
        with _overheard() as texts:
            outcome = self.normalize(payloads)
        warnings = list(self.warnings[before:])
        if isinstance(outcome, Portfolio):
            warnings += outcome.warnings
        log, printed = texts()
        return Overheard(outcome=outcome, warnings="\n".join(warnings), log=log, printed=printed)


@attrs.define(kw_only=True)
class RecordedRun:
    """What one run did.

    Attributes:
        stage: what was being done last.
        error: what ended it; None where it ran to its end.
        warnings: what the broker warned the user of.
        log: all log records of the run, as text.
        printed: what it wrote to stdout and stderr.
        blocked_calls: of the kinds that were blocked.
        left_behind: files that it wrote beside its input, or its input where it changed that.
    """

    recording: Recording
    context: BrokerContext
    session: SimulatedSession
    clock: FrozenClock
    personal: PersonalValues
    broker: Any = None
    stage: str = "be started"
    error: BaseException | None = None
    accounts: tuple[Account, ...] = ()
    account_runs: tuple[AccountRun, ...] = ()
    warnings: list[str] = attrs.field(factory=list)
    log: str = ""
    printed: str = ""
    blocked_calls: tuple[BlockedCall, ...] = ()
    left_behind: tuple[str, ...] = ()

    def problem(self, package: str) -> str | None:
        """Why it did not run to its end, in one sentence; None where it did."""
        if self.error is None:
            return None
        return f"{self.recording.name}: the broker could not {self.stage}: {describe_exception(self.error, package)}"


def describe_exception(error: BaseException, package: str) -> str:
    """An exception in words, with the place in the broker's own code."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"/{package}/" in frame.filename.replace("\\", "/")]
    place = "".join(
        f" ({Path(frame.filename).name}, line {frame.lineno})" for frame in (own or frames)[-1:]
    )
    return f"{type(error).__name__}: {error}{place}"


def run_recording(
    subject: Subject,
    recording: Recording,
    *,
    alter: Alter | None = None,
    block: Sequence[Kind] = (),
    credentials: Mapping[str, Secret] | None = None,
    accounts_only: bool = False,
    later: timedelta = timedelta(0),
    store_credential: Callable[[str, Secret], object] = lambda _name, _secret: None,
) -> RecordedRun:
    """Start the broker, list its accounts, fetch and normalize each.

    Args:
        subject: the broker.
        recording: what the network or the file says.
        alter: puts something else in the place of an answer.
        block: kinds of touches that are stopped while the broker starts and talks.
        credentials: in place of the invented ones.
        accounts_only: go home after the list of accounts.
        later: how long after the recording the run happens.
        store_credential: what keeps a rotated credential; it returns None, as in a sync.
    """
    with _surroundings(subject, recording, alter, credentials, later, store_credential) as run:
        with _overheard() as texts:
            _run(subject, run, block, accounts_only=accounts_only)
        run.log, run.printed = texts()
        run.left_behind = _left_behind(run)
        return run


def _left_behind(run: RecordedRun) -> tuple[str, ...]:
    """The names of files that the run wrote or changed beside or below its input."""
    path = run.context.input_file
    if path is None:
        return ()
    beside = [one.name for one in path.parent.rglob("*") if one.is_file() and one != path]
    data = run.recording.file
    is_changed = path.exists() and data is not None and path.read_bytes() != data
    return (*beside, *([path.name] if is_changed else ()))


def _run(subject: Subject, run: RecordedRun, block: Sequence[Kind], *, accounts_only: bool) -> None:
    input_file = run.context.input_file

    def permits(event: str, arguments: tuple[Any, ...]) -> bool:
        return event == "open" and bool(arguments) and str(arguments[0]) == str(input_file)

    if not block:
        _attempt(subject, run, accounts_only=accounts_only)
        return
    with blocked(*block, package=subject.package, permits=permits) as blocked_calls:
        _attempt(subject, run, accounts_only=accounts_only)
    run.blocked_calls = tuple(blocked_calls)


def _attempt(subject: Subject, run: RecordedRun, *, accounts_only: bool) -> None:
    try:
        _list_accounts(subject, run)
        if not accounts_only:
            _perform(run)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - whatever ends it is a result
        run.error = error


def _list_accounts(subject: Subject, run: RecordedRun) -> None:
    broker = run.broker = subject.broker(run.context)
    run.stage = "list its accounts"
    run.accounts = tuple(broker.accounts())
    for account in run.accounts:
        for value in (account.number, account.nickname):
            if value:
                run.personal.add(value, PersonalKind.ACCOUNT_NUMBER)


def _perform(run: RecordedRun) -> None:
    broker = run.broker
    expected = run.recording.expected or ()
    for place, account in enumerate(run.accounts):
        run.stage = "fetch"
        requests_before, began = len(run.session.wire.sent), run.clock.now()
        raw = broker.fetch(account)
        if not isinstance(raw, RawPortfolio):
            raise TypeError("fetch returns a RawPortfolio")
        run.stage = "normalize"
        fetched = copy.deepcopy(dict(raw.payloads))
        portfolio = broker.normalize(raw)
        if not isinstance(portfolio, Portfolio):
            raise TypeError("normalize returns a Portfolio")
        several = f", account {place + 1}" if len(run.accounts) > 1 else ""
        account_run = AccountRun(
            name=f"{run.recording.name}{several}",
            broker=broker,
            account=account,
            raw=raw,
            fetched=fetched,
            portfolio=portfolio,
            requests_before=requests_before,
            began=began,
            expected=expected[place] if place < len(expected) else None,
            warnings=run.warnings,
        )
        run.account_runs = (*run.account_runs, account_run)


@contextlib.contextmanager
def _surroundings(
    subject: Subject,
    recording: Recording,
    alter: Alter | None,
    credentials: Mapping[str, Secret] | None,
    later: timedelta,
    store_credential: Callable[[str, Secret], object],
) -> Iterator[RecordedRun]:
    clock, personal = FrozenClock(recording.taken_at + later), PersonalValues()
    warnings: list[str] = []
    session = SimulatedSession(
        recording.exchanges,
        hosts=subject.reach.hosts,
        token_paths=subject.reach.token_paths,
        read_posts=subject.reach.read_posts,
        clock=clock,
        personal=personal,
        alter=alter,
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = settings_of(subject, recording, Path(folder))
        context = BrokerContext(
            settings=settings,
            credentials=_credentials(subject, settings, personal)
            if credentials is None
            else credentials,
            session=session,
            clock=clock,
            personal=personal,
            input_file=write_input(recording, Path(folder)),
            folder=Path(folder) / "configuration",
            warn=warnings.append,
            store_credential=store_credential,
        )
        yield RecordedRun(
            recording=recording,
            context=context,
            session=session,
            clock=clock,
            personal=personal,
            warnings=warnings,
        )


def settings_of(subject: Subject, recording: Recording, folder: Path) -> Any:
    """The settings object for a recording, made as a sync makes it.

    Raises:
        ConfigurationError: the recording's settings are not the broker's.
    """
    return broker_settings(
        subject.settings_class,
        configuration=Configuration(folder=folder, file=None),
        broker=subject.spec.name,
        profile=ProfileTable(),
        overrides=recording.settings,
    ).instance


def write_input(recording: Recording, folder: Path) -> Path | None:
    """The recorded file in a folder, as old as the recording; None for a recording of exchanges.

    A recording that names a file without its bytes stands for a file that is not there.
    """
    if recording.file_name is None:
        return None
    path = folder / recording.file_name
    if recording.file is not None:
        path.write_bytes(recording.file)
        moment = recording.taken_at.timestamp()
        os.utime(path, (moment, moment))
    return path


def _credentials(
    subject: Subject, settings: object, personal: PersonalValues
) -> Mapping[str, Secret]:
    found = {
        one.name: credential_value(one)
        for one in subject.spec.credentials
        if one.is_required(settings)
    }
    for secret in found.values():
        personal.add(secret)
    return found


@contextlib.contextmanager
def _overheard() -> Iterator[Callable[[], tuple[str, str]]]:
    """Keeps what is logged (at every level) and printed."""
    log, out = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    level, handlers = root.level, root.handlers
    root.handlers = [logging.StreamHandler(log)]
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            yield lambda: (log.getvalue(), out.getvalue())
    finally:
        root.handlers = handlers
        root.setLevel(level)


def completed(portfolio: Portfolio, source: str) -> Portfolio:
    """The portfolio as the core completes it before it is published, with an invented account hash."""
    meta = structs.replace(
        portfolio.meta,
        source=source,
        account_hash=ACCOUNT_HASH,
        generator=GENERATOR,
        status=Status.PARTIAL if portfolio.meta.rejected else Status.COMPLETE,
    )
    return attrs.evolve(portfolio, meta=meta)
