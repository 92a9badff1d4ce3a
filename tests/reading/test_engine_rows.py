from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given

from variance_bridge import PortfolioParser
from variance_bridge.document import convert as document
from variance_bridge.model import Greeks, Holding, Meta, Portfolio, Quote, Side
from variance_bridge.reading.engine_rows import (
    COLUMNS,
    engine_root,
    positions,
    rows,
)
from variance_bridge.symbology import InstrumentType, OptionType
from variance_bridge.testing.hypothesis_portfolios import portfolios
from variance_bridge.trading_hours import days_to_expiration

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
FULL = Path(__file__).parents[2] / "schemas" / "examples" / "full.json"


def portfolio(*holdings: Holding) -> Portfolio:
    return Portfolio(
        meta=Meta(source="acme", fetched_at=NOW, account_hash="abcd***"), positions=holdings
    )


def option(symbol: str, root: str, underlying: str, **more) -> Holding:
    values = {
        "type": InstrumentType.OPTION,
        "side": Side.SHORT,
        "quantity": Decimal(1),
        "strike": Decimal(500),
        "expiration": date(2026, 3, 20),
        "option_type": OptionType.PUT,
    }
    return Holding(symbol=symbol, root=root, underlying=underlying, **{**values, **more})


def future_option(symbol: str, root: str, underlying: str | None = None) -> Holding:
    return option(symbol, root, underlying, type=InstrumentType.FUTURE_OPTION)


def stock(symbol: str, root: str, **more) -> Holding:
    return Holding(
        **{
            "symbol": symbol,
            "root": root,
            "type": InstrumentType.STOCK,
            "side": Side.LONG,
            "quantity": Decimal(100),
            **more,
        }
    )


@given(portfolios())
def test_a_row_has_exactly_the_24_columns_and_only_texts(made):
    for row in rows(made, NOW):
        assert tuple(row) == COLUMNS
        assert all(isinstance(value, str) for value in row.values())
        assert not {"None", "NaN", "--"} & set(row.values())


@given(portfolios())
def test_no_row_is_lost_and_none_is_invented(made):
    assert len(rows(made, NOW)) == len(made.positions) == len(positions(made, NOW))


@given(portfolios())
def test_the_engine_derives_the_right_group_from_every_symbol(made):
    for row, holding in zip(rows(made, NOW), made.positions, strict=True):
        assert engine_root(row["Symbol"]) == holding.root


@given(portfolios())
def test_flipping_the_sides_flips_quantity_and_cost_and_nothing_else(made):
    flip = {Side.LONG: Side.SHORT, Side.SHORT: Side.LONG}
    flipped = attrs.evolve(
        made, positions=tuple(attrs.evolve(h, side=flip[h.side]) for h in made.positions)
    )
    for one, other in zip(rows(made, NOW), rows(flipped, NOW), strict=True):
        for column in COLUMNS:
            if column in {"Quantity", "Cost"} and one[column] not in {"", "0"}:
                assert Decimal(one[column]) == -Decimal(other[column])
            else:
                assert one[column] == other[column]


@pytest.mark.parametrize(
    ("holding", "symbol"),
    [
        (option("SPY   260320P00500000", "SPY", "SPY"), "SPY   260320P00500000"),
        (option("SPXW  260320P00500000", "SPX", "SPX"), "SPX"),
        (option("BRKB  260320P00500000", "BRK-B", "BRK/B"), "BRK/B"),
        (option("BABA2 260320P00500000", "BABA", "BABA"), "BABA"),
        (option("GOOGL1260320P00500000", "GOOGL", "GOOGL"), "GOOGL"),
        (future_option("./MESM6EX3H6 260320P6450", "/MES", "/MESM6"), "/MESM6"),
        (future_option("./MESM6EX3H6 260320P6450", "/MES"), "/MESM6"),
        (future_option("./ESM6 EW3K6 260515P5400", "/ES", "/ESM6"), "./ESM6 EW3K6 260515P5400"),
        (stock("BRK/B", "BRK-B"), "BRK/B"),
        (stock("BTC/USD", "BTC-USD", type=InstrumentType.CRYPTO), "BTC/USD"),
        (stock("/ESZ6", "/ES", type=InstrumentType.FUTURE), "/ESZ6"),
        (stock("/VX01F6", "/VX", type=InstrumentType.FUTURE), "/VX"),
        (stock("/QBTCZ6", "/QBTC", type=InstrumentType.FUTURE), "/QBTC"),
    ],
)
def test_a_symbol_that_the_engine_would_misread_is_replaced_by_one_that_it_reads(holding, symbol):
    assert rows(portfolio(holding), NOW)[0]["Symbol"] == symbol
    assert engine_root(symbol) == holding.root


@pytest.mark.parametrize(
    ("symbol", "root"),
    [
        ("AAPL  250117C00240000", "AAPL"), ("BRK/B", "BRK-B"), ("$SPX", "SPX"), ("/ESZ25", "/ES"), ("/10YZ5", "/10Y"),
        ("/SR3H6", "/SR3"), ("./CLG6 LOG6 260114C75", "/CL"), ("./MESM6EX3H6 260320P6450", "/MESM6EX3H6"),
        ("MSFT_2025-01-17_400_P", "MSFT"), ("/esz5", "/ES"), ("/VX01F6", "/VX01F6"), ("", ""), ("BTC/USD", "BTC-USD"),
    ],
)  # fmt: skip
def test_the_engines_own_derivation_is_reproduced(symbol, root):
    assert engine_root(symbol) == root


def test_cost_is_negative_for_a_credit_and_positive_for_a_debit():
    short = option("SPY   260320P00500000", "SPY", "SPY", cost_basis=Decimal("250.00"))
    long = attrs.evolve(short, side=Side.LONG)

    assert [row["Cost"] for row in rows(portfolio(short, long), NOW)] == ["-250", "250"]


def test_the_notional_of_a_future_is_not_a_cost():
    future = stock(
        "/ESH6",
        "/ES",
        type=InstrumentType.FUTURE,
        multiplier=Decimal(50),
        average_price=Decimal("6070.35"),
        cost_basis=Decimal("303517.5"),
        unrealized_pl=Decimal(400),
    )
    margin = attrs.evolve(future, average_price=None, cost_basis=Decimal(1500))
    assert [row["Cost"] for row in rows(portfolio(future, margin), NOW)] == ["", "1500"]
    assert future.paid_to_open is None
    assert attrs.evolve(margin, side=Side.SHORT).paid_to_open == -1500


def test_every_member_reaches_its_column():
    holding = option(
        "SPY   260320P00500000", "SPY", "SPY", quantity=Decimal(2), cost_basis=Decimal("300.50"), market_value=Decimal(-280),
        unrealized_pl=Decimal("20.50"), opened_on=date(2026, 2, 20), sector="Index",
        quote=Quote(bid=Decimal("1.39"), ask=Decimal("1.41"), mark=Decimal("1.40"), underlying_price=Decimal("512.30"), iv_rank=Decimal("35.20"), iv_percentile=Decimal(41)),
        greeks=Greeks(delta=Decimal(30), gamma=Decimal(-2), theta=Decimal(12), vega=Decimal(-40), beta_delta=Decimal(31), beta_gamma=Decimal(-3)),
    )  # fmt: skip

    assert rows(portfolio(holding), NOW) == [
        {
            "Symbol": "SPY   260320P00500000", "Type": "Option", "Quantity": "-2", "Exp Date": "2026-03-20", "DTE": "18",
            "Strike Price": "500", "Call/Put": "Put", "Underlying Last Price": "512.3", "P/L Open": "20.5", "Cost": "-300.5",
            "IV Rank": "35.2", "IV Percentile": "41", "Delta": "30", "beta_delta": "31", "Theta": "12", "Vega": "-40", "Gamma": "-2",
            "beta_gamma": "-3", "Value": "-280", "Bid": "1.39", "Ask": "1.41", "Mark": "1.4", "Open Date": "2026-02-20",
            "Sector": "Index",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("greeks", "delta", "gamma"),
    [
        ({"delta": "-21247.7", "gamma": "-1002828.8"}, "", ""),
        ({"delta": "-21247.7", "gamma": "-1002828.8", "beta_gamma": "-4.6"}, "", "-1002828.8"),
        ({"beta_delta": "-1.4", "gamma": "-1002828.8"}, "", ""),
        ({"delta": "0.0009", "beta_delta": "1.4", "gamma": "-2.5"}, "0.0009", ""),
        ({"delta": "-0.0011", "beta_delta": "-1.4", "gamma": "-2.5"}, "-0.0011", "-2.5"),
        ({"delta": "0", "gamma": "0"}, "0", "0"),
    ],
)
def test_a_futures_delta_is_never_mistaken_for_shares_of_the_benchmark(greeks, delta, gamma):
    short_put = option(
        "./6EH7 EUUF7 270108P1.195", "/6E", "/6EH7", type=InstrumentType.FUTURE_OPTION,
        greeks=Greeks(**{name: Decimal(value) for name, value in greeks.items()}),
    )  # fmt: skip
    (row,) = rows(portfolio(short_put), NOW)

    assert (row["Delta"], row["Gamma"]) == (delta, gamma)
    assert row["beta_delta"] == greeks.get("beta_delta", "")


def test_the_delta_of_shares_stays_without_a_weighted_one():
    shares = stock("SPY", "SPY", greeks=Greeks(delta=Decimal(100), gamma=Decimal(1)))
    (row,) = rows(portfolio(shares), NOW)

    assert (row["Delta"], row["Gamma"], row["beta_delta"]) == ("100", "1", "")


def test_unknown_is_empty_and_zero_is_zero():
    known = stock("SPY", "SPY", unrealized_pl=Decimal(0), cost_basis=Decimal("0.00"))
    unknown = stock("SPY", "SPY")
    one, other = rows(portfolio(known, unknown), NOW)

    assert (one["P/L Open"], one["Cost"]) == ("0", "0")
    assert (other["P/L Open"], other["Cost"], other["DTE"], other["Delta"]) == ("", "", "", "")


def test_the_price_of_held_shares_is_the_underlying_price_of_their_options():
    shares = stock("SPY", "SPY", quote=Quote(mark=Decimal("512.3")))
    call = option("SPY   260320P00500000", "SPY", "SPY")

    assert [row["Underlying Last Price"] for row in rows(portfolio(call, shares), NOW)] == [
        "512.3",
        "512.3",
    ]


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2026-03-20T03:59:59+00:00", 1),
        ("2026-03-20T04:00:00+00:00", 0),
        ("2026-03-21T03:59:59+00:00", 0),
        ("2026-03-21T04:00:00+00:00", -1),
        ("2026-03-08T04:59:59+00:00", 13),
        ("2026-03-08T05:00:00+00:00", 12),
        ("2026-03-09T03:59:59+00:00", 12),
        ("2026-03-09T04:00:00+00:00", 11),
    ],
)
def test_days_are_those_of_new_york_on_both_sides_of_the_change_to_summer_time(now, days):
    assert days_to_expiration(date(2026, 3, 20), datetime.fromisoformat(now)) == days


@pytest.mark.parametrize(
    ("now", "days"),
    [
        ("2026-11-01T03:59:59+00:00", 20),
        ("2026-11-01T04:00:00+00:00", 19),
        ("2026-11-02T04:59:59+00:00", 19),
        ("2026-11-02T05:00:00+00:00", 18),
    ],
)
def test_days_are_those_of_new_york_on_both_sides_of_the_change_to_winter_time(now, days):
    assert days_to_expiration(date(2026, 11, 20), datetime.fromisoformat(now)) == days


def test_an_expired_contract_is_shown_as_expired():
    expired = option("SPY   260227P00500000", "SPY", "SPY", expiration=date(2026, 2, 27))

    assert rows(portfolio(expired), NOW)[0]["DTE"] == "-3"


def test_the_parser_reads_a_document_and_carries_its_warnings():
    parser = PortfolioParser(now=lambda: datetime(2026, 3, 2, 17, tzinfo=UTC))
    found = parser.parse(FULL)

    assert len(found) == 8
    assert found.snapshot.freshness == "stale"
    assert "[Stale Source File]" in found.snapshot.warnings[0]
    assert found.snapshot.warnings[1].startswith("partial")


def test_the_class_reads_without_a_parser_being_made_as_the_engine_has_it(tmp_path):
    path = tmp_path / "live_acme.json"
    held = portfolio(stock("SPY", "SPY"))
    meta = attrs.evolve(held.meta, fetched_at=datetime.now(UTC))
    path.write_bytes(document.to_bytes(attrs.evolve(held, meta=meta)))

    class EnginesParser:
        parse = PortfolioParser.parse

    assert [row["Symbol"] for row in EnginesParser.parse(str(path))] == ["SPY"]
    assert [row["Symbol"] for row in EnginesParser().parse(str(path))] == ["SPY"]
    assert [position.symbol for position in PortfolioParser.parse_positions(path)] == ["SPY"]
    assert PortfolioParser.parse(path) == PortfolioParser().parse(path)


def test_positions_and_rows_say_the_same():
    parser = PortfolioParser(now=lambda: NOW.replace(minute=30))
    found = parser.parse_positions(FULL)

    for position, row in zip(found, parser.parse(FULL), strict=True):
        assert (position.symbol, position.asset_type, str(position.quantity)) == (
            row["Symbol"],
            row["Type"],
            row["Quantity"],
        )
        assert position.is_option == (row["Call/Put"] != "")
        assert position.is_short == row["Quantity"].startswith("-") != position.is_long
    assert [p.symbol for p in found if p.is_stock] == ["BRK/B"]


def test_the_option_type_is_derived_from_the_symbol_where_the_document_does_not_state_it():
    text = document.to_bytes(
        portfolio(attrs.evolve(option("SPY   260320P00500000", "SPY", "SPY"), option_type=None))
    )
    read, _ = document.from_bytes(text)

    assert rows(read, NOW)[0]["Call/Put"] == "Put"


def test_cash_is_not_a_position_of_the_engine():
    cash = stock("USD", "USD", type=InstrumentType.CASH)

    assert rows(portfolio(cash), NOW) == []
