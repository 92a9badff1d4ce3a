"""When and how .venv is built again; the installer is replaced by a record of its calls."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMON_INPUTS = ("scripts/build_environment.py", "pyproject.toml", "plugins/extra/pyproject.toml")


class Installer:
    """Takes the place of `run`: notes each step, makes what `venv` would make, fails on demand."""

    def __init__(self):
        self.steps: list[str] = []
        self.fails_at: str | None = None
        self.failure: BaseException | None = None
        self.meanwhile = lambda: None

    def __call__(self, checkout, command, lock_descriptor):
        step = self.name_of(command)
        self.steps.append(step)
        if step == "venv":
            checkout.python.parent.mkdir(parents=True)
            checkout.python.symlink_to(sys.executable)
        if step == self.fails_at:
            raise self.failure
        self.meanwhile()

    @staticmethod
    def name_of(command) -> str:
        if "venv" in command:
            return "venv"
        if "--require-hashes" in command:
            return Path(command[-1]).name
        assert {"--no-index", "--no-deps", "--no-build-isolation"} <= set(command)
        return "editables"

    def taken(self) -> list[str]:
        steps, self.steps = self.steps, []
        return steps


@pytest.fixture
def installer(build_environment, monkeypatch):
    installer = Installer()
    monkeypatch.setattr(build_environment, "run", installer)
    monkeypatch.setattr(build_environment, "can_install", lambda checkout: checkout.python.exists())
    return installer


@pytest.fixture
def build(build_environment, checkout, installer):
    """Runs a build and gives its exit code and the steps that it took."""

    def build(level="runtime", root=checkout):
        inputs = [str(root / name) for name in COMMON_INPUTS]
        code = build_environment.main([str(root), level, *inputs])
        return code, installer.taken()

    return build


FRESH_RUNTIME = ["venv", "requirements.lock", "editables"]
FRESH_DEVELOPMENT = ["venv", "requirements-dev.lock", "editables"]


@pytest.fixture(autouse=True)
def restore_signal_handlers(build_environment):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def test_the_first_build_installs_the_lock_and_the_distributions(build):
    assert build() == (0, FRESH_RUNTIME)


def test_a_current_environment_is_left_alone(build):
    build()
    assert build() == (0, [])


def test_a_changed_lock_is_built_from_scratch(build, checkout):
    build()
    append(checkout / "requirements.lock", "# another pin\n")
    assert build() == (0, FRESH_RUNTIME)


@pytest.mark.parametrize("name", COMMON_INPUTS)
def test_a_changed_pyproject_installs_the_distributions_again_and_downloads_nothing(
    build, checkout, name
):
    build()
    append(checkout / name, "# changed\n")
    assert build() == (0, ["editables"])
    assert build() == (0, [])


def test_a_content_that_changes_with_an_older_time_is_noticed(build, checkout):
    build()
    append(checkout / "requirements.lock", "# unpacked from an archive\n")
    os.utime(checkout / "requirements.lock", (0, 0))
    assert build() == (0, FRESH_RUNTIME)


def test_development_tools_are_added_to_the_environment_that_is_there(build):
    build("runtime")
    assert build("development") == (0, ["requirements-dev.lock", "editables"])
    assert build("runtime") == (0, [])


def test_an_environment_with_development_tools_keeps_them_when_it_is_rebuilt(build, checkout):
    assert build("development") == (0, FRESH_DEVELOPMENT)
    append(checkout / "requirements.lock", "# another pin\n")
    append(checkout / "requirements-dev.lock", "# another pin\n")
    assert build("runtime") == (0, FRESH_DEVELOPMENT)
    assert build("development") == (0, [])


def test_a_moved_checkout_is_built_anew(build, checkout):
    build()
    moved = checkout.rename(checkout.with_name("moved"))
    assert build(root=moved) == (0, FRESH_RUNTIME)


def test_an_environment_whose_python_has_gone_is_built_anew(build, checkout):
    build()
    interpreter = checkout / ".venv" / "bin" / "python"
    interpreter.unlink()
    interpreter.symlink_to("/nonexistent/python3.11")
    assert build() == (0, FRESH_RUNTIME)


@pytest.mark.parametrize("step", FRESH_RUNTIME[:2])
def test_a_build_that_is_interrupted_is_done_again(build, installer, step):
    installer.fails_at, installer.failure = step, KeyboardInterrupt()
    assert build()[0] == 130
    installer.fails_at = None
    assert build() == (0, FRESH_RUNTIME)


def test_a_build_that_is_interrupted_after_the_downloads_continues_there(build, installer):
    installer.fails_at, installer.failure = "editables", KeyboardInterrupt()
    assert build()[0] == 130
    installer.fails_at = None
    assert build() == (0, ["editables"])


def test_an_interrupted_update_leaves_no_environment_that_counts_as_ready(
    build, build_environment, checkout, installer
):
    build()
    original = (checkout / "pyproject.toml").read_text(encoding="utf-8")
    append(checkout / "pyproject.toml", "# changed\n")
    installer.fails_at, installer.failure = "editables", KeyboardInterrupt()
    build()
    installer.fails_at = None
    (checkout / "pyproject.toml").write_text(original, encoding="utf-8")
    assert build() == (0, ["editables"])


def test_a_file_that_changes_during_the_build_is_noticed_by_the_next_run(
    build, checkout, installer
):
    installer.meanwhile = lambda: append(checkout / "requirements.lock", "# changed meanwhile\n")
    build()
    installer.meanwhile = lambda: None
    assert build() == (0, FRESH_RUNTIME)


def test_an_environment_of_another_making_is_set_aside_and_not_deleted(build, checkout):
    precious = checkout / ".venv" / "precious"
    precious.parent.mkdir()
    precious.write_text("work of hours")
    assert build() == (0, FRESH_RUNTIME)
    (aside,) = [path for path in checkout.glob(".venv.*") if path.is_dir()]
    assert (aside / "precious").read_text() == "work of hours"


def test_a_link_in_the_place_of_the_environment_is_set_aside_and_its_target_untouched(
    build, checkout, tmp_path
):
    target = tmp_path / "shared environment"
    (target / "setup").mkdir(parents=True)
    (checkout / ".venv").symlink_to(target)
    assert build() == (0, FRESH_RUNTIME)
    assert (target / "setup").is_dir()
    assert not (checkout / ".venv").is_symlink()


def test_a_failed_installation_exits_with_3_and_is_tried_again(
    build, build_environment, installer, capsys
):
    installer.fails_at = "requirements.lock"
    installer.failure = build_environment.SetupError("the reason")
    assert build()[0] == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "the reason" in captured.err
    installer.fails_at = None
    assert build() == (0, FRESH_RUNTIME)


def test_a_missing_lock_is_an_error_with_its_name(build, checkout, capsys):
    (checkout / "requirements.lock").unlink()
    assert build() == (3, [])
    assert "requirements.lock" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "advice"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: [Errno 13] Permission denied: 'lib'", "may not write"),
        ("WARNING: NewConnectionError\nERROR: No matching distribution found for x", "network"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "report"),
        ("something else", "Run this again"),
    ],
)
def test_a_failure_is_explained_by_its_own_words_and_what_to_do(build_environment, output, advice):
    explained = build_environment.explanation(output)
    assert output.splitlines()[-1] in explained
    assert advice in explained


def test_a_failure_shows_a_dozen_lines_at_most(build_environment):
    output = "\n".join(f"line {number}" for number in range(1000))
    explained = build_environment.explanation(output)
    assert "line 999" in explained
    assert len(explained.splitlines()) <= 13


def test_the_installer_gets_the_index_but_not_the_settings_of_another_installation(
    build_environment,
):
    given = {
        "HOME": "",
        "PATH": "/bin",
        "PIP_CERT": "ca.pem",
        "PIP_INDEX_URL": "file:///index",
        "PIP_TARGET": "/elsewhere",
        "PIP_USER": "1",
        "PIP_CONSTRAINT": "old.txt",
        "PYTHONHOME": "/elsewhere",
        "PYTHONPATH": "/elsewhere",
        "PYTHONWARNINGS": "error",
        "VIRTUAL_ENV": "/elsewhere",
        "https_proxy": "proxy",
    }
    assert build_environment.installer_environment(given) == {
        "PATH": "/bin",
        "PIP_CERT": "ca.pem",
        "PIP_INDEX_URL": "file:///index",
        "https_proxy": "proxy",
    }


def test_a_home_that_is_set_is_kept(build_environment):
    assert build_environment.installer_environment({"HOME": "/h"}) == {"HOME": "/h"}


def test_paths_of_editable_installs_become_relative_and_ascii(build_environment, tmp_path):
    root = tmp_path / "Übung"
    checkout = build_environment.Checkout(root, ())
    packages = root / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "ours.pth").write_text(f"{root / 'src'}\n", encoding="utf-8")
    (packages / "other.pth").write_text("import sys\n", encoding="utf-8")
    build_environment.write_relative_paths(checkout)
    line = (packages / "ours.pth").read_text(encoding="ascii").strip()
    assert (packages / line).resolve() == (root / "src").resolve()
    assert (packages / "other.pth").read_text(encoding="ascii") == "import sys\n"


# Ctrl-C must mean something also where these tests run in the background, with interrupts ignored.
LOAD_SCRIPT = """
import importlib.util, pathlib, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
specification = importlib.util.spec_from_file_location("build_environment", sys.argv[1])
module = importlib.util.module_from_spec(specification)
sys.modules["build_environment"] = module
specification.loader.exec_module(module)
folder = pathlib.Path(sys.argv[2])
"""

HOLD_THE_LOCK = """
with module.build_lock(folder / "lock") as descriptor:
    installer = subprocess.Popen(["cat"], stdout=subprocess.DEVNULL, pass_fds=[descriptor])
    print("held", flush=True)
    installer.wait()
"""

SECONDS_OF_THE_STEP = 60
START_A_STEP = f"""
class Step(subprocess.Popen):
    def communicate(self):
        print("waiting for the step", flush=True)
        return super().communicate()

subprocess.Popen = Step
module.build = lambda checkout, level, descriptor: module.run(
    checkout, ["sh", "-c", "sleep {SECONDS_OF_THE_STEP} >pipe & : >started; wait"], descriptor
)
sys.exit(module.main([str(folder), "runtime"]))
"""


@pytest.fixture
def start(build_environment, tmp_path):
    """Starts a program that has the script loaded as `module`; ends it after the test."""
    started = []

    def start(program):
        command = [sys.executable, "-c", LOAD_SCRIPT + program]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        arguments = [build_environment.__file__, str(tmp_path)]
        started.append(subprocess.Popen([*command, *arguments], **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_killed_builder_keeps_the_lock_until_its_installer_has_ended(start, tmp_path):
    holder = start(HOLD_THE_LOCK)
    assert holder.stdout.readline() == b"held\n"
    holder.kill()
    holder.wait()
    with (tmp_path / "lock").open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        holder.stdin.close()  # the orphaned installer reaches the end of its work
        holder.stdin = None
        fcntl.flock(other, fcntl.LOCK_EX)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_builder_ends_all_that_it_has_started(start, tmp_path, number):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    builder = start(START_A_STEP)
    assert builder.stdout.readline() == b"waiting for the step\n"
    while not (tmp_path / "started").exists():
        assert builder.poll() is None
        time.sleep(0.005)
    builder.send_signal(number)
    _, messages = builder.communicate(timeout=30)
    assert builder.returncode == 130
    assert b"Interrupted" in messages
    os.set_blocking(reader, True)
    ended = time.monotonic()
    assert os.read(reader, 1) == b""  # comes when no process holds the pipe any more
    assert time.monotonic() - ended < SECONDS_OF_THE_STEP / 2
    os.close(reader)
