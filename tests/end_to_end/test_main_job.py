from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.check import check


def test_a_sync_from_a_file_writes_a_valid_private_document(variance, export, folder):
    done = variance("sync", "--broker", "csv", "--input", export, "--output", folder / "out.json")

    made = datetime.fromtimestamp(export.stat().st_mtime, UTC)
    assert done.code == 0
    assert done.out == (f"3 positions as of {made:%Y-%m-%d %H:%M} UTC → {folder / 'out.json'}\n")
    document = exact_json.loads((folder / "out.json").read_bytes())
    assert check(document) == []
    assert document["meta"]["counts"] == {"fetched": 3, "normalized": 3, "closed": 0, "rejected": 0}
    assert stat.S_IMODE((folder / "out.json").stat().st_mode) == 0o600


def test_the_numbers_are_those_of_the_file(variance, export, folder):
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")
    positions = exact_json.loads((folder / "out.json").read_bytes())["positions"]

    call, shares, put = positions
    assert (put["symbol"], put["side"], put["quantity"], put["multiplier"]) == (
        "XYZ   310321P00050000",
        "short",
        2,
        100,
    )
    assert (put["cost_basis"], put["average_price"], put["market_value"], put["unrealized_pl"]) == (
        300,
        Decimal("1.5"),
        -280,
        20,
    )
    assert (shares["cost_basis"], shares["market_value"]) == (5000, 5200)
    assert (call["strike"], call["side"], call["market_value"]) == (Decimal("12.5"), "long", 70)


def test_the_same_input_gives_the_same_bytes(variance, export, folder):
    for name in ("a.json", "b.json"):
        variance("sync", "--broker", "csv", "--input", export, "--output", name)

    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_without_an_output_the_file_is_live_and_its_folder_private(variance, export, folder):
    assert variance("sync", "--broker", "csv", "--input", export).code == 0

    assert (folder / "positions" / "live_csv.json").is_file()
    assert stat.S_IMODE((folder / "positions").stat().st_mode) == 0o700


def test_configuration_picks_the_broker(variance, export, folder):
    (folder / "mine.toml").write_text('broker = "csv"\noutput_dir = "elsewhere"\n')

    assert variance("--config", "mine.toml", "sync", "--input", export).code == 0
    assert (folder / "elsewhere" / "live_csv.json").is_file()


def test_the_environment_beats_the_file_in_the_choice_of_quotes(
    variance, export, folder, monkeypatch
):
    (folder / "mine.toml").write_text('[brokers.csv]\nquotes = "nowhere"\n')
    arguments = ("--config", "mine.toml", "sync", "--broker", "csv", "--input", export)

    assert variance(*arguments).code == 3
    monkeypatch.setenv("VARIANCE_QUOTES", "none")
    assert variance(*arguments).code == 0
    assert variance(*arguments, "--quotes", "nowhere").code == 3


def test_json_is_one_object_on_stdout_and_all_else_is_on_stderr(variance, export):
    done = variance("-v", "sync", "--broker", "csv", "--input", export, "--json")

    assert json.loads(done.out)["synced"][0]["meta"]["counts"]["fetched"] == 3
    assert "fetch" in done.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("command", ["sync --broker csv --input", "show"])
def test_a_terminal_that_cannot_show_every_character_is_not_a_failure(export, command, encoding):
    done = subprocess.run(
        [sys.executable, "-m", "variance_bridge", *command.split(), export],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr.count(b"bug")) == (0, 0)
    assert b"3 positions" in done.stdout


def test_a_closed_stdout_is_not_a_failure(export):
    code = subprocess.run(
        [
            "sh",
            "-c",
            '"$0" -m variance_bridge sync --broker csv --input "$1" >&-',
            sys.executable,
            export,
        ],
        check=False,
    ).returncode

    assert code == 0


def test_a_dry_run_writes_nothing_at_all(variance, export, folder):
    before = sorted(folder.rglob("*"))
    done = variance("sync", "--broker", "csv", "--input", export, "--dry-run")

    assert done.code == 0
    assert "not written (dry run)" in done.out
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("name", ["export.csv", "./export.csv", "link.csv"])
def test_the_output_never_takes_the_place_of_the_input(variance, export, folder, name):
    (folder / "link.csv").symlink_to(export)
    before = export.read_bytes()
    done = variance("sync", "--broker", "csv", "--input", export, "--output", name)

    assert (done.code, done.out) == (2, "")
    assert "take the place of the input" in done.err
    assert export.read_bytes() == before


def test_a_folder_that_no_file_system_can_name_is_refused_with_words(variance, export, folder):
    (folder / "mine.toml").write_text('output_dir = "a\\u0000b"\n')
    done = variance("--config", "mine.toml", "sync", "--broker", "csv", "--input", export)

    assert (done.code, "not a name for a file" in done.err) == (6, True)


def test_a_bad_row_is_rejected_reported_and_the_others_are_published(variance, export, folder):
    with export.open("a") as file:
        file.write("XYZ,Stock,many,,,,,52,,,,,,\n")
    done = variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")

    meta = exact_json.loads((folder / "out.json").read_bytes())["meta"]
    assert (done.code, meta["status"], meta["counts"]["rejected"]) == (0, "partial", 1)
    assert 'line 5: row rejected: "many" in Quantity is not a number' in done.err
    assert "many" not in (folder / "out.json").read_text() + done.out


@pytest.mark.parametrize("cell", ["Erika Mustermann", "Mustermann", "12345678", "1234-5678"])
def test_a_bad_cell_that_may_say_whose_it_is_is_not_repeated(variance, export, cell):
    with export.open("a") as file:
        file.write(f"XYZ,Stock,{cell}x,,,,,52,,,,,,\n")
    done = variance("sync", "--broker", "csv", "--input", export)

    assert "line 5: row rejected: the quantity cannot be read (in Quantity)" in done.err
    assert cell not in done.err + done.out


def test_strict_refuses_a_bad_row_and_leaves_the_last_good_file(variance, export, folder):
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")
    good = (folder / "out.json").read_bytes()
    with export.open("a") as file:
        file.write("XYZ,Stock,many,,,,,52,,,,,,\n")
    done = variance(
        "sync", "--broker", "csv", "--input", export, "--output", "out.json", "--strict"
    )

    assert done.code == 6
    assert "1 rejected row" in done.err
    assert (folder / "out.json").read_bytes() == good


def test_validate_names_place_and_rule_and_no_value(variance, export, folder):
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")
    document = exact_json.loads((folder / "out.json").read_bytes())
    document["positions"][2]["cost_basis"] = 301
    document["positions"][0]["strike"] = Decimal("13.5")
    document["meta"]["counts"]["closed"] = 4
    (folder / "bad.json").write_bytes(exact_json.dumps(document))
    done = variance("validate", "out.json", "bad.json")

    assert done.code == 6
    assert done.out.splitlines() == [
        "out.json: valid, 3 positions",
        "bad.json: /meta/counts/fetched: must be normalized + closed + rejected",
        "bad.json: /positions/0/strike: contradicts the symbol",
        "bad.json: /positions/2/cost_basis: must be average_price x quantity x multiplier",
    ]


def test_show_prints_the_table_of_a_document_and_of_an_export_alike(variance, export):
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")
    from_document, from_export = variance("show", "out.json"), variance("show", export)

    assert from_document.code == from_export.code == 0
    assert from_document.out.splitlines()[1:] == from_export.out.splitlines()[1:]
    assert "-280.00" in from_document.out
    assert "\x1b" not in from_document.out


def test_an_old_file_is_refused_with_its_age_and_shown_when_asked(variance, export):
    two_days_ago = time.time() - 2 * 86400
    os.utime(export, (two_days_ago, two_days_ago))
    variance("sync", "--broker", "csv", "--input", export, "--output", "out.json")

    refused = variance("show", "out.json")
    assert refused.code == 7
    assert "[Stale Source File]" in refused.err
    assert "2 d" in refused.err
    assert variance("show", "out.json", "--any-age").code == 0

    export.with_name("wide.toml").write_text(
        '[freshness]\nfresh_for = "3 d"\nreadable_for = "4 d"\n'
    )
    for command in ("show", "triage"):
        wider = variance("--config", "wide.toml", command, "out.json")
        assert (wider.code, wider.err) == (0, "")
        assert "Positions: fresh up to 72 h, readable up to 4 d 0 h" in wider.out


def test_nothing_there_says_what_to_run(variance):
    done = variance()

    assert done.code == 6
    assert "variance sync" in done.err
    assert "variance demo" in done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("sync",), 3, "no broker is chosen"),
        (("sync", "--broker", "cvs"), 3, 'did you mean "csv"?'),
        (("sync", "--broker", "csv", "--input", "missing.csv"), 6, "missing.csv"),
        (("sync", "--broker", "csv", "--set", "dialect"), 2, "KEY=VALUE"),
        (
            ("sync", "--broker", "csv", "--set", "dialct=x", "--input", "x"),
            3,
            'did you mean "dialect"?',
        ),
        (("sync", "--frobnicate"), 2, "No such option"),
        (("shwo",), 2, 'did you mean "show"?'),
        (("validate",), 2, "Missing argument"),
        (("--config", "missing.toml", "brokers"), 3, "missing.toml"),
        (("--config", "missing.toml", "sync"), 3, "missing.toml"),
        (("show", "export"), 6, 'did you mean "export.csv"?'),
        (("sync", "--broker", "csv", "--input", "export.csv", "--quotes", "x"), 3, "no source of"),
        (("--sync", "--demo"), 2, "do not go together"),
        (("schema",), 0, ""),
        (("--version",), 0, ""),
    ],
)
def test_every_mistake_gets_its_exit_code_and_the_next_step(
    variance, export, arguments, code, words
):
    done = variance(*arguments)

    assert (done.code, words in done.err) == (code, True)
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 5


def test_positions_that_no_command_will_read_say_so_when_they_are_saved(variance, export):
    month = time.time() - 30 * 86400 - 60
    os.utime(export, (month, month))

    done = variance("sync", export, "--output", "out.json")

    assert done.code == 0
    assert "30 d 0 h old: show and triage will refuse this without --any-age)" in done.out
    assert variance("show", "out.json").code == 7


@pytest.mark.parametrize("arguments", [("sync", "FILE", "-v"), ("sync", "--verbose", "FILE")])
def test_more_detail_may_be_asked_for_after_the_command_too(variance, export, arguments):
    done = variance(*(export if word == "FILE" else word for word in arguments))
    assert done.code == 0, done.err
    assert "read as variance: UTF-8" in done.err


def test_the_command_of_a_group_takes_verbose_too(variance, export):
    done = variance("csv", "explain", export, "-v")
    assert done.code == 0, done.err
