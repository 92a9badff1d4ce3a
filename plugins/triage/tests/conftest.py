"""Invented positions, written as a trader would say them: "-1 105C", "1 95P 60d", "100 stock @2025-12-01"."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from variance_bridge.model import Greeks, Holding, Quote, Side
from variance_bridge.symbology import Deliverable, InstrumentType, OptionType

TODAY = date(2025, 12, 22)
NOW = datetime(2025, 12, 22, 15, 30, tzinfo=UTC)
_OPTION = re.compile(r"([0-9.]+)([CP])")


def position(text: str, *, root: str = "XYZ", **changes: object) -> Holding:
    """One position. Words: signed quantity; "105C" or "stock", "future", ...; "60d" to expiry (30); "@date" opened."""
    amount, what, *rest = text.split()
    days = next((int(word[:-1]) for word in rest if word.endswith("d")), 30)
    opened = next((date.fromisoformat(word[1:]) for word in rest if word.startswith("@")), None)
    quantity = Decimal(amount)
    facts: dict[str, object] = {
        "root": root,
        "symbol": root.replace("-", "/"),
        "side": Side.LONG if quantity > 0 else Side.SHORT,
        "quantity": abs(quantity),
        "opened_on": opened,
    }
    option = _OPTION.fullmatch(what)
    facts |= _option(root, option, days) if option else _outright(root, what)
    return Holding(**{**facts, **changes})  # type: ignore[arg-type]


def _option(root: str, terms: re.Match[str], days: int) -> dict[str, object]:
    expiration, strike = TODAY + timedelta(days=days), Decimal(terms[1])
    if root.startswith("/"):
        facts = {
            "symbol": f"./{root[1:]}H6 {root[1:]}G6 {expiration:%y%m%d}{terms[2]}{strike}",
            "type": InstrumentType.FUTURE_OPTION,
            "underlying": f"{root}H6",
            "multiplier": Decimal(50),
        }
    else:
        ticker = root.replace("-", "")
        facts = {
            "symbol": f"{ticker:<6}{expiration:%y%m%d}{terms[2]}{int(strike * 1000):08d}",
            "type": InstrumentType.OPTION,
            "underlying": root.replace("-", "/"),
            "multiplier": Decimal(100),
            "deliverable": Deliverable.STANDARD,
        }
    right = OptionType.CALL if terms[2] == "C" else OptionType.PUT
    return {**facts, "option_type": right, "strike": strike, "expiration": expiration}


def _outright(root: str, what: str) -> dict[str, object]:
    if what == "future":
        return {
            "symbol": f"{root}H6",
            "type": InstrumentType.FUTURE,
            "expiration": TODAY + timedelta(days=88),
            "multiplier": Decimal(50),
        }
    return {"type": InstrumentType(what)}


def priced(holding: Holding, underlying: str | None = None, **greeks: str) -> Holding:
    """The position with the price of its underlying and greeks of the whole position."""
    quote = Quote(underlying_price=Decimal(underlying)) if underlying else None
    sensitivities = Greeks(**{name: Decimal(value) for name, value in greeks.items()})
    return attrs.evolve(holding, quote=quote, greeks=sensitivities if greeks else None)


@pytest.fixture(scope="session")
def hold() -> Callable[..., Holding]:
    """`position`, for tests."""
    return position


@pytest.fixture(scope="session")
def price() -> Callable[..., Holding]:
    """`priced`, for tests."""
    return priced


@pytest.fixture(scope="session")
def today() -> date:
    """The day of the tests in New York."""
    return TODAY


@pytest.fixture(scope="session")
def now() -> datetime:
    """The moment of the tests."""
    return NOW


def report_of(
    positions,
    *,
    balances=None,
    currency="USD",
    now=NOW,
    age=timedelta(minutes=12),
    warnings=(),
    thresholds=None,
    **meta,
):
    """The triage of invented positions."""
    from variance_bridge.model import Meta, Portfolio
    from variance_bridge.reading.freshness import Freshness
    from variance_bridge.reading.load import Snapshot
    from variance_bridge_triage.rules.report import triage
    from variance_bridge_triage.rules.thresholds import shipped_thresholds

    facts = {"source": "acme", "account_hash": "a1b2c3d4e5f6***", "currency": currency, **meta}
    portfolio = Portfolio(
        meta=Meta(fetched_at=now - age, **facts), positions=tuple(positions), balances=balances
    )
    freshness = Freshness.FRESH if age <= timedelta(hours=1) else Freshness.STALE
    snapshot = Snapshot(
        portfolio=portfolio,
        freshness=freshness,
        read_at=now,
        age=age,
        warnings=tuple(warnings),
        path=Path("live_acme.json"),
    )
    return triage(snapshot, thresholds or shipped_thresholds(), now)


@pytest.fixture(scope="session")
def triaged():
    """`report_of`, for tests."""
    return report_of


@pytest.fixture(scope="session")
def all_known():
    """What to triage so that every rule has its numbers and none asks for action."""
    from variance_bridge.model import Balances, Benchmark, Status

    balances = Balances(
        currency="USD", net_liquidating_value=Decimal(100000), cash=Decimal(0), buying_power=None
    )
    return {
        "positions": [priced(position("10 stock"), delta="10", beta_delta="3")],
        "balances": balances,
        "benchmark": Benchmark(symbol="SPY", price=Decimal(600)),
        "status": Status.COMPLETE,
    }


ACCOUNT = [
    # root, legs with cost and profit, price of the underlying, (delta, gamma, theta, beta delta) of each leg
    (
        "SPX",
        "-1 5900P 0d @2025-12-18|620|555|6012.4|3|-.2|41|30",
        "1 5850P 0d @2025-12-18|410|-385|6012.4|-2|.1|-22|-20",
    ),
    (
        "IWM",
        "-2 215P 39d @2025-12-01|540|310|231.7|32|-2.4|19|13",
        "-2 250C 39d @2025-12-01|360|212|231.7|-28|-2.2|16|-11",
    ),
    (
        "QQQ",
        "1 480P 39d @2025-12-03|390|-90|512.6|-9|.4|-8|-9",
        "-1 490P 39d @2025-12-03|560|150|512.6|14|-.6|12|13",
        "-1 550C 39d @2025-12-03|430|40|512.6|-17|-.7|11|-16",
        "1 560C 39d @2025-12-03|260|-30|512.6|10|.5|-7|9",
    ),
    (
        "NVDA",
        "300 stock @2025-06-02|39600|15000|182.0|300|||820",
        "-3 190C 25d @2025-12-08|1260|-345|182.0|-105|-4.1|48|-290",
    ),
    ("TSLA", "-1 440C 11d @2025-12-01|905|-1430|455.3|-61|-.6|38|-140"),
    (
        "AAPL",
        "-1 270C 18d @2025-12-11|240|66|261.2|-24|-1.1|15|-22",
        "1 270C 60d @2025-12-11|610|-20|261.2|38|.9|-9|34",
    ),
    ("SPY", "1 560P 88d @2025-11-10|980|-260|601.2|-21|.4|-7|-21"),
    (
        "BRK-B",
        "100 stock @2024-03-01|40510|8730|492.4|100|||71",
        "-1 510C 39d @2025-12-08|515|121|492.4|-31|-.6|14|-22",
    ),
    (
        "/ES",
        "-1 5800P 25d @2025-12-10|1650|700|6018.25|11|-.4|62|55",
        "1 5700P 25d @2025-12-10|1080|-460|6018.25|-7|.2|-38|-35",
    ),
    ("BTC-USD", "0.4187 crypto @2025-01-15|38110.25|-1250.5|||||"),
    ("F", "500 stock|6100|-415|11.4|500|||62"),
    ("XYZ1", "3 other||||||||"),
]


def _account_position(root, row):
    text, cost, profit, underlying, *greeks = row.split("|")
    values = dict(zip(("delta", "gamma", "theta", "beta_delta"), greeks, strict=False))
    holding = position(
        text,
        root=root,
        cost_basis=Decimal(cost) if cost else None,
        unrealized_pl=Decimal(profit) if profit else None,
    )
    known = {name: value for name, value in values.items() if value}
    return priced(holding, underlying or None, **known)


def invented_account():
    """Positions of many kinds: every action, some unknowns, a row that nobody can name."""
    return [_account_position(root, row) for root, *rows in ACCOUNT for row in rows]


def invented_report():
    """The triage of `invented_account`."""
    from variance_bridge.model import Balances, Counts, RejectedRow, Rejection, Status

    balances = Balances(
        currency="USD",
        net_liquidating_value=Decimal("96412.37"),
        cash=Decimal("12890.11"),
        buying_power=Decimal("38211.42"),
    )
    return report_of(
        invented_account(),
        balances=balances,
        status=Status.PARTIAL,
        rejected=(RejectedRow(row=21, reason=Rejection.SYMBOL_UNREADABLE),),
        counts=Counts(fetched=22, normalized=21, closed=0, rejected=1),
    )


def invented_past():
    """What that account was worth in the three months before: a gap of two weeks, and a document without net liquidity."""
    from variance_bridge_triage.render.page.worth_line import PastWorth

    return [
        PastWorth(
            moment=NOW - timedelta(days=days),
            amount=None if days == 15 else Decimal(88000 + 90 * (90 - days) + days * 7919 % 1500),
            currency="USD",
        )
        for days in range(90, 0, -1)
        if not 40 < days < 55
    ]


def invented_page():
    """The page of `invented_report`, with its past."""
    from variance_bridge_triage.render.page.html_page import page

    return page(invented_report(), past={"a1b2c3d4e5f6***": invented_past()})


@pytest.fixture
def account_page():
    """`invented_page`, for tests."""
    return invented_page()


@pytest.fixture
def draw_account_page():
    """To draw `invented_page` under other circumstances."""
    return invented_page


@pytest.fixture(scope="session")
def account_report():
    """`invented_report`, for tests."""
    return invented_report()
