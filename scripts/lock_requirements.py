"""Writes requirements.lock, requirements-extras.lock and requirements-dev.lock from every pyproject.toml.

Usage: python scripts/lock_requirements.py [--upgrade]

Needs `uv` on the path (CONTRIBUTING.md says how). Pins that still fit are kept, unless --upgrade
is given. The result holds for Python 3.11 and later on every platform (markers are kept), pins
each file by its hash, and names no index: each machine brings its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

EDITABLE_INSTALL = "editables>=0.5"
"""What hatchling asks for when it installs a checkout; it says so only while it builds."""


def direct_requirements(root: Path, *, development: bool) -> list[str]:
    """What the distributions of this repository ask for by themselves, sorted.

    The build back ends count: environments are built without isolation, from the lock alone.
    Requirements between the repository's own distributions do not: those come from the checkout,
    never from an index. What a distribution that is marked `on_demand` needs is for development
    alone: the command starts without, and says what to install when it is called.
    """
    found = {EDITABLE_INSTALL}
    for document in documents(root):
        found.update(document["build-system"]["requires"])
        if development or not is_on_demand(document):
            found.update(document["project"].get("dependencies", []))
        if development:
            for group in document.get("dependency-groups", {}).values():
                found.update(group)
    return foreign(root, found)


def on_demand_requirements(root: Path) -> list[str]:
    """What the distributions that are marked `on_demand` need, and the core's extra `parquet`."""
    found: set[str] = set()
    for document in documents(root):
        if is_on_demand(document):
            found.update(document["project"]["dependencies"])
        found.update(document["project"].get("optional-dependencies", {}).get("parquet", []))
    return foreign(root, found)


def documents(root: Path) -> list[dict[str, Any]]:
    """Every pyproject.toml, the core's first."""
    files = [root / "pyproject.toml", *sorted(root.glob("plugins/*/pyproject.toml"))]
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]


def is_on_demand(document: dict[str, Any]) -> bool:
    """Whether `./variance` starts without what the distribution needs."""
    return bool(document.get("tool", {}).get("variance-bridge", {}).get("on_demand"))


def foreign(root: Path, requirements: set[str]) -> list[str]:
    """Those that an index has to bring, sorted."""
    own = {distribution_name(document["project"]["name"]) for document in documents(root)}
    return sorted(line for line in requirements if distribution_name(line) not in own)


def distribution_name(requirement: str) -> str:
    """The normalized name at the start of a requirement (PyPA name normalization)."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    if name is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def write_lock(root: Path, lock: str, requirements: list[str], options: list[str]) -> None:
    """Resolves the requirements with uv and writes the lock file."""
    command = ["uv", "pip", "compile", "-", "--output-file", lock, *options]
    command += ["--universal", "--python-version=3.11", "--generate-hashes", "--only-binary=:all:"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate", "--quiet"]
    command += ["--custom-compile-command=python scripts/lock_requirements.py"]
    subprocess.run(command, cwd=root, input="\n".join(requirements), encoding="utf-8", check=True)


def main() -> None:
    """Writes the lock files; each takes every pin of the one before."""
    options = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    runtime = direct_requirements(ROOT, development=False)
    development = direct_requirements(ROOT, development=True)
    write_lock(ROOT, "requirements.lock", runtime, options)
    pins = ["--constraint=requirements.lock"]
    write_lock(ROOT, "requirements-dev.lock", development, options + pins)
    pins = ["--constraint=requirements-dev.lock"]
    write_lock(ROOT, "requirements-extras.lock", on_demand_requirements(ROOT), options + pins)


if __name__ == "__main__":
    main()
