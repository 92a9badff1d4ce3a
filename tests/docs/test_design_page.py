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
    .partition("## Import direction")[2]
    .partition("\n- ")[0]
)
LAYERS = [re.findall(r"`([a-z_]+)`", row.split("|")[2]) for row in TABLE.splitlines() if "`" in row]
HEIGHT = {name: -place for place, layer in enumerate(LAYERS) for name in layer}
GROUND = ("symbology", "personal_values", "errors", "formatting", "clock")
OUTSIDE = {"testing", "scaffold"}


def imported_by(name: str) -> set[str]:
    """The rooms that a room imports from, wherever the import stands."""
    package = CORE / name
    files = package.rglob("*.py") if package.is_dir() else [CORE / f"{name}.py"]
    found = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "variance_bridge":
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= set(re.findall(r"^variance_bridge\.([a-z_]+)", node.module))
    # What the package itself defines, without a room of ours.
    return found - {name, "__version__", "lazy_names"}


def test_the_table_names_every_room_once():
    names = [name for layer in LAYERS for name in layer]
    # A folder without a module is what git leaves of a room that has moved: bytecode.
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}

    assert len(names) == len(set(names))
    assert set(names) == {room for room in rooms if not room.startswith("_")} - OUTSIDE


@pytest.mark.parametrize("name", HEIGHT)
def test_a_room_imports_only_from_rooms_below(name):
    wrong = {room for room in imported_by(name) & set(HEIGHT) if HEIGHT[room] >= HEIGHT[name]}

    assert wrong == set()


@pytest.mark.parametrize("name", GROUND)
def test_the_ground_needs_nothing_of_ours(name):
    assert imported_by(name) == set()
