"""What a dialect can say beyond what the shipped ones need today: one small dialect and one small file for each."""

from __future__ import annotations

from decimal import Decimal

import pytest

from variance_bridge.errors import DataRefused

BASE = """
description = 1
name = "acme"
title = "Acme"
{detect}
[columns]
symbol = ["Ticker"]
quantity = ["Amount"]
mark = ["Quote"]
{columns}
{rest}
"""


@pytest.fixture
def read_as(read_csv, tmp_path):
    def read(
        content,
        rest="",
        columns="",
        detect='[detect]\nneeds = ["symbol", "quantity", "mark"]',
        **options,
    ):
        folder = tmp_path / "csv"
        folder.mkdir(exist_ok=True)
        text = BASE.format(detect=detect, columns=columns, rest=rest)
        (folder / "acme.toml").write_text(text, encoding="utf-8")
        return read_csv(content, folder=folder, dialect="acme", **options)

    return read


STOCK = '[types]\ndefault = "stock"\n'


def test_a_side_column_tells_the_direction(read_as):
    content = "Ticker,Amount,Quote,Way\nQZA,3,1,SELL\nQZB,3,1,buy\nQZC,-3,1,SELL\nQZD,0,1,\n"
    rest = STOCK + '[quantity.side_words]\nBuy = "long"\nSell = "short"\n'
    outcome = read_as(content, rest, 'side = ["Way"]')
    assert [(one["symbol"], one["side"]) for one in outcome.positions] == [
        ("QZA", "short"),
        ("QZB", "long"),
        ("QZC", "short"),
    ]
    assert outcome.meta["counts"]["closed"] == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("QZA,3,1,", "side_missing"),
        ("QZA,3,1,hold", "side_unknown"),
        ("QZA,-3,1,buy", "terms_contradict"),
    ],
)
def test_a_side_that_cannot_be_read_keeps_the_row_out(read_as, row, reason):
    rest = STOCK + '[quantity.side_words]\nBuy = "long"\nSell = "short"\n'
    outcome = read_as(f"Ticker,Amount,Quote,Way\nQZZ,1,1,buy\n{row}\n", rest, 'side = ["Way"]')
    assert outcome.meta["rejected"] == [{"row": 3, "reason": reason}]


def test_unit_greeks_become_those_of_the_position(read_as):
    content = "Ticker,Amount,Quote,D,T,IV\nQZB   260320P00095000,-2,1,-0.40,-0.05,25.5\nQZB1  260320P00095000,-2,1,-0.4,0,30\n"
    outcome = read_as(
        content,
        '[greeks]\nscope = "unit"\nimplied_volatility_in_percent = true\n',
        'delta = ["D"]\ntheta = ["T"]\nimplied_volatility = ["IV"]',
    )
    adjusted, standard = sorted(outcome.positions, key=lambda one: one["deliverable"])
    assert standard["greeks"] == {
        "delta": Decimal(80),
        "theta": Decimal(10),
        "implied_volatility": Decimal("0.255"),
    }
    assert adjusted["greeks"] == {"implied_volatility": Decimal("0.3")}


def test_the_symbols_text_may_tell_the_multiplier(read_as):
    content = "Ticker,Amount,Quote\n10 x QZB   260320P00095000,1,2\nQZB   260320P00090000,1,2\n"
    rest = "[symbol]\npattern = '(?P<multiplier>[0-9]{1,6}) x (?P<symbol>.{1,40})'\n"
    outcome = read_as(content, rest)
    assert [one["multiplier"] for one in outcome.positions] == [100, 10]
    assert [one["market_value"] for one in outcome.positions] == [200, 20]


def test_what_stands_around_a_symbol_is_stripped(read_as):
    rest = STOCK + '[symbol]\nstrip_prefix = ["US:"]\nstrip_suffix = [" (margin)"]\n'
    outcome = read_as("Ticker,Amount,Quote\nUS:QZA (margin),1,2\n", rest)
    assert outcome.positions[0]["symbol"] == "QZA"
    assert outcome.positions[0]["broker_symbol"] == "US:QZA (margin)"


@pytest.mark.parametrize(
    ("cell", "reason"), [("x", "multiplier_unreadable"), ("0", "multiplier_unreadable")]
)
def test_a_multiplier_that_cannot_be_read_keeps_the_row_out(read_as, cell, reason):
    content = f"Ticker,Amount,Quote,Lot\nQZA,1,2,1\nQZB,1,2,{cell}\n"
    outcome = read_as(content, STOCK, 'multiplier = ["Lot"]')
    assert outcome.meta["rejected"] == [{"row": 3, "reason": reason}]


def test_an_adjusted_option_whose_file_states_a_multiplier_keeps_its_money(read_as):
    content = "Ticker,Amount,Quote,Lot\nQZB1  260320P00095000,1,2,150\n"
    outcome = read_as(content, columns='multiplier = ["Lot"]')
    assert outcome.positions[0]["market_value"] == 300
    assert outcome.cautions(row=2) == ["adjusted_deliverable"]


def test_html_entities_and_blanks_around_quotes(read_as):
    rest = (
        STOCK
        + '[file]\nhtml_entities = true\nspaces_around_quotes = true\n[[row]]\nis = "cash"\nwords = { symbol = ["Cash & more"] }\n'
    )
    outcome = read_as(
        '"Ticker" ,"Amount" ,"Quote"\n"QZA" ,"1" ,"2"\n"Cash &amp; more" ,"1" ,"2"\n', rest
    )
    assert outcome.meta["counts"]["fetched"] == 1


def test_loose_names_match_by_letters_only_where_nothing_else_does(read_as):
    rest = STOCK + "[header]\nloose = true\n"
    outcome = read_as(
        "TICKER:,Am-ount,Quote,Am ount\nQZA,1,2,\n".replace(",Am ount", "").replace("2,", "2"), rest
    )
    assert outcome.positions[0]["quantity"] == 1
    with pytest.raises(DataRefused, match="not written"):
        read_as("Ticker,Am-ount,Quote,Am_ount\nQZA,1,2,3\n", rest)


def test_a_title_line_that_must_stand_above(read_as):
    detect = (
        '[detect]\nneeds = ["symbol", "quantity", "mark"]\nbefore_header = \'Acme holdings.*\'\n'
    )
    table = "Ticker,Amount,Quote\nQZA,1,2\n"
    assert read_as(f"Acme holdings for you\n{table}", STOCK, detect=detect).positions
    with pytest.raises(DataRefused, match="title line"):
        read_as(table, STOCK, detect=detect)


def test_columns_that_must_be_there_and_must_not(read_as):
    detect = '[detect]\nneeds = ["symbol", "quantity", "mark"]\ncolumns = ["Report"]\nforbids = ["Action"]\n'
    assert read_as("Report,Ticker,Amount,Quote\nx,QZA,1,2\n", STOCK, detect=detect).positions
    with pytest.raises(DataRefused, match='"Report"'):
        read_as("Ticker,Amount,Quote\nQZA,1,2\n", STOCK, detect=detect)
    with pytest.raises(DataRefused, match='a header without "Action"'):
        read_as("Report,Action,Ticker,Amount,Quote\nx,y,QZA,1,2\n", STOCK, detect=detect)


def test_a_name_that_may_stand_twice_counts_the_first_time(read_as):
    content = "Ticker,Amount,Quote,Quote\nQZA,1,2,9\n"
    with pytest.raises(DataRefused, match="twice"):
        read_as(content, STOCK)
    outcome = read_as(content, STOCK + '[header]\nduplicates = ["quote"]\n')
    assert outcome.positions[0]["quote"]["mark"] == 2


def test_rules_see_empty_and_filled_cells_widths_and_first_cells(read_as):
    rules = """
[[row]]
is = "subtotal"
empty = ["quantity"]
filled = ["mark"]
[[row]]
is = "label"
width = 1
[[row]]
is = "lot"
first_cell = ' +[0-9/]+'
[[row]]
is = "ignore"
matches = { symbol = 'Q[0-9]+' }
"""
    content = "Ticker,Amount,Quote\nGroup A\nQZA,1,2\n  01/02/2025,1,2\nQ77,1,2\nSum,,2\n"
    outcome = read_as(content, STOCK + rules)
    assert [one["symbol"] for one in outcome.positions] == ["QZA"]
    assert outcome.meta["counts"] == {"fetched": 1, "normalized": 1, "closed": 0, "rejected": 0}


def test_a_row_that_no_rule_explains_is_rejected_and_never_skipped(read_as):
    outcome = read_as("Ticker,Amount,Quote\nQZA,1,2\nWhat is this?,1,2\n", STOCK)
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "symbol_unreadable"}]


def test_words_of_the_type_column_mean_what_the_dialect_says(read_as):
    content = "Ticker,Amount,Quote,Class\nQZA,1,2,AKT\nQZB,1,2,\n"
    outcome = read_as(
        content, '[types]\ninfer = false\n[types.words]\nakt = "stock"\n', 'type = ["Class"]'
    )
    assert [one["type"] for one in outcome.positions] == ["stock"]
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "type_missing"}]
    outcome = read_as(
        content.replace("QZB,1,2,", "QZB,1,2,XYZ"),
        '[types]\ninfer = false\n[types.words]\nakt = "stock"\n',
        'type = ["Class"]',
    )
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "type_unknown"}]


def test_a_symbol_that_spells_out_an_option_is_one_whatever_the_word_beside_it(read_as):
    content = "Ticker,Amount,Quote,Class\nQZB 04/17/2026 32.00 P,1,12.53,ETFs & Closed End Funds\n/MESH6,1,6000,Thing\nQZC,1,2,Thing\n"
    outcome = read_as(content, columns='type = ["Class"]')
    assert [one["type"] for one in outcome.positions] == ["future", "option", "other"]
    assert outcome.cautions(row=4) == ["multiplier_unknown", "type_unknown"]


def test_a_future_with_a_right_beside_it_is_a_contradiction(read_as):
    content = "Ticker,Amount,Quote,Class,Right\n/MESH6,1,6000,Future,Call\n/MESH6,1,6000,Future,\n"
    outcome = read_as(content, columns='type = ["Class"]\noption_type = ["Right"]')
    assert outcome.meta["rejected"] == [{"row": 2, "reason": "terms_contradict"}]


def test_an_option_type_column_makes_a_row_without_a_type_an_option(read_as):
    content = "Ticker,Amount,Quote,Right,At,Until\nQZA,1,2,C,95,2026-03-20\nQZA,1,2,,,\nQZA,1,2,P,-5,2026-03-20\n"
    outcome = read_as(
        content, STOCK, 'option_type = ["Right"]\nstrike = ["At"]\nexpiration = ["Until"]'
    )
    assert [one["type"] for one in outcome.positions] == ["stock", "option"]
    assert outcome.meta["rejected"] == [{"row": 4, "reason": "out_of_range"}]


@pytest.mark.parametrize(
    ("dates", "expiration"), [("%m/%d/%Y", "2027-03-12"), ("%d/%m/%Y", "2027-12-03")]
)
def test_a_date_in_a_symbol_has_the_order_of_the_dialects_dates(read_as, dates, expiration):
    content = "Ticker,Amount,Quote\nQZA 03/12/2027 95 C,1,2\n"
    outcome = read_as(content, f'{STOCK}[cells]\ndates = ["{dates}"]\n')
    assert [one["expiration"] for one in outcome.positions] == [expiration]


def test_a_date_in_a_symbol_that_could_be_two_is_rejected_where_the_dialect_has_no_order(read_as):
    content = "Ticker,Amount,Quote\nQZA 09/11/2026 95 C,1,2\nQZA 03/12/2027 95 C,1,2\n"
    outcome = read_as(content, STOCK)
    assert [one["expiration"] for one in outcome.positions] == ["2026-09-11"]
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "symbol_unreadable"}]


def test_an_index_in_the_symbol_column_has_the_root_that_is_listed_for_its_day(read_as):
    content = (
        "Ticker,Amount,Quote,Right,At,Until\nSPX,1,2,C,5500,2026-06-16\nSPX,1,2,C,5500,2026-06-18\n"
    )
    outcome = read_as(
        content, STOCK, 'option_type = ["Right"]\nstrike = ["At"]\nexpiration = ["Until"]'
    )
    assert [one["symbol"] for one in outcome.positions] == [
        "SPXW  260616C05500000",
        "SPX   260618C05500000",
    ]


def test_a_strike_below_zero_is_read_where_the_exchange_lists_it(read_as):
    content = (
        "Ticker,Amount,Quote,Right,At,Until\n"
        "./CLM0 LOM0  200514P-5,1,2,P,-5,2020-05-14\n"
        "./ESM0 EW2K0 200508P-5,1,2,P,-5,2020-05-08\n"
    )
    outcome = read_as(
        content, STOCK, 'option_type = ["Right"]\nstrike = ["At"]\nexpiration = ["Until"]'
    )
    assert [one["strike"] for one in outcome.positions] == [Decimal(-5)]
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "out_of_range"}]


def test_a_symbol_beyond_all_length_is_unreadable(read_as):
    outcome = read_as(f"Ticker,Amount,Quote\nQZA,1,2\n{'A' * 200},1,2\n", STOCK)
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "symbol_unreadable"}]


def test_a_bond_whose_description_has_no_room_in_a_document_is_rejected(read_as):
    content = f"Ticker,Amount,Quote,Class\nQZA,1,2,Stock\nU S TREASURY {'BILL ' * 12},1,2,Bond\n"
    outcome = read_as(content, columns='type = ["Class"]')
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "symbol_unreadable"}]


def test_bonds_are_priced_by_the_hundred(read_as):
    outcome = read_as(
        "Ticker,Amount,Quote,Class\n912797QX8,10000,99.5,Bond\n", columns='type = ["Class"]'
    )
    (bond,) = outcome.positions
    assert (bond["multiplier"], bond["market_value"]) == (Decimal("0.01"), Decimal(9950))


@pytest.mark.parametrize(
    ("sign", "cell", "value"),
    [("cash_flow", "-50", 50), ("position", "50", 50), ("absolute", "-50", 50)],
)
def test_the_sign_of_a_value_is_what_the_dialect_says(read_as, sign, cell, value):
    content = f"Ticker,Amount,Quote,Worth\nQZA,1,--,{cell}\n"
    outcome = read_as(content, STOCK + f'[money]\nvalue = "{sign}"\n', 'value = ["Worth"]')
    assert outcome.positions[0]["market_value"] == value


def test_where_value_does_not_follow_from_price_it_is_not_computed(read_as):
    content = "Ticker,Amount,Quote,Worth\nQZA,1,2,77\nQZB,1,2,--\n"
    outcome = read_as(content, STOCK + "[money]\nvalue_from_price = false\n", 'value = ["Worth"]')
    assert [one.get("market_value") for one in outcome.positions] == [77, None]
    assert outcome.positions[0]["quote"]["mark"] == 2


def test_the_currency_of_a_row_is_written_where_it_is_not_the_accounts(read_as):
    content = "Ticker,Amount,Quote,Money\nQZA,1,2,USD\nQZB,1,2,EUR\nQZC,1,2,euro\n"
    outcome = read_as(content, STOCK + '[account]\ncurrency = "USD"\n', 'currency = ["Money"]')
    assert [one.get("currency") for one in outcome.positions] == [None, "EUR"]
    assert outcome.meta["rejected"] == [{"row": 4, "reason": "unreadable_row"}]


def test_dates_and_sectors_that_cannot_be_read_are_left_out(read_as):
    content = "Ticker,Amount,Quote,Since,Field\nQZA,1,2,12d,Ann's =cmd\nQZB,1,2,2025-12-31,Energy\n"
    outcome = read_as(content, STOCK, 'open_date = ["Since"]\nsector = ["Field"]')
    assert "opened_on" not in outcome.positions[0]
    assert "sector" not in outcome.positions[0]
    assert outcome.cautions(row=2) == ["date_unreadable"]
    assert (outcome.positions[1]["opened_on"], outcome.positions[1]["sector"]) == (
        "2025-12-31",
        "Energy",
    )


def test_a_simulated_account_is_marked(read_as):
    rest = STOCK + "[[capture]]\npattern = '(?P<simulated>.* paperMoney .*)'\nwhere = 'before'\n"
    table = "Ticker,Amount,Quote\nQZA,1,2\n"
    assert (
        read_as(f"exported from the paperMoney platform\n{table}", rest).meta["environment"]
        == "simulator"
    )
    assert "environment" not in read_as(table, rest).meta


SECTIONS = (
    STOCK
    + """
[header]
repeats = "section"
[[capture]]
pattern = 'Account (?P<account>[A-Z0-9-]{2,12}) \\((?P<account_label>[A-Za-z ]{1,20})\\)'
scope = "section"
[[capture]]
pattern = 'Printed (?P<date>[0-9-]{10})(?: at (?P<time>[0-9:]{5}))?(?: (?P<zone>[A-Z]{2,3}))?'
ends = true
[check]
completeness = "required"
"""
)


def test_sections_have_their_own_columns_accounts_and_order(read_as):
    content = (
        "Account TEST-1 (Joint)\nTicker,Amount,Quote\nQZA,1,2\n\nAccount TEST-2 (Child)\nQuote,Ticker,Amount\n3,QZB,-4\n"
        "Printed 2025-12-31 at 16:05 ET\n"
    )
    outcome = read_as(content, SECTIONS)
    assert [(one.number, one.nickname) for one in outcome.accounts] == [
        ("TEST-1", "Joint"),
        ("TEST-2", "Child"),
    ]
    assert [document["positions"][0]["symbol"] for document in outcome.documents] == ["QZA", "QZB"]
    assert outcome.documents[1]["meta"]["fetched_at"] == "2025-12-31T21:05:00Z"
    assert outcome.personal.find("for TEST-2")


@pytest.mark.parametrize(
    ("line", "moment", "flagged"),
    [
        ("Printed 2025-12-31", "2025-12-31T21:00:00Z", False),
        ("Printed 2025-12-31 PT", "2026-01-01T00:00:00Z", False),
        ("Printed 2025-13-31", "2026-01-05T14:30:00Z", True),
        ("Printed 2025-12-31 at 25:00", "2025-12-31T21:00:00Z", False),
        ("Printed 2025-12-31 at 16:05 XX", "2025-12-31T21:05:00Z", False),
    ],
)
def test_a_stated_time_is_read_as_far_as_it_can_be(read_as, line, moment, flagged):
    outcome = read_as(f"Account TEST-1 (Joint)\nTicker,Amount,Quote\nQZA,1,2\n{line}\n", SECTIONS)
    assert outcome.meta["fetched_at"] == moment
    assert ("time_from_file" in outcome.cautions()) is flagged


def test_a_cut_off_file_of_a_dialect_with_an_end_is_flagged(read_as):
    outcome = read_as("Account TEST-1 (Joint)\nTicker,Amount,Quote\nQZA,1,2\n", SECTIONS)
    assert "possibly_truncated" in outcome.cautions()


TOTALS = (
    STOCK
    + """
[account]
currency = "USD"
balances = true
[[row]]
is = "total"
words = { symbol = ["Total"] }
[[row]]
is = "cash"
words = { symbol = ["Cash"] }
"""
)


@pytest.mark.parametrize(
    ("rows", "balances"),
    [
        (
            "QZA,1,2,2\nCash,,,3\nTotal,,,5\n",
            {"currency": "USD", "net_liquidating_value": 5, "cash": 3},
        ),
        (
            "QZA,1,2,2\nCash,,,-3\nTotal,,,-1\n",
            {"currency": "USD", "net_liquidating_value": -1, "cash": -3},
        ),
        ("QZA,1,2,2\nTotal,,,2\n", None),
        ("QZA,1,2,2\nCash,,,3\nTotal,,,x\n", None),
        ("QZA,1,2,2\nCash,,,3\nTotal,,,9\n", None),
        ("QZA,1,2,2\nCash,,,3\n", None),
    ],
)
def test_balances_come_from_cash_and_total_rows_that_agree(read_as, rows, balances):
    outcome = read_as(f"Ticker,Amount,Quote,Worth\n{rows}", TOTALS, 'value = ["Worth"]')
    assert outcome.document.get("balances") == balances


def test_a_total_without_cash_in_it(read_as):
    rest = TOTALS + "[check]\ntotal_includes_cash = false\n"
    outcome = read_as(
        "Ticker,Amount,Quote,Worth\nQZA,1,2,2\nCash,,,3\nTotal,,,2\n", rest, 'value = ["Worth"]'
    )
    assert "total_disagrees" not in outcome.cautions()
    assert outcome.document["balances"] == {
        "currency": "USD",
        "net_liquidating_value": 5,
        "cash": 3,
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("QZA,1,2,2\nTotal,,,2\n", "no row is cash"),
        ("QZA,1,2,2\nCash,,,3\n", "no row is the total"),
    ],
)
def test_balances_that_a_dialect_promises_and_a_file_lacks_are_flagged(read_as, rows, words):
    outcome = read_as(f"Ticker,Amount,Quote,Worth\n{rows}", TOTALS, 'value = ["Worth"]')
    assert "balances_missing" in outcome.cautions()
    assert any(f"no balances: {words}" in one for one in outcome.warnings)


IN_CURRENCIES = (
    TOTALS + "[[part]]\nof = \"symbol\"\npattern = '(?:Total|Cash) (?P<currency>[A-Z]{3})'\n"
    '[check]\ncompleteness = "total"\n'
).replace('symbol = ["Total"]', 'symbol = ["Total", "Total USD", "Total EUR"]')


@pytest.mark.parametrize(
    ("rows", "cautions", "warned"),
    [
        ("QZA,1,2,2,USD\nQZB,1,2,2,EUR\nCash,,,3,\nTotal,,,7.30,\n", [], True),
        ("QZA,1,2,2,EUR\nQZB,1,2,2,EUR\nCash,,,3,EUR\nTotal,,,7.30,\n", ["balances_missing"], True),
        ("QZA,1,2,2,USD\nQZB,1,2,2,EUR\nCash,,,3,\nTotal,,,7,\n", [], False),
        ("QZA,1,2,2,USD\nCash,,,3,USD\nTotal,,,7,USD\n", ["total_disagrees"], False),
        ("QZA,1,2,2,USD\nQZB,1,2,2,EUR\nTotal USD,,,2,\nTotal EUR,,,2,\n", [], False),
        ("QZA,1,2,2,USD\nQZB,1,2,2,EUR\nTotal USD,,,2,\nTotal EUR,,,4,\n", ["total_disagrees"], False),
        ("QZA,1,2,2,USD\nQZB,1,2,2,EUR\nCash,,,3,\n", ["possibly_truncated"], False),
    ],
)  # fmt: skip
def test_a_total_is_compared_with_rows_of_its_own_currency_alone(read_as, rows, cautions, warned):
    columns = 'value = ["Worth"]\ncurrency = ["Money"]\n'
    outcome = read_as(f"Ticker,Amount,Quote,Worth,Money\n{rows}", IN_CURRENCIES, columns)
    found = set(outcome.cautions()) & {"total_disagrees", "possibly_truncated", *cautions}
    assert found == set(cautions)
    assert any("not compared: rows in EUR" in one for one in outcome.warnings) == warned


def test_a_money_market_fund_without_a_quantity_has_its_value_as_one(read_as):
    rest = "[[row]]\nis = \"money_market\"\nmatches = { symbol = '[A-Z]{5}' }\n"
    outcome = read_as("Ticker,Amount,Quote,Worth\nQZFXX,,,77.50\n", rest, 'value = ["Worth"]')
    (fund,) = outcome.positions
    assert (fund["type"], fund["quantity"], fund["market_value"]) == (
        "fund",
        Decimal("77.50"),
        Decimal("77.50"),
    )


def test_a_short_total_row_is_allowed_and_a_short_cash_row_is_not(read_as):
    content = "Ticker,Amount,Quote,Worth\nQZA,1,2,2\nCash,\nTotal,,\n"
    outcome = read_as(content, TOTALS, 'value = ["Worth"]')
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "wrong_cell_count"}]


def test_extra_empty_cells_can_be_forbidden(read_as):
    content = "Ticker,Amount,Quote\nQZA,1,2\nQZB,1,2,\n"
    outcome = read_as(content, STOCK + "[ragged]\nextra_empty = false\n")
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "wrong_cell_count"}]


def test_greeks_and_products_with_too_many_digits_are_not_written(read_as):
    digits = "1." + "3" * 30
    content = f"Ticker,Amount,Quote,D\nQZB   260320P00095000,{digits},{digits},{digits}\n"
    outcome = read_as(content, '[greeks]\nscope = "unit"\n', 'delta = ["D"]')
    assert "market_value" not in outcome.positions[0]
    assert "greeks" not in outcome.positions[0]


def test_a_european_file_is_read_by_its_own_marks(read_as):
    rest = (
        STOCK
        + '[file]\ndelimiters = [";"]\n[cells]\ndecimal = ","\nthousands = "."\ncurrency_signs = ["€"]\ndates = ["%d.%m.%Y"]\n'
    )
    outcome = read_as(
        "Ticker;Amount;Quote;Since\nQZA;1.250,5;€2,50;31.12.2025\n", rest, 'open_date = ["Since"]'
    )
    (position,) = outcome.positions
    assert (position["quantity"], position["market_value"], position["opened_on"]) == (
        Decimal("1250.5"),
        Decimal("3126.25"),
        "2025-12-31",
    )


def test_a_column_in_a_currency_of_its_own_is_not_read_in_rows_of_another(read_as):
    outcome = read_as(
        "Ticker,Amount,Quote,Unit,Result in EUR,Worth in EUR\n"
        "QZA,10,20,EUR,15,200\n"
        "QZB,10,20,USD,15,180\n"
        "QZC,10,20,,15,200\n",
        columns='currency = ["Unit"]',
        rest='[[column]]\nfield = "gain"\nmatches = "Result in (?P<currency>[A-Z]{3})"\n'
        '[[column]]\nfield = "value"\nmatches = "Worth in (?P<currency>[A-Z]{3})"\n'
        '[types]\ndefault = "stock"',
    )
    stated = [
        (one["symbol"], one["currency"], one.get("unrealized_pl"), one["market_value"])
        for one in outcome.positions
    ]
    assert stated == [("QZA", "EUR", 15, 200), ("QZB", "USD", None, 200), ("QZC", "EUR", 15, 200)]


BOTH = """
[cells]
decimal = ","
thousands = "."
dates = ["%d.%m.%Y", "%b%y"]
[types.words]
Share = "stock"
"""
TERMS = """
expiration = ["Expiry"]
strike = ["Strike"]
option_type = ["C/P"]
type = ["Kind"]
"""
HEADER = "Ticker;Amount;Quote;Kind;Expiry;Strike;C/P\n"
ROOT_ONLY = "(?P<symbol>[A-Z]{1,5}) [A-Z]{3}[0-9]{2} [0-9.,]{1,9} [CP]"
ALL_TERMS = "(?P<symbol>[A-Z]{1,5}) (?P<expiration>[A-Z]{3}[0-9]{2}) (?P<strike>[0-9.,]{1,9}) (?P<option_type>[CP])"


def read_with_part(read_as, pattern, row):
    rest = f'[file]\ndelimiters = [";"]\n[[part]]\nof = "symbol"\npattern = \'{pattern}\'\n{BOTH}'
    # Beside the row there is one that can be read, so that the file is not refused.
    return read_as(f"{HEADER}QZZ;1;2,00;Share;;;\n{row}\n", rest, TERMS)


@pytest.mark.parametrize("pattern", [ROOT_ONLY, ALL_TERMS])
@pytest.mark.parametrize(
    ("row", "reads"),
    [
        ("QZA DEC26 240 C;1;2,00;Option;18.12.2026;240,00;C", True),
        ("QZA DEC26 240,00 C;1;2,00;Option;18.12.2026;240,00;Call", True),
        ("QZA DEC26 250 C;1;2,00;Option;18.12.2026;240,00;C", False),
        ("QZA DEC26 240 P;1;2,00;Option;18.12.2026;240,00;C", False),
        ("QZA JAN27 240 C;1;2,00;Option;18.12.2026;240,00;C", False),
        ("QZA DEC27 240 C;1;2,00;Option;18.12.2026;240,00;C", False),
    ],
)
def test_terms_in_a_symbols_text_and_in_columns_agree_or_cost_the_row(read_as, pattern, row, reads):
    outcome = read_with_part(read_as, pattern, row)
    options = [one["symbol"] for one in outcome.positions if one["type"] == "option"]
    assert options == (["QZA   261218C00240000"] if reads else [])
    rejected = [one["reason"] for one in outcome.meta.get("rejected", [])]
    assert rejected == ([] if reads else ["terms_contradict"])


def test_two_pieces_of_cells_that_state_a_term_differently_cost_the_row(read_as):
    second = "[[part]]\nof = \"description\"\npattern = '.{1,9} (?P<strike>[0-9]{2,3}) .{1,9}'\n"
    first = "[[part]]\nof = \"symbol\"\npattern = '(?P<symbol>[A-Z]{3})-(?P<strike>[0-9]{2,3})'\n"
    content = (
        "Ticker,Amount,Quote,Text,Expiry,Right\nQZA-20,1,2,Call 20 QZA,2026-02-20,C\n"
        "QZA-20,1,2,Call 21 QZA,2026-02-20,C\n"
    )
    columns = 'description = ["Text"]\nexpiration = ["Expiry"]\noption_type = ["Right"]\n'
    outcome = read_as(content, first + second, columns)
    assert [one["strike"] for one in outcome.positions] == [20]
    assert outcome.meta["rejected"] == [{"row": 3, "reason": "terms_contradict"}]


@pytest.mark.parametrize(
    "pattern", ["(?P<symbol>[A-Z]{3}) [A-Z]{3}[0-9]{2}", "(?P<description>nothing)"]
)
@pytest.mark.parametrize(
    ("month", "reads", "reasons"),
    [
        ("MAR27", ["/MESH7"], [[]]),
        ("JUN27", [], [["terms_contradict"]]),
        ("MAR28", [], [["terms_contradict"], ["symbol_unreadable"]]),
    ],
)
def test_a_futures_month_agrees_with_its_day_of_expiration_or_costs_the_row(
    read_as, pattern, month, reads, reasons
):
    row = f"MES {month};1;6.040,00;Future;19.03.2027;;"
    outcome = read_with_part(read_as, pattern, row)
    futures = [one["symbol"] for one in outcome.positions if one["type"] == "future"]
    assert futures == reads
    rejected = [one["reason"] for one in outcome.meta.get("rejected", [])]
    assert rejected in reasons


@pytest.mark.parametrize(
    ("symbol", "day", "read", "cautions"),
    [
        ("MES", "2027-03-19", "/MESH7", []),
        ("VX", "2026-02-18", "/VXG26", []),
        ("CL", "2026-02-20", "/CL", ["series_unknown"]),
        ("CLH6", "2026-02-20", "/CLH6", []),
        ("SR3U6", "2026-12-15", "/SR3U6", []),
    ],
)
def test_a_product_alone_has_the_contract_that_its_day_of_expiration_tells(
    read_as, symbol, day, read, cautions
):
    columns = 'type = ["Kind"]\nexpiration = ["Expiry"]\n'
    outcome = read_as(f"Ticker,Amount,Quote,Kind,Expiry\n{symbol},1,50,Future,{day}\n", "", columns)
    (future,) = outcome.positions
    assert future["symbol"] == read
    assert [one for one in outcome.cautions() if one == "series_unknown"] == cautions


@pytest.mark.parametrize("stated", ["0.00", "138.75", "30200.00", ""])
def test_a_future_is_worth_its_notional_value_whatever_the_file_states(read_as, stated):
    columns = 'type = ["Kind"]\nvalue = ["Worth"]\n'
    rest = TOTALS.replace(STOCK, "")
    content = f"Ticker,Amount,Quote,Kind,Worth\nMESH7,1,6040,Future,{stated}\nQZA,1,2,Stock,2\nTotal,,,,{2 + float(stated or 0)}\n"
    outcome = read_as(content, rest, columns)
    future = next(one for one in outcome.positions if one["type"] == "future")
    assert future["market_value"] == 30200
    assert "total_disagrees" not in outcome.cautions()
