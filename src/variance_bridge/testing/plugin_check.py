"""`variance plugin check`: runs the conformance cases in a plugin's own tests, and judges them by the rules."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from variance_bridge.broker import Capability
from variance_bridge.errors import ConfigurationError, PluginError
from variance_bridge.plugins.loading import LoadedPlugin
from variance_bridge.plugins.registry import BROKERS
from variance_bridge.testing.case_decorator import DOES_NOT_APPLY, case_id, sentence
from variance_bridge.testing.tiers import Result, Standing, standing

MAX_SECONDS = 900

OPTION = "--conformance-report"

PYTEST_PLUGIN = "variance_bridge"
"""The name of our entry point in the group pytest11: under another one, pytest would take it for a second plugin."""

_MAX_COMPLAINTS = 3


@attrs.frozen(kw_only=True)
class Examination:
    """What came out.

    Attributes:
        plugin: distribution and version.
        sentences: what each applicable case proves, by its ID.
        complaints: the first things that are wrong, for the cases that failed.
        not_applicable: why a case asks nothing of this broker, by its ID.
    """

    name: str
    plugin: str
    standing: Standing
    sentences: Mapping[str, str]
    complaints: Mapping[str, tuple[str, ...]]
    not_applicable: Mapping[str, str] = attrs.field(factory=dict)


def suite_cases(suite: type[Any]) -> dict[str, str]:
    """The cases of a suite: what each proves, by its ID."""
    tests = [getattr(suite, name) for name in dir(suite) if name.startswith("test_")]
    return {identifier: sentence(one) for one in tests if (identifier := case_id(one))}


def examine(loaded: LoadedPlugin, tests: Path | None = None) -> Examination:
    """Run the conformance cases of a plugin's tests.

    Args:
        loaded: the plugin.
        tests: folder or file of its tests; None looks beside its code.

    Raises:
        ConfigurationError: the tests are nowhere to be found, or pytest is not installed.
        PluginError: the tests cannot be run.
    """
    try:
        from variance_bridge.testing.suites import BrokerConformance, FileBrokerConformance
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the conformance kit needs {error.name}, which is not installed",
            hint="pip install variance-bridge[testing]",
        ) from None
    reads_files = Capability.READS_FILES in loaded.broker.capabilities
    sentences = suite_cases(FileBrokerConformance if reads_files else BrokerConformance)
    outcomes = _run(tests or _find_tests(loaded))
    results = {identifier: Result(one["outcome"]) for identifier, one in outcomes.items()}
    return Examination(
        name=loaded.plugin.name,
        plugin=str(loaded.plugin),
        standing=standing(results, frozenset(sentences)),
        sentences=sentences,
        complaints={identifier: _complaints(one) for identifier, one in outcomes.items()},
        not_applicable={
            identifier: _why_not(one["tests"][0]["message"])
            for identifier, one in outcomes.items()
            if results[identifier] is Result.NOT_APPLICABLE
        },
    )


def _why_not(message: str) -> str:
    return message.partition(DOES_NOT_APPLY)[2].strip("'\n) ")


def _complaints(outcome: Mapping[str, Any]) -> tuple[str, ...]:
    """The lines of the failures that say what is wrong."""
    failed = [one["message"] for one in outcome["tests"] if one["outcome"] == "failed"]
    lines = [line.strip() for message in failed for line in message.splitlines()]
    return tuple(line for line in lines if line.startswith("- "))[:_MAX_COMPLAINTS]


def _find_tests(loaded: LoadedPlugin) -> Path:
    """The folder `tests` of the project whose pyproject.toml declares the plugin: around its code, or where we are."""
    module = loaded.plugin.value.partition(":")[0]
    found = importlib.util.find_spec(module)
    code = Path(found.origin).resolve() if found and found.origin else Path.cwd()
    for folder in (*code.parents, Path.cwd()):
        if (folder / "tests").is_dir() and _declares(folder, loaded.plugin.name):
            return folder / "tests"
    raise ConfigurationError(
        f"the tests of `{loaded.plugin.name}` are not beside its code",
        hint="run this in a checkout of the plugin, or say where they are: --tests DIR",
    )


def _declares(folder: Path, name: str) -> bool:
    file = folder / "pyproject.toml"
    if not file.is_file():
        return False
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    return name in table.get("project", {}).get("entry-points", {}).get(BROKERS, {})


def _run(tests: Path) -> dict[str, Any]:
    """What became of each case, as the pytest plugin reports it."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "--assert=plain"),
            *("-p", PYTEST_PLUGIN, f"{OPTION}={report}", str(tests)),
        ]
        done = _finished(command, tests)
        if not report.is_file():
            raise PluginError(
                "the tests cannot be run",
                where=str(tests),
                hint=_last_words(done.stderr or done.stdout),
            )
        outcomes: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    if not outcomes:
        raise PluginError(
            "the tests hold no conformance case",
            where=str(tests),
            hint="inherit a test class from variance_bridge.testing.BrokerConformance",
        )
    return outcomes


def _finished(command: list[str], tests: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - our own Python, on the tests that the user named
            command, capture_output=True, text=True, check=False, timeout=MAX_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise PluginError(
            f"the tests did not end within {MAX_SECONDS} seconds",
            where=str(tests),
            hint="run pytest there and see which one hangs",
        ) from None


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "run pytest there and see"
