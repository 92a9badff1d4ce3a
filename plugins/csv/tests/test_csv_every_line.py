"""No line of a file is passed over silently: each is read, or counted, or named, wherever a foreign table stands."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from variance_bridge.errors import DataRefused

FILES = sorted(path.stem for path in (Path(__file__).parent / "files").glob("*.csv"))
BLOCKS = {
    "transactions": "Date,Action,Symbol,Quantity,Price,Amount\n01/02/2026,Buy,QZT,7,19.00,133.00\n",
    "watchlist": "Watchlist\nTicker,Held,Worth\nQZT,7,133.00\nQZV,8,152.00\n",
    "positions": "Ticker,Shares,Price,Market Value,Cost\nQZT,7,19.00,133.00,120.00\nQZV,8,19.00,152.00,120.00\n",
    "orders": "Open Orders\nSymbol,Side,Qty,Limit\nQZT,Buy,7,19.00\n",
    "amounts": "Net worth,12345.67\nMargin used,1000.00\n",
    "rows": "QZT,7,133.00\nQZV,8,152.00\n",
}


def text_of(files, name):
    text = (files / f"{name}.csv").read_bytes().decode("utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"


def below(text, block):
    return text + "\n" + block


def right_below(text, block):
    return text + block


def above(text, block):
    return block + "\n" + text


def accounted_for(outcome, original):
    """The number of lines that a changed file has more than the original and that its documents count or its warnings name."""
    return noted(outcome) - noted(original)


def noted(outcome):
    meta = outcome.documents[-1]["meta"]
    return len(meta.get("rejected", [])) + sum(meta.get("passed_over", {}).values())


def read_or_refused(read_csv, content):
    try:
        return read_csv(content), None
    except DataRefused as refusal:
        return None, refusal


@pytest.mark.slow
@pytest.mark.parametrize("place", [above, below, right_below])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", FILES)
def test_a_foreign_table_is_refused_or_counted_and_adds_nothing(
    read_csv, files, name, block, place
):
    text = text_of(files, name)
    original = read_csv(text)
    outcome, refusal = read_or_refused(read_csv, place(text, BLOCKS[block]))
    if refusal is not None:
        assert refusal.where
        assert refusal.hint
        return
    rows = sum(any(map(str.isdigit, line)) for line in BLOCKS[block].splitlines())
    assert accounted_for(outcome, original) >= rows
    assert [one["positions"] for one in outcome.documents] == [
        one["positions"] for one in original.documents
    ]


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("name", ["thinkorswim_statement", "ibkr_activity", "ibkr_flex_coded"])
def test_a_table_below_a_statement_is_named_with_its_line(read_csv, files, name, block):
    text = text_of(files, name)
    line = text.count("\n") + 2
    outcome, refusal = read_or_refused(read_csv, below(text, BLOCKS[block]))
    said = [str(refusal)] if outcome is None else outcome.warnings
    assert any(f"line {line}" in one and "table begins" in one for one in said)


@pytest.mark.parametrize("block", ["watchlist", "positions", "amounts", "rows"])
@pytest.mark.parametrize("name", ["fidelity", "etrade", "vanguard", "schwab_all_accounts"])
def test_a_table_above_the_positions_is_named_with_its_line(read_csv, files, name, block):
    warnings = read_csv(above(text_of(files, name), BLOCKS[block])).warnings
    line = 2 if block == "watchlist" else 1
    assert any(f"line {line}: another table begins" in one for one in warnings)


@pytest.mark.parametrize("name", ["etrade", "merrill", "vanguard", "thinkorswim", "ibkr_activity"])
def test_what_a_broker_always_writes_beside_the_positions_is_not_another_table(
    read_csv, files, name
):
    assert not any("another table" in one for one in read_csv(text_of(files, name)).warnings)


def test_what_stands_below_the_transactions_that_are_passed_over_is_named(read_csv, files):
    text = below(text_of(files, "vanguard"), BLOCKS["positions"])
    assert any("another table begins" in one for one in read_csv(text).warnings)


def test_two_tables_of_other_kinds_are_both_named(read_csv, files):
    text = text_of(files, "fidelity")
    line = text.count("\n") + 5
    changed = above(below(text, BLOCKS["transactions"]), BLOCKS["rows"])
    (warning,) = (one for one in read_csv(changed).warnings if "another table" in one)
    assert f"line 1: another table begins (and at {line})" in warning
    assert "4 lines not read" in warning


@pytest.mark.parametrize("name", FILES)
def test_text_and_page_numbers_between_and_below_the_rows_are_counted(read_csv, files, name):
    text = text_of(files, name)
    original = read_csv(text)
    lines = text.splitlines()
    footer = ['"Important information."', '"Prices, of 12/31/2025, may be delayed."', "Page 1 of 2"]
    outcome = read_csv("\n".join([*lines[:-1], *footer, lines[-1], "", *footer, ""]))
    assert [one["positions"] for one in outcome.documents] == [
        one["positions"] for one in original.documents
    ]
    assert outcome.documents[-1]["meta"]["status"] == original.documents[-1]["meta"]["status"]


def test_a_row_that_a_spreadsheet_made_one_cell_is_rejected_and_not_a_footer(read_csv, files):
    lines = text_of(files, "fidelity").splitlines()
    lines[2] = '"' + lines[2].replace('"', '""') + '"'
    outcome = read_csv("\n".join([*lines, ""]))
    assert outcome.documents[0]["meta"]["rejected"] == [{"row": 3, "reason": "unreadable_row"}]


def test_a_row_without_a_quantity_is_passed_over_only_where_it_is_a_strategy(read_csv, files):
    text = text_of(files, "questrade_edge")
    damaged = text.replace(
        '"QZA","QUARTZ APPLIANCES INC","100"', '"QZA","QUARTZ APPLIANCES INC",""'
    )
    rejected = [one["meta"].get("rejected") for one in read_csv(damaged).documents]
    assert rejected[-1] == [{"row": 5, "reason": "quantity_missing"}]


def test_a_disclaimer_does_not_hide_which_decimal_mark_a_file_has(read_csv, files):
    for name in ("degiro", "degiro_point", "saxo", "saxo_comma"):
        text = text_of(files, name)
        outcome = read_csv(below(text, "QZT,7,133.00\n"))
        assert outcome.broker._source.parsed.dialect.name == name


@pytest.mark.parametrize("name", ["merrill", "etrade", "fidelity_options", "thinkorswim"])
def test_quotes_do_not_change_whose_account_it_is(read_csv, files, name):
    text = text_of(files, name)
    rows = list(csv.reader(text.splitlines(), skipinitialspace=name == "merrill"))
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    quoted, plain = read_csv(out.getvalue()), read_csv(text)
    assert [(one.number, one.nickname) for one in quoted.accounts] == [
        (one.number, one.nickname) for one in plain.accounts
    ]
    assert plain.accounts[0].number


def test_a_part_of_a_statement_with_the_columns_of_positions_is_named(read_csv, files):
    text = text_of(files, "ibkr_activity")
    part = (
        "Pledged Positions,Header,Asset Category,Currency,Symbol,Quantity,Close Price,Value\n"
        "Pledged Positions,Data,Stocks,USD,QZA,3,20.76,62.28\n"
        "Notes/Legal Notes,Data,Notes,More.\n"
    )
    outcome = read_csv(text + part)
    line = text.count("\n") + 1
    (warning,) = (one for one in outcome.warnings if "another table" in one)
    assert f"line {line}: another table begins" in warning
    assert "2 lines not read" in warning
    assert outcome.positions == read_csv(text).positions


def test_a_statement_in_a_language_that_is_not_known_says_so(read_csv):
    with pytest.raises(
        DataRefused, match="in English, German, Chinese, Spanish or French"
    ) as refused:
        read_csv(
            "Statement,Header,Nome campo,Valore campo\nStatement,Data,Title,Rendiconto\n"
            "Posizioni aperte,Header,DataDiscriminator,Valuta,Simbolo,Quantità,Valore\n"
            "Posizioni aperte,Data,Summary,USD,QZA,10,200\n"
        )
    assert "language" in refused.value.hint


def test_a_row_of_a_part_of_a_position_is_not_one_whatever_it_is_called(read_csv):
    header = "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,Multiplier,Quantity,MarkPrice,PositionValue,CostBasisMoney,LevelOfDetail\n"
    rows = "U0,USD,STK,QZA,1,10,20,200,150,SUMMARY\nU0,USD,STK,QZA,1,4,20,80,60,CLOSED_LOT\n"
    outcome = read_csv(header + rows)
    assert [one["quantity"] for one in outcome.positions] == [10]
    assert outcome.meta["passed_over"] == {"lots": 1}
