"""The most used public SDK accepts the simulator, and reads out of it what our own reader does.

The SDK is installed into an environment of the test's own; where that cannot be done, the test is skipped.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from decimal import Decimal
from pathlib import Path

import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator
from variance_bridge import load
from variance_bridge.clock import SystemClock
from variance_bridge.commands import simulated_sync
from variance_bridge.model import Side

SDK = "tastytrade==13.2.3"
JOB = Path(__file__).with_name("public_sdk_job.py")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sdk_python(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sdk")
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no environment for the SDK can be made here")
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    installed = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", SDK], capture_output=True, check=False
    )
    if installed.returncode:
        pytest.skip(f"{SDK} cannot be installed here")
    return python


@pytest.fixture(scope="module")
def read_by_both(sdk_python, tmp_path_factory):
    """What the SDK and our own sync read of the demo account: a table, and a portfolio."""
    with Simulator(SimulatedPortfolio.demo(SystemClock().now())) as simulator:
        known = simulator.credentials
        job = subprocess.run(
            [sdk_python, JOB, simulator.url, known.client_secret, known.refresh_token],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert job.returncode == 0, job.stderr[-2000:]
        live = simulated_sync(
            "tastytrade",
            tmp_path_factory.mktemp("ours"),
            settings={"base_url": simulator.url},
            credentials={
                "TT_CLIENT_SECRET": known.client_secret,
                "TT_REFRESH_TOKEN": known.refresh_token,
            },
            warn=[].append,
        )
    return json.loads(job.stdout), load(live).portfolio


def test_the_sdk_reads_the_positions_that_we_read(read_by_both):
    theirs, ours = read_by_both
    held = {(each.broker_symbol or each.symbol): each for each in ours.positions}
    assert len(theirs["positions"]) == len(held)
    for symbol, direction, quantity, average, _mark in theirs["positions"]:
        position = held[symbol]
        assert (position.side is Side.LONG) is (direction == "Long")
        assert position.quantity == Decimal(quantity)
        if position.average_price is not None:
            assert position.average_price == Decimal(average)


def test_the_sdk_reads_the_balances_and_marks_that_we_read(read_by_both):
    theirs, ours = read_by_both
    assert Decimal(theirs["net_liquidating_value"]) == ours.balances.net_liquidating_value
    assert Decimal(theirs["cash"]) == ours.balances.cash
    marks = {
        (each.broker_symbol or each.symbol): each.quote.mark
        for each in ours.positions
        if each.quote
    }
    compared = [symbol for symbol in theirs["marks"] if marks.get(symbol) is not None]
    assert len(compared) >= 20
    for symbol in compared:
        assert Decimal(theirs["marks"][symbol]) == marks[symbol]


def test_the_sdk_finds_its_customer_its_betas_and_its_way_to_the_stream(read_by_both):
    theirs, _ours = read_by_both
    assert theirs["customer"].endswith("@example.invalid")
    assert theirs["account"] == "5WX00001"
    assert theirs["beta"] == "1"
    assert theirs["streaming"] == ["dxlink-url", "expires-at", "issued-at", "level", "token"]


def test_the_sdk_is_refused_a_route_that_does_not_exist(read_by_both):
    theirs, _ours = read_by_both
    assert theirs["unknown"].startswith("record_not_found")
