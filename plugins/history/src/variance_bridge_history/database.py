"""The database: complete documents by their content, in a file that only this user can read.

SQLite's own journal makes each change all or nothing, whatever is killed and when (https://www.sqlite.org/atomiccommit.html).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Struct

from variance_bridge import (
    Caution,
    DataRefused,
    ExchangeRate,
    Holding,
    InstrumentType,
    OptionType,
    Portfolio,
    Side,
)
from variance_bridge.model import missing_rows
from variance_bridge.money import product, total

FILE_NAME = "history.sqlite3"
VERSION = 1
_BUSY_SECONDS = 5.0
_TABLES = """
CREATE TABLE document (
    number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, account_hash TEXT NOT NULL, source TEXT NOT NULL, fetched_at TEXT NOT NULL,
    status TEXT NOT NULL, currency TEXT, unrealized_pl TEXT, net_liquidating_value TEXT, body BLOB NOT NULL
);
CREATE INDEX document_of_account ON document (account_hash, fetched_at);
CREATE TABLE position (
    sha256 TEXT NOT NULL REFERENCES document (sha256) ON DELETE CASCADE, place INTEGER NOT NULL, root TEXT NOT NULL,
    symbol TEXT NOT NULL, type TEXT NOT NULL, side TEXT NOT NULL, quantity TEXT NOT NULL, expiration TEXT,
    option_type TEXT, unrealized_pl TEXT, PRIMARY KEY (sha256, place)
) WITHOUT ROWID;
"""
_PERMISSIONS = "check who may write in its folder, and whether the disk is mounted read-only"
_MOVE = "move the file away: the next sync begins a new one"


class Entry(Struct, frozen=True, kw_only=True):
    """One document of the history.

    Attributes:
        positions: how many it holds.
        unrealized_pl: of all positions, in the account's currency; None where one does not state it, or is in another
            currency of which the document states no rate.
        net_liquidating_value: None without balances.
    """

    sha256: str
    account_hash: str
    source: str
    fetched_at: datetime
    status: str
    positions: int
    currency: str | None
    unrealized_pl: Decimal | None
    net_liquidating_value: Decimal | None


class History:
    """The history in one file.

    Args:
        connection: to a database of our version.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, portfolio: Portfolio, data: bytes) -> bool:
        """Keep a document; whether it was new.

        Args:
            portfolio: what it holds; its account hash is known.
            data: its bytes.
        """
        meta, balances = portfolio.meta, portfolio.balances
        sha256 = hashlib.sha256(data).hexdigest()
        currency = _currency(portfolio)
        profits = profits_in(portfolio, currency)
        known = [each for each in profits if each is not None]
        profit = total(*known) if len(known) == len(profits) else None
        row = (
            sha256,
            meta.account_hash,
            meta.source,
            _stamp(meta.fetched_at),
            str(meta.status),
            currency,
            None if profit is None else str(profit),
            str(balances.net_liquidating_value) if balances else None,
            zlib.compress(data),
        )
        with self._connection as change:
            added = change.execute(
                "INSERT OR IGNORE INTO document VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row
            )
            if not added.rowcount:
                return False
            change.executemany(
                "INSERT INTO position VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        sha256,
                        place,
                        each.root,
                        each.symbol,
                        each.type.value,
                        each.side.value,
                        str(each.quantity),
                        each.expiration and each.expiration.isoformat(),
                        each.option_type and each.option_type.value,
                        None if each.unrealized_pl is None else str(each.unrealized_pl),
                    )
                    for place, each in enumerate(portfolio.positions)
                ),
            )
        return True

    def entries(self, account: str | None = None) -> list[Entry]:
        """The documents, oldest first, those of one moment in the order in which they were kept; of one account where its hash, or its beginning, is given."""
        rows = self._connection.execute(
            "SELECT d.sha256, account_hash, source, fetched_at, status, count(p.sha256), currency,"
            " d.unrealized_pl, net_liquidating_value FROM document d LEFT JOIN position p USING (sha256)"
            " WHERE substr(account_hash, 1, length(:start)) = :start"
            " GROUP BY d.number ORDER BY fetched_at, d.number",
            {"start": (account or "").removesuffix("***")},
        )
        with _as_it_was_written():
            return [_entry(row) for row in rows]

    def positions(self, sha256: str) -> list[Holding]:
        """The positions of a document, as far as they are needed to compare it."""
        rows = self._connection.execute(
            "SELECT root, symbol, type, side, quantity, expiration, option_type, unrealized_pl FROM position"
            " WHERE sha256 = ? ORDER BY place",
            (sha256,),
        )
        with _as_it_was_written():
            return [_holding(row) for row in rows]

    def quantities(self, sha256: str) -> dict[str, Decimal]:
        """What a document holds: the signed quantity of each symbol."""
        held: dict[str, Decimal] = {}
        for each in self.positions(sha256):
            held[each.symbol] = total(held.get(each.symbol, Decimal(0)), each.signed_quantity)
        return held

    def exchange_rates(self, sha256: str) -> tuple[ExchangeRate, ...]:
        """Those that the broker stated in a document. Raises as `document`."""
        data = self.document(sha256)
        with _as_it_was_written():
            meta = json.loads(data, parse_float=Decimal, parse_int=Decimal)["meta"]
            return tuple(
                ExchangeRate(**{**each, "day": date.fromisoformat(each["day"])})
                for each in meta.get("exchange_rates", ())
            )

    def may_lack_rows(self, sha256: str) -> bool:
        """Whether a flag of the document doubts that all positions are in it. Raises as `document`."""
        data = self.document(sha256)
        # Not every document of a long history need be parsed.
        if not any(each.encode() in data for each in missing_rows(Caution)):
            return False
        with _as_it_was_written():
            cautions = {each["caution"] for each in json.loads(data)["meta"].get("flags", ())}
            return bool(missing_rows(each for each in Caution if each.value in cautions))

    def document(self, sha256: str) -> bytes:
        """The bytes of a document.

        Raises:
            KeyError: it is not kept.
        """
        row = self._connection.execute(
            "SELECT body FROM document WHERE sha256 = ?", (sha256,)
        ).fetchone()
        if row is None:
            raise KeyError(sha256)
        with _as_it_was_written():
            data = zlib.decompress(row[0])
        if hashlib.sha256(data).hexdigest() != sha256:
            raise _Damaged
        return data

    def prune(self, now: datetime, keep_days: int) -> int:
        """Of each day before the last `keep_days`, keep the last document of each account; how many went."""
        limit = _stamp(now - timedelta(days=keep_days))
        with self._connection as change:
            gone = change.execute(
                "DELETE FROM document WHERE fetched_at < ? AND EXISTS (SELECT 1 FROM document later"
                " WHERE later.account_hash = document.account_hash AND later.fetched_at > document.fetched_at"
                " AND substr(later.fetched_at, 1, 10) = substr(document.fetched_at, 1, 10))",
                (limit,),
            )
        return gone.rowcount


class _Damaged(Exception):
    """What was read is not what we write. SQLite itself notices damage to its pages only, not to values in them."""


@contextmanager
def _as_it_was_written() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, LookupError, ArithmeticError, zlib.error):
        raise _Damaged from None


@contextmanager
def open_history(file: Path) -> Iterator[History]:
    """The history in a file, which is made (0600) where there is none; one that may only be read can be read.

    Raises:
        DataRefused: it cannot be opened, is damaged, in use, or of a newer version. The file stays as it is.
    """
    try:
        connection = _connection(file)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise DataRefused(
            f"the history cannot be used: {reason}", where=str(file), hint=_PERMISSIONS
        ) from None
    try:
        _prepare(connection, file)
        yield History(connection)
    except sqlite3.Error as error:
        raise _refused(error, file) from None
    except _Damaged:
        raise DataRefused("the history is damaged", where=str(file), hint=_MOVE) from None
    finally:
        connection.close()


def _connection(file: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS} or not file.is_file():
            raise
        return sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS
        )
    return sqlite3.connect(file, timeout=_BUSY_SECONDS)


def _prepare(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise DataRefused(
            f"the history is of version {version}, and this program reads {VERSION}",
            where=str(file),
            hint="upgrade variance-bridge-history",
        )
    if version == 0:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                for statement in _TABLES.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")


def _refused(error: sqlite3.Error, file: Path) -> DataRefused:
    name = getattr(error, "sqlite_errorname", "")
    match name.split("_")[1:2]:
        case ["BUSY" | "LOCKED"]:
            what, hint = "another program is using the history", "run the command again later"
        case ["FULL"]:
            what, hint = "the disk is full", "make room; what the history held is safe"
        case ["CORRUPT" | "NOTADB"]:
            what, hint = "the history is damaged", _MOVE
        case ["READONLY" | "CANTOPEN" | "PERM"]:
            what, hint = "the history cannot be written", _PERMISSIONS
        case ["IOERR"]:
            what, hint = "the disk fails to read or write the history", "check the disk"
        case _:
            what, hint = f"the history cannot be used ({name or 'SQLite'})", _MOVE
    return DataRefused(what, where=str(file), hint=hint)


def _currency(portfolio: Portfolio) -> str | None:
    """The account's; where it is unknown, as in an export, the one in which all its positions are."""
    stated = {each.currency for each in portfolio.positions}
    return portfolio.currency or (stated.pop() if len(stated) == 1 else None)


def profits_in(portfolio: Portfolio, currency: str | None) -> list[Decimal | None]:
    """Of each position, in that currency, those in another one at the rate that the broker states; None where it is unknown."""
    rates = {
        each.currency: each.rate
        for each in portfolio.meta.exchange_rates
        if each.target == currency
    }
    profits: list[Decimal | None] = []
    for each in portfolio.positions:
        is_own = (each.currency or portfolio.currency) == currency
        rate = Decimal(1) if is_own else rates.get(each.currency or "")
        profits.append(None if rate is None or each.profit is None else product(each.profit, rate))
    return profits


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _entry(row: Sequence[Any]) -> Entry:
    sha256, account_hash, source, fetched_at, status, positions, currency, profit, worth = row
    return Entry(
        sha256=sha256,
        account_hash=account_hash,
        source=source,
        fetched_at=datetime.fromisoformat(fetched_at),
        status=status,
        positions=int(positions),
        currency=currency,
        unrealized_pl=None if profit is None else Decimal(profit),
        net_liquidating_value=None if worth is None else Decimal(worth),
    )


def _holding(row: Sequence[Any]) -> Holding:
    root, symbol, kind, side, quantity, expiration, option_type, profit = row
    return Holding(
        root=root,
        symbol=symbol,
        type=InstrumentType(kind),
        side=Side(side),
        quantity=Decimal(quantity),
        expiration=None if expiration is None else date.fromisoformat(expiration),
        option_type=None if option_type is None else OptionType(option_type),
        unrealized_pl=None if profit is None else Decimal(profit),
    )
