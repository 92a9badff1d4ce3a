"""The image: built from this checkout by hash, run by a user without rights, and nothing secret in it. No builder is needed here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in LINES if line.strip()]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "LABEL", "USER", "VOLUME", "ENV", "ENTRYPOINT"}


def of(name):
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def test_every_instruction_is_known():
    assert {instruction for instruction, _rest in INSTRUCTIONS} == KNOWN


def test_every_download_is_checked_by_its_hash():
    run = " ".join(of("RUN"))
    assert "--require-hashes --requirement requirements.lock" in run
    assert "--no-index --no-deps /wheels/*.whl" in run
    assert (ROOT / "requirements.lock").is_file()


def test_the_command_runs_as_a_user_without_rights():
    assert of("USER") == ["10001"]
    assert of("ENTRYPOINT") == ['["variance"]']
    assert [name for name, _rest in INSTRUCTIONS].index("USER") < [
        name for name, _rest in INSTRUCTIONS
    ].index("ENTRYPOINT")


@pytest.mark.parametrize("word", ["TOKEN", "SECRET", "PASSWORD", ":latest", "curl ", "http:"])
def test_nothing_secret_or_unpinned_is_in_it(word):
    assert word not in " ".join(LINES)


@pytest.mark.slow
def test_its_build_stage_works_in_a_plain_environment(tmp_path):
    """No builder is at hand: the steps run here, on what `.dockerignore` leaves of the checkout, and the command in their result."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    names = [name.removeprefix("**/") for name in ignored]
    source, target = tmp_path / "source", tmp_path / "variance"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(*names), symlinks=True)
    steps = (
        of("RUN")[0].replace("/opt/variance", str(target)).replace("/wheels", f"{tmp_path}/wheels")
    )
    # The image calls its Python `python`; a machine need not have that name.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-ec", steps.replace(" --no-cache-dir", "")],
        cwd=source, check=True, env={**os.environ, "PATH": path},
    )  # fmt: skip

    shutil.rmtree(source)
    its = {"HOME": str(tmp_path / "data"), "PATH": f"{target}/bin:/usr/bin:/bin"}
    for command, said in (
        ("variance demo", "SIMULATOR"), ("variance brokers", "tradier"), ("variance mcp --help", "Model Context Protocol"),
    ):  # fmt: skip
        done = subprocess.run(
            command.split(), capture_output=True, text=True, check=True, env=its, cwd=tmp_path
        )
        assert said in done.stdout


def test_positions_and_credentials_of_the_checkout_stay_outside():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", ".env", "**/.env", "positions"} <= set(ignored)
