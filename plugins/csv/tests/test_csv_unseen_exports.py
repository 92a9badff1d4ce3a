"""Exports in shapes that came after the samples: views of one's own, hidden columns, names and footers that nobody had seen."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused

SCHWAB_TITLE = '"Positions for account Individual ...123 as of 12:33 PM ET, 2025/11/25"\n\n'
SCHWAB_HEADER = (
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis",'
    '"Gain $ (Gain/Loss $)","Asset Type",\n'
)
FIDELITY_HEADER = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value,"
    "Total Gain/Loss Dollar,Cost Basis Total,Average Cost Basis,Type\n"
)
FIDELITY_END = '\n"Date downloaded Nov-25-2025 11:27 a.m ET"\n'
ETRADE_COLUMNS = (
    "Symbol,Last Price $,Change $,Change %,Day's Gain $,Qty #,Price Paid $,Total Gain $,"
    "Total Gain %,Value $\n"
)
ETRADE_END = "\nGenerated at Nov 25 2025 09:24 PM ET\n"
TASTYTRADE_HEADER = (
    "Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,Trade Price,Cost,Mark,Net Liq,P/L Open\n"
)


def schwab_row(symbol, quantity, price, value, cost, gain, kind):
    cells = (symbol, "A NAME", quantity, price, value, cost, gain, kind)
    return ",".join(f'"{cell}"' for cell in cells) + ",\n"


def schwab_total(value):
    return f'"Positions Total","","--","--","{value}","--","--","--",\n'


QUARTZ = schwab_row("QZA", "100", "50.00", "$5,000.00", "$4,000.00", "$1,000.00", "Equity")
CASH = '"Cash & Cash Investments","--","--","--","$10.00","--","--","Cash and Money Market",\n'


def summary(positions):
    return [
        (one["symbol"], one["type"], one["side"], one["quantity"], one.get("market_value"))
        for one in positions
    ]


@pytest.mark.parametrize(
    "label",
    [
        "Roth_IRA ...426",
        "Doe Family Trust, Jane Doe ...426",
        "Müller & Co. ...426",
        "SEP-IRA XXXX-426",
    ],
)
def test_an_account_of_schwab_may_have_any_name(read_csv, label):
    text = (
        '"Positions for All-Accounts as of 06:04 PM ET, 11/25/2025"\n\n'
        f"Individual ...730\n{SCHWAB_HEADER}{QUARTZ}{CASH}{schwab_total('$5,010.00')}\n\n"
        f"{label}\n{SCHWAB_HEADER}{QUARTZ}{CASH}{schwab_total('$5,010.00')}"
    )
    outcome = read_csv(text)
    assert len({account.number for account in outcome.accounts}) == 2
    assert [summary(one["positions"]) for one in outcome.documents] == 2 * [
        [("QZA", "stock", "long", 100, 5000)]
    ]


def test_a_second_table_without_an_account_says_that_its_account_is_missing(read_csv):
    text = (
        '"Positions for All-Accounts as of 06:04 PM ET, 11/25/2025"\n\n'
        f"Individual ...730\n{SCHWAB_HEADER}{QUARTZ}{schwab_total('$5,000.00')}\n\n"
        f"Mom_Retirement\n{SCHWAB_HEADER}{QUARTZ}{schwab_total('$5,000.00')}"
    )
    with pytest.raises(DataRefused, match="no line above it says whose positions follow"):
        read_csv(text)


@pytest.mark.parametrize(
    ("title", "moment"),
    [
        (
            "Positions for account Trading ...1 as of 12:33 PM ET, 2025/11/25",
            "2025-11-25T17:33:00Z",
        ),
        ("Positions for Roth_IRA ...995 as of 04:46 PM ET, 11/25/2025", "2025-11-25T21:46:00Z"),
        ("Positions for account Trading ...1 as of 11/25/2025", "2025-11-25T21:00:00Z"),
    ],
)
def test_every_wording_of_schwabs_title_states_account_and_time(read_csv, title, moment):
    outcome = read_csv(f'"{title}"\n\n{SCHWAB_HEADER}{QUARTZ}{CASH}{schwab_total("$5,010.00")}')
    assert outcome.accounts[0].number
    assert outcome.meta["fetched_at"] == moment


def test_what_stands_below_schwabs_total_is_no_position_that_cannot_be_read(read_csv):
    below = '\n"Data as of 11/25/2025"\n"Important: the data in this report is provided as is."\n'
    outcome = read_csv(
        f"{SCHWAB_TITLE}{SCHWAB_HEADER}{QUARTZ}{CASH}{schwab_total('$5,010.00')}{below}"
    )
    assert outcome.meta["status"] == "complete"
    assert outcome.meta["passed_over"] == {"cash": 1, "totals": 1, "ignored": 2}


def test_cash_of_schwab_is_cash_in_both_spellings(read_csv):
    cash = CASH.replace("Cash & Cash", "Cash and Cash")
    outcome = read_csv(f"{SCHWAB_TITLE}{SCHWAB_HEADER}{QUARTZ}{cash}{schwab_total('$5,010.00')}")
    assert outcome.document["balances"]["cash"] == 10


MY_VIEW = (
    "Account number,Account name,Symbol,Description,Current value,% of account,Quantity,"
    "Cost basis total, Average cost basis,Average cost basis,Cost basis total,Account type,"
    "Total gain/loss $,Total gain/loss %,Total gain/loss $, Total gain/loss %,CUSIP,Last price,"
    "Last Price, Change $,Bid,Ask,Security type\n"
)


def my_view_row(totals, averages, gains=("", "+$150.00")):
    return (
        f"X1,Individual,QZA,QUARTZ,$1650.00,90%,100,{totals[0]},{averages[0]},{averages[1]},"
        f"{totals[1]},Margin,{gains[0]},,{gains[1]},,,$16.50,,,$16.40,$16.60,Common Stock,\n"
    )


@pytest.mark.parametrize(
    ("totals", "averages"),
    [
        (("$1500.00", "$1500.00"), ("$15.00", "$15.00")),
        (("", "$1500.00"), ("", "$15.00")),
        (("$1500.00", ""), ("--", "$15.00")),
    ],
)
def test_a_view_of_ones_own_may_have_a_column_twice(read_csv, totals, averages):
    outcome = read_csv(MY_VIEW + my_view_row(totals, averages) + FIDELITY_END)
    (position,) = outcome.positions
    assert position["cost_basis"] == 1500
    assert position["average_price"] == 15
    assert position["unrealized_pl"] == 150
    assert position["quote"] == {
        "bid": Decimal("16.40"), "ask": Decimal("16.60"), "last": Decimal("16.50"),
    }  # fmt: skip
    assert not outcome.warnings


def test_of_two_columns_of_one_name_that_differ_neither_counts(read_csv):
    row = my_view_row(("$1500.00", "$1600.00"), ("$15.00", "$15.00"))
    outcome = read_csv(MY_VIEW + row + FIDELITY_END)
    (position,) = outcome.positions
    assert outcome.cautions(2) == ["number_unreadable"]
    assert (
        position["cost_basis"] == 1500
    )  # what the average price says, and what value - profit says


def test_a_column_that_stands_twice_in_a_format_that_has_it_once_is_still_refused(read_csv):
    with pytest.raises(DataRefused, match='the column "Quantity" stands in the header twice'):
        read_csv(f"Quantity,{FIDELITY_HEADER}1,X1,Ind,QZA,Q,1,1,1,0,1,1,Cash\n{FIDELITY_END}")


def test_a_pool_without_a_symbol_is_kept_under_its_name_with_its_money(read_csv):
    text = (
        f"{FIDELITY_HEADER}12366,QUARTZ 401(K),,BROKERAGELINK,363977.42,$1.00,$363977.42,$0.00,"
        "$363977.42,$1.00,\n"
        '12366,QUARTZ 401(K),,"Large Cap, Index Pool",100.123,$20.00,$2002.46,+$2.46,$2000.00,$19.98,\n'
        f"{FIDELITY_END}"
    )
    outcome = read_csv(text)
    (position,) = outcome.positions
    assert summary([position]) == [
        ("LARGE CAP INDEX POOL", "other", "long", Decimal("100.123"), Decimal("2002.46"))
    ]
    assert (position["cost_basis"], position["unrealized_pl"]) == (2000, Decimal("2.46"))
    assert outcome.meta["status"] == "complete"


def test_a_row_with_neither_symbol_nor_description_is_rejected(read_csv):
    text = f"{FIDELITY_HEADER}X1,Ind,,,5,$1.00,$5.00,,,,\nX1,Ind,QZA,Q,5,$1.00,$5.00,,,,\n{FIDELITY_END}"
    assert read_csv(text).meta["rejected"] == [{"row": 2, "reason": "symbol_missing"}]


def test_pending_activity_may_lack_the_cells_behind_its_amount(read_csv):
    text = f"{FIDELITY_HEADER}X1,Ind,QZA,Q,5,$1.00,$5.00,,,,\nX1,Ind,Pending Activity,,,,$100.00,\n{FIDELITY_END}"
    outcome = read_csv(text)
    assert outcome.meta["status"] == "complete"
    assert outcome.document["balances"]["pending_cash"] == 100


@pytest.mark.parametrize("symbol", ["#NAME?", "9.13E+08", "1-Mar", "Mar-01"])
def test_a_symbol_that_a_spreadsheet_program_has_overwritten_says_so(read_csv, symbol):
    text = f"{FIDELITY_HEADER}X1,Ind,{symbol},Q,5,$1.00,$5.00,,,,\nX1,Ind,QZA,Q,5,$1.00,$5.00,,,,\n{FIDELITY_END}"
    outcome = read_csv(text)
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "symbol_unreadable"}]
    assert any("a spreadsheet program has overwritten it" in one for one in outcome.warnings)


def test_etrade_calls_the_quantity_by_two_names(read_csv):
    text = (
        "Account Summary\nAccount,Net Account Value\n"
        f'"Brokerage -1234","$55.00"\n\n{ETRADE_COLUMNS}QZA,10.00,1.00,10.00,2.00,5,8.00,10.00,25.00,50.00\n'
        f"     01/02/2025,10.00,1.00,10.00,2.00,5,8.00,10.00,25.00,50.00\n"
        f"CASH,,,,,,,,,5.00,\nTOTAL,,,,2.00,,40.00,10.00,25.00,55.00,\n{ETRADE_END}"
    )
    outcome = read_csv(text)
    assert summary(outcome.positions) == [("QZA", "stock", "long", 5, 50)]
    assert outcome.document["balances"] == {
        "currency": "USD", "net_liquidating_value": 55, "cash": 5,
    }  # fmt: skip
    assert outcome.accounts[0].number
    assert not outcome.warnings


def test_a_treasury_bill_has_no_rate_in_its_description(read_csv):
    text = (
        f"{ETRADE_COLUMNS}US TREASURY BILL 01/21/2027,99.10,--,--,.00,10000.0000,99.00,10.00,.1,9910.00\n"
        f"CASH,,,,,,,,,5.00,\nTOTAL,,,,,,,,,9915.00,\n{ETRADE_END}"
    )
    (position,) = read_csv(text).positions
    assert summary([position]) == [
        ("US TREASURY BILL 01/21/2027", "bond", "long", 10000, Decimal("9910.00"))
    ]
    assert position["multiplier"] == Decimal("0.01")


VANGUARD = (
    "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    "12345678,U S TREASURY NOTE 4.5%,,1000,99.50,995.00,\n"
    "12345678,CASH SWEEP,,250.00,1.00,250.00,\n"
    "12345678,QUARTZ,QZA,8,200.00,1600.00,\n"
)


def test_bonds_and_cash_of_vanguard_have_no_symbol(read_csv):
    outcome = read_csv(VANGUARD)
    assert summary(outcome.positions) == [
        ("QZA", "stock", "long", 8, 1600),
        ("U S TREASURY NOTE 4.5%", "bond", "long", 1000, 995),
    ]
    assert outcome.document["balances"] == {
        "currency": "USD", "net_liquidating_value": 2845, "cash": 250,
    }  # fmt: skip


@pytest.mark.parametrize(
    "written",
    ["12/18/2026 0:00", "12/18/2026 00:00:00", "2026-12-18T00:00:00", "12/18/26 12:00 AM"],
)
def test_a_date_at_midnight_is_a_date(read_csv, written):
    text = (
        f"{TASTYTRADE_HEADER}/ESZ6,FUTURES,-1,{written},,,6860.25,0,6855.25,250.00,250.00\n"
        f"QZA,EQUITY_OPTION,-2,{written},45,PUT,1.20,240.00,-0.80,-160.00,80.00\n"
    )
    outcome = read_csv(text)
    assert [(one["symbol"], one["expiration"]) for one in outcome.positions] == [
        ("/ESZ6", "2026-12-18"),
        ("QZA   261218P00045000", "2026-12-18"),
    ]


def test_a_date_at_another_time_of_the_day_is_not_guessed_at(read_csv):
    text = f"{TASTYTRADE_HEADER}QZA,EQUITY_OPTION,-2,12/18/2026 9:30,45,PUT,1.20,240.00,-0.80,-160.00,80.00\nQZA,STOCK,1,,,,-1,-1,1,1,0\n"
    assert read_csv(text).meta["rejected"] == [{"row": 2, "reason": "date_unreadable"}]


TOS = "Position Statement for D-12345678 (margin) on 11/25/25 11:49:04\n\n"
TOS_COLUMNS = "Instrument,Qty,Days,Trade Price,Mark,Mrk Chng,P/L Open,P/L Day,BP Effect\n"


def test_a_closed_row_is_closed_whatever_it_was_in(read_csv):
    text = (
        f"{TOS}None\nEquities and Equity Options\n{TOS_COLUMNS}QZA,,,,,,$100.00,$5.00,$0.00\n"
        "QUARTZ INC COM,+100,,50.00,51.00,+1,$100.00,$5.00,\n"
        "10 (Mini) 19 DEC 25 40 CALL,0,24,.00,1.00,N/A,$0.00,$0.00,\n"
    )
    outcome = read_csv(text)
    assert outcome.meta["counts"] == {"fetched": 2, "normalized": 1, "closed": 1, "rejected": 0}


def test_a_group_of_thinkorswim_may_have_commas_in_its_name(read_csv):
    text = (
        f'{TOS}Group "Wheel, core"\nEquities and Equity Options\n{TOS_COLUMNS}QZA,,,,,,$100.00,$5.00,$0.00\n'
        "QUARTZ INC COM,+100,,50.00,51.00,+1,$100.00,$5.00,\n"
        '\nCash & Sweep Vehicle,"$1,234.56"\n'
    )
    outcome = read_csv(text)
    assert summary(outcome.positions) == [("QZA", "stock", "long", 100, 5100)]
    assert not outcome.warnings


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"{TOS_COLUMNS}QZA,+100,,50.00,51.00,+1,$100.00,$5.00,$0.00\n", "thinkorswim"),
        ("Equities\nSymbol,Description,Qty,Trade Price,Mark,Mark Value\nQZA,Q,+1,1,1,$1\n", "thinkorswim_statement"),
    ],
)  # fmt: skip
def test_a_file_without_its_title_line_is_refused_with_what_it_lacks(read_csv, text, name):
    with pytest.raises(DataRefused) as caught:
        read_csv(text)
    assert f'the columns are those of the dialect "{name}"' in caught.value.what
    assert "the line that this broker writes above them is missing" in caught.value.what


def test_an_option_on_a_future_has_the_future_of_the_column_beside_its_series(read_csv):
    text = (
        "Account Statement for D-70001650 (ira) since 11/25/25 through 11/25/25\n\nFutures Options\n"
        "Symbol,Option Code,Exp,Strike,Type,Qty,Trade Price,Mark,Mark Value\n"
        "/MESZ25,/EX2Z25,12 DEC 25,6740,PUT,-1,6.35,5.00,($25.00)\n,OVERALL TOTALS,,,,,,,($25.00)\n\n"
        'Account Summary\nNet Liquidating Value,"$201,000.00"\n'
    )
    (position,) = read_csv(text).positions
    assert position["symbol"] == "./MESZ5EX2Z5 251212P6740"
    assert (position["root"], position["underlying"], position["multiplier"]) == (
        "/MES",
        "/MESZ5",
        5,
    )
    assert position["cost_basis"] == Decimal("31.75")


def test_a_format_that_lacks_several_columns_is_not_called_the_nearest(read_csv):
    with pytest.raises(DataRefused) as caught:
        read_csv("Symbol,Name,Quantity,Average Cost,Equity\nQZA,Quartz,3,210.50,720.00\n")
    assert caught.value.what == "no dialect fits the header"
    assert "--set dialect=generic" in caught.value.hint


def test_what_programs_write_of_robinhood_is_read_by_its_common_names(read_csv):
    text = (
        "symbol,average_buy_price,quantity,equity,percent_change,equity_change,type,name\n"
        "QZA,162.00,100,18250.00,12.65,2050.00,stock,Quartz Inc.\n"
    )
    (position,) = read_csv(text, dialect="generic").positions
    assert summary([position]) == [("QZA", "stock", "long", 100, 18250)]
    assert (position["cost_basis"], position["unrealized_pl"]) == (16200, 2050)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Record Type,Symbol,Purchase Date,Purchased Qty.,Sellable Qty.\nPurchase,QZA,1,1,1\n", "an E*TRADE export of a stock plan"),
        ("Brokerage\nAccount Name / Account Number,X\n,Balance,Day change\nTotal,1,\n", "a Fidelity balances export"),
    ],
)  # fmt: skip
def test_reports_that_are_not_positions_are_refused_by_name(read_csv, text, name):
    with pytest.raises(DataRefused, match=f"this is {name}".replace("*", r"\*")):
        read_csv(text)


@pytest.mark.parametrize(
    "title", ["Crypto", "Crypto # (Crypto offered by Charles Schwab Premier Bank, SSB)"]
)
def test_the_coins_of_an_account_statement_are_positions(read_csv, title):
    text = (
        "Account Statement for D-70001650 (ira) since 11/25/25 through 11/25/25\n\n"
        "Cash & Sweep Vehicle\nDATE,TIME,TYPE,REF #,DESCRIPTION,Misc Fees,Commissions & Fees,AMOUNT,BALANCE\n"
        "11/25/25,00:00:00,BAL,,Cash balance at the start of business day,,,,202146.08\n\n"
        f"{title}\nSymbol,Description,Qty,Trade Price,Mark,Mark Value\n"
        'BTC/USD,BITCOIN,+0.5,"80,000.00","90,000.00","$45,000.00"\n,OVERALL TOTALS,,,,"$45,000.00"\n\n'
        'Account Summary\nNet Liquidating Value,"$201,000.00"\n'
    )
    outcome = read_csv(text)
    assert summary(outcome.positions) == [
        ("BTC/USD", "crypto", "long", Decimal("0.5"), Decimal("45000.00"))
    ]
    assert not any("another table" in one for one in outcome.warnings)


def test_a_position_statement_that_ends_before_the_accounts_worth_may_be_cut_off(read_csv):
    rows = (
        f"{TOS}None\nEquities and Equity Options\n{TOS_COLUMNS}QZA,,,,,,$100.00,$5.00,$0.00\n"
        "QUARTZ INC COM,+100,,50.00,51.00,+1,$100.00,$5.00,\n"
    )
    assert "possibly_truncated" in read_csv(rows).cautions()
    whole = f'{rows}\nCash & Sweep Vehicle,"$1,234.56"\nOVERALL P/L YTD,"$99.00"\n'
    assert "possibly_truncated" not in read_csv(whole).cautions()


def test_what_merrill_writes_around_its_holdings_is_no_row_that_cannot_be_read(read_csv):
    text = (
        ' , "IRRA-Edge 11X-11X11" ,"Value" ,"Day\'s Value Change" ,"Unrealized Gain/Loss"\n'
        '"" ,"$5,200.00" ,"$10.00 0.20%" ,"+$1,000.00 +25.00%"\n"Short-term gain" ,"+$377.46" \n\n""\n'
        '"Symbol " ,"Description" ,"Quantity" ,"Value" ,"Unrealized Gain/Loss $ Chg % Chg" ,"Price"\n'
        '"QZA" ,"QUARTZ" ,"100" ,"$5,000.00" ,"+$1,000.00 +25.00%" ,"$50.00"\n""\n\n'
        '"Total Value:" ,"$5,200.00"\n'
    )
    outcome = read_csv(text)
    assert summary(outcome.positions) == [("QZA", "stock", "long", 100, 5000)]
    assert outcome.meta["status"] == "complete"
    assert not any("another table" in one for one in outcome.warnings)


def test_cash_of_a_table_with_common_names_may_have_no_symbol(read_csv):
    text = "Symbol,Name,Quantity,Last ($),Market Value ($)\nQZA,QUARTZ,100,50.00,5000.00\n,CASH,,,250.00\n"
    outcome = read_csv(text, dialect="generic")
    assert outcome.meta["passed_over"] == {"cash": 1}


@pytest.mark.parametrize("rows", [1, 2])
def test_a_last_number_without_the_delimiter_that_follows_it_elsewhere_may_be_cut(read_csv, rows):
    header = "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
    text = header + "12345678,QUARTZ,QZA,10,74.81,748.10,\n" * rows
    with pytest.raises(DataRefused, match="not followed by a delimiter as they are"):
        read_csv(text[: -len(".10,\n")])


def test_a_file_whose_rows_all_lack_the_headers_last_delimiter_is_whole(read_csv):
    text = (
        "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n"
        "12345678,QUARTZ,QZA,10,74.81,748.10\n12345678,QUARTZ,QZB,10,74.81,748.10"
    )
    assert len(read_csv(text).positions) == 2


def option_on_future(title, row):
    return (
        f"{title}None\nFutures and Futures Options\n{TOS_COLUMNS}/ES,,,,,,$50.00,$50.00,$0.00\n{row}\n"
        '\nCash & Sweep Vehicle,"$1,234.56"\n'
    )


@pytest.mark.parametrize("moment", ["00:10:00", "11:49:04", "22:14:27"])
def test_an_option_on_a_future_expires_as_many_days_after_the_statement_as_it_says(
    read_csv, moment
):
    title = TOS.replace("11:49:04", moment)
    row = "1/50 DEC 25 (EOM) /EWZ25 6500 PUT,-1,36,20.00,19.00,0,$50.00,$50.00,"
    (position,) = read_csv(option_on_future(title, row)).positions
    assert position["expiration"] == "2025-12-31"
    assert (position["type"], position["root"], position["side"]) == (
        "future_option",
        "/ES",
        "short",
    )
    assert (position["strike"], position["multiplier"]) == (6500, 50)
    assert (position["cost_basis"], position["market_value"]) == (1000, -950)


@pytest.mark.parametrize(
    "days",
    [
        "",  # nothing says
        "soon",
        "32",  # a Saturday
        "99",  # March: not the month of the series
    ],
)
def test_a_day_of_expiration_that_cannot_be_counted_costs_the_row(read_csv, days):
    row = f"1/50 DEC 25 (EOM) /EWZ25 6500 PUT,-1,{days},20.00,19.00,0,$50.00,$50.00,"
    future = '"E-mini S&P 500, Dec-25 (prev. /ESZ5)",+1,23,6777.50,6776.25,-2.25,($62.50),($62.50),'
    outcome = read_csv(option_on_future(TOS, f"{row}\n{future}"))
    assert [one["symbol"] for one in outcome.positions] == ["/ESZ5"]
    assert outcome.meta["rejected"][0]["reason"] == "expiration_missing"


def test_explain_names_its_own_option_for_a_format(variance, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("Symbol,Name,Quantity,Average Cost\nQZA,Quartz,3,210.50\n")
    for arguments in ((), ("--dialect", "schwab")):
        code, _out, err = variance("csv", "explain", path, *arguments)
        assert code == 6
        assert "--dialect " in err
        assert "--set dialect" not in err


def test_a_statement_without_days_names_the_column_that_would_tell_the_expiration(read_csv):
    text = option_on_future(
        TOS, "1/50 DEC 25 (EOM) /EWZ25 6500 PUT,-1,36,20.00,19.00,0,$50.00,$50.00,"
    )
    text = text.replace(",Days,", ",Other,")
    text += f"\nEquities and Equity Options\n{TOS_COLUMNS.replace(',Days,', ',Other,')}QZA,+1,,1,1,0,$0.00,$0.00,$0.00\n"
    outcome = read_csv(text)
    assert any(
        'no expiration (add the column "Days" to the export)' in one for one in outcome.warnings
    )


TOS_GROUP = f"{TOS}None\nEquities and Equity Options\n{TOS_COLUMNS}"
TOS_QUARTZ = "QZA,,,,,,$100.00,$5.00,$0.00\nQUARTZ INC COM,+100,,50.00,51.00,+1,$100.00,$5.00,\n"
TOS_PUT = "100 19 DEC 25 40 PUT,-1,24,1.00,.70,-.1,$30.00,$0.00,\n"
TOS_END = '\nCash & Sweep Vehicle,"$1,000.00"\n'


def test_a_strategy_of_thinkorswim_whose_legs_are_hidden_is_missed(read_csv):
    strategy = "QZB,,,,,,$30.00,$0.00,$0.00\nVERTICAL,,,,,,$30.00,$0.00,\n"
    whole = read_csv(f"{TOS_GROUP}{strategy}{TOS_PUT}{TOS_QUARTZ}{TOS_END}")
    assert len(whole.positions) == 2
    assert "total_disagrees" not in whole.cautions()
    hidden = read_csv(f"{TOS_GROUP}{strategy}{TOS_QUARTZ}{TOS_END}")
    assert len(hidden.positions) == 1
    assert "total_disagrees" in hidden.cautions()


def test_a_row_of_thinkorswim_with_a_price_and_no_quantity_is_not_a_strategy(read_csv):
    row = TOS_PUT.replace(",-1,", ",,")
    outcome = read_csv(f"{TOS_GROUP}{TOS_QUARTZ.replace('$100.00', '$130.00', 1)}{row}{TOS_END}")
    (rejected,) = outcome.meta["rejected"]
    assert (rejected["row"], rejected["reason"]) == (8, "quantity_missing")


@pytest.mark.parametrize("unnamed", ["", "--"])
def test_a_group_of_thinkorswim_without_a_name_does_not_get_that_of_another(read_csv, unnamed):
    alone = "QZB,+10,,400.00,500.00,+1,$1000.00,$5.00,$0.00\n"
    group = f"{unnamed},,,,,,$30.00,$0.00,$0.00\n{TOS_PUT}"
    text = f"{TOS_GROUP}{alone}{group}{TOS_QUARTZ}{TOS_END}"
    outcome = read_csv(text)
    assert [one["symbol"] for one in outcome.positions] == ["QZA", "QZB"]
    assert outcome.meta["rejected"] == [{"row": 8, "reason": "symbol_unreadable"}]
    stock = group.splitlines()[0] + "\nQUARTZ B COM,+1,,50.00,51.00,+1,$1.00,$5.00,\n"
    outcome = read_csv(f"{TOS_GROUP}{alone}{stock}{TOS_QUARTZ}{TOS_END}")
    assert [one["symbol"] for one in outcome.positions] == ["QZA", "QZB"]
    assert outcome.meta["rejected"] == [{"row": 8, "reason": "symbol_missing"}]
    sums = ",,,,,,$1100.00,$10.00,\n"
    outcome = read_csv(f"{TOS_GROUP}{alone}{TOS_QUARTZ}\n{sums}{TOS_END}")
    assert outcome.meta["status"] == "complete"


@pytest.mark.parametrize("symbol", ["#NAME?", ""])
def test_an_option_whose_symbol_is_lost_is_known_by_its_description(read_csv, symbol):
    row = (
        f"X1,Ind,{symbol},QZA DEC 19 2025 $9.5 PUT,-2,$0.45,-$90.00,+$28.00,$118.00,$0.59,Margin,\n"
    )
    (position,) = read_csv(f"{FIDELITY_HEADER}{row}{FIDELITY_END}").positions
    assert position["symbol"] == "QZA   251219P00009500"
    assert (position["side"], position["quantity"], position["multiplier"]) == ("short", 2, 100)
    assert position["market_value"] == -90


@pytest.mark.parametrize("symbol", ["#NAME?", ""])
@pytest.mark.parametrize(
    "name",
    [
        "SPXW DEC 19 2025 $7000 CALL",  # An index has two series that expire on the same day.
        "QZA1 DEC 19 2025 $10 CALL",
        "QZA1 DEC 19 2025 $10 CALL (100 SHS + CASH)",
        "CALL (QZA) QUARTZ DEC 19 25 $10 (55 SHS)",
    ],
)
def test_a_description_that_does_not_tell_the_series_of_an_option_does_not_name_it(
    read_csv, symbol, name
):
    row = f"X1,Ind,{symbol},{name},-2,$0.45,-$90.00,+$28.00,$118.00,$0.59,Margin,\n"
    good = "X1,Ind,QZA,Q,5,$1.00,$5.00,,,,\n"
    outcome = read_csv(f"{FIDELITY_HEADER}{row}{good}{FIDELITY_END}")
    reason = "symbol_unreadable" if symbol else "symbol_missing"
    assert outcome.meta["rejected"] == [{"row": 2, "reason": reason}]
    words = "export the positions again" if symbol else "does not tell which series"
    assert any(words in one for one in outcome.warnings)


JPM_COLUMNS = "Asset Class,Asset Strategy,Description,Ticker,CUSIP,Quantity,Price,Value,Cost,Unit Cost,Unrealized G/L Amt.,As of\n"
JPM_END = 'FOOTNOTES\nP,"This order is pending settlement."\n'


def test_j_p_morgan_writes_an_option_as_its_ticker(read_csv):
    row = 'Equity,US Large Cap,QUARTZ B CL PUT 12/18/26 $1000.50,QZB.B PUT 12/18/26 "$1,000.50",,-2,1.5,-300,400,2,100,12/31/2025\n'
    row = row.replace('QZB.B PUT 12/18/26 "$1,000.50"', '"QZB.B PUT 12/18/26 $1,000.50"')
    (position,) = read_csv(f"{JPM_COLUMNS}{row}{JPM_END}").positions
    assert (position["type"], position["side"], position["strike"]) == ("option", "short", 1000.5)
    assert position["market_value"] == -300
    assert position["average_price"] == 2


def test_j_p_morgan_has_had_two_words_for_cash(read_csv):
    rows = (
        "Fixed Income & Cash,Cash & Short Term,US DOLLAR,,0USD,100.50,1,100.50,100.50,1,0,12/31/2025\n"
        "Fixed Income & Cash,Cash & Short Term,CHASE DEPOSIT SWEEP,QACDS,,50,1,50,50,1,0,12/31/2025\n"
        "Fixed Income & Cash,US Fixed Income,QUARTZ NOTE 4.5% 01/15/2031,,000000001,1000,99,990,980,98,10,12/31/2025\n"
    )
    outcome = read_csv(f"{JPM_COLUMNS}{rows}{JPM_END}")
    assert [one["type"] for one in outcome.positions] == ["fund", "bond"]
    assert outcome.document["balances"]["cash"] == Decimal("100.50")
    assert outcome.document["balances"]["net_liquidating_value"] == Decimal("1140.50")


def test_j_p_morgans_positions_end_with_footnotes(read_csv):
    row = "Equity,US Large Cap,QUARTZ,QZA,000000001,10,5,50,40,4,10,12/31/2025\n"
    padded = JPM_END.replace("FOOTNOTES", "FOOTNOTES" + "," * JPM_COLUMNS.count(","))
    for end, cautions in ((JPM_END, []), (padded, []), ("", ["possibly_truncated"])):
        outcome = read_csv(f"{JPM_COLUMNS}{row}{end}")
        assert len(outcome.positions) == 1
        assert outcome.cautions() == cautions


def test_the_rows_of_a_file_without_its_end_have_no_worth(read_csv):
    rows = "X1,Ind,QZA,Q,5,$1.00,$5.00,,,,\nX1,Ind,Pending Activity,,,,$100.00,\n"
    assert read_csv(f"{FIDELITY_HEADER}{rows}{FIDELITY_END}").document["balances"]
    outcome = read_csv(f"{FIDELITY_HEADER}{rows}")
    assert "balances" not in outcome.document
    assert {"balances_missing", "possibly_truncated"} <= set(outcome.cautions())


def test_tax_lots_and_activity_of_j_p_morgan_are_named(read_csv):
    lots = "Account name,Asset Class,Asset Strategy,Description,Ticker,Quantity,Price,Value,Cost,Acquisition Date,Tax term\nIRA,Equity,Large,QUARTZ,QZA,1,5,5,4,01/02/2025,Short\n"
    with pytest.raises(DataRefused, match=r"J\.P\. Morgan export of tax lots"):
        read_csv(lots)
    activity = (
        "Trade Date,Post Date,Type,Description,Ticker,Price USD,Quantity,Amount USD,Tran Code\n"
    )
    with pytest.raises(DataRefused, match=r"J\.P\. Morgan account activity"):
        read_csv(f"{activity}1/2/2025,1/2/2025,Buy,QUARTZ,QZA,5,1,-5,BUY\n")
