"""Degiro and Futu in the languages and generations of their exports."""

from __future__ import annotations

import pytest

DEGIRO_ROWS = """CASH & CASH FUND & FTX CASH (EUR),,,,EUR,"1079,92","1079,92"
QUARTZ APPLIANCES INC,US0000000002,13,"91,15",USD,"1184,95","1019,29"
QUARTZ MINING PLC,GB0000000005,463,"712,00",GBX,"329656,00","3898,18"
"""


@pytest.mark.parametrize(
    "header",
    [
        "Product,Symbol/ISIN,Quantity,Closing,Local value,,Value in EUR",
        "Produkt,Symbol/ISIN,Anzahl,Schlusskurs,Wert,,Wert in EUR",
        "Product,Symbool/ISIN,Aantal,Slotkoers,Lokale waarde,,Waarde in EUR",
        "Produit,Symbole/ISIN,Quantité,Clôture,Montant en devises,,Montant en EUR",
        "Producto,Symbol/ISIN,Cantidad,Precio de,Valor local,,Valor en EUR",
        "Produkt,Symbol/ISIN,Suma,Kurs,Lokalna wartość,,Wartość w EUR",
        "Produkt,Symbol/ISIN,Množství,Uzavírací,Hodnota,,Hodnota v EUR",
    ],
)
def test_degiro_reads_the_same_in_each_language(read_csv, header):
    outcome = read_csv(f"{header}\n{DEGIRO_ROWS}")

    worth = [(one["currency"], str(one["market_value"])) for one in outcome.positions]
    assert worth == [("GBP", "3296.5600"), ("USD", "1184.95")]
    assert outcome.meta["passed_over"] == {"cash": 1}
    assert outcome.warnings == []


@pytest.mark.parametrize(
    "header",
    [
        "Produkt,Symbol/ISIN,Anzahl,Schlußkurs,Wert,Wert in EUR",
        "Producto,Symbol/ISIN,Cantidad,Precio de,Valor local,Valor en EUR",
    ],
)
def test_an_old_degiro_amount_has_a_point_beside_prices_with_a_comma(read_csv, header):
    outcome = read_csv(
        f'{header}\nCASH & CASH FUND & FTX CASH (EUR),,,,EUR -0.56,"-0,56"\n'
        'QUARTZ APPLIANCES INC,US0000000002,3,"123,45",USD 370.35,"310,12"\n'
    )

    (position,) = outcome.positions
    assert (str(position["market_value"]), str(position["quote"]["mark"])) == ("370.35", "123.45")
    assert outcome.cautions() == ["time_from_file"]


def test_degiro_reads_a_ticker_before_an_isin_and_a_bond_per_hundred(read_csv):
    outcome = read_csv(
        "Product,Symbol/ISIN,Amount,Closing,Local value,,Value in EUR\n"
        'QUARTZ APPLIANCES,QZA | US0000000002,12,"76,32",USD,"915,84","843,21"\n'
        'QUARTZIA 0.5% 15/07/2032,NL0000000009,10000,"89,50",EUR,"8950,00","8950,00"\n'
        'QUARTZ LIFE 80% EQUITY UCITS ETF,IE0000000007,10,"43,80",EUR,"438,00","438,00"\n'
    )

    read = [(one["symbol"], one["type"], str(one["multiplier"])) for one in outcome.positions]
    assert read == [
        ("IE0000000007", "other", "1"),
        ("NL0000000009", "bond", "0.01"),
        ("QZA", "stock", "1"),
    ]
    assert outcome.meta["status"] == "complete"


FUTU = """{header}
QZA,{name},100,20.65,20.50,"2,065.00",+15.00,USD
00700,{name},200,480.20,400.00,"96,040.00","+16,040.00",HKD
{total},,,,,,"+16,055.00",
"""
FUTU_HEADERS = [
    ("代码,名称,持有数量,现价,平均成本价,市值,持仓盈亏,币种", "合计"),
    ("代碼,名稱,持有數量,現價,平均成本價,市值,持倉盈虧,幣種", "合計"),
    ("Symbol,Name,Quantity,Current price,Average Cost,Market Value,P/L,Currency", "Total"),
]


@pytest.mark.parametrize(("header", "total"), FUTU_HEADERS)
def test_futu_reads_currency_and_profit_in_each_language(read_csv, header, total):
    outcome = read_csv(FUTU.format(header=header, name="Quartz", total=total))

    read = [(one["symbol"], one["currency"], one["unrealized_pl"]) for one in outcome.positions]
    assert read == [("00700", "HKD", 16040), ("QZA", "USD", 15)]
    assert outcome.meta["passed_over"] == {"totals": 1}


def test_futu_saved_by_a_chinese_spreadsheet_is_read_in_its_encoding(read_csv):
    header, total = FUTU_HEADERS[0]
    text = FUTU.format(header=header, name="石英", total=total)
    outcome = read_csv(text.encode("gb18030"))

    assert outcome.positions == read_csv(text).positions
    assert outcome.warnings == ["positions.csv: not UTF-8; read as GB 18030"]
