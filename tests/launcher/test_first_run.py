"""Two commands on a fresh machine: real builds, of a miniature offline and of the repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def run_launcher(command, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=900, **options
    )


pytestmark = pytest.mark.slow


def answer(outcome: subprocess.CompletedProcess) -> dict:
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def test_first_runs_at_the_same_time_build_once_and_all_succeed(started):
    for outcome in started.outcomes:
        assert answer(outcome)["arguments"] == ["--first"]
    messages = "".join(outcome.stderr for outcome in started.outcomes)
    assert messages.count("Creating .venv with Python") == 1
    assert messages.count("Ready after") == 1
    assert messages.count("Waiting for another run") == 2


def test_the_command_runs_with_what_the_lock_pins(started):
    assert answer(started.outcomes[0])["pinned"] == "1.0"


def test_a_later_run_says_nothing_of_its_own(started):
    outcome = run_launcher([str(started.checkout / "variance")], env=started.variables)
    assert answer(outcome)["arguments"] == []
    assert outcome.stderr == ""


def test_the_working_folder_and_the_arguments_are_the_users(started, tmp_path):
    arguments = ["a b", "", "*", "-x", "ü"]
    launcher = str(started.checkout / "variance")
    outcome = run_launcher([launcher, *arguments], env=started.variables, cwd=tmp_path)
    assert answer(outcome) == {"arguments": arguments, "folder": str(tmp_path), "pinned": "1.0"}


def test_a_chain_of_links_leads_to_the_checkout(started, tmp_path):
    absolute = tmp_path / "bin" / "absolute"
    absolute.parent.mkdir()
    absolute.symlink_to(started.checkout / "variance")
    relative = tmp_path / "my variance"
    relative.symlink_to("bin/absolute")
    outcome = run_launcher(["./my variance"], env=started.variables, cwd=tmp_path)
    assert answer(outcome)["folder"] == str(tmp_path)
    assert outcome.stderr == ""


def test_the_launcher_is_found_on_the_path(started, tmp_path):
    (tmp_path / "variance").symlink_to(started.checkout / "variance")
    variables = started.variables | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert answer(run_launcher(["sh", "-c", "variance x"], env=variables))["arguments"] == ["x"]


def test_the_settings_of_another_python_do_not_reach_the_command(started, tmp_path):
    (tmp_path / "pinned.py").write_text("VERSION = 'shadowed'\n")
    (tmp_path / "json.py").write_text("raise ImportError\n")
    hostile = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": "/nonexistent",
        "VIRTUAL_ENV": "/nonexistent",
        "CDPATH": "/",
        "IFS": "/",
    }
    launcher = str(started.checkout / "variance")
    outcome = run_launcher([launcher], env=started.variables | hostile, cwd=tmp_path)
    assert answer(outcome)["pinned"] == "1.0"


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_the_path_may_hold_any_letter_in_any_locale(started, locale):
    variables = started.variables | {"LC_ALL": locale}
    assert "Ü" in str(started.checkout)
    answer(run_launcher([str(started.checkout / "variance")], env=variables))


@pytest.mark.parametrize("home", [None, "", "/nonexistent"])
def test_no_home_is_needed(started, home):
    variables = {name: value for name, value in started.variables.items() if name != "HOME"}
    if home is not None:
        variables["HOME"] = home
    answer(run_launcher([str(started.checkout / "variance")], env=variables))


@pytest.mark.slow
def test_a_download_that_is_not_the_pinned_file_is_refused(checkout, started):
    lock = (started.checkout / "requirements.lock").read_text()
    digest = lock.rpartition("sha256:")[2].strip()
    (checkout / "requirements.lock").write_text(lock.replace(digest, "0" * 64))
    outcome = run_launcher([str(checkout / "variance")], env=started.variables)
    assert outcome.returncode == 3
    assert outcome.stdout == ""
    assert "DO NOT MATCH THE HASHES" in outcome.stderr
    assert "report it" in outcome.stderr


@pytest.mark.slow
@pytest.mark.parametrize("home", ["empty", None])
def test_a_fresh_clone_runs_with_nothing_but_git_and_python(tmp_path, home):
    clone = tmp_path / "Variance Bridge ü"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(clone)], check=True
    )
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV", "PYTEST", "PYTHON")) and name != "HOME"
    }
    variables["VARIANCE_PYTHON"] = sys.executable
    if home:
        (tmp_path / home).mkdir()
        variables["HOME"] = str(tmp_path / home)
    first, second = (
        run_launcher([str(clone / "variance"), "--version"], env=variables, umask=0o077)
        for _ in range(2)
    )
    assert first.returncode == 0, first.stderr
    assert "Creating .venv with Python" in first.stderr
    assert second.returncode == 0, second.stderr
    assert second.stderr == ""
    assert first.stdout == second.stdout
    assert "variance" in first.stdout.lower()
    status = subprocess.run(
        ["git", "-C", str(clone), "status", "--porcelain"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert status.stdout == ""
