"""The CSV export of a simulated portfolio: headers by year, signs, formats, and what it leaves out."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from tastytrade_simulator import SimulatedPortfolio, generations, to_csv
from tastytrade_simulator.csv_file import file_name, generation_columns

TODAY = date(2026, 11, 20)
OPTION = "IWM   270115P00225000"
EVERY_COLUMN = sorted({name for year in generations() for name in generation_columns(year)})


def cells(portfolio, columns="2026", **options):
    """The export as one dict per symbol."""
    text = to_csv(portfolio, columns, today=TODAY, **options)
    return {row["Symbol"]: row for row in csv.DictReader(io.StringIO(text))}


def one(position, **more):
    return SimulatedPortfolio.of([position], **more)


@pytest.mark.parametrize("year", generations())
def test_each_generation_has_its_header_and_full_rows(portfolio, year):
    rows = list(csv.reader(io.StringIO(to_csv(portfolio, year, today=TODAY))))
    assert tuple(rows[0]) == generation_columns(year)
    assert {len(row) for row in rows} == {len(rows[0])}


def test_the_stable_core_is_in_every_generation():
    core = {"Symbol", "Type", "Quantity", "Exp Date", "Strike Price", "Call/Put"}
    assert all(core <= set(generation_columns(year)) for year in generations())


def test_only_visible_columns_are_exported(portfolio):
    assert to_csv(portfolio, ["Symbol", "Quantity"], today=TODAY).splitlines()[:2] == [
        "Symbol,Quantity",
        "SPY,100.29",
    ]


def test_rows_that_the_export_does_not_have_are_left_out(portfolio):
    exported = set(cells(portfolio))
    assert "NKLAW" not in exported  # a warrant: no such row was ever seen
    assert "AAPL" not in exported  # closed
    assert len(exported) == 6


def test_a_long_stock_has_paid_and_a_short_option_has_received(portfolio):
    rows = cells(portfolio, EVERY_COLUMN)
    assert (rows["SPY"]["Trade Price"], rows["SPY"]["Cost"]) == ("-598.43", "-60,016.76")
    assert (rows["SPY"]["Mark"], rows["SPY"]["Net Liq"]) == ("684.2", "68,618.42")
    assert (rows[OPTION]["Trade Price"], rows[OPTION]["Cost"]) == ("0.79", "3,160")
    assert (rows[OPTION]["Mark"], rows[OPTION]["Net Liq"]) == ("-0.41", "-1,640")
    assert (rows[OPTION]["Quantity"], rows[OPTION]["P/L Open"]) == ("-40", "1,520")


def test_greeks_are_those_of_the_position(portfolio):
    row = cells(portfolio, EVERY_COLUMN)[OPTION]
    assert (row["Delta"], row["Gamma"], row["Theta"], row["Vega"]) == ("672", "-40", "160", "-800")
    assert cells(portfolio, EVERY_COLUMN)["SPY"]["Delta"] == "100.29"


def test_beta_delta_is_in_shares_of_spy():
    quotes = [{"symbol": "SPY", "last": "600"}, {"symbol": "F", "last": "12"}]
    position = {"symbol": "F", "quantity": 100, "mark_price": "12"}
    row = cells(one(position, quotes=quotes, betas={"F": "1.5"}), EVERY_COLUMN)["F"]
    assert row["β Delta"] == "3"


def test_beta_delta_is_unknown_without_spy():
    position = {"symbol": "F", "quantity": 100, "quote": {"mark": "12"}}
    assert cells(one(position, betas={"F": "1.5"}), EVERY_COLUMN)["F"]["β Delta"] == "--"


def test_what_is_unknown_is_two_hyphens(portfolio):
    row = cells(portfolio, EVERY_COLUMN)["BRK/B"]
    assert {
        row[name] for name in ("Bid", "Ask", "β Delta", "Underlying Last Price", "IV Rank", "DTE")
    } == {"--"}
    option = {"symbol": OPTION, "instrument_type": "Equity Option", "average_open_price": "1"}
    row = cells(one(option), EVERY_COLUMN)[OPTION]
    assert {row[name] for name in ("Delta", "PoP", "Mark", "Ext", "Vega")} == {"--"}


def test_terms_are_written_as_people_read_them(portfolio):
    row = cells(portfolio, EVERY_COLUMN)[OPTION]
    assert (row["Exp Date"], row["DTE"], row["Days To Expiration"]) == (
        "Jan 15, 2027",
        "56d",
        "56d",
    )
    assert (row["Strike Price"], row["Call/Put"], row["Type"]) == ("225", "PUT", "OPTION")
    stock = cells(portfolio, EVERY_COLUMN)["SPY"]
    assert [stock[name] for name in ("Exp Date", "DTE", "Strike Price", "Call/Put")] == [
        "",
        "--",
        "",
        "",
    ]


def test_a_futures_cost_is_nothing_and_its_option_costs_what_it_cost(portfolio):
    rows = cells(portfolio, EVERY_COLUMN)
    assert [rows["/MYMH7"][name] for name in ("Cost", "Net Liq", "P/L Open", "/ Delta")] == [
        "0",
        "56",
        "56",
        "1",
    ]
    row = rows["./MESH7EX3Z6 261218P6400"]
    assert (row["Trade Price"], row["Cost"], row["Strike Price"]) == (
        "47.58333333",
        "713.75",
        "6400",
    )
    assert (row["Exp Date"], row["/ Delta"]) == ("Dec 18, 2026", "0.6")


def test_extrinsic_value_is_what_is_not_inside():
    call = {
        "symbol": "SPY   270115C00600000",
        "instrument_type": "Equity Option",
        "quantity": -1,
        "mark_price": "12.5",
    }
    row = cells(one(call, quotes=[{"symbol": "SPY", "last": "610"}]), EVERY_COLUMN)[
        "SPY   270115C00600000"
    ]
    assert row["Ext"] == "-250"


@pytest.mark.parametrize(
    ("delta", "quantity", "words"),
    [("0.25", 1, "25%"), ("-0.25", -1, "75%"), ("0.002", 1, "< 1%"), ("0.002", -1, "> 99.5%")],
)
def test_the_probability_of_profit_has_its_own_spelling(delta, quantity, words):
    option = {
        "symbol": OPTION,
        "instrument_type": "Equity Option",
        "quantity": quantity,
        "quote": {"mark": "1", "delta": delta},
    }
    assert cells(one(option), EVERY_COLUMN)[OPTION]["PoP"] == words


def test_money_is_rounded_like_the_export_or_exact_on_request():
    position = {
        "symbol": "BRK/B",
        "quantity": 20,
        "average_open_price": "177.4395",
        "mark_price": "280.53",
    }
    rounded = cells(one(position), EVERY_COLUMN)["BRK/B"]
    exact = cells(one(position), EVERY_COLUMN, decimals=None)["BRK/B"]
    assert (rounded["Cost"], rounded["Trade Price"]) == ("-3,548.79", "-177.44")
    assert exact["Trade Price"] == "-177.4395"


def test_a_small_negative_amount_keeps_its_sign():
    position = {"symbol": "F", "quantity": 1, "average_open_price": "0.5", "mark_price": "0.25"}
    assert cells(one(position), EVERY_COLUMN)["F"]["P/L Open"] == "-0.25"


def test_profit_is_value_and_cost_together(portfolio):
    for row in cells(SimulatedPortfolio.demo(TODAY), EVERY_COLUMN, decimals=None).values():
        value, cost, profit = (
            Decimal(row[n].replace(",", "")) for n in ("Net Liq", "Cost", "P/L Open")
        )
        assert value + cost == profit


def test_another_account_can_be_chosen(portfolio):
    text = to_csv(portfolio, ["Symbol"], today=TODAY, account=portfolio.accounts[1])
    assert text == "Symbol\n"


def test_the_file_is_named_after_account_and_day(portfolio):
    name = file_name(portfolio.first_open_account, date(2026, 1, 4))
    assert name == "tastytrade_positions_x5WX00001_260104.csv"


def test_people_can_print_the_export(tmp_path):
    source = tmp_path / "p.json"
    source.write_text(
        '{"accounts": [{"positions": [{"symbol": "SPY", "average_open_price": "1"}]}]}'
    )
    command = [
        sys.executable,
        "-m",
        "tastytrade_simulator",
        "--csv",
        "2025",
        "--portfolio",
        source,
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C", "PYTHONPATH": str(Path(__file__).parent)},
    )
    header, row = done.stdout.decode().splitlines()
    assert tuple(header.split(",")) == generation_columns("2025")
    assert row.startswith("5WX00001,SPY,STOCK,1,")
