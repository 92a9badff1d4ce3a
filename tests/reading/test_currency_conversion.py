"""Rates between currencies: the bank's files as they are, exact products, and no total where a rate is unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused
from variance_bridge.money import Sum, add_up
from variance_bridge.reading.central_bank_files import read_reference_rates
from variance_bridge.reading.currency_conversion import ExchangeRates, convert, merged
from variance_bridge.reading.rates_file import FILE_NAME, keep_rates, kept_rates

D = Decimal
WEDNESDAY, THURSDAY = date(2026, 11, 25), date(2026, 11, 26)

DAILY = """<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
\t<gesmes:subject>Reference rates</gesmes:subject>
\t<gesmes:Sender>
\t\t<gesmes:name>European Central Bank</gesmes:name>
\t</gesmes:Sender>
\t<Cube>
\t\t<Cube time='2026-11-25'>
\t\t\t<Cube currency='USD' rate='1.25'/>
\t\t\t<Cube currency='JPY' rate='160.5'/>
\t\t</Cube>
\t</Cube>
</gesmes:Envelope>
"""
HISTORY = DAILY.replace(
    "\t</Cube>\n</gesmes",
    "\t\t<Cube time=\"2026-11-24\"><Cube currency=\"USD\" rate=\"1.2\"/></Cube>\n\t</Cube>\n</gesmes",
)  # fmt: skip
DAILY_CSV = "Date, USD, JPY, \n25 November 2026, 1.25, 160.5, \n"
HISTORY_CSV = "Date,USD,JPY,CYP,\n2026-11-25,1.25,160.5,N/A,\n2026-11-24,1.2,N/A,N/A,\n"


@pytest.mark.parametrize("text", [DAILY, DAILY_CSV], ids=["xml", "csv"])
def test_the_file_of_a_day_is_read(text):
    rates = read_reference_rates(text.encode(), "eurofxref")

    assert rates.days == {WEDNESDAY: {"USD": D("1.25"), "JPY": D("160.5")}}


@pytest.mark.parametrize("text", [HISTORY, HISTORY_CSV], ids=["xml", "csv"])
def test_the_file_of_many_days_is_read(text):
    rates = read_reference_rates(text.encode("utf-8-sig"), "eurofxref-hist")

    assert rates.days[date(2026, 11, 24)] == {"USD": D("1.2")}
    assert rates.newest == WEDNESDAY


BAD = {
    "nothing": b"",
    "a page": b"<html><body>not found</body></html>",
    "cut": DAILY.encode()[:300],
    "entities": DAILY.replace("<gesmes:Env", "<!DOCTYPE x [<!ENTITY a 'b'>]><gesmes:Env", 1).encode(),
    "latin": "é".encode("latin-1"),
    "a rate of zero": DAILY.replace("1.25", "0").encode(),
    "a negative rate": DAILY.replace("1.25", "-1.25").encode(),
    "a text for a rate": DAILY_CSV.replace("1.25", "abc").encode(),
    "an endless rate": DAILY.replace("1.25", "1" * 60).encode(),
    "a wrong day": DAILY.replace("2026-11-25", "2026-13-25").encode(),
    "a day twice": (HISTORY_CSV + "2026-11-24,1.3,1,1,\n").encode(),
    "a cell too many": HISTORY_CSV.replace("1.2,N/A,N/A", "1.2,1,N/A,N/A").encode(),
    "a currency of two letters": DAILY_CSV.replace("USD", "US").encode(),
    "positions": b"Symbol,Quantity\nSPY,1\n",
}  # fmt: skip


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_what_is_not_the_banks_file_is_refused(data):
    with pytest.raises(DataRefused) as refused:
        read_reference_rates(data, "the file")

    assert refused.value.where == "the file"
    assert refused.value.hint


RATES = ExchangeRates(
    source="ECB reference rates",
    days={WEDNESDAY: {"USD": D("1.25"), "CHF": D("0.8")}, date(2026, 11, 20): {"USD": D("2")}},
)


@pytest.mark.parametrize(
    ("currency", "target", "rate"),
    [
        ("EUR", "USD", "1.25"),
        ("USD", "EUR", "0.8"),
        ("CHF", "USD", "1.5625"),
        ("USD", "CHF", "0.64"),
    ],
)
def test_a_rate_is_that_of_the_day(currency, target, rate):
    assert RATES.rate(currency, target, THURSDAY).rate == D(rate)
    assert RATES.rate(currency, target, THURSDAY).day == WEDNESDAY


def test_a_day_without_rates_has_those_of_the_day_before_and_never_later_ones():
    assert RATES.rate("EUR", "USD", date(2026, 11, 22)).rate == 2
    assert RATES.rate("EUR", "CHF", date(2026, 11, 22)) is None
    assert RATES.rate("EUR", "USD", date(2026, 11, 19)) is None
    assert RATES.rate("EUR", "XXX", WEDNESDAY) is None


def test_a_total_in_one_currency_is_the_sum_of_the_products():
    amounts = {
        "USD": {"worth": add_up([D("1000.10"), D("0.15")])},
        "EUR": {"worth": add_up([D("12.5")])},
        "CHF": {"worth": add_up([D("-8"), None])},
    }
    found = convert(amounts, "EUR", RATES, THURSDAY)

    assert found.sums["worth"].amount == D("1000.25") * D("0.8") + D("12.5") - 10
    assert (found.sums["worth"].known, found.sums["worth"].count) == (4, 5)
    assert found.sums["worth"].complete is None
    assert [(each.currency, each.rate) for each in found.rates] == [("USD", D("0.8")), ("CHF", D("1.25"))]  # fmt: skip
    assert found.stated == "1 USD = 0.8 EUR; 1 CHF = 1.25 EUR; ECB reference rates, 2026-11-25"


@pytest.mark.parametrize("unknown", ["NOK", None])
def test_without_a_rate_there_is_no_total(unknown):
    amounts = {"EUR": {"worth": add_up([D(1)])}, unknown: {"worth": add_up([D(2)])}}
    found = convert(amounts, "EUR", RATES, THURSDAY)

    assert found.sums["worth"] == Sum(None, 0, 2)
    assert found.missing == (unknown or "unknown",)
    assert found.stated == f"no rate for {unknown or 'unknown'}"


def test_one_currency_needs_no_rate():
    found = convert({"EUR": {"worth": add_up([D(1)])}}, "EUR", None, THURSDAY)

    assert found.sums["worth"].complete == 1
    assert found.rates == ()


def test_rates_are_kept_and_added_to(tmp_path):
    folder = tmp_path / "configuration"
    assert kept_rates(folder) is None
    file = keep_rates(folder, read_reference_rates(HISTORY.encode(), "x"))
    newer = read_reference_rates(DAILY.replace("11-25", "11-26").encode(), "x")
    keep_rates(folder, merged(kept_rates(folder), newer))
    found = kept_rates(folder)

    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(found.days) == [date(2026, 11, 24), WEDNESDAY, THURSDAY]
    assert found.days[WEDNESDAY]["JPY"] == D("160.5")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"source": 1}', '{"source": "x", "days": {"2026-11-25": {"USD": -1}}}', '{"source": "x", "days": {"soon": {}}}'])  # fmt: skip
def test_a_damaged_file_of_rates_is_refused_with_what_to_do(tmp_path, text):
    (tmp_path / FILE_NAME).write_text(text)

    with pytest.raises(DataRefused, match="damaged") as refused:
        kept_rates(tmp_path)
    assert "variance fx update" in refused.value.hint
