"""What all tests of the repository share: no network beyond loopback, no file of the user, the same examples in each local run."""

from __future__ import annotations

import ipaddress
import itertools
import logging
import os
import socket

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "fast",
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
# Other examples for each change (scripts/run_checks.py gives the seed). A failure prints what `@reproduce_failure` needs to run it again.
settings.register_profile(
    "ci",
    parent=settings.get_profile("fast"),
    max_examples=100,
    derandomize=False,
    print_blob=True,
)
settings.register_profile("long", parent=settings.get_profile("ci"), max_examples=2000)
_IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}
settings.load_profile(os.environ.get("VARIANCE_HYPOTHESIS_PROFILE", "ci" if _IN_CI else "fast"))

# What runs tests side by side states the width of its own terminal.
_OF_THE_TERMINAL = {"COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "COLORTERM"}

_connect = socket.socket.connect


def _connect_to_loopback_only(self, address):
    if self.family in {socket.AF_INET, socket.AF_INET6}:
        host = address[0]
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise AssertionError("a test wanted to leave this machine")
    return _connect(self, address)


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    """Paths for a home of its own for each test.

    `mktemp` would look through all the folders of earlier tests each time, thousands in the end.
    """
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def _alone_on_this_machine(monkeypatch, _homes):
    """No configuration, credentials, keyring or terminal of the person who runs the tests."""
    home = next(_homes)
    home.mkdir()
    for name in list(os.environ):
        if (
            name.startswith(("VARIANCE_", "TT_", "TASTY_", "API_BASE_URL"))
            or name in _OF_THE_TERMINAL
        ):
            monkeypatch.delenv(name)
    monkeypatch.setenv(
        "TERM", "xterm"
    )  # rich keeps the codes of a style for as many colours as it first had
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(home / "variance"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr(socket.socket, "connect", _connect_to_loopback_only)


@pytest.fixture
def invoke():
    """Run a click command in this process at a moment; its result. What it raises is raised."""
    from click.testing import CliRunner

    from variance_bridge.cli.invocation import Invocation
    from variance_bridge.testing.frozen_clock import FrozenClock

    def invoke(command, *arguments, now, columns=80):
        invocation = Invocation()
        invocation.clock = FrozenClock(now)
        runner = CliRunner(env={"COLUMNS": str(columns)})
        given = list(map(str, arguments))
        result = runner.invoke(command, given, obj=invocation, standalone_mode=False)
        if result.exception:
            raise result.exception
        return result

    return invoke


@pytest.fixture(autouse=True)
def _logs_as_they_were():
    """What a test redacts or mutes is redacted and mute in that test alone."""
    root = logging.getLogger()
    factory, errors, level = logging.getLogRecordFactory(), logging.raiseExceptions, root.level
    disabled, handlers = root.manager.disable, tuple(root.handlers)
    yield
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler not in handlers:
            root.removeHandler(handler)
    logging.setLogRecordFactory(factory)
    logging.raiseExceptions = errors
    root.manager.disable = disabled
    root.setLevel(level)
