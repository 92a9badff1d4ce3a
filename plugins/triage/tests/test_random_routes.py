"""Random portfolios through the broker's API and through its CSV export: the same strategies, actions and profits."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator, to_csv
from variance_bridge.clock import SystemClock
from variance_bridge.commands import simulated_sync
from variance_bridge.exchange import exchange_date
from variance_bridge.reading.load import load
from variance_bridge_triage.rules.report import triage
from variance_bridge_triage.rules.thresholds import shipped_thresholds

ROOTS = ("AAPL", "IWM", "SPXW", "MSFT")
BETAS = {"AAPL": "1.2", "IWM": "1.1", "MSFT": "1"}
WEEKS = {"30d": 4, "60d": 8, "95d": 13}
LEGS = (
    ("-1 95P", "-1 105C"),
    ("1 90P", "-1 95P", "-1 105C", "1 110C"),
    ("1 95C", "-2 100C", "1 105C"),
    ("-1 100C", "1 100C 60d"),
    ("100 stock", "-1 105C"),
    ("300 stock", "-1 105C", "1 95P"),
    ("-1 95P", "1 105C"),
    ("-1 100C", "1 100P", "1 100C 60d", "-1 100P 60d"),
    ("1 95C", "-1 100C", "-1 105C"),
    ("-1 90P 95d",),
)


def portfolio(seed, today, now):
    """Strategies moved along the strikes; the broker nets what is in the same contract."""
    generator = random.Random(seed)
    held = defaultdict(Decimal)
    for root in generator.sample(ROOTS, generator.randint(1, len(ROOTS))):
        for _strategy in range(generator.randint(1, 4)):
            shift, times = generator.choice([-10, -5, 0, 5, 10]), generator.choice([1, 1, 2, 3])
            for leg in generator.choice(LEGS):
                amount, what, *rest = leg.split()
                symbol = root if what == "stock" else _option(root, what, shift, rest, today)
                if symbol != "SPXW":
                    held[symbol] += int(amount) * times
    rows = [_row(symbol, held[symbol], generator, now) for symbol in sorted(held) if held[symbol]]
    return SimulatedPortfolio.of(rows, betas=BETAS)


def _option(root, what, shift, rest, today):
    weeks = WEEKS[rest[0] if rest else "30d"]
    friday = today + timedelta(days=(4 - today.weekday()) % 7 + 7 * weeks)
    return f"{root:<6}{friday:%y%m%d}{what[-1]}{(int(what[:-1]) + shift) * 1000:08d}"


def _row(symbol, quantity, generator, now):
    mark = Decimal(generator.randint(50, 900)) / 100
    return {
        "symbol": symbol,
        "quantity": str(quantity),
        "instrument_type": "Equity Option" if len(symbol) == 21 else "Equity",
        "average_open_price": str(mark + Decimal(generator.randint(-40, 40)) / 100),
        "mark_price": str(mark),
        "created_at": (now - timedelta(days=generator.randint(10, 40))).isoformat(),
        "quote": {"mark": str(mark), "bid": str(mark), "ask": str(mark)},
    }


def _found(file, now):
    report = triage(load(file, now), shipped_thresholds(), now)
    return Counter(
        (
            entry.facts.cluster.root,
            entry.facts.cluster.strategy,
            entry.facts.cluster.units,
            entry.facts.net_pl.complete,
            tuple((leg.symbol, leg.side, leg.quantity) for leg in entry.facts.cluster.legs),
            entry.finding,
        )
        for entry in report.entries
    )


def _both(seed, folder):
    now = SystemClock().now()
    today: date = exchange_date(now)
    simulated = portfolio(seed, today, now)
    with Simulator(simulated) as simulator:
        known = simulator.credentials
        live = simulated_sync(
            "tastytrade",
            folder,
            settings={"base_url": simulator.url},
            credentials={
                "TT_CLIENT_SECRET": known.client_secret,
                "TT_REFRESH_TOKEN": known.refresh_token,
            },
            warn=[].append,
        )
    export = folder / "export.csv"
    export.write_text(to_csv(simulated, today=today, decimals=None), encoding="utf-8")
    later = SystemClock().now()
    return _found(live, later), _found(export, later)


@pytest.mark.parametrize("seed", range(10))
def test_both_routes_give_the_same_triage(seed, tmp_path):
    live, exported = _both(seed, tmp_path)
    assert live == exported
    assert live


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 200))
def test_both_routes_give_the_same_triage_of_many_portfolios(seed, tmp_path):
    live, exported = _both(seed, tmp_path)
    assert live == exported
