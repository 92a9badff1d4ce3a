"""When and how .venv is built again; the installer is replaced by a record of its calls."""

from __future__ import annotations

import fcntl
import io
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

    def __call__(self, command):
        step = self.name_of(command)
        self.steps.append(step)
        if step == "venv":
            python = Path(command[-1], "bin", "python")
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        if step == self.fails_at:
            raise self.failure
        self.meanwhile()

    @staticmethod
    def name_of(command) -> str:
        if "venv" in command:
            return "venv"
        assert "--no-deps" in command
        if "--require-hashes" in command:
            assert "--only-binary=:all:" in command
            return Path(command[-1]).name
        assert {"--no-index", "--no-build-isolation"} <= set(command)
        return "editables"

    def taken(self) -> list[str]:
        steps, self.steps = self.steps, []
        return steps


@pytest.fixture
def installer():
    return Installer()


@pytest.fixture
def build(checkout, load_builder, installer):
    """Runs a checkout's build and gives its exit code and the steps that it took."""

    def build(lock="requirements.lock", root=checkout):
        script = load_builder(root)
        script.run = installer
        script.can_install = Path(script.PYTHON).exists
        script.SetupError = SetupError
        return script.main(lock), installer.taken()

    return build


class SetupError(Exception):
    """In the place of the script's own, which is another class after each loading."""


FRESH_RUNTIME = ["venv", "requirements.lock", "editables"]
FRESH_DEVELOPMENT = ["venv", "requirements-dev.lock", "editables"]


@pytest.fixture(autouse=True)
def restore_signal_handlers():
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
    build("requirements.lock")
    assert build("requirements-dev.lock") == (0, ["requirements-dev.lock", "editables"])
    assert build("requirements.lock") == (0, [])


def test_an_environment_with_development_tools_keeps_them_when_it_is_rebuilt(build, checkout):
    assert build("requirements-dev.lock") == (0, FRESH_DEVELOPMENT)
    append(checkout / "requirements.lock", "# another pin\n")
    append(checkout / "requirements-dev.lock", "# another pin\n")
    assert build("requirements.lock") == (0, FRESH_DEVELOPMENT)
    assert build("requirements-dev.lock") == (0, [])


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
    build, checkout, installer
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


def test_a_failed_installation_exits_with_3_and_is_tried_again(build, installer, capsys):
    installer.fails_at = "requirements.lock"
    installer.failure = SetupError("the reason")
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
        ("ERROR: No matching distribution found for x==1", "from 3.11 to 3.14: VARIANCE_PYTHON="),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "report"),
        ("error: subprocess-exited-with-error", "correct its pyproject.toml"),
        ("ERROR: Exception:\ntomli.TOMLDecodeError: at line 1", "correct its pyproject.toml"),
        ("something else", "please report these lines"),
    ],
)
def test_a_failure_is_explained_by_its_own_words_and_what_to_do(build_environment, output, advice):
    explained = build_environment.explanation(output)
    assert output.splitlines()[-1] in explained
    assert advice in explained


@pytest.mark.parametrize(
    ("output", "again"),
    [
        ("No space left on device", True),
        ("NewConnectionError", True),
        ("ProxyError('Cannot connect to proxy.')", True),
        ("ERROR: HTTP error 503 while getting x", True),
        ("Permission denied", False),
        ("In --require-hashes mode, all requirements must have their versions pinned", False),
        ("No matching distribution found", False),
        ("subprocess-exited-with-error", False),
        ("something else", False),
    ],
)
def test_a_second_run_is_advised_only_where_it_can_succeed(build_environment, output, again):
    assert ("run this again" in build_environment.explanation(output)) == again


@pytest.mark.parametrize(
    ("output", "culprit"),
    [
        (
            """Collecting pytest-cov==7.1.0
ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:
    coverage[toml]>=7.10.6 from https://index.example/coverage.whl (from pytest-cov==7.1.0)""",
            "coverage[toml]>=7.10.6",
        ),
        (
            """Collecting click==8.5.1
ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE. If you have updated
    click==8.5.1 from https://index.example/click.whl:
        Expected sha256 0000
             Got        1111""",
            "click==8.5.1",
        ),
        (
            """WARNING: Retrying after ReadTimeoutError("host='index.example', port=443"): /simple/click/
ERROR: Could not find a version that satisfies the requirement click==8.5.1 (from versions: none)
ERROR: No matching distribution found for click==8.5.1""",
            "index.example",
        ),
        (
            "  error: subprocess-exited-with-error\n"
            + "      File somewhere\n" * 40
            + """      ValueError: no such field: nmae
      [end of output]
  note: This error originates from a subprocess, and is likely not a problem with pip.
error: metadata-generation-failed
× Encountered error while generating package metadata.
╰─> See above for output.
note: This is an issue with the package mentioned above, not pip.
hint: See above for details.""",
            "nmae",
        ),
    ],
)
def test_a_failure_names_the_culprit(build_environment, output, culprit):
    assert culprit in build_environment.explanation(output)


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


def test_paths_of_editable_installs_become_relative_and_ascii(checkout, load_builder, tmp_path):
    root = checkout.rename(tmp_path / "Übung")
    packages = root / ".venv" / "lib" / "python3.11" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "ours.pth").write_text(f"{root / 'src'}\n", encoding="utf-8")
    (packages / "other.pth").write_text("import sys\n", encoding="utf-8")
    load_builder(root).write_relative_paths()
    line = (packages / "ours.pth").read_text(encoding="ascii").strip()
    assert (packages / line).resolve() == (root / "src").resolve()
    assert (packages / "other.pth").read_text(encoding="ascii") == "import sys\n"


# Ctrl-C must mean something also where these tests run in the background, with interrupts ignored.
LOAD_SCRIPT = """
import importlib.util, signal, subprocess, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
specification = importlib.util.spec_from_file_location("build_environment", sys.argv[1])
module = importlib.util.module_from_spec(specification)
sys.modules["build_environment"] = module
specification.loader.exec_module(module)

class Step(subprocess.Popen):
    waits = False

    def communicate(self, timeout=None):
        if not self.waits:
            print("waiting for the step", flush=True)
        self.waits = True
        return super().communicate(timeout=timeout)

subprocess.Popen = Step
"""

HOLD_THE_LOCK = """
with module.lock_builds():
    module.run(["sh", "-c", ": >started; cat <pipe"])
"""

SECONDS_OF_THE_STEP = 60
START_A_STEP = f"""
module.build = lambda lock: module.run(
    ["sh", "-c", "sleep {SECONDS_OF_THE_STEP} >pipe & : >started; wait"]
)
sys.exit(module.main("requirements.lock"))
"""


@pytest.fixture
def start(build_environment, tmp_path):
    """Starts a program that has the script loaded as `module`; ends it after the test."""
    started = []

    def start(program):
        command = [sys.executable, "-c", LOAD_SCRIPT + program]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        command.append(build_environment.__file__)
        started.append(subprocess.Popen(command, cwd=tmp_path, **pipes))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def wait_for_the_step(builder, tmp_path) -> None:
    assert builder.stdout.readline() == b"waiting for the step\n"
    while not (tmp_path / "started").exists():
        assert builder.poll() is None
        time.sleep(0.005)


def test_a_killed_builder_keeps_the_lock_until_its_installer_has_ended(start, checkout, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    holder = start(HOLD_THE_LOCK)
    wait_for_the_step(holder, tmp_path)
    holder.kill()
    holder.wait()
    with (checkout / ".venv.lock").open() as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (tmp_path / "pipe").write_text("")  # the orphaned installer reaches the end of its work
        fcntl.flock(other, fcntl.LOCK_EX)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_builder_ends_all_that_it_has_started(start, tmp_path, number):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    builder = start(START_A_STEP)
    wait_for_the_step(builder, tmp_path)
    builder.send_signal(number)
    _, messages = builder.communicate(timeout=30)
    assert builder.returncode == 130
    assert b"Interrupted" in messages
    os.set_blocking(reader, True)
    ended = time.monotonic()
    assert os.read(reader, 1) == b""  # comes when no process holds the pipe any more
    assert time.monotonic() - ended < SECONDS_OF_THE_STEP / 2
    os.close(reader)


class Screen(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("screen", "shown"), [(Screen(), "\r\x1b[K  1 s\r\x1b[K"), (io.StringIO(), "")]
)
def test_a_long_step_shows_its_seconds_on_a_terminal_and_nowhere_else(
    build_environment, monkeypatch, screen, shown
):
    class Step:
        waits = 0

        def communicate(self, timeout):
            self.waits += 1
            if self.waits == 1:
                raise subprocess.TimeoutExpired("step", timeout)
            return "said", None

    seconds = iter([10.0, 11.0])
    monkeypatch.setattr(build_environment.time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(build_environment.sys, "stderr", screen)
    assert build_environment.output_of(Step()) == "said"
    assert screen.getvalue() == shown
