"""Exports of Interactive Brokers in the forms that a user may choose: languages, several accounts, dates, fields, contracts of Europe."""

from __future__ import annotations

import pytest

from variance_bridge.errors import DataRefused

STATEMENT = """Statement,Header,Field Name,Field Value
Statement,Data,Title,Activity Statement
Statement,Data,Period,"{period}"
"""
ACCOUNT = """Account Information,Header,Field Name,Field Value
Account Information,Data,Account,{account}
"""
POSITIONS = (
    "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity,Mult,Cost Price,"
    "Cost Basis,Close Price,Value,Unrealized P/L,Code\n"
)
QZA = "Open Positions,Data,Summary,Stocks,USD,QZA,10,1,20,200,21,210,10,\n"
QZA_TOTAL = "Open Positions,Total,,Stocks,USD,,,,,200,,210,10,\n"
QZDR = "Open Positions,Data,Summary,Stocks,USD,QZDR,-5,1,11,-55,12,-60,-5,\n"
QZDR_TOTAL = "Open Positions,Total,,Stocks,USD,,,,,-55,,-60,-5,\n"


def statement(*parts, period="December 31, 2025", account="U0000001"):
    return "".join(
        [STATEMENT.format(period=period), ACCOUNT.format(account=account), POSITIONS, *parts]
    )


def test_a_statement_that_repeats_its_parts_for_each_account_gives_each_its_own_document(read_csv):
    second = [ACCOUNT.format(account="U0000002"), POSITIONS, QZDR, QZDR_TOTAL]
    outcome = read_csv(statement(QZA, QZA_TOTAL, *second))

    assert [account.number for account in outcome.accounts] == ["U0000001", "U0000002"]
    symbols = [[one["symbol"] for one in each["positions"]] for each in outcome.documents]
    assert symbols == [["QZA"], ["QZDR"]]
    assert not any("flags" in each["meta"] for each in outcome.documents)


def test_a_period_of_a_month_ends_on_its_last_day(read_csv):
    outcome = read_csv(statement(QZA, QZA_TOTAL, period="November 2025"))

    assert outcome.meta["fetched_at"] == "2025-11-30T21:00:00Z"


def test_a_balance_in_another_currency_is_cash_and_not_a_position(read_csv):
    forex = "Open Positions,Data,Summary,Forex,EUR,EUR,300,1,1,300,1,300,0,\n"
    outcome = read_csv(statement(QZA, QZA_TOTAL, forex))

    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["passed_over"]["cash"] == 1


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            "Statement,Header,Feldname,Feldwert\n"
            'Statement,Data,Period,"Dezember 31, 2025"\n'
            "Kontoinformationen,Data,Konto,U0000001\n"
            "Offene Positionen,Header,DataDiscriminator,Anlagekategorie,Währung,Symbol,Menge,Mult,"
            "Einstandspreis,Einstandswert,Schlusskurs,Wert,Unrealisierter G/V,Code\n"
            "Offene Positionen,Data,Summary,Aktien,USD,QZA,10,1,20,200,21,210,10,\n"
            "Offene Positionen,Total,,Aktien,USD,,,,,200,,210,10,\n",
            id="German",
        ),
        pytest.param(
            "Statement,Header,Nombre del campo,Valor del campo\n"
            'Statement,Data,Period,"Diciembre 31, 2025"\n'
            "Información sobre la cuenta,Data,Cuenta,U0000001\n"
            "Posiciones abiertas,Header,DataDiscriminator,Categoría de activo,Divisa,Símbolo,Cantidad,"
            "Mult.,Precio de coste,Base de coste,Precio de cierre,Valor,PyG no realizadas,Código\n"
            "Posiciones abiertas,Data,Summary,Acciones,USD,QZA,10,1,20,200,21,210,10,\n"
            "Posiciones abiertas,Total,,Acciones,USD,,,,,200,,210,10,\n",
            id="Spanish",
        ),
        pytest.param(
            "Statement,Header,Nom du champ,Valeur du champ\n"
            'Statement,Data,Period,"1 décembre 2025 - 31 décembre 2025"\n'
            "Informations du compte,Data,Compte,U0000001\n"
            "Positions ouvertes,Header,DataDiscriminator,Catégorie d'actif,Devise,Symbole,Quantité,Mult,"
            "Prix de revient,Base de coût,Cours de clôture,Valeur,P/L non réalisé,Code\n"
            "Positions ouvertes,Data,Summary,Actions,USD,QZA,10,1,20,200,21,210,10,\n"
            "Positions ouvertes,Total,,Actions,USD,,,,,200,,210,10,\n",
            id="French",
        ),
    ],
)
def test_a_statement_reads_the_same_in_each_language(read_csv, text):
    outcome, english = read_csv(text), read_csv(statement(QZA, QZA_TOTAL))

    assert outcome.positions == english.positions
    assert outcome.meta["fetched_at"] == english.meta["fetched_at"]
    assert [one.number for one in outcome.accounts] == ["U0000001"]
    assert outcome.warnings == []


def test_a_chinese_statement_takes_an_option_on_a_future_from_its_contract(read_csv):
    outcome = read_csv(
        "Statement,Header,域名称,域值\n"
        'Statement,Data,Period,"十二月 31, 2025"\n'
        "金融产品信息,Header,资产分类,代码,描述,底层,乘数,到期,类型,执行,代码\n"
        "金融产品信息,Data,期货期权,LOG6 C7500,CL 14JAN26 75 C,CLG6,1000,2026-01-14,C,75,\n"
        "未平仓持仓,Header,DataDiscriminator,资产分类,货币,代码,数量,合约乘数,成本价格,价值,代码\n"
        "未平仓持仓,Data,Summary,期货期权,USD,LOG6 C7500,-1,1000,1.2,-900,\n"
    )

    (option,) = outcome.positions
    assert (option["strike"], option["expiration"]) == (75, "2026-01-14")


def test_a_part_with_positions_that_lacks_columns_says_which(read_csv):
    with pytest.raises(DataRefused, match='needs one of "Cost Basis"') as refused:
        read_csv(
            STATEMENT.format(period="December 31, 2025")
            + "Open Positions,Header,DataDiscriminator,Asset Category,Currency,Symbol,Quantity\n"
            + "Open Positions,Data,Summary,Stocks,USD,QZA,10\n"
        )
    assert "line 4" in refused.value.where


def test_contracts_at_eurex_and_coins_are_read_by_their_symbols(read_csv):
    outcome = read_csv(
        statement(
            "Open Positions,Data,Summary,Equity and Index Options,EUR,P BMW  20261218 80 M,-1,100,3,-300,4,-400,-100,\n",
            "Open Positions,Data,Summary,Futures,EUR,FDXM 20261218 M,1,5,24000,120000,24100,120500,500,\n",
            "Open Positions,Data,Summary,Crypto,USD,BTC.USD-PAXOS,0.25,1,60000,15000,90000,22500,7500,\n",
        )
    )

    assert outcome.meta["status"] == "complete"
    assert [(one["symbol"], one["multiplier"]) for one in outcome.positions] == [
        ("/FDXMZ6", 5),
        ("BMW   261218P00080000", 100),
        ("BTC/USD", 1),
    ]


FLEX = (
    "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,UnderlyingSymbol,Multiplier,Strike,Expiry,Put/Call,"
    "ReportDate,Quantity,MarkPrice,PositionValue,CostBasisMoney,FifoPnlUnrealized,OpenDateTime\n"
    "U0000001,USD,FOP,LOG6 C7500,CLG6,1000,75,{expiry},C,{report},-1,0.9,-900,-1200,300,{opened}\n"
)


@pytest.mark.parametrize("between", [";", " ", ", "])
@pytest.mark.parametrize(
    ("expiry", "report", "day"),
    [
        ("20260114", "20260102", "20251103"),
        ("2026-01-14", "2026-01-02", "2025-11-03"),
        ("01/14/2026", "01/02/2026", "11/03/2025"),
        ("01/14/26", "01/02/26", "11/03/25"),
        ("14/01/2026", "02/01/2026", "03/11/2025"),
        ("14/01/26", "02/01/26", "03/11/25"),
        ("14-Jan-26", "02-Jan-26", "03-Nov-25"),
    ],
)
def test_every_form_of_a_date_that_a_flex_query_offers_is_read(
    read_csv, expiry, report, day, between
):
    opened = f'"{day}{between}10:15:00"'
    outcome = read_csv(FLEX.format(expiry=expiry, report=report, opened=opened))

    (option,) = outcome.positions
    assert (option["expiration"], option["opened_on"]) == ("2026-01-14", "2025-11-03")
    assert outcome.meta["fetched_at"] == "2026-01-02T21:00:00Z"
    assert outcome.cautions() == []


XML = """<FlexQueryResponse><FlexStatements count="2">
<FlexStatement accountId="U0000001" toDate="20260102"><AccountInformation currency="USD" />
<OpenPositions><OpenPosition symbol="QZA" assetCategory="STK" multiplier="1" position="10" markPrice="21"
 positionValue="210" costBasisMoney="200" /></OpenPositions></FlexStatement>
<FlexStatement accountId="U0000002" toDate="20260102"><OpenPositions>
<OpenPosition symbol="QZDR" assetCategory="STK" multiplier="1" position="-5" markPrice="12" positionValue="-60"
 costBasisMoney="-55" /></OpenPositions></FlexStatement></FlexStatements></FlexQueryResponse>"""


def test_a_row_of_xml_without_an_account_is_of_the_statement_around_it(read_csv):
    outcome = read_csv(XML, name="flex.xml")

    assert [account.number for account in outcome.accounts] == ["U0000001", "U0000002"]
    symbols = [[one["symbol"] for one in each["positions"]] for each in outcome.documents]
    assert symbols == [["QZA"], ["QZDR"]]
    assert outcome.documents[0]["meta"]["fetched_at"] == "2026-01-02T21:00:00Z"


CODED = """"BOF","U0000001","My query, all","1","20260101","20260102","20260103;051500"
"BOA","U0000001"
"BOS","POST","Position; trade date basis"
"HEADER","POST","AssetClass","Symbol","Multiplier","Quantity","MarkPrice","PositionValue","CostBasisMoney","FifoPnlUnrealized"
"DATA","POST","STK","QZA","1","10","21","210","200","10"
"""
CODED_END = """"EOS","POST","1","Position; trade date basis"
"EOA","U0000001"
"EOF","1"
"""


def test_section_codes_state_the_account_and_the_day_where_no_column_does(read_csv):
    outcome = read_csv(CODED + CODED_END)

    assert [account.number for account in outcome.accounts] == ["U0000001"]
    assert outcome.meta["fetched_at"] == "2026-01-02T21:00:00Z"
    assert outcome.cautions() == []


def test_a_file_that_begins_with_a_code_and_lacks_the_one_at_its_end_may_be_cut_off(read_csv):
    assert read_csv(CODED).cautions() == ["possibly_truncated"]


def test_positions_below_the_other_sections_of_a_flex_query_are_read(read_csv):
    cash = "ClientAccountID,CurrencyPrimary,EndingCash\n" + 9 * "U0000001,USD,90\n"
    trades = "ClientAccountID,Symbol,TradeDate,Quantity,TradePrice,Proceeds,Buy/Sell,AssetClass\n"
    rows = 9 * "U0000001,QZA,20251103,10,20,-200,BUY,STK\n"
    positions = FLEX.format(expiry="20260114", report="20260102", opened="")
    outcome = read_csv(cash + trades + rows + positions)

    assert outcome.positions == read_csv(positions).positions
    assert outcome.meta["passed_over"] == {"other_tables": 18}
    with pytest.raises(DataRefused, match="Flex Query without the section Open Positions") as no:
        read_csv(cash + trades + rows)
    assert "include the section Open Positions" in no.value.hint


def test_a_paper_account_does_not_pass_for_a_real_one(read_csv):
    paper = read_csv(statement(QZA, QZA_TOTAL, account="DU1000001"))
    assert paper.meta["environment"] == "simulator"
    assert "environment" not in read_csv(statement(QZA, QZA_TOTAL)).meta
