"""The Variance engine's own kind of file gives the engine the rows that its own reader gives it."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime

import pytest

from variance_bridge import PortfolioParser

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
FILE = """\
Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,Cost,beta_delta
QZA,Option,-1,2026-02-20,46,240,Call,235.00,150.00,-300.00,-12.5
QZA,Stock,100,,,0,,235.00,500.00,21000,100
/ES,Futures,1,2026-03-20,74,0,,5850.00,2500.00,-5000.00,50
/GC,Futures,-2,2026-02-25,51,0,,2650.00,1200.00,-3000.00,-8
/CL,Futures,1,2026-01-20,15,0,,72.50,-450.00,1500.00,10
/NQ,Futures,1,2026-03-20,74,0,,21000.00,-50.00,0,40
"""


@pytest.fixture
def rows(tmp_path):
    file = tmp_path / "portfolio.csv"
    file.write_text(FILE)
    os.utime(file, (NOW.timestamp(), NOW.timestamp()))
    return {row["Symbol"]: row for row in PortfolioParser(lambda: NOW).parse(file)}


@pytest.mark.parametrize("line", list(csv.DictReader(io.StringIO(FILE))), ids=lambda row: row["Symbol"] + row["Type"])  # fmt: skip
def test_cost_and_profit_reach_the_engine_as_the_file_states_them(rows, line):
    row = next(
        row
        for row in rows.values()
        if row["Symbol"].startswith(line["Symbol"]) and row["Type"][:6] == line["Type"][:6]
    )
    for column in ("Quantity", "P/L Open", "beta_delta", "Underlying Last Price"):
        assert float(row[column]) == float(line[column])
    assert float(row["Cost"] or 0) == float(line["Cost"])
