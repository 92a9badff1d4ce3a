"""The pipeline: fetch, normalize, enrich, seal, validate, publish. Data moves once, from left to right.

The lock of the output file is held for the whole of it, so that of two syncs one wins and the other says so at once.
Nothing is written before everything has been checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import attrs
from msgspec import Struct, structs

from variance_bridge.broker import Account, Capability, Session
from variance_bridge.document.check import refuse
from variance_bridge.document.exact_json import pieces
from variance_bridge.document.newest_file import newest
from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    DataRefused,
    UsageError,
)
from variance_bridge.formatting import format_age, plural, repr_without
from variance_bridge.model import Caution, Environment, Flag, Portfolio, Status
from variance_bridge.pipeline.account_choice import select_account
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge.pipeline.listeners import Listener, call_listeners, open_listener
from variance_bridge.pipeline.overwrite import Judgement, Verdict, judge_overwrite
from variance_bridge.pipeline.personal_data import seal
from variance_bridge.pipeline.previous_document import STANDARD_STREAM, PreviousDocument
from variance_bridge.pipeline.run import BrokerRun, Choice, fetch_quotes, open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.storage.lock import OutputLock, output_lock
from variance_bridge.storage.replace import publish

NO_QUOTES = "none"
_SAID = "the last good file is untouched"

REFUSED_WHEN_STRICT = frozenset(
    {
        Caution.MULTIPLIER_UNKNOWN,
        Caution.COST_CONTRADICTED,
        Caution.VALUE_CONTRADICTED,
        Caution.QUOTE_CONTRADICTED,
        Caution.POSITION_REPEATED,
        Caution.NUMBER_UNREADABLE,
        Caution.DATE_UNREADABLE,
        Caution.TYPE_UNKNOWN,
        Caution.SIGN_UNCONFIRMED,
        Caution.BALANCES_DISAGREE,
        Caution.BALANCES_MISSING,
        Caution.TOTAL_DISAGREES,
        Caution.POSSIBLY_TRUNCATED,
    }
)
"""Cautions that say that a number may be wrong or absent, as opposed to merely old or of a certain kind."""


class SyncRequest(Struct, frozen=True, kw_only=True):
    """What the user asked for.

    Attributes:
        choice: broker, profile, account, input file, settings.
        output: the file to write; None for `live_<slug>.json` in the configured folder; `STANDARD_STREAM` for none: the
            caller writes the document.
        quotes: a quote source, "none", or None for the configured one.
        all_accounts: one file per account.
        strict: refuse what would be a caution about numbers, and any rejected row.
        allow_empty: let an empty portfolio replace positions.
        dry_run: do everything but write.
    """

    choice: Choice
    output: Path | None = None
    quotes: str | None = None
    all_accounts: bool = False
    strict: bool = False
    allow_empty: bool = False
    dry_run: bool = False


class Synced(Struct, frozen=True, kw_only=True):
    """One account's outcome.

    Attributes:
        path: where it was (or, in a dry run, would have been) written.
        document: what was written, as mappings and lists.
        published: False in a dry run.
        note: what an empty portfolio means; None otherwise.
        positions_before: where rows could not be read, how many the complete document held that this one replaces (or, in
            a dry run, would replace); None otherwise.
    """

    path: Path
    portfolio: Portfolio
    document: Mapping[str, Any]
    published: bool
    note: str | None = None
    positions_before: int | None = None

    __repr__ = repr_without("document")


class Failed(Struct, frozen=True, kw_only=True):
    """One account of several that could not be synced; the others were.

    Attributes:
        account: its hash; "" where the account could not be found out.
        error: why not; its file is as it was.
    """

    account: str
    error: BridgeError


class Progress(Struct, frozen=True, kw_only=True):
    """Told as the sync goes along; does nothing by default.

    Attributes:
        stage: a stage begins; its name and what it is about.
        accounts: how many accounts are done, of how many, and the hash of the next one of several.
        session: the session whose statistics tell requests and retries.
    """

    stage: Callable[[str, str], None] = lambda _stage, _detail: None
    accounts: Callable[[int, int, str], None] = lambda _done, _of, _next: None
    session: Callable[[Session], None] = lambda _session: None


def sync(
    context: RunContext, request: SyncRequest, progress: Progress | None = None
) -> list[Synced | Failed]:
    """Run the pipeline.

    Returns:
        One `Synced`; of all accounts, one record each, those after an outage left out.

    Raises:
        BridgeError: whatever stopped it, by its exit code; the file that was there is as it was.
    """
    ready = prepare(context, request)
    results = carry_out(ready, progress)
    tell_listeners(ready, results)
    return results


class Ready(Struct, frozen=True, kw_only=True):
    """A sync of which everything is known that can be known before the broker is asked.

    Attributes:
        target: the file that it writes; of all accounts, where their files' names begin.
    """

    run: BrokerRun
    request: SyncRequest
    listeners: Sequence[Listener]
    target: Path

    def close(self) -> None:
        """End the session's connections: a program that goes on would keep them open."""
        close = getattr(self.run.broker_context.session, "close", None)
        if close is not None:
            close()


def prepare(context: RunContext, request: SyncRequest) -> Ready:
    """Choose the broker and load the listeners; raises as `sync`. Nothing is fetched and nothing written."""
    run = open_broker(context, request.choice)
    listeners = [
        Listener(
            f"plugin `{run.spec.name}` ({run.loaded.plugin})",
            run.loaded.plugin,
            run.settings.instance,
        ),
        *(open_listener(context, name) for name in context.configuration.listeners),
    ]
    target = _target(context, request, run)
    return Ready(run=run, request=request, listeners=listeners, target=target)


def tell_listeners(ready: Ready, results: Iterable[Synced | Failed]) -> None:
    """Call the listeners for each document that was published."""
    for result in results:
        if isinstance(result, Synced) and result.published:
            call_listeners(ready.run.context, ready.listeners, result.portfolio, result.path)


def carry_out(ready: Ready, progress: Progress | None = None) -> list[Synced | Failed]:
    """Sync the chosen account or all of them, with the lock of the output held; raises as `sync`."""
    run, request, target, tell = ready.run, ready.request, ready.target, progress or Progress()
    context = run.context
    tell.session(run.broker_context.session)
    _refuse_to_overwrite(request.choice.input_file, target)
    previous = PreviousDocument(target)
    with _locked(target, request, context) as lock:
        with _keeping(previous, context, request):
            previous.check_replaceable()
            tell.stage("accounts", run.spec.name)
            accounts = run.accounts()
            if not request.all_accounts:
                account = select_account(run, accounts, request.choice.account)
                return [_sync_chosen(run, account, previous, lock, request, tell)]
        if request.output is not None and len(accounts) > 1:
            raise DataRefused(
                "one output file cannot hold several accounts",
                hint="drop `--output`: each account gets a file of its own",
            )
        return list(_sync_each(run, accounts, target, lock, request, tell))


def _sync_chosen(
    run: BrokerRun,
    account: Account,
    previous: PreviousDocument,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Synced:
    """The account into its file: the exports of several accounts may be synced into one folder, one after the other."""
    path = _file_of(run, account, previous, request)
    if path == previous.path:
        return _sync_account(run, account, previous, lock, request, tell)
    own = PreviousDocument(path)
    with _locked(path, request, run.context) as own_lock, _keeping(own, run.context):
        own.check_replaceable()
        return _sync_account(run, account, own, own_lock, request, tell)


def _file_of(
    run: BrokerRun, account: Account, previous: PreviousDocument, request: SyncRequest
) -> Path:
    """The file that holds the account; else that of the broker, unless another account has it."""
    target, pseudonym = previous.path, run.account_hash(account)
    if not pseudonym or not _is_free_to_choose(run, request):
        return target
    from variance_bridge.pipeline.output_file import file_of_account, named_after

    found = file_of_account(target, run.spec.name, pseudonym)
    if found is not None:
        return found
    old = previous.outline.meta if previous.outline else None
    taken = old.account_hash if old and old.source == run.spec.name else None
    if taken is None:
        return target
    path = named_after(target, pseudonym)
    run.context.warn(
        f"{target.name} holds another account ({taken}): these positions (account {pseudonym}) go to {path.name}"
    )
    return path


def _is_free_to_choose(run: BrokerRun, request: SyncRequest) -> bool:
    """An export is read, and the user named neither a file to write nor a profile, which has its own."""
    profile = run.context.configuration.top("profile", request.choice.profile).value
    reads_files = Capability.READS_FILES in run.spec.capabilities
    return reads_files and request.output is None and profile is None


def _sync_each(
    run: BrokerRun,
    accounts: Sequence[Account],
    target: Path,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Iterator[Synced | Failed]:
    """Each account into a file of its own. One that fails does not cost the others; an outage ends it for all."""
    from variance_bridge.pipeline.output_file import file_of_account, named_after

    for done, account in enumerate(accounts):
        pseudonym = run.account_hash(account) or ""
        tell.accounts(done, len(accounts), pseudonym)
        found = None
        if pseudonym and _is_free_to_choose(run, request):
            found = file_of_account(target, run.spec.name, pseudonym)
        path = found or named_after(target, pseudonym)
        previous = PreviousDocument(path)
        own_lock = nullcontext(lock) if path == target else _locked(path, request, run.context)
        try:
            with own_lock as held, _keeping(previous, run.context):
                previous.check_replaceable()
                yield _sync_account(run, account, previous, held, request, tell)
        except BridgeError as error:
            yield Failed(account=pseudonym, error=error)
            if isinstance(error, BrokerUnreachable):
                return
    tell.accounts(len(accounts), len(accounts), "")


def _target(context: RunContext, request: SyncRequest, run: BrokerRun) -> Path:
    if request.output is not None:
        return request.output
    from variance_bridge.pipeline.output_file import target_of

    return target_of(context.configuration, run.profile, run.spec.slug)


def _refuse_to_overwrite(input_file: Path | None, target: Path) -> None:
    """The user's export is not ours to replace, under whatever name it is given."""
    try:
        same = input_file is not None and target.samefile(input_file)
    except (OSError, ValueError):
        # One of them is not there, or has no name for a file: others say so.
        return
    if same:
        raise UsageError(
            "the output would take the place of the input",
            where=str(target),
            hint="choose another `--output`; the input is untouched",
        )


@contextmanager
def _locked(path: Path, request: SyncRequest, context: RunContext) -> Iterator[OutputLock | None]:
    """The lock of the output; a dry run neither needs one nor may leave one behind."""
    if request.dry_run or path == STANDARD_STREAM:
        yield None
        return
    with output_lock(path, warn=context.warn) as lock:
        yield lock


@contextmanager
def _keeping(
    previous: PreviousDocument, context: RunContext, request: SyncRequest | None = None
) -> Iterator[None]:
    """When the broker's answer cannot be used, say what the user still has."""
    try:
        yield
    except (BrokerRefused, BrokerUnreachable, DataRefused) as error:
        last: PreviousDocument | None = previous
        if request is not None and request.all_accounts:
            path = previous.path
            found = newest(path.parent.glob(f"{path.stem}_*.json"))
            last = PreviousDocument(found) if found else None
        hint = _still_there(error, last, context) if last else error.hint
        raise type(error)(error.what, where=error.where, hint=hint) from error


def _still_there(error: BridgeError, previous: PreviousDocument, context: RunContext) -> str | None:
    old = previous.outline
    if old is None or _SAID in (error.hint or ""):
        return error.hint
    age = format_age(context.clock.now() - old.meta.fetched_at)
    return "\n  ".join(filter(None, (error.hint, f"{_SAID} ({age} old): {previous.path}")))


def _sync_account(
    run: BrokerRun,
    account: Account,
    previous: PreviousDocument,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Synced:
    tell.stage("fetch", run.account_hash(account) or "")
    settled = settle(_finished(run, account, request, tell))
    # What is sealed and checked is the same object whose bytes are published: nothing is converted a second time.
    portfolio, document = settled.portfolio, settled.document
    path = previous.path
    tell.stage("check", str(path))
    if request.strict:
        _refuse_cautions(portfolio)
    _judge(run, account, portfolio, previous, request)
    seal(document, run.context.personal)
    refuse(settled.violations)
    if lock is not None:
        tell.stage("publish", str(path))
        publish(
            path,
            pieces(document),
            lock=lock,
            keep_previous=previous.is_worth_keeping,
            previous=previous.content,
        )
    return Synced(
        path=path,
        portfolio=portfolio,
        document=document,
        published=lock is not None,
        note=None if portfolio.positions else _why_empty(portfolio, run.spec.capabilities),
        positions_before=_complete_before(portfolio, previous),
    )


def _complete_before(new: Portfolio, previous: PreviousDocument) -> int | None:
    old = previous.outline
    if new.meta.status is not Status.PARTIAL or old is None or old.meta.status is Status.PARTIAL:
        return None
    return len(old.positions)


def _finished(run: BrokerRun, account: Account, request: SyncRequest, tell: Progress) -> Portfolio:
    """The portfolio as it would be published: enriched, with the routes of its requests."""
    portfolio = _with_quotes(run, run.portfolio(account), request, tell)
    via = tuple(sorted(run.broker_context.session.routes))
    return attrs.evolve(portfolio, meta=structs.replace(portfolio.meta, via=via))


def _with_quotes(
    run: BrokerRun, portfolio: Portfolio, request: SyncRequest, tell: Progress
) -> Portfolio:
    name = quote_source_of(run, request)
    if name is None or not portfolio.positions:
        return portfolio
    # Imported here: without quotes there is nothing to add to, or to compare.
    from variance_bridge.pipeline.enrich import enrich
    from variance_bridge.pipeline.quotes_against_balances import contradiction
    from variance_bridge.pipeline.usable_quotes import stale_after

    tell.stage("quotes", "")
    snapshot = fetch_quotes(run, name, portfolio)
    if not snapshot.available:
        run.context.warn(
            f"the source of quotes `{name}` has no market data here;"
            " prices are those that the broker gave with the positions, if any"
        )
    enriched = enrich(
        portfolio, snapshot, now=run.context.clock.now(), source=name, stale_after=stale_after()
    )
    doubt = contradiction(portfolio, enriched)
    if doubt is None:
        return enriched
    run.context.warn(doubt)
    flags = (*enriched.meta.flags, Flag(caution=Caution.BALANCES_DISAGREE))
    meta = structs.replace(enriched.meta, flags=tuple(dict.fromkeys(flags)))
    return attrs.evolve(enriched, meta=meta)


def quote_source_of(run: BrokerRun, request: SyncRequest) -> str | None:
    """Flag, environment, profile, the broker's table, the file's top, the broker's own: the first that says one."""
    configuration = run.context.configuration
    stated = configuration.top("quotes", request.quotes)
    if stated.origin in {"file", "default"}:
        table = configuration.broker_table(run.spec.name)
        chosen = run.profile.quotes or table.quotes or stated.value or run.spec.quotes
    else:
        chosen = stated.value
    return None if chosen in {None, NO_QUOTES} else str(chosen)


def _refuse_cautions(portfolio: Portfolio) -> None:
    meta = portfolio.meta
    words = sorted(
        {flag.caution.value for flag in meta.flags if flag.caution in REFUSED_WHEN_STRICT}
    )
    if meta.rejected:
        words.insert(0, plural(len(meta.rejected), "rejected row"))
    if words:
        raise DataRefused(
            f"refused because of --strict: {', '.join(words)}", hint="nothing was written"
        )


def _judge(
    run: BrokerRun,
    account: Account,
    new: Portfolio,
    previous: PreviousDocument,
    request: SyncRequest,
) -> None:
    """Hold the new portfolio against the file that it would replace; a great loss of rows is looked at twice.

    Raises:
        DataRefused: the replacement is not believable.
    """

    def judge(confirmation: Portfolio | None) -> Judgement:
        return judge_overwrite(
            previous.outline,
            new,
            allow_empty=request.allow_empty,
            confirmation=confirmation,
            now=run.context.clock.now(),
            old_unreadable=previous.unreadable,
            from_file=Capability.READS_FILES in run.spec.capabilities,
            names_account=bool(account.number),
        )

    judgement = judge(None)
    if judgement.verdict is Verdict.CONFIRM:
        judgement = judge(settle(run.portfolio(account)).portfolio)
    for warning in judgement.warnings:
        run.context.warn(warning)
    if judgement.verdict is not Verdict.ACCEPT:
        raise DataRefused(judgement.reason, where=str(previous.path), hint=judgement.hint)


def _why_empty(portfolio: Portfolio, capabilities: frozenset[Capability]) -> str:
    """An empty answer is explained, so that nobody takes it for a failure, or a failure for it."""
    counts, world = portfolio.meta.counts, portfolio.meta.environment
    closed = counts.closed if counts else 0
    if closed:
        return f"the broker lists {plural(closed, 'closed position')} and no open one"
    if world is Environment.SANDBOX:
        return "the sandbox account holds nothing (a sandbox forgets its positions every day)"
    if Capability.READS_FILES in capabilities:
        return "the file lists no position"
    return "the broker answered, and the account holds nothing"
