"""`variance`, `variance show` and `variance triage` over the documents of several accounts."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from variance_bridge.cli.subcommands import variance
from variance_bridge.document import exact_json
from variance_bridge.document.convert import instant_text
from variance_bridge.errors import DataRefused, PositionsTooOld

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
IRA, TAXED, EURO = "a1a1a1a1a1a1***", "b2b2b2b2b2b2***", "c3c3c3c3c3c3***"


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A working folder with a folder of positions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path))
    (tmp_path / "positions").mkdir()
    return tmp_path


@pytest.fixture
def write(work):
    def write(name, account, profit, *, currency="USD", source="acme", minutes=5, side="long"):
        held = {
            "root": "XYZ", "symbol": "XYZ", "type": "stock", "side": side, "quantity": 100,
            "unrealized_pl": Decimal(profit),
        }  # fmt: skip
        document = {
            "meta": {
                "source": source,
                "fetched_at": instant_text(NOW - timedelta(minutes=minutes)),
                "account_hash": account,
                "currency": currency,
                "status": "complete",
            },
            "balances": {"currency": currency, "net_liquidating_value": 1000, "cash": 1},
            "positions": [held],
        }
        path = work / "positions" / name
        path.write_bytes(exact_json.dumps(document))
        return str(path)

    return write


@pytest.fixture
def run(work, invoke):
    def run(*arguments, config=None):
        if config is not None:
            (work / "variance.toml").write_text(config)
        done = invoke(variance, *arguments, now=NOW, columns=140)
        return done.return_value or 0, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("command", [(), ("triage",), ("show",)])
def test_without_a_file_all_accounts_are_shown(write, run, command):
    write("live_acme.json", IRA, "10.25")
    write("live_other.json", TAXED, "-3", side="short")
    code, out, _ = run(*command)

    assert code == 0
    assert "2 accounts" in out
    assert out.count("XYZ") >= 2


@pytest.mark.parametrize("command", ["triage", "show"])
def test_programs_get_the_totals_of_all_accounts_and_each_source(write, run, command):
    write("live_acme.json", IRA, "10.25")
    write("live_euro.json", EURO, "5", currency="EUR")
    write("live_other.json", TAXED, "-3", side="short")
    code, out, _ = run(command, "--json")
    book = exact_json.loads(out)
    profit, worth = {
        "triage": ("net_pl", "net_liquidity"),
        "show": ("unrealized_pl", "net_liquidating_value"),
    }[command]

    assert code == 0
    assert [each["account_hash"] for each in book["sources"]] == [IRA, EURO, TAXED]
    assert {"file", "source", "fetched_at", "age_seconds", "freshness", "status"} <= set(
        book["sources"][0]
    )
    assert book["totals_by_currency"]["USD"][profit] == Decimal("7.25")
    assert book["totals_by_currency"]["USD"][worth] == 2000
    assert book["totals_by_currency"]["EUR"][profit] == 5
    assert book["accounts"] == {"counted": 3, "of": 3}


@pytest.mark.parametrize("command", ["triage", "show"])
def test_one_account_is_shown_alone(write, run, command):
    write("live_acme.json", IRA, "10.25")
    write("live_other.json", TAXED, "-3", side="short")
    _, out, _ = run(command, "--account", TAXED[:4])

    assert TAXED in out
    assert IRA not in out
    assert "accounts" not in out


@pytest.mark.parametrize("command", ["triage", "show"])
def test_a_missing_account_changes_the_totals_and_the_exit_code(write, run, command):
    files = [write("live_acme.json", IRA, "10.25"), write("live_o.json", TAXED, "1", minutes=1500)]
    code, out, err = run(command, *files)

    assert code == 7
    assert "1 of 2 accounts" in out
    assert "not read" in err
    assert run(command, *files, "--partial")[0] == 0
    assert run(command, *files, "--any-age")[0] == 0
    assert "error" in exact_json.loads(run(command, *files, "--json")[1])["sources"][1]


def test_a_profile_that_was_never_synced_is_missing_from_the_totals(write, run):
    write("live_acme.json", IRA, "10.25")
    profiles = '[profiles.ira]\nbroker = "acme"\n[profiles.other]\nbroker = "globex"\n'
    code, out, err = run("show", config=profiles)

    assert code == 6
    assert "1 of 2 accounts" in out
    assert "the profile `other` has not been synced yet" in err
    assert run("show", "positions/live_acme.json")[0] == 0


def test_of_two_profiles_of_one_broker_each_has_a_file_of_its_own(write, run):
    write("live_acme_ira.json", IRA, "10.25")
    profiles = '[profiles.ira]\nbroker = "acme"\n[profiles.taxed]\nbroker = "acme"\n'
    code, _, err = run("show", config=profiles)

    assert code == 6
    assert "the profile `taxed` has not been synced yet" in err
    write("live_acme_taxed.json", TAXED, "1")
    assert run("show", config=profiles)[0] == 0


def test_a_file_that_a_profile_writes_elsewhere_is_part_of_the_book(write, run, work):
    write("live_acme.json", IRA, "10.25")
    write("live_elsewhere.json", TAXED, "1")
    (work / "positions" / "live_elsewhere.json").rename(work / "taxed.json")
    _, out, _ = run("show", config='[profiles.taxed]\nbroker = "acme"\noutput = "taxed.json"\n')

    assert "2 accounts" in out


def test_one_file_that_cannot_be_read_is_the_error_of_the_command(work, run):
    with pytest.raises(DataRefused, match="no such file"):
        run("show", "missing.json")


def test_the_document_of_one_file_is_printed_as_it_is(write, run):
    file = write("live_acme.json", IRA, "10.25")

    assert exact_json.loads(run("show", file, "--json")[1])["meta"]["account_hash"] == IRA


def test_an_export_of_several_accounts_is_a_book_of_its_accounts(work, run):
    files = Path(__file__).parents[2] / "plugins" / "csv" / "tests" / "files"
    export = str(files / "schwab_all_accounts.csv")
    code, out, _ = run("show", export, "--any-age")
    book = exact_json.loads(run("triage", export, "--any-age", "--json")[1])

    assert code == 0
    assert "All accounts: 2 accounts" in out
    assert "#1" in out
    assert "#2" in out
    assert [each["file"].rpartition("csv")[2] for each in book["sources"]] == [
        " (account 1 of 2)", " (account 2 of 2)",
    ]  # fmt: skip
    assert book["accounts"] == {"counted": 2, "of": 2}
    assert sum(totals["net_pl"] for totals in book["totals_by_currency"].values()) is not None


def test_what_is_to_be_said_of_a_file_of_several_accounts_is_said_once(work, run):
    files = Path(__file__).parents[2] / "plugins" / "csv" / "tests" / "files"
    _, _, err = run("show", str(files / "schwab_all_accounts.csv"), "--partial")

    assert err.count("not read: ") == 1


def test_positions_from_the_future_have_no_negative_age(write, run):
    files = [write("a.json", IRA, "1"), write("b.json", "cccc***", "2", minutes=-600)]
    _, out, _ = run("show", *files, "--any-age")

    assert "STALE  from the future" in out
    assert " -" not in out.split("USD")[0]


HEADER = "Account,Symbol,Type,Quantity,Multiplier,Currency,Average Price,Mark,Unrealized P/L\n"


@pytest.fixture
def export(work):
    """Write an export with one share position; an account "" is not named by the file."""

    def export(name, account, quantity, *, minutes=0):
        row = f"{account},QZA,Stock,{quantity},1,USD,10,12,{2 * quantity}\n"
        (work / name).write_text(HEADER + row)
        written = (NOW - timedelta(minutes=minutes)).timestamp()
        os.utime(work / name, (written, written))
        return name

    return export


def test_of_two_exports_of_one_account_the_newer_counts_and_it_is_said(export, run):
    newer = export("newer.csv", "TEST-1", 80, minutes=1)
    older = export("older.csv", "TEST-1", 100, minutes=9)
    other = export("other.csv", "TEST-2", 5, minutes=9)
    code, out, err = run("triage", older, newer, other, "--json")
    book = exact_json.loads(out)

    assert code == 0
    assert book["accounts"] == {"counted": 2, "of": 2}
    assert book["totals_by_currency"]["USD"]["net_pl"] == 2 * (80 + 5)
    assert [each.get("replaced_by") for each in book["sources"]] == [newer, None, None]
    assert f"{older}: not counted: {newer} is newer" in err


def test_exports_that_name_no_account_are_accounts_of_their_own(export, run):
    files = [export(f"{n}.csv", "", n) for n in (1, 2)]
    book = exact_json.loads(run("triage", *files, "--json")[1])

    assert book["accounts"] == {"counted": 2, "of": 2}
    assert book["totals_by_currency"]["USD"]["net_pl"] == 2 * (1 + 2)


@pytest.fixture
def write_rows(work):
    """Write an export of now with these rows."""

    def write_rows(name, rows):
        (work / name).write_text(HEADER + rows)
        os.utime(work / name, (NOW.timestamp(), NOW.timestamp()))
        return name

    return write_rows


@pytest.mark.parametrize("command", ["triage", "show"])
def test_an_export_without_positions_is_not_an_empty_account(command, write_rows, run):
    with pytest.raises(DataRefused, match="no positions"):
        run(command, write_rows("cut.csv", ""))


def test_an_export_of_which_no_row_can_be_read_is_not_an_empty_account(write_rows, run):
    code, out, _ = run(
        "triage", "--json", write_rows("bad.csv", "TEST-1,QZA,Stock,many,1,USD,1,1,1\n")
    )

    assert code == 6
    assert exact_json.loads(out)["accounts"] == {"counted": 0, "of": 1}
    assert "no row can be read" in exact_json.loads(out)["sources"][0]["error"]


def test_an_export_without_positions_taints_the_book(export, write_rows, run):
    cut, sound = write_rows("cut.csv", ""), export("sound.csv", "TEST-1", 10, minutes=1)
    code, out, _ = run("triage", cut, sound, "--json")
    shown = run("triage", cut, sound)[1] + run("show", cut, sound)[1]

    assert code == 6
    assert exact_json.loads(out)["accounts"] == {"counted": 1, "of": 2}
    assert "no positions" in exact_json.loads(out)["sources"][0]["error"]
    assert shown.count("REFUSED") == 2
    assert "TOO OLD" not in shown


def test_a_closed_position_says_that_an_export_is_whole(write_rows, run):
    assert run("show", write_rows("closed.csv", "TEST-1,QZA,Stock,0,1,USD,10,12,0\n"))[0] == 0


def test_a_star_in_a_sum_of_several_accounts_is_explained(run, write):
    known, unknown = write("a.json", IRA, "1"), write("b.json", TAXED, "0")
    document = exact_json.loads(Path(unknown).read_bytes())
    del document["positions"][0]["unrealized_pl"]
    Path(unknown).write_bytes(exact_json.dumps(document))
    starred = run("show", known, unknown)[1]
    assert "1.00*" in starred
    assert "* Sums leave out what is unknown." in starred
    assert "*" not in run("show", known, write("b.json", TAXED, "0"))[1].replace("***", "")


LONG = "live_a_profile_with_a_rather_long_name_of_its_own.json"


def test_a_file_that_has_no_room_beside_its_account_is_set_off_from_the_accounts(
    write, work, invoke
):
    write("live_acme.json", IRA, "10.25")
    write(LONG, TAXED, "3")
    out = invoke(variance, "show", now=NOW, columns=50).stdout
    accounts = [line for line in out.splitlines() if line.startswith("  acme")]
    files = [line for line in out.splitlines() if line.startswith("    ") and ".json" in line]

    assert len(accounts) == len(files) == 2
    assert max(map(len, (line.rstrip() for line in files))) <= 50


def test_what_does_not_count_is_explained_once(write, run):
    older = write("live_old.json", IRA, "1", minutes=50)
    newer = write("live_new.json", IRA, "2")
    _code, out, err = run("show")

    assert err.count(f"not counted: {Path(newer).relative_to(Path.cwd())}") == 1
    listed = next(line for line in out.splitlines() if Path(older).name in line)
    assert "not counted, another is newer" in listed
    assert Path(newer).name not in listed


def test_totals_above_some_positions_say_that_they_are_of_all(write, run):
    one = write("live_acme.json", IRA, "10.25")
    assert "Whole account: Net liq $1,000.00" in run("show", one, "--root", "XYZ")[1]
    assert "Whole account" not in run("show", one)[1]
    write("live_other.json", TAXED, "-3")
    assert "(of all positions)" in run("show", "--root", "XYZ")[1]
    assert "of all positions" not in run("show")[1]


def test_the_command_that_shows_old_positions_names_the_file(write, run):
    old = write("live_acme.json", IRA, "10.25", minutes=3 * 24 * 60)
    with pytest.raises(PositionsTooOld) as refused:
        run("show", old)
    assert f"`variance show {old} --any-age`" in refused.value.hint
    assert run("show", old, "--any-age")[0] == 0
