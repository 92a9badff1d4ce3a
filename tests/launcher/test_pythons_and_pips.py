"""The environment is built on each supported Python, by the oldest and the newest pip that it may have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PYENV = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")  # before a test moves HOME

# From the pip of Python 3.11.0 to the newest. The development lock holds the runtime lock, but takes
# three times as long.
BUILDS = (
    ("3.11", "==22.3", "requirements-dev.lock"),
    ("3.11", "==23.0.1", "requirements.lock"),
    ("3.11", "", "requirements.lock"),
    ("3.12", "==23.2.1", "requirements.lock"),
    ("3.13", "", "requirements.lock"),
    ("3.14", "", "requirements.lock"),
)

BUILD_WITH_ANOTHER_PIP = """
import sys
sys.path.insert(0, "scripts")
import build_environment as script

create = script.create
def create_and_replace_pip():
    create()
    script.pip_install("--upgrade", "pip" + sys.argv[2])

script.create = create_and_replace_pip
sys.exit(script.main(sys.argv[1]))
"""


def interpreter(version: str) -> str:
    """A Python of that version that can make virtual environments."""
    name = f"python{version}"
    installed = [shutil.which(name), f"/usr/bin/{name}", *PYENV.glob(f"versions/*/bin/{name}")]
    for candidate in filter(None, installed):
        try:
            probe = [str(candidate), "-I", "-c", "import ensurepip, venv"]
            subprocess.run(probe, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return str(candidate)
    pytest.skip(f"this machine has no Python {version}")


@pytest.fixture
def clone(tmp_path) -> Path:
    clone = tmp_path / "clone"
    subprocess.run(
        ["git", "clone", "--quiet", "--no-hardlinks", str(REPOSITORY), str(clone)], check=True
    )
    return clone


@pytest.fixture
def variables(tmp_path_factory, worker_id) -> dict[str, str]:
    """A machine without anything, but for what these tests have downloaded before."""
    base = tmp_path_factory.getbasetemp()
    cache = (base if worker_id == "master" else base.parent) / "pip-cache"
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COV", "PYTEST", "PYTHON"))
    }
    return kept | {"PIP_CACHE_DIR": str(cache), "VARIANCE_PYTHON": sys.executable}


def run(command, clone, variables) -> subprocess.CompletedProcess:
    outcome = subprocess.run(
        command, cwd=clone, env=variables, capture_output=True, text=True, check=False, timeout=900
    )
    assert outcome.returncode == 0, outcome.stderr
    return outcome


def assert_complete(clone, variables) -> None:
    """Every requirement of what is installed is met, but for what extras bring; the launcher asks for nothing more."""
    command = [".venv/bin/python", "-I", "-m", "pip", "check"]
    checked = subprocess.run(
        command, cwd=clone, env=variables, capture_output=True, text=True, check=False, timeout=900
    )
    missing = re.findall(r"requires ([\w.-]+), which is not installed", checked.stdout)
    pinned = (clone / "requirements-extras.lock").read_text(encoding="utf-8")
    assert set(missing) <= set(re.findall(r"^([\w.-]+)==", pinned, re.MULTILINE)), checked.stdout
    assert len(missing) == (len(checked.stdout.splitlines()) if checked.returncode else 0)
    launched = run(["./variance", "--version"], clone, variables)
    assert launched.stdout.startswith("variance-bridge ")
    assert launched.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize(("python", "pip", "lock"), BUILDS)
def test_the_lock_is_installed_by_any_pip(clone, variables, python, pip, lock):
    command = [interpreter(python), "-I", "-c", BUILD_WITH_ANOTHER_PIP, lock, pip]
    run(command, clone, variables)
    installed = run([".venv/bin/python", "-I", "-m", "pip", "--version"], clone, variables).stdout
    assert installed.startswith(f"pip {pip.removeprefix('==')}")
    assert f"(python {python})" in installed
    assert_complete(clone, variables)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="the system has no Python")
def test_the_systems_own_python_will_do(clone, variables):
    probe = "import ensurepip, sys; sys.exit(sys.version_info < (3, 11))"
    if subprocess.run(["/usr/bin/python3", "-I", "-c", probe], check=False).returncode:
        pytest.skip("the system's Python is too old, or has no ensurepip")
    variables["VARIANCE_PYTHON"] = "/usr/bin/python3"
    run(["./variance", "--version"], clone, variables)
    assert_complete(clone, variables)
