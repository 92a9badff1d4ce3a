"""Sync with the listener, then `variance history` and `variance diff`."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.trading_hours import exchange_date
from variance_bridge_history.database import FILE_NAME
from variance_bridge_history.named_time import base, beginning, named_span

HEADER = "Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Cost,Mark\n"


@pytest.fixture
def variance(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configuration"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(folder))
    (folder / "variance.toml").write_text('listeners = ["history"]\n')

    def call(*arguments):
        code = run(list(arguments))
        return code, *capsys.readouterr()

    return call


@pytest.fixture
def sync(variance, tmp_path):
    def sync(*rows):
        export = tmp_path / "export.csv"
        export.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return variance("sync", "--broker", "csv", "--input", str(export))

    return sync


def test_history_and_diff_after_two_syncs(sync, variance):
    assert sync("QZZ,Stock,10,,,,1000,110", "QZY,Stock,5,,,,50,11")[0] == 0
    assert sync("QZZ,Stock,12,,,,1200,110", "QZX,Stock,1,,,,7,8")[0] == 0

    code, out, _ = variance("history", "--json")
    entries = json.loads(out)["entries"]
    assert code == 0
    assert [entry["positions"] for entry in entries] == [2, 2]
    assert all(entry["status"] == "complete" for entry in entries)
    assert entries[0]["fetched_at"] <= entries[1]["fetched_at"]

    code, out, _ = variance("diff", "--json")
    found = json.loads(out)
    assert code == 0
    assert [each["symbol"] for each in found["opened"]] == ["QZX"]
    assert [each["symbol"] for each in found["closed"]] == ["QZY"]
    (changed,) = found["changed"]
    assert (changed["quantity_before"], changed["quantity_after"]) == (10, 12)
    assert found["rolled"] == found["expired"] == []

    account = entries[0]["account_hash"]
    for command in ("history", "diff"):
        assert variance(command, "--account", account[:6])[0] == 0
        for unknown in ("other", "%", "_"):
            code, _, err = variance(command, "--account", unknown)
            assert (code, account in err) == (6, True)

    assert "QZZ: 10 → 12" in variance("diff")[1]
    assert [line.split()[-1] for line in variance("history")[1].splitlines()[2:]] == ["2", "2"]


def test_without_a_history_the_folder_of_the_configuration_is_named(variance, tmp_path):
    (tmp_path / "configuration" / "variance.toml").write_text("")
    (tmp_path / "export.csv").write_text(f"{HEADER}QZZ,Stock,1,,,,100,110\n")
    assert variance("sync", "export.csv")[0] == 0

    code, _, err = variance("diff")

    assert (code, str(tmp_path / "configuration") in err) == (6, True)


def test_two_files_are_compared_without_a_history(variance, tmp_path):
    for name, quantity in (("old", 1), ("new", 3)):
        (tmp_path / f"{name}.csv").write_text(f"{HEADER}QZZ,Stock,{quantity},,,,100,110\n")

    code, out, _ = variance("diff", "old.csv", "new.csv", "--json")
    assert code == 0
    assert json.loads(out)["changed"][0]["quantity_after"] == 3


FIDELITY = """Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value,Cost Basis Total,Average Cost Basis,Type
{account},Individual,QZZ,INVENTED,{quantity},$10.00,${quantity}0.00,${quantity}0.00,$10.00,Margin
"""


def test_a_diff_says_profits_strategies_and_what_looks_assigned(variance, tmp_path):
    short = {
        "root": "QZZ", "symbol": "QZZ   260320P00450000", "type": "option", "side": "short", "quantity": 1,
        "strike": 450, "expiration": "2026-03-20", "multiplier": 100, "underlying": "QZZ", "unrealized_pl": -50,
    }  # fmt: skip
    shares = {"root": "QZZ", "symbol": "QZZ", "type": "stock", "side": "long", "quantity": 100, "unrealized_pl": 7}  # fmt: skip
    for name, day, held in (("old", "19", short), ("new", "23", shares)):
        meta = {"source": "acme", "fetched_at": f"2026-03-{day}T15:00:00Z", "account_hash": "aaaa***"}  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps({"meta": meta, "positions": [held]}))
    found = json.loads(variance("diff", "old.json", "new.json", "--json")[1])

    assert set(found) == {"opened", "closed", "changed", "rolled", "expired", "cautions"}
    (expired,), (opened,) = found["expired"], found["opened"]
    assert (expired["looks"], expired["strategies"]) == ("assigned", ["Short Put"])
    assert (expired["unrealized_pl_before"], expired["unrealized_pl_after"]) == (-50, None)
    assert (opened["unrealized_pl_before"], opened["unrealized_pl_after"]) == (None, 7)
    assert "looks assigned  in Short Put" in variance("diff", "old.json", "new.json")[1]


def test_two_exports_that_name_different_accounts_are_refused(variance, tmp_path):
    for name, account, quantity in (("a", "X11111111", 1), ("b", "X22222222", 3), ("c", "X11111111", 5)):  # fmt: skip
        (tmp_path / f"{name}.csv").write_text(FIDELITY.format(account=account, quantity=quantity))

    code, out, err = variance("diff", "a.csv", "b.csv", "--json")
    assert (code, out) == (6, "")
    assert "different accounts" in err
    assert "11111111" not in err
    assert "22222222" not in err
    code, out, err = variance("diff", "a.csv", "c.csv", "--json")
    assert (code, json.loads(out)["changed"][0]["quantity_after"]) == (0, 5), err


def test_an_export_that_names_its_account_is_not_compared_with_one_that_names_none(
    variance, tmp_path
):
    (tmp_path / "named.csv").write_text(FIDELITY.format(account="X11111111", quantity=1))
    (tmp_path / "other.csv").write_text(f"{HEADER}QZY,Stock,1,,,,100,110\n")

    for files in (("named.csv", "other.csv"), ("other.csv", "named.csv")):
        code, out, err = variance("diff", *files)
        assert (code, out) == (6, "")
        assert "only one of them names its account" in err


def test_a_diff_whose_first_file_is_the_newer_one_warns(variance, tmp_path):
    for name, quantity, age in (("old", 1, 60), ("new", 3, 0)):
        file = tmp_path / f"{name}.csv"
        file.write_text(f"{HEADER}QZZ,Stock,{quantity},,,,100,110\n")
        os.utime(file, (file.stat().st_mtime - age,) * 2)

    code, _out, err = variance("diff", "new.csv", "old.csv")
    assert (code, "new.csv is newer than old.csv: give the older file first" in err) == (0, True)
    assert "is newer" not in variance("diff", "old.csv", "new.csv")[2]


def test_two_documents_of_different_accounts_are_refused(variance, tmp_path):
    for name, account in (("a", "aaaa***"), ("b", "bbbb***")):
        document = {
            "meta": {"source": "acme", "fetched_at": "2026-03-02T15:00:00Z", "account_hash": account},
            "positions": [],
        }  # fmt: skip
        (tmp_path / f"{name}.json").write_text(json.dumps(document))

    code, out, err = variance("diff", "a.json", "b.json")
    assert (code, out) == (6, "")
    assert "different accounts" in err
    assert variance("diff", "a.json", "a.json")[0] == 0


def test_a_history_that_is_switched_on_begins_with_a_complete_document(variance, sync, tmp_path):
    rows = [f"QZ{letter},Stock,10,,,,1000,110" for letter in "ABCDEFGHIJKLM"]
    code, _out, err = sync(*rows, "QZZ,Stock,ten,,,,1000,110")
    assert code == 0
    assert "Warning: not kept in the history: partial\n" in err

    code, _out, err = variance("history")
    assert code == 6
    assert "switched on, and begins with the next complete sync" in err
    assert "listeners" not in err


def test_trouble_with_the_history_is_a_line_and_never_an_exit(sync, tmp_path):
    sync("QZZ,Stock,10,,,,1000,110")
    (tmp_path / "positions" / FILE_NAME).write_bytes(b"broken" * 1000)
    code, _out, err = sync("QZZ,Stock,11,,,,1100,110")

    assert code == 0
    assert "history" in err
    assert "damaged" in err


def test_an_export_has_no_account_hash_in_a_diff(variance, tmp_path):
    for name, quantity in {"old.csv": 10, "new.csv": 12}.items():
        (tmp_path / name).write_text(f"{HEADER}QZZ,Stock,{quantity},,,,1000,110\n")

    code, out, _ = variance("diff", "old.csv", "new.csv", "--json")
    (changed,) = json.loads(out)["changed"]
    assert code == 0
    assert changed["account_hash"] is None


def test_a_diff_with_a_partial_document_says_that_it_is_partial(variance, tmp_path):
    rows = "".join(f"QZ{letter},Stock,10,,,,1000,110\n" for letter in "ABCDEFGHIJKLMNOPQRSTUVWX")
    (tmp_path / "old.csv").write_text(f"{HEADER}{rows}QZZ,Stock,10,,,,1000,110\n")
    (tmp_path / "new.csv").write_text(f"{HEADER}{rows}QZZ,Stock,ten,,,,1000,110\n")

    code, out, err = variance("diff", "old.csv", "new.csv")
    assert (code, "closed   QZZ" in out) == (0, True)
    (line,) = [line for line in err.splitlines() if "partial" in line]
    assert "new.csv" in line


def test_one_file_alone_is_a_usage_error(variance):
    assert variance("diff", "old.json")[0] == 2


def test_a_document_from_the_future_is_not_compared_and_it_is_said(sync, variance, tmp_path):
    sync("QZZ,Stock,10,,,,1000,110")
    sync("QZZ,Stock,12,,,,1200,110")
    with closing(sqlite3.connect(tmp_path / "positions" / FILE_NAME)) as connection, connection:
        connection.execute(
            "UPDATE document SET fetched_at = '2099-01-01T00:00:00.000000Z' WHERE number = 1"
        )
    sync("QZZ,Stock,15,,,,1500,110")
    code, out, err = variance("diff")

    assert (code, "QZZ: 12 → 15" in out) == (0, True)
    assert "from the future (2099-01-01 00:00 UTC)" in err


@pytest.fixture
def days(sync, variance, tmp_path):
    """Three documents, of 10, 12 and 15 shares: kept four, two and no days ago; the moments of the first two."""
    for quantity in (10, 12, 15):
        sync(f"QZZ,Stock,{quantity},,,,1000,110")
    now = datetime.now(UTC)
    moments = [now - timedelta(days=4), now - timedelta(hours=50)]
    with closing(sqlite3.connect(tmp_path / "positions" / FILE_NAME)) as connection, connection:
        for place, moment in enumerate(moments, 1):
            text = f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
            connection.execute("UPDATE document SET fetched_at = ? WHERE number = ?", (text, place))
    return moments


def test_a_diff_since_a_day_begins_with_the_last_document_up_to_its_end(days, variance):
    first, second = days
    for since, before in (
        ("yesterday", 12),
        (exchange_date(second).isoformat(), 12),
        (exchange_date(first).isoformat(), 10),
        (second.isoformat(), 12),
        ((second - timedelta(seconds=1)).isoformat(), 10),
    ):
        code, out, err = variance("diff", "--since", since)
        assert (code, f"QZZ: {before} → 15" in out) == (0, True), err
    assert "QZZ: 12 → 15" in variance("diff")[1]


def test_a_diff_since_a_day_before_the_history_names_the_oldest_document(days, variance):
    code, out, err = variance("diff", "--since", "2020-01-01")
    assert (code, out) == (6, "")
    assert "no document up to 2020-01-02 04:59 UTC" in err
    assert f"the oldest is of {days[0]:%Y-%m-%d %H:%M} UTC" in err


def test_a_history_since_a_day_has_the_documents_from_its_beginning_on(days, variance):
    def count(since):
        return len(json.loads(variance("history", "--since", since, "--json")[1])["entries"])

    first, second = days
    assert count(exchange_date(first).isoformat()) == 3
    assert count(exchange_date(second).isoformat()) == 2
    assert count("yesterday") == 1
    code, _out, err = variance("history", "--since", "2099-01-01")
    assert (code, "no document since 2099-01-01 05:00 UTC" in err) == (6, True)


@pytest.mark.parametrize("since", ["tomorrow", "2026-02-30", "2026-03-02T16:00", "2099-01-01"])
def test_a_time_that_since_cannot_use_is_a_usage_error_with_examples(sync, variance, since):
    sync("QZZ,Stock,10,,,,1000,110")
    code, out, err = variance("diff", "--since", since)
    assert (code, out) == (2, "")
    assert "--since yesterday" in err


def test_since_picks_documents_of_the_history_and_not_files(variance):
    assert variance("diff", "old.json", "new.json", "--since", "yesterday")[0] == 2


def test_two_times_pick_two_documents_of_the_history(days, variance):
    first, second = days
    for old, new, change in (
        (first, second, "QZZ: 10 → 12"),
        (exchange_date(first), exchange_date(second), "QZZ: 10 → 12"),
        # As `variance history` shows it: to the minute.
        (f"{first:%Y-%m-%dT%H:%MZ}", f"{second:%Y-%m-%dT%H:%MZ}", "QZZ: 10 → 12"),
        (exchange_date(first), "today", "QZZ: 10 → 15"),
        (f"{second:%A}", None, "QZZ: 12 → 15"),
        ("today", None, "QZZ: 12 → 15"),
    ):
        arguments = (f"{old:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(old, datetime) else str(old),)
        if new is not None:
            arguments += (new.isoformat() if isinstance(new, datetime) else str(new),)
        code, out, err = variance("diff", *arguments)
        assert (code, change in out) == (0, True), (arguments, out, err)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("today", "yesterday"), 2, "today is not before yesterday"),
        (("2026-03-02", "export.csv"), 2, "not one of each"),
        (("export.csv", "monday"), 2, "not one of each"),
        (("2099-01-01", "2099-01-02"), 2, "2099-01-01 is in the future"),
        (("2026-03-02T16:00",), 2, "2026-03-02T16:00Z is UTC"),
        (("1990-01-01",), 6, "no document up to 1990-01-02 04:59 UTC"),
        (("9999-12-31",), 2, ""),
        (("last-week",), 2, '"last-week" is neither a file nor a time\n  times: today, yesterday'),
        (("11/23", "monday"), 2, "is neither a file nor a time"),
    ],
)
def test_times_that_cannot_be_compared_are_refused_with_what_to_type(
    sync, variance, arguments, code, words
):
    sync("QZZ,Stock,10,,,,1000,110")
    found, out, err = variance("diff", *arguments)
    assert (found, out, words in err) == (code, "", True), err


def test_a_diff_since_the_newest_document_says_that_nothing_came_after_it(sync, variance):
    sync("QZZ,Stock,10,,,,1000,110")
    sync("QZZ,Stock,12,,,,1000,110")
    now = datetime.now(UTC)
    code, out, err = variance("diff", "--since", now.isoformat())

    assert (code, out) == (6, "")
    assert f"no document after {now:%Y-%m-%d}" in err


def test_a_diff_without_changes_says_where_the_last_one_is(days, sync, variance):
    second = days[1]
    sync("QZZ,Stock,15,,,,1000,111")
    out = variance("diff")[1]

    assert "Nothing changed." in out
    (line,) = [line for line in out.splitlines() if "last changed between" in line]
    command = line.split("`")[1].split()
    assert command == ["variance", "diff", f"{second:%Y-%m-%dT%H:%M:%SZ}"]
    assert "QZZ: 12 → 15" in variance(*command[1:])[1]
    assert json.loads(variance("diff", "--json")[1])["changed"] == []


def test_history_enable_keeps_what_is_there_and_each_sync_from_then_on(variance, sync, tmp_path):
    configuration = tmp_path / "configuration" / "variance.toml"
    configuration.write_text("# mine\n[watch]\nwake = false\n")
    for quantity in (8, 10, 12):
        sync(f"QZZ,Stock,{quantity},,,,1000,110")
    code, _out, err = variance("history")
    assert (code, "`variance history enable`" in err) == (6, True)

    code, out, err = variance("history", "enable")
    assert (code, err) == (0, "")
    assert "2 documents" in out
    assert "# mine\n" in configuration.read_text()
    assert "QZZ: 10 → 12" in variance("diff")[1]
    sync("QZZ,Stock,15,,,,1000,110")
    assert "QZZ: 12 → 15" in variance("diff")[1]

    assert variance("history", "enable")[0] == 0
    assert len(json.loads(variance("history", "--json")[1])["entries"]) == 3


def test_history_disable_keeps_what_is_there_and_says_where_it_is(variance, sync, tmp_path):
    assert variance("history", "enable")[0] == 0
    assert sync("QZZ,Stock,10,,,,1000,110")[0] == 0

    code, out, _ = variance("history", "disable")
    assert code == 0
    assert "The history is off" in out
    assert "history.sqlite3" in out
    assert sync("QZZ,Stock,12,,,,1200,110")[0] == 0
    assert len(json.loads(variance("history", "--json")[1])["entries"]) == 1
    assert "was off already" in variance("history", "disable")[1]


def test_history_enable_works_before_the_first_sync_and_without_a_configuration(
    variance, sync, tmp_path
):
    (tmp_path / "configuration" / "variance.toml").unlink()
    assert variance("history", "enable")[0] == 0
    sync("QZZ,Stock,15,,,,1000,110")
    assert len(json.loads(variance("history", "--json")[1])["entries"]) == 1


@pytest.mark.parametrize(
    ("word", "day"),
    [
        ("today", "2026-11-26"),
        ("Yesterday", "2026-11-25"),
        ("wednesday", "2026-11-25"),
        ("thu", "2026-11-19"),
        ("Friday", "2026-11-20"),
        ("mon", "2026-11-23"),
        ("5d", "2026-11-21"),
        ("0d", "2026-11-26"),
        ("1w", "2026-11-19"),
    ],
)
def test_a_weekday_is_the_last_one_before_today(word, day):
    thursday = datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert named_span(word, thursday).day.isoformat() == day


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("2026-03-02T16:00Z", "2026-03-02T16:00:59.999999Z"),
        ("2026-03-02T11:00-05:00", "2026-03-02T16:00:59.999999Z"),
        ("2026-03-02 16:00:05z", "2026-03-02T16:00:05.999999Z"),
        ("2026-03-02T16:00:05.25Z", "2026-03-02T16:00:05.25Z"),
        ("2h", "2026-11-26T13:00Z"),
        ("90 min", "2026-11-26T13:30Z"),
    ],
)
def test_an_instant_lasts_as_long_as_its_last_digit(text, last):
    now = datetime(2026, 11, 26, 15, tzinfo=UTC)
    assert named_span(text, now).ends == datetime.fromisoformat(last)


@pytest.mark.parametrize(
    "text", ["mo", "2026", "11/24/2026", "9999-12-31", "0001-01-01T00:00+14:00", "7", ""]
)
def test_what_is_not_a_time_names_none(text):
    assert named_span(text, datetime(2026, 11, 26, 15, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        # In New York it is still the evening of the 2nd.
        ("2026-03-03T03:00Z", "2026-03-01T05:00Z", "2026-03-02T04:59:59.999999Z"),
        ("2026-03-03T06:00Z", "2026-03-02T05:00Z", "2026-03-03T04:59:59.999999Z"),
        # The day on which summer time begins has 23 hours.
        ("2026-03-09T12:00Z", "2026-03-08T05:00Z", "2026-03-09T03:59:59.999999Z"),
    ],
)
def test_yesterday_is_a_day_in_new_york(now, first, last):
    moment, *bounds = map(datetime.fromisoformat, (now, first, last))
    assert [beginning("yesterday", moment), base("yesterday", moment)] == bounds


def damage(file):
    file.write_bytes(b"no database" * 100)


def make_newer(file):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")


def replace_by_folder(file):
    file.unlink()
    file.mkdir()


TROUBLES = {
    "damaged": (damage, "is damaged", "move the file away"),
    "newer": (make_newer, "is of version 99", "upgrade variance-bridge-history"),
    "a folder": (replace_by_folder, "cannot be used", None),
}


@pytest.mark.parametrize(("spoil", "words", "hint"), TROUBLES.values(), ids=TROUBLES)
def test_trouble_with_the_history_is_a_line_that_names_it_and_no_exit(
    sync, tmp_path, spoil, words, hint
):
    sync("QZZ,Stock,10,,,,1000,110")
    spoil(tmp_path / "positions" / FILE_NAME)
    code, out, err = sync("QZZ,Stock,12,,,,1200,110")

    assert (code, "1 position" in out) == (0, True)
    (line,) = [line for line in err.splitlines() if "history" in line and "Warning" in line]
    assert words in line
    assert FILE_NAME in line
    assert hint is None or hint in err


def test_a_history_that_another_program_uses_costs_the_sync_nothing(sync, tmp_path, monkeypatch):
    monkeypatch.setattr("variance_bridge_history.database._BUSY_SECONDS", 0.01)
    sync("QZZ,Stock,10,,,,1000,110")
    with closing(sqlite3.connect(tmp_path / "positions" / FILE_NAME)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, _, err = sync("QZZ,Stock,12,,,,1200,110")

    assert code == 0
    assert "another program is using the history" in err
    assert "run the command again later" in err


def test_a_full_disk_under_the_history_costs_the_sync_nothing(sync, monkeypatch):
    def full(*_):
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    sync("QZZ,Stock,10,,,,1000,110")
    monkeypatch.setattr("variance_bridge_history.database.History.add", full)
    code, _, err = sync("QZZ,Stock,12,,,,1200,110")

    assert code == 0
    assert "the disk is full" in err
    assert "make room" in err


SCHWAB = (
    '"Positions for account Joint ...724 as of 01:17 PM ET, 2025/12/0{day}"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
    '"QZA","Q","10","12.00","$120.00","$100.00","Equity",\n{end}'
)
TOTAL = '"Positions Total","","--","--","{}","$100.00","--",\n'


def test_a_document_that_may_be_cut_off_is_not_kept_and_one_whose_total_disagrees_is(
    variance, tmp_path
):
    export = tmp_path / "export.csv"

    def sync(day, end):
        export.write_text(SCHWAB.format(day=day, end=end))
        code, _out, err = variance("sync", str(export))
        assert code == 0
        return err

    assert "Warning: not kept in the history: it may be cut off" in sync(1, "")
    assert "not kept" not in sync(2, TOTAL.format("$120.00"))
    assert "not kept" not in sync(3, TOTAL.format("$990.00"))

    entries = json.loads(variance("history", "--json")[1])["entries"]
    assert [each["fetched_at"][:10] for each in entries] == ["2025-12-02", "2025-12-03"]
    marked = [line for line in variance("history")[1].splitlines() if "rows may be missing" in line]
    assert [line.split()[0] for line in marked] == ["2025-12-03"]
    (caution,) = json.loads(variance("diff", "--json")[1])["cautions"]
    assert (caution["document"], caution["caution"]) == ("after", "total_disagrees")
