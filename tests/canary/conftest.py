"""Markers where personal values would be, and a look at everything that a command leaves behind."""

from __future__ import annotations

import base64
import copy
import importlib.metadata
import io
import json
import logging
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from variance_bridge.cli.error_report import run

PREFIX = "ZQ7CANARY"
LETTERS = "Zqcanary"
NUMBER = 7_310_000_000

DOCUMENTED = frozenset(range(9))


class Canaries:
    """Values that must not get out, each with the place where it was put."""

    def __init__(self) -> None:
        self.places: dict[str, str] = {}

    def text(self, place: str) -> str:
        """Letters and digits, such as account numbers, tokens and names with a number have."""
        return self._new(f"{PREFIX}{len(self.places):04}x", place)

    def word(self, place: str) -> str:
        """Letters alone, such as names are."""
        number = f"{len(self.places):04}".translate(str.maketrans("0123456789", "abcdefghij"))
        return self._new(f"{LETTERS}{number}x", place)

    def number(self, place: str) -> int:
        """Ten digits that no price, quantity or time has."""
        return int(self._new(str(NUMBER + len(self.places)), place))

    def secret(self, value: str, place: str) -> str:
        """A value that somebody else made."""
        return self._new(value, place)

    def _new(self, value: str, place: str) -> str:
        self.places[value.casefold()] = place
        return value

    def sighted(self, text: str) -> set[str]:
        """The places whose values a text shows: as they are, in another case, grouped, in hexadecimal or base64."""
        folded = text.casefold()
        squeezed = re.sub(r"(?<=[0-9])[,_ ](?=[0-9]{3})", "", folded)
        seen = {place for value, place in self.places.items() if value in squeezed}
        for form in _encoded_prefixes():
            if form in text or form in folded:
                seen.add(f"an encoded canary ({form})")
        return seen


def _encoded_prefixes() -> Iterator[str]:
    for prefix in (PREFIX, LETTERS):
        yield prefix.encode().hex()
        for offset in range(3):
            whole = base64.b64encode(b"\0" * offset + prefix.encode()).decode()
            yield whole[-(-8 * offset // 6) : 8 * (offset + len(prefix)) // 6]


class Done(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str
    log: str


class Nest:
    """A machine of its own for one test: runs commands, and sees all that they write."""

    def __init__(self, folder: Path, home: Path, capsys: Any, caplog: Any, patch: Any) -> None:
        self.folder = folder
        self.home = home
        self.canaries = Canaries()
        self._capsys, self._caplog, self.patch = capsys, caplog, patch
        self._inputs: set[Path] = set()
        self._state: dict[Path, bytes] = {}

    def input(self, name: str | Path, content: str | bytes) -> Path:
        """A file of the user's, which may hold canaries."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(0o600)
        self._inputs.add(path)
        return path

    def environment(self, **variables: str) -> None:
        for name, value in variables.items():
            self.patch.setenv(name, value)

    def run(self, *arguments: object, stdin: str = "") -> Done:
        """A command at `-vv`, in this process."""
        self._capsys.readouterr()
        self._caplog.clear()
        self.patch.setattr("sys.stdin", io.StringIO(stdin))
        code = run(["-vv", *(str(argument) for argument in arguments)])
        out, err = self._capsys.readouterr()
        return Done(code, out, err, "\n".join(map(_everything, self._caplog.records)))

    def run_silently(
        self, *arguments: object, on_screen: Iterable[str] = (), stdin: str = ""
    ) -> Done:
        """A command that must give nothing away.

        Args:
            on_screen: parts of the names of places whose values stdout may show.
        """
        done = self.run(*arguments, stdin=stdin)
        told = self.canaries.sighted(done.err) | self.canaries.sighted(done.log)
        shown = {
            place
            for place in self.canaries.sighted(done.out)
            if not any(part in place for part in on_screen)
        }
        assert (told | shown, self.written()) == (set(), {}), (arguments, done)
        assert done.code in DOCUMENTED - {1}, (arguments, done)
        assert "Traceback" not in done.err
        return done

    def written(self) -> Mapping[str, set[str]]:
        """The files, other than inputs, that hold canaries, by name."""
        found = {}
        for root in (self.folder, self.home):
            for path in root.rglob("*"):
                if path in self._inputs:
                    continue
                seen = self.canaries.sighted(path.name)
                if path.is_file() and not path.is_symlink():
                    content = path.read_bytes()
                    if self._state.get(path) != content:
                        seen |= self.canaries.sighted(content.decode("latin-1"))
                        self._state[path] = content
                if seen:
                    found[str(path)] = seen
        return found


def _everything(record: logging.LogRecord) -> str:
    """A log record with all of its fields, as a curious handler could show it."""
    return json.dumps({name: repr(value) for name, value in vars(record).items()})


@pytest.fixture
def nest(tmp_path, monkeypatch, capsys, caplog) -> Nest:
    folder = tmp_path / "work"
    folder.mkdir(mode=0o700)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("variance_bridge.clock.SystemClock.sleep", lambda _self, _seconds: None)
    caplog.set_level(logging.DEBUG)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(home / "variance"))
    return Nest(folder, home, capsys, caplog, monkeypatch)


@pytest.fixture
def canaries(nest) -> Canaries:
    return nest.canaries


class Plant:
    """Other values at the leaves of a JSON value."""

    def leaves(self, value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
        """The leaves, by pointer."""
        if isinstance(value, dict) and value:
            for name, member in value.items():
                yield from self.leaves(member, f"{pointer}/{name}")
        elif isinstance(value, list) and value:
            for index, item in enumerate(value):
                yield from self.leaves(item, f"{pointer}/{index}")
        else:
            yield pointer, value

    def at(self, value: Any, pointer: str, new: Any) -> Any:
        """A copy with another value at that leaf."""
        planted = copy.deepcopy(value)
        *path, last = pointer.split("/")[1:]
        parent = planted
        for step in path:
            parent = parent[int(step) if isinstance(parent, list) else step]
        parent[int(last) if isinstance(parent, list) else last] = new
        return planted

    def each(self, value: Any, make: Callable[[str], Any]) -> Iterator[tuple[str, Any]]:
        """One copy for each leaf, with `make(pointer)` in its place."""
        for pointer, _ in self.leaves(value):
            yield pointer, self.at(value, pointer, make(pointer))


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.fixture
def install(tmp_path, monkeypatch) -> Iterator[Callable[[str, str], None]]:
    """What installing a plugin leaves behind: a module and the metadata that point to it; gone after the test."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def make(name: str, source: str) -> None:
        module = f"{name}_plugin"
        sys.modules.pop(module, None)
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        shutil.rmtree(site / "__pycache__", ignore_errors=True)
        info = site / f"{module}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}-plugin\nVersion: 1.0\n", encoding="utf-8"
        )
        (info / "entry_points.txt").write_text(f"[variance_bridge]\n{name} = {module}\n")
        importlib.invalidate_caches()

    yield make
    sys.modules.pop("acme_plugin", None)
