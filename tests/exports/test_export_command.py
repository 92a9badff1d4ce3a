"""`variance export`: what it writes, where, and what it never replaces."""

from __future__ import annotations

import csv
import io
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.document import exact_json

EXAMPLE = Path(__file__).parents[2] / "schemas" / "examples" / "full.json"


@pytest.fixture
def document(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    value = exact_json.loads(EXAMPLE.read_bytes())
    value["meta"]["fetched_at"] = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    file = tmp_path / "live_acme.json"
    file.write_bytes(exact_json.dumps(value))
    return file


def test_csv_goes_to_stdout_and_warnings_do_not(document, capsys):
    assert run(["export", str(document), "--format", "csv"]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))

    assert len(rows) == len(exact_json.loads(document.read_bytes())["positions"])
    assert "partial" in err


def test_several_files_are_one_table(document, tmp_path, capsys):
    other = tmp_path / "live_globex.json"
    other.write_bytes(
        document.read_bytes().replace(b'"acme"', b'"globex"').replace(b"0f1e2d", b"aaaaaa")
    )
    assert run(["export", str(document), str(other), "--format", "csv"]) == 0
    out, err = capsys.readouterr()

    assert {row["source"] for row in csv.DictReader(io.StringIO(out))} == {"acme", "globex"}
    assert err.count("partial") == 2


def test_a_file_is_not_replaced_by_its_own_export(document, tmp_path, capsys):
    before = document.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(document)
    for output in (str(document), "live_acme.json", str(link)):
        command = ["export", str(document), "--format", "csv", "--output", output, "--force"]
        assert run(command) == 2
    assert document.read_bytes() == before
    assert "another `--output`" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_keeps_the_export_from_being_written(document, tmp_path):
    command = ["export", str(document), "missing.json", "--format", "csv", "--output", "x.csv"]

    assert run(command) == 6
    assert not (tmp_path / "x.csv").exists()
    assert run([*command, "--partial"]) == 0
    assert (tmp_path / "x.csv").exists()


def test_a_target_that_exists_is_kept_unless_forced(document, tmp_path, capsys):
    target = tmp_path / "positions.csv"
    target.write_text("mine")
    command = ["export", str(document), "--format", "csv", "--output", str(target)]

    assert run(command) == 6
    assert target.read_text() == "mine"
    assert "--force" in capsys.readouterr().err

    assert run([*command, "--force"]) == 0
    assert target.read_text().startswith("source,")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_dash_is_standard_output(document, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    command = ["export", str(document), "--format", "csv"]

    assert run([*command, "--output", "-"]) == run(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]
    assert lines[0].startswith("source,")
    assert sorted(tmp_path.iterdir()) == before


def test_a_link_in_the_place_of_the_target_is_kept_too(document, tmp_path):
    target = tmp_path / "positions.csv"
    target.symlink_to(tmp_path / "nowhere")

    assert run(["export", str(document), "--format", "csv", "--output", str(target)]) == 6
    assert target.is_symlink()


def test_a_folder_that_is_not_there_is_an_error_of_one_line(document, capsys):
    assert run(["export", str(document), "--format", "csv", "--output", "none/x.csv"]) == 6
    assert "cannot be written" in capsys.readouterr().err


def test_a_format_that_needs_a_library_says_what_to_install(document, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    assert run(["export", str(document), "--format", "parquet"]) == 3
    assert "variance-bridge[parquet]" in capsys.readouterr().err


def test_a_parquet_file_is_written(document, tmp_path):
    pytest.importorskip("pyarrow")
    target = tmp_path / "positions.parquet"

    assert run(["export", str(document), "--format", "parquet", "--output", str(target)]) == 0
    assert target.read_bytes()[:4] == target.read_bytes()[-4:] == b"PAR1"


def test_an_unknown_format_names_the_nearest(document, capsys):
    assert run(["export", str(document), "--format", "beancont"]) == 3
    assert 'did you mean "beancount"?' in capsys.readouterr().err


def test_positions_that_are_too_old_are_exported_only_on_request(document):
    assert run(["export", str(EXAMPLE), "--format", "csv"]) == 7
    assert run(["export", str(EXAMPLE), "--format", "csv", "--any-age"]) == 0
