"""A folder of exports as a broker: its accounts are those of all files in it, each as its newest export has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from variance_bridge.broker import Account, Broker, RawPortfolio
from variance_bridge.errors import BridgeError, ConfigurationError, DataRefused, UnknownFormat
from variance_bridge.formatting import path_text, plural
from variance_bridge.masking import masked
from variance_bridge.model import Portfolio
from variance_bridge.pipeline.overwrite import Verdict, judge_overwrite
from variance_bridge.storage.filesystem import reason

MAX_FILES = 500
"""Each is read, so that its account and its time are known."""
_MAX_NAMED = 3
_SAME_TIME = timedelta(days=7)
"""Exports of two accounts that are kept side by side are about as old; one account may hold something else after a while."""
_DOWNLOAD = "download the positions as CSV from your broker's page into it"

Warn = Callable[[str], None]
Open = Callable[[Path, Warn], Broker]


class Export(Struct, frozen=True):
    """An account in a file of the folder.

    Attributes:
        file: the export.
        account: as its broker lists it.
        broker: has read the file.
        fetched_at: when the export was made.
        warnings: what was said while the file was read; the exports of one file share the list.
    """

    file: Path
    account: Account
    broker: Broker
    fetched_at: datetime
    warnings: list[str]


class _Nameless(Struct, frozen=True):
    """What is kept of an export that names no account, to tell whose it may be: without the file's content."""

    name: str
    fetched_at: datetime
    symbols: frozenset[str]


class UnreadExport(Struct, frozen=True):
    """A file of the folder that cannot be read.

    Attributes:
        error: why; says nothing personal.
        may_be_newest: whether it may hold newer positions of an account than what is read instead.
    """

    file: Path
    error: DataRefused
    may_be_newest: bool = False


class ExportFolder:
    """Satisfies `Broker`. Each file is read once, with a broker of its own.

    Attributes:
        path: of the folder.
        exports: the newest of each account, in the order of their files' names; known after `accounts`.
        unread: the files that could not be read; known after `accounts`.
    """

    def __init__(
        self,
        path: Path,
        open_file: Open,
        *,
        endings: Sequence[str],
        is_configured: bool,
        allow_empty: bool,
        warn: Warn,
        redact: Callable[[BridgeError], None],
    ) -> None:
        """Nothing is read yet.

        Args:
            path: of the folder.
            open_file: a broker that reads this one file, and warns with the function it is given.
            endings: of files that may be exports.
            is_configured: whether a setting names the folder, and not the user of this run.
            allow_empty: whether an export without positions is believed without proof.
            warn: tells the user something, without anything personal.
            redact: takes what is personal out of an error.
        """
        self.path = path
        self.exports: Sequence[Export] = ()
        self.unread: Sequence[UnreadExport] = ()
        self._open_file = open_file
        self._endings = endings
        self._is_configured = is_configured
        self._allow_empty = allow_empty
        self._warn = warn
        self._redact = redact
        self._said: set[str] = set()

    def accounts(self) -> Sequence[Account]:
        """The accounts of all files.

        Raises:
            DataRefused: no file can be read, there are more than `MAX_FILES`, or the folder itself cannot be read.
            ConfigurationError: the folder is configured, and is not there or has no export.
        """
        newest: dict[str, Export] = {}
        unread: list[UnreadExport] = []
        nameless: list[_Nameless] = []
        for file in self._files():
            try:
                exports = list(self._exports(file, nameless))
            except DataRefused as error:
                self._redact(error)
                unread.append(UnreadExport(file, error))
                continue
            for export in exports:
                number = export.account.number
                known = newest.get(number)
                if known is None or known.fetched_at <= export.fetched_at:
                    newest[number] = export
        if not newest:
            raise self._nothing(unread)
        oldest = min(export.fetched_at for export in newest.values()).timestamp()
        self.unread = [
            UnreadExport(each.file, each.error, may_be_newest=_may_be_newest(each, oldest))
            for each in unread
        ]
        self.exports = sorted(newest.values(), key=lambda export: export.file.name)
        self._warn_of_strangers(nameless)
        return [export.account for export in self.exports]

    def report(self, accounts: Sequence[Account]) -> None:
        """Say what there is to say of the files of these accounts, which may be one: each warning once, and not as of one account."""
        for account in accounts:
            # Names of two files may be the same with their account numbers masked.
            for warning in self.export_of(account).warnings:
                if warning not in self._said:
                    self._said.add(warning)
                    self._warn(warning)

    def fetch(self, account: Account) -> RawPortfolio:
        """The newest export of the account."""
        self.report([account])
        export = self.export_of(account)
        return export.broker.fetch(export.account)

    def normalize(self, raw: RawPortfolio) -> Portfolio:
        """As the broker of the account's file does."""
        return self.export_of(raw.account).broker.normalize(raw)

    def export_of(self, account: Account) -> Export:
        """The newest export of an account that `accounts` listed."""
        return next(each for each in self.exports if each.account.number == account.number)

    def _exports(self, file: Path, nameless: list[_Nameless]) -> Iterator[Export]:
        warnings: list[str] = []
        broker = self._open_file(file, warnings.append)
        for account in broker.accounts():
            raw = broker.fetch(account)
            portfolio = broker.normalize(raw)
            self._refuse_unproven(portfolio, file)
            if not account.number:
                symbols = frozenset(holding.symbol for holding in portfolio.positions)
                nameless.append(_Nameless(masked(file.name), raw.fetched_at, symbols))
            yield Export(file, account, broker, raw.fetched_at, warnings)

    def _refuse_unproven(self, portfolio: Portfolio, file: Path) -> None:
        """An export that may be cut off after its header hides no older one that is whole."""
        judgement = judge_overwrite(None, portfolio, allow_empty=self._allow_empty, from_file=True)
        if judgement.verdict is not Verdict.ACCEPT:
            raise DataRefused(judgement.reason, where=masked(file.name), hint=judgement.hint)

    def _files(self) -> Sequence[Path]:
        """The files that may be exports, the oldest first."""
        try:
            files = exports_in(self.path, self._endings)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(files) > MAX_FILES:
            raise DataRefused(
                f"it holds {plural(len(files), 'file')}, and at most {MAX_FILES} are searched",
                where=path_text(self.path),
                hint="move the old ones away, or name the newest: variance sync FILE",
            )
        return files

    def _unreadable(self, error: OSError) -> BridgeError:
        if not self._is_configured:
            return _unreadable(self.path, error)
        return ConfigurationError(
            f"the folder `input_folder` cannot be read: {reason(error)}",
            where=path_text(self.path),
            hint="set `input_folder` to an existing folder, or name a file: variance sync FILE",
        )

    def _nothing(self, unread: Sequence[UnreadExport]) -> BridgeError:
        if unread:
            last = unread[-1].error
            what = f"no export in it can be read; the newest: {last}"
            return DataRefused(what, where=path_text(self.path.absolute()), hint=last.hint)
        if not self._is_configured:
            return _without_export(self.path)
        return ConfigurationError(
            "there is no export in the folder `input_folder`",
            where=path_text(self.path.absolute()),
            hint=f"{_DOWNLOAD}, or name a file: variance sync FILE",
        )

    def _warn_of_strangers(self, nameless: Sequence[_Nameless]) -> None:
        """Exports that name no account count as one account's. One that shares no position with those after it may be another's."""
        newest_first = sorted(nameless, key=lambda export: export.fetched_at, reverse=True)
        seen: set[str] = set()
        strangers = []
        for export in newest_first:
            if newest_first[0].fetched_at - export.fetched_at > _SAME_TIME:
                break
            if seen and export.symbols and seen.isdisjoint(export.symbols):
                strangers.append(export.name)
            else:
                seen |= export.symbols
        if not strangers:
            return
        more = f" and {len(strangers) - _MAX_NAMED} more" if len(strangers) > _MAX_NAMED else ""
        self._warn(
            f"{', '.join(strangers[:_MAX_NAMED])}{more}: not read, because it names no account, and {newest_first[0].name},"
            " which names none either, is newer. They share no position: if they are two accounts, keep them in two folders, each with a profile"
        )


def exports_in(folder: Path, endings: Sequence[str]) -> list[Path]:
    """The files of a folder that may be exports, the oldest first.

    Raises:
        OSError: the folder cannot be read.
    """
    files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings]
    files = [path for path in files if path.is_file()]
    files.sort(key=lambda path: path.stat().st_mtime_ns)
    return files


def newest_export(folder: Path, endings: Sequence[str]) -> Path:
    """The newest file of a folder that may be an export.

    Raises:
        DataRefused: there is none, or the folder cannot be read.
    """
    try:
        files = exports_in(folder, endings)
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not files:
        raise _without_export(folder)
    return files[-1]


def _unreadable(folder: Path, error: OSError) -> DataRefused:
    return DataRefused(f"the folder cannot be read: {reason(error)}", where=path_text(folder))


def _without_export(folder: Path) -> DataRefused:
    return DataRefused(
        "there is no export in this folder", where=path_text(folder.absolute()), hint=_DOWNLOAD
    )


def _may_be_newest(unread: UnreadExport, oldest: float) -> bool:
    """Whether a file may be newer than an export that was read; one that is no broker's export never is."""
    try:
        modified_at = unread.file.stat().st_mtime
    except OSError:
        return False
    return not isinstance(unread.error, UnknownFormat) and modified_at > oldest


def refusal_of(unread: UnreadExport) -> DataRefused:
    """What is said of a file that may hold the newest positions of an account."""
    error = unread.error
    is_named = Path((error.where or "").partition(", line ")[0]).suffix == unread.file.suffix
    return DataRefused(
        f"it cannot be read, and is newer than an export that was: {error.what}",
        where=error.where if is_named else masked(unread.file.name),
        hint="export it again, or move it out of the folder",
    )
