"""The lock files pin everything, name no index, and every dependency says why it is there."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
EXTRAS = "requirements-extras.lock"
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


SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def environment(python: str, system: str) -> dict[str, str]:
    """What markers are read against on that Python and system."""
    versions = {"python_version": python, "python_full_version": f"{python}.0"}
    return default_environment() | versions | SYSTEMS[system]


def pins_of(lock: str, where: dict[str, str]) -> dict[str, Version]:
    """The pins that pip installs there."""
    found = {}
    for requirement, _ in entries(lock):
        matched = PIN.fullmatch(requirement)
        if matched["marker"] is None or Marker(matched["marker"]).evaluate(where):
            found[matched["name"]] = Version(matched["version"])
    return found


def applies(requirement: Requirement, where: dict[str, str], extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate(where | {"extra": extra})


@functools.cache
def required_by(name: str) -> tuple[Requirement, ...]:
    """What an installed distribution asks for; nothing where it is for another Python or system."""
    try:
        return tuple(map(Requirement, importlib.metadata.requires(name) or ()))
    except importlib.metadata.PackageNotFoundError:
        return ()


def missing(pinned: dict[str, Version], direct: set[str], where: dict[str, str]) -> list[str]:
    """The requirements, extras and all that follows from them included, that the pins do not meet."""
    unmet, followed = [], set()
    waiting = list(map(Requirement, direct))
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in pinned or pinned[name] not in requirement.specifier:
            unmet.append(str(requirement))
            continue
        for extra in {"", *requirement.extras}:
            if (name, extra) not in followed:
                followed.add((name, extra))
                waiting += [each for each in required_by(name) if applies(each, where, extra)]
    return unmet


def projects() -> list[dict]:
    files = [REPOSITORY / "pyproject.toml", *REPOSITORY.glob("plugins/*/pyproject.toml")]
    return [tomllib.loads(path.read_text(encoding="utf-8")) for path in files]


def direct_requirements(*, development: bool) -> set[str]:
    own = {canonicalize_name(project["project"]["name"]) for project in projects()}
    found: set[str] = set()
    for project in projects():
        found.update(project["build-system"]["requires"])
        if development or not project.get("tool", {}).get("variance-bridge", {}).get("on_demand"):
            found.update(project["project"]["dependencies"])
        if development:
            found.update(*project.get("dependency-groups", {}).values())
    return {line for line in found if canonicalize_name(Requirement(line).name) not in own}


@pytest.mark.parametrize("lock", [*LOCKS, EXTRAS])
def test_every_line_of_a_lock_is_an_exact_pin_with_hashes(lock):
    for requirement, hashes in entries(lock):
        assert PIN.fullmatch(requirement), requirement
        assert hashes, requirement
        assert all(HASH.fullmatch(each) for each in hashes), requirement


@pytest.mark.parametrize("lock", [*LOCKS, EXTRAS])
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


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("lock", "development"), [(LOCKS[0], False), (LOCKS[1], True)])
def test_a_lock_is_complete_so_that_nothing_has_to_be_resolved(lock, development, python, system):
    where = environment(python, system)
    direct = direct_requirements(development=development)
    assert missing(pins_of(lock, where), direct, where) == []


def test_a_lock_that_lacks_any_of_its_pins_is_found_incomplete():
    where = default_environment()
    pinned, direct = pins_of(LOCKS[0], where), direct_requirements(development=False)
    for name in pinned.keys() - {"editables"}:
        others = {each: version for each, version in pinned.items() if each != name}
        assert missing(others, direct, where), name


def test_what_an_extra_asks_for_must_be_pinned_too():
    where = default_environment()
    pinned = pins_of(LOCKS[1], where)
    assert missing(pinned, {"requests"}, where) == []
    (unmet,) = missing(pinned, {"requests[socks]"}, where)
    assert unmet.startswith("PySocks")


def test_what_is_installed_is_what_the_lock_pins():
    pinned = pins_of(LOCKS[1], default_environment())
    assert {name: Version(importlib.metadata.version(name)) for name in pinned} == pinned


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_development_lock_holds_every_pin_of_the_runtime_lock(python, system):
    where = environment(python, system)
    runtime, development = (pins_of(lock, where) for lock in LOCKS)
    assert runtime.items() <= development.items()


def test_both_locks_hold_the_same_files_of_a_pin():
    runtime, development = (
        {requirement.partition(" ;")[0]: set(hashes) for requirement, hashes in entries(lock)}
        for lock in LOCKS
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


IMPORTED_BY_OTHERS = {
    "tzdata": "zoneinfo reads it where the system has no time zones",
    "websockets": "the core listens with it where a plugin declares `wakes`",
}


def imported_modules(folder: Path) -> set[str]:
    """The top-level modules that the code in a folder imports, wherever in it."""
    found = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


def distributions_of(modules: set[str]) -> set[str]:
    bringing = importlib.metadata.packages_distributions()
    return {
        canonicalize_name(name) for module in modules for name in bringing.get(module, [module])
    }


@pytest.mark.parametrize(
    "folder",
    [".", "plugins/csv", "plugins/fleet", "plugins/mcp", "plugins/tastytrade", "plugins/triage"],
)
def test_a_distribution_declares_what_it_imports_and_nothing_else(folder):
    project = tomllib.loads((REPOSITORY / folder / "pyproject.toml").read_text("utf-8"))["project"]
    own = canonicalize_name(project["name"])
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    extra = {
        canonicalize_name(Requirement(line).name)
        for lines in project.get("optional-dependencies", {}).values()
        for line in lines
    }
    imported = distributions_of(imported_modules(REPOSITORY / folder / "src")) - {own}

    assert imported - needed - extra == set()
    assert needed - imported - IMPORTED_BY_OTHERS.keys() == set()


def test_only_the_kit_imports_what_only_the_kit_declares():
    """`pip install variance-bridge` brings no pytest."""
    core = REPOSITORY / "src" / "variance_bridge"
    users = {
        file.relative_to(core).parts[0]
        for file in core.rglob("*.py")
        if re.search(
            r"^(?:import|from) (?:pytest|hypothesis)\b", file.read_text("utf-8"), re.MULTILINE
        )
    }
    assert users == {"testing"}


def test_the_command_needs_nothing_of_what_is_installed_on_demand():
    marked = [each["project"] for each in projects() if each.get("tool", {}).get("variance-bridge")]
    assert {each["name"] for each in marked} == {"variance-bridge-fleet", "variance-bridge-mcp"}
    assert (
        not {"dask", "distributed", "mcp", "pyarrow", "pydantic", "starlette"}
        & pins(LOCKS[0]).keys()
    )


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_of_extras_is_complete_and_pins_what_the_others_pin(
    lock_requirements, python, system
):
    where = environment(python, system)
    pinned, development = pins_of(EXTRAS, where), pins_of(LOCKS[1], where)
    direct = set(lock_requirements.on_demand_requirements(REPOSITORY))

    assert {Requirement(line).name for line in direct} >= {"distributed", "mcp", "pyarrow"}
    assert missing(pinned, direct, where) == []
    assert pinned.items() <= development.items()


def test_every_third_party_library_of_an_extra_is_locked_for_development():
    own = {canonicalize_name(project["project"]["name"]) for project in projects()}
    pinned = pins(LOCKS[1])
    for project in projects():
        for lines in project["project"].get("optional-dependencies", {}).values():
            for requirement in map(Requirement, lines):
                name = canonicalize_name(requirement.name)
                assert name in own or pinned[name] in requirement.specifier, name


def test_the_script_that_writes_the_locks_asks_for_all_direct_dependencies(lock_requirements):
    for development in (False, True):
        asked = set(lock_requirements.direct_requirements(REPOSITORY, development=development))
        expected = direct_requirements(development=development)
        assert asked == expected | {lock_requirements.EDITABLE_INSTALL}
