"""Several documents as one book: what counts, what is missing, and totals that can be recomputed by hand."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge import ROW_COLUMNS, DataRefused, Freshness, PositionsTooOld, load_all
from variance_bridge.document import exact_json
from variance_bridge.document.convert import to_bytes
from variance_bridge.testing.hypothesis_portfolios import portfolios

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
D = Decimal


def stock(root: str, quantity: str, *, side: str = "long", **members) -> dict:
    numbers = {name: D(value) for name, value in members.items() if name != "currency"}
    others = {name: value for name, value in members.items() if name == "currency"}
    return {
        "root": root, "symbol": root, "type": "stock", "side": side, "quantity": D(quantity),
        **numbers, **others,
    }  # fmt: skip


@pytest.fixture
def write(tmp_path):
    def write(
        name, account, *positions, currency="USD", minutes=5, worth=None, version="1.1", **meta
    ) -> Path:
        moment = (NOW - timedelta(minutes=minutes)).replace(tzinfo=None).isoformat()
        document = {
            "meta": {
                "schema_version": version,
                "source": "acme",
                "fetched_at": f"{moment}Z",
                "account_hash": account,
                "currency": currency,
                **meta,
            },
            "positions": list(positions),
        }
        if worth is not None:
            document["balances"] = {
                "currency": currency,
                "net_liquidating_value": D(worth),
                "cash": D("10.5"),
            }
        path = tmp_path / name
        path.write_bytes(exact_json.dumps(document))
        return path

    return write


def test_totals_are_those_of_all_accounts_by_currency(write):
    files = [
        write("a.json", "aaaa***", stock("XYZ", "10", unrealized_pl="1.25", market_value="100"), worth="5000.01"),
        write("b.json", "bbbb***", stock("XYZ", "4", side="short", unrealized_pl="-3.5"), worth="70"),
        write("c.json", "cccc***", stock("XYZ", "1", unrealized_pl="7", market_value="8"), currency="EUR", worth="9"),
    ]  # fmt: skip
    book = load_all(files, NOW)
    dollars, euros = book.totals_by_currency["USD"], book.totals_by_currency["EUR"]

    assert list(book.totals_by_currency) == ["USD", "EUR"]
    assert dollars.unrealized_pl.complete == D("-2.25")
    assert dollars.net_liquidating_value.complete == D("5070.01")
    assert dollars.cash.complete == D("21.0")
    assert (dollars.market_value.complete, dollars.market_value.amount) == (None, D(100))
    assert (dollars.positions, euros.positions) == (2, 1)
    assert euros.net_liquidating_value.complete == D(9)
    assert book.headline == "3 accounts"
    assert book.exit_code == 0


def test_money_in_another_currency_than_the_account_counts_in_its_own(write):
    book = load_all(
        write("a.json", "aaaa***", stock("XYZ", "1", unrealized_pl="1"), stock("SAP", "1", unrealized_pl="2", currency="EUR"), worth="3"),
        NOW,
    )  # fmt: skip

    assert book.totals_by_currency["USD"].unrealized_pl.complete == 1
    assert book.totals_by_currency["EUR"].unrealized_pl.complete == 2
    assert book.totals_by_currency["EUR"].net_liquidating_value.count == 0
    assert book.totals_by_currency["EUR"].net_liquidating_value.complete is None
    assert book.totals_by_currency["EUR"].cash.complete is None


def test_opposite_positions_of_two_accounts_stand_side_by_side_and_are_not_netted(write):
    book = load_all(
        [write("a.json", "aaaa***", stock("XYZ", "100")), write("b.json", "bbbb***", stock("XYZ", "100", side="short"), stock("ABC", "1"))],
        NOW,
    )  # fmt: skip

    assert list(book.by_root()) == ["ABC", "XYZ"]
    both = book.by_root()["XYZ"]
    assert [each.holding.signed_quantity for each in both] == [100, -100]
    assert [each.snapshot.portfolio.meta.account_hash for each in both] == ["aaaa***", "bbbb***"]


def test_what_is_missing_stale_or_too_old_is_named_and_the_others_are_read(write, tmp_path):
    files = [
        write("a.json", "aaaa***", stock("XYZ", "1", unrealized_pl="1")),
        write("stale.json", "bbbb***", stock("XYZ", "1", unrealized_pl="2"), minutes=90),
        write("old.json", "cccc***", stock("XYZ", "1", unrealized_pl="4"), minutes=60 * 30),
        tmp_path / "missing.json",
    ]
    book = load_all(files, NOW)

    assert book.headline == "2 of 4 accounts"
    assert [each.freshness for each in book.snapshots] == [Freshness.FRESH, Freshness.STALE]
    assert [Path(each.file).name for each in book.stale] == ["stale.json"]
    assert [type(each.error) for each in book.failed] == [PositionsTooOld, DataRefused]
    assert book.failed[0].account_hash == "cccc***"
    assert book.totals_by_currency["USD"].unrealized_pl.complete == 3
    assert book.exit_code == 7
    assert sum("not read" in warning for warning in book.warnings) == 2
    assert load_all(files, NOW, any_age=True).headline == "3 of 4 accounts"


def test_of_two_documents_of_one_account_the_newer_counts_and_it_is_said(write):
    old = write("old.json", "aaaa***", stock("XYZ", "1", unrealized_pl="1"), minutes=60 * 48)
    new = write("new.json", "aaaa***", stock("XYZ", "1", unrealized_pl="2"))
    for order in ([old, new], [new, old]):
        book = load_all(order, NOW)

        assert (book.headline, book.exit_code) == ("1 account", 0)
        assert book.totals_by_currency["USD"].unrealized_pl.complete == 2
        (said,) = book.warnings
        assert "old.json: not counted" in said
        assert "new.json is newer" in said


def test_a_file_that_is_named_twice_counts_once(write):
    file = write("a.json", "aaaa***", stock("XYZ", "1", unrealized_pl="1"))
    book = load_all([file, file], NOW)

    assert len(book.snapshots) == 1
    assert "named twice" in book.warnings[0]


def test_schema_versions_may_be_mixed_and_another_major_one_is_refused_with_the_reason(write):
    files = [
        write("a.json", "aaaa***", stock("XYZ", "1"), version="1.0"),
        write("b.json", "bbbb***", stock("XYZ", "1"), version="1.1"),
        write("c.json", "cccc***", stock("XYZ", "1"), version="2.0"),
    ]
    book = load_all(files, NOW)

    assert book.headline == "2 of 3 accounts"
    assert "2.0" in str(book.failed[0].error)


def test_environments_that_do_not_go_together_are_named(write):
    files = [
        write("a.json", "aaaa***", stock("XYZ", "1"), environment="production"),
        write("b.json", "bbbb***", stock("XYZ", "1"), environment="sandbox"),
    ]

    assert any("production and sandbox" in warning for warning in load_all(files, NOW).warnings)
    assert load_all(files[:1], NOW).warnings == ()


def test_one_account_alone_is_found_by_the_beginning_of_its_hash(write):
    files = [write("a.json", "aaaa***", stock("XYZ", "1")), write("b.json", "aabb***")]
    book = load_all(files, NOW)

    assert [each.file for each in book.of_account("aabb***").sources] == [str(files[1])]
    assert book.of_account("aaa").headline == "1 account"
    for wrong in ("aa", "ffff", ""):
        with pytest.raises(DataRefused, match=r"aaaa\*\*\*"):
            book.of_account(wrong)


def test_the_rows_of_a_book_are_those_of_its_snapshots(write):
    files = [
        write("a.json", "aaaa***", stock("XYZ", "1.50")),
        write("b.json", "bbbb***", stock("ABC", "2"), stock("XYZ", "3"), currency="EUR"),
    ]
    book = load_all(files, NOW)

    assert [(row["account_hash"], row["root"], row["quantity"]) for row in book.rows()] == [
        ("aaaa***", "XYZ", D("1.50")), ("bbbb***", "ABC", D(2)), ("bbbb***", "XYZ", D(3)),
    ]  # fmt: skip
    assert all(tuple(row) == ROW_COLUMNS for row in book.rows())


@given(st.lists(portfolios(max_size=4), min_size=1, max_size=3))
def test_no_position_is_lost_and_every_total_is_the_plain_sum(tmp_path, listed):
    """Against a recomputation that knows nothing of the code: a row counts in its own currency, else in the account's."""
    files = []
    for number, portfolio in enumerate(listed):
        meta = attrs.evolve(portfolio.meta, account_hash=f"aaa{number}***")
        files.append(tmp_path / f"{number}.json")
        files[-1].write_bytes(to_bytes(attrs.evolve(portfolio, meta=meta)))
    book = load_all(files, NOW, any_age=True)
    profits: dict = {}
    for portfolio in listed:
        own = portfolio.meta.currency or (portfolio.balances and portfolio.balances.currency)
        for each in portfolio.positions:
            known = (
                D(0) if each.type == "cash" and each.unrealized_pl is None else each.unrealized_pl
            )
            profits.setdefault(each.currency or own, []).append(known)

    assert len(book.rows()) == sum(len(each.positions) for each in listed)
    assert sum(len(held) for held in book.by_root().values()) == len(book.rows())
    for currency, amounts in profits.items():
        found = book.totals_by_currency[currency].unrealized_pl
        known = [amount for amount in amounts if amount is not None]
        assert (found.known, found.count) == (len(known), len(amounts))
        with localcontext(prec=200):
            assert not known or found.amount == sum(known)


def test_a_folder_stands_for_the_live_files_in_it(write, tmp_path):
    write("live_a.json", "aaaa***", stock("XYZ", "1"))
    write("live_b.json", "bbbb***", stock("XYZ", "1"))
    write("other.json", "cccc***", stock("XYZ", "1"))

    assert load_all(tmp_path, NOW).headline == "2 accounts"
    assert load_all(str(tmp_path / "other.json"), NOW).headline == "1 account"


def test_odd_files_in_a_folder_cost_only_themselves_and_each_is_named(write, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    whole = write("live_good.json", "aaaa***", stock("XYZ", "1", unrealized_pl="1")).read_bytes()
    write("live_again.json", "aaaa***", stock("XYZ", "1", unrealized_pl="2"), minutes=1)
    write("live_early.json", "bbbb***", stock("XYZ", "1", unrealized_pl="4"), version="1.0")
    write(
        "live_later.json", "cccc***", stock("XYZ", "1", unrealized_pl="8"), version="1.9", news="x"
    )
    write("elsewhere.json", "dddd***", stock("XYZ", "1", unrealized_pl="16"))
    write("live_major.json", "eeee***", stock("XYZ", "1", unrealized_pl="32"), version="2.0")
    odd = {
        "live_array.json": b"[]",
        "live_cut.json": whole[:-9],
        "live_deep.json": b"[" * 100_000,
        "live_empty.json": b"",
        "live_twice.json": b'{"meta": 1, "meta": 2}',
        "live_zeros.json": bytes(100),
    }
    for name, data in odd.items():
        Path(name).write_bytes(data)
    Path("live_folder.json").mkdir()
    Path("live_link.json").symlink_to("elsewhere.json")
    Path("live_nowhere.json").symlink_to("not-there.json")
    Path("live_round.json").symlink_to("live_round.json")
    os.mkfifo("live_pipe.json")
    for name in ("live_good.json.prev", "live_good.prev", "live_other.txt", ".live_hidden.json"):
        Path(name).write_bytes(whole)
    book = load_all(".", NOW)

    unread = {*odd, "live_major.json", "live_folder.json", "live_nowhere.json", "live_round.json", "live_pipe.json"}  # fmt: skip
    assert {each.file for each in book.failed} == unread
    assert {name for name in unread if any(name in said for said in book.warnings)} == unread
    assert (book.headline, book.exit_code) == ("4 of 15 accounts", 6)
    assert book.totals_by_currency["USD"].unrealized_pl.complete == 2 + 4 + 8 + 16
    assert [each.replaced_by for each in book.sources if each.file == "live_good.json"] == [
        "live_again.json"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_named(write, tmp_path):
    write("live_a.json", "aaaa***", stock("XYZ", "1"))
    write("live_b.json", "bbbb***", stock("XYZ", "1")).chmod(0)
    book = load_all(tmp_path, NOW)

    assert book.headline == "1 of 2 accounts"
    assert "permission" in str(book.failed[0].error)


@pytest.mark.parametrize("paths", [(), [], "empty"])
def test_a_book_of_no_file_at_all_is_refused(tmp_path, paths):
    (tmp_path / "empty").mkdir()

    with pytest.raises(DataRefused, match="no positions files"):
        load_all(tmp_path / paths if paths == "empty" else paths, NOW)
