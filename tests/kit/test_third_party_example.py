"""The example plugin, built and installed as a third party would, is found, listed and proven like one of ours."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "third_party_broker"


@pytest.fixture(scope="module")
def site(workshop, tmp_path_factory):
    """A folder of an import path with the example installed, and nothing of its checkout."""
    above = tmp_path_factory.mktemp("third_party")
    project = above / "project"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    installed = workshop.install(project, above / "site")
    shutil.move(project / "tests", above / "tests")
    shutil.rmtree(project)
    return installed


def test_an_installed_plugin_is_listed_with_its_distribution_and_what_it_lacks(
    workshop, site, tmp_path
):
    done = workshop.command("brokers", "--json", site=site, cwd=tmp_path)

    entries = {entry["name"]: entry for entry in json.loads(done.stdout)["brokers"]}
    assert entries["alpaca"]["distributions"] == ["variance-bridge-alpaca 0.1.0"]
    assert entries["alpaca"]["state"] == "credentials missing"
    assert "APCA_API_KEY_ID" in entries["alpaca"]["reason"]


@pytest.mark.slow
def test_the_example_reaches_gold(workshop, site, tmp_path):
    tests = site.parent / "tests"
    done = workshop.command(
        *("plugin", "check", "alpaca", "--tests", tests, "--require", "gold"),
        site=site,
        cwd=tmp_path,
    )

    tiers = [line for line in done.stdout.splitlines() if "does not apply" not in line]
    assert tiers == [
        "alpaca (variance-bridge-alpaca 0.1.0): gold",
        "bronze  7 of 7 rules",
        "silver  6 of 6 rules",
        "gold    9 of 9 rules",
    ], done.stdout + done.stderr
    assert done.returncode == 0


def test_the_example_uses_nothing_but_public_modules_of_the_core():
    private = {"transport", "session", "sync", "machine", "publish", "configuration", "cli"}
    for file in (EXAMPLE / "src").rglob("*.py"):
        for line in file.read_text().splitlines():
            if line.startswith("from variance_bridge."):
                assert line.split()[1].split(".")[1] not in private, f"{file.name}: {line}"
