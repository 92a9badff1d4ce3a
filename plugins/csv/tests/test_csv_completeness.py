"""Whether all of an export is there: lots without positions, cut files, cash that leaves a trace, totals typed below."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused

FLEX = (
    '"ClientAccountID","CurrencyPrimary","AssetClass","Symbol","Multiplier","ReportDate","Quantity","MarkPrice","PositionValue",'
    '"CostBasisPrice","CostBasisMoney","FifoPnlUnrealized","LevelOfDetail"\n'
)
LOT = '"U0000007","USD","STK","QZA","1","20260102","6","20","120","14","84","36","LOT"\n'
SUMMARY = LOT.replace("LOT", "SUMMARY")


def test_lots_without_their_positions_are_not_an_empty_account(read_csv, tmp_path):
    (tmp_path / "ibkr_flex.toml").write_text(
        'description = 1\nname = "ibkr_flex"\ntitle = "Flex, lots not added up"\nextends = "ibkr_flex"\n'
        "[lots]\nsum = false\n"
    )
    with pytest.raises(DataRefused, match="tax lots") as caught:
        read_csv(FLEX + LOT + LOT, folder=tmp_path)
    assert "Summary" in caught.value.hint
    with pytest.raises(DataRefused, match="tax lots"):
        read_csv(FLEX + SUMMARY + LOT + LOT.replace("U0000007", "U0000008"), folder=tmp_path)
    assert len(read_csv(FLEX + SUMMARY + LOT, folder=tmp_path).positions) == 1


def test_lots_of_another_account_are_added_up_there(read_csv):
    first, second = read_csv(
        FLEX + SUMMARY + LOT + LOT.replace("U0000007", "U0000008") * 2
    ).documents
    assert [one["positions"][0]["quantity"] for one in (first, second)] == [6, 12]


def test_shares_need_no_multiplier_and_the_message_says_what_to_add_for_the_rest(read_csv):
    header = FLEX.replace('"Multiplier",', "")
    option = '"U0000007","USD","OPT","QZA   260320C00100000","20260102","1","2.5","250","2","200","50","SUMMARY"\n'
    outcome = read_csv(header + SUMMARY.replace('"QZA","1",', '"QZA",') + option)
    stock, contract = sorted(outcome.positions, key=lambda one: one["type"], reverse=True)
    assert (stock["multiplier"], stock["market_value"], stock["cost_basis"]) == (1, 120, 84)
    assert "multiplier" not in contract
    assert (contract["market_value"], contract["cost_basis"]) == (250, 200)
    assert contract["unrealized_pl"] == 50
    assert any('add the column "Multiplier" to the export' in one for one in outcome.warnings)


@pytest.mark.parametrize(
    ("stated", "price", "value", "multiplier"),
    [("1", "98.5", "9850", "0.01"), ("0.01", "98.5", "9850", "0.01"), ("1", "0.985", "9850", "1")],
)
def test_the_price_of_a_bond_is_for_a_hundred_of_its_face(
    read_csv, stated, price, value, multiplier
):
    bond = (
        f'"U0000007","USD","BOND","T 4 1/8 11/15/32","{stated}","20260102","10000","{price}","{value}","97.08","9708",'
        '"142","SUMMARY"\n'
    )
    outcome = read_csv(FLEX + bond)
    (position,) = outcome.positions
    assert position["multiplier"] == Decimal(multiplier)
    assert position["quote"]["mark"] == Decimal(price)
    assert "value_contradicted" not in outcome.cautions()


FIDELITY = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Last Price Change,Current Value,"
    "Today's Gain/Loss Dollar,Today's Gain/Loss Percent,Total Gain/Loss Dollar,Total Gain/Loss Percent,Percent Of Account,"
    "Cost Basis Total,Average Cost Basis,Type\n"
)
DOWNLOADED = '\n"Date downloaded Dec-01-2025 11:27 a.m ET"\n'


def fidelity(*rows):
    return FIDELITY + "".join(f"{row}\n" for row in rows) + DOWNLOADED


def test_a_bill_without_a_symbol_is_called_by_its_description(read_csv):
    outcome = read_csv(
        "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
        "00000011,U S TREASURY BILL CPN  0.00000 % MTD 2026-04-10 DTD 2025-10-14,,5000,99.42100000,4971.05,\n"
        "00000011,QUARTZ BOND 5 % FUND,QZB,10,10.00,100.00,\n"
    )
    bill, fund = sorted(outcome.positions, key=lambda one: one["type"])
    assert bill["symbol"].startswith("U S TREASURY BILL")
    assert (bill["market_value"], bill["multiplier"]) == (Decimal("4971.05"), Decimal("0.01"))
    assert (fund["symbol"], fund["type"]) == ("QZB", "stock")
    assert outcome.meta["status"] == "complete"


def test_pools_and_plans_keep_the_money_that_the_file_states(read_csv):
    outcome = read_csv(
        fidelity(
            "K1,401K,12345R401,INDEX TRUST,418.259,$113.68,-$0.18,$47547.67,$0.00,0.00%,+$5238.66,+12.38%,41.30%,$42309.01,$101.16,,",
            "K1,401K,PLAN00001,STATE FUND,100,$20.00,+$0.10,$2000.00,+$10.00,+0.5%,+$200.00,+11%,100%,$1800.00,$18.00,Cash,",
            "K1,401K,,BROKERAGELINK,1000,$1.00,$0.00,$1000.00,$0.00,0.00%,--,--,1%,--,--,,",
        )
    )
    assert sum(one["market_value"] for one in outcome.positions) == Decimal("49547.67")
    assert sum(one["cost_basis"] for one in outcome.positions) == Decimal("44109.01")
    assert sum(one["unrealized_pl"] for one in outcome.positions) == Decimal("5438.66")
    assert outcome.meta["status"] == "complete"


def test_the_cash_of_a_crypto_account_is_cash(read_csv):
    outcome = read_csv(
        fidelity(
            "C1,Crypto,USD***,US DOLLARS,,,,$512.00,,,,,90%,,,Cash,",
            "C1,Crypto,BTC/USD,BITCOIN,0.00087990,$64046.20,+$681.70,$56.35,+$0.59,+1.05%,-$43.65,-43.65%,10%,$100.00,$113649.28,Cash,",
        )
    )
    assert outcome.meta["status"] == "complete"
    assert outcome.document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": Decimal("568.35"),
        "cash": 512,
    }


def test_pending_money_alone_is_not_an_account_of_nothing(read_csv):
    pending = "X1,Individual,Pending activity,,,,,-$26186.57,,,,,,,,,"
    outcome = read_csv(fidelity(pending))
    assert outcome.positions == []
    assert outcome.document["balances"]["pending_cash"] == Decimal("-26186.57")
    assert outcome.document["balances"]["net_liquidating_value"] == Decimal("-26186.57")


TASTYTRADE = "Account,Symbol,Type,Quantity,P/L Open,Cost,Mark,Net Liq\n"


def test_a_document_counts_the_rows_that_are_not_positions(read_csv, files):
    meta = read_csv((files / "etrade.csv").read_bytes()).meta
    assert meta["passed_over"] == {"cash": 1, "lots": 3, "totals": 1}
    assert meta["counts"]["fetched"] == meta["counts"]["normalized"]
    assert "passed_over" not in read_csv((files / "tastytrade_2021.csv").read_bytes()).meta


def test_an_ignored_row_is_counted_in_its_account(read_csv):
    header = "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value\n"
    rows = "X1,401K,,BROKERAGELINK,,,$500.00\nX1,401K,QZA,Q,10,$20.00,$200.00\nX2,Link,QZB,Q,5,$100.00,$500.00\n"
    first, second = read_csv(header + rows).documents
    assert first["meta"]["passed_over"] == {"ignored": 1}
    assert "passed_over" not in second["meta"]


def test_cash_whose_account_cannot_be_summed_is_flagged(read_csv):
    cash = "5WX00001,CASH,CASH,1,,,,500\n"
    stock = "5WX00001,QZA,STOCK,10,50.00,-950.00,100.00,{}\n"
    assert read_csv(TASTYTRADE + stock.format(1000) + cash).document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": 1500,
        "cash": 500,
    }
    future = "5WX00001,/QZZH6,FUTURES,1,5.00,--,100.00,--\n"
    unsummed = read_csv(TASTYTRADE + future + cash)
    assert "balances" not in unsummed.document
    assert "balances_missing" in unsummed.cautions()


SCHWAB = (
    '"Positions for account Joint ...724 as of 01:17 PM ET, 2025/12/03"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Asset Type",\n'
    '"QZA","Q","10","12.00","$120.00","$100.00","Equity",\n'
)
SCHWAB_TOTAL = '"Positions Total","","--","--","$120.00","$100.00","--",\n'


def test_an_export_that_always_ends_with_a_total_and_has_none_may_be_cut_off(read_csv):
    assert "possibly_truncated" not in read_csv(SCHWAB + SCHWAB_TOTAL).cautions()
    cut = read_csv(SCHWAB)
    assert "possibly_truncated" in cut.cautions()
    assert any("may be cut off" in one for one in cut.warnings)


@pytest.mark.parametrize("word", ["TOTAL", "Grand Total", "Portfolio total:"])
def test_a_total_with_a_number_in_every_column_is_still_not_a_position(read_csv, word):
    typed = ",".join(f'"{cell}"' for cell in (word, *["220.00"] * 6)) + ",\n"
    outcome = read_csv(SCHWAB + SCHWAB_TOTAL + typed)
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["status"] == "complete"


def test_an_option_that_expires_on_no_friday_has_the_brokers_order_of_day_and_month(read_csv):
    option = '"QZB 04/01/2026 32.00 P","PUT","1","12.53","$1,253.00","$1,253.00","Option",\n'
    outcome = read_csv(SCHWAB + option + SCHWAB_TOTAL.replace("$120.00", "$1,373.00"))
    assert [one["symbol"] for one in outcome.positions] == ["QZA", "QZB   260401P00032000"]


def test_a_share_called_sum_is_not_a_total(read_csv):
    outcome = read_csv(SCHWAB.replace('"QZA"', '"SUM"') + SCHWAB_TOTAL)
    assert [one["symbol"] for one in outcome.positions] == ["SUM"]


def test_an_account_whose_header_is_all_that_is_there_may_be_cut_off(read_csv):
    second = SCHWAB.replace("724", "725").splitlines(keepends=True)
    cut = read_csv(SCHWAB + SCHWAB_TOTAL + "".join(second[:3]))
    assert all(
        any(flag["caution"] == "possibly_truncated" for flag in one["meta"]["flags"])
        for one in cut.documents
    )


def test_a_file_that_is_cut_in_its_total_may_lack_rows(read_csv):
    assert "possibly_truncated" in read_csv(SCHWAB + '"Positions Total","","--",').cautions()


def test_an_end_without_the_total_before_it_is_not_the_end(read_csv, files):
    whole = (files / "etrade.csv").read_text()
    assert "possibly_truncated" not in read_csv(whole).cautions()
    without = "".join(line for line in whole.splitlines(True) if not line.startswith("TOTAL"))
    assert "possibly_truncated" in read_csv(without).cautions()


MARKS = "Account,Symbol,Type,Quantity,Trade Price,Cost,Mark\n5WX00001,QZA,STOCK,100,-150.00,-15000.00,155.25\n"


@pytest.mark.parametrize("last_cell", ["3", "300.1"])
def test_a_file_that_is_cut_in_its_last_number_is_refused(read_csv, last_cell):
    row = f"5WX00001,QZB,STOCK,100,-300.00,-30000.00,{last_cell}"
    with pytest.raises(DataRefused, match="cut off there"):
        read_csv(MARKS + row)
    assert len(read_csv(f"{MARKS}{row}\n").positions) == 2


def test_a_whole_last_number_needs_no_line_end(read_csv):
    assert len(read_csv(f"{MARKS}5WX00001,QZB,STOCK,100,-300.00,-30000.00,300.15").positions) == 2


def test_a_last_cell_without_the_sign_of_all_others_is_cut(read_csv):
    header = "Account,Symbol,Type,Quantity,Cost,Net Liq,P/L Opn%\n"
    row = "5WX00001,QZA,STOCK,100,-150.00,1.25,12%\n"
    with pytest.raises(DataRefused, match="cut off there"):
        read_csv(header + row + row.removesuffix("%\n"))
    assert len(read_csv(header + row + row.removesuffix("\n")).positions) == 2


def test_a_file_that_is_cut_in_its_header_is_refused(read_csv):
    with pytest.raises(DataRefused, match="cut off"):
        read_csv(TASTYTRADE[:40])
    with pytest.raises(DataRefused, match="cut off"):
        read_csv(TASTYTRADE.removesuffix("\n"))


@pytest.mark.parametrize(
    "typed", ["Total,,,,,,,1000", "TOTAL:,,,,50,,,", ",Grand total,,,,,,1000", "Sum,1000"]
)
def test_a_total_that_was_typed_below_is_not_an_account_and_no_position(read_csv, typed):
    stock = "5WX00001,QZA,STOCK,10,50.00,-950.00,100.00,1000\n"
    outcome = read_csv(f"{TASTYTRADE}{stock}{typed}\n")
    assert [account.number for account in outcome.accounts] == ["5WX00001"]
    assert outcome.meta["status"] == "complete"
    assert len(outcome.positions) == 1


def test_a_value_ten_times_off_costs_its_row(read_csv):
    row = "X1,Ind,QZA,APPLE,10,$200.00,+$1.00,{},+$10.00,+0.5%,+$500.00,+33%,100%,$1500.00,$150.00,Cash,"
    outcome = read_csv(fidelity(row.format("$2000.00"), row.format("$20000.00")))
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "out_of_range", "symbol": "QZA"}]
    assert [one["market_value"] for one in outcome.positions] == [2000]
    assert any("far from quantity x price, in Current Value" in one for one in outcome.warnings)


def test_a_rejected_row_is_named_where_the_document_has_its_root(read_csv):
    row = "X1,Ind,{},APPLE,{},$200.00,+$1.00,{},+$10.00,+0.5%,+$500.00,+33%,100%,$1500.00,$150.00,Cash,"
    rows = [
        row.format("QZA", "abc", "$2000.00"),
        row.format("QZA", 10, "$2000.00"),
        row.format("QZB", "abc", "$2000.00"),
        *(row.format(f"QZ{letter}", 10, "$2000.00") for letter in "CDEFGHIJ"),
    ]
    rejected = read_csv(fidelity(*rows)).meta["rejected"]
    assert [(each["row"], each.get("symbol")) for each in rejected] == [(2, "QZA"), (4, None)]


def test_what_a_spreadsheet_makes_of_a_date_is_read(read_csv):
    header = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Cost,Mark\n"
    outcome = read_csv(header + "5WX00001,QZB,OPTION,-1,20-Mar-26,95,PUT,100,-0.90\n")
    assert outcome.positions[0]["expiration"] == "2026-03-20"


@pytest.mark.parametrize(
    ("value", "cost", "rejected"),
    [
        ("-$420.00", "-$640.00", True),
        ("-$420.00", "$640.00", False),
        ("$420.00", "-$640.00", False),
        ("$420.00", "$640.00", False),
    ],
)
def test_a_quantity_whose_sign_both_value_and_cost_contradict_is_not_believed(
    read_csv, value, cost, rejected
):
    option = f'"QZB 04/01/2026 32.00 C","CALL","2","2.10","{value}","{cost}","Option",\n'
    outcome = read_csv(SCHWAB + option + SCHWAB_TOTAL)
    reasons = [each["reason"] for each in outcome.meta.get("rejected", ())]
    assert reasons == (["numbers_contradict"] if rejected else [])
    assert len(outcome.positions) == (1 if rejected else 2)


def test_a_short_position_whose_amounts_have_no_sign_is_kept(read_csv):
    option = '"QZB 04/01/2026 32.00 C","CALL","-2","2.10","$420.00","$640.00","Option",\n'
    assert len(read_csv(SCHWAB + option + SCHWAB_TOTAL).positions) == 2


@pytest.mark.parametrize(
    ("name", "cost", "rejected"),
    [
        ("Cost", "100.00", True),
        ("Cost", "-100.00", False),
        ("Cost", "", True),
        ("Trade Price", "1.00", True),
        ("Trade Price", "-1.00", False),
    ],
)
def test_only_a_cost_of_its_side_upholds_a_quantity_that_the_value_contradicts(
    read_csv, name, cost, rejected
):
    """To this broker money received is positive: for a position that was bought it would be negative."""
    header = f"Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,{name},Net Liq\n"
    rows = (
        f"5WX00001,QZB,OPTION,1,2026-03-20,95,PUT,{cost},-90.00\n"
        "5WX00001,QZA,STOCK,10,,,,,1000.00\n"
    )
    outcome = read_csv(header + rows)
    reasons = [each["reason"] for each in outcome.meta.get("rejected", ())]
    assert reasons == (["numbers_contradict"] if rejected else [])
    assert len(outcome.positions) == (1 if rejected else 2)
