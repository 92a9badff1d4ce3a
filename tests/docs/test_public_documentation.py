"""Whoever uses a public name finds out what it means: in its docstring and on a page."""

from __future__ import annotations

import ast
import inspect
import re
from itertools import pairwise
from pathlib import Path

import pytest

import variance_bridge

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "variance_bridge"
PAGES = "\n".join(
    page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs").rglob("*.md"))
)
NAMES = [name for name in variance_bridge.__all__ if name != "__version__"]


def documented_constants(module: str) -> set[str]:
    """Names that are assigned at the top of a module and followed by a text that says what they are."""
    body = ast.parse(
        (CORE.joinpath(*module.split(".")).with_suffix(".py")).read_text(encoding="utf-8")
    ).body
    return {
        target.id
        for node, after in pairwise(body)
        if isinstance(node, ast.Assign) and isinstance(after, ast.Expr)
        if isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_a_docstring_of_its_own(name):
    value = getattr(variance_bridge, name)

    if inspect.isclass(value) or inspect.isfunction(value):
        assert (vars(value) if inspect.isclass(value) else {"__doc__": value.__doc__})["__doc__"]
    else:
        assert name in documented_constants(variance_bridge._MODULE_OF[name])


@pytest.mark.parametrize("name", [n for n in NAMES if inspect.isclass(getattr(variance_bridge, n))])
def test_every_public_method_and_property_has_a_docstring(name):
    bare = [
        member
        for member, value in vars(getattr(variance_bridge, name)).items()
        if not member.startswith("_")
        if inspect.isfunction(value) or isinstance(value, property)
        if not value.__doc__
    ]

    assert bare == []


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_on_a_page(name):
    assert re.search(rf"\b{name}\b", PAGES)


@pytest.mark.parametrize(
    "path", sorted(CORE.rglob("*.py")), ids=lambda path: str(path.relative_to(CORE))
)
def test_every_module_says_what_it_is_for(path):
    if "template" not in path.parts:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
