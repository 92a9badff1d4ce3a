"""The format `parquet`, and Arrow tables: exact decimals, or an error that names the row."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given, settings

from variance_bridge import (
    ROW_COLUMNS,
    ConfigurationError,
    DataRefused,
    Holding,
    InstrumentType,
    Meta,
    Portfolio,
    Side,
    flat_rows,
    load,
    load_all,
)
from variance_bridge.document.convert import to_bytes
from variance_bridge.exports.parquet_file import export
from variance_bridge.reading.arrow_table import arrow_table
from variance_bridge.testing.hypothesis_portfolios import portfolios

pyarrow = pytest.importorskip("pyarrow")

META = Meta(source="acme", account_hash="a1b2***", fetched_at=datetime(2026, 3, 2, 15, tzinfo=UTC))
STOCK = Holding(
    root="QZZ", symbol="QZZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1)
)


def holding(**members: object) -> Portfolio:
    return Portfolio(meta=META, positions=(attrs.evolve(STOCK, **members),))


def read(*portfolios: Portfolio):
    from pyarrow import parquet

    return parquet.read_table(pyarrow.BufferReader(export(portfolios)))


@settings(max_examples=25)
@given(portfolios())
def test_what_is_read_back_equals_the_rows(portfolio):
    table = read(portfolio)

    assert tuple(table.column_names) == ROW_COLUMNS
    assert table.to_pylist() == flat_rows(portfolio)


def test_each_column_has_a_type_by_what_it_holds():
    table = arrow_table([])
    texts = [
        "source",
        "account_hash",
        "root",
        "symbol",
        "type",
        "side",
        "broker_symbol",
        "underlying",
        "option_type",
        "deliverable",
        "currency",
        "sector",
        "quote_source",
        "greeks_source",
        "account_currency",
    ]
    instants = ["fetched_at", "expires_at", "quote_as_of", "greeks_as_of"]
    expected = dict.fromkeys(ROW_COLUMNS, pyarrow.decimal128(38, 0))
    expected |= dict.fromkeys(texts, pyarrow.string())
    expected |= dict.fromkeys(instants, pyarrow.timestamp("us", tz="UTC"))
    expected |= dict.fromkeys(("expiration", "opened_on"), pyarrow.date32())

    assert table.schema.names == list(ROW_COLUMNS)
    assert {name: table.schema.field(name).type for name in ROW_COLUMNS} == expected


def test_a_column_has_the_least_scale_that_holds_its_values():
    table = read(holding(average_price=Decimal("1.50")), holding(average_price=Decimal("2.125")))

    assert table.schema.field("average_price").type == pyarrow.decimal128(38, 3)
    assert table.schema.field("quantity").type == pyarrow.decimal128(38, 0)


def test_thirty_eight_digits_are_kept():
    number = Decimal("0.12345678901234567890123456789012345678")

    assert read(holding(quantity=number))["quantity"].to_pylist() == [number]


def test_a_number_of_more_digits_is_an_error_that_names_row_and_column():
    number = Decimal("0.123456789012345678901234567890123456789")
    with pytest.raises(DataRefused, match="quantity would need more than 38 digits") as caught:
        export([holding(), holding(quantity=number, symbol="QZY")])

    assert caught.value.where == "row 2 (QZY)"


def test_two_numbers_that_do_not_fit_one_column_are_both_named():
    with pytest.raises(DataRefused) as caught:
        export([holding(quantity=Decimal(10) ** 30), holding(quantity=Decimal("0.123456789"))])

    assert caught.value.where == "row 1 (QZZ) and row 2 (QZZ)"


def test_the_same_portfolio_gives_the_same_bytes():
    assert export([holding()]) == export([holding()])


@pytest.mark.parametrize("portfolios", [(), (Portfolio(meta=META),)], ids=["none", "empty"])
def test_without_positions_there_are_still_columns(portfolios):
    table = read(*portfolios)

    assert (tuple(table.column_names), table.num_rows) == (ROW_COLUMNS, 0)
    assert table.schema == arrow_table([]).schema


def test_positions_of_several_currencies_and_accounts_stand_in_one_table():
    euros = attrs.evolve(META, source="globex", account_hash="c3d4***", currency="EUR")
    dollars = attrs.evolve(META, currency="USD")
    table = read(
        Portfolio(meta=euros, positions=(STOCK, attrs.evolve(STOCK, symbol="QZY", currency="JPY"))),
        attrs.evolve(holding(market_value=Decimal("-0.00001")), meta=dollars),
    )

    assert table.select(["account_hash", "currency", "account_currency", "market_value"]).to_pylist() == [
        {"account_hash": "c3d4***", "currency": None, "account_currency": "EUR", "market_value": None},
        {"account_hash": "c3d4***", "currency": "JPY", "account_currency": "EUR", "market_value": None},
        {"account_hash": "a1b2***", "currency": None, "account_currency": "USD", "market_value": Decimal("-0.00001")},
    ]  # fmt: skip


def test_a_snapshot_gives_an_arrow_table(tmp_path):
    file = tmp_path / "live_acme.json"
    file.write_bytes(to_bytes(holding(cost_basis=Decimal("12.5"))))
    snapshot = load(file, META.fetched_at)

    assert snapshot.to_arrow().to_pylist() == snapshot.rows()
    book = load_all(file, META.fetched_at)
    assert book.to_arrow().to_pylist() == book.rows() == snapshot.rows()


def test_without_pyarrow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(ConfigurationError, match="pyarrow") as caught:
        export([holding()])
    assert "variance-bridge[parquet]" in caught.value.hint
