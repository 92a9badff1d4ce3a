"""The shell part of ./variance: when it calls the builder, what it says, what it costs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

INPUTS = ("scripts/build_environment.py", "pyproject.toml", "plugins/extra/pyproject.toml")


@pytest.fixture
def ready_checkout(checkout, build_environment) -> Path:
    """A miniature with a ready environment whose Python only tells how it was called."""
    stamp_without_installing(build_environment, "requirements.lock")
    make_executable(checkout / ".venv" / "bin" / "python", 'printf "%s\\n" "$@"\n')
    return checkout


def stamp_without_installing(build_environment, lock) -> None:
    build_environment.run = lambda command: None
    build_environment.build(lock)


@pytest.fixture
def builder(tmp_path) -> Path:
    """A Python that tells of the builder's call on stderr and then fails."""
    script = 'case "$*" in *build_environment.py*) echo "BUILDER CALLED" >&2; exit 3 ;; esac\n'
    return make_executable(tmp_path / "fake python", script)


def make_executable(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}", encoding="utf-8")
    path.chmod(0o755)
    return path


def launch(checkout, *arguments, **variables) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(checkout / "variance"), *arguments],
        env=dict(os.environ) | {name: str(value) for name, value in variables.items()},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def assert_builds(checkout, builder) -> None:
    outcome = launch(checkout, VARIANCE_PYTHON=builder)
    assert outcome.returncode == 3
    assert outcome.stdout == ""
    assert outcome.stderr == "BUILDER CALLED\n"


def assert_runs(checkout, builder) -> None:
    outcome = launch(checkout, "show", VARIANCE_PYTHON=builder)
    assert outcome.stdout.splitlines() == ["-P", "-m", "variance_bridge", "show"]
    assert (outcome.returncode, outcome.stderr) == (0, "")


def test_a_ready_environment_runs_the_command_at_once(ready_checkout, builder):
    assert_runs(ready_checkout, builder)


def test_the_exit_code_is_the_commands(ready_checkout):
    make_executable(ready_checkout / ".venv" / "bin" / "python", "exit 7\n")
    assert launch(ready_checkout).returncode == 7


def test_a_checkout_without_environment_is_built(checkout, builder):
    assert_builds(checkout, builder)


@pytest.mark.parametrize("name", [*INPUTS, "requirements.lock"])
def test_a_changed_content_builds_whatever_its_time(ready_checkout, builder, name):
    path = ready_checkout / name
    path.write_text(path.read_text() + "# changed\n")
    os.utime(path, (0, 0))
    assert_builds(ready_checkout, builder)


@pytest.mark.parametrize("name", [*INPUTS, "requirements.lock"])
def test_a_new_time_without_a_new_content_builds_nothing(ready_checkout, builder, name):
    os.utime(ready_checkout / name, (2**31, 2**31))
    assert_runs(ready_checkout, builder)


def test_the_development_lock_does_not_concern_the_command(ready_checkout, builder):
    (ready_checkout / "requirements-dev.lock").write_text("# changed\n")
    assert_runs(ready_checkout, builder)


def test_a_new_plugin_in_the_checkout_builds(ready_checkout, builder):
    shutil.copytree(ready_checkout / "plugins" / "extra", ready_checkout / "plugins" / "more")
    assert_builds(ready_checkout, builder)


def test_a_removed_lock_builds(ready_checkout, builder):
    (ready_checkout / "requirements.lock").unlink()
    assert_builds(ready_checkout, builder)


def test_a_moved_checkout_builds(ready_checkout, builder):
    assert_builds(ready_checkout.rename(ready_checkout.with_name("moved")), builder)


def test_an_environment_whose_python_has_gone_builds(ready_checkout, builder):
    interpreter = ready_checkout / ".venv" / "bin" / "python"
    interpreter.unlink()
    interpreter.symlink_to("/nonexistent/python3.11")
    assert_builds(ready_checkout, builder)


@pytest.mark.parametrize("missing", ["cmp", None])
def test_a_system_without_cmp_compares_anyway(ready_checkout, builder, tmp_path, missing):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in {"cat", "cmp", "sh", "readlink"} - {missing}:
        (tools / tool).symlink_to(shutil.which(tool))
    outcome = launch(ready_checkout, "show", PATH=tools, VARIANCE_PYTHON=builder)
    assert outcome.stdout.splitlines() == ["-P", "-m", "variance_bridge", "show"]
    (ready_checkout / "requirements.lock").write_text("# changed\n")
    outcome = launch(ready_checkout, "show", PATH=tools, VARIANCE_PYTHON=builder)
    assert outcome.stderr == "BUILDER CALLED\n"


def test_no_python_is_said_with_what_to_do(checkout, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("cat", "cmp", "readlink", "sh"):
        (tools / tool).symlink_to(shutil.which(tool))
    outcome = launch(checkout, PATH=tools, VARIANCE_PYTHON="")
    assert outcome.returncode == 3
    assert outcome.stdout == ""
    assert "Python 3.11 or newer is needed" in outcome.stderr
    assert "VARIANCE_PYTHON=" in outcome.stderr


def test_a_python_that_is_too_old_is_skipped_for_a_newer_one(checkout, tmp_path, builder):
    tools = tmp_path / "tools"
    make_executable(tools / "python3", "exit 1\n")
    (tools / "python3.12").symlink_to(builder)
    outcome = launch(checkout, PATH=f"{tools}:/usr/bin:/bin", VARIANCE_PYTHON="")
    assert outcome.stderr == "BUILDER CALLED\n"


def test_a_python_that_was_asked_for_is_not_replaced_by_another(checkout, tmp_path):
    outcome = launch(checkout, VARIANCE_PYTHON=tmp_path / "nowhere")
    assert outcome.returncode == 3
    assert f"tried: {tmp_path / 'nowhere'}" in outcome.stderr


def test_a_python_without_ensurepip_is_said_with_the_package_to_install(checkout, tmp_path):
    lean = make_executable(tmp_path / "lean", 'case "$*" in *ensurepip*) exit 1 ;; esac\n')
    outcome = launch(checkout, VARIANCE_PYTHON=lean)
    assert outcome.returncode == 3
    assert f"{lean} cannot make virtual environments" in outcome.stderr
    assert "apt install python3-venv" in outcome.stderr


def test_a_later_run_adds_less_than_20_ms_to_the_command(ready_checkout):
    python = str(ready_checkout / ".venv" / "bin" / "python")
    make_executable(Path(python), "exit 0\n")
    direct, launched = [python, "-P", "-m", "variance_bridge"], [str(ready_checkout / "variance")]

    def seconds(command):
        started = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - started

    pairs = [(seconds(launched), seconds(direct)) for _ in range(60)]
    # A busy machine only ever adds time, so the quickest of each tells what the work costs.
    quickest_launched, quickest_direct = map(min, zip(*pairs, strict=True))
    assert quickest_launched - quickest_direct < 0.020


@pytest.mark.parametrize("name", ["variance", "check", ".ci/run", "scripts/environment.sh"])
def test_the_shell_scripts_are_valid_for_the_systems_shell(name):
    repository = Path(__file__).resolve().parents[2]
    subprocess.run(["sh", "-n", str(repository / name)], check=True)
    if name != "scripts/environment.sh":
        assert os.access(repository / name, os.X_OK)


def test_check_runs_its_steps_in_the_checkout_with_the_development_tools(
    ready_checkout, build_environment, tmp_path
):
    stamp_without_installing(build_environment, "requirements-dev.lock")
    python = ready_checkout / ".venv" / "bin" / "python"
    make_executable(python, 'pwd; printf "%s\\n" "$@"\n')
    link = tmp_path / "linked check"
    link.symlink_to(ready_checkout / "check")
    outcome = subprocess.run(
        [str(link), "lint"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = [str(ready_checkout), "-P", "scripts/run_checks.py", "lint"]
    assert outcome.stdout.splitlines() == expected


def test_check_builds_when_only_the_runtime_is_there(ready_checkout, builder):
    outcome = subprocess.run(
        [str(ready_checkout / "check")],
        env=dict(os.environ) | {"VARIANCE_PYTHON": str(builder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (outcome.returncode, outcome.stderr) == (3, "BUILDER CALLED\n")


def test_check_explains_itself_without_building(checkout):
    outcome = subprocess.run(
        [str(checkout / "check"), "--help"], capture_output=True, text=True, check=True
    )
    assert "usage:" in outcome.stdout
    assert outcome.stderr == ""
    assert not (checkout / ".venv").exists()


def test_another_users_python_is_named_where_nothing_can_be_built(ready_checkout):
    python = ready_checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/somebody/else/bin/python3")
    (ready_checkout / ".venv" / "pyvenv.cfg").write_text("home = /somebody/else/bin\n")
    script = '. scripts/environment.sh; may_build() { false; }; run_in_environment "$PWD" requirements.lock -m x'
    outcome = subprocess.run(
        ["sh", "-c", script], cwd=ready_checkout, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 3
    assert "may not run, in /somebody/else/bin\n" in outcome.stderr
    assert "VARIANCE_PYTHON=" in outcome.stderr
    assert "lock" not in outcome.stderr
