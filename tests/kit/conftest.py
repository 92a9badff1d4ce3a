"""Projects of brokers, made from the template, and runs of their tests as their authors would run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest

from variance_bridge.scaffold import write_project
from variance_bridge.testing import BrokerConformance
from variance_bridge.testing.case_decorator import case_id

REAL_HOST = "api.globex.example.com"
"""For tests: a name that does not end in a reserved top-level name, and that nobody can register (RFC 2606)."""


@attrs.frozen
class Results:
    """What became of the conformance cases in one run of pytest."""

    code: int
    output: str
    cases: dict

    def of(self, project: Path) -> dict[str, str]:
        """The worst outcome of each case in one project."""
        found: dict[str, str] = {}
        for identifier, case in self.cases.items():
            for test in case["tests"]:
                if f"{project.name}/" in test["test"]:
                    outcomes = {found.get(identifier, "passed"), test["outcome"]}
                    found[identifier] = "failed" if "failed" in outcomes else test["outcome"]
        return found

    def message(self, project: Path, identifier: str) -> str:
        """What the failures of a case say."""
        tests = self.cases[identifier]["tests"]
        return "\n".join(t["message"] for t in tests if f"{project.name}/" in t["test"])


def run_pytest(projects: Sequence[Path], *what: object) -> Results:
    """Run tests of projects in one process, from the folder above them.

    Args:
        projects: their code can be imported.
        what: folders, or nodes as pytest names them.
    """
    above = projects[0].parent
    report = above / "report.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--assert=plain", "--import-mode=importlib"),
            *("-p", "variance_bridge", "-p", "no:cacheprovider"),
            *(f"--rootdir={above}", f"--conformance-report={report}", *map(str, what)),
        ],
        cwd=above,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(p / "src") for p in projects)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.is_file(), done.stdout + done.stderr
    return Results(done.returncode, done.stdout + done.stderr, json.loads(report.read_text()))


def node(project: Path, identifier: str) -> str:
    """A case of a project, as pytest names it."""
    tests = {case_id(getattr(BrokerConformance, name)): name for name in dir(BrokerConformance)}
    words = "".join(word.capitalize() for word in project.name.split("_"))
    return f"{project / 'tests' / 'test_conformance.py'}::Test{words}::{tests[identifier]}"


def finished_project(name: str, folder: Path) -> Path:
    """A project whose author has done all that there was to do: a host of its own, recordings of its own."""
    write_project(name, folder)
    for file in folder.rglob("*"):
        if file.suffix in {".py", ".json", ".md"}:
            text = file.read_text().replace(f"api.{name.replace('_', '-')}.example", REAL_HOST)
            file.write_text(text.replace('  "template": true,\n', ""))
    return folder


def install(project: Path, site: Path) -> Path:
    """Install a project as `pip install --no-deps` does: its wheel is built, and unpacked into a folder."""
    wheels = site.parent / f"{site.name}-wheels"
    code = f"import hatchling.build as b; b.build_wheel({str(wheels)!r})"
    wheels.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", code], cwd=project, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def command(*arguments: object, site: Path, cwd: Path) -> subprocess.CompletedProcess:
    """`variance ARGUMENTS` in an environment in which `site` is installed."""
    return subprocess.run(
        [sys.executable, "-m", "variance_bridge", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def workshop():
    """`workshop.project(name, folder)` makes a finished project, `workshop.run(projects)` runs its cases."""
    return SimpleNamespace(
        project=finished_project,
        run=run_pytest,
        node=node,
        host=REAL_HOST,
        install=install,
        command=command,
    )
