"""Each example in docs/dialects.md is a whole dialect with a whole file, and says what comes out: it is run here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from variance_bridge.settings.toml import parse_toml

REFERENCE = Path(__file__).parents[3] / "docs" / "dialects.md"
EXAMPLE = re.compile(r"```toml\n(.*?)```\n\n```csv\n(.*?)```\n\n```text\n(.*?)```", re.DOTALL)
EXAMPLES = EXAMPLE.findall(REFERENCE.read_text(encoding="utf-8"))


def line_of(position):
    words = [position["symbol"], position["type"], position["side"], str(position["quantity"])]
    text = f"{' '.join(words)}, value {position['market_value']}"
    if "currency" in position:
        text += f" {position['currency']}"
    return text + (f", profit {position['unrealized_pl']}" if "unrealized_pl" in position else "")


def test_the_examples_are_found():
    assert len(EXAMPLES) == REFERENCE.read_text(encoding="utf-8").count("```toml")
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize(
    ("dialect", "content", "outcome"),
    EXAMPLES,
    ids=[parse_toml(dialect, "example")["title"] for dialect, _content, _outcome in EXAMPLES],
)
def test_an_example_in_the_reference_gives_what_the_reference_says(
    read_csv, tmp_path, dialect, content, outcome
):
    (tmp_path / "acme.toml").write_text(dialect, encoding="utf-8")
    found = read_csv(content, folder=tmp_path)
    assert [line_of(one) for one in found.positions] == outcome.splitlines()
    assert found.meta["status"] == "complete"
