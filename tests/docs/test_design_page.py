"""The table of layers on the page on design is the truth about the imports of the core."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "variance_bridge"
TABLE = (
    (ROOT / "docs" / "design.md")
    .read_text(encoding="utf-8")
    .partition("## Which way imports go")[2]
    .partition("\n- ")[0]
)
LAYERS = [re.findall(r"`([a-z_]+)`", row.split("|")[2]) for row in TABLE.splitlines() if "`" in row]
HEIGHT = {name: -place for place, layer in enumerate(LAYERS) for name in layer}
GROUND = ("symbology", "errors", "screen", "shipped", "clock")


def imported_by(name: str) -> set[str]:
    """Our modules that a module of the core imports anywhere, but for the sake of types alone."""
    package = CORE / name
    files = package.rglob("*.py") if package.is_dir() else [CORE / f"{name}.py"]
    found = set()
    for file in files:
        waiting = list(ast.parse(file.read_text(encoding="utf-8")).body)
        while waiting:
            node = waiting.pop()
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                continue
            if isinstance(node, ast.ImportFrom) and node.module == "variance_bridge":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= set(re.findall(r"^variance_bridge\.([a-z_]+)", node.module))
            waiting.extend(ast.iter_child_nodes(node))
    return found - {name, "__version__"}


def test_the_table_names_modules_that_exist_and_each_once():
    names = [name for layer in LAYERS for name in layer]

    assert len(names) == len(set(names)) > 30
    assert [n for n in names if not (CORE / f"{n}.py").exists() and not (CORE / n).is_dir()] == []


@pytest.mark.parametrize("name", HEIGHT)
def test_no_module_imports_from_above(name):
    above = {one for one in imported_by(name) if HEIGHT.get(one, HEIGHT[name]) > HEIGHT[name]}

    assert above == set()


@pytest.mark.parametrize("name", GROUND)
def test_the_ground_needs_nothing_of_ours(name):
    assert imported_by(name) == set()
