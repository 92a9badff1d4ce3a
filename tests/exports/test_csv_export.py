"""The format `csv`: documented columns, exact numbers, and nothing that a spreadsheet computes."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given

from variance_bridge import (
    ROW_COLUMNS,
    Holding,
    InstrumentType,
    Meta,
    Portfolio,
    Quote,
    Side,
    flat_rows,
)
from variance_bridge.exports.csv_table import export
from variance_bridge.testing.hypothesis_portfolios import portfolios

META = Meta(source="acme", account_hash="a1b2***", fetched_at=datetime(2026, 3, 2, 15, tzinfo=UTC))
STOCK = Holding(
    root="QZZ", symbol="QZZ", type=InstrumentType.STOCK, side=Side.LONG, quantity=Decimal(1)
)


def cells(*portfolios: Portfolio) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export(portfolios).decode(), newline="")))


def exported(**members: object) -> dict[str, str]:
    (row,) = cells(Portfolio(meta=META, positions=(attrs.evolve(STOCK, **members),)))
    return row


@given(portfolios())
def test_every_number_is_read_back_exactly_and_unknown_is_empty(portfolio):
    for row, written in zip(flat_rows(portfolio), cells(portfolio), strict=True):
        assert tuple(written) == ROW_COLUMNS
        for name, value in row.items():
            if value is None:
                assert written[name] == ""
            elif isinstance(value, Decimal):
                assert Decimal(written[name]) == value
                assert "E" not in written[name]
            elif isinstance(value, datetime):
                assert datetime.fromisoformat(written[name]) == value
            else:
                assert written[name].lstrip("'") == str(value)


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_text_begins_a_formula(begin):
    row = exported(broker_symbol=f"{begin}HYPERLINK(1)", sector=f"{begin}cmd|'/c calc'!A0")

    assert row["broker_symbol"] == f"'{begin}HYPERLINK(1)"
    assert row["sector"].startswith("'")


@pytest.mark.parametrize(
    "member", ["root", "symbol", "underlying", "account_hash", "source", "quote_source"]
)
def test_whatever_text_begins_like_a_formula_is_disarmed(member):
    formula = "=HYPERLINK(1)"
    held = attrs.evolve(STOCK, quote=Quote(source=formula))
    meta = META
    if member in {"account_hash", "source"}:
        meta = attrs.evolve(META, **{member: formula})
    elif member != "quote_source":
        held = attrs.evolve(held, **{member: formula})
    (row,) = cells(Portfolio(meta=meta, positions=(held,)))

    assert row[member] == f"'{formula}"


def test_a_negative_number_stays_a_number():
    assert exported(market_value=Decimal("-12.50"))["market_value"] == "-12.5"


def test_a_text_with_a_comma_and_a_quote_stays_one_cell():
    assert exported(sector='A, "B"')["sector"] == 'A, "B"'


def test_the_rows_of_several_accounts_stand_in_one_table_and_name_their_account():
    other = attrs.evolve(META, source="globex", account_hash="c3d4***")
    rows = cells(
        Portfolio(meta=META, positions=(STOCK,)), Portfolio(meta=other, positions=(STOCK,))
    )

    assert [(row["source"], row["account_hash"]) for row in rows] == [
        ("acme", "a1b2***"),
        ("globex", "c3d4***"),
    ]


def test_without_positions_there_is_still_a_header():
    assert export([]).decode() == ",".join(ROW_COLUMNS) + "\n"
