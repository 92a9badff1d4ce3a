"""`variance csv explain` and `variance csv dialects`, and formats that are asked for as brokers."""

from __future__ import annotations

import json
import os
import re

import pytest

from variance_bridge_csv.explanation_screen import as_text

SCHWAB = (
    '"Positions for account Joint ...724 as of 01:17 PM ET, 2025/12/03"\n\n'
    '"Symbol","Description","Qty (Quantity)","Price","Mkt Val (Market Value)","Cost Basis","Volume","Moon","Asset Type",\n'
    '"QZA","Q","10","12.00","$120.00","$100.00","5","x","Equity",\n'
    '"QZB","Q","ten","12.00","$120.00","$100.00","5","x","Equity",\n'
    '"Cash & Cash Investments","--","--","--","$5.00","--","--","--","Cash and Money Market",\n'
    '"Positions Total","","--","--","$245.00","$100.00","--","--","--",\n'
)


@pytest.fixture
def export(tmp_path):
    path = tmp_path / "positions.csv"
    path.write_text(SCHWAB)
    return path


def test_explain_says_what_each_line_and_column_is(variance, export):
    code, out, _err = variance("csv", "explain", export)
    assert code == 0
    for said in (
        "Format    schwab (Charles Schwab positions export)",
        'the header on line 3 has "Symbol", "Qty (Quantity)", "Asset Type"',
        "As of     2025-12-03 18:17 UTC: the file says so",
        "          Mkt Val (Market Value)  value now\n",
        "          Volume                  known, not used\n",
        "          Moon                    not known, not used\n",
        "Lines     titles, accounts, times: 1",
        "names of the columns: 3",
        "positions: 4",
        "cash: 6",
        "total: 7",
        "the total 245.00 is the sum of the rows",
        'line 5 rejected: "ten" in Qty (Quantity) is not a number',
    ):
        assert said in out
    assert "724" not in out


@pytest.mark.parametrize("width", [40, 60, 80, 140])
def test_explain_fits_a_terminal(variance, export, width):
    facts = json.loads(variance("csv", "explain", "--json", export)[1])
    whole, shown = as_text(facts), as_text(facts, width)
    assert max(map(len, whole.split("\n"))) > 80
    assert max(map(len, shown.split("\n"))) <= width
    if width >= 80:
        assert shown.split() == whole.split()


def test_a_narrow_explanation_lists_positions_below_each_other(variance, export):
    facts = json.loads(variance("csv", "explain", "--json", export)[1])
    facts["accounts"][0]["positions"][0]["symbol"] = "QZA   270115P00640000"
    shown = as_text(facts, 40)
    assert "\n  QZA 2027-01-15 640 put\n    long 10, value 120" in shown


def test_explain_says_of_each_rejected_row_once_why(variance, export):
    out = variance("csv", "explain", export)[1]
    assert out.count("rejected") == 2  # the count and the reason
    assert out.count("line 5") == 1


def test_a_terminal_shows_rejected_rows_in_red(variance, export, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = variance("csv", "explain", export)[1]
    assert "\x1b[31mline 5 rejected" in out
    assert "\x1b[1mColumns" in out


def test_explain_as_json_has_the_same(variance, export):
    code, out, _err = variance("csv", "explain", "--json", export)
    facts = json.loads(out)
    assert code == 0
    assert facts["dialect"]["name"] == "schwab"
    assert facts["lines"][3] == {"from": 4, "to": 4, "kind": "position"}
    assert facts["accounts"][0]["counts"] == {"positions": 1, "closed": 0, "rejected": 1}
    assert facts["columns"]["unknown"] == ["Moon"]


def test_explain_names_the_rows_of_another_table(variance, tmp_path):
    path = tmp_path / "two.csv"
    path.write_text(
        "Account Number,Investment Name,Symbol,Shares,Share Price,Total Value,\n00000011,A,QZA,10,100.00,1000.00,\n\n"
        "Account Number,Trade Date,Settlement Date,Transaction Type,Symbol,\n00000011,01/01/2026,01/02/2026,Buy,QZA,\n"
    )
    _code, out, _err = variance("csv", "explain", path)
    assert "positions: 2" in out
    assert "another table begins: 4" in out
    assert "of another table, not read: 5" in out


def test_explain_says_what_a_file_of_no_format_lacks(variance, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("Symbol,Description,Qty (Quantity),Market Value\nQZA,Q,1,2\n")
    code, out, err = variance("csv", "explain", path)
    assert (code, out) == (6, "")
    assert 'schwab: needs "Asset Type"' in err


def test_explain_names_the_columns_of_a_file_of_no_format(variance, tmp_path):
    path = tmp_path / "innehav.csv"
    path.write_text("Innehav;Depå\n\nNamn;Valuta;Antal;Kurs\nQuartz;USD;10;200,00\n", "utf-8")
    code, _out, err = variance("csv", "explain", path)
    assert code == 6
    assert err.startswith(
        'line 3 may name the columns, separated by semicolons: "Namn", "Valuta", "Antal", "Kurs"\n'
    )


def test_explain_names_other_formats_only_where_none_fits(variance, tmp_path):
    path = tmp_path / "cut.csv"
    path.write_text("Account,Symbol,Type,Quantity,Exp Date,Strike Price,Cost,Net Liq")
    code, out, err = variance("csv", "explain", path)
    assert (code, out) == (6, "")
    assert "ends in its header" in err
    assert "needs" not in err


def test_explain_names_no_formats_for_a_report_of_another_kind(variance, tmp_path):
    path = tmp_path / "activity.csv"
    path.write_text(
        "Activity Date,Instrument,Description,Trans Code,Quantity,Price\n1/2/2026,QZA,Q,Buy,1,2\n"
    )
    code, out, err = variance("csv", "explain", path)
    assert (code, out) == (6, "")
    assert "this is a Robinhood activity report" in err
    assert "needs" not in err


def test_explain_counts_the_columns_of_the_file_and_names_what_is_worked_out(variance, files):
    _code, out, _err = variance("csv", "explain", files / "questrade_edge.csv")
    assert "12 of its 12 columns are known" in out
    assert re.search(r"^Columns +Symbol +symbol$", out, re.MULTILINE)
    assert "worked out from other cells: the account's name, expiration, put or call, strike" in out


def test_explain_shows_a_column_without_a_name_by_its_place(variance, files):
    _code, out, _err = variance("csv", "explain", files / "degiro.csv")
    assert "column 6, without a name  value now" in out


def test_explain_shows_what_the_rows_add_up_to_beside_another_total(variance, tmp_path):
    path = tmp_path / "etrade.csv"
    path.write_text(
        "Symbol,Last Price $,Quantity,Price Paid $,Total Gain $,Value $\nQZA,20.00,10,15.00,50.00,200.00\n"
        "TOTAL,,,,50.00,250.00\n"
    )
    _code, out, _err = variance("csv", "explain", path)
    assert "the total 250.00 is NOT the sum of the rows, 200.00" in out


def test_a_column_that_its_place_finds_is_not_called_unknown(variance, tmp_path):
    folder = tmp_path / "configuration" / "csv"
    folder.mkdir(parents=True)
    (folder / "acme.toml").write_text(
        'description = 1\nname = "acme"\ntitle = "Acme"\n[detect]\nneeds = ["symbol", "quantity"]\n'
        '[columns]\nsymbol = ["Id"]\nquantity = ["Held"]\n'
        '[[column]]\nfield = "value"\nmatches = \'Worth in (?P<currency>[A-Z]{3})\'\n[types]\ndefault = "stock"\n'
    )
    path = tmp_path / "acme.csv"
    path.write_text("Id,Held,Worth in CHF,Moon\nQZA,10,200.00,x\n")
    _code, out, _err = variance("csv", "explain", path)
    assert "Worth in CHF  value now" in out
    assert "3 of its 4 columns are known" in out
    assert "Moon          not known, not used" in out
    assert "known from" not in out
    _code, _out, err = variance("sync", path)
    assert 'not read: "Moon"' in err


def test_dialects_lists_the_formats_and_the_folder_for_ones_own(variance, tmp_path):
    folder = tmp_path / "configuration" / "csv"
    folder.mkdir(parents=True)
    (folder / "acme.toml").write_text(
        'description = 1\nname = "acme"\ntitle = "Acme"\nextends = "template"\n'
    )
    code, out, _err = variance("csv", "dialects")
    assert code == 0
    assert "acme" in out
    assert "Acme (yours)" in out
    assert "Charles Schwab positions export (seen 2019 to 2026-09)\n" in out
    assert f"Your own: {folder}/*.toml" in out
    listed = json.loads(variance("csv", "dialects", "--json")[1])
    assert [one["name"] for one in listed["dialects"] if one["yours"]] == ["acme"]


@pytest.mark.parametrize("name", ["schwab", "Schwab"])
def test_a_format_that_is_asked_for_as_a_broker_is_read(variance, export, name):
    code, out, err = variance("sync", "--broker", name, "--input", export)
    assert code == 0
    assert "positions/live_csv.json" in out
    assert "line 5: row rejected" in err


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ibkr", "ibkr_tws.csv"),
        ("ibkr", "ibkr_flex_xml.xml"),
        ("fidelity", "fidelity_options.csv"),
        ("saxo", "saxo_comma.csv"),
        ("tastytrade", "tastytrade_2026.csv"),
    ],
)
def test_every_format_of_a_broker_is_read_by_the_brokers_name(
    variance, files, tmp_path, name, file
):
    path = tmp_path / file
    path.write_bytes((files / file).read_bytes())
    code, _out, err = variance("sync", "--broker", name, "--input", path, "--all-accounts")
    assert code == 0, err


@pytest.mark.parametrize("name", ["ibkr", "fidelity", "degiro", "thinkorswim", "questrade"])
def test_a_file_of_another_broker_is_not_read_by_a_brokers_name(variance, export, name):
    code, _out, err = variance("sync", "--broker", name, "--input", export)
    assert code == 6
    assert "not in a dialect that you asked for" in err
    assert 'it is "schwab"' in err


@pytest.mark.parametrize("name", ["flex.xml", "flex.XML", "positions.txt"])
def test_a_file_needs_no_broker_whatever_its_ending(variance, files, tmp_path, name):
    source = "ibkr_flex_xml.xml" if name.lower().endswith("xml") else "tastytrade_2021.csv"
    (tmp_path / name).write_bytes((files / source).read_bytes())
    code, _out, err = variance("sync", name)
    assert code == 0, err
    code, out, err = variance("show", name, "--any-age")
    assert code == 0, err
    assert "QZ" in out


def test_a_mistyped_name_of_a_format_is_corrected(variance, export):
    code, _out, err = variance("sync", "--broker", "fidellity", "--input", export)
    assert code == 3
    assert 'did you mean "fidelity"?' in err


def test_the_doctor_names_the_folder_for_your_own_formats(variance, tmp_path):
    _code, out, _err = variance("doctor")
    assert f"your own formats go into {tmp_path / 'configuration' / 'csv'}" in out.replace("\n", "")


def test_a_format_that_is_asked_for_binds(variance, tmp_path, files):
    path = tmp_path / "fidelity.csv"
    path.write_bytes((files / "fidelity.csv").read_bytes())
    os.utime(path)
    code, _out, err = variance("sync", "--broker", "schwab", "--input", path)
    assert code == 6
    assert 'not written in the dialect "schwab"' in err


def test_explain_says_what_a_sync_would_warn_of(variance, files, tmp_path):
    path = tmp_path / "fidelity.csv"
    text = (files / "fidelity.csv").read_text(encoding="utf-8-sig")
    path.write_text("QZT,7,133.00\n\n" + text.replace(",BRKB,", ",?,").partition("\n\n")[0] + "\n")
    _code, out, _err = variance("csv", "explain", path)
    assert "Notes     line 1: another table begins, which is not in this format" in out
    assert "rejected: the symbol cannot be read" in out
    assert "possibly truncated (whole file)" in out
    assert "of another table, not read: 1" in out


def test_explain_says_whether_the_subtotals_are_the_sums_of_their_rows(variance, files, tmp_path):
    _code, out, _err = variance("csv", "explain", files / "ibkr_activity.csv")
    assert "the subtotals are the sums of their rows" in out
    assert "other parts of the file: 1-3, 5-7, 9-11, 27-38" in out
    path = tmp_path / "statement.csv"
    text = (files / "ibkr_activity.csv").read_text(encoding="utf-8")
    path.write_text(text.replace(",-144,31,", ",-154,31,"))
    assert "the subtotals are NOT the sums" in variance("csv", "explain", path)[1]


def test_explain_says_in_which_lines_a_number_is_doubtful(variance, files):
    _code, out, _err = variance("csv", "explain", files / "etrade.csv")
    assert "cost unknown (line 12)" in out


def test_explain_calls_the_titles_of_a_statement_titles(variance, files):
    _code, out, _err = variance("csv", "explain", files / "thinkorswim_statement.csv")
    assert "titles, accounts, times: 1, 3" in out
    assert "not read" not in out


OWN = (
    'description = 1\nname = "acme"\ntitle = "Acme"\n[detect]\nneeds = ["symbol", "quantity", "value"]\n'
    '[columns]\nsymbol = ["Id"]\nquantity = ["Held"]\nvalue = ["Worth"]\nmark = ["Px"]\ngain = ["Gain"]\n'
    'cost_per_unit = ["Paid"]\ncurrency = ["Money"]\ntype = ["Kind"]\n[account]\ncurrency = "EUR"\n'
    '[[row]]\nis = "total"\nwords = { symbol = ["All"] }\n'
)


@pytest.fixture
def explain_own(variance, tmp_path):
    def explained(rows, more="", *options):
        folder = tmp_path / "configuration" / "csv"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "acme.toml").write_text(OWN + more)
        path = tmp_path / "acme.csv"
        path.write_text(f"Id,Kind,Held,Paid,Px,Worth,Gain,Money\n{rows}")
        code, out, err = variance("csv", "explain", *options, path)
        assert code == 0, err
        return out

    return explained


def test_explain_lists_the_positions_as_they_are_understood(explain_own):
    out = explain_own("QZA,Stock,1000,20.5,20.65,20650,150,\nQZB,Stock,-7,2,3,-21,-7,USD\n")
    assert (
        "          Position  Side   Quantity  Price paid   Value  Profit  Currency\n"
        "          QZA       long      1,000       20.50  20,650     150       EUR\n"
    ) in out
    assert "QZB       short         7" in out


def test_explain_lists_twenty_positions_and_says_where_the_others_are(explain_own):
    out = explain_own(
        "".join(f"QZ{letter},Stock,1,2,3,3,1,\n" for letter in "ABCDEFGHIJKLMNOPQRSTUV")
    )
    assert "QZT  " in out
    assert "QZU" not in out
    assert "and 2 more: `variance show FILE` shows them all" in out


def test_explain_rejects_and_flags_what_a_sync_does(explain_own, variance, tmp_path):
    rows = "QZA,Stock,10,20,21,210,10,\nMESH7,Future,1,6012.25,6040,0,138.75,\nAll,,,,,210,,\n"
    out = explain_own(rows, "[money]\nfutures_cost = true\n")
    assert "Account   1: 1 position, 1 rejected" in out
    assert "line 3 rejected: its numbers contradict each other" in out
    code, _out, err = variance("sync", tmp_path / "acme.csv")
    assert code == 0
    assert "1 row rejected: its numbers contradict each other" in err


def test_explain_says_why_a_sync_refuses_a_file(explain_own):
    out = explain_own("QZA,Stock,1,2,3,3,1,\nQZB,Stock,x,2,3,3,1,\nQZC,Stock,y,2,3,3,1,\n")
    assert "a sync refuses this: 2 of 3 rows cannot be read" in out


@pytest.mark.parametrize(
    ("total", "more", "said"),
    [
        ("9", "", "the total 9 is not compared: rows in EUR and USD"),
        ("6", "[check]\ntotal_tolerance = 5\n", "the total 6 is the sum of the rows"),
    ],
)
def test_explain_compares_no_sum_over_several_currencies(explain_own, total, more, said):
    rows = f"QZA,Stock,1,2,3,3,1,\nQZB,Stock,1,2,3,3,1,USD\nAll,,,,,{total},,\n"
    assert said in explain_own(rows, more)


def test_explain_calls_a_total_within_the_tolerance_that(explain_own):
    out = explain_own("QZA,Stock,1,2,3,3,1,\nAll,,,,,7,,\n", "[check]\ntotal_tolerance = 5\n")
    assert "the total 7 is within the tolerance (5) of the sum of the rows, 3" in out


def test_a_rule_for_a_total_leaves_out_no_amount(variance, tmp_path):
    path = tmp_path / "acme.toml"
    path.write_text(OWN + 'without = ["value"]\n')
    code, out, _err = variance("csv", "check", path)
    assert code != 0
    assert "row[0].without: only rows that become positions have amounts" in out


def test_a_title_above_the_table_is_not_called_another_table(explain_own, tmp_path, variance):
    explain_own("QZA,Stock,1,2,3,3,1,\n")
    path = tmp_path / "acme.csv"
    path.write_text("Client,QZ-1-X,Report date,02.01.2026\n" + path.read_text())
    _code, out, _err = variance("csv", "explain", path)
    assert "text above the table: 1" in out
    assert "line 1 above the table: not read" in out
    assert "[[capture]]" in out
    assert "another table" not in out


def test_explain_names_the_folder_for_a_format_of_ones_own(variance, tmp_path):
    path = tmp_path / "odd.csv"
    path.write_text("Asset,Held\nQZA,1\n")
    _code, _out, err = variance("csv", "explain", path)
    assert f"your own formats go into {tmp_path / 'configuration' / 'csv'}" in err


@pytest.mark.parametrize(
    ("row", "name"),
    [("QZA;1.234;20,50;25.297,00", "generic_comma"), ("QZA;1;20.50;20.50", "generic")],
)
def test_a_file_of_no_format_is_read_by_the_general_one_with_its_decimal_mark(
    variance, tmp_path, row, name
):
    path = tmp_path / "odd.csv"
    path.write_text(f"Symbol;Quantity;Price;Market Value\n{row}\n")
    _code, _out, err = variance("csv", "explain", path)
    assert f"--dialect {name};" in err


def test_an_option_in_a_sentence_beside_its_terms_is_read_with_a_part(variance, tmp_path):
    folder = tmp_path / "configuration" / "csv"
    folder.mkdir(parents=True)
    terms = 'expiration = ["Expiry"]\nstrike = ["Strike"]\noption_type = ["Right"]\n'
    (folder / "acme.toml").write_text(OWN.replace("[account]", terms + "[account]"))
    path = tmp_path / "acme.csv"
    path.write_text(
        "Id,Kind,Held,Worth,Expiry,Strike,Right\nQZA,Stock,1,5,,,\nQZA DEC26 240 C,Option,1,5,2026-12-18,240,C\n"
    )
    _code, out, _err = variance("csv", "explain", path)
    assert (
        "the symbol cannot be read (not the symbol of an option; correct it in the file, or, if your broker writes all "
        "options so, read them with [[part]] (docs/dialects.md), in Id)"
    ) in " ".join(out.split())


@pytest.fixture
def folder(tmp_path):
    """Two exports, the second a minute newer, and what is no export."""
    place = tmp_path / "exp"
    place.mkdir()
    for name, symbol in (("Nest-egg-Positions-2025-12-03.csv", "QZA"), ("second.csv", "QZN")):
        (place / name).write_text(SCHWAB.replace("QZA", symbol))
    (place / "notes.csv").write_text("nothing of ours\n")
    for age, name in enumerate(("second.csv", "Nest-egg-Positions-2025-12-03.csv", "notes.csv")):
        os.utime(place / name, (1764800000 - 60 * age,) * 2)
    return place


def test_the_exports_of_a_folder_are_explained_the_newest_first(variance, folder):
    code, out, err = variance("csv", "explain", folder)
    assert code == 0
    assert out.count("schwab (Charles Schwab") == 2
    assert out.index("QZN") < out.index("QZA")
    assert "not explained: notes.csv" in err
    exports = json.loads(variance("csv", "explain", folder, "--json")[1])["exports"]
    assert [each["file"] for each in exports] == ["second.csv", "***-Positions-2025-12-03.csv"]


@pytest.mark.parametrize(
    ("names", "words"), [((), "there is no .csv file"), (("notes.csv",), "can be read; the newest")]
)
def test_a_folder_without_an_export_to_explain_is_refused(variance, tmp_path, names, words):
    (tmp_path / "bare").mkdir()
    for name in names:
        (tmp_path / "bare" / name).write_text("nothing of ours\n")
    code, _out, err = variance("csv", "explain", tmp_path / "bare")
    assert (code, words in err) == (6, True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Nest-egg-Positions-2025-12-03.csv", "Nest-egg-Positions-2025-12-03.csv"),
        ("Mine 724.csv", "Mine ***.csv"),
        ("12345678.csv", "***.csv"),
    ],
)
def test_a_terminal_shows_the_name_as_it_was_typed_without_account_numbers(
    variance, tmp_path, monkeypatch, name, shown
):
    (tmp_path / name).write_text(SCHWAB)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert f"{shown}: " in variance("csv", "explain", tmp_path / name)[1]


def test_what_is_piped_hides_the_nickname_in_the_name(variance, folder):
    out = variance("csv", "explain", folder / "Nest-egg-Positions-2025-12-03.csv")[1]
    assert "***-Positions-2025-12-03.csv: " in out


def test_check_takes_a_folder_of_formats(variance, tmp_path):
    (tmp_path / "formats").mkdir()
    (tmp_path / "formats" / "one.toml").write_text("name = 1\n")
    code, out, _err = variance("csv", "check", tmp_path / "formats")
    assert code == 3
    assert "one.toml: " in out


def test_where_formats_of_ones_own_go_follows_the_error(variance, tmp_path):
    (tmp_path / "odd.csv").write_text("Symbol,Foo\nA,1\n")
    _code, _out, err = variance("csv", "explain", tmp_path / "odd.csv")
    assert 0 <= err.index("Error: ") < err.index("your own formats go into")
