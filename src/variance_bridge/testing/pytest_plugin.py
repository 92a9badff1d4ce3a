"""The pytest plugin of the kit: fixtures for tests of brokers, and the report for `variance plugin check`.

pytest imports this module whenever it starts, in every project that has variance-bridge installed. So it imports
nothing else before one of its fixtures is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from variance_bridge.testing.frozen_clock import FrozenClock
    from variance_bridge.testing.simulated_session import SimulatedSession

OPTION = "--conformance-report"
_PROPERTY = "conformance"
_WORST_FIRST = ("failed", "skipped", "passed", "not applicable")


@pytest.fixture
def frozen_clock() -> FrozenClock:
    """A clock that stands at 2026-01-15 15:00 UTC until it is moved."""
    from variance_bridge.testing.frozen_clock import FrozenClock

    return FrozenClock()


@pytest.fixture
def simulated_session(frozen_clock: FrozenClock) -> Callable[..., SimulatedSession]:
    """Makes a read-only session that answers from exchanges: `simulated_session(exchanges, hosts=[...])`."""
    from functools import partial

    from variance_bridge.testing.simulated_session import SimulatedSession

    return partial(SimulatedSession, clock=frozen_clock)


@pytest.fixture
def blocked_network() -> Iterator[list[Any]]:
    """No socket can be made in the test, on no spelling; gives the list of what tried."""
    from variance_bridge.testing.blockade import Kind, blocked

    with blocked(Kind.NETWORK) as blocked_calls:
        yield blocked_calls


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option by which `variance plugin check` gets its results."""
    parser.getgroup("variance-bridge").addoption(
        OPTION,
        metavar="FILE",
        help="Run the conformance cases alone, and write what became of each into FILE (JSON).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Listen, where a report was asked for, and this process is the one that sees all results."""
    file = config.getoption(OPTION, default=None)
    if file and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Report(Path(file)), "variance-bridge-report")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the cases with their IDs; leave out everything else where a report was asked for."""
    others = []
    for item in items:
        identifier = getattr(getattr(item, "function", None), "case_id", None)
        if identifier is None:
            others.append(item)
        else:
            item.user_properties.append((_PROPERTY, identifier))
    if config.getoption(OPTION, default=None) and others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


class _Report:
    """Collects what became of each case; the worst result of all its tests counts."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._cases: dict[str, dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" and report.outcome == "passed":
            return
        for name, identifier in report.user_properties:
            if name == _PROPERTY:
                self._add(str(identifier), report)

    def _add(self, identifier: str, report: pytest.TestReport) -> None:
        from variance_bridge.testing.case_decorator import DOES_NOT_APPLY

        text = report.longreprtext
        outcome = "not applicable" if f"Skipped: {DOES_NOT_APPLY}" in text else report.outcome
        case = self._cases.setdefault(identifier, {"outcome": outcome, "tests": []})
        case["outcome"] = min(case["outcome"], outcome, key=_WORST_FIRST.index)
        case["tests"].append({"test": report.nodeid, "outcome": outcome, "message": text})

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(json.dumps(self._cases), encoding="utf-8")
