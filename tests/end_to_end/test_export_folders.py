"""A folder of exports means the same wherever it is named: the newest export of each account, each into its own file."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

SCHWAB, FIDELITY, TASTY = "Individual-Positions.csv", "Portfolio_Positions.csv", "tasty.csv"
FORMS = {
    SCHWAB: (
        '"Positions for account Joint ...724 as of {at:%I:%M %p} ET, {at:%Y/%m/%d}"\n\n'
        '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
        '"{symbol}","Q","10","12.00","$120.00","$100.00","Equity",\n'
        '"Cash & Cash Investments","--","--","--","$50.00","--","Cash and Money Market",\n'
        '"Positions Total","","--","--","$170.00","$100.00","--",\n'
    ),
    FIDELITY: (
        "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value\n"
        "X10000001,Nest egg,{symbol},A COMPANY,100,$52.00,$5200.00\n\n"
        '"Date downloaded {at:%b-%d-%Y %I:%M %p} ET"\n'
    ),
    TASTY: (
        "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,Cost,Mark,Net Liq\n"
        "5WX00001,{symbol},STOCK,10,,--,,,480.50,1205.00,-3600.00,480.50,4805.00\n"
    ),
}


def hours_ago(path, hours):
    then = time.time() - 3600 * hours
    os.utime(path, (then, then))


@pytest.fixture
def exports(folder):
    """A folder with an export of each of three accounts; another export is written with a call."""
    place = folder / "exp"
    place.mkdir()

    def write(name, symbol, form=None, hours=1.0):
        path = place / name
        at = datetime.now(ZoneInfo("America/New_York")) - timedelta(hours=hours)
        path.write_text(FORMS[form or name].format(symbol=symbol, at=at))
        hours_ago(path, hours)
        return path

    for name, symbol in zip(FORMS, ("QZA", "QZB", "QZC"), strict=True):
        write(name, symbol)
    return write


@pytest.fixture
def configure(tmp_path, folder, monkeypatch):
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    (tmp_path / "configuration").mkdir(mode=0o700)

    def write(text):
        # From the folder of variance.toml, where it stands.
        text = text.replace('"exp"', f'"../{folder.name}/exp"')
        (tmp_path / "configuration" / "variance.toml").write_text(text)

    write('broker = "csv"\n[brokers.csv]\ninput_folder = "exp"\n')
    return write


@pytest.fixture
def held(folder):
    """The symbols that each positions file holds."""

    def read():
        files = sorted((folder / "positions").glob("*.json"))
        documents = {file.name: json.loads(file.read_text()) for file in files}
        return {
            name: [row["symbol"] for row in document["positions"]]
            for name, document in documents.items()
        }

    return read


def hashes(variance):
    """The hash of each account by its newest export's name."""
    rows = [line.split() for line in variance("accounts").out.splitlines()]
    return {row[-1]: row[0] for row in rows if row and row[0].endswith("***")}


ALL = [["QZA"], ["QZB"], ["QZC"]]


@pytest.mark.parametrize(
    "command",
    [
        ("sync",),
        ("sync", "exp"),
        ("sync", "--all-accounts"),
        ("sync", "--all"),
        ("--sync",),
        ("watch", "--count", "1", "--always"),
    ],
)
def test_a_folder_means_all_its_accounts_in_every_command(
    variance, exports, configure, held, command
):
    done = variance(*command)
    assert done.code == 0, done.err
    assert sorted(held().values()) == ALL
    assert all(re.fullmatch(r"live_csv_[0-9a-f]{12}\.json", name) for name in held())


def test_a_profile_with_a_folder_syncs_all_accounts_of_it(variance, exports, configure, held):
    configure('[profiles.mine]\nbroker = "csv"\ninput_folder = "exp"\n')
    for command in ("sync --profile mine", "sync --all", "watch --count 1 --always"):
        assert variance(*command.split()).code == 0
    assert sorted(held().values()) == ALL


def test_each_account_stays_in_the_file_that_holds_it(variance, exports, configure, held):
    assert variance("sync", exports(SCHWAB, "QZA")).code == 0
    assert list(held()) == ["live_csv.json"]
    assert variance("sync").code == 0
    assert held()["live_csv.json"] == ["QZA"]
    assert sorted(held().values()) == ALL
    before = held()
    assert variance("sync").code == 0
    assert held() == before


def test_the_newest_export_of_each_account_is_read(variance, exports, configure, held):
    exports("older.csv", "OLD", form=TASTY, hours=5)
    exports("newer.csv", "NEW", form=FIDELITY, hours=0.5)
    done = variance("sync")
    assert (done.code, done.err) == (0, "")
    assert sorted(held().values()) == [["NEW"], ["QZA"], ["QZC"]]


def test_accounts_lists_all_accounts_of_the_folder_with_their_exports(variance, exports, configure):
    found = hashes(variance)
    assert set(found) == set(FORMS)
    assert len(set(found.values())) == 3
    listed = json.loads(variance("accounts", "--json").out)["accounts"]
    assert {each["account_hash"] for each in listed} == set(found.values())


def test_accounts_lists_what_is_held_where_no_export_is_named(variance, exports, configure, held):
    configure("")
    assert "none was named" in variance("accounts", "--broker", "csv").err
    assert variance("sync", "exp").code == 0
    done = variance("accounts")
    assert done.code == 0, done.err
    assert all(name in done.out for name in held())
    assert len(json.loads(variance("accounts", "--json").out)["accounts"]) == 3


def test_a_profile_whose_accounts_have_files_of_their_own_counts_as_synced(
    variance, exports, configure, folder
):
    other = f'[profiles.other]\nbroker = "csv"\ninput_folder = "{folder / "none"}"\n'
    configure(f'[profiles.mine]\nbroker = "csv"\ninput_folder = "exp"\n{other}')
    assert variance("sync", "--profile", "mine").code == 0
    said = variance("show").err
    assert "`other` has not been synced" in said
    assert "`mine`" not in said


@pytest.mark.parametrize("how", ["option", "profile", "default"])
def test_a_chosen_account_alone_is_synced(variance, exports, configure, held, how):
    chosen = hashes(variance)[TASTY]
    arguments = ["--account", chosen] if how == "option" else []
    if how == "profile":
        configure(
            f'profile = "one"\n[profiles.one]\nbroker = "csv"\ninput_folder = "exp"\naccount = "{chosen}"\n'
        )
    if how == "default":
        configure(
            f'broker = "csv"\n[brokers.csv]\ninput_folder = "exp"\ndefault_account_id = "{chosen}"\n'
        )
    done = variance("sync", *arguments)
    assert done.code == 0, done.err
    assert held() == {"live_csv.json": ["QZC"]}
    assert ("/exp: not synced" in done.err) == (how == "default")


def test_a_profile_with_one_output_and_a_folder_of_three_accounts_is_refused(
    variance, exports, configure, held, folder
):
    profile = (
        '[profiles.mine]\nbroker = "csv"\ninput_folder = "exp"\noutput = "positions/mine.json"\n'
    )
    configure(profile)
    for command in ("sync --profile mine", "sync --all"):
        done = variance(*command.split())
        assert done.code == 3
        assert "exports of 3 accounts" in done.err
        assert 'write `account = "HASH"` into [profiles.mine]' in done.err
    said = variance("doctor", "--offline", "--profile", "mine")
    assert (said.code, "exports of 3 accounts" in said.out) == (3, True)
    assert held() == {}
    for name in (SCHWAB, FIDELITY):
        (folder / "exp" / name).unlink()
    assert variance("sync", "--all").code == 0
    assert held() == {"mine.json": ["QZC"]}


def test_one_output_never_takes_several_accounts(variance, exports, configure, held):
    done = variance("sync", "exp", "--output", "positions/x.json")
    assert done.code == 6
    assert "one output file cannot hold several accounts" in done.err
    assert held() == {}


def test_an_export_that_is_older_than_what_is_saved_is_said_once(
    variance, exports, configure, held, folder
):
    assert variance("sync").code == 0
    exports(FIDELITY, "OLD", hours=3)
    exports("older.csv", "OLDER", form=FIDELITY, hours=30)
    done = variance("sync")
    assert done.code == 0
    assert len(done.err.splitlines()) == 1
    assert f"was not synced from {FIDELITY}: these positions (" in done.err
    assert sorted(held().values()) == ALL
    (skipped,) = json.loads(variance("sync", "exp", "--json").out)["skipped"]
    assert skipped["file"] == FIDELITY
    assert f"live_csv_{skipped['account_hash'].removesuffix('***')}.json" in held()
    everything = json.loads(variance("sync", "--all", "--json").out)
    assert (len(everything["synced"]), everything["failed"]) == (2, [])
    assert everything["skipped"][0]["account_hash"] == skipped["account_hash"]


def test_a_folder_of_old_exports_alone_is_refused(variance, exports, configure):
    assert variance("sync").code == 0
    for name in FORMS:
        exports(name, "OLD", hours=20)
    done = variance("sync")
    assert done.code == 6
    assert done.err.count("are older than those in the positions file") == 3


def test_an_older_export_takes_no_blame_for_one_that_cannot_be_read(
    variance, exports, configure, held
):
    broken = exports("broken.csv", "QZB", form=FIDELITY, hours=0.1)
    broken.write_text(broken.read_text().splitlines()[0] + "\n")
    done = variance("sync")
    assert done.code == 6
    assert "broken.csv: it cannot be read, and is newer than an export that was" in done.err
    assert sorted(held().values()) == ALL
    said = variance("doctor", "--offline")
    assert (said.code, "broken.csv: it cannot be read" in said.out) == (3, True)


def test_the_doctor_says_how_many_accounts_a_folder_has(variance, exports, configure):
    assert "/exp: 3 accounts" in variance("doctor", "--offline").out


@pytest.mark.parametrize(
    ("place", "words"), [("empty", "there is no export"), ("missing", "cannot be read")]
)
def test_a_configured_folder_without_exports_is_a_matter_of_configuration(
    variance, folder, configure, place, words
):
    (folder / "empty").mkdir()
    configure(f'broker = "csv"\n[brokers.csv]\ninput_folder = "{folder / place}"\n')
    for command in ("sync", "accounts"):
        done = variance(command)
        assert done.code == 3
        assert "the folder `input_folder`" in done.err
        assert words in done.err


def test_two_exports_that_name_no_account_are_said_where_they_share_nothing(
    variance, folder, configure, held
):
    place = folder / "exp"
    place.mkdir()
    header = "Symbol,Type,Quantity,Multiplier,Average Price,Mark,Unrealized P/L"
    for name, symbol, hours in (("one.csv", "QZA", 2), ("two.csv", "QZB", 1)):
        (place / name).write_text(f"{header}\n{symbol},stock,100,1,48.00,52.00,400\n")
        hours_ago(place / name, hours)
    done = variance("sync")
    assert done.code == 0
    assert held() == {"live_csv.json": ["QZB"]}
    assert "one.csv: not read, because it names no account, and two.csv" in done.err
    hours_ago(place / "one.csv", 24 * 30)
    assert variance("sync").err == ""


@pytest.mark.parametrize(
    "command", [("show",), ("triage",), ("export", "--format", "csv", "--output", "x.csv"), ()]
)
def test_what_reads_positions_takes_a_folder_of_exports(variance, exports, command, folder):
    exports("older.csv", "OLD", form=TASTY, hours=5)
    name, *options = command or (None,)
    done = variance(*filter(None, [name, "exp", *options]))
    assert done.code == 0, done.err
    shown = (folder / "x.csv").read_text() if "x.csv" in command else done.out
    assert all(symbol in shown for symbol in ("QZA", "QZB", "QZC"))
    assert "OLD" not in shown


def test_an_export_that_cannot_be_read_is_missing_from_the_folder_that_is_shown(variance, exports):
    broken = exports("broken.csv", "QZB", form=FIDELITY, hours=0.1)
    broken.write_text(broken.read_text().splitlines()[0] + "\n")
    done = variance("show", "exp")
    assert done.code == 6
    assert "3 of 4 accounts" in done.out
    assert "broken.csv: it cannot be read, and is newer" in done.err


def test_validate_takes_the_folder_of_positions_files(variance, exports, configure):
    assert variance("sync").code == 0
    done = variance("validate", "positions")
    assert (done.code, done.out.count(": valid, 1 position")) == (0, 3)
    assert "not a regular file, but a folder" in variance("validate", "exp").out


@pytest.mark.parametrize("command", [("diff", "exp", "exp"), ("fleet", "run", "exp", "--out", "y")])
def test_a_command_that_needs_a_single_file_says_so_of_a_folder(variance, exports, command):
    done = variance(*command)
    assert done.code == 6
    assert "exp: " in done.err
    assert "name a file in it" in done.err


def test_a_warning_about_a_file_of_two_accounts_is_said_once_and_names_its_lines(
    variance, folder, configure
):
    (folder / "exp").mkdir()
    rows = "".join(
        f"{number},Nest egg,QZB,B,{quantity},$52.00,$5200.00\n"
        for number in ("X10000001", "X20000002")
        for quantity in ("abc" if number.endswith("2") else "50", 100)
    )
    header = FORMS[FIDELITY].partition("\n")[0]
    (folder / "exp" / "both.csv").write_text(f"{header}\n{rows}")
    (folder / "exp" / "33334444.csv").write_text(
        f"{header}\n33334444,Mine,QZB,B,100,$52.00,$5200.00\n"
    )
    (folder / "exp" / "55556666.csv").write_text(
        f"{header}\n55556666,Mine,QZB,B,100,$52.00,$5200.00\n"
    )
    for command in (("sync",), ("sync", "exp", "--all-accounts")):
        said = variance(*command).err.splitlines()
        assert len(said) == len(set(said))
        (about_rows,) = [line for line in said if "row rejected" in line]
        assert about_rows.startswith("Warning: both.csv: line 4: row rejected: ")


def test_files_are_searched_for_accounts_once_in_a_run(variance, exports, configure, monkeypatch):
    from variance_bridge.document import outline as outlines

    assert variance("sync").code == 0
    read = []
    outline = outlines.outline
    monkeypatch.setattr(outlines, "outline", lambda data: read.append(1) or outline(data))
    assert variance("sync").code == 0
    # Each of three files once for the index, and once with its lock held.
    assert 0 < len(read) <= 6


NUMBERED_NAMES = {
    "tastytrade_positions_x5WX12345_261126.csv": ("5WX12345", TASTY),
    "Portfolio_Positions_X12345678_Nov-26-2026.csv": ("12345678", FIDELITY),
    "Anns pension XXX724-Positions-2026-11-26-112800.csv": ("XXX724", SCHWAB),
    "U7654321.positions.2026.csv": ("7654321", TASTY),
}
"""An account number in each way in which brokers name their exports, and the form of what is in it."""


_IN_COLUMNS = (
    ("accounts",),
    ("accounts", "exp"),
    ("sync", "exp"),
    ("show", "exp"),
    ("triage", "exp"),
)
_OF_ANY_WIDTH = (
    ("accounts", "--json"),
    ("sync", "exp", "--json"),
    ("show", "exp", "--json"),
    ("triage", "exp", "--json"),
    ("triage", "exp", "--format", "html"),
    ("csv", "explain", "exp"),
    ("csv", "explain", "exp", "--json"),
    ("validate", "exp"),
    ("doctor",),
    ("doctor", "--json"),
    ("export", "exp"),
)


@pytest.mark.parametrize(
    ("command", "width"),
    [
        *((command, width) for command in _IN_COLUMNS for width in (40, 60, 80, 100, 140)),
        *((command, 80) for command in _OF_ANY_WIDTH),
    ],
)
def test_no_command_shows_an_account_number_that_a_file_is_named_after(
    variance, exports, configure, folder, monkeypatch, command, width
):
    for old in (folder / "exp").iterdir():
        old.unlink()
    for name, (number, form) in NUMBERED_NAMES.items():
        path = exports(name, "QZA", form)
        path.write_text(path.read_text().replace("5WX00001", number).replace("X10000001", number))
    # A newer file of that name that cannot be read is warned of.
    (folder / "exp" / "x5WX99999_broken.csv").write_text(FORMS[FIDELITY].partition("\n")[0] + "\n")
    monkeypatch.setenv("COLUMNS", str(width))
    done = variance(*command)
    shown = re.sub(r"\s+", "", done.out + done.err)
    assert shown
    for part in ("5WX12", "12345", "45678", "XXX724", "76543", "54321", "99999"):
        assert part not in shown, (part, done)


def test_the_name_of_a_file_is_the_same_wherever_it_stands_and_says_which_file_is_meant(
    variance, exports, configure, folder
):
    name = "Individual-Positions-2026-11-26-112800.csv"
    (folder / "exp" / SCHWAB).rename(folder / "exp" / name)
    path = exports(name, "QZA", SCHWAB)
    path.write_text(path.read_text().replace("$170.00", "$190.00"))
    warned = variance("sync", "exp").err
    assert f"Warning: {name}: the file's total is not the sum of its rows: " in warned
    assert "`variance csv explain FILE` shows both" in warned
    both = variance("csv", "explain", path).out
    assert "190.00" in both
    assert "170.00" in both
    assert name in variance("accounts").out
    assert name in variance("csv", "explain", path).out
    listed = json.loads(variance("accounts", "--json").out)["accounts"]
    assert name in {each["file"] for each in listed}

    of_tasty = "tastytrade_positions_x5WX12345_261126.csv"
    (folder / "exp" / TASTY).rename(folder / "exp" / of_tasty)
    shown = "tastytrade_positions_***_261126.csv"
    for command in ("accounts", "show", "triage"):
        assert f" {shown}" in variance(command, "exp").out.replace("/", " ")
    assert f" {shown}: " in variance("csv", "explain", folder / "exp" / of_tasty).out


def test_accounts_as_json_says_when_each_account_was_exported_and_where_it_stands(
    variance, exports, configure, held
):
    listed = json.loads(variance("accounts", "--json").out)["accounts"]
    assert {each["file"] for each in listed} == set(FORMS)
    assert all(datetime.fromisoformat(each["as_of"]).tzinfo for each in listed)
    assert variance("sync", "exp").code == 0
    configure('broker = "csv"\n')
    kept = json.loads(variance("accounts", "--json").out)["accounts"]
    assert {each["file"] for each in kept} == set(held())
    assert {each["as_of"] for each in kept} == {each["as_of"] for each in listed}


def test_a_relative_folder_starts_from_variance_toml_wherever_the_command_runs(
    variance, exports, configure, folder, tmp_path, monkeypatch
):
    for place in (tmp_path, folder / "exp"):
        monkeypatch.chdir(place)
        assert len(json.loads(variance("accounts", "--json").out)["accounts"]) == 3


def test_a_relative_folder_of_the_command_line_starts_from_the_working_folder(
    variance, exports, configure
):
    done = variance("sync", "--broker", "csv", "--set", "input_folder=exp")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    "command",
    [
        ("validate", "FILE"),
        ("validate", "FILE", "--json"),
        ("export", "FILE", "--format", "csv", "--output", "FILE"),
        ("restore", "FILE"),
        ("csv", "check", "FILE"),
        ("sync", "FILE", "--output", "FILE"),
        ("show", "FILE", "--any-age", "FILE.csv"),
        ("history", "FILE"),
        ("diff", "FILE", "FILE"),
        ("watch", "FILE"),
    ],
)
def test_no_error_repeats_an_account_number_of_an_exports_name(
    variance, exports, configure, folder, command
):
    file = folder / "exp" / "tastytrade_positions_x5WX12345_261126.csv"
    (folder / "exp" / TASTY).rename(file)
    done = variance(*(word.replace("FILE", f"exp/{file.name}") for word in command))
    assert done.out + done.err
    assert "12345" not in done.out + done.err, done


def test_an_error_about_a_positions_file_names_it_as_the_user_did(variance, exports, folder):
    output = folder / "live_1234567.json"
    output.write_text("[]")
    assert "live_1234567.json: " in variance("restore", output).err
