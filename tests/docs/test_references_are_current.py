"""The generated parts of the pages say what the code says today."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import click
import pytest

from variance_bridge import errors
from variance_bridge.cli.error_report import BUG, INTERRUPTED
from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.subcommands import variance
from variance_bridge_triage.command import NEEDS_ACTION

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def generator():
    place = ROOT / "scripts" / "generate_references.py"
    spec = importlib.util.spec_from_file_location("generate_references", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_generated_part_is_current(generator):
    stale = [str(path.relative_to(ROOT)) for path in generator.outdated()]

    assert stale == [], f"run: .venv/bin/{generator.COMMAND}"


def test_every_part_is_on_a_page(generator):
    marks = re.compile(r"<!-- generated: ([a-z ]+) -->")
    used = [name for page in DOCS.rglob("*.md") for name in marks.findall(page.read_text())]

    assert sorted(used) == sorted(generator.PARTS)


def test_a_part_that_was_edited_by_hand_is_not_current(generator):
    page = (DOCS / "cli.md").read_text(encoding="utf-8")

    assert generator.current(page.replace("`--any-age`", "`--any`")) == page
    with pytest.raises(KeyError):
        generator.current("<!-- generated: nonsense -->\n<!-- end -->")


def options(command: click.Command, context: click.Context, path: str):
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield path, "/".join(parameter.opts), parameter.help
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            yield from options(inner, context, f"{path} {name}")


def test_every_command_and_option_is_on_the_page_with_its_help():
    invocation = Invocation()
    context = click.Context(variance, info_name="variance", obj=invocation)
    try:
        found = list(options(variance, context, "variance"))
    finally:
        invocation.restore()
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^## (variance[a-z -]*)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    )

    for path, names, title in found:
        line = re.search(
            rf"^- `{re.escape(names.replace('/', ', '))}[ ,`].*", sections[path], re.MULTILINE
        )
        assert line is not None, (path, names)
        assert title in line[0], (path, names)
    assert len(found) > 40


def test_every_error_class_and_exit_code_is_on_the_page():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([0-9]+) \| (.*?) \|", page, re.MULTILINE)
    classes = {
        (str(cls.exit_code), f"`{name}`")
        for name, cls in vars(errors).items()
        if isinstance(cls, type) and issubclass(cls, errors.BridgeError)
        if cls is not errors.BridgeError
    }

    assert classes <= set(rows)
    assert {code for code, _ in rows} == {
        "0",
        str(BUG),
        str(NEEDS_ACTION),
        str(INTERRUPTED),
        *(code for code, _ in classes),
    }


def test_the_readme_has_the_same_exit_codes():
    codes = re.findall(
        r"^\| ([0-9]+) \| ", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert {int(code) for code in codes} == {0, BUG, NEEDS_ACTION} | {
        cls.exit_code
        for cls in vars(errors).values()
        if isinstance(cls, type) and issubclass(cls, errors.BridgeError)
    }


def test_the_readme_names_every_command():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    groups = {name.split()[1] for name in re.findall(r"^## (variance [a-z-]+)", page, re.MULTILINE)}

    assert {name for name in groups if f"variance {name}" not in readme} == set()
