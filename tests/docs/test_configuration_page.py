"""The page on configuration has every key and every environment variable, and each wins where it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from variance_bridge import configuration

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
KEYS = (
    *configuration._TOP,
    *configuration._PLUGINS,
    *configuration._NETWORK,
    *configuration._PROFILE,
    *configuration._BROKER,
)


def variables() -> set[str]:
    """Variables of ours that programs of the repository read."""
    files = [*ROOT.glob("src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py"), ROOT / "variance"]
    files += [*ROOT.glob("scripts/*")]
    texts = [path.read_text(encoding="utf-8") for path in files if path.is_file()]
    return {name for text in texts for name in re.findall(r"\bVARIANCE_[A-Z]+(?:_[A-Z]+)*\b", text)}


@pytest.mark.parametrize("key", sorted(set(KEYS)))
def test_every_key_is_on_the_page(key):
    example = PAGE.partition("```toml")[2].partition("```")[0]

    assert re.search(rf"^(\[{key}[\].]|{key} = )", example, re.MULTILINE)


def test_every_environment_variable_of_ours_is_on_the_page():
    assert len(variables()) >= 7
    assert {name for name in variables() if f"`{name}`" not in PAGE} == set()
