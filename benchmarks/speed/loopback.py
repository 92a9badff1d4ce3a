"""The project's tastytrade simulator in a process of its own: `python loopback.py ROWS [SECONDS]` prints where it serves.

SECONDS is what every answer is late by.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve()
ROOT = HERE.parents[2]
# What the SDK's class of balances requires beside what the simulator writes.
REQUIRED_BY_SDK = (
    "available-trading-funds", "bond-margin-requirement", "cash-available-to-withdraw", "closed-loop-available-balance",
    "cryptocurrency-margin-requirement", "day-equity-call-value", "day-trade-excess", "day-trading-buying-power",
    "day-trading-call-value", "effective-cryptocurrency-buying-power", "equity-offering-margin-requirement",
    "futures-intraday-margin-requirement", "futures-margin-requirement", "futures-overnight-margin-requirement",
    "long-margineable-value", "maintenance-call-value", "maintenance-excess", "margin-equity", "pending-margin-interest",
    "reg-t-call-value", "reg-t-margin-requirement", "short-margineable-value", "unsettled-cryptocurrency-fiat-amount",
    "used-derivative-buying-power",
)  # fmt: skip
SIMULATOR = ROOT / "plugins" / "tastytrade" / "tests" / "simulator"


@contextmanager
def serving(count: int, late: float = 0.0) -> Iterator[dict[str, str]]:
    """The environment that `variance sync --broker tastytrade` needs to reach the server."""
    command = [sys.executable, str(HERE), str(count), str(late)]
    paths = os.pathsep.join((str(SIMULATOR), str(ROOT / "benchmarks")))
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        assert server.stdout is not None
        yield json.loads(server.stdout.readline())
    finally:
        server.terminate()
        server.wait()


def main(count: int, late: float) -> None:
    from speed.inputs import held, moment
    from tastytrade_simulator.fault_kinds import Fault, FaultKind
    from tastytrade_simulator.portfolio import SimulatedPortfolio
    from tastytrade_simulator.server import Simulator

    rows = [
        {
            "symbol": one.symbol,
            "instrument_type": "Equity" if one.expiration is None else "Equity Option",
            "quantity": one.sign * one.quantity,
            "mark_price": str(one.mark),
            "average_open_price": str(one.average),
        }
        for one in held(count, moment().date())
    ]
    account = {
        "cash": "100000",
        "positions": rows,
        "balance_members": dict.fromkeys(REQUIRED_BY_SDK, "0.0"),
    }
    portfolio = SimulatedPortfolio.from_data({"accounts": [account]})
    faults = [Fault("*", FaultKind.DELAY, seconds=late)] if late else []
    with Simulator(portfolio, faults=faults) as server:
        known = server.credentials
        address = {
            "API_BASE_URL": server.url,
            "TT_CLIENT_ID": known.client_id,
            "TT_CLIENT_SECRET": known.client_secret,
            "TT_REFRESH_TOKEN": known.refresh_token,
        }
        print(json.dumps(address), flush=True)
        done = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: done.set())
        done.wait()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
