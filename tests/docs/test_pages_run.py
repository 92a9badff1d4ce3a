"""What the pages tell people to type and to write is typed and written here, and does what the pages say."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from variance_bridge import exact_json
from variance_bridge.configuration import read_configuration
from variance_bridge.document import from_bytes, to_bytes
from variance_bridge.validation import check

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"(?:<!-- (?P<role>[a-z]+)(?:: (?P<name>[^\n]+?))? -->\n\n?)?"
    r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    role: str | None
    name: str | None
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(*found.group("role", "name", "language", "text"))


def named(page: str, role: str) -> list[Block]:
    return [block for block in blocks(DOCS / page) if block.role == role]


PIP = """#!{python}
# What `pip install --editable` does, without an index and into a folder of the test: the project's own build back end makes
# the metadata with the entry points, and the code stays where it is.
import os, sys, tempfile, zipfile
from pathlib import Path
from hatchling.build import build_wheel

os.chdir(sys.argv[-1])
with tempfile.TemporaryDirectory() as folder:
    wheel = zipfile.ZipFile(Path(folder, build_wheel(folder)))
    wheel.extractall({site!r}, [name for name in wheel.namelist() if ".dist-info/" in name])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with the command in it, as in a checkout, and a `pip` that needs no network."""
    work, site = tmp_path / "work", tmp_path / "site"
    work.mkdir(mode=0o700)
    programs = {
        "variance": f'#!/bin/sh\nexec "{sys.executable}" -m variance_bridge "$@"\n',
        "pip": PIP.format(python=sys.executable, site=str(site)),
    }
    for name, text in programs.items():
        (work / name).write_text(text)
        (work / name).chmod(0o755)
    monkeypatch.chdir(work)
    monkeypatch.setenv("PATH", f"{work}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{site}:{work / 'acme' / 'src'}")
    monkeypatch.setenv("COLUMNS", "80")
    return work


def in_one_spacing(text: str) -> str:
    """The text without what only lines columns up."""
    return "".join(f"{' '.join(line.split())}\n" for line in text.splitlines())


def pattern(expected: str) -> re.Pattern[str]:
    """The output that a page shows: `...` stands for anything, alone on a line for any lines."""
    lines = in_one_spacing(expected).splitlines()
    parts = [
        "(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in lines
    ]
    return re.compile("".join(parts))


def run_console(text: str, folder: Path) -> None:
    """Each `$ ` line is run; what follows is what it must print, on stdout and stderr together."""
    assert text.startswith("$ ")
    exports = ""
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        if command.startswith("export "):
            exports += f"{command}\n"
        done = subprocess.run(
            ["bash", "-c", exports + command],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        printed = in_one_spacing(done.stderr + done.stdout)
        assert done.returncode == 0, (command, printed)
        assert pattern(expected).fullmatch(printed), (command, printed)


def walk(page: Path, folder: Path, port: str = "8765") -> int:
    """Do what the page says, from top to bottom; how many blocks were run. A server is given another port."""
    names: dict[str, object] = {"__name__": "__page__"}
    done = 0
    servers = []
    try:
        for block in blocks(page):
            text = block.text.replace("8765", port)
            if block.role == "file":
                path = folder / str(block.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            elif block.role == "start":
                servers.append(start(text, folder, port))
            elif block.role == "run" and block.language == "console":
                run_console(text, folder)
                done += 1
            elif block.role == "run" and block.language == "python":
                exec(compile(text, page.name, "exec"), names)
                done += 1
    finally:
        for server in servers:
            server.kill()
            server.wait()
    return done


def start(text: str, folder: Path, port: str) -> subprocess.Popen[bytes]:
    """Start a server as the page does, and wait until it listens."""
    command = shlex.split(text.strip().removeprefix("$ ").removesuffix("&"))
    server = subprocess.Popen([sys.executable, *command[1:]], cwd=folder, stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))) == 0:
                return server
        time.sleep(0.05)
    server.kill()
    raise AssertionError("the server of the page does not listen")


def free_port() -> str:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return str(one.getsockname()[1])


def fresh_document(path: Path) -> None:
    """The published example as a sync of this minute would have written it."""
    portfolio, _ = from_bytes((ROOT / "schemas" / "examples" / "full.json").read_bytes())
    document = exact_json.loads(to_bytes(portfolio))
    now = datetime.now(UTC) - timedelta(minutes=1)
    document["meta"]["fetched_at"] = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(exact_json.dumps(document))


@pytest.mark.parametrize(("page", "least"), [("quickstart.md", 4), ("ci.md", 2)])
def test_the_commands_of_a_page_print_what_it_says(page, least, folder):
    assert walk(DOCS / page, folder) >= least


def test_the_tutorial_leads_from_nothing_to_a_broker_that_syncs(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder / "acme" / "src"))
    try:
        assert walk(DOCS / "writing-a-broker.md", folder, free_port()) >= 5
    finally:
        for name in [name for name in sys.modules if name.startswith("variance_bridge_acme")]:
            del sys.modules[name]


def test_the_programs_of_the_page_on_reading_run(folder, capsys):
    fresh_document(folder / "positions" / "live_tasty.json")

    assert walk(DOCS / "reading.md", folder) >= 5
    assert "older" not in capsys.readouterr().err


def test_the_program_of_the_readme_runs(folder, capsys):
    fresh_document(folder / "positions" / "live_tasty.json")
    (program,) = [b for b in blocks(ROOT / "README.md") if b.language == "python"]
    exec(compile(program.text, "README.md", "exec"), {})

    assert len(capsys.readouterr().out.splitlines()) == 8


@pytest.mark.parametrize("page", ["reading.md", "writing-a-broker.md"])
def test_no_python_block_of_a_page_escapes_being_run(page):
    idle = [b for b in blocks(DOCS / page) if b.language == "python" and b.role is None]

    assert idle == []


def test_the_document_on_the_page_of_the_schema_is_valid():
    (block,) = named("schema.md", "check")

    assert check(exact_json.loads(block.text)) == []


def test_the_configuration_that_the_page_shows_is_accepted(tmp_path):
    (block,) = named("configuration.md", "check")
    (tmp_path / "variance.toml").write_text(block.text)
    configuration = read_configuration(tmp_path, None, {})

    assert configuration.top("broker").value == "tastytrade"
    assert configuration.profile("ira")["account"] == "HASH"
    assert configuration.allowed_plugins() == ("acme-bridge",)


def test_a_page_that_promises_other_output_is_found_out(folder):
    with pytest.raises(AssertionError):
        run_console("$ echo one\ntwo\n", folder)
    with pytest.raises(AssertionError):
        run_console("$ echo one; exit 3\none\n", folder)
    run_console("$ echo one two; echo three\none ...\n...\n", folder)
    assert shutil.which("bash")
