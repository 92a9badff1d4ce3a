"""The page docs/threat-model.md is true: what it names exists, nothing is forgotten, and each named test fails when its promise is broken."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threat-model.md"
BREAKAGES = ROOT / "tests" / "trust" / "data" / "breakages.toml"
PLUGINS = ("csv", "mcp", "notify", "tastytrade", "triage")
PROMISES = range(1, 9)

ROW = re.compile(
    r"\| \[(?P<name>[UTNBPFMS]?[0-9]+)\]\(#(?P<anchor>[a-z0-9-]+)\) \| (?P<cells>.*) \|"
)
PROOFS = re.compile(
    r'<a id="(?P<anchor>[a-z0-9-]+)"></a>\*\*(?P<name>[A-Z]?[0-9]+)\*\* (?P<what>.+)'
)
TEST = re.compile(r"- `(?P<file>[\w/]+\.py)::(?P<name>\w+)`(?P<slow> \(slow\))?")
CODE = re.compile(r"`([^`]+)`")
MODULE = re.compile(r"[a-z_]+(?:\.[a-z_]+)*")
MEMBERS = ("meta.",)


@attrs.frozen
class Row:
    """A threat or a promise of the page: of the tables, or of the list of tests."""

    name: str
    anchor: str
    what: str
    means: str = ""
    tests: tuple[tuple[str, str], ...] = ()


def lines() -> list[str]:
    return PAGE.read_text(encoding="utf-8").splitlines()


@cache
def tabled() -> dict[str, Row]:
    """The rows of the tables, by name."""
    found = [
        Row(match["name"], match["anchor"], *match["cells"].split(" | "))
        for match in map(ROW.fullmatch, lines())
        if match
    ]
    assert len({row.name for row in found}) == len(found)
    return {row.name: row for row in found}


@cache
def proven() -> dict[str, Row]:
    """The rows of the list of tests, by name."""
    found: dict[str, Row] = {}
    row = None
    for line in lines():
        if match := PROOFS.fullmatch(line):
            assert match["name"] not in found
            row = Row(match["name"], match["anchor"], match["what"])
        elif row is not None and (match := TEST.fullmatch(line)):
            row = attrs.evolve(row, tests=(*row.tests, (match["file"], match["name"])))
        if row is not None:
            found[row.name] = row
    return found


def threats() -> tuple[Row, ...]:
    return tuple(row for row in tabled().values() if not row.name.isdigit())


@cache
def tree_of(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@cache
def functions(file: str) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in tree_of(file).body if isinstance(node, ast.FunctionDef)}


@cache
def marks_of_all(file: str) -> tuple[str, ...]:
    """The marks that a file gives to each of its tests."""
    return tuple(
        ast.unparse(node.value)
        for node in tree_of(file).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    )


NAMED = sorted({test for row in proven().values() for test in row.tests})


@pytest.mark.parametrize("file", sorted({file for file, _name in NAMED}))
def test_every_test_that_the_page_names_exists_and_is_run(file):
    wanted = {name for one, name in NAMED if one == file}

    assert wanted <= functions(file).keys()
    for name in wanted:
        marks = " ".join(ast.unparse(mark) for mark in functions(file)[name].decorator_list)
        assert "skip" not in marks, name
        assert "xfail" not in marks, name


def test_every_line_of_the_page_that_looks_like_a_test_is_read_as_one():
    text = PAGE.read_text(encoding="utf-8")

    assert text.count("::test_") == sum(len(row.tests) for row in proven().values())


def test_a_test_that_only_continuous_integration_runs_is_marked_so_on_the_page():
    for match in filter(None, map(TEST.fullmatch, lines())):
        test = functions(match["file"]).get(match["name"])
        marks = [] if test is None else [*map(ast.unparse, test.decorator_list)]
        slow = any("mark.slow" in mark for mark in (*marks, *marks_of_all(match["file"])))
        assert slow == bool(match["slow"]), match["name"]


def test_every_threat_and_promise_stands_in_a_table_and_in_the_list_of_tests():
    assert [row.name for row in tabled().values()] == [row.name for row in proven().values()]
    for name, row in tabled().items():
        assert row.anchor == proven()[name].anchor, name
        assert row.what.startswith(proven()[name].what), name
        assert proven()[name].tests, name
        assert len(set(proven()[name].tests)) == len(proven()[name].tests), name


def test_every_threat_has_a_means_that_is_there():
    assert len(threats()) > 50
    for row in threats():
        assert exists_as_module_or_file(row.means), row.name


def exists_as_module_or_file(means: str) -> bool:
    """Whether a means names a module or file, and every one that it names is there."""
    named = [
        code
        for code in CODE.findall(means)
        if (MODULE.fullmatch(code) or "/" in code or code.endswith(".lock"))
        and not code.startswith(MEMBERS)
    ]
    missing = [code for code in named if not any(place.exists() for place in places(code))]
    assert missing == []
    return bool(named)


def places(code: str) -> list[Path]:
    """Where a module or file of that name could be."""
    parts = code.split(".")
    tops = [ROOT / "src" / "variance_bridge", *(ROOT / "plugins" / one / "src" for one in PLUGINS)]
    inside = [top.joinpath(*parts) for top in tops]
    return [ROOT / code, *(one.with_suffix(".py") for one in inside), *inside]


def test_the_eight_promises_are_there_each_with_tests():
    assert [name for name in tabled() if name.isdigit()] == [str(number) for number in PROMISES]
    for number in PROMISES:
        assert len(proven()[str(number)].tests) >= 5, number


def test_the_promises_begin_as_the_readme_has_them():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for number in PROMISES:
        words = re.search(rf"^{number}\. (.{{12}})", readme, re.MULTILINE)
        assert words is not None, number
        assert tabled()[str(number)].what.startswith(words[1]), number


def test_no_file_of_the_trust_publish_and_canary_tests_is_forgotten():
    written = {
        str(path.relative_to(ROOT))
        for folder in ("trust", "publish", "canary")
        for path in (ROOT / "tests" / folder).glob("test_*.py")
    }

    assert written - {file for file, _name in NAMED} == {"tests/trust/test_threat_model.py"}


@attrs.frozen(kw_only=True)
class Breakage:
    """A way to break something in one place, and the tests that must notice."""

    what: str
    file: str
    old: str
    new: str
    tests: list[str]
    promise: int | None = None


@cache
def breakages() -> tuple[Breakage, ...]:
    table = tomllib.loads(BREAKAGES.read_text(encoding="utf-8"))
    return tuple(Breakage(**entry) for entry in table["breakage"])


def test_every_promise_is_broken_somewhere_and_every_test_that_must_notice_is_on_the_page():
    assert {one.promise for one in breakages()} - {None} == set(PROMISES)
    on_the_page = {f"{file}::{name}" for file, name in NAMED}
    for breakage in breakages():
        assert breakage.tests, breakage.what
        assert set(breakage.tests) <= on_the_page, breakage.what


def test_what_is_broken_stands_in_the_code_exactly_once():
    found = {
        one.what: (ROOT / one.file).read_text(encoding="utf-8").count(one.old)
        for one in breakages()
    }
    assert {what: count for what, count in found.items() if count != 1} == {}


@pytest.fixture
def copy(tmp_path) -> Path:
    """The repository's code and tests, to be broken."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("src", "schemas", "scripts", "tests", *(f"plugins/{one}" for one in PLUGINS)):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=ignored)
    for name in ("conftest.py", "pyproject.toml", "known_brokers_and_formats.json", "variance"):
        shutil.copy(ROOT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


def outcome(copy: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    """Run tests on the copy, up to the first failure."""
    sources = [copy / "src", *(copy / "plugins" / one / "src" for one in PLUGINS)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, sources)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "",
    }
    options = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "--tb=line", "-rfE")
    place = f"--basetemp={copy.parent / 'temporary'}"  # pytest tidies its usual place up, also under others
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, place, "-m", "not slow", *tests],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("breakage", breakages(), ids=lambda one: one.what)
def test_each_breakage_is_noticed_by_the_tests_that_are_named_for_it(copy, breakage):
    place = copy / breakage.file
    source = place.read_text(encoding="utf-8")
    assert source.count(breakage.old) == 1
    place.write_text(source.replace(breakage.old, breakage.new), encoding="utf-8")

    for test in breakage.tests:
        done = outcome(copy, test)
        assert done.returncode == 1, (test, done.stdout, done.stderr)
        assert f"FAILED {test}" in done.stdout, (test, done.stdout)


@pytest.mark.slow
def test_the_copy_passes_when_nothing_is_broken(copy):
    done = outcome(copy, *sorted({test for breakage in breakages() for test in breakage.tests}))

    assert done.returncode == 0, (done.stdout, done.stderr)
