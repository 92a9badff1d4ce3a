"""The brokers that come with Variance Bridge are held to what is asked of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from variance_bridge.cli.error_report import run

PLUGINS = Path(__file__).parents[2] / "plugins"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["csv", "tastytrade"])
def test_a_built_in_broker_reaches_gold(name, capsys):
    tests = PLUGINS / name / "tests"

    code = run(["plugin", "check", name, "--tests", str(tests), "--require", "gold"])
    assert (code, capsys.readouterr().err) == (0, "")
