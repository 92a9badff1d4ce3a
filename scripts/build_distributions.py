"""Builds wheels and sdists of every distribution into dist/, and checks them as a stranger would meet them.

Usage: python scripts/build_distributions.py [FOLDER]

Called by `./check dist`. The wheels are installed into an empty folder, without an index, and the command is run from
there: the demo too. What they depend on comes from this environment.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECTS = (ROOT, *(file.parent for file in sorted(ROOT.glob("plugins/*/pyproject.toml"))))
BUILT_AT = "1767225600"
"""SOURCE_DATE_EPOCH: the same sources give the same bytes."""

SMOKE = (("--version",), ("schema",), ("brokers",), ("demo",))


def main(arguments: list[str]) -> int:
    """Builds and checks; returns the exit code."""
    folder = Path(arguments[0]).resolve() if arguments else ROOT / "dist"
    shutil.rmtree(folder, ignore_errors=True)
    for project in PROJECTS:
        build(project, folder)
    problems = [problem for wheel in sorted(folder.glob("*.whl")) for problem in lacks(wheel)]
    problems += [*complete(folder), *from_sdist(folder), *runs(folder)]
    for problem in problems:
        print(f"dist: {problem}", file=sys.stderr)
    for file in sorted(folder.iterdir()):
        print(f"{file.stat().st_size // 1024:6} KiB  {file.name}")
    return 1 if problems else 0


def build(project: Path, folder: Path) -> None:
    """One project's sdist and wheel."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": BUILT_AT}
    subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip


def lacks(wheel: Path) -> Iterator[str]:
    """What a wheel lacks, or should not hold."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/scaffold/template/" not in name]
    if not any(name.endswith("/py.typed") for name in names):
        yield f"{wheel.name} has no py.typed: its types would not be seen"
    if any(part in {"tests", "conftest.py"} for name in names for part in name.split("/")):
        yield f"{wheel.name} holds tests"
    if not any(name.endswith(".dist-info/METADATA") for name in names):
        yield f"{wheel.name} has no metadata"


def complete(folder: Path) -> Iterator[str]:
    """Whether each project has a wheel and an sdist, and the core an extra for each plugin."""
    core = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = core["optional-dependencies"]
    for project in PROJECTS:
        name = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]["name"]  # fmt: skip
        written = name.replace("-", "_")
        for pattern in (f"{written}-*.whl", f"{written}-*.tar.gz"):
            if len(list(folder.glob(pattern))) != 1:
                yield f"{name} has no file {pattern}"
        short = name.removeprefix("variance-bridge-")
        if name != core["name"] and (extras.get(short) != [name] or name not in extras["all"]):
            yield f"the core has no extra `{short}` for {name}, or `all` lacks it"


def from_sdist(folder: Path) -> Iterator[str]:
    """Whether the core's sdist holds all that a wheel is built from."""
    with tempfile.TemporaryDirectory() as scratch:
        (sdist,) = folder.glob("variance_bridge-*.tar.gz")
        with tarfile.open(sdist) as archive:
            archive.extractall(scratch, filter="data")
        (source,) = Path(scratch).iterdir()
        build(source, Path(scratch) / "again")
        (again,) = (Path(scratch) / "again").glob("*.whl")
        (wheel,) = folder.glob("variance_bridge-*.whl")
        if again.read_bytes() != wheel.read_bytes():
            yield f"the wheel made from {sdist.name} is not {wheel.name}"


def runs(folder: Path) -> Iterator[str]:
    """Whether the command works from the wheels alone, outside the checkout."""
    with tempfile.TemporaryDirectory() as scratch:
        site = Path(scratch) / "site"
        wheels = [str(wheel) for wheel in sorted(folder.glob("*.whl"))]
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
        install += ["--disable-pip-version-check", "--target", str(site), *wheels]
        subprocess.run(install, check=True)
        environment = {
            **os.environ,
            "PYTHONPATH": str(site),
            "HOME": scratch,
            "VARIANCE_CONFIG_DIR": scratch,
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        where = [sys.executable, "-P", "-c", "import variance_bridge; print(variance_bridge.__file__)"]  # fmt: skip
        found = subprocess.run(where, env=environment, cwd=scratch, capture_output=True, text=True, check=True)  # fmt: skip
        if not found.stdout.startswith(str(site)):
            yield "the wheels were not what ran"
        for arguments in SMOKE:
            command = [sys.executable, "-P", "-m", "variance_bridge", *arguments]
            done = subprocess.run(command, env=environment, cwd=scratch, capture_output=True, text=True, check=False)  # fmt: skip
            if done.returncode:
                yield f"`variance {' '.join(arguments)}` ends with {done.returncode}: {done.stderr.strip()}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
