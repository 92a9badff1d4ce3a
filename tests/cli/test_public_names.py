from __future__ import annotations

import importlib
import tomllib
from pathlib import Path

import pytest

import variance_bridge


@pytest.mark.parametrize(
    "name", [name for name in variance_bridge.__all__ if name != "__version__"]
)
def test_every_public_name_is_there_and_the_same_as_in_its_module(name):
    module = importlib.import_module(f"variance_bridge.{variance_bridge._MODULE_OF[name]}")

    assert getattr(variance_bridge, name) is getattr(module, name)


def test_all_names_what_is_lazily_there():
    assert set(variance_bridge.__all__) == {*variance_bridge._MODULE_OF, "__version__"}
    assert set(variance_bridge.__all__) <= set(dir(variance_bridge))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such"):
        _ = variance_bridge.no_such


def test_the_version_is_that_of_the_distribution():
    table = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())

    assert table["project"]["version"] == variance_bridge.__version__
