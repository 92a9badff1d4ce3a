"""`variance plugin new`: a complete project, whose tests run at once and are red only where there is work to do."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from variance_bridge.cli.error_report import run
from variance_bridge.errors import UsageError
from variance_bridge.scaffold import check_name, replaced, write_project


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A project as it was written."""
    above = tmp_path_factory.mktemp("fresh")
    project = above / "project"
    assert run(["plugin", "new", "initech_one", "--folder", str(project)]) == 0
    return project


@pytest.mark.slow
def test_the_tests_of_a_new_project_are_red_only_where_there_is_work_to_do(
    fresh, workshop, tmp_path
):
    site = workshop.install(fresh, tmp_path / "site")
    done = workshop.command("plugin", "check", "initech_one", "--json", site=site, cwd=fresh)
    report = json.loads(done.stdout)

    open_cases = {case: r for rule in report["missing"] for case, r in rule["cases"].items()}
    assert open_cases == {"REC-01": "failed", "DECL-05": "failed"}
    assert (report["tier"], report["next"]) == (None, "bronze")
    assert done.returncode == 3


def test_the_commands_of_a_new_project_need_no_newer_pip_than_python_brings(fresh):
    commands = [(fresh / name).read_text() for name in ("README.md", ".github/workflows/ci.yml")]
    assert all("--group" not in text and "'.[dev]'" in text for text in commands)
    table = tomllib.loads((fresh / "pyproject.toml").read_text())["project"]
    assert any("variance-bridge[testing]" in one for one in table["optional-dependencies"]["dev"])


def test_a_new_project_has_everything_that_a_plugin_needs(fresh):
    files = {str(file.relative_to(fresh)) for file in fresh.rglob("*") if file.is_file()}
    assert {
        ".github/workflows/ci.yml",
        ".gitignore",
        "README.md",
        "pyproject.toml",
        "src/variance_bridge_initech_one/broker.py",
        "src/variance_bridge_initech_one/plugin.py",
        "src/variance_bridge_initech_one/positions.py",
        "src/variance_bridge_initech_one/py.typed",
        "tests/recordings/nothing.json",
        "tests/recordings/positions.json",
        "tests/test_conformance.py",
    } <= files


def test_a_new_project_declares_its_entry_point_and_knows_no_other_name(fresh):
    table = tomllib.loads((fresh / "pyproject.toml").read_text())["project"]
    assert table["name"] == "variance-bridge-initech-one"
    assert table["entry-points"]["variance_bridge"] == {
        "initech_one": "variance_bridge_initech_one.plugin"
    }
    for file in fresh.rglob("*"):
        if file.is_file() and file.suffix != ".pyc" and "__pycache__" not in file.parts:
            assert "acme" not in file.read_text().casefold(), file


def test_the_code_of_a_new_project_is_as_tidy_as_ours(fresh):
    for arguments in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *arguments, "--no-cache", str(fresh)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_code_of_a_new_project_passes_the_strictest_type_check(fresh):
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=fresh, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_nothing_is_written_where_something_is(tmp_path, capsys):
    (tmp_path / "letter").write_text("to keep")

    assert run(["plugin", "new", "globex", "--folder", str(tmp_path)]) == 2
    assert "there is something already; nothing was written" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["letter"]


def test_a_file_in_the_place_of_the_folder_is_not_overwritten(tmp_path):
    file = tmp_path / "project"
    file.write_text("to keep")

    with pytest.raises(UsageError, match="there is something already"):
        write_project("globex", file)
    assert file.read_text() == "to keep"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Globex",
        "1globex",
        "glo-bex",
        "glo bex",
        "../globex",
        "globex_",
        "a__b",
        "x" * 33,
        "glöbex",
    ],
)
def test_a_name_that_no_broker_can_have_is_refused(name, tmp_path):
    with pytest.raises(UsageError, match="that is not a valid name for a broker"):
        write_project(name, tmp_path / "project")
    assert not (tmp_path / "project").exists()


@pytest.mark.parametrize("name", ["class", "import", "none", "all", "acme"])
def test_a_name_that_means_something_else_is_refused(name):
    with pytest.raises(UsageError, match="is reserved"):
        check_name(name)


def test_the_name_of_an_installed_broker_is_refused(tmp_path, capsys):
    assert run(["plugin", "new", "csv", "--folder", str(tmp_path / "project")]) == 2
    assert "a broker named `csv` is installed already" in capsys.readouterr().err


def test_without_a_folder_the_project_is_named_for_its_distribution(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert run(["plugin", "new", "interactive_brokers"]) == 0
    assert (tmp_path / "variance-bridge-interactive-brokers" / "pyproject.toml").is_file()
    assert (
        "Next: cd variance-bridge-interactive-brokers, and go on as its README.md says"
        in capsys.readouterr().err
    )


def test_each_spelling_of_the_placeholder_becomes_the_same_spelling_of_the_name():
    text = "variance-bridge-acme variance_bridge_acme AcmeBroker ACME_TOKEN api.acme.example"

    assert replaced(text, "two_words") == (
        "variance-bridge-two-words variance_bridge_two_words TwoWordsBroker TWO_WORDS_TOKEN"
        " api.two-words.example"
    )
