"""The pipeline: fetch, normalize, enrich, seal, validate, publish. Data moves once, from left to right.

Here is decided which account goes into which file; what is done with one is in `pipeline.sync_account`. The lock of the
output file is held for the whole of it, so that of two syncs one wins and the other says so at once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from variance_bridge.broker import Account, Capability
from variance_bridge.errors import (
    BridgeError,
    BrokerRefused,
    BrokerUnreachable,
    ConfigurationError,
    DataRefused,
    OlderPositions,
    UsageError,
)
from variance_bridge.formatting import format_age
from variance_bridge.pipeline.account_choice import chosen_account, select_account
from variance_bridge.pipeline.listeners import Listener, call_listeners, open_listener
from variance_bridge.pipeline.previous_document import STANDARD_STREAM, PreviousDocument
from variance_bridge.pipeline.run import BrokerRun, open_broker
from variance_bridge.pipeline.run_context import RunContext
from variance_bridge.pipeline.sync_records import (
    Failed,
    Progress,
    Result,
    Skipped,
    Synced,
    SyncRequest,
)
from variance_bridge.storage.lock import OutputLock, output_lock

if TYPE_CHECKING:
    from variance_bridge.pipeline.export_folder import ExportFolder
    from variance_bridge.pipeline.output_file import HeldAccounts

logger = logging.getLogger(__name__)

_SEVERAL = 2
_MAX_LISTED = 12
_SAID = "the last good file is untouched"


def sync(
    context: RunContext, request: SyncRequest, progress: Progress | None = None
) -> list[Result]:
    """Run the pipeline.

    Returns:
        One `Synced`; of all accounts, and of a folder of exports, one record each, those after an outage left out.

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
        looks_for_accounts: whether a file beside the target that holds an account already is the one to replace, whatever its name. The whole folder is listed for that.
    """

    run: BrokerRun
    request: SyncRequest
    listeners: Sequence[Listener]
    target: Path
    looks_for_accounts: bool = True

    def close(self) -> None:
        """End the session's connections: a program that goes on would keep them open."""
        close = getattr(self.run.broker_context.session, "close", None)
        if close is not None:
            close()


def prepare(context: RunContext, request: SyncRequest) -> Ready:
    """Choose the broker and load the listeners; raises as `sync`. Nothing is fetched and nothing written."""
    run = open_broker(context, request.choice, allow_empty=request.allow_empty)
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


def tell_listeners(ready: Ready, results: Iterable[Result]) -> None:
    """Call the listeners for each document that was published."""
    for result in results:
        if isinstance(result, Synced) and result.published:
            call_listeners(ready.run.context, ready.listeners, result.portfolio, result.path)


def carry_out(ready: Ready, progress: Progress | None = None) -> list[Result]:
    """Sync the chosen account or all of them, with the lock of the output held; raises as `sync`."""
    run, request, target, tell = ready.run, ready.request, ready.target, progress or Progress()
    context = run.context
    tell.session(run.broker_context.session)
    _refuse_to_overwrite(request.choice.input_file, target)
    previous = PreviousDocument(target)
    with _locked(target, request, context) as lock:
        several = request.all_accounts or run.folder is not None
        with _keeping(previous, context, several=several):
            previous.check_replaceable()
            tell.stage("accounts", run.spec.name)
            accounts = run.accounts()
            unread = list(_unread_exports(run.folder))
            held = _held_accounts(run, request, previous) if ready.looks_for_accounts else None
            if not is_of_all(run, accounts, request):
                account = select_account(run, accounts, request.choice.account)
                return [*unread, _sync_chosen(run, account, previous, held, lock, request, tell)]
        refuse_single_output(run, accounts, request)
        if run.folder is not None:
            run.folder.report(accounts)
        results = list(_sync_each(run, accounts, previous, held, lock, request, tell))
        return [*unread, *_failed_where_all_skipped(results)]


def is_of_all(run: BrokerRun, accounts: Sequence[Account], request: SyncRequest) -> bool:
    """Whether all accounts are synced: because the user said so, or because a file or a folder has several and nobody chose one."""
    if request.all_accounts:
        return True
    if len(accounts) < _SEVERAL or chosen_account(run, request.choice.account) is not None:
        return False
    return run.folder is not None or _has_file_for_each(run, accounts, request)


def _has_file_for_each(run: BrokerRun, accounts: Sequence[Account], request: SyncRequest) -> bool:
    """Whether the accounts of one export can be told apart, and nobody named the one file to write."""
    if Capability.READS_FILES not in run.spec.capabilities:
        return False
    hashes = {run.account_hash(account) for account in accounts} - {None, ""}
    return len(hashes) == len(accounts) and request.output is None and run.profile.output is None


def refuse_single_output(run: BrokerRun, accounts: Sequence[Account], request: SyncRequest) -> None:
    """Several accounts never go into one file.

    Raises:
        DataRefused: `--output` names it.
        ConfigurationError: the profile does, and a folder has exports of several accounts.
    """
    if len(accounts) == 1:
        return
    if request.output is not None:
        raise DataRefused(
            "one output file cannot hold several accounts",
            hint="drop `--output`: each account gets a file of its own; or choose one with `--account HASH`",
        )
    if run.folder is None or request.all_accounts or run.profile.output is None:
        return
    name = run.context.configuration.top("profile", request.choice.profile).value
    hashes = ", ".join(run.account_hash(account) or "" for account in accounts[:_MAX_LISTED])
    raise ConfigurationError(
        f"it has exports of {len(accounts)} accounts ({hashes}), and `output` of the profile `{name}` is one file",
        where=str(run.folder.path),
        hint=f'write `account = "HASH"` into [profiles.{name}] for one of them; or drop its `output`, and each account gets a file of its own',
    )


def _unread_exports(folder: ExportFolder | None) -> Iterator[Failed]:
    """The files of a folder that cannot be read and may be the newest of an account; the others are mentioned in the log."""
    if folder is None:
        return
    from variance_bridge.pipeline.export_folder import refusal_of

    for each in folder.unread:
        if each.may_be_newest:
            yield Failed(account="", error=refusal_of(each))
        else:
            logger.info("not read: %s", each.error)


def _failed_where_all_skipped(results: Sequence[Result]) -> Sequence[Result]:
    """A sync of which nothing came is refused, as that of a single old export is."""
    skipped = [each for each in results if isinstance(each, Skipped)]
    if len(skipped) < len(results):
        return results
    return [Failed(account=each.account, error=each.error) for each in skipped]


def _held_accounts(
    run: BrokerRun, request: SyncRequest, previous: PreviousDocument
) -> HeldAccounts | None:
    """Where exports are read, which file holds which account; None where the user or a profile says which file is written."""
    if Capability.READS_FILES not in run.spec.capabilities or request.output is not None:
        return None
    profile = run.context.configuration.top("profile", request.choice.profile).value
    is_bound = run.profile.output is not None or run.profile.account is not None
    if profile is not None and (run.folder is None or is_bound):
        return None
    from variance_bridge.pipeline.output_file import HeldAccounts

    return HeldAccounts(previous, run.spec.name)


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
    held: HeldAccounts | None,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Synced:
    """The account into its file: the exports of several accounts may be synced into one folder, one after the other."""
    path = _file_of(run, account, previous, held)
    if path == previous.path:
        return _sync_account(run, account, previous, lock, request, tell)
    own = PreviousDocument(path)
    with _locked(path, request, run.context) as own_lock, _keeping(own, run.context):
        own.check_replaceable()
        return _sync_account(run, account, own, own_lock, request, tell)


def _file_of(
    run: BrokerRun, account: Account, previous: PreviousDocument, held: HeldAccounts | None
) -> Path:
    """The file that holds the account; else that of the broker, unless another account has it."""
    target, pseudonym = previous.path, run.account_hash(account)
    if held is None or not pseudonym:
        return target
    found = held.file_of(pseudonym)
    if found is not None:
        return found
    old = previous.outline.meta if previous.outline else None
    taken = old.account_hash if old and old.source == run.spec.name else None
    if taken is None:
        return target
    from variance_bridge.pipeline.output_file import named_after

    path = named_after(target, pseudonym)
    run.context.warn(
        f"{target.name} holds another account ({taken}): these positions (account {pseudonym}) go to {path.name}"
    )
    return path


def _sync_each(
    run: BrokerRun,
    accounts: Sequence[Account],
    first: PreviousDocument,
    held: HeldAccounts | None,
    lock: OutputLock | None,
    request: SyncRequest,
    tell: Progress,
) -> Iterator[Result]:
    """Each account into a file of its own. One that fails does not cost the others; an outage ends it for all."""
    from variance_bridge.pipeline.output_file import named_after

    for done, account in enumerate(accounts):
        pseudonym = run.account_hash(account) or ""
        tell.accounts(done, len(accounts), pseudonym)
        found = held.file_of(pseudonym) if held is not None and pseudonym else None
        path = found or named_after(first.path, pseudonym)
        previous = PreviousDocument(path)
        own_lock = nullcontext(lock) if path == first.path else _locked(path, request, run.context)
        try:
            with own_lock as holding, _keeping(previous, run.context):
                previous.check_replaceable()
                yield _sync_account(run, account, previous, holding, request, tell)
        except BridgeError as error:
            yield _unsynced(run, account, pseudonym, error)
            if isinstance(error, BrokerUnreachable):
                return
    tell.accounts(len(accounts), len(accounts), "")


def _unsynced(
    run: BrokerRun, account: Account, pseudonym: str, error: BridgeError
) -> Failed | Skipped:
    if run.folder is None or not isinstance(error, OlderPositions):
        return Failed(account=pseudonym, error=error)
    file = run.shown_name(run.folder.export_of(account).file)
    return Skipped(account=pseudonym, file=file, error=error)


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
    previous: PreviousDocument, context: RunContext, *, several: bool = False
) -> Iterator[None]:
    """When the broker's answer cannot be used, say what the user still has: of several accounts, the newest file."""
    try:
        yield
    except (BrokerRefused, BrokerUnreachable, DataRefused) as error:
        last: PreviousDocument | None = previous
        if several:
            path = previous.path
            from variance_bridge.document.newest_file import newest

            found = newest([path, *path.parent.glob(f"{path.stem}_*.json")])
            last = PreviousDocument(found) if found else None
        hint = _still_there(error, last, context) if last else error.hint
        raise type(error)(error.what, where=error.where, hint=hint) from error


def _still_there(error: BridgeError, previous: PreviousDocument, context: RunContext) -> str | None:
    old = previous.outline
    if old is None or _SAID in (error.hint or ""):
        return error.hint
    age = format_age(context.clock.now() - old.meta.fetched_at)
    return "\n  ".join(filter(None, (error.hint, f"{_SAID} ({age} old): {previous.path}")))
