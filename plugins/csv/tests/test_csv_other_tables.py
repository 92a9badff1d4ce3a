"""Tables of another kind, and a second table of the same kind, in one file: read as what they are, or refused."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused

FLEX = (
    '"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Multiplier","ReportDate","Quantity","MarkPrice","PositionValue",'
    '"CostBasisMoney","FifoPnlUnrealized"\n'
)
HELD = '"U0000007","USD","STK","QZA","1","20260102","10","20","200","150","50"\n'
TRADES = (
    '"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Multiplier","TradeDate","Quantity","TradePrice","TradeMoney",'
    '"IBCommission","FifoPnlRealized"\n'
    '"U0000007","USD","STK","QZA","1","20260102","7","19","133","-1","0"\n'
)
COMMISSIONS = '"ClientAccountID","CurrencyPrimary","Fee","Note"\n"U0000007","USD","x","y"\n'


def test_trades_below_the_positions_are_not_positions(read_csv):
    outcome = read_csv(FLEX + HELD + TRADES)
    assert [(one["symbol"], one["quantity"]) for one in outcome.positions] == [("QZA", 10)]
    assert outcome.meta["counts"]["fetched"] == 1
    assert any("line 3: another table begins" in one for one in outcome.warnings)


def test_a_foreign_table_without_a_symbol_ends_the_positions_too(read_csv):
    outcome = read_csv(FLEX + HELD + COMMISSIONS)
    assert len(outcome.positions) == 1
    assert outcome.meta["status"] == "complete"


def test_section_codes_are_not_rows(read_csv):
    content = (
        '"BOS","POST","Open Positions"\n'
        + FLEX.replace('"Client', '"HEADER","POST","Client')
        + HELD.replace('"U0', '"DATA","POST","U0')
        + '"EOS","POST","1","0"\n'
        + TRADES.replace('"Client', '"HEADER","TRNT","Client').replace('"U0', '"DATA","TRNT","U0')
    )
    outcome = read_csv(content)
    assert [one["quantity"] for one in outcome.positions] == [10]
    assert outcome.meta["status"] == "complete"


def test_the_same_account_in_two_tables_is_refused(read_csv):
    with pytest.raises(DataRefused, match="second time"):
        read_csv(FLEX + HELD + FLEX + HELD)


def test_each_account_may_have_a_table_of_its_own(read_csv):
    outcome = read_csv(FLEX + HELD + FLEX + HELD.replace("U0000007", "U0000008"))
    assert [account.number for account in outcome.accounts] == ["U0000007", "U0000008"]


VANGUARD = "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
BOUGHT = "Account Number,Trade Date,Settlement Date,Transaction Type,Symbol,\n"


def test_positions_below_the_transactions_are_read(read_csv):
    content = (
        f"{VANGUARD}00000011,A,QZA,10,100.00,1000.00,\n\n{BOUGHT}00000011,01/01/2026,01/02/2026,Buy,QZA,\n\n"
        f"{VANGUARD}00000022,B,QZB,10,200.00,2000.00,\n\n{BOUGHT}00000022,01/01/2026,01/02/2026,Buy,QZB,\n"
    )
    outcome = read_csv(content)
    assert [account.number for account in outcome.accounts] == ["00000011", "00000022"]
    assert [
        [one["market_value"] for one in document["positions"]] for document in outcome.documents
    ] == [
        [1000],
        [2000],
    ]


SCHWAB_TITLE = '"Positions for account Joint ...{} as of 01:17 PM ET, 2025/12/03"\n\n'
SCHWAB_TABLE = (
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
    '"QZA","Q","10","12.00","$120.00","$100.00","Equity",\n'
    '"Cash & Cash Investments","--","--","--","$5.00","--","Cash and Money Market",\n'
    '"Positions Total","","--","--","$125.00","$100.00","--",\n'
)


def test_an_export_that_stands_twice_in_a_file_is_refused(read_csv):
    once = SCHWAB_TITLE.format("724") + SCHWAB_TABLE
    assert len(read_csv(once).positions) == 1
    with pytest.raises(DataRefused, match="second time"):
        read_csv(once + once)


def test_a_second_title_begins_a_second_account(read_csv):
    outcome = read_csv(
        SCHWAB_TITLE.format("724")
        + SCHWAB_TABLE
        + SCHWAB_TITLE.format("144").replace("01:17 PM", "12:00 PM")
        + SCHWAB_TABLE.replace("QZA", "QZB")
    )
    assert [account.nickname for account in outcome.accounts] == ["Joint ...724", "Joint ...144"]
    assert [document["positions"][0]["symbol"] for document in outcome.documents] == ["QZA", "QZB"]
    assert {document["meta"]["fetched_at"] for document in outcome.documents} == {
        "2025-12-03T17:00:00Z"
    }
    assert [document["balances"]["cash"] for document in outcome.documents] == [5, 5]


def test_a_second_table_without_a_title_is_refused(read_csv):
    with pytest.raises(DataRefused, match="second time"):
        read_csv(SCHWAB_TITLE.format("724") + SCHWAB_TABLE + SCHWAB_TABLE)


def test_a_decimal_comma_is_never_a_separator_of_thousands(read_csv):
    content = (
        (FLEX + HELD * 1).replace('"', "").replace(",", ";").replace(";20;200;", ";1,125;11,25;")
    )
    with pytest.raises(DataRefused, match="numbers have a decimal comma here"):
        read_csv(content)


def test_a_single_number_with_a_decimal_comma_is_left_out_and_flagged(read_csv):
    rows = HELD + HELD.replace("QZA", "QZB").replace('"200"', '"200,50"')
    outcome = read_csv(FLEX + rows)
    assert len(outcome.positions) == 2
    assert "number_unreadable" in outcome.cautions(row=3)


@pytest.mark.parametrize("name", ["trading212", "schwab_all_accounts", "ibkr_tws", "degiro_point"])
def test_a_file_whose_numbers_all_have_a_decimal_comma_is_refused_or_read_right(
    read_csv, files, name
):
    """ "5,351" for 5.351 is a number by itself: what stands beside it says that it is another."""
    text = (files / f"{name}.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    commas = str.maketrans(",.", ".,")
    number = re.compile(r"[-+$]*[0-9][0-9.,]*")
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [cell.translate(commas) if number.fullmatch(cell) else cell for cell in row] for row in rows
    )
    try:
        outcome = read_csv(out.getvalue())
    except DataRefused:
        return
    assert outcome.positions == read_csv(text).positions


SAXO = "Instrument,L/S,Quantity,Open price,Current price,Asset type,Symbol,Currency\nQ,Long,7,1.50,2.50,Stock,QZS:xnas,USD\n"


def test_tables_of_two_brokers_in_one_file_are_refused(read_csv, files):
    schwab = (files / "schwab_all_accounts.csv").read_text(encoding="utf-8")
    with pytest.raises(DataRefused, match=r'"saxo" \(line 1\) and "schwab" \(line 8\)'):
        read_csv(SAXO + "\n\n" + schwab)
    tws = (files / "ibkr_tws.csv").read_text(encoding="utf-8")
    with pytest.raises(DataRefused, match="two tables of positions"):
        read_csv(tws + "\n" + (files / "ibkr_risk_navigator.csv").read_text(encoding="utf-8"))
    with pytest.raises(DataRefused, match="two tables of positions"):
        read_csv((files / "degiro.csv").read_text(encoding="utf-8") + "\n" + schwab)


@pytest.mark.parametrize("name", ["ibkr_activity", "ibkr_activity_german", "ibkr_flex_coded"])
@pytest.mark.parametrize("other", ["tastytrade_2021", "fidelity", "schwab_all_accounts"])
def test_a_table_that_is_of_no_part_of_a_statement_is_refused(read_csv, files, name, other):
    text = (files / f"{name}.csv").read_bytes().decode("utf-8-sig")
    below = (files / f"{other}.csv").read_bytes().decode("utf-8-sig")
    with pytest.raises(DataRefused):
        read_csv(text + "\n" + below)


@pytest.mark.parametrize("blank", ["\n", ""])
def test_transactions_of_any_broker_below_the_positions_are_not_read(read_csv, files, blank):
    foreign = "Date,Action,Symbol,Quantity,Price,Amount\n01/02/2026,Buy,QZT,7,19.00,133.00\n"
    for name in ("vanguard_web", "questrade", "ibkr_tws", "trading212"):
        text = (files / f"{name}.csv").read_text(encoding="utf-8")
        outcome = read_csv(text + blank + foreign)
        assert all(one["meta"]["passed_over"]["other_tables"] == 1 for one in outcome.documents)
        assert [one["positions"] for one in outcome.documents] == [
            one["positions"] for one in read_csv(text).documents
        ]


ETRADE = (
    "Account Summary\n"
    "Account,Net Account Value,Total Gain $,Total Gain %,Day's Gain Unrealized $,Available For Withdrawal\n"
    '"Individual Brokerage -0000",1200.00,100.00,9.1,0,0\n\n'
    "View Summary - My View\n"
    "Symbol,Last Price $,Quantity,Price Paid $,Total Gain $,Value $\n"
    "QZA,12.00,100.0000,11.00,100.0000,1200.0000\n"
    "CASH,,,,,0.00,\n"
    "TOTAL,,,1100.00,100.00,1200.00,\n\n"
    "Generated at Jan 02 2026 09:24 PM ET\n"
)


def padded(content):
    return "".join(f"{line}{',' * 9}\n" for line in content.splitlines())


@pytest.mark.parametrize("content", [ETRADE, padded(ETRADE)], ids=["narrow", "padded"])
def test_a_summary_above_a_narrow_view_is_not_a_part_that_lost_its_header(read_csv, content):
    outcome = read_csv(content)
    assert [one["market_value"] for one in outcome.positions] == [Decimal(1200)]
    assert outcome.accounts[0].nickname == "Individual Brokerage -0000"
    assert outcome.meta["fetched_at"] == "2026-01-03T02:24:00Z"


def test_positions_above_the_header_are_still_refused(read_csv):
    row = "QZB,12.00,100.0000,11.00,100.0000,1200.0000\n"
    with pytest.raises(DataRefused, match="lost its header"):
        read_csv(ETRADE.replace("View Summary - My View\n", row))
    renamed = "Ticker,Last Price $,Quantity,Price Paid $,Total Gain $,Value $\n"
    with pytest.raises(DataRefused, match="lost its header"):
        read_csv(ETRADE.replace("View Summary - My View\n", renamed + row))
