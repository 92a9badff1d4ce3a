"""What stands outside of a cell: a mistake there is refused by its place, never read as something else."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused


def content(files, name):
    return (files / name).read_text(encoding="utf-8")


def test_a_collapsed_group_is_refused_because_its_positions_are_not_in_the_file(files, read_csv):
    text = content(files, "thinkorswim.csv")
    collapsed = text.replace("QZDR,+200,,12.25,11.75", "QZDR,,,,")
    with pytest.raises(DataRefused, match="the group was collapsed") as refused:
        read_csv(collapsed)
    assert "expand all groups" in refused.value.hint
    assert "line 14" in refused.value.where


@pytest.mark.parametrize("name", ["thinkorswim", "thinkorswim_statement", "ibkr_activity"])
def test_two_exports_in_one_file_are_refused(files, read_csv, name):
    text = content(files, f"{name}.csv")
    with pytest.raises(DataRefused, match="a second export begins here"):
        read_csv(text + "\n" + text)


def test_a_subtotal_that_is_not_the_sum_of_its_rows_is_flagged(files, read_csv):
    text = content(files, "ibkr_activity.csv")
    changed = text.replace(
        "Equity and Index Options,USD,,,,,-175,,-144", "Equity and Index Options,USD,,,,,-175,,-143"
    )
    assert "total_disagrees" not in read_csv(text).cautions()
    assert "total_disagrees" in read_csv(changed).cautions()


def test_a_missing_row_is_noticed_by_the_subtotal(files, read_csv):
    lines = content(files, "thinkorswim_statement.csv").splitlines(keepends=True)
    without = "".join(line for line in lines if "P6660" not in line)
    assert "total_disagrees" in read_csv(without).cautions()


def test_a_table_of_positions_under_an_unknown_title_is_refused(files, read_csv):
    text = content(files, "thinkorswim_statement.csv")
    with pytest.raises(DataRefused, match="under a title that is not known"):
        read_csv(text.replace("\nOthers\n", "\nOther Things\n"))


def test_a_contract_with_two_different_answers_has_none(files, read_csv):
    text = content(files, "ibkr_activity.csv")
    row = "Financial Instrument Information,Data,Options On Futures,LOG6 C7500,CL 14JAN26 75 C,6,CLG6,NYMEX,1000,2026-01-14,2026-02,C,75,\n"
    outcome = read_csv(text.replace(row, row + row.replace(",75,", ",7.5,")))
    assert [one["reason"] for one in outcome.meta["rejected"]] == ["symbol_unreadable"]


def test_the_lines_of_other_parts_are_never_positions(files, read_csv):
    text = content(files, "ibkr_flex_coded.csv")
    assert [str(one["quantity"]) for one in read_csv(text).positions] == ["100", "2"]


def test_numbers_with_a_comma_and_with_a_point_find_their_own_dialect(files, read_csv):
    comma = read_csv(content(files, "degiro.csv"))
    point = read_csv(content(files, "degiro_point.csv"))
    assert comma.broker._source.parsed.dialect.name == "degiro"
    assert point.broker._source.parsed.dialect.name == "degiro_point"


def test_a_file_with_both_kinds_of_numbers_is_not_guessed(read_csv):
    text = (
        "Product,Symbol/ISIN,Amount,Closing,Local value,,Value in EUR\n"
        'QUARTZ,US0000000002,10,"91,15",USD,"911,50","800,00"\n'
        "QUARTZ ETF,IE0000000001,10,91.15,USD,911.50,800.00\n"
    )
    with pytest.raises(DataRefused, match="fits more than one dialect"):
        read_csv(text)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<?xml version='1.0'?><a><OpenPosition symbol='QZA'/>", "damaged or cut off"),
        (
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a><OpenPosition symbol='&b;'/></a>",
            "defines entities or a document type",
        ),
        ("<FlexQueryResponse><Trades/></FlexQueryResponse>", "no OpenPosition in it"),
    ],
)
def test_xml_that_cannot_be_relied_upon_is_refused(read_csv, content, words):
    with pytest.raises(DataRefused, match=words):
        read_csv(content, name="flex.xml")


TABLE = "Ticker,Shares,Average Cost,Current Price,Market Value\nQZA,100,20.50,20.65,2065.00\nTotal,,,,2065.00\n"


def test_a_table_of_unknown_origin_is_only_read_where_the_user_asks_for_it(read_csv):
    with pytest.raises(DataRefused) as refused:
        read_csv(TABLE)
    assert "--set dialect=generic" in refused.value.hint
    outcome = read_csv(TABLE, dialect="generic")
    (position,) = outcome.positions
    assert (position["symbol"], str(position["cost_basis"])) == ("QZA", "2050.00")
    assert "sign_unconfirmed" in outcome.cautions()
    assert any(
        'symbol from "Ticker"' in one and 'value from "Market Value"' in one
        for one in outcome.warnings
    )


def test_a_table_of_unknown_origin_may_name_the_side_in_a_column(read_csv):
    outcome = read_csv(
        "symbol,asset_class,avg_entry_price,qty,side,market_value,cost_basis,unrealized_pl,current_price\n"
        "QZA,us_equity,19.15,100,long,2065.00,1915.00,150.00,20.65\n"
        "QZA260116P00021000,us_option,2.00,-1,short,-150.00,-200.00,50.00,1.50\n",
        dialect="generic",
    )
    assert [(one["symbol"], one["side"]) for one in outcome.positions] == [
        ("QZA", "long"),
        ("QZA   260116P00021000", "short"),
    ]
    with pytest.raises(DataRefused, match="the word for long or short is not known"):
        read_csv("Symbol,Qty,Side,Price\nQZA,100,Buy,20.65\n", dialect="generic")


def test_a_dialect_whose_title_is_missing_is_not_called_the_nearest(read_csv):
    header = "Symbol,Description,Qty,Last,Change,Day's Gain,Cost Basis,Market Value,Gain/Loss\n"
    with pytest.raises(DataRefused) as caught:
        read_csv(header + "QZA,QUARTZ,100,20.65,0.10,10.00,1915.00,2065.00,150.00\n")
    assert "title" not in caught.value.what
    assert "--set dialect=generic" in caught.value.hint


def test_a_file_that_is_not_the_whole_account_says_so(files, read_csv):
    outcome = read_csv((files / "fidelity_options.csv").read_bytes())
    assert any("not the whole account" in one for one in outcome.warnings)


def test_rows_hidden_below_an_underlying_are_noticed_by_its_profit(files, read_csv):
    lines = content(files, "thinkorswim.csv").splitlines(keepends=True)
    without = "".join(line for line in lines if "6650 PUT" not in line)
    assert "total_disagrees" in read_csv(without).cautions()
    assert "total_disagrees" not in read_csv("".join(lines)).cautions()


def test_a_statement_without_the_total_of_a_group_may_be_cut_off(files, read_csv):
    text = content(files, "ibkr_activity.csv")
    total = "Open Positions,Total,,Options On Futures,USD,,,,,-1200,,-900,300,\n"
    assert "possibly_truncated" in read_csv(text.replace(total, "")).cautions()


def test_quotes_and_padded_commas_do_not_hide_what_stands_outside_of_the_table(files, read_csv):
    text = content(files, "ibkr_activity.csv")
    padded = text.replace('2025"\n', '2025",,,,,,,,\n').replace(
        "Statement,Data,Period", '"Statement","Data","Period"'
    )
    assert padded != text
    assert read_csv(padded).meta["fetched_at"] == read_csv(text).meta["fetched_at"]


def test_padded_commas_do_not_make_a_footer_a_row_where_cells_are_worked_out(files, read_csv):
    text = content(files, "fidelity_options.csv")
    padded = "".join(
        line.rstrip("\r\n") + "," * 15 + "\n" if line.startswith('"*') else line
        for line in text.splitlines(keepends=True)
    )
    assert padded != text
    assert read_csv(padded).meta == read_csv(text).meta


def test_a_statement_that_is_cut_before_its_positions_is_called_what_it_is(files, read_csv):
    text = content(files, "thinkorswim_statement.csv")
    before = text[: text.index("\nEquities")]
    with pytest.raises(DataRefused, match="thinkorswim account statement without its parts"):
        read_csv(before + "\n")


def test_a_file_that_two_dialects_refuse_alike_is_refused_for_that_reason(files, read_csv):
    text = content(files, "degiro.csv")
    with pytest.raises(DataRefused, match="ends in the middle of a row"):
        read_csv(text[: int(len(text) * 0.7)])


LOTS = (
    "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,Multiplier,ReportDate,Quantity,MarkPrice,PositionValue,"
    "CostBasisPrice,CostBasisMoney,FifoPnlUnrealized,LevelOfDetail\n"
    "U0000001,USD,STK,QZA,1,20251107,6,20,120,14,84,36,LOT\n"
    "U0000001,USD,STK,QZA,1,20251107,4,20,80,16.5,66,14,LOT\n"
)


def test_a_position_of_which_only_lots_are_listed_is_their_sum(read_csv):
    (position,) = read_csv(LOTS).positions
    assert {
        name: str(position[name])
        for name in ("quantity", "cost_basis", "average_price", "market_value")
    } == {
        "quantity": "10",
        "cost_basis": "150",
        "average_price": "15",
        "market_value": "200",
    }


def test_lots_below_their_position_are_not_added_to_it(read_csv):
    summary = "U0000001,USD,STK,QZA,1,20251107,10,20,200,15,150,50,SUMMARY\n"
    (position,) = read_csv(LOTS + summary).positions
    assert str(position["quantity"]) == "10"


def test_what_one_lot_does_not_say_the_sum_does_not_say(read_csv):
    (position,) = read_csv(LOTS.replace(",66,14,", ",,,")).positions
    assert str(position["market_value"]) == "200"
    assert "unrealized_pl" not in position


@pytest.mark.parametrize(("days", "opened_on"), [((7, 7), "2025-11-07"), ((6, 7), None)])
def test_lots_that_were_opened_on_one_day_say_when_the_position_was(read_csv, days, opened_on):
    header, *lots = LOTS.splitlines()
    dated = [f"{lot},2025110{day};093000" for lot, day in zip(lots, days, strict=True)]
    (position,) = read_csv("\n".join((f"{header},OpenDateTime", *dated, ""))).positions
    assert position.get("opened_on") == opened_on


GERMAN = (
    "Symbol;Bezeichnung;Stück;Einstandskurs;Kurs;Kurswert;Gewinn/Verlust;Währung\n"
    "QZA;Quarz AG;10;15,00;20,00;200,00;50,00;EUR\n"
    "QZB;Quarz Beton;1.250;9,80;10,05;12.562,50;312,50;EUR\n"
    "Gesamt;;;;;12.762,50;362,50;EUR\n"
)


def test_german_names_and_a_decimal_comma_are_read_where_the_user_asks(read_csv):
    outcome = read_csv(GERMAN, dialect="generic")
    assert outcome.broker._source.parsed.dialect.name == "generic_comma"
    assert [
        (one["symbol"], str(one["quantity"]), str(one["market_value"]), str(one["cost_basis"]))
        for one in outcome.positions
    ] == [("QZA", "10", "200.00", "150.00"), ("QZB", "1250", "12562.50", "12250.00")]
    assert any("with a decimal comma" in one and '"Stück"' in one for one in outcome.warnings)
    assert "total_disagrees" not in outcome.cautions()


def test_numbers_that_both_marks_can_read_are_read_as_the_named_dialect_says(read_csv):
    table = "Symbol,Qty,Price,Market Value\nQZA,2,1.250,2.500\n"
    assert read_csv(table, dialect="generic").positions[0]["market_value"] == Decimal("2.5")
    commas = read_csv(table, dialect="generic_comma")
    assert commas.positions[0]["market_value"] == 2500


@pytest.mark.parametrize(("name", "twin"), [("degiro", "degiro_point"), ("saxo", "saxo_comma")])
def test_a_named_dialect_gives_way_to_its_twin_where_only_that_reads_the_numbers(
    read_csv, files, name, twin
):
    for file in (name, twin):
        outcome = read_csv((files / f"{file}.csv").read_bytes(), dialect=name)
        assert outcome.broker._source.parsed.dialect.name == file


def test_a_table_without_any_known_name_is_told_what_the_named_dialect_needs(read_csv):
    with pytest.raises(DataRefused, match='"generic": it needs "Symbol"; "Quantity"; one of'):
        read_csv("Foo,Bar\n1,2\n", dialect="generic")


def test_a_row_that_names_no_account_is_reported_once(read_csv, files):
    text = (files / "fidelity.csv").read_text(encoding="utf-8-sig")
    changed = text.replace("230000001,Rollover IRA,QZC", ",,QZC") + (
        "230000001,Rollover IRA,QZD,QZD INC COM,3,$1.00,+$0.00,$3.00,--,--,--,--,5%,--,--,Cash,\n"
    )
    outcome = read_csv(changed)
    (warning,) = (one for one in outcome.warnings if "rejected" in one)
    assert "line 6: row rejected: the row cannot be read (it names no account" in warning
    assert [len(one["meta"]["rejected"]) for one in outcome.documents] == [1, 1]


@pytest.mark.parametrize("name", ["Gain/Loss %", "G/V %", "G/V (%)", "Market Value %"])
def test_a_percentage_is_never_taken_for_the_amount_of_that_name(read_csv, name):
    outcome = read_csv(f"Symbol,Qty,Price,{name}\nQZA,10,20.00,33.3\n", dialect="generic")
    assert "unrealized_pl" not in outcome.positions[0]
    assert outcome.positions[0]["market_value"] == 200
    assert any(f'not read: "{name}"' in one for one in outcome.warnings)


def test_columns_that_schwab_never_writes_are_another_brokers(read_csv):
    header = "Symbol,Position,Quantity,Average Price,Market Value,Open P/L,Total Cost,Asset Type\n"
    with pytest.raises(DataRefused) as refused:
        read_csv(header + "QZA,Long,100,19.15,2065,150,1915,Stock\n")
    assert "generic" in refused.value.hint


def test_an_option_of_a_summary_that_its_cell_does_not_name_is_never_read_as_shares(
    files, read_csv
):
    text = content(files, "fidelity_options.csv")
    without = text.replace("Covered Call,QZA JAN 16 2026 $21 CALL,", "Covered Call,,")
    assert without != text
    outcome = read_csv(without)
    line = without.splitlines().index(next(one for one in without.splitlines() if "Call,," in one))
    assert [each["row"] for each in outcome.meta["rejected"]] == [line + 1]
    assert [(each["type"], each["side"]) for each in outcome.positions].count(
        ("stock", "short")
    ) == 0
