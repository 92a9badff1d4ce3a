"""What the pages tell people to type and to write is typed and written here, and does what the pages say."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import from_bytes, to_bytes
from variance_bridge.settings.configuration import read_configuration

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(
    r"(?:<!-- (?P<role>[a-z]+)(?:: (?P<name>[^\n]+?))? -->\n(?:`(?P<shown>[^`\n]+)`\n\n)?)?"
    r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


class Block(NamedTuple):
    role: str | None
    name: str | None
    language: str
    text: str
    shown: str | None


def blocks(page: Path) -> Iterator[Block]:
    for found in FENCE.finditer(page.read_text(encoding="utf-8")):
        yield Block(*found.group("role", "name", "language", "text", "shown"))


def named(page: str, role: str) -> list[Block]:
    return [block for block in blocks(DOCS / page) if block.role == role]


PROJECT = "variance-bridge-globex"
"""The folder of the tutorial's project."""

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
    monkeypatch.setenv("PYTHONPATH", f"{site}:{work / PROJECT / 'src'}")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("CI", raising=False)  # pytest says more there than at a person's terminal
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


class Reader:
    """Somebody who does what a page says, from top to bottom, in one shell.

    Attributes:
        folder: where the shell is.
        exports: what it has exported.
        done: how many blocks of commands and programs were run.
    """

    def __init__(self, folder: Path, port: str = "8765") -> None:
        self.folder = folder
        self.exports = ""
        self.done = 0
        self._port = port
        self._names: dict[str, object] = {"__name__": "__page__"}
        self._servers: list[subprocess.Popen[bytes]] = []

    def walk(self, page: Path, roles: frozenset[str] = frozenset({"run"})) -> None:
        """Do every block; those that run something, when their role is among `roles`."""
        try:
            for block in blocks(page):
                text = block.text.replace("8765", self._port)
                if block.role in {"file", "edit"}:
                    self._write(self.folder / str(block.name), text, edit=block.role == "edit")
                elif block.role == "start":
                    self._servers.append(start(text, self.folder, self._port))
                elif block.role in roles:
                    self._run(page, block.language, text)
        finally:
            for server in self._servers:
                server.kill()
                server.wait()

    def _write(self, path: Path, text: str, *, edit: bool) -> None:
        if edit:
            old, new = (
                "".join(line[1:] for line in text.splitlines(True) if line[0] != sign)
                for sign in "+-"
            )
            before = path.read_text(encoding="utf-8")
            assert before.count(old) == 1, f"{path.name} does not hold what the page changes: {old}"
            text = before.replace(old, new)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def _run(self, page: Path, language: str, text: str) -> None:
        self.done += 1
        if language == "python":
            exec(compile(text, page.name, "exec"), self._names)
        else:
            self.type_in(text)

    def type_in(self, text: str) -> None:
        """Each `$ ` line is run; what follows is what it must print, on stdout and stderr together."""
        assert text.startswith("$ ")
        for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, expected = step.partition("\n")
            if command.startswith("cd "):
                self.folder = self.folder / command.removeprefix("cd ")
            elif command.startswith("export "):
                self.exports += f"{command}\n"
            else:
                self._call(command, expected)

    def _call(self, command: str, expected: str) -> None:
        done = subprocess.run(
            ["bash", "-c", self.exports + command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        printed = in_one_spacing(done.stderr + done.stdout)
        assert done.returncode == 0, (command, printed)
        assert pattern(expected).fullmatch(printed), (command, printed)


def start(text: str, folder: Path, port: str) -> subprocess.Popen[bytes]:
    """Start a server as the page does, and wait until it listens."""
    command = shlex.split(text.strip().removeprefix("$ ").removesuffix("&"))
    server = subprocess.Popen([sys.executable, *command[1:]], cwd=folder, stderr=subprocess.DEVNULL)
    for _ in range(1200):
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


@pytest.mark.parametrize(
    ("page", "least"), [("quickstart.md", 3), ("ci.md", 2), ("dashboard.md", 2), ("history.md", 1)]
)
def test_the_commands_of_a_page_print_what_it_says(page, least, folder):
    reader = Reader(folder)
    reader.walk(DOCS / page)

    assert reader.done >= least


@pytest.mark.parametrize(
    ("code", "printed"),
    [(0, ""), (9, "Some positions need action"), (7, "could not be checked (exit 7)")],
)
def test_the_script_for_cron_distinguishes_action_from_failure(code, printed, folder):
    (script,) = named("automation.md", "file")
    (folder / "variance").write_text(f"#!/bin/sh\nexit {code}\n")
    done = subprocess.run(["sh", "-c", script.text], capture_output=True, text=True, check=True)

    assert printed in done.stdout
    assert bool(done.stdout) == bool(code)


def test_the_dashboard_page_names_every_member_of_the_triage_json(folder):
    fresh_document(folder / "positions" / "live_tasty.json")
    command = [sys.executable, "-m", "variance_bridge", "triage", "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    page = (DOCS / "dashboard.md").read_text(encoding="utf-8")
    section = page.partition("## For programs\n")[2].partition("\n## ")[0]
    members = exact_json.loads(done.stdout.encode())

    assert "clusters" in members
    assert [name for name in members if f"`{name}`" not in section] == []


@pytest.mark.slow
def test_the_demo_shows_what_the_quick_start_says(folder):
    reader = Reader(folder)
    reader.walk(DOCS / "quickstart.md", frozenset({"prove"}))

    assert reader.done == 1


@pytest.fixture
def tutorial(folder, monkeypatch):
    """Does what the tutorial says; gives the number of blocks that were run."""

    def walk(*roles: str) -> int:
        reader = Reader(folder, free_port())
        reader.walk(DOCS / "writing-a-broker.md", frozenset(roles))
        return reader.done

    forget_the_broker()  # tests of the kit make a broker of the same name
    monkeypatch.syspath_prepend(str(folder / PROJECT / "src"))
    yield walk
    forget_the_broker()


def forget_the_broker() -> None:
    for name in [name for name in sys.modules if name.startswith("variance_bridge_globex")]:
        del sys.modules[name]


@pytest.mark.slow
def test_the_tutorial_leads_from_nothing_to_a_broker_that_syncs(tutorial, folder):
    assert tutorial("run") >= 5

    linter = [sys.executable, "-m", "ruff", "check", "--no-cache", "src", "tests"]
    done = subprocess.run(linter, cwd=folder / PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_kit_finds_the_broker_of_the_tutorial_right(tutorial):
    assert tutorial("run", "prove") >= 7


def test_the_programs_of_the_page_on_reading_run(folder, capsys):
    fresh_document(folder / "positions" / "live_tasty.json")
    reader = Reader(folder)
    reader.walk(DOCS / "reading.md")

    assert reader.done >= 5


def test_the_program_of_the_readme_runs(folder, capsys):
    fresh_document(folder / "positions" / "live_tasty.json")
    (program,) = [b for b in blocks(ROOT / "README.md") if b.language == "python"]
    exec(compile(program.text, "README.md", "exec"), {})

    assert len(capsys.readouterr().out.splitlines()) == 8


@pytest.mark.parametrize("page", ["reading.md", "writing-a-broker.md"])
def test_no_python_block_of_a_page_escapes_being_run(page):
    idle = [b for b in blocks(DOCS / page) if b.language == "python" and b.role is None]

    assert idle == []


def test_whoever_reads_a_page_sees_which_file_a_block_belongs_to():
    found = [b for page in DOCS.rglob("*.md") for b in blocks(page) if b.role in {"file", "edit"}]

    assert len(found) > 15
    assert [b.name for b in found if b.shown != b.name] == []


def test_the_document_on_the_page_of_the_schema_is_valid():
    (block,) = named("schema.md", "check")

    assert check(exact_json.loads(block.text)) == []


def test_the_configuration_that_the_page_shows_is_accepted(tmp_path):
    (block,) = named("configuration.md", "check")
    (tmp_path / "variance.toml").write_text(block.text)
    configuration = read_configuration(tmp_path, None, {})

    assert configuration.top("broker").value == "tastytrade"
    assert configuration.profile("ira").account == "HASH"
    assert configuration.stated.plugins.allow == ("acme-bridge",)


def test_a_page_that_promises_other_output_is_found_out(folder):
    reader = Reader(folder)
    with pytest.raises(AssertionError):
        reader.type_in("$ echo one\ntwo\n")
    with pytest.raises(AssertionError):
        reader.type_in("$ echo one; exit 3\none\n")
    reader.type_in("$ echo one two; echo three\none ...\n...\n")
