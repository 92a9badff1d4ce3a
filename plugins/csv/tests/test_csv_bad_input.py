"""What bad input gets: an error that names file, line and column, exit 6; and one bad row among good ones is kept out."""

from __future__ import annotations

import gzip
import io
import os
import re
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from variance_bridge.errors import BridgeError, DataRefused
from variance_bridge_csv import table_rows
from variance_bridge_csv.file import lines_and_cells
from variance_bridge_csv.file.input import MAX_FILE_BYTES

HEADER = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,P/L Open,Cost,Mark,Net Liq\n"
GOOD = "5WX00001,QZA,STOCK,10,,,,50.00,-950.00,100.00,1000.00\n"
OPTION = '5WX00001,QZB   260320P00095000,EQUITY_OPTION,-1,"Mar 20, 2026",95,PUT,10,100,0.90,-90\n'


def workbook():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return data.getvalue()


def refusal(read_csv, content, **options):
    with pytest.raises(DataRefused) as caught:
        read_csv(content, **options)
    error = caught.value
    assert error.exit_code == 6
    assert "positions.csv" in error.where
    assert error.hint
    return error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document"),
        (workbook(), "an Excel workbook or another zip archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook of the old format"),
        (gzip.compress(HEADER.encode()), "a gzip archive"),
        (b"<!DOCTYPE html>\n<html><body>Please log in</body></html>", "an HTML page"),
        (b"\n\n  <HTML><title>502</title>", "an HTML page"),
        (b'<?xml version="1.0"?><FlexQueryResponse/>', "no OpenPosition in it"),
        (b'{"error": "unauthorized"}', "JSON"),
        (b"\xef\xbb\xbf[{}]", "JSON"),
    ],
)
def test_what_is_not_csv_is_refused_by_its_name(read_csv, content, words):
    error = refusal(read_csv, content)
    assert words in error.what
    assert error.where == "positions.csv, line 1, column 1"


@pytest.mark.parametrize("content", [b"", b"\n\n\r\n  \t", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_refused_and_no_empty_portfolio(read_csv, content):
    assert "empty" in refusal(read_csv, content).what


def test_a_header_alone_is_an_empty_portfolio(read_csv):
    outcome = read_csv(HEADER)
    assert outcome.positions == []
    assert outcome.meta["status"] == "complete"
    assert outcome.meta["counts"] == {"fetched": 0, "normalized": 0, "closed": 0, "rejected": 0}


def test_a_nul_byte_costs_its_row_alone(read_csv):
    damaged = "5WX00001,QZ\0A,STOCK,10,,,,50,-950,100,1000\n"
    outcome = read_csv((HEADER + damaged + GOOD).encode())
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "unreadable_row"}]
    error = refusal(read_csv, (HEADER + damaged).encode())
    assert "NUL" in error.what
    assert error.where == "positions.csv, line 2"


def test_a_header_with_a_nul_byte_is_not_a_header(read_csv):
    refusal(read_csv, (HEADER.replace("Symbol", "Sym\0bol") + GOOD).encode())


@pytest.mark.parametrize("name", ["ibkr_activity", "ibkr_flex_coded"])
def test_a_nul_byte_in_the_name_of_a_part_costs_its_row_and_says_so(read_csv, files, name):
    text = (files / f"{name}.csv").read_text(encoding="utf-8")
    row = next(
        line for line in text.splitlines() if re.match('(Open Positions,Data|"DATA","POST")', line)
    )
    outcome = read_csv(text.replace(row, row[:2] + "\0" + row[2:]))
    assert outcome.meta["rejected"][0]["reason"] == "unreadable_row"


def test_a_cell_too_many_is_noticed_where_the_header_ends_with_a_comma(read_csv):
    header = '"Symbol","Qty (Quantity)","Price","Mkt Val (Market Value)","Asset Type",\n'
    good = '"QZA","10","12.00","$120.00","Equity",\n'
    outcome = read_csv(header + good + good.replace('"10"', '"7.5","10"') + good)
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "wrong_cell_count"}]
    assert any("7 cells, and the header has 6" in one for one in outcome.warnings)


def test_the_number_of_an_account_that_a_spreadsheet_rounded_is_refused(read_csv, files):
    text = (files / "vanguard.csv").read_text(encoding="utf-8")
    number = text.splitlines()[1].partition(",")[0]
    with pytest.raises(DataRefused, match="has rounded the account number"):
        read_csv(text.replace(number, "1.23457E+11"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_marked_and_unmarked_unicode_is_read(read_csv, encoding):
    outcome = read_csv((HEADER + GOOD).encode(encoding))
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_or_ascii_letters_is_read(read_csv, files, encoding):
    text = (files / "ibkr_activity_chinese.csv").read_bytes().decode("utf-8-sig")
    assert read_csv(text.encode(encoding)).positions == read_csv(text).positions


def test_latin_text_is_read_and_announced(read_csv):
    content = (HEADER.replace("\n", ",D's Opn\n") + GOOD.replace("\n", ",12d\n")).replace(
        "'", "\x92"
    )
    outcome = read_csv(content.encode("latin-1"))
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert any("Windows-1252" in warning for warning in outcome.warnings)


def test_bytes_of_no_encoding_are_refused_by_the_names_of_those_tried(read_csv):
    error = refusal(read_csv, HEADER.encode() + b"5WX00001,\x81\x8d,STOCK,1,,,,1,1,1,1\n")
    assert "neither UTF-8 nor Windows-1252" in error.what
    assert error.where == "positions.csv, line 2, column 10"


def test_utf_32_is_refused_by_name(read_csv):
    assert "UTF-32" in refusal(read_csv, (HEADER + GOOD).encode("utf-32")).what


@pytest.mark.parametrize("ending", ["\r\n", "\r", "\n"])
def test_every_line_end_is_read(read_csv, ending):
    outcome = read_csv((HEADER + GOOD + OPTION).replace("\n", ending).encode())
    assert len(outcome.positions) == 2


def test_mixed_line_ends_are_read_and_lines_counted(read_csv):
    outcome = read_csv(HEADER.replace("\n", "\r\n") + GOOD.replace("\n", "\r") + "5WX00001,QZC\n")
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "wrong_cell_count"}]


def test_a_truncated_last_row_refuses_the_file(read_csv):
    error = refusal(read_csv, HEADER + GOOD + OPTION[:40])
    assert "cut off" in error.what
    assert error.where == "positions.csv, line 3, column 41"


def test_a_quote_that_is_open_at_the_end_refuses_the_file(read_csv):
    content = HEADER + GOOD + OPTION[: OPTION.index(" 20, 2026")]
    assert "cut off" in refusal(read_csv, content).what


def test_a_whole_last_row_needs_no_line_end(read_csv):
    assert len(read_csv((HEADER + GOOD + OPTION).rstrip("\n")).positions) == 2


@pytest.mark.parametrize("cut", ["-", "$", "("])
def test_a_file_that_breaks_off_in_a_cell_may_lack_rows_and_says_so(read_csv, cut):
    broken_off = HEADER + GOOD + GOOD.replace("1000.00\n", cut)
    outcome = read_csv(broken_off)
    assert {"caution": "possibly_truncated"} in outcome.meta["flags"]
    assert any("may be cut off" in warning for warning in outcome.warnings)

    ended = read_csv(broken_off + "\n")
    assert {"caution": "possibly_truncated"} not in ended.meta["flags"]


def test_a_quantity_that_breaks_off_may_lack_rows_behind_it_too(read_csv):
    content = "Symbol,Type,P/L Open,Cost,Quantity\nQZA,STOCK,50.00,-950.00,10\nQZC,STOCK,1,-2,-"
    outcome = read_csv(content)
    assert outcome.meta["counts"]["rejected"] == 1
    assert {"caution": "possibly_truncated"} in outcome.meta["flags"]


def test_an_open_quote_costs_its_own_row_only(read_csv):
    outcome = read_csv(HEADER + '5WX00001,"QZC,STOCK,10,,,,50,-950,100,1000\n' + GOOD)
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "unreadable_row"}]
    assert outcome.meta["status"] == "partial"


def test_a_row_with_too_few_cells_is_rejected_and_reported(read_csv):
    outcome = read_csv(HEADER + "5WX00001,QZC,STOCK,10,,,50,-950,100,1000\n" + GOOD)
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["counts"] == {"fetched": 2, "normalized": 1, "closed": 0, "rejected": 1}
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "wrong_cell_count"}]
    assert any(
        "line 2: row rejected" in warning and "10 cells" in warning for warning in outcome.warnings
    )


def test_a_row_with_too_many_cells_is_rejected_unless_they_are_empty(read_csv):
    outcome = read_csv(HEADER + GOOD.replace("\n", ",7\n") + GOOD.replace("\n", ",,\n"))
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "wrong_cell_count"}]
    assert len(outcome.positions) == 1


def test_a_file_of_bad_rows_only_is_refused(read_csv):
    error = refusal(read_csv, HEADER + "5WX00001,QZC,STOCK,10,,,50,-950,100,1000\n")
    assert "no row can be read" in error.what
    assert error.where == "positions.csv, line 2"


def test_a_column_that_stands_twice_refuses_the_file(read_csv):
    error = refusal(read_csv, HEADER.replace("Mark", "Cost") + GOOD)
    assert "twice" in error.what
    assert error.where == f"positions.csv, line 1, column {HEADER.index('Mark') + 1}"


def test_two_exports_in_one_file_are_refused(read_csv):
    error = refusal(read_csv, HEADER + GOOD + HEADER + GOOD)
    assert "second time" in error.what
    assert "line 3" in error.where


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("Symbol,P/L Realized,P/L Open,P/L YTD,Commissions,Fees,P/L YTD w/ Fees", "year-to-date"),
        ("Symbol,Status,MarketOrFill,Price,TIF,Time,TimeStampAtType,Order #,Description", "orders"),
        (
            "Date,Type,Sub Type,Action,Symbol,Instrument Type,Description,Value,Quantity,Average Price,Commissions,Fees,Multiplier,Expiration Date,Strike Price,Call or Put,Order #",
            "transaction history",
        ),
        ("Account,Symbol,Net Liq", "balances"),
        (
            '"Date","Action","Symbol","Description","Quantity","Price","Fees & Comm","Amount"',
            "transaction history",
        ),
        (
            "Run Date,Action,Symbol,Description,Type,Quantity,Price ($),Amount ($)",
            "Fidelity transaction",
        ),
        (
            "Activity Date,Process Date,Settle Date,Instrument,Description,Trans Code,Quantity,Price,Amount",
            "Robinhood",
        ),
        (
            '"Open Date","Quantity","Price","Cost/Share","Market Value","Cost Basis","Holding Period"',
            "lot details",
        ),
    ],
)
def test_another_report_is_refused_by_its_name(read_csv, header, words):
    error = refusal(read_csv, header + "\n" + ",".join("x" for _ in header.split(",")) + "\n")
    assert words in error.what
    assert "not positions" in error.what


def test_a_file_of_one_endless_line_is_refused_without_reading_it(read_csv, tmp_path):
    path = tmp_path / "positions.csv"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    tracemalloc.start()
    try:
        error = refusal(read_csv, path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "512 MiB" in error.what
    assert peak < 4 * 1024 * 1024


def test_a_device_and_a_pipe_are_not_files_and_nobody_waits_for_them(read_csv, tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (Path("/dev/zero"), tmp_path / "pipe.csv"):
        with pytest.raises(DataRefused) as caught:
            read_csv(path)
        assert "not a regular file" in caught.value.what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x" * 300_000, "characters"),
        (HEADER + "," * 2_000, "columns"),
        (HEADER + "x\n" * 2_000, "lines"),
        (HEADER + GOOD + "x\n" * 600, "rows cannot be read"),
    ],
)
def test_what_no_positions_file_has_is_refused_by_its_size(read_csv, monkeypatch, content, words):
    monkeypatch.setattr(lines_and_cells, "MAX_LINES", 1_000)
    monkeypatch.setattr(table_rows, "MAX_REJECTED", 500)
    error = refusal(read_csv, content)
    assert "more than" in error.what
    assert words in error.what


def test_the_limits_leave_room_for_a_million_rows_of_any_broker():
    widest = len((Path(__file__).parent / "files" / "ibkr_flex.csv").read_text().splitlines()[1])
    assert lines_and_cells.MAX_LINES > 1_000_000
    assert 1_000_000 * widest < MAX_FILE_BYTES


def test_a_file_that_is_not_there_is_refused(read_csv, tmp_path):
    with pytest.raises(DataRefused, match="no such file"):
        read_csv(tmp_path / "nothing.csv")


def test_a_folder_is_refused(read_csv, tmp_path):
    with pytest.raises(DataRefused, match="a folder"):
        read_csv(tmp_path)


HOSTILE = (
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("http://203.0.113.9/x";"y")',
    "+1+1",
    "@SUM(A1)",
    "\x1b[31mQZA\x1b[0m",
    "\x1b]0;title\x07",
    "QZA\x08\x08",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "Ann Example",
)


@pytest.mark.parametrize("cell", HOSTILE)
@pytest.mark.parametrize("column", range(1, 11))
def test_a_hostile_cell_never_reaches_document_or_screen(read_csv, cell, column):
    cells = GOOD.rstrip("\n").split(",")
    cells[column] = '"' + cell.replace('"', '""') + '"'
    told = []
    try:
        outcome = read_csv(HEADER + OPTION + ",".join(cells) + "\n")
        told += [repr(outcome.documents), *outcome.warnings]
    except BridgeError as error:
        told += [str(error), error.hint or ""]
    for text in told:
        assert cell not in text
        assert "\x1b" not in text
        assert "\\x1b" not in text


def test_a_hostile_column_name_never_reaches_the_screen(read_csv):
    outcome = read_csv(HEADER.rstrip("\n") + ",\x1b[31mred\n" + GOOD.rstrip("\n") + ",1\n")
    assert any("cannot be shown" in warning for warning in outcome.warnings)
    assert not any("\x1b" in warning for warning in outcome.warnings)


def test_an_account_cell_with_control_characters_is_not_an_account(read_csv):
    outcome = read_csv(HEADER + GOOD + GOOD.replace("5WX00001", "\x1b[31m5WX"))
    assert [account.number for account in outcome.accounts] == ["5WX00001"]
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "unreadable_row"}]


def test_an_account_number_in_the_files_name_is_not_shown(read_csv):
    with pytest.raises(DataRefused) as caught:
        read_csv(b"", name="tastytrade_positions_x5WX00001_260104.csv")
    assert "5WX00001" not in str(caught.value)
    assert "tastytrade_positions" in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "column", "reason"),
    [
        ("", 1, "symbol_missing"),
        ("??", 1, "symbol_unreadable"),
        ("", 3, "quantity_missing"),
        ("ten", 3, "quantity_unreadable"),
        ("1E+05", 3, "quantity_unreadable"),
        ("1" * 17, 3, "out_of_range"),
        ('"Mar 21, 2026"', 4, "terms_contradict"),
        ("96", 5, "terms_contradict"),
        ("CALL", 6, "terms_contradict"),
    ],
)
def test_a_bad_row_is_rejected_with_its_reason(read_csv, cell, column, reason):
    cells = [
        "5WX00001",
        "QZB   260320P00095000",
        "EQUITY_OPTION",
        "-1",
        '"Mar 20, 2026"',
        "95",
        "PUT",
    ]
    cells += ["10", "100", "0.90", "-90"]
    cells[column] = cell
    outcome = read_csv(HEADER + GOOD + ",".join(cells) + "\n")
    assert outcome.meta["rejected"] == [{"row": 3, "reason": reason}]
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["status"] == "partial"


TERMS = "5WX00001,QZB   260320P00095000,EQUITY_OPTION,-1,{},{},{},10,100,0.90,-90\n"


@pytest.mark.parametrize(
    ("terms", "caution"),
    [
        (("Mar-20", "95", "PUT"), "date_unreadable"),
        (('"Mar 20, 2026"', "ninety", "PUT"), "number_unreadable"),
        (('"Mar 20, 2026"', "95", "MAYBE"), "type_unknown"),
    ],
)
def test_a_term_that_cannot_be_read_comes_from_the_symbol_that_states_it(read_csv, terms, caution):
    outcome = read_csv(HEADER + GOOD + TERMS.format(*terms))
    option, _stock = sorted(outcome.positions, key=lambda one: one["type"])
    assert (option["expiration"], option["strike"], option["option_type"]) == (
        "2026-03-20",
        95,
        "put",
    )
    assert outcome.cautions(row=3) == [caution]


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (("95", "PUT", "10"), "unreadable_row"),
        (("Mar-20", "96", "PUT"), "terms_contradict"),
    ],
)
def test_terms_that_are_shifted_or_contradict_the_symbol_still_cost_the_row(
    read_csv, terms, reason
):
    outcome = read_csv(HEADER + GOOD + TERMS.format(*terms))
    assert outcome.meta["rejected"] == [{"row": 3, "reason": reason}]


@pytest.mark.parametrize(
    ("gone", "reason"),
    [(4, "expiration_missing"), (5, "strike_missing"), (6, "type_missing")],
)
def test_an_option_whose_terms_are_nowhere_is_rejected(read_csv, gone, reason):
    cells = [
        "5WX00001",
        "QZB",
        "EQUITY_OPTION",
        "-1",
        "2026-03-20",
        "95",
        "PUT",
        "10",
        "100",
        "1",
        "-1",
    ]
    cells[gone] = "--"
    outcome = read_csv(HEADER + GOOD + ",".join(cells) + "\n")
    assert outcome.meta["rejected"] == [{"row": 3, "reason": reason}]


@pytest.mark.parametrize("column", [7, 8, 9, 10])
def test_a_number_that_cannot_be_read_is_left_out_and_flagged(read_csv, column):
    cells = GOOD.rstrip("\n").split(",")
    cells[column] = "1.23457E+11"
    outcome = read_csv(HEADER + ",".join(cells) + "\n")
    assert "number_unreadable" in outcome.cautions(row=2)
    assert "123457" not in repr(outcome.documents)


def test_rows_without_an_account_are_rejected_of_every_account_and_reported_in_each(read_csv):
    content = HEADER + GOOD + GOOD.replace("5WX00001", "5WX00002") + GOOD.replace("5WX00001", "")
    outcome = read_csv(content)
    assert len(outcome.documents) == 2
    for document in outcome.documents:
        assert document["meta"]["rejected"] == [{"row": 4, "reason": "unreadable_row"}]
        assert document["meta"]["status"] == "partial"
        assert len(document["positions"]) == 1


TOS = (
    "Position Statement for D-00000001 (margin) on 12/29/25 11:49:04\n\nNone\nEquities and Equity Options\n"
    "Instrument,Qty,Days,Trade Price,Mark,Mrk Chng,Net Liq\nQZA,,,,,,$60.00\n"
    "100 16 JAN 26 21 CALL,+1,17,.50,.60,N/A,$60.00\n"
)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("10 16 JAN 26 21 CALL", "not 100 shares per contract"),
        ("100 (US 50; CASH 12.5) 16 JAN 26 21 CALL", "something other than 100 shares"),
    ],
)
def test_an_adjusted_option_says_why_it_cannot_be_read(read_csv, option, reason):
    outcome = read_csv(f"{TOS}{option},+2,17,.50,.60,N/A,$120.00\n")
    assert len(outcome.positions) == 1
    assert any(reason in one and "line 8" in one for one in outcome.warnings)


def test_an_option_on_a_future_without_its_future_says_which_column_to_add(read_csv):
    header = "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,Multiplier,Strike,Expiry,Put/Call,Quantity,MarkPrice,PositionValue,CostBasisMoney\n"
    rows = (
        "U0,USD,STK,QZA,1,,,,10,2,20,15\nU0,USD,FOP,LOZ6 C7500,1000,75,20261117,C,1,2,2000,1000\n"
    )
    (warning,) = (one for one in read_csv(header + rows).warnings if "rejected" in one)
    assert 'add the column "UnderlyingSymbol" to the export' in warning


def test_a_future_without_a_slash_is_not_a_share(read_csv):
    outcome = read_csv(
        "Financial Instrument ,Position,Last,Cost Basis\nESH6,1,C6900.25,\nQZA,4,2.00,7\n"
    )
    assert {one["symbol"]: one["type"] for one in outcome.positions} == {
        "/ESH6": "future",
        "QZA": "stock",
    }


def test_a_coin_is_priced_in_the_currency_of_its_row(read_csv):
    header = "ClientAccountID,CurrencyPrimary,AssetClass,Symbol,Multiplier,Quantity,MarkPrice,PositionValue,CostBasisMoney\n"
    outcome = read_csv(header + "U0,EUR,CRYPTO,BTC,1,0.5,90000,45000,40000\n")
    assert outcome.positions[0]["symbol"] == "BTC/EUR"


@pytest.mark.parametrize(
    "footer", ["Date downloaded 01/02/2026", "Date downloaded Jan-02-2026 at 7:04 p.m ET"]
)
def test_the_day_alone_in_the_footer_is_the_time_of_the_file(read_csv, files, footer):
    text = (files / "fidelity.csv").read_text(encoding="utf-8-sig")
    changed = text.replace("Date downloaded Dec-01-2025 11:27 a.m ET", footer)
    assert changed != text
    outcome = read_csv(changed)
    assert outcome.documents[0]["meta"]["fetched_at"].startswith("2026-01-0")
    assert not any("may be cut off" in one for one in outcome.warnings)
