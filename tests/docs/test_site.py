"""The site is built by the command of ./check, with warnings as errors, and fetches nothing from a network."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from argparse import Namespace
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FETCHED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
    "link": "href",
}
"""Elements for which a browser sends a request by itself, and the attribute that says where to."""


@pytest.fixture(scope="module")
def command() -> list[str]:
    """The very command of the step `docs`."""
    place = ROOT / "scripts" / "run_checks.py"
    spec = importlib.util.spec_from_file_location("run_checks_for_docs", place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    options = Namespace(step=["docs"], slow=False, coverage=False, pytest=[])
    (step,) = module.steps(options, Path("unused"))
    (one,) = step.commands
    return list(one)


def build(command: list[str], project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy, so that a test never writes into the checkout."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(ROOT / "mkdocs.yml", folder)
    shutil.copytree(ROOT / "docs", folder / "docs")
    return folder


@pytest.fixture(scope="module")
def site(command, project) -> Path:
    done = build(command, project)
    assert done.returncode == 0, done.stderr
    return project / "site"


class Requests(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "link" and given.get("rel") == "canonical":
            return
        if target := given.get(FETCHED.get(tag, "")):
            self.found.append(target)


def requests_of(page: str) -> list[str]:
    parser = Requests()
    parser.feed(page)
    return parser.found


@pytest.mark.slow
def test_a_built_page_asks_the_network_for_nothing(site):
    pages = sorted(site.rglob("*.html"))
    fetched = {(p.name, target) for p in pages for target in requests_of(p.read_text("utf-8"))}

    assert len(pages) >= 15
    assert {one for one in fetched if re.match(r"(https?:)?//", one[1])} == set()
    assert len(fetched) > len(pages)


@pytest.mark.slow
def test_a_style_sheet_asks_the_network_for_nothing(site):
    for sheet in site.rglob("*.css"):
        text = sheet.read_text(encoding="utf-8")
        assert re.findall(r"@import|url\(\s*[\"']?(?:https?:)?//[^)]*", text) == [], sheet.name


@pytest.mark.slow
def test_every_page_is_in_the_navigation_and_no_link_of_the_site_dangles(site):
    menu = requests = 0
    for page in sorted(site.rglob("*.html")):
        for target in re.findall(r'href="([^"#]+\.html)', page.read_text("utf-8")):
            requests += 1
            if not re.match(r"[a-z]+:|/", target):
                assert (page.parent / target).resolve().exists(), (page.name, target)
                menu += 1
    assert 0 < menu <= requests


@pytest.mark.slow
def test_no_sign_of_the_source_is_left_on_a_page(site):
    signs = re.compile(r"\\\||^ *```|\*\*[a-z]|\]\([a-z]", re.MULTILINE)
    for page in sorted(site.rglob("*.html")):
        prose = re.sub(r"<pre.*?</pre>", "", page.read_text("utf-8"), flags=re.DOTALL)
        assert signs.findall(prose) == [], page.name


def test_a_warning_fails_the_build(command, tmp_path):
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (tmp_path / "mkdocs.yml").write_text(text.partition("nav:")[0])
    (tmp_path / "docs" / "stylesheets").mkdir(parents=True)
    (tmp_path / "docs" / "stylesheets" / "pages.css").touch()
    faults = ["[a page](nowhere.md)", "[a heading](index.md#nowhere)", "[outside](/nowhere.md)"]
    (tmp_path / "docs" / "index.md").write_text("# One\n\n" + " and ".join(faults))
    done = build(command, tmp_path)

    assert done.returncode != 0
    assert f"Aborted with {len(faults)} warnings" in done.stderr + done.stdout
