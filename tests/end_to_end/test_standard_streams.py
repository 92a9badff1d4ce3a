"""Standard input and output as files, and what happens where one of the standard streams is closed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from variance_bridge.document import exact_json

VARIANCE = [sys.executable, "-m", "variance_bridge"]
SYNC = ["sync", "--broker", "csv"]


def call(*arguments, **given):
    return subprocess.run([*VARIANCE, *arguments], capture_output=True, check=False, **given)


def test_the_document_can_go_to_standard_output(variance, export, folder):
    before = sorted(folder.rglob("*"))
    done = variance(*SYNC, "--input", export, "--output", "-")
    assert (done.code, sorted(folder.rglob("*"))) == (0, before)

    variance(*SYNC, "--input", export, "--output", "out.json")
    assert done.out == (folder / "out.json").read_text()


def test_an_error_whose_reader_has_gone_keeps_its_exit_code():
    done = subprocess.run(
        [
            "bash",
            "-c",
            '{ "$@" 2>&1 >/dev/null; echo $? >&3; } 3>&2 | true',
            "bash",
            *VARIANCE,
            "csv",
        ],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.stderr.strip() == "2"


@pytest.mark.parametrize("more", ["--json", "--dry-run", "--all-accounts"])
def test_standard_output_takes_one_thing(variance, export, more):
    assert variance(*SYNC, "--input", export, "--output", "-", more).code == 2


def test_a_redirected_export_is_as_old_as_its_file(export):
    os.utime(export, (1_700_000_000, 1_700_000_000))
    with export.open() as stdin:
        done = call(*SYNC, "--input", "-", "--output", "-", stdin=stdin)

    assert done.returncode == 0, done.stderr
    assert exact_json.loads(done.stdout)["meta"]["fetched_at"] == "2023-11-14T22:13:20Z"
    assert b"a pipe has no time" not in done.stderr


def test_an_export_from_a_pipe_is_read_with_a_warning_about_its_time(export, folder):
    done = call(*SYNC, "--input", "-", "--output", "-", input=export.read_bytes())

    assert len(exact_json.loads(done.stdout)["positions"]) == 3
    assert b"a pipe has no time" in done.stderr
    assert not (folder / "-").exists()
    assert not (folder / ".-.lock").exists()


def test_a_closed_standard_input_holds_no_export(export):
    done = subprocess.run(
        ["sh", "-c", '"$@" <&-', "sh", *VARIANCE, *SYNC, "--input", "-"],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 6
    assert b"standard input is empty" in done.stderr


@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [
        ("<&-", (*SYNC, "--input", "export.csv"), 0),
        ("2>&-", ("-vv", *SYNC, "--input", "export.csv"), 0),
        ("<&- >&- 2>&-", (*SYNC, "--input", "export.csv"), 0),
        ("2>&-", (*SYNC, "--input", "missing.csv"), 6),
        ("2>&-", ("--frobnicate",), 2),
    ],
)
def test_a_closed_standard_stream_changes_no_outcome(export, folder, arguments, code, closed):
    """Daemons and some schedulers start programs so; no file that is opened may take the place of a stream."""
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *VARIANCE, *arguments],
        capture_output=True,
        check=False,
    )
    assert done.returncode == code, done
    if code == 0:
        document = (folder / "positions" / "live_csv.json").read_bytes()
        assert len(exact_json.loads(document)["positions"]) == 3
    else:
        assert done.stdout == b""
