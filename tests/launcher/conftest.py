"""A miniature of the repository, small enough to be built for real within seconds and offline."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parents[2]

BUILD_BACK_END = """
import pathlib, zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = pathlib.Path("name").read_text()
    wheel = f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory, wheel), "w") as archive:
        info = f"{name}-1.0.dist-info"
        archive.writestr(f"{name}.pth", str(pathlib.Path("src").resolve()))
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: 1.0\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel
"""

COMMAND = """
import json, os, sys
import miniature_plugin, pinned
print(json.dumps({"arguments": sys.argv[1:], "folder": os.getcwd(), "pinned": pinned.VERSION}))
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def make_distribution(folder: Path, name: str, module: str) -> None:
    build_system = (
        '[build-system]\nrequires = []\nbuild-backend = "back_end"\nbackend-path = ["."]\n'
    )
    write(folder / "pyproject.toml", f'{build_system}[project]\nname = "{name}"\nversion = "1.0"\n')
    write(folder / "back_end.py", BUILD_BACK_END)
    write(folder / "name", name)
    write(folder / "src" / module / "__init__.py", "")


def make_pinned_wheel(folder: Path) -> str:
    """Writes the one wheel that the miniature's lock pins; returns the lock's text."""
    folder.mkdir(parents=True)
    wheel = folder / "pinned-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pinned.py", "VERSION = '1.0'\n")
        info = "pinned-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: pinned\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"pinned==1.0 \\\n    --hash=sha256:{digest}\n"


def make_checkout(root: Path, lock: str) -> Path:
    make_distribution(root, "miniature", "variance_bridge")
    write(root / "src" / "variance_bridge" / "__main__.py", COMMAND)
    make_distribution(root / "plugins" / "extra", "miniature_plugin", "miniature_plugin")
    for name in ("requirements.lock", "requirements-dev.lock"):
        write(root / name, lock)
    shutil.copytree(
        REPOSITORY / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("variance", "check"):
        shutil.copy2(REPOSITORY / name, root / name)
    return root


def offline_environment(wheels: Path) -> dict[str, str]:
    """This process's variables, with an index that is a folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "PYTHON", "COV"))
    }
    return kept | {
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": wheels.as_uri(),
        "PIP_CONFIG_FILE": os.devnull,
        "VARIANCE_PYTHON": sys.executable,
    }


def load_script(name: str, root: Path = REPOSITORY):
    specification = importlib.util.spec_from_file_location(
        f"scripts_{name}", root / "scripts" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def load_builder():
    """Loads a checkout's build_environment.py, which builds the checkout that it belongs to."""
    return functools.partial(load_script, "build_environment")


@pytest.fixture
def build_environment(checkout, load_builder):
    return load_builder(checkout)


@pytest.fixture(scope="session")
def lock_requirements():
    return load_script("lock_requirements")


@pytest.fixture(scope="session")
def run_checks():
    return load_script("run_checks")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A miniature without an environment; its lock pins nothing."""
    return make_checkout(tmp_path / "a checkout", "# pins nothing\n")


@dataclass(frozen=True)
class Started:
    """What came of launchers that were started at the same time in a checkout without .venv."""

    checkout: Path
    variables: dict[str, str]
    outcomes: list[subprocess.CompletedProcess[str]]


def start_at_once(root: Path, variables: dict[str, str], count: int) -> Started:
    command = [str(root / "variance"), "--first"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, env=variables, **pipes) for _ in range(count)]
    outcomes = []
    for process in running:
        output, messages = process.communicate(timeout=120)
        outcomes.append(subprocess.CompletedProcess(command, process.returncode, output, messages))
    return Started(root, variables, outcomes)


@pytest.fixture(scope="session")
def started(tmp_path_factory, worker_id) -> Started:
    """A miniature, built once for all workers of a parallel run, by three launchers at once."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if worker_id != "master" else base
    record = shared / "launcher-started.pickle"
    with FileLock(f"{record}.lock"):
        if not record.exists():
            folder = tmp_path_factory.mktemp("Übung mit Leerzeichen")
            lock = make_pinned_wheel(folder / "wheels")
            root = make_checkout(folder / "checkout", lock)
            variables = offline_environment(folder / "wheels")
            record.write_bytes(pickle.dumps(asdict(start_at_once(root, variables, 3))))
    return Started(**pickle.loads(record.read_bytes()))
