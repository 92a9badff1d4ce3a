"""Thresholds: data, overridden key by key, refused with words."""

from __future__ import annotations

import re
from decimal import Decimal

import attrs
import pytest

from variance_bridge.errors import ConfigurationError
from variance_bridge_triage.rules.thresholds import FILE_NAME, shipped_thresholds, thresholds


def written(tmp_path, text, name=FILE_NAME):
    file = tmp_path / name
    file.write_text(text)
    return file


def test_the_shipped_thresholds_are_those_of_the_engine():
    shipped = shipped_thresholds()
    assert shipped.account.net_liquidity == 50000
    assert (shipped.harvest.target, shipped.harvest.quick_target) == (
        Decimal("0.50"),
        Decimal("0.25"),
    )
    assert (shipped.harvest.quick_days, shipped.window.days) == (5, 21)
    assert shipped.size_threat.share == Decimal("0.05")
    assert shipped.hedge_check.beta_delta == -5
    assert (shipped.target("Iron Fly"), shipped.window_days("Iron Fly")) == (Decimal("0.25"), 14)
    assert shipped.window_days("Put Broken Wing Butterfly") == 10
    assert (shipped.target("Iron Condor"), shipped.window_days("Iron Condor")) == (
        Decimal("0.50"),
        21,
    )


def test_the_shipped_thresholds_are_read_without_checks_as_they_are_with_them(tmp_path):
    (tmp_path / FILE_NAME).write_text("")
    checked = thresholds(tmp_path)
    assert attrs.evolve(checked, origin="shipped") == shipped_thresholds()
    assert repr(attrs.evolve(checked, origin="shipped")) == repr(shipped_thresholds())


def test_without_a_file_the_shipped_thresholds_count(tmp_path):
    assert thresholds(tmp_path) == shipped_thresholds()
    assert thresholds(None) == shipped_thresholds()


def test_the_users_file_changes_what_it_says_and_nothing_else(tmp_path):
    file = written(tmp_path, '[harvest]\ntarget = 0.6\n[strategies."Iron Fly"]\ndays = 7\n')
    own, shipped = thresholds(tmp_path), shipped_thresholds()
    assert own.harvest.target == Decimal("0.6")
    assert own.harvest.quick_target == shipped.harvest.quick_target
    assert (own.window_days("Iron Fly"), own.target("Iron Fly")) == (7, Decimal("0.25"))
    assert own.origin == str(file)


def test_a_net_liquidity_of_the_users_file_is_from_that_file(tmp_path):
    written(tmp_path, "[account]\nnet_liquidity = 120000\n")
    own = thresholds(tmp_path)
    assert own.account.net_liquidity == 120000
    assert own.origin_of_net_liquidity == "from triage.toml"
    written(tmp_path, "[harvest]\ntarget = 0.6\n")
    assert thresholds(tmp_path).origin_of_net_liquidity == "assumed (shipped thresholds)"
    assert shipped_thresholds().origin_of_net_liquidity == "assumed (shipped thresholds)"


def test_a_named_file_is_taken_instead_of_the_folders(tmp_path):
    written(tmp_path, "[window]\ndays = 1\n")
    named = written(tmp_path, "[window]\ndays = 9\n", "mine.toml")
    assert thresholds(tmp_path, named).window.days == 9


def test_a_named_file_must_exist(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read"):
        thresholds(tmp_path, tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[harvset]\n", 'harvset: unknown key (did you mean "harvest"?)'),
        ('origin = "me"\n', "origin: unknown key"),
        ("[harvest]\ntraget = 1\n", 'harvest.traget: unknown key (did you mean "target"?)'),
        ('[harvest]\ntarget = "half"\n', 'harvest.target: must be a number, not "half"'),
        ("[harvest]\ntarget = nan\n", "harvest.target: must be a number, not NaN"),
        ("[harvest]\ntarget = 0\n", "harvest.target: must be above zero"),
        (
            "[hedge_check]\nbeta_delta = []\n",
            "hedge_check.beta_delta: must be a number, not a list",
        ),
        ("[window]\ndays = 2.5\n", "window.days: must be a whole number, not 2.5"),
        ("[window]\ndays = -1\n", "window.days: must be a number of days, not less than 0"),
        ("[size_threat]\nmoves = []\n", "size_threat.moves: must not be empty"),
        ("[size_threat]\nmoves = 2\n", "size_threat.moves: must be a list, not 2"),
        ('[hedge_check]\nroots = "SPY"\n', 'hedge_check.roots: must be a list, not "SPY"'),
        ("[benchmark]\nsymbol = 5\n", "benchmark.symbol: must be text in quotes, not 5"),
        (
            '[strategies."Iron Fyl"]\ndays = 1\n',
            'strategies: unknown strategy "Iron Fyl" (did you mean "Iron Fly"?)',
        ),
        (
            '[strategies."Iron Fly"]\ndays = "x"\n',
            'strategies."Iron Fly".days: must be a whole number, not "x"',
        ),
        ("window = 5\n", "window: must be a table, not 5"),
        ("[window\n", "line 1, column 8: not TOML"),
        ("[window]\n[window]\n", "line 2, column 8: not TOML"),
        ("[window]\ndays = " + "1" * 5000, "line 2: a number of more than 100 digits"),
        ("[harvest]\ntarget = 1e99999999999999999999", "line 2: a number of more than 100 digits"),
        ("x = " + "[" * 3000, "line 1: nested deeper than 32 levels"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path, text, words):
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        thresholds(tmp_path)
    assert caught.value.where == str(file)
    assert caught.value.exit_code == 3


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        thresholds(tmp_path)
