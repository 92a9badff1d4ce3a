"""From a reading to the documents of the lingua franca, and to what the user should be told. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from variance_bridge.model import (
    Balances,
    Caution,
    Counts,
    Environment,
    Flag,
    Meta,
    Portfolio,
    Status,
)
from variance_bridge_csv.accounts import Holdings, Reading, describe, file_flags
from variance_bridge_csv.dialect.model import Dialect

SOURCE = "csv"
_MOST_TOLD = 5
_ONE_DAY = timedelta(days=1)


def portfolio(
    reading: Reading,
    holdings: Holdings,
    dialect: Dialect,
    *,
    fetched_at: datetime,
    time_from_file: bool,
) -> Portfolio:
    """What one account holds.

    Args:
        reading: what the file says.
        holdings: the account's part of it.
        dialect: how it was read.
        fetched_at: when it was true.
        time_from_file: the file does not say when; it is the file's modification time.
    """
    flags = [*holdings.flags, *file_flags(reading, holdings)]
    if time_from_file:
        flags.append(Flag(caution=Caution.TIME_FROM_FILE))
    counts = Counts(
        fetched=len(holdings.kept) + len(holdings.refused),
        normalized=len(holdings.positions),
        closed=holdings.closed,
        rejected=len(holdings.refused),
    )
    meta = Meta(
        source=SOURCE,
        environment=Environment.SIMULATOR if reading.simulated else None,
        fetched_at=fetched_at,
        currency=dialect.account.currency,
        status=Status.PARTIAL if holdings.refused else Status.COMPLETE,
        counts=counts,
        rejected=holdings.rejected,
        flags=tuple(flags),
    )
    return Portfolio(meta=meta, positions=holdings.positions, balances=_balances(holdings, dialect))


def _balances(holdings: Holdings, dialect: Dialect) -> Balances | None:
    """Cash and total of the account, where the dialect says that its total row is the account's."""
    rules = dialect.account
    if not rules.balances or rules.currency is None or holdings.total is None:
        return None
    if holdings.cash is None or holdings.total_agrees is False:
        return None
    return Balances(
        currency=rules.currency, net_liquidating_value=holdings.total, cash=holdings.cash
    )


def notes(
    reading: Reading, dialect: Dialect, *, fetched_at: datetime, time_from_file: bool
) -> Iterator[str]:
    """What the user should be told of the file, without a value out of it."""
    if reading.unknown_columns:
        names = ", ".join(f'"{name}"' for name in reading.unknown_columns[:_MOST_TOLD])
        more = len(reading.unknown_columns) - _MOST_TOLD
        yield f'columns that the dialect "{dialect.name}" does not know, not read: {names}' + (
            f" and {more} more" if more > 0 else ""
        )
    for holdings in reading.accounts:
        yield from _notes_on_rows(holdings)
    if not reading.complete:
        yield "the end of a complete file is missing: it may be cut off; export it again"
    if time_from_file:
        yield (
            "the file does not say when it was exported: its modification time counts "
            f"({fetched_at:%Y-%m-%d %H:%M} UTC)"
        )
        yield from _notes_on_age(reading.implied_date, fetched_at)


def _notes_on_rows(holdings: Holdings) -> Iterator[str]:
    for one in holdings.refused[:_MOST_TOLD]:
        yield f"line {one.line}, column {one.column}: the row was kept out: {describe(one)}"
    more = len(holdings.refused) - _MOST_TOLD
    if more > 0:
        yield f"{more} more {'row was' if more == 1 else 'rows were'} kept out: see meta.rejected"
    doubted = _rows_with(holdings, Caution.COST_CONTRADICTED)
    if doubted:
        yield (
            f"cost, profit and price contradict each other in {doubted} of {len(holdings.positions)} "
            "positions (flag cost_contradicted)"
        )
    unvalued = _rows_with(holdings, Caution.MULTIPLIER_UNKNOWN)
    if unvalued:
        yield f"{_have(unvalued)} an unknown multiplier and no money values"
    unread = _rows_with(holdings, Caution.NUMBER_UNREADABLE)
    if unread:
        yield (
            f"{_have(unread)} a number that cannot be read and was left out; if the file was "
            "saved from a spreadsheet program, export it again"
        )
    if holdings.total_agrees is False:
        yield "the file's total is not the sum of its rows (flag total_disagrees)"


def _have(positions: int) -> str:
    return "1 position has" if positions == 1 else f"{positions} positions have"


def _rows_with(holdings: Holdings, caution: Caution) -> int:
    return sum(1 for one in holdings.kept if caution in one.position.cautions)


def _notes_on_age(implied: date | None, fetched_at: datetime) -> Iterator[str]:
    if implied is not None and abs(implied - fetched_at.date()) > _ONE_DAY:
        yield (
            f"the days to expiration in the file count from {implied:%Y-%m-%d}: it may be older than its "
            "modification time says"
        )
