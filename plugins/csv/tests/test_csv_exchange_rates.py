"""Exchange rates that an export states."""

from __future__ import annotations

import pytest

FLEX = '"CurrencyPrimary","FXRateToBase","AssetClass","Symbol","Multiplier","ReportDate","Quantity","MarkPrice","PositionValue","CostBasisPrice","CostBasisMoney","Side","LevelOfDetail"\n'


@pytest.mark.parametrize(
    ("rates", "stated"),
    [
        (("1", "1.16"), [("EUR", "USD", "1.16")]),
        (("0.86", "1"), [("USD", "EUR", "0.86")]),
        (("0.8", "0.9"), []),
        (("1", "1"), []),
        (("1", "?"), []),
        (("1", ""), []),
    ],
)
def test_the_brokers_rate_to_the_accounts_currency_is_kept(read_csv, rates, stated):
    rows = "".join(
        f'"{currency}","{rate}","STK","{symbol}","1","2025-11-07","10","20","200","15","150","Long","SUMMARY"\n'
        for (currency, symbol), rate in zip((("USD", "QZA"), ("EUR", "QZB")), rates, strict=True)
    )
    (document,) = read_csv(FLEX + rows).documents
    kept = document["meta"].get("exchange_rates", [])

    assert len(document["positions"]) == 2
    assert [(each["currency"], each["target"], str(each["rate"])) for each in kept] == stated
    assert {str(each["day"]) for each in kept} <= {"2025-11-07"}
