"""The pipeline: fetch, normalize, enrich, seal, validate, publish. Data moves once, from left to right.

Here is decided which account goes into which file; what is done with one is in `pipeline.sync_account`. The lock of the
output file is held for the whole of it, so that of two syncs one wins and the other says so at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from msgspec import Struct

from variance_bridge.broker import Account, Capability
from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    DataRefused,
    UsageError,
)
from variance_bridge.formatting import format_age
from variance_bridge.pipeline.account_choice import select_account
from variance_bridge.pipeline.listeners import Listener, call_listeners, open_listener
from variance_bridge.pipeline.previous_document import STANDARD_STREAM, PreviousDocument
from variance_bridge.pipeline.run import BrokerRun, open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync_records import Failed, Progress, Synced, SyncRequest
from variance_bridge.storage.lock import OutputLock, output_lock

_SAID = "the last good file is untouched"


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


def _sync_account(
    run: BrokerRun,
    account: Account,
    previous: PreviousDocument,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Synced:
    # Imported here: while a broker's first answer is on its way (`pipeline.run_context`), and for a file now.
    from variance_bridge.pipeline.sync_account import sync_account

    return sync_account(run, account, previous, lock, request, tell)


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
            from variance_bridge.document.newest_file import newest

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
