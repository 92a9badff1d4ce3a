"""How often a file is read in one sync: its rows once, its header once for each dialect that it might be."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from variance_bridge.broker import Account, RawPortfolio
from variance_bridge.cli.error_report import run
from variance_bridge_csv import table_rows
from variance_bridge_csv.broker import CsvBroker
from variance_bridge_csv.dialect_format import known_dialects
from variance_bridge_csv.file import detection
from variance_bridge_csv.row import instrument

HEADER = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,P/L Open,Cost,Mark,Net Liq\n"
AMBIGUOUS = (
    "Symbol,Type,Quantity,Exp Date,DTE,Strike Price,Call/Put,Underlying Last Price,P/L Open,Cost,"
    "β Delta\n"
)


@pytest.fixture
def read_lines(monkeypatch):
    """The lines whose positions were read, each as often as it was read."""
    counted = Counter()
    original = table_rows.read_position

    def counting(row, rule, as_of):
        counted[row.row.line] += 1
        return original(row, rule, as_of)

    monkeypatch.setattr(table_rows, "read_position", counting)
    return counted


@pytest.fixture
def parsed_symbols(monkeypatch):
    counted = Counter()
    original = instrument.parse

    def counting(symbol, **hints):
        counted[symbol] += 1
        return original(symbol, **hints)

    instrument.parse_symbol.cache_clear()
    monkeypatch.setattr(instrument, "parse", counting)
    return counted


def stock(account, ticker):
    return f"{account},{ticker},STOCK,10,,,,50.00,-950.00,100.00,1000.00\n"


def test_a_sync_reads_each_row_and_each_symbol_once(
    tmp_path, monkeypatch, read_lines, parsed_symbols, capsys
):
    monkeypatch.setenv("VARIANCE_CONFIG_DIR", str(tmp_path / "configuration"))
    monkeypatch.chdir(tmp_path)
    export = tmp_path / "export.csv"
    export.write_text(
        HEADER
        + stock("5WX00001", "QZA")
        + stock("5WX00001", "QZB")
        + "5WX00001,QZC   300320P00095000,OPTION,-1,2030-03-20,95,Put,10.00,100.00,-0.90,-90.00\n"
        + stock("5WX00002", "QZA")
    )
    code = run(["sync", "--broker", "csv", "--input", str(export), "--all-accounts"])
    assert code == 0, capsys.readouterr().err
    assert read_lines == {2: 1, 3: 1, 4: 1, 5: 1}
    assert parsed_symbols == {"QZA": 1, "QZB": 1, "QZC   300320P00095000": 1}


@pytest.mark.parametrize("name", ["schwab_all_accounts", "fidelity", "ibkr_flex", "etrade"])
def test_every_dialect_reads_each_row_once(read_csv, files, read_lines, name):
    read_csv(files / f"{name}.csv")
    assert set(read_lines.values()) == {1}


def test_the_header_is_looked_for_once_by_each_dialect(read_csv, monkeypatch):
    searched = Counter()
    original = detection.find_header

    def counting(rows, dialect):
        searched[dialect.name] += 1
        return original(rows, dialect)

    monkeypatch.setattr(detection, "find_header", counting)
    read_csv(HEADER + stock("5WX00001", "QZA"))
    delimiters = {
        name: len(known.dialect.file.delimiters)
        for name, known in known_dialects.load(None).items()
    }
    assert all(count <= delimiters[name] for name, count in searched.items())
    assert searched["tastytrade"] == 1


def test_two_dialects_are_distinguished_by_the_first_lines_alone(read_csv, read_lines):
    row = "QZA,Option,-1,2026-03-20,74,95,Put,101.25,12.00,-250.00,1.0\n"
    count = 3 * detection.SAMPLE_LINES
    read_csv(AMBIGUOUS + row * count)
    last = count + 1
    assert read_lines[last] == 1
    assert sum(read_lines.values()) <= count + 2 * detection.SAMPLE_LINES


def test_a_cost_behind_the_first_lines_still_decides_between_two_dialects(read_csv):
    without = "QZA,Option,-1,2026-03-20,74,95,Put,101.25,12.00,--,1.0\n"
    credit = "QZA,Option,-1,2026-03-20,74,95,Put,101.25,12.00,-250.00,1.0\n"
    outcome = read_csv(AMBIGUOUS + without * (detection.SAMPLE_LINES + 10) + credit)
    assert "cost_contradicted" not in outcome.cautions()
    assert [one["cost_basis"] for one in outcome.positions if "cost_basis" in one] == [250]


def test_a_recording_is_read_as_the_file_was(read_csv, files):
    """What fetch hands on is all that normalize needs: another run makes the same of it."""
    outcome = read_csv(files / "schwab_all_accounts.csv")
    for account, raw, portfolio in zip(
        outcome.accounts, outcome.raws, outcome.portfolios, strict=True
    ):
        recorded = RawPortfolio(
            account=Account(number=account.number, details=account.details),
            payloads=dict(raw.payloads),
            fetched_at=raw.fetched_at,
        )
        assert CsvBroker.normalize(CsvBroker.__new__(CsvBroker), recorded) == portfolio


def test_a_changed_payload_is_read_and_not_what_was_read_before(read_csv, tmp_path):
    outcome = read_csv(HEADER + stock("5WX00001", "QZA"))
    (raw,) = outcome.raws
    changed = {**raw.payloads, "text": raw.payloads["text"].replace("QZA", "QZB")}
    again = outcome.broker.normalize(
        RawPortfolio(account=raw.account, payloads=changed, fetched_at=raw.fetched_at)
    )
    assert [position.symbol for position in again.positions] == ["QZB"]


@pytest.mark.slow
def test_a_hundred_thousand_rows_become_as_many_positions(read_csv, tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write(HEADER)
        file.writelines(stock("5WX00001", f"Q{number % 7}A") for number in range(100_001))
    os.utime(path, (1_767_623_400, 1_767_623_400))
    (portfolio,) = read_csv(path).portfolios
    assert len(portfolio.positions) == 100_001
