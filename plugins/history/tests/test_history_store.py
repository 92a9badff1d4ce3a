"""The database: nothing is lost, nothing is kept twice, and trouble has words."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
import zlib
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from variance_bridge import (
    Balances,
    DataRefused,
    ExchangeRate,
    Holding,
    InstrumentType,
    Meta,
    Portfolio,
    Side,
    Status,
)
from variance_bridge_history.database import FILE_NAME, open_history

D = Decimal
NOW = datetime(2026, 1, 16, 15, tzinfo=UTC)


def portfolio(moment=NOW, *, quantity=100, account="a1b2c3d4e5f6***", profit="12.5", rows=1):
    holding = Holding(
        root="F",
        symbol="F",
        type=InstrumentType.STOCK,
        side=Side.LONG,
        quantity=Decimal(quantity),
        unrealized_pl=None if profit is None else Decimal(profit),
    )
    return Portfolio(
        meta=Meta(
            source="acme",
            fetched_at=moment,
            account_hash=account,
            status=Status.COMPLETE,
            currency="USD",
        ),
        positions=(holding,) * rows,
        balances=Balances(
            currency="USD",
            net_liquidating_value=Decimal("10000.123456789012345678"),
            cash=Decimal(1),
        ),
    )


@pytest.fixture
def file(tmp_path):
    return tmp_path / FILE_NAME


def test_a_document_comes_back_as_it_went_in(file):
    with open_history(file) as history:
        assert history.add(portfolio(), b'{"meta": 1}')
        (entry,) = history.entries()

        assert history.document(entry.sha256) == b'{"meta": 1}'
        assert (entry.positions, entry.unrealized_pl) == (1, Decimal("12.5"))
        assert entry.net_liquidating_value == Decimal("10000.123456789012345678")
        assert entry.fetched_at == NOW
        assert history.positions(entry.sha256)[0].quantity == 100
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_same_document_is_kept_once(file):
    with open_history(file) as history:
        assert [history.add(portfolio(), b"same"), history.add(portfolio(), b"same")] == [
            True,
            False,
        ]
        assert len(history.entries()) == 1


def test_a_profit_that_is_unknown_in_one_row_is_unknown(file):
    with open_history(file) as history:
        history.add(portfolio(profit=None), b"x")

        assert history.entries()[0].unrealized_pl is None


@pytest.mark.parametrize(("rates", "profit"), [({}, None), ({"EUR": "1.25"}, D("12.5") + 10)])
def test_profits_of_several_currencies_are_added_at_the_brokers_rate_only(file, rates, profit):
    held = portfolio()
    euros = attrs.evolve(held.positions[0], symbol="SAP", currency="EUR", unrealized_pl=D(8))
    cash = attrs.evolve(held.positions[0], symbol="USD", type=InstrumentType.CASH, unrealized_pl=None)  # fmt: skip
    stated = tuple(
        ExchangeRate(currency=currency, target="USD", rate=D(rate), day=NOW.date())
        for currency, rate in rates.items()
    )
    mixed = attrs.evolve(
        held,
        positions=(*held.positions, euros, cash),
        meta=attrs.evolve(held.meta, exchange_rates=stated),
    )
    with open_history(file) as history:
        history.add(mixed, b"x")

        assert history.entries()[0].unrealized_pl == profit


@pytest.mark.parametrize(
    ("currencies", "currency", "profit"),
    [((None, None), None, D(25)), (("EUR", "EUR"), "EUR", D(25)), (("EUR", "USD"), None, None), (("EUR", None), None, None)],
)  # fmt: skip
def test_an_account_without_a_currency_has_that_of_all_its_positions(file, currencies, currency, profit):  # fmt: skip
    held = portfolio()
    mixed = attrs.evolve(
        held,
        balances=None,
        meta=attrs.evolve(held.meta, currency=None),
        positions=tuple(attrs.evolve(held.positions[0], currency=each) for each in currencies),
    )
    with open_history(file) as history:
        history.add(mixed, b"x")
        (entry,) = history.entries()

    assert (entry.currency, entry.unrealized_pl) == (currency, profit)


def test_entries_are_oldest_first_and_by_account(file):
    with open_history(file) as history:
        for hours in (3, 1, 2):
            history.add(portfolio(NOW + timedelta(hours=hours)), f"{hours}".encode())
        history.add(portfolio(account="ffff00001111***"), b"other")

        moments = [entry.fetched_at for entry in history.entries("a1b2c3d4e5f6***")]
        assert moments == sorted(moments)
        assert [entry.account_hash for entry in history.entries("ffff")] == ["ffff00001111***"]


def test_old_days_keep_their_last_document_and_recent_days_all(file):
    with open_history(file) as history:
        for day in (40, 39, 2):
            for hour in (1, 5, 9):
                moment = NOW - timedelta(days=day) + timedelta(hours=hour - 9)
                history.add(portfolio(moment), f"{day} {hour}".encode())

        assert history.prune(NOW, keep_days=30) == 4
        left = [entry.fetched_at for entry in history.entries()]
        assert [(NOW - moment).days for moment in left] == [40, 39, 2, 2, 2]
        assert history.prune(NOW, keep_days=30) == 0


def test_a_newer_version_is_refused_and_untouched(file):
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    before = file.read_bytes()

    with pytest.raises(DataRefused, match="version 7"), open_history(file):
        pass
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"this is not a database at all, but a text" * 100, b"\0" * 5000]
)
def test_a_damaged_file_is_refused_and_untouched(file, content):
    file.write_bytes(content)

    with pytest.raises(DataRefused) as refused, open_history(file) as history:
        history.entries()
    assert "damaged" in refused.value.what
    assert file.read_bytes() == content


@pytest.mark.parametrize(
    ("spoil", "read"),
    [
        ("UPDATE document SET fetched_at = 'x'", lambda history, _: history.entries()),
        ("UPDATE document SET unrealized_pl = 'x'", lambda history, _: history.entries()),
        ("UPDATE position SET type = 'x'", lambda history, sha: history.positions(sha)),
        ("UPDATE position SET quantity = 'x'", lambda history, sha: history.positions(sha)),
        ("UPDATE document SET body = 'x'", lambda history, sha: history.document(sha)),
        (
            f"UPDATE document SET body = x'{zlib.compress(b'other').hex()}'",
            lambda history, sha: history.document(sha),
        ),
    ],
)
def test_damaged_values_are_refused_like_damaged_pages(file, spoil, read):
    with open_history(file) as history:
        history.add(portfolio(), b"x")
        (entry,) = history.entries()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(spoil)

    with pytest.raises(DataRefused, match="damaged") as refused, open_history(file) as history:
        read(history, entry.sha256)
    assert "move the file away" in str(refused.value.hint)


def test_a_history_in_use_is_refused_after_a_while(file, monkeypatch):
    monkeypatch.setattr("variance_bridge_history.database._BUSY_SECONDS", 0.01)
    with open_history(file):
        pass
    other = sqlite3.connect(file)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(DataRefused, match="another program"), open_history(file) as history:
            history.add(portfolio(), b"x")
    finally:
        other.close()


def test_a_full_disk_is_an_error_and_what_was_kept_is_safe(file, monkeypatch):
    with open_history(file) as history:
        history.add(portfolio(), b"x")
    connect = sqlite3.connect

    def on_a_small_disk(*given, **named):
        connection = connect(*given, **named)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        return connection

    monkeypatch.setattr("variance_bridge_history.database.sqlite3.connect", on_a_small_disk)
    with pytest.raises(DataRefused, match="the disk is full"), open_history(file) as history:
        history.add(portfolio(NOW + timedelta(days=1), rows=5000), os.urandom(100_000))
    monkeypatch.undo()

    with open_history(file) as history:
        assert [entry.fetched_at for entry in history.entries()] == [NOW]
        assert history.add(portfolio(NOW + timedelta(days=1)), b"y")


def test_a_folder_in_which_nothing_may_be_written_is_an_error_that_says_so(file):
    with open_history(file) as history:
        history.add(portfolio(), b"x")
    # In the place of SQLite's journal: so it cannot be made, for root too.
    file.with_name(f"{FILE_NAME}-journal").symlink_to(file.with_name("nowhere") / "journal")

    with pytest.raises(DataRefused, match="cannot be written") as refused, open_history(file) as history:  # fmt: skip
        history.add(portfolio(NOW + timedelta(days=1)), b"y")
    assert "who may write" in str(refused.value.hint)


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES])
def test_a_history_that_may_only_be_read_is_read_and_not_written(file, monkeypatch, reason):
    with open_history(file) as history:
        history.add(portfolio(), b"x")
    before = file.read_bytes()

    def refuse(*_):
        raise OSError(reason, os.strerror(reason))

    with monkeypatch.context() as unwritable:
        unwritable.setattr("variance_bridge_history.database.os.open", refuse)
        with open_history(file) as history:
            assert len(history.entries()) == 1
        with pytest.raises(DataRefused, match="cannot be written"), open_history(file) as history:
            history.add(portfolio(NOW + timedelta(days=1)), b"y")
        with pytest.raises(DataRefused, match="cannot be used") as refused, open_history(file.with_name("other")):  # fmt: skip
            pass
    assert "who may write" in str(refused.value.hint)
    assert file.read_bytes() == before


def test_a_clock_that_goes_backwards_orders_documents_by_their_own_time_and_loses_none(file):
    times = [NOW, NOW + timedelta(hours=2), NOW + timedelta(hours=1), NOW - timedelta(hours=1)]
    with open_history(file) as history:
        for number, moment in enumerate(times):
            assert history.add(portfolio(moment, quantity=number + 1), f"{number}".encode())
            assert history.prune(moment, 30) == 0

        assert [entry.fetched_at for entry in history.entries()] == sorted(times)


ADDER = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_history_store import NOW, portfolio, timedelta
from variance_bridge_history.database import open_history
sys.stdin.readline()
for number in range(60):
    with open_history(Path(sys.argv[1])) as history:
        moment = NOW + timedelta(seconds=number)
        history.add(portfolio(moment, account=sys.argv[3]), f"{sys.argv[3]} {number}".encode())
        history.prune(moment, 30)
"""


@pytest.mark.slow
def test_two_syncs_at_once_both_keep_all_that_they_wrote(file):
    here = os.path.dirname(__file__)  # noqa: PTH120 - for another process
    accounts = ("aaaaaaaaaaaa***", "bbbbbbbbbbbb***")
    writers = [
        subprocess.Popen([sys.executable, "-c", ADDER, str(file), here, each], stdin=subprocess.PIPE)
        for each in accounts
    ]  # fmt: skip
    for writer in writers:
        writer.communicate(b"go\n")

    assert [writer.returncode for writer in writers] == [0, 0]
    with open_history(file) as history:
        assert [len(history.entries(each)) for each in accounts] == [60, 60]


def test_a_folder_in_the_place_of_the_file_is_refused(file):
    file.mkdir()

    with pytest.raises(DataRefused, match="cannot be used"), open_history(file):
        pass


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from hashlib import sha256
from itertools import count
from pathlib import Path
from test_history_store import NOW, portfolio, timedelta
from variance_bridge.document.convert import to_bytes
from variance_bridge_history.listener import HistorySettings, variance_bridge_synced
document = Path(sys.argv[1]).with_name("live_acme.json")
for number in count(int(sys.argv[3])):
    synced = portfolio(NOW + timedelta(seconds=number), rows=100)
    document.write_bytes(data := to_bytes(synced))
    variance_bridge_synced(synced, document, HistorySettings())
    print(sha256(data).hexdigest(), flush=True)
"""


@pytest.mark.slow
def test_no_kill_loses_or_damages_what_was_kept(file):
    """The listener is killed again and again; whatever it reported as kept is there, and the database is sound."""
    here = os.path.dirname(__file__)  # noqa: PTH120 - for another process
    reported = set()
    for round_ in range(20):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), here, str(1000 * round_)],
            stdout=subprocess.PIPE,
            text=True,
        )
        reported.add(process.stdout.readline().strip())
        time.sleep(0.003 * (round_ % 11))
        process.send_signal(signal.SIGKILL)
        reported.update(process.stdout.read().splitlines())
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()

    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with open_history(file) as history:
        kept = {entry.sha256 for entry in history.entries()}
        assert reported <= kept
        for sha256 in kept:
            assert hashlib.sha256(history.document(sha256)).hexdigest() == sha256
            assert len(history.positions(sha256)) == 100


def test_documents_of_one_moment_stand_in_the_order_in_which_they_were_kept(file):
    with open_history(file) as history:
        for number in range(20):
            history.add(portfolio(quantity=number + 1), f"{number}".encode())

        kept = [history.positions(entry.sha256)[0].quantity for entry in history.entries()]
        assert kept == list(range(1, 21))
