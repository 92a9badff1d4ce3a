"""Tables of brokers that have no format here: read by common names where the user asks for it, or refused with what to do."""

from __future__ import annotations

import pytest

from variance_bridge.errors import DataRefused


def read_by_names(read_csv, content):
    outcome = read_csv(content, dialect="generic")
    rows = [
        (
            one["symbol"],
            one["side"],
            str(one["quantity"]),
            *(str(one.get(key)) for key in ("cost_basis", "market_value", "unrealized_pl")),
        )
        for one in outcome.positions
    ]
    assert outcome.meta["status"] == "complete"
    return outcome, rows


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (
            (
                '"Depot, Stand: 02.01.2026"\r\n'
                '"Stück/Nom.";"Bezeichnung";"WKN";"Währung";"Akt. Kurs";"Diff. abs";"Diff. %";"Einstandskurs";"Diff. abs";"Diff. %";"Kurswert";"Gewinn/Verlust";"Typ"\r\n'
                '"1.250";"QUARTZ";"A0QZA1";"EUR";"20,50";"0,10";"+0,5";"19,00";"1,50";"+7,9";"25.625,00";"1.875,00";"Aktie"\r\n'
                '"Summe";"";"";"";"";"";"";"";"";"";"25.625,00";"";""\r\n'
            ),
            "cp1252",
        ),
        (
            (
                "Libellé;Symbole;Devise;Quantité;PRU;Cours;Valorisation;Plus-value\n"
                "QUARTZ;A0QZA1;EUR;1\u202f250;19,00;20,50;25\u202f625,00;1\u202f875,00\n"
            ),
            "utf-8",
        ),
        (
            (
                "Symbol;Name;Quantity;Unit cost;Price;Currency;Total value;Profit;Type\n"
                "A0QZA1;QUARTZ;1'250;19.00;20.50;EUR;25'625.00;1'875.00;Stock\n"
            ),
            "utf-8",
        ),
        (
            (
                "Symbol,Name,Qty,Price,Market Value,Gain,Gain %,Average Price,Currency,Type\n"
                'A0QZA1,QUARTZ,"1,250",20.50,"25,625.00","1,875.00",7.9,19.00,EUR,ETF\n'
                ',,,,"25,625.00","1,875.00",,,,\n'
            ),
            "utf-8",
        ),
    ],
    ids=["German", "French", "Swiss", "a total without a word"],
)
def test_common_names_and_numbers_of_other_countries_are_read(read_csv, text, encoding):
    text = text.replace("A0QZA1", "QZA") if "Libellé" in text else text
    _outcome, rows = read_by_names(read_csv, text.encode(encoding))

    assert [row[1:] for row in rows] == [("long", "1250", "23750.00", "25625.00", "1875.00")]


def test_a_table_with_a_price_in_pence_has_its_value_in_pounds_and_no_price(read_csv):
    outcome, rows = read_by_names(
        read_csv,
        "Code,Stock,Units held,Price (pence),Value (£),Cost (£),Gain/loss (£),Gain/loss (%),\n"
        'QZA,Quartz plc,"192","1,032.00","1,981.44","2,012.36","-30.92","-1.54"\n'
        ',Totals,,,"1,981.44","2,012.36","-30.92","-1.54"\n',
    )

    assert rows == [("QZA", "long", "192", "None", "1981.44", "-30.92")]
    assert "quote" not in outcome.positions[0]


def test_amounts_with_their_sign_behind_them_sides_by_a_letter_and_sentences_are_read(read_csv):
    outcome, rows = read_by_names(
        read_csv,
        "Name;Symbol;Side;Anzahl;Kurs;Kurswert\nQuartz;QZA;L;10;200,50 €;2.005,00 €\n"
        "Drones;QZDR;S;5;10,00 €;-50,00 €\nStand: 02.01.2026;;;;;\n",
    )

    assert [row[:3] + row[4:5] for row in rows] == [
        ("QZA", "long", "10", "2005.00"),
        ("QZDR", "short", "5", "-50.00"),
    ]
    assert "flags" in outcome.meta
    assert "number_unreadable" not in outcome.cautions()


def test_futures_by_month_and_year_with_their_side_are_read(read_csv):
    _outcome, rows = read_by_names(
        read_csv,
        "Instrument;Market position;Quantity;Avg. price;Unrealized PnL;Account\n"
        "ES 03-26;Long;1;6000.25;$1,250.00;TEST-1\nNQ 03-26;Short;2;21000.50;($500.00);TEST-1\n",
    )

    assert [row[:3] for row in rows] == [("/ESH6", "long", "1"), ("/NQH6", "short", "2")]
    assert [row[5] for row in rows] == ["1250.00", "-500.00"]


def test_a_history_of_transactions_is_not_read_by_common_names(read_csv):
    with pytest.raises(DataRefused, match="a transaction history, not positions"):
        read_csv(
            "Date,Symbol,Quantity,Price,Amount\n2026-01-02,QZA,10,20,-200\n", dialect="generic"
        )


def test_a_table_without_common_names_is_refused_with_the_names_that_it_needs(read_csv):
    with pytest.raises(DataRefused, match='needs "Symbol"; "Quantity"') as refused:
        read_csv("Namn;Antal;Kurs\nQuartz;10;200,00\n", dialect="generic")
    assert refused.value.hint.startswith("give the columns these names, or describe the file")


def test_a_portfolio_window_with_a_price_alone_is_read_and_its_currencies_are_cash(read_csv):
    outcome = read_csv(
        'Financial Instrument,Position,Last\nQZA,"1,200",20.5\n"ES Mar20\'26 @CME",1,6000\n'
        '"SPX Mar20\'26 6000 PUT [SPXW  260320P06000000 100]",-1,40\nEUR.USD,10000,1.05\n'
    )

    assert [one["symbol"] for one in outcome.positions] == [
        "/ESH6",
        "QZA",
        "SPXW  260320P06000000",
    ]
    assert outcome.meta["passed_over"] == {"cash": 1}


def test_an_answer_of_the_broker_instead_of_a_statement_is_repeated(read_csv):
    answer = (
        "<FlexStatementResponse><Status>Warn</Status><ErrorCode>1019</ErrorCode>"
        "<ErrorMessage>Statement generation in progress.</ErrorMessage></FlexStatementResponse>"
    )
    with pytest.raises(
        DataRefused, match=r"the broker says: .Statement generation in progress"
    ) as refused:
        read_csv(answer, name="flex.xml")
    assert "run the query again" in refused.value.hint
