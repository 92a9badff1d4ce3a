"""Every link between our texts leads somewhere, to the very heading that it names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown.extensions.toc import slugify

ROOT = Path(__file__).parents[2]
TEXTS = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("plugins/*/README.md"),
    ]
)
LINK = re.compile(r"\[[^\]\[]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|^    .*?$|`[^`\n]+`", re.DOTALL | re.MULTILINE)


def prose(path: Path) -> str:
    return CODE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    text = re.sub(
        r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {*(slugify(title, "-") for title in titles), *re.findall(r'<a id="([^"]+)">', text)}


def dangling(path: Path) -> list[str]:
    found = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_heading_that_exist(path):
    assert dangling(path) == []


def test_a_link_to_nowhere_is_found(tmp_path):
    (tmp_path / "one.md").write_text(
        "# A title\n[a](two.md) [b](#a-title) [c](#other) [d](https://x.example)"
    )

    assert dangling(tmp_path / "one.md") == ["two.md", "#other"]


def test_the_readme_leads_to_every_page():
    from_readme = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    index = LINK.findall((ROOT / "docs" / "index.md").read_text(encoding="utf-8"))
    reached = {target for target in from_readme if target.startswith("docs/")}

    assert reached
    assert len(set(index)) >= 12
