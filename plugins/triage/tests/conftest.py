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
    from variance_bridge.freshness import Freshness
    from variance_bridge.model import Meta, Portfolio
    from variance_bridge.snapshot import Snapshot
    from variance_bridge_triage.report import triage
    from variance_bridge_triage.thresholds import shipped_thresholds

    facts = {"source": "acme", "account_hash": "a1b2c3d4e5f6***", "currency": currency, **meta}
    portfolio = Portfolio(
        meta=Meta(fetched_at=now - age, **facts), positions=tuple(positions), balances=balances
    )
    freshness = Freshness.FRESH if age <= timedelta(hours=1) else Freshness.STALE
    snapshot = Snapshot(
        portfolio=portfolio,
        freshness=freshness,
        age=age,
        warnings=tuple(warnings),
        path=Path("live_acme.json"),
    )
    return triage(snapshot, thresholds or shipped_thresholds(), now)


@pytest.fixture(scope="session")
def triaged():
    """`report_of`, for tests."""
    return report_of
