"""Rows that the API really sent, and the positions that they are, written by hand (data/real_rows.json)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest

from variance_bridge.broker import Account, MarketData, MarketSnapshot, RawPortfolio
from variance_bridge.document import exact_json
from variance_bridge.document.check import check
from variance_bridge.document.convert import to_document
from variance_bridge.pipeline.enrich import enrich
from variance_bridge_tastytrade.normalize.portfolio import normalize

CASES = exact_json.loads((Path(__file__).parents[1] / "data" / "real_rows.json").read_bytes())[
    "cases"
]

each_row = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])


def portfolio_of(case):
    envelope = {"data": {"items": [case["row"]]}, "context": "/accounts/5WX00001/positions"}
    balances = {
        "data": {
            "items": [{"currency": "USD", "net-liquidating-value": "1.0", "cash-balance": "1.0"}]
        }
    }
    raw = RawPortfolio(
        account=Account(number="5WX00001"),
        payloads={"positions": envelope, "balances": balances},
        fetched_at=datetime.fromisoformat(case["fetched_at"]),
    )
    portfolio = normalize(raw)
    return attrs.evolve(portfolio, meta=attrs.evolve(portfolio.meta, account_hash="a1b2***"))


@each_row
def test_a_real_row_is_the_position_that_was_written_down_by_hand(case):
    document = to_document(portfolio_of(case))
    assert document["positions"] == [case["position"]]
    assert document["meta"]["counts"] == {"fetched": 1, "normalized": 1, "closed": 0, "rejected": 0}
    assert document["meta"]["status"] == "complete"
    cautions = [flag["caution"] for flag in document["meta"].get("flags", [])]
    assert cautions == case.get("cautions", [])
    assert check(document) == []


@each_row
def test_the_profit_of_a_real_row_is_the_published_one(case):
    portfolio = portfolio_of(case)
    (holding,) = portfolio.positions
    fetched_at = portfolio.meta.fetched_at
    data = MarketData(mark=Decimal(case["mark"]), as_of=fetched_at)
    enriched = enrich(
        portfolio,
        MarketSnapshot(instruments={holding.symbol: data}),
        now=fetched_at,
        source="tastytrade",
        stale_after=timedelta(minutes=1),
    )
    (priced,) = enriched.positions
    assert priced.market_value == Decimal(case["market_value"])
    assert priced.unrealized_pl == Decimal(case["unrealized_pl"])
    assert priced.unrealized_pl.quantize(Decimal("0.01")) == Decimal(case["published_pl"])
    assert check(to_document(enriched)) == []
