"""`variance triage`: from a file to the screen, to programs and to a page."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import attrs
import pytest

from variance_bridge.document.convert import to_bytes
from variance_bridge.document.exact_json import loads
from variance_bridge.errors import ConfigurationError, DataRefused, PositionsTooOld
from variance_bridge.model import Meta, Portfolio
from variance_bridge_triage.command import command


@pytest.fixture
def place(tmp_path, monkeypatch, hold, now):
    """A folder with one positions file, twelve minutes old, and a command that runs in it."""
    meta = Meta(
        source="acme", account_hash="a1b2c3d4e5f6***", fetched_at=now - timedelta(minutes=12)
    )
    money = {"cost_basis": Decimal("400.50"), "unrealized_pl": Decimal("300.25")}
    held = [hold("-1 105C 45d", **money), hold("100 stock", root="ABC")]
    (tmp_path / "positions").mkdir()
    file = tmp_path / "positions" / "live_acme.json"
    file.write_bytes(to_bytes(Portfolio(meta=meta, positions=tuple(held))))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    return file


@pytest.fixture
def run(invoke):
    def run(now, *arguments):
        return invoke(command, *arguments, now=now)

    return run


def test_a_file_becomes_a_dashboard(run, place, now):
    result = run(now, place)
    assert "HARVEST  XYZ   Short Call" in result.stdout
    assert result.stderr == ""


def test_without_a_file_the_newest_positions_are_taken(run, place, now):
    assert run(now).stdout == run(now, place).stdout


def test_without_any_file_the_user_learns_what_to_run(run, place, now):
    place.unlink()
    with pytest.raises(DataRefused) as caught:
        run(now)
    assert "variance sync" in caught.value.hint


def test_programs_get_one_exact_object_and_nothing_else(run, place, now):
    document = loads(run(now, place, "--json").stdout)
    assert list(document) == [
        "meta",
        "totals",
        "totals_by_currency",
        "verdict",
        "clusters",
        "unavailable",
        "sources",
    ]
    assert document["clusters"][0]["net_pl"] == Decimal("300.25")
    assert document["clusters"][0]["action"] == "HARVEST"


def test_the_page_is_written_and_said(run, place, now, tmp_path):
    result = run(now, place, "--html", tmp_path / "out.html")
    assert result.stdout == ""
    assert "Wrote" in result.stderr
    assert b"Short Call" in (tmp_path / "out.html").read_bytes()


def test_a_page_and_an_object_can_be_had_at_once(run, place, now, tmp_path):
    result = run(now, place, "--json", "--html", tmp_path / "out.html")
    assert loads(result.stdout)["clusters"]
    assert (tmp_path / "out.html").exists()


def test_old_positions_are_shown_with_a_warning(run, place, now):
    result = run(now + timedelta(hours=2), place)
    assert "[Stale Source File]" in result.stderr
    assert "STALE: 2 h 12 min old" in result.stdout


def test_positions_of_yesterday_are_refused_unless_asked_for(run, place, now):
    later = now + timedelta(days=2)
    with pytest.raises(PositionsTooOld):
        run(later, place)
    assert "TOO OLD: 2 d 0 h old" in run(later, place, "--any-age").stdout


def test_thresholds_come_from_the_configuration_folder(run, place, now, tmp_path):
    folder = tmp_path / "configuration"
    folder.mkdir()
    (folder / "triage.toml").write_text("[harvest]\ntarget = 0.9\n")
    document = loads(run(now, place, "--json").stdout)
    assert document["clusters"][0]["action"] is None
    assert document["meta"]["thresholds"] == str(folder / "triage.toml")
    assert "Thresholds: " in run(now, place).stdout


def test_thresholds_can_be_named(run, place, now, tmp_path):
    named = tmp_path / "mine.toml"
    named.write_text("[harvest]\ntarget = 0.9\n")
    document = loads(run(now, place, "--json", "--thresholds", named).stdout)
    assert document["clusters"][0]["action"] is None


def test_bad_thresholds_are_refused_before_anything_is_printed(run, place, now, tmp_path):
    named = tmp_path / "mine.toml"
    named.write_text("[harvest]\ntarget = 'half'\n")
    with pytest.raises(ConfigurationError):
        run(now, place, "--thresholds", named)


def test_the_help_names_what_can_be_done(run, now):
    text = run(now, "--help").stdout
    for option in ("--json", "--html", "--thresholds", "--any-age"):
        assert option in text


def test_an_empty_account_is_not_an_error(run, place, now):
    from variance_bridge.document.convert import from_bytes

    portfolio, _warnings = from_bytes(place.read_bytes())
    place.write_bytes(to_bytes(attrs.evolve(portfolio, positions=())))
    assert "No positions: the account is empty." in run(now, place).stdout


def test_only_a_page_costs_the_loading_of_the_template_engine(
    run,
):
    code = (
        "import sys\n"
        "import variance_bridge_triage.command, variance_bridge_triage.render.terminal.dashboard\n"
        "import variance_bridge_triage.render.json_report, variance_bridge_triage.rules.report\n"
        "sys.exit('jinja2' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
