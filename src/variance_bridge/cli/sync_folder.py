"""`variance sync FOLDER`: which of the exports in it is the newest of each account."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from variance_bridge.errors import BridgeError, DataRefused, UnknownFormat, UsageError
from variance_bridge.formatting import path_text, plural
from variance_bridge.masking import masked
from variance_bridge.pipeline.sync_records import Failed, Synced

if TYPE_CHECKING:
    from variance_bridge.cli.invocation import Invocation

MAX_FILES = 500
"""Each is read, so that its account and its time are known."""

Sync = Callable[["Invocation", dict[str, Any]], list[Synced | Failed]]


class Export(Struct, frozen=True):
    """The newest export of an account.

    Attributes:
        file: the export.
        account: its hash; None where the file names no account.
        target: the account's own positions file.
        fetched_at: when the export was made.
    """

    file: Path
    account: str | None
    target: Path
    fetched_at: datetime


def newest_of_each_account(
    invocation: Invocation, folder: Path, options: Mapping[str, Any], sync: Sync
) -> tuple[list[Export], list[Failed]]:
    """The newest export of each account, in the order of their names, and what may be a newer one and cannot be read.

    Raises:
        UsageError: an option that is about a single file was given.
        DataRefused: the folder has no file that can be read, or more than `MAX_FILES`.
    """
    if options.get("output") is not None:
        raise UsageError("a folder of exports goes to several files", hint="drop `--output`")
    files = _candidates(invocation, folder)
    found: dict[str | None, Export] = {}
    unread: list[tuple[Path, BridgeError]] = []
    with _quietly(invocation):
        for file in files:
            survey = {**options, "input_file": file, "dry_run": True, "all_accounts": True}
            try:
                results = sync(invocation, survey)
            except BridgeError as error:
                unread.append((file, error))
                continue
            unread += [(file, one.error) for one in results if isinstance(one, Failed)]
            for export in _exports(file, results):
                known = found.get(export.account)
                if known is None or known.fetched_at <= export.fetched_at:
                    found[export.account] = export
    if not found:
        raise _nothing(folder, [reason for _file, reason in unread])
    oldest = min(export.fetched_at for export in found.values())
    failed = []
    for file, reason in unread:
        if not isinstance(reason, UnknownFormat) and file.stat().st_mtime > oldest.timestamp():
            failed.append(Failed(account="", error=_may_be_newer(file, reason)))
        else:
            invocation.note(f"not read: {reason}")
    return sorted(found.values(), key=lambda export: export.target.name), failed


def _may_be_newer(file: Path, error: BridgeError) -> DataRefused:
    named = Path((error.where or "").partition(", line ")[0]).suffix == file.suffix
    return DataRefused(
        f"it cannot be read, and is newer than an export that was: {error.what}",
        where=error.where if named else masked(file.name),
        hint="export it again, or move it out of the folder",
    )


def _candidates(invocation: Invocation, folder: Path) -> list[Path]:
    """The files with the ending of a broker that reads files, the oldest first."""
    endings = {f".{name}" for name in invocation.registry.names}
    try:
        files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings]
        files = [path for path in files if path.is_file()]
        files.sort(key=lambda path: path.stat().st_mtime_ns)
    except OSError as error:
        from variance_bridge.storage.filesystem import reason

        raise DataRefused(
            f"the folder cannot be read: {reason(error)}", where=path_text(folder)
        ) from None
    if len(files) > MAX_FILES:
        raise DataRefused(
            f"it holds {plural(len(files), 'file')}, and at most {MAX_FILES} are searched",
            where=path_text(folder),
            hint="move the old ones away, or name the newest: variance sync FILE",
        )
    return files


def _exports(file: Path, results: list[Synced | Failed]) -> Iterator[Export]:
    for result in results:
        if isinstance(result, Synced):
            meta = result.portfolio.meta
            yield Export(file, meta.account_hash, result.path, meta.fetched_at)


def _nothing(folder: Path, unread: list[BridgeError]) -> DataRefused:
    if not unread:
        return DataRefused(
            "there is no export in this folder",
            where=path_text(folder.absolute()),
            hint="download the positions as CSV from your broker's page into it",
        )
    last = unread[-1]
    return DataRefused(
        f"no export in it can be read; the newest: {last}",
        where=path_text(folder.absolute()),
        hint=last.hint,
    )


@contextmanager
def each_said_once(invocation: Invocation) -> Iterator[None]:
    """An export of several accounts is read for each of them, and says the same of itself each time."""
    before, said = invocation.speak, set[str]()

    def speak(text: str) -> None:
        if text not in said:
            said.add(text)
            before(text)

    invocation.speak = speak
    try:
        yield
    finally:
        invocation.speak = before


@contextmanager
def _quietly(invocation: Invocation) -> Iterator[None]:
    """What is said about a file is said when it is synced, not while it is compared with others."""
    before, invocation.speak = invocation.speak, lambda _text: None
    try:
        yield
    finally:
        invocation.speak = before
