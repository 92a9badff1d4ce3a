"""What an option does not state is read from its symbol, for every consumer."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from variance_bridge.document import exact_json
from variance_bridge.errors import DataRefused
from variance_bridge.reading.engine_rows import PortfolioParser
from variance_bridge.reading.load import load

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)


def written(tmp_path, *positions):
    path = tmp_path / "live_acme.json"
    meta = {"source": "acme", "fetched_at": "2026-03-02T14:59:00Z", "account_hash": "abcd***"}
    path.write_bytes(exact_json.dumps({"meta": meta, "positions": list(positions)}))
    return path


def option(symbol, root, **more):
    return {
        "root": root,
        "symbol": symbol,
        "type": "option",
        "side": "short",
        "quantity": 1,
        "strike": 500,
        "expiration": "2026-03-20",
        **more,
    }


@pytest.mark.parametrize(
    ("position", "option_type", "underlying"),
    [
        (option("SPY   260320P00500000", "SPY"), "put", "SPY"),
        (option("SPY   260320C00500000", "SPY"), "call", "SPY"),
        (option("SPXW  260320C00500000", "SPX"), "call", "SPX"),
        (option("BRKB  260320P00500000", "BRK-B"), "put", "BRK/B"),
        (option("./MESM6EX3H6 260320P500", "/MES", type="future_option"), "put", "/MESM6"),
        (option("SPY   260320P00500000", "SPY", option_type="put"), "put", "SPY"),
    ],
)
def test_type_and_underlying_of_an_option_come_from_its_symbol_unless_stated(
    tmp_path, position, option_type, underlying
):
    (read,) = load(written(tmp_path, position), NOW).portfolio.positions

    assert (read.option_type, read.underlying) == (option_type, underlying)


@pytest.mark.parametrize(
    "position",
    [
        option("SPY   260320P00500000", "SPY", underlying="SPDR"),
        option("XYZ   260320P00500000", "ABC"),
        option("SPY   260327P00500000", "SPY"),
    ],
)
def test_an_option_that_contradicts_its_symbol_is_refused(tmp_path, position):
    with pytest.raises(DataRefused, match="contradicts the symbol"):
        load(written(tmp_path, position), NOW)


def test_shares_give_their_price_to_an_option_that_does_not_name_them(tmp_path):
    shares = {
        "root": "BRK-B",
        "symbol": "BRK/B",
        "type": "stock",
        "side": "long",
        "quantity": 100,
        "quote": {"mark": Decimal("492.4")},
    }
    path = written(tmp_path, shares, option("BRKB  260320C00500000", "BRK-B"))
    rows = PortfolioParser(now=lambda: NOW).parse(path)

    assert [row["Underlying Last Price"] for row in rows] == ["492.4", "492.4"]


def test_the_order_is_that_of_positions_that_state_everything(tmp_path):
    silent = [option(f"SPY   260320{right}00500000", "SPY") for right in "PC"]
    stated = [
        {**position, "option_type": right, "underlying": "SPY"}
        for position, right in zip(silent, ("put", "call"), strict=True)
    ]

    one = load(written(tmp_path, *silent), NOW).portfolio.positions
    assert one == load(written(tmp_path, *stated), NOW).portfolio.positions
