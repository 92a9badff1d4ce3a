"""`variance demo`: one command, no credentials, nothing of the user touched."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from tastytrade_simulator import SimulatedPortfolio, Simulator
from variance_bridge.cli.invocation import Invocation
from variance_bridge.cli.subcommands import variance
from variance_bridge.commands import simulated_sync
from variance_bridge.document.check import check
from variance_bridge.document.convert import from_bytes, to_document


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A user with credentials, a configuration and a positions file, none of which the demo may touch."""
    home = tmp_path / "home"
    work, temporary = tmp_path / "work", tmp_path / "temporary"
    for folder in (home, work / "positions", temporary):
        folder.mkdir(parents=True)
    (work / "positions" / "live_tasty.json").write_text("the user's own")
    (work / ".env").write_text("TT_REFRESH_TOKEN=canary-refresh-token\n")
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(home / "variance"))
    monkeypatch.setenv("TT_CLIENT_SECRET", "canary-client-secret")
    monkeypatch.setenv("API_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return tmp_path


def everything_below(folder: Path):
    return {
        str(Path(place) / name): (Path(place) / name).read_bytes()
        for place, _, names in os.walk(folder)
        for name in names
    }


@pytest.mark.parametrize("arguments", [["demo"], ["--demo"]])
def test_the_demo_runs_the_whole_pipeline_and_leaves_nothing_behind(world, arguments):
    before = everything_below(world)
    began = time.process_time()
    result = CliRunner().invoke(variance, arguments, obj=Invocation(), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert time.process_time() - began < 10
    assert "SPY" in result.stdout
    assert "canary" not in result.output
    assert "5WX00001" not in result.output
    assert "variance auth login" in result.stderr
    assert everything_below(world) == before
    assert list((world / "temporary").iterdir()) == []


def test_the_demo_speaks_json_to_programs(world):
    result = CliRunner().invoke(variance, ["demo", "--json"], obj=Invocation())
    assert result.exit_code == 0, result.output
    assert result.stdout.lstrip().startswith("{")
    assert '"simulator"' in result.stdout


def test_the_demo_has_every_type_both_sides_winners_and_losers(tmp_path, clock):
    with Simulator(SimulatedPortfolio.demo(clock.now())) as simulator:
        known = simulator.credentials
        credentials = {
            "TT_CLIENT_SECRET": known.client_secret,
            "TT_REFRESH_TOKEN": known.refresh_token,
        }
        shown = []
        file = simulated_sync(
            "tastytrade",
            tmp_path,
            settings={"base_url": simulator.url},
            credentials=credentials,
            warn=shown.append,
        )
        assert shown == []
        assert simulator.connections == 1
        assert simulator.rate_excess() == {}
    portfolio, warnings = from_bytes(file.read_bytes())
    assert warnings == ()
    assert check(to_document(portfolio)) == []
    assert 24 <= len(portfolio.positions) <= 28
    types = {holding.type.value for holding in portfolio.positions}
    assert types >= {"stock", "option", "future", "future_option", "crypto", "bond"}
    assert {holding.side for holding in portfolio.positions} == {"long", "short"}
    profits = [h.unrealized_pl for h in portfolio.positions if h.unrealized_pl is not None]
    assert min(profits) < 0 < max(profits)
    assert "adjusted" in {holding.deliverable for holding in portfolio.positions}
    first_words = [h.symbol.split(" ")[0] for h in portfolio.positions if h.type == "future_option"]
    assert any(len(word) > len("./MESM6") for word in first_words)
    assert {flag.caution for flag in portfolio.meta.flags} <= {
        "adjusted_deliverable",
        "cost_unknown",
        "quote_missing",
    }


@pytest.mark.parametrize(
    ("on_path", "started", "shown"),
    [
        ("/usr/bin/variance", "/venv/bin/variance", "variance"),
        (None, "/venv/bin/variance", "/venv/bin/variance"),
        (None, "src/variance_bridge/__main__.py", "./variance"),
    ],
)
def test_the_demo_ends_with_commands_that_can_be_copied(
    world, monkeypatch, on_path, started, shown
):
    monkeypatch.setattr("shutil.which", lambda _name: on_path)
    monkeypatch.setattr("sys.argv", [started, "demo"])
    result = CliRunner().invoke(variance, ["demo", "--json"], obj=Invocation())
    assert f"\n  {shown} sync FILE\n" in result.stderr
