"""Random portfolios through the broker's API and through its CSV export: the same strategies, actions and totals.

The export leaves out what it has no column for: the cost of a future, and the gamma that is weighted against SPY. A rule
that needs them is judged by API alone, so both routes are compared by what each of them could judge.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
import pytest

from tastytrade_simulator import SimulatedPortfolio, Simulator, to_csv
from tastytrade_simulator.csv_file import generation_columns
from variance_bridge.clock import SystemClock
from variance_bridge.commands import simulated_sync
from variance_bridge.reading.engine_rows import rows
from variance_bridge.reading.load import Snapshot, load
from variance_bridge.trading_hours import exchange_date
from variance_bridge_tastytrade.demo_server.contracts import future_option_symbol
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.report import Entry, Report, triage
from variance_bridge_triage.rules.thresholds import shipped_thresholds

PORTFOLIOS = 200
FAST = 10
COLUMNS = (*generation_columns("2026"), "Delta", "Bid", "Ask")
ENGINE_COLUMNS = (
    "Symbol", "Type", "Quantity", "Strike Price", "Call/Put", "Underlying Last Price", "P/L Open", "Cost", "Theta", "Vega", "Value", "Mark",
)  # fmt: skip
RATIO = Decimal("1e-9")
"""Beta-weighted deltas are the results of a division, rounded to 28 digits on either route."""


@attrs.frozen
class Product:
    """What strategies are built on: price, grid of strikes, beta, shares or futures per option, decimals of a price."""

    root: str
    price: Decimal
    grid: int
    beta: str
    size: int = 100


PRODUCTS = (
    Product("AAPL", Decimal("152.31"), 1, "1.2"),
    Product("IWM", Decimal("231.05"), 1, "1.1"),
    Product("MSFT", Decimal("398.40"), 5, "0.9"),
    Product("SPXW", Decimal("6012.75"), 5, "1"),
    Product("/ES", Decimal("6025.25"), 5, "1.02", 50),
    Product("/MES", Decimal("6025.50"), 5, "1.02", 5),
)
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
    ("100 stock",),
    ("-100 stock", "1 105C"),
    ("1 90P",),
)


def portfolio(seed: int, today: date, now: datetime) -> SimulatedPortfolio:
    """Strategies on several products, moved along the strikes; the broker nets what is in the same contract."""
    generator = random.Random(seed)
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    chosen = generator.sample(PRODUCTS, generator.randint(1, len(PRODUCTS)))
    for product in chosen:
        for _strategy in range(generator.randint(1, 4)):
            shift, times = generator.choice([-10, -5, 0, 5, 10]), generator.choice([1, 1, 2, 3])
            for leg in generator.choice(LEGS):
                amount, what, *rest = leg.split()
                contracts = int(amount) * times
                if what == "stock":
                    name = _outright(product, today)
                    contracts = contracts if product.size == 100 else contracts // 100
                else:
                    name = _option(product, what, shift, rest, today)
                if name is not None:
                    held[product.root, name] += contracts
    if generator.random() < 0.3:
        held["BTC", "BTC/USD"] = Decimal(generator.randint(1, 10**8)) / 10**8
    if not any(held.values()):
        held["AAPL", "AAPL"] = Decimal(100)
    listed = [_row(name, held[root, name], root, generator, now) for root, name in sorted(held)]
    return SimulatedPortfolio.of(
        [row for row in listed if row is not None],
        quotes=[*_underlyings(chosen, today)],
        betas={each.root.replace("SPXW", "SPX"): each.beta for each in chosen},
        cash=str(generator.randint(0, 200_000)),
    )


def _outright(product: Product, today: date) -> str | None:
    if product.root == "SPXW":
        return None
    return _future(product.root, today, 13) if product.root.startswith("/") else product.root


def _future(root: str, today: date, weeks: int) -> str:
    """The quarterly future that is alive when the last of the options expires."""
    day = today + timedelta(weeks=weeks + 1)
    month = next(month for month in (3, 6, 9, 12) if month >= day.month)
    return f"{root}{'HMUZ'[month // 3 - 1]}{day.year % 10}"


def _option(product: Product, what: str, shift: int, rest: list[str], today: date) -> str:
    weeks = WEEKS[rest[0] if rest else "30d"]
    friday = today + timedelta(days=(4 - today.weekday()) % 7 + 7 * weeks)
    percent = Decimal(int(what[:-1]) + shift) / 100
    strike = int(product.price * percent) // product.grid * product.grid
    if not product.root.startswith("/"):
        return f"{product.root:<6}{friday:%y%m%d}{what[-1]}{strike * 1000:08d}"
    nth = (friday.day - 1) // 7 + 1
    series = "EW" if product.root == "/ES" else "EX"
    code = "FGHJKMNQUVXZ"[friday.month - 1]
    future = _future(product.root, today, 13)
    contract = f"{series}{nth}{code}{friday.year % 10}"
    return future_option_symbol(future, contract, friday, what[-1], Decimal(strike))


def _row(
    symbol: str, quantity: Decimal, root: str, generator: random.Random, now: datetime
) -> Mapping[str, Any] | None:
    if not quantity:
        return None
    mark = Decimal(generator.randint(50, 9000)) / 100
    quote = {"mark": str(mark), "bid": str(mark), "ask": str(mark)}
    facts: dict[str, Any] = {
        "symbol": symbol,
        "quantity": str(quantity),
        "instrument_type": _type(symbol),
        "average_open_price": str(mark + Decimal(generator.randint(-40, 40)) / 100),
        "mark_price": str(mark),
        "created_at": (now - timedelta(days=generator.randint(10, 40))).isoformat(),
    }
    if root == "SPXW":
        facts["underlying_symbol"] = "SPX"
    if root.startswith("/"):
        facts["multiplier"] = str(next(each.size for each in PRODUCTS if each.root == root))
    if "Option" in facts["instrument_type"]:
        quote |= _greeks(symbol, generator)
    elif root != "BTC":
        price = next(each.price for each in PRODUCTS if each.root == root)
        quote = dict.fromkeys(("mark", "bid", "ask", "last"), str(price))
        facts["mark_price"] = str(price)
        facts["average_open_price"] = str(price + Decimal(generator.randint(-999, 999)) / 100)
    return {**facts, "quote": quote}


def _type(symbol: str) -> str:
    if symbol.startswith("./"):
        return "Future Option"
    if symbol.startswith("/"):
        return "Future"
    if symbol == "BTC/USD":
        return "Cryptocurrency"
    return "Equity Option" if len(symbol) == 21 else "Equity"


def _greeks(symbol: str, generator: random.Random) -> dict[str, str]:
    is_put = symbol.rsplit(maxsplit=1)[-1][6:7] == "P"
    sign = -1 if is_put else 1
    return {
        "delta": str(sign * Decimal(generator.randint(2, 98)) / 100),
        "gamma": str(Decimal(generator.randint(1, 900)) / 10**4),
        "theta": str(-Decimal(generator.randint(1, 90)) / 100),
        "vega": str(Decimal(generator.randint(1, 90)) / 100),
        "volatility": "0.21",
    }


def _underlyings(chosen: list[Product], today: date) -> Iterator[Mapping[str, Any]]:
    yield {"symbol": "SPY", "mark": "600", "last": "600"}
    for product in chosen:
        names = {"SPXW": ("SPX", "Index")}
        name, kind = names.get(product.root, (product.root, "Equity"))
        if product.root.startswith("/"):
            name, kind = _future(product.root, today, 13), "Future"
        price = str(product.price)
        yield {"symbol": name, "instrument_type": kind, "mark": price, "last": price}


def _both(seed: int, folder) -> tuple[Snapshot, Snapshot]:
    """The synced document and the export, read."""
    now = SystemClock().now()
    today = exchange_date(now)
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
    text = to_csv(simulated, COLUMNS, today=today, decimals=None)
    export.write_text(text, encoding="utf-8")
    later = SystemClock().now()
    return load(live, later), load(export, later)


def _strategies(report: Report) -> Counter:
    return Counter(
        (
            entry.facts.cluster.root,
            entry.facts.cluster.strategy,
            entry.facts.cluster.units,
            entry.facts.net_pl.complete,
            entry.facts.theta.complete,
            entry.facts.delta.complete,
            _legs(entry),
        )
        for entry in report.entries
    )


def _found(report: Report, measured: Report) -> Counter:
    """The findings that do not depend on SIZE_THREAT, which measures against balances that an export does not state.

    HEDGE_CHECK asks only about what nothing else was found of.
    """
    threats = {
        _legs(entry)
        for entry in measured.entries
        if any(finding.action is Action.SIZE_THREAT for finding in entry.findings)
    }
    return Counter(
        (_legs(entry), finding)
        for entry in report.entries
        for finding in entry.findings
        if finding.action is not Action.SIZE_THREAT
        and not (finding.action is Action.HEDGE_CHECK and _legs(entry) in threats)
    )


def _legs(entry: Entry) -> tuple[Any, ...]:
    legs = entry.facts.cluster.legs
    return entry.facts.cluster.strategy, tuple((leg.symbol, leg.side, leg.quantity) for leg in legs)


def _engine_rows(snapshot: Snapshot) -> Counter:
    """What the engine counts of each row. An export states neither when a future expires nor when a position was opened."""
    listed = rows(snapshot.portfolio, snapshot.read_at)
    return Counter(tuple(row[column] for column in ENGINE_COLUMNS) for row in listed)


def _compare(seed: int, folder) -> None:
    snapshots = _both(seed, folder)
    now = snapshots[0].read_at
    assert _engine_rows(snapshots[0]) == _engine_rows(snapshots[1])
    live, exported = (triage(each, shipped_thresholds(), now) for each in snapshots)
    assert live.rows == exported.rows > 0
    assert _strategies(live) == _strategies(exported)
    assert _found(live, live) == _found(exported, live)
    assert live.totals.net_pl == exported.totals.net_pl
    assert live.totals.theta == exported.totals.theta
    ours, theirs = live.totals.beta_delta, exported.totals.beta_delta
    assert (ours.known, ours.count) == (theirs.known, theirs.count)
    if ours.amount is not None and theirs.amount is not None:
        assert abs(ours.amount - theirs.amount) <= RATIO * max(1, abs(ours.amount))


@pytest.mark.parametrize("seed", range(FAST))
def test_both_routes_give_the_same_triage(seed, tmp_path):
    _compare(seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FAST, PORTFOLIOS))
def test_both_routes_give_the_same_triage_of_many_portfolios(seed, tmp_path):
    _compare(seed, tmp_path)


def test_the_portfolios_hold_every_type_of_instrument():
    now = SystemClock().now()
    kinds = {
        row.instrument_type
        for seed in range(FAST)
        for row in portfolio(seed, exchange_date(now), now).accounts[0].positions
    }
    assert kinds == {"Equity", "Equity Option", "Future", "Future Option", "Cryptocurrency"}
