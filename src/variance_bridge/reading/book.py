"""Several documents as one book: which of them count, what is missing, and their totals by currency. Pure, but for reading the files.

Accounts stand side by side: positions of one root in two accounts are two positions, whatever their signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge.formatting import path_text, plural
from variance_bridge.masking import as_typed, masked
from variance_bridge.model import Environment, Holding
from variance_bridge.reading.freshness import DEFAULT_LIMITS, AgeLimits, Freshness
from variance_bridge.reading.load import DOCUMENTS, Snapshot, load_each, load_export_folder
from variance_bridge.reading.totals import Totals, add_totals, totals_of

if TYPE_CHECKING:
    import pyarrow as pa

    from variance_bridge.reading.currency_conversion import Rate
    from variance_bridge.reading.export_columns import Cell

LIVE_FILES = "live_*.json"


@attrs.frozen(kw_only=True)
class Source:
    """One file of a book.

    Attributes:
        file: its name, as the user gave it. In that of an export, or of a file that is not there, `***` stands for what may
            be personal.
        snapshot: what it holds; of a file that is too old too; None where it could not be read.
        error: why it does not count: missing, unreadable, not valid, too old. None where it does.
        replaced_by: the file that counts in its place, of the same account and as new or newer.
    """

    file: str
    snapshot: Snapshot | None = None
    error: BridgeError | None = None
    replaced_by: str | None = None

    @property
    def counts(self) -> bool:
        """Whether its positions are part of the book."""
        return self.snapshot is not None and self.error is None and self.replaced_by is None

    @property
    def account_hash(self) -> str | None:
        """The account; None where it is unknown, as in an export."""
        return self.snapshot.portfolio.meta.account_hash if self.snapshot else None


@attrs.frozen(kw_only=True)
class Held:
    """A position, and the account in which it is held."""

    snapshot: Snapshot
    holding: Holding


@attrs.frozen(kw_only=True)
class Book:
    """Several documents together, in the order in which they were named.

    Attributes:
        sources: every file, those that could not be read among them.
        read_at: when it was read, aware.
    """

    sources: tuple[Source, ...]
    read_at: datetime

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """Those that count: readable, not too old, and the newest of their account."""
        return tuple(each.snapshot for each in self.sources if each.snapshot and each.counts)

    @property
    def failed(self) -> tuple[Source, ...]:
        """The sources that are missing from the totals, each with its `error`."""
        return tuple(each for each in self.sources if each.error is not None)

    @property
    def stale(self) -> tuple[Source, ...]:
        """The sources that count and are older than positions should be."""
        return tuple(
            each
            for each in self.sources
            if each.counts and each.snapshot and each.snapshot.freshness is Freshness.STALE
        )

    @property
    def headline(self) -> str:
        """How many accounts the totals are of: `3 accounts`, `2 of 3 accounts`."""
        counted = len(self.snapshots)
        return accounts_of(counted, counted + len(self.failed))

    @property
    def exit_code(self) -> int:
        """What a command exits with that showed the book: 0, or that of the gravest error of a source."""
        return max((each.error.exit_code for each in self.failed if each.error), default=0)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a person should know of the book as a whole, a sentence each, beside the warnings of its snapshots."""
        return (*self._missing(), *self._replaced(), *self._mixed())

    def _missing(self) -> Iterable[str]:
        # A file of several accounts has an error for each of them.
        return dict.fromkeys(f"not read: {each.error}" for each in self.failed)

    def _replaced(self) -> Iterable[str]:
        for each in self.sources:
            if each.replaced_by == each.file:
                yield f"{each.file}: named twice, counted once"
            elif each.replaced_by is not None:
                yield f"{each.file}: not counted: {each.replaced_by} is newer, for the same account"

    def _mixed(self) -> Iterable[str]:
        environments = {
            each.portfolio.meta.environment or Environment.PRODUCTION for each in self.snapshots
        }
        if len(environments) > 1:
            named = " and ".join(sorted(each.value for each in environments))
            yield f"the accounts are from different environments ({named}): do not rely on their totals"

    @property
    def totals_by_currency(self) -> dict[str | None, Totals]:
        """The sums of what counts; currencies are never added to each other. None stands for an unknown one."""
        found: dict[str | None, list[Totals]] = {}
        for snapshot in self.snapshots:
            for currency, totals in totals_of(snapshot.portfolio).items():
                found.setdefault(currency, []).append(totals)
        return {currency: add_totals(several) for currency, several in found.items()}

    def rates_to(self, currency: str) -> tuple[Rate, ...]:
        """What a unit of other currencies is worth in `currency`, as the accounts' own brokers state it: the newest first."""
        from variance_bridge.reading.broker_rates import stated_rates

        return stated_rates((each.portfolio for each in self.snapshots), currency)

    def by_root(self) -> dict[str, tuple[Held, ...]]:
        """The positions of each root side by side, account after account. Nothing is netted."""
        found: dict[str, list[Held]] = {}
        for snapshot in self.snapshots:
            for holding in snapshot.portfolio.positions:
                found.setdefault(holding.root, []).append(Held(snapshot=snapshot, holding=holding))
        return {root: tuple(found[root]) for root in sorted(found)}

    def rows(self) -> list[dict[str, Cell]]:
        """The positions of all snapshots as flat rows with the keys of `ROW_COLUMNS`; see `Snapshot.rows`."""
        return [row for snapshot in self.snapshots for row in snapshot.rows()]

    def to_arrow(self) -> pa.Table:
        """The same rows as an Arrow table; see `Snapshot.to_arrow`."""
        from variance_bridge.reading.arrow_table import arrow_table

        return arrow_table(self.rows())

    def of_account(self, account: str) -> Book:
        """The book of one account alone.

        Args:
            account: its hash, or the beginning of it.

        Raises:
            DataRefused: no source is of that account, or the beginning fits several accounts.
        """
        wanted = account.removesuffix("***")
        hashes = {each.account_hash for each in self.sources if each.account_hash}
        fitting = sorted(each for each in hashes if wanted and each.startswith(wanted))
        if len(fitting) != 1:
            what = f"no account is {as_typed(account)}" if not fitting else "several accounts match"
            raise DataRefused(
                f"{what} (there are: {', '.join(sorted(fitting or hashes)) or 'none'})",
                hint="give the account by its hash, as `variance show` prints it, or by its label",
            )
        return attrs.evolve(
            self, sources=tuple(each for each in self.sources if each.account_hash == fitting[0])
        )


def accounts_of(counted: int, of: int) -> str:
    """`3 accounts`, `2 of 3 accounts`."""
    accounts = plural(of, "account")
    return accounts if counted == of else f"{counted} of {accounts}"


def load_all(
    paths: str | Path | Iterable[str | Path],
    now: datetime | None = None,
    *,
    any_age: bool = False,
    limits: AgeLimits = DEFAULT_LIMITS,
) -> Book:
    """Read several documents, and exports, as one book. An unreadable one does not stop the others: it is in `Book.failed`.

    Of two documents of one account the newer counts. A folder stands for the `live_*.json` files in it, and without any for the
    newest export of each account in it.

    Args:
        paths: files or folders, one or several.
        now: aware; the machine's time by default.
        any_age: count old positions too.
        limits: how old they may be: by default an hour for fresh ones, a day for those that count at all.

    Raises:
        DataRefused: there is no file at all.
    """
    from variance_bridge.clock import SystemClock

    moment = now or SystemClock().now()
    files = [file for path in _listed(paths) for file in _files(path)]
    if not files:
        where = ", ".join(str(path) for path in _listed(paths)) or None
        raise DataRefused(
            "there are no positions files here", where=where, hint="run `variance sync`"
        )
    read: list[_Read] = []
    for file in files:
        read_one = _sources_of_folder if file.is_dir() else _sources
        read += read_one(file, moment, any_age=any_age, limits=limits)
    return Book(sources=tuple(_newest(read)), read_at=moment)


def _listed(paths: str | Path | Iterable[str | Path]) -> Sequence[Path]:
    given = [paths] if isinstance(paths, str | Path) else paths
    return [Path(each) for each in given]


def _files(path: Path) -> Sequence[Path]:
    """The files that a path stands for; the path itself for a folder that has no positions files, but exports."""
    if not path.is_dir():
        return [path]
    return sorted(path.glob(LIVE_FILES)) or ([path] if _has_exports(path) else [])


def _has_exports(folder: Path) -> bool:
    from variance_bridge.plugins.registry import BROKERS, names

    endings = {f".{name}" for name in names(BROKERS)}
    return any(path.suffix.lower() in endings for path in folder.iterdir())


_Read = tuple[object, Source]
"""A source, and what it is the state of: an account, or an export of one; None for what could not be read."""


def _sources(file: Path, now: datetime, *, any_age: bool, limits: AgeLimits) -> Iterable[_Read]:
    """One for each account in the file."""
    try:
        accounts = load_each(file, now, any_age=any_age, limits=limits)
    except BridgeError as error:
        yield None, Source(file=_name_of_unread(file, error), error=error)
        return
    for place, (snapshot, refusal) in enumerate(accounts, 1):
        name = path_text(file.with_name(Path(snapshot.shown or file).name))
        shown = name if len(accounts) == 1 else f"{name} (account {place} of {len(accounts)})"
        source = Source(file=shown, snapshot=snapshot, error=refusal)
        of = (snapshot.portfolio.meta.source, snapshot.account)
        known = of if snapshot.account else (file.resolve(), place)
        yield known, source


def _sources_of_folder(
    folder: Path, now: datetime, *, any_age: bool, limits: AgeLimits
) -> Iterable[_Read]:
    """One for each account of the exports in the folder, and one for each file that may be newer and cannot be read."""
    try:
        accounts, unread = load_export_folder(folder, now, any_age=any_age, limits=limits)
    except BridgeError as error:
        yield None, Source(file=path_text(folder), error=error)
        return
    names = [path_text(folder / (snapshot.shown or "")) for snapshot, _refusal in accounts]
    for place, (snapshot, refusal) in enumerate(accounts):
        many = names.count(names[place])
        which = f" (account {names[: place + 1].count(names[place])} of {many})" * (many > 1)
        source = Source(file=f"{names[place]}{which}", snapshot=snapshot, error=refusal)
        of = (snapshot.portfolio.meta.source, snapshot.account)
        yield of if snapshot.account else (snapshot.path.resolve(), place), source
    for file, reason in unread:
        yield None, Source(file=_name_of_unread(file, reason), error=reason)


def _name_of_unread(file: Path, error: BridgeError) -> str:
    """The file as messages may call it: whose it is was not found out, and what was typed may be anything, a token too."""
    if not file.name or (file.suffix.lower() in DOCUMENTS and file.exists()):
        return path_text(file)
    known = (error.where or "").partition(", line ")[0]
    return path_text(file.with_name(Path(known).name or masked(file.name)))


def _newest(read: Sequence[_Read]) -> Iterable[Source]:
    """The sources, those of which a newer one is there marked as replaced."""
    newest: dict[object, Source] = {}
    for key, source in read:
        if key is not None and (key not in newest or _is_newer(source, newest[key])):
            newest[key] = source
    for key, source in read:
        if key is None or newest[key] is source:
            yield source
        else:
            yield attrs.evolve(source, error=None, replaced_by=newest[key].file)


def _is_newer(one: Source, other: Source) -> bool:
    moments = [each.snapshot.portfolio.meta.fetched_at for each in (one, other) if each.snapshot]
    return len(moments) > 1 and moments[0] > moments[1]
