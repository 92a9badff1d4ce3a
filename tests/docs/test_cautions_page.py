"""docs/schema.md says what each caution means, and which of them `--strict` refuses."""

from __future__ import annotations

import re
from pathlib import Path

from variance_bridge.model import Caution
from variance_bridge.pipeline.sync_account import REFUSED_WHEN_STRICT

PAGE = (Path(__file__).parents[2] / "docs" / "schema.md").read_text(encoding="utf-8")
ROWS = re.findall(
    r"^\| `([a-z_]+)`( \*)? \| .{20,} \|$",
    PAGE.partition("\n## Cautions\n")[2].partition("\n## ")[0],
    re.MULTILINE,
)


def test_every_caution_is_explained_in_its_order():
    assert [name for name, _star in ROWS] == [caution.value for caution in Caution]


def test_a_star_marks_what_strict_refuses():
    assert {name for name, star in ROWS if star} == {
        caution.value for caution in REFUSED_WHEN_STRICT
    }
