"""The lock files pin everything, name no index, and every dependency says why it is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PIN = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][A-Za-z0-9.+!]*)( ; (?P<marker>.+))?"
)
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> list[tuple[str, list[str]]]:
    """The requirement and the hashes of each entry of a lock file."""
    text = (REPOSITORY / lock).read_text(encoding="ascii")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    logical = "\n".join(lines).replace("\\\n", "\0").splitlines()
    parts = [[part.strip() for part in line.split("\0")] for line in logical]
    return [(part[0], part[1:]) for part in parts]


def pins(lock: str) -> dict[str, Version]:
    found = {}
    for requirement, _ in entries(lock):
        matched = PIN.fullmatch(requirement)
        found[matched["name"]] = Version(matched["version"])
    return found


def projects() -> list[dict]:
    files = [REPOSITORY / "pyproject.toml", *REPOSITORY.glob("plugins/*/pyproject.toml")]
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]


def direct_requirements(*, development: bool) -> set[str]:
    own = {canonicalize_name(project["project"]["name"]) for project in projects()}
    found: set[str] = set()
    for project in projects():
        found.update(project["build-system"]["requires"], project["project"]["dependencies"])
        if development:
            found.update(*project.get("dependency-groups", {}).values())
    return {line for line in found if canonicalize_name(Requirement(line).name) not in own}


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_of_a_lock_is_an_exact_pin_with_hashes(lock):
    for requirement, hashes in entries(lock):
        assert PIN.fullmatch(requirement), requirement
        assert hashes, requirement
        assert all(HASH.fullmatch(each) for each in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_an_index_or_another_host(lock):
    text = (REPOSITORY / lock).read_text(encoding="ascii")
    assert "/" not in text.replace("scripts/lock_requirements.py", "")
    assert not re.search(r"--(index|extra-index|find-links|trusted-host)|(?m:^\s*-[a-z])", text)


@pytest.mark.parametrize(("lock", "development"), [(LOCKS[0], False), (LOCKS[1], True)])
def test_each_direct_dependency_is_pinned_within_its_bounds(lock, development):
    pinned = pins(lock)
    for line in direct_requirements(development=development):
        requirement = Requirement(line)
        assert pinned[canonicalize_name(requirement.name)] in requirement.specifier, line


def test_the_development_lock_holds_every_pin_of_the_runtime_lock():
    runtime, development = (
        {requirement: set(hashes) for requirement, hashes in entries(lock)} for lock in LOCKS
    )
    assert runtime.items() <= development.items()


def test_the_runtime_lock_holds_what_an_editable_install_needs_without_isolation():
    assert {"hatchling", "editables"} <= pins("requirements.lock").keys()


def test_no_lock_holds_a_distribution_of_this_repository():
    own = {canonicalize_name(project["project"]["name"]) for project in projects()}
    for lock in LOCKS:
        assert not own & pins(lock).keys()


def test_the_documentation_says_why_each_direct_dependency_is_there_and_names_no_other():
    page = (REPOSITORY / "docs" / "dependencies.md").read_text(encoding="utf-8")
    reasons = dict(re.findall(r"^\| ([A-Za-z0-9_.-]+) \| (.+) \|$", page, flags=re.MULTILINE))
    reasons.pop("distribution")
    direct = {Requirement(line).name for line in direct_requirements(development=True)}
    assert reasons.keys() == direct | {"editables"}
    assert all(reason.strip() for reason in reasons.values())


def test_the_script_that_writes_the_locks_asks_for_all_direct_dependencies(lock_requirements):
    for development in (False, True):
        asked = set(lock_requirements.direct_requirements(REPOSITORY, development=development))
        expected = direct_requirements(development=development)
        assert asked == expected | {lock_requirements.EDITABLE_INSTALL}
