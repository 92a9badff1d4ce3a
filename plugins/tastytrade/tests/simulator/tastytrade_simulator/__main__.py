"""`python -m tastytrade_simulator`: serves the demo portfolio until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tastytrade_simulator.csv_file import generations, to_csv
from tastytrade_simulator.portfolio import SimulatedPortfolio
from tastytrade_simulator.server import Simulator
from tastytrade_simulator.state import PRODUCTION, SANDBOX
from variance_bridge.trading_hours import EXCHANGE_TIME


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, or print the CSV export; returns the exit code."""
    options = _parser().parse_args(arguments)
    now = datetime.now(UTC)
    if options.portfolio is None:
        portfolio = SimulatedPortfolio.demo(now)
    else:
        portfolio = SimulatedPortfolio.load(options.portfolio)
    if options.csv:
        today = now.astimezone(EXCHANGE_TIME).date()
        sys.stdout.buffer.write(to_csv(portfolio, options.csv, today=today).encode())
        return 0
    _serve(Simulator(portfolio, environment=options.environment))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tastytrade_simulator",
        description="A broker on this machine that behaves like the real API. Its credentials open nothing else.",
    )
    parser.add_argument("--portfolio", type=Path, help="a TOML or JSON file instead of the demo")
    parser.add_argument("--environment", choices=(PRODUCTION, SANDBOX), default=PRODUCTION)
    parser.add_argument("--csv", choices=generations(), help="print the CSV export and stop")
    return parser


def _serve(simulator: Simulator) -> None:
    """Print how to reach the simulator and wait for Ctrl-C or a termination signal."""
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with simulator:
        known = simulator.credentials
        lines = (
            f"API_BASE_URL={simulator.url}",
            f"TT_CLIENT_ID={known.client_id}",
            f"TT_CLIENT_SECRET={known.client_secret}",
            f"TT_REFRESH_TOKEN={known.refresh_token}",
        )
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
        sys.stderr.write("Serving an invented account. Ctrl-C ends it.\n")
        done.wait()


if __name__ == "__main__":
    sys.exit(main())
