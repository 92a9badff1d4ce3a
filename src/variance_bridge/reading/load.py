"""Reading positions: a document or a broker's export, with its age checked. The only way in for consumers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
from msgspec import Struct, structs

from variance_bridge.errors import BridgeError, DataRefused, PositionsTooOld
from variance_bridge.model import Holding, Portfolio, Status, Timeliness
from variance_bridge.reading.freshness import (
    DEFAULT_LIMITS,
    AgeLimits,
    Freshness,
    age_of,
    judge_age,
)
from variance_bridge.symbology import InstrumentType, SymbolError, parse

if TYPE_CHECKING:
    import pyarrow as pa

    from variance_bridge.reading.broker_file import BrokerFile
    from variance_bridge.reading.export_columns import Cell

DOCUMENTS = frozenset({".json", ".prev"})
_OPTIONS = frozenset({InstrumentType.OPTION, InstrumentType.FUTURE_OPTION})


@attrs.frozen(kw_only=True)
class Snapshot:
    """Positions and how far they may be trusted.

    Attributes:
        portfolio: what was read.
        freshness: FRESH or STALE.
        read_at: when it was read, aware.
        age: time since `portfolio.meta.fetched_at`; up to 120 s below zero where clocks differ. Of an `end_of_day` state
            time since the close of the next trading day.
        warnings: what a person should know, one sentence each; a stale file's contains `[Stale Source File]`.
        path: the file.
        limits: the limits that `freshness` was judged by.
        shown: what messages call the file: an export's name may hold an account's number or nickname.
        account: by what two files of one account are known: a document's `account_hash`; for an export a text that means
            something in this process only. None where the file names no account. Those of a document and of an export
            cannot be compared.
    """

    portfolio: Portfolio
    freshness: Freshness
    read_at: datetime
    age: timedelta
    warnings: tuple[str, ...]
    path: Path
    limits: AgeLimits = DEFAULT_LIMITS
    shown: str | None = None
    account: str | None = None

    def rows(self) -> list[dict[str, Cell]]:
        """The positions as flat rows with the keys of `ROW_COLUMNS`, the columns of `variance export --format csv`."""
        from variance_bridge.reading.export_columns import flat_rows

        return flat_rows(self.portfolio)

    def to_arrow(self) -> pa.Table:
        """The same rows as an Arrow table, numbers as decimal128. Needs the extra `parquet`.

        Raises:
            DataRefused: a number needs more than 38 digits.
            ConfigurationError: pyarrow is not installed.
        """
        from variance_bridge.reading.arrow_table import arrow_table

        return arrow_table(self.rows())


def load(
    path: str | Path,
    now: datetime | None = None,
    *,
    any_age: bool = False,
    limits: AgeLimits = DEFAULT_LIMITS,
) -> Snapshot:
    """Read positions and check their age.

    `.json` is a document of the lingua franca, and so is the `.prev` that a sync leaves beside it; any other ending names the broker that reads such files (`.csv`: the
    broker `csv`), so that a portfolio gives the same rows whichever way it came. What an option does not
    state of its type and its underlying is taken from its symbol.

    Args:
        path: of the file.
        now: aware; the machine's time by default.
        any_age: do not refuse old positions; a warning says how old they are.
        limits: how old they may be: by default an hour for fresh ones, a day for those that are read at all.

    Raises:
        PositionsTooOld: older than `limits.readable_for`, or from the future.
        DataRefused: not readable, not valid, or an export without positions that nothing confirms.
        PluginError: no broker that reads such files is installed.
    """
    from variance_bridge.clock import SystemClock

    moment = now or SystemClock().now()
    snapshot, refusal = load_anyway(Path(path), moment, any_age=any_age, limits=limits)
    if refusal is not None:
        raise refusal
    return snapshot


Judged = tuple[Snapshot, BridgeError | None]
"""Positions, and the refusal of those that are too old, or that an export need not have in full."""


def load_anyway(file: Path, now: datetime, *, any_age: bool, limits: AgeLimits) -> Judged:
    """Positions however old they are, and the refusal of those that are not to be acted on; otherwise as `load`."""
    return _judged(_read(file), file, now, any_age=any_age, limits=limits)


def load_each(file: Path, now: datetime, *, any_age: bool, limits: AgeLimits) -> tuple[Judged, ...]:
    """The same of every account in the file: a document has one, an export may have several."""
    if file.suffix.lower() in DOCUMENTS:
        return (load_anyway(file, now, any_age=any_age, limits=limits),)
    from variance_bridge.reading.broker_file import read_all_accounts

    return tuple(
        _judged(_of_broker_file(each), file, now, any_age=any_age, limits=limits)
        for each in read_all_accounts(file)
    )


def load_export_folder(
    folder: Path, now: datetime, *, any_age: bool, limits: AgeLimits
) -> tuple[Sequence[Judged], Sequence[tuple[Path, BridgeError]]]:
    """The newest export of each account in the folder, and the files that may be newer and cannot be read.

    Raises:
        DataRefused: no export in it can be read.
    """
    from variance_bridge.reading.broker_file import read_export_folder

    read, unread = read_export_folder(folder)
    judged = [
        _judged(_of_broker_file(each), file, now, any_age=any_age, limits=limits)
        for file, each in read
    ]
    return judged, unread


class _Read(Struct, frozen=True, kw_only=True):
    """What a file says of one account; `warnings`, `shown` and `account` are those of the snapshot."""

    portfolio: Portfolio
    warnings: tuple[str, ...]
    shown: str
    account: str | None
    refusal: DataRefused | None = None


def _judged(read: _Read, file: Path, now: datetime, *, any_age: bool, limits: AgeLimits) -> Judged:
    from variance_bridge.document.convert import in_canonical_order

    positions = tuple(map(_fill_terms_from_symbol, read.portfolio.positions))
    portfolio = attrs.evolve(read.portfolio, positions=in_canonical_order(positions))
    end_of_day = portfolio.meta.timeliness is Timeliness.END_OF_DAY
    age = age_of(portfolio.meta.fetched_at, now, end_of_day=end_of_day)
    refusal: BridgeError | None = read.refusal
    try:
        freshness, warning = judge_age(
            age,
            where=read.shown,
            any_age=any_age,
            limits=limits,
            end_of_day=end_of_day,
            shown_by=f"variance show {_as_argument(file, read.shown)} --any-age",
        )
    except PositionsTooOld as error:
        freshness, warning, refusal = Freshness.STALE, str(error), refusal or error
    all_warnings = (
        *((warning,) if warning else ()),
        *read.warnings,
        *_partial(portfolio),
        *_missing_rows(portfolio, read.warnings),
    )
    snapshot = Snapshot(
        portfolio=portfolio,
        freshness=freshness,
        read_at=now,
        age=age,
        warnings=all_warnings,
        path=file,
        limits=limits,
        shown=read.shown,
        account=read.account,
    )
    return snapshot, refusal


def _as_argument(file: Path, shown: str) -> str:
    """The file as it is typed in a command; `FILE` where its name is not to be shown."""
    if Path(shown).name != file.name:
        return "FILE"
    from shlex import quote

    from variance_bridge.formatting import path_text

    return quote(path_text(file))


def _read(file: Path) -> _Read:
    from variance_bridge.document.convert import from_bytes
    from variance_bridge.document.exact_json import MAX_BYTES
    from variance_bridge.storage.read import read_bounded

    if file.suffix.lower() in DOCUMENTS:
        try:
            portfolio, warnings = from_bytes(read_bounded(file, MAX_BYTES))
        except DataRefused as error:
            if error.where is None:
                raise DataRefused(error.what, where=str(file), hint=error.hint) from None
            raise
        account = portfolio.meta.account_hash
        return _Read(portfolio=portfolio, warnings=warnings, shown=str(file), account=account)
    from variance_bridge.reading.broker_file import read_broker_file

    return _of_broker_file(read_broker_file(file))


def _of_broker_file(file: BrokerFile) -> _Read:
    return _Read(
        portfolio=file.portfolio,
        warnings=file.warnings,
        shown=file.shown,
        account=file.account,
        refusal=file.refusal,
    )


def _fill_terms_from_symbol(holding: Holding) -> Holding:
    """The option type and the underlying are in the symbol: a document need not state them."""
    if holding.type not in _OPTIONS or None not in (holding.option_type, holding.underlying):
        return holding
    try:
        instrument = parse(
            holding.symbol, instrument_type=holding.type, expires_on=holding.expiration
        )
    except SymbolError:
        return holding
    underlying = instrument.underlying if instrument.root == holding.root else None
    return structs.replace(
        holding,
        option_type=holding.option_type or instrument.option_type,
        underlying=holding.underlying or underlying,
    )


def _partial(portfolio: Portfolio) -> tuple[str, ...]:
    rejected = len(portfolio.meta.rejected)
    if portfolio.meta.status is not Status.PARTIAL and not rejected:
        return ()
    rows = "a row" if rejected == 1 else f"{rejected} rows"
    return (f"partial: {rows} of the source could not be read; the totals are without them",)


def _missing_rows(portfolio: Portfolio, said: Iterable[str]) -> Iterator[str]:
    """What the document's own flags say against its being complete, unless the reader of the file said it already."""
    spoken = " ".join(said)
    for caution, words in portfolio.meta.missing_rows.items():
        flag = f"(flag {caution.value})"
        if flag not in spoken:
            yield f"rows may be missing: {words} {flag}"
