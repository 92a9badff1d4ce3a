"""Which dialect a file is in: by its header, and never by a guess."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from variance_bridge.errors import ConfigurationError, DataRefused
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.dialect_format.dialect_options import Field
from variance_bridge_csv.file.detection import Detector, Trial, detect

CORE = "Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open"
# Header rows of tastytrade's export, one for each generation that is known.
GENERATIONS = {
    "2021": (
        "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Day,"
        "P/L Open w/ Percent Bar,Cost,Delta,Bid,Ask,PoP,IV Rank,D's Opn,Days To Expiration,β Delta,Gamma,Theta,Trade Price"
    ),
    "2021-second": (
        "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Trade Price,Cost,Mark,Net Liq,P/L Open,"
        "P/L Day,β Delta,/ Delta,Delta,Theta,Vega,IV Rank,PoP"
    ),
    "2025-10": (
        "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,P/L Day,"
        "Trade Price,IV Rank,Delta,Bid (Sell),Ask (Buy),D's Opn,β Delta,Days To Expiration,Indicators"
    ),
    "2026": (
        "Account,Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,P/L Opn%,Cost,"
        "Ext,P/L Day,Theta,/ Delta,Vega,Gamma,β Delta,Mark,Ext RoR %,Net Liq"
    ),
}
CELLS = {
    "Account": "5WX00001",
    "Symbol": "QZA   260320P00095000",
    "Type": "EQUITY_OPTION",
    "Quantity": "-2",
    "Exp Date": '"Mar 20, 2026"',
    "DTE": "74d",
    "Days To Expiration": "--",
    "Strike Price": "95",
    "Call/Put": "PUT",
    "Underlying Last Price": "101.25",
    "P/L Open": "120.00",
    "P/L Open w/ Percent Bar": "120.00",
    "P/L Day": "(15.00)",
    "Cost": "300.00",
    "Trade Price": "1.50",
    "Mark": "-0.90",
    "Net Liq": "-180.00",
    "Bid": "0.85",
    "Ask": "0.95",
    "Bid (Sell)": "0.85",
    "Ask (Buy)": "0.95",
    "Delta": "40",
    "β Delta": "18.3",
    "/ Delta": "--",
    "Gamma": "-1.5",
    "Theta": "8.40",
    "Vega": "-22.10",
    "PoP": "> 99.5%",
}


def row_for(header):
    return ",".join(CELLS.get(name, "--") for name in header.split(","))


@pytest.mark.parametrize("generation", GENERATIONS)
def test_every_generation_of_the_tastytrade_header_is_read(read_csv, generation):
    header = GENERATIONS[generation]
    outcome = read_csv(f"{header}\n{row_for(header)}\n")
    (position,) = outcome.positions
    assert outcome.accounts[0].number == "5WX00001"
    assert (position["symbol"], position["side"], position["quantity"]) == (
        "QZA   260320P00095000",
        "short",
        2,
    )
    assert position["cost_basis"] == 300
    assert position["average_price"] == Decimal("1.5")
    assert position["market_value"] == -180
    assert position["unrealized_pl"] == 120
    assert position["day_pl"] == -15
    assert position["greeks"]["beta_delta"] == Decimal("18.3")
    assert not any("does not know" in warning for warning in outcome.warnings)


@pytest.mark.parametrize(
    "spelled",
    ["β Delta", "Œ≤ Delta", "Î² Delta", "Beta Delta", "beta_delta", "β  delta", " β Delta "],
)
def test_the_greek_letter_is_known_in_every_damaged_spelling(read_csv, spelled):
    header = GENERATIONS["2026"].replace("β Delta", spelled)
    outcome = read_csv(f"{header}\n{row_for(GENERATIONS['2026'])}\n")
    assert outcome.positions[0]["greeks"]["beta_delta"] == Decimal("18.3")


def test_columns_may_stand_in_any_order(read_csv):
    names = GENERATIONS["2026"].split(",")
    usual = read_csv(f"{','.join(names)}\n{row_for(','.join(names))}\n")
    names.reverse()
    backwards = read_csv(f"{','.join(names)}\n{row_for(','.join(names))}\n")
    assert backwards.positions == usual.positions


def test_any_one_hidden_column_but_symbol_and_quantity_leaves_the_rest(read_csv):
    names = GENERATIONS["2026"].split(",")
    for hidden in set(names) - {"Symbol", "Quantity"}:
        header = ",".join(name for name in names if name != hidden)
        (position,) = read_csv(f"{header}\n{row_for(header)}\n").positions
        assert position["symbol"] == "QZA   260320P00095000"


def test_a_file_that_excel_saved_with_semicolons_is_refused_not_guessed(read_csv):
    header = GENERATIONS["2026"]
    with pytest.raises(DataRefused) as caught:
        read_csv(f"{header}\n{row_for(header)}\n".replace(",", ";"))
    assert 'the dialect "tastytrade"' in caught.value.what
    assert "not separated" in caught.value.what


def test_a_header_without_quantity_names_the_nearest_dialect_and_what_is_missing(read_csv):
    header = GENERATIONS["2026"].replace("Quantity,", "")
    with pytest.raises(DataRefused) as caught:
        read_csv(f"{header}\n")
    assert 'the nearest is "tastytrade", which needs "Quantity"' in caught.value.what
    assert caught.value.where == "positions.csv, line 1, column 1"


def test_a_table_of_something_else_is_refused(read_csv):
    with pytest.raises(DataRefused, match="no line looks like"):
        read_csv("city,inhabitants\nVienna,2000000\n")


def test_the_error_repeats_nothing_of_a_file_without_header(read_csv):
    with pytest.raises(DataRefused) as caught:
        read_csv("5WX00001,Ann Example,QZA,10\n5WX00001,Ann Example,QZB,20\n")
    assert "Ann" not in str(caught.value)
    assert "5WX" not in str(caught.value)


AMBIGUOUS = f"{CORE},Cost,β Delta"


def option(quantity, cost):
    return f"QZA,Option,{quantity},2026-03-20,74,95,Put,101.25,12.00,{cost},1.0"


def test_beta_delta_with_an_underscore_speaks_for_the_variance_files(read_csv):
    content = f"{CORE},Cost,beta_delta\n" + option(-1, "-250.00") + "\n"
    assert read_csv(content).positions[0]["cost_basis"] == 250


def test_where_the_header_fits_two_dialects_the_signs_of_the_costs_decide(read_csv):
    credit_negative = f"{AMBIGUOUS}\n{option(-1, '-250.00')}\n{option(1, '100.00')}\n"
    credit_positive = f"{AMBIGUOUS}\n{option(-1, '250.00')}\n{option(1, '-100.00')}\n"
    for content in (credit_negative, credit_positive):
        outcome = read_csv(content)
        assert sorted(one["cost_basis"] for one in outcome.positions) == [100, 250]
        assert "cost_contradicted" not in outcome.cautions()


@pytest.mark.parametrize(
    "rows",
    [
        [option(-1, "250.00"), option(1, "250.00")],
        [option(-1, "-250.00"), option(1, "-250.00"), option(1, "250.00")],
    ],
)
def test_where_nothing_decides_the_user_is_asked(read_csv, rows):
    with pytest.raises(DataRefused) as caught:
        read_csv("\n".join([AMBIGUOUS, *rows]) + "\n")
    assert "tastytrade, variance" in caught.value.what
    assert "--set dialect=tastytrade" in caught.value.hint
    assert "--set dialect=variance" in caught.value.hint


@pytest.mark.parametrize("rows", [[], [option(-1, "")], [option(-1, "--"), option(2, "0")]])
def test_two_dialects_that_read_the_same_out_of_a_file_are_no_ambiguity(read_csv, rows):
    outcome = read_csv("\n".join([AMBIGUOUS, *rows]) + "\n")
    assert len(outcome.positions) == len(rows)


@pytest.mark.parametrize("dialect", ["tastytrade", "variance"])
def test_a_dialect_that_the_user_names_is_taken(read_csv, dialect):
    cost = "250.00" if dialect == "tastytrade" else "-250.00"
    outcome = read_csv(f"{AMBIGUOUS}\n{option(-1, cost)}\n", dialect=dialect)
    assert outcome.positions[0]["cost_basis"] == 250
    assert "cost_contradicted" not in outcome.cautions()


def test_a_dialect_that_the_user_names_and_that_does_not_fit_is_refused(read_csv):
    with pytest.raises(DataRefused) as caught:
        read_csv(f"{AMBIGUOUS}\n{option(-1, '1')}\n", dialect="schwab")
    assert 'not written in the dialect "schwab"' in caught.value.what


def test_a_dialect_that_there_is_none_of_is_a_matter_of_configuration(read_csv):
    with pytest.raises(ConfigurationError) as caught:
        read_csv(f"{AMBIGUOUS}\n", dialect="tastytrad")
    assert 'did you mean "tastytrade"' in caught.value.what
    assert "variance" in caught.value.hint


def test_new_columns_are_named_and_cost_nothing(read_csv):
    header = GENERATIONS["2026"]
    outcome = read_csv(f"{header},Moon Phase\n{row_for(header)},full\n")
    assert any('"Moon Phase"' in warning for warning in outcome.warnings)
    assert len(outcome.positions) == 1


def test_no_header_of_one_shipped_dialect_is_taken_for_another():
    """The full header of each dialect, offered to all of them, finds its own."""
    # Two dialects with one header: their numbers or dates tell them apart (test_csv_documents.py).
    by_numbers = {
        "degiro_point",
        "saxo_comma",
        "ibkr_flex_day_first",
        "ibkr_flex_coded_day_first",
    }
    dialects = {
        name: known.dialect
        for name, known in known_dialects.load(None).items()
        if name not in by_numbers
    }
    for name, dialect in dialects.items():
        if dialect.detect.only_named:
            continue  # It is never chosen by a header.
        if dialect.sections is not None or dialect.detect.before_header is not None:
            continue  # Not known by the header alone: test_csv_documents.py has a whole file of each.
        foreign = {
            column
            for other in dialects.values()
            for column in other.detect.evidence
            if other is not dialect
        }
        columns = [
            names[0]
            for field, names in dialect.columns.items()
            if names[0] not in foreign or field in dialect.detect.needs
        ]
        columns += (*dialect.detect.columns, *dialect.detect.evidence)
        header = ",".join(f'"{column}"' for column in dict.fromkeys(columns))
        detector = Detector(f"{header}\n".encode(), "positions.csv")
        chosen = detect(
            detector,
            dialects,
            known_dialects.other_reports(),
            lambda candidate, _lines: Trial(0, 0, candidate.dialect.name),
        )
        assert chosen.dialect.name == name


def test_every_pair_of_shipped_dialects_that_shares_a_header_says_how_they_differ():
    dialects = [known.dialect for known in known_dialects.load(None).values()]
    for one, other in itertools.combinations(dialects, 2):
        shared = set(one.detect.evidence) & set(other.detect.evidence)
        assert not shared, (one.name, other.name)


def test_every_field_is_used_by_some_shipped_dialect():
    used = {
        field for known in known_dialects.load(None).values() for field in known.dialect.columns
    }
    assert set(Field) - used == {Field.IMPLIED_VOLATILITY}


@pytest.mark.parametrize(
    "header",
    [
        "Bond,Description,Quantity,Price,Coupon,Maturity,Rating",
        "Symbol,Wert,Anzahl,Kurs,Name,Land",
    ],
)
def test_a_format_that_shares_a_few_names_is_not_called_the_nearest(read_csv, header):
    with pytest.raises(DataRefused) as caught:
        read_csv(f"{header}\n" + ",".join("1" for _name in header.split(",")) + "\n")
    assert "no line looks like the header" in caught.value.what
    assert "show these columns" not in caught.value.hint


def test_a_format_that_lacks_a_column_is_still_named_with_what_it_needs(read_csv, files):
    header, *rows = (files / "ibkr_flex.csv").read_text().splitlines(keepends=True)
    with pytest.raises(DataRefused, match=r'the nearest is "ibkr_flex".*"MarkPrice"'):
        read_csv("".join([header.replace("MarkPrice", "Mrk"), *rows]))


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_resaved_file_is_not_taken_for_the_transactions_below_its_positions(read_csv, delimiter):
    content = (
        "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n00000011,A,QZA,10,100.00,1000.00,\n\n"
        "Account Number,Trade Date,Settlement Date,Transaction Type,Symbol,\n00000011,01/01/2026,01/02/2026,Buy,QZA,\n"
    )
    with pytest.raises(DataRefused, match='header of the dialect "vanguard", but its cells'):
        read_csv(content.replace(",", delimiter))


def test_a_flex_query_needs_neither_values_nor_types(read_csv):
    content = (
        '"ClientAccountID","Symbol","UnderlyingSymbol","Multiplier","Strike","Expiry","Put/Call","MarkPrice","CostBasisMoney",'
        '"FifoPnlUnrealized","Side","CurrencyPrimary","ReportDate","Quantity"\n'
        '"U0000007","QZA   261120C00100000","QZA","100","100","20261120","C","2.5","200","50","Long","USD","20260102","1"\n'
    )
    (position,) = read_csv(content).positions
    assert position["market_value"] == 250
    assert position["type"] == "option"


def test_a_header_most_of_whose_columns_are_foreign_is_not_taken_for_a_broker_of_whom_it_has_a_few(
    read_csv,
):
    header = "Account Name,Account Number,Symbol,Exchange,Name,Security Type,Quantity,Price Currency,Market Value,Return Currency"
    with pytest.raises(DataRefused, match="6 of its 10 columns are not in that format") as refused:
        read_csv(f"{header}\nTFSA,TEST-1,QZA,TSX,QUARTZ,EQUITY,10,CAD,206.50,CAD\n")
    assert "--set dialect=schwab" in refused.value.hint


def test_a_file_that_one_format_cannot_decode_is_still_offered_to_the_others(read_csv):
    text = 'Code,Stock,Units held,Value (£)\nQZA,Quartz plc,192,"1,981.44"\n'
    with pytest.raises(DataRefused, match="no line looks like the header") as refused:
        read_csv(text.encode("cp1252"))
    assert "--set dialect=generic" in refused.value.hint
    with pytest.raises(DataRefused, match="neither UTF-8 nor Windows-1252"):
        read_csv(b"Code,Held\n\x81\xff\x81,1\n")


def test_columns_of_ones_own_do_not_hide_a_format_that_is_proven(read_csv):
    own = ",".join(f"Custom {letter}" for letter in "ABCDEFGHIJ")
    outcome = read_csv(f"Financial Instrument,Position,Last,{own}\nQZA,100,20.5{10 * ',1'}\n")
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
