"""The rules of the house that a reader of the code relies on."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "variance_bridge"
PLUGINS = ROOT / "plugins"
BROKERS = re.compile(
    r"tasty|schwab|thinkorswim|fidelity|e\*?trade|interactive.brokers|\bibkr\b|merrill|vanguard|alpaca|tradier|robinhood|webull",
    re.IGNORECASE,
)
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}
LOCAL = {
    path.name
    for path in (
        PLUGINS / "tastytrade",
        PLUGINS / "csv",
        PLUGINS / "fleet",
        PLUGINS / "mcp",
        PLUGINS / "notify",
        PLUGINS / "triage",
    )
}


def modules(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.py") if "template" not in path.parts)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path, *, at_start: bool) -> set[str]:
    """The modules that a file imports; with `at_start`, only those that importing it imports."""
    tree = tree_of(path)
    found = set()
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if at_start and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        pending.extend(ast.iter_child_nodes(node))
    return found


CORE_MODULES = {name_of(path): path for path in modules(CORE)}


def test_imports_of_the_core_run_one_way():
    arrows = {
        name: {one for one in imports(path, at_start=True) if one in CORE_MODULES and one != name}
        for name, path in CORE_MODULES.items()
    }
    settled: set[str] = set()
    while ready := {
        name for name, needs in arrows.items() if needs <= settled and name not in settled
    }:
        settled |= ready

    assert set(arrows) - settled == set()


def test_only_the_command_line_knows_the_command_line():
    strangers = {
        name
        for name, path in CORE_MODULES.items()
        if ".cli" not in name and name != "variance_bridge.__main__"
        if any(one.startswith("variance_bridge.cli") for one in imports(path, at_start=False))
    }

    assert strangers <= {name for name in strangers if name.startswith("variance_bridge.testing")}


@pytest.mark.parametrize("path", list(modules(CORE)), ids=name_of)
def test_the_core_names_no_broker(path):
    assert BROKERS.findall(path.read_text(encoding="utf-8")) == []


def test_other_files_of_the_core_name_no_broker_either():
    for path in CORE.rglob("*"):
        if path.is_file() and path.suffix in {".toml", ".json", ".md", ".txt", ".in", ".tmpl"}:
            assert BROKERS.findall(path.read_text(encoding="utf-8")) == [], path


PUBLIC = re.findall(
    r"^\| `(variance_bridge[a-z_.]*)` \|",
    (ROOT / "docs" / "versioning.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)
TEMPLATE = CORE / "scaffold" / "template"
OUTSIDERS = sorted(
    [
        *ROOT.glob("plugins/*/src/**/*.py"),
        *ROOT.glob("examples/*/src/**/*.py"),
        *TEMPLATE.rglob("*.py.template"),
    ]
)


def names_taken_from_the_core(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of each import from the core; the name is "" for a module that is imported as a whole."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def is_public(module: str, name: str) -> bool:
    if f"{module}.{name}" in PUBLIC or (module in PUBLIC and not name):
        return True
    if module not in PUBLIC or name.startswith("_"):
        return (module, name) == ("variance_bridge", "__version__")
    there = importlib.import_module(module)
    if hasattr(there, "__all__"):
        return name in there.__all__
    value = getattr(there, name, None)
    if inspect.isclass(value) or inspect.isfunction(value):
        return value.__module__ == module
    return value is not None and not inspect.ismodule(value)


def test_every_kind_of_plugin_is_looked_at():
    found = {path.relative_to(ROOT).parts[0] for path in OUTSIDERS}

    assert found == {"plugins", "examples", "src"}
    assert len({path.parents[2] for path in OUTSIDERS if "plugins" in path.parts}) >= 3


@pytest.mark.parametrize("path", OUTSIDERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_plugin_imports_nothing_but_public_names(path):
    private = {
        f"{module} {name}"
        for module, name in names_taken_from_the_core(path)
        if module.split(".")[0] == "variance_bridge" and not is_public(module, name)
    }

    assert private == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_what_a_public_module_promises_is_there(name):
    module = importlib.import_module(name)

    for promised in getattr(module, "__all__", ()):
        assert hasattr(module, promised)


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("from variance_bridge import load", True),
        ("from variance_bridge import rows", True),
        ("from variance_bridge.broker import BrokerSpec", True),
        ("import variance_bridge.rows", True),
        ("from variance_bridge import reading", False),
        ("from variance_bridge.broker import Secret", False),
        ("from variance_bridge.rows import _anything", False),
        ("from variance_bridge.rows.members import Members", False),
        ("from variance_bridge.pipeline.sync import sync", False),
        ("import variance_bridge.network.session", False),
    ],
)
def test_the_rule_on_public_names_knows_what_is_private(tmp_path, line, allowed):
    (tmp_path / "plugin.py").write_text(line)

    (taken,) = names_taken_from_the_core(tmp_path / "plugin.py")
    assert is_public(*taken) is allowed


MADE_BY_OTHERS = re.compile(r"\bsetting\(|validator=|converter=|takes_self|\.Factory\(")
"""What makes a class a table of settings, or its fields more than values."""


def attrs_classes() -> Iterator[tuple[str, str, str]]:
    """Module, name and text of every class of attrs outside the kit for authors."""
    for path in (*modules(CORE), *(one for p in PLUGINS.glob("*/src") for one in modules(p))):
        text = path.read_text(encoding="utf-8")
        if "testing" in path.parts or "attrs" not in text:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef) and "attrs." in "".join(
                map(ast.unparse, node.decorator_list)
            ):
                yield path.as_posix(), node.name, ast.get_source_segment(text, node) or ""


def test_a_record_inside_is_no_class_of_attrs_which_costs_half_a_millisecond_of_every_start():
    public = {name for module in PUBLIC for name in vars(importlib.import_module(module))}
    public |= set(importlib.import_module("variance_bridge").__all__)
    inside = [
        f"{path}: {name}"
        for path, name, text in attrs_classes()
        if name not in public
        and not MADE_BY_OTHERS.search(text)
        and not path.endswith(("settings/configuration.py", "rules/thresholds.py"))
        and name != "_Consent"  # a `PluginIdentity` with the time of the answer
    ]
    assert inside == []


@pytest.mark.parametrize(
    "folder", [CORE, *[PLUGINS / name / "src" for name in sorted(LOCAL)]], ids=str
)
def test_no_module_is_called_by_a_name_that_says_nothing(folder):
    assert not {path for path in folder.rglob("*") if path.stem in FORBIDDEN_NAMES}


ERRORS_OF_BROKERS = {"BrokerRefused", "BrokerUnreachable", "DataRefused"}


@pytest.mark.parametrize(
    "folder", ["ibkr", "schwab", "snaptrade", "tastytrade", "tradier"], ids=lambda name: name
)
def test_each_error_of_a_broker_says_what_to_do(folder):
    calls = [
        (file.name, node)
        for file in sorted((ROOT / "plugins" / folder / "src").rglob("*.py"))
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    errors = [(name, node) for name, node in calls if node.func.id in ERRORS_OF_BROKERS]

    assert errors
    assert [
        f"{name}:{node.lineno}"
        for name, node in errors
        if "hint" not in {keyword.arg for keyword in node.keywords}
    ] == []


def test_only_one_module_reads_the_clock():
    pattern = re.compile(
        r"datetime\.now\(|date\.today\(|time\.time\(|datetime\.utcnow\(|time\.monotonic\("
    )
    readers = {
        path.name
        for folder in [CORE, PLUGINS]
        for path in modules(folder)
        if "tests" not in path.parts and "testing" not in path.parts
        if pattern.search(path.read_text(encoding="utf-8"))
    }

    assert readers <= {"clock.py"}


def committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_committed_text_names_a_machine_path_or_an_index_host():
    hosts = re.compile("py" + "pi|pythonho" + "sted|/wo" + "rk/|/ro" + "ot/", re.IGNORECASE)
    for path in committed():
        if (
            path.suffix
            in {".py", ".md", ".toml", ".sh", ".lock", ".yml", ".yaml", ".json", ".csv", ""}
            and path.stat().st_size < 2_000_000
        ):
            assert hosts.search(path.read_text(encoding="utf-8", errors="replace")) is None, path
