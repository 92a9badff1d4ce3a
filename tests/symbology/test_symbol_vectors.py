"""Every spelling that was found in public, read as its table says."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from variance_bridge.symbology import SymbolError, parse, root

VECTORS = tomllib.loads(Path(__file__).with_name("vectors.toml").read_text(encoding="utf-8"))
HINTS = {
    "instrument_type": "instrument_type",
    "given_underlying": "underlying",
    "expires_on": "expires_on",
    "as_of": "as_of",
    "date_order": "date_order",
}
MEMBERS = (
    "type",
    "root",
    "underlying",
    "symbol",
    "expiration",
    "option_type",
    "contract",
    "deliverable",
)


def rows(kind):
    return [
        pytest.param(
            row,
            id=f"{row['text'] or 'empty'}|{row.get('instrument_type', '')}".encode(
                "ascii", "replace"
            ).decode(),
        )
        for row in VECTORS[kind]
    ]


def hints_of(row):
    return {name: row[key] for key, name in HINTS.items() if key in row}


def assert_read_as(instrument, row):
    for name in MEMBERS:
        if name in row:
            assert getattr(instrument, name) == row[name], name
    if "strike" in row:
        assert instrument.strike == Decimal(row["strike"])
        assert str(instrument.strike) == row["strike"]


@pytest.mark.parametrize("row", rows("canonical"))
def test_a_canonical_symbol_is_read_and_comes_back_unchanged(row):
    instrument = parse(row["text"], **hints_of(row))
    assert_read_as(instrument, row)
    assert instrument.symbol == row["text"]


@pytest.mark.parametrize("row", rows("canonical"))
def test_a_canonical_symbol_has_one_root_whether_its_type_is_known_or_not(row):
    assert root(row["text"]) == row["root"]


@pytest.mark.parametrize("row", [row for row in rows("canonical") if "streamed" in row.values[0]])
def test_the_data_feeds_name_of_an_instrument_leads_to_the_same_instrument(row):
    known = {}
    if row["type"] == "future_option":
        known = {"underlying": row["underlying"], "expires_on": row["expiration"]}
    elif row["type"] == "other":
        known = {"instrument_type": row["instrument_type"]}
    expected = parse(row["text"], **hints_of(row))
    found = parse(row["streamed"], **known)
    assert (found.symbol, found.root, found.strike) == (
        expected.symbol,
        expected.root,
        expected.strike,
    )


@pytest.mark.parametrize("row", rows("spelled"))
def test_another_spelling_becomes_the_canonical_symbol(row):
    assert_read_as(parse(row["text"], **hints_of(row)), row)


@pytest.mark.parametrize("row", rows("rooted"))
def test_the_root_of_a_symbol_is_what_positions_are_grouped_under(row):
    assert root(row["text"]) == row["root"]


@pytest.mark.parametrize("row", rows("dated"))
def test_a_year_digit_is_resolved_by_the_day_or_the_expiration_given(row):
    assert (parse(row["text"], **hints_of(row)).contract_month or "") == row["contract_month"]


@pytest.mark.parametrize("row", rows("refused"))
def test_what_is_not_a_symbol_or_more_than_one_is_refused_with_its_reason(row):
    with pytest.raises(SymbolError) as caught:
        parse(row["text"], **hints_of(row))
    assert row["reason"] in caught.value.reason
    assert isinstance(caught.value.position, int)


def test_no_text_stands_twice_in_one_table():
    for kind, table in VECTORS.items():
        keys = [(row["text"], *sorted(hints_of(row).items())) for row in table]
        assert len(keys) == len(set(keys)), kind
