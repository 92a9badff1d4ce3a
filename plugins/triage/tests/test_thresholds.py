"""Thresholds: data, overridden key by key, refused with words."""

from __future__ import annotations

import re
from decimal import Decimal

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
        ("[harvset]\n", "no table `harvset`"),
        ("[harvest]\ntraget = 1\n", "no key in [harvest] `traget`"),
        ('[harvest]\ntarget = "half"\n', "`harvest.target` must be a number"),
        ("[harvest]\ntarget = nan\n", "`harvest.target` must be a number"),
        ("[harvest]\ntarget = 0\n", "`harvest.target` must be a number above zero"),
        ("[hedge_check]\nbeta_delta = []\n", "`hedge_check.beta_delta` must be a number"),
        ("[window]\ndays = 2.5\n", "`window.days` must be a whole number of days"),
        ("[window]\ndays = -1\n", "`window.days` must be a whole number of days"),
        ("[size_threat]\nmoves = []\n", "`size_threat.moves` must be a list of numbers"),
        ("[size_threat]\nmoves = 2\n", "`size_threat.moves` must be a list of numbers"),
        ('[hedge_check]\nroots = "SPY"\n', "`hedge_check.roots` must be a list of texts"),
        ("[benchmark]\nsymbol = 5\n", "`benchmark.symbol` must be a text"),
        ('[strategies."Iron Fyl"]\ndays = 1\n', "no strategy `Iron Fyl`"),
        ("window = 5\n", "`window` must be a table"),
        ("[window\n", "is not TOML"),
        ("[window]\n[window]\n", "is not TOML"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(tmp_path, text, words):
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=re.escape(words)) as caught:
        thresholds(tmp_path)
    assert caught.value.where == str(file)


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(tmp_path):
    written(tmp_path, "[harvest]\ntraget = 1\n")
    with pytest.raises(ConfigurationError) as caught:
        thresholds(tmp_path)
    assert caught.value.hint == "did you mean `target`?"


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        thresholds(tmp_path)
