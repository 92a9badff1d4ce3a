"""Dialect files: every fault is named by its place, and the user's own go beside or before the shipped ones."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest
from msgspec import Struct, structs

from variance_bridge.cli.error_report import run
from variance_bridge.errors import ConfigurationError
from variance_bridge.files import structure
from variance_bridge.settings.toml import parse_toml
from variance_bridge_csv.dialect_format import dialect_options as dialect
from variance_bridge_csv.dialect_format import known_dialects, regular_expressions
from variance_bridge_csv.dialect_format.dialect_file import read_dialect
from variance_bridge_csv.dialect_format.dialect_options import OtherReport

SMALL = """
description = 1
name = "acme"
title = "Acme positions"
[detect]
needs = ["symbol", "quantity", "mark"]
[columns]
symbol = ["Ticker"]
quantity = ["Amount"]
mark = ["Quote"]
[types]
default = "stock"
"""


def read(text):
    return read_dialect(parse_toml(text, "acme.toml"), "acme.toml")


def test_a_small_dialect_is_enough_to_read_a_file(read_csv, tmp_path):
    (tmp_path / "acme.toml").write_text(SMALL)
    outcome = read_csv("Ticker,Amount,Quote\nQZA,-3,2.50\n", folder=tmp_path)
    (position,) = outcome.positions
    assert (position["symbol"], position["side"], position["quantity"]) == ("QZA", "short", 3)
    assert str(position["market_value"]) == "-7.50"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("description = 1", "description = 2", "description: must be 1"),
        ("description = 1", "", "description: must be 1"),
        ('name = "acme"', "", "name: is missing"),
        ('title = "Acme positions"', "", "title: is missing"),
        ('name = "acme"', 'name = "../acme"', "name: letters"),
        ("[detect]", "[detekt]", 'detekt: unknown key (did you mean "detect"?)'),
        ("needs =", "need =", 'detect.need: unknown key (did you mean "needs"?)'),
        (
            '"symbol", "quantity", "mark"]',
            '"symbl"]',
            'detect.needs[0]: unknown word "symbl" (did you mean "symbol"?)',
        ),
        ('["Ticker"]', '"Ticker"', 'columns.symbol: must be a list, not "Ticker"'),
        ('["Ticker"]', "[7]", "columns.symbol[0]: must be text in quotes, not 7"),
        ('["Ticker"]', "[]", "columns.symbol: needs at least one name"),
        ('["Quote"]', '[""]', "columns.mark: a name must not be empty"),
        ('title = "Acme positions"', 'title = "A"\nlast_seen = "May"', "last_seen: a year"),
        (
            'title = "Acme positions"',
            'title = "A"\nfirst_seen = "2026"\nlast_seen = "2025-12"',
            "first_seen: later than last_seen",
        ),
        ('["Quote"]', '["ticker "]', "columns.mark: 'ticker ' already means symbol"),
        ('mark = ["Quote"]', "", "detect.needs: mark has no column"),
        ("[types]", "[header]\nsearch_lines = 0\n[types]", "header.search_lines: at least 1"),
        (
            "[types]",
            "[header]\nsearch_lines = true\n[types]",
            "header.search_lines: must be a whole number, not true",
        ),
        ("[types]", "[header]\nloose = 1\n[types]", "header.loose: must be true or false, not 1"),
        (
            "[types]",
            '[header]\nknown = ["Quote"]\n[types]',
            "header.known: 'Quote' already means mark",
        ),
        ("[types]", '[cells]\ndecimal = "x"\n[types]', "cells.decimal"),
        ("[types]", '[cells]\nthousands = "."\n[types]', "cells.thousands"),
        ("[types]", '[cells]\ncurrency_signs = ["-"]\n[types]', "cells.currency_signs"),
        ("[types]", '[cells]\ndates = ["%Q"]\n[types]', "cells.dates: '%Q' may have"),
        ("[types]", '[cells]\ndates = ["%d %d"]\n[types]', "cells.dates: '%d %d' may have"),
        ("[types]", '[cells]\nnulls = "--"\n[types]', 'cells.nulls: must be a list, not "--"'),
        (
            "[types]",
            '[file]\nencodings = ["ebcdic"]\n[types]',
            "file.encodings: 'ebcdic' is none of",
        ),
        ("[types]", "[file]\nencodings = []\n[types]", "file.encodings: needs at least one"),
        ("[types]", '[file]\ndelimiters = ["x"]\n[types]', "file.delimiters: 'x' is none of"),
        ("[types]", '[time]\nzone = "Mars/Olympus"\n[types]', "time.zone"),
        ("[types]", '[time]\nday_ends = "late"\n[types]', "time.day_ends: HH:MM"),
        ("[types]", '[account]\ncurrency = "Dollar"\n[types]', "account.currency"),
        (
            "[types]",
            '[money]\ncost_total = "credit"\n[types]',
            'money.cost_total: must be "cash_flow", "position" or "absolute", not "credit"',
        ),
        ("[types]", "[money]\nbond_price_per = 0\n[types]", "money.bond_price_per: more than 0"),
        (
            "[types]",
            '[money]\nbond_price_per = "100"\n[types]',
            'money.bond_price_per: must be a number, not "100"',
        ),
        (
            "[types]",
            "[multiplier]\nsources = []\n[types]",
            "multiplier.sources: needs at least one",
        ),
        ("[types]", '[quantity.side_words]\nB = "buy"\n[types]', "quantity.side_words"),
        (
            "[types]",
            '[[part]]\nof = "symbol"\npattern = "(?P<strik>.)"\n[types]',
            "part[0].pattern: the group 'strik' means nothing here",
        ),
        (
            "[types]",
            '[[part]]\nof = "symbol"\npattern = "(?P<strike>(a+)+)"\n[types]',
            "part[0].pattern: the pattern repeats a group",
        ),
        (
            "[types]",
            '[[part]]\nof = "symbol"\npattern = "(?P<strike>.)"\ndivide_by = { strike = 0 }\n[types]',
            "part[0].divide_by: more than 0",
        ),
        (
            "[types]",
            '[[column]]\nfield = "value"\n[types]',
            "column[0]: exactly one of after, name and matches",
        ),
        (
            "[types]",
            '[[column]]\nfield = "value"\nname = ["X"]\nnth = 0\n[types]',
            "column[0].nth: counted from 1",
        ),
        (
            "[types]",
            '[hierarchy]\nparent = "(a*)*"\n[types]',
            "hierarchy.parent: the pattern repeats a group",
        ),
        ("[types]", '[sections]\ntables = ["A"]\n[types]', "sections.begins: needs at least one"),
        (
            "[types]",
            '[[join]]\nsection = ["A"]\ncolumn = ["B"]\ngives = { strike = ["C"] }\n[types]',
            "join: needs [sections]",
        ),
        ("[types]", "[time.months]\nMai = 5\n[types]", "time.months: 'Mai' must be in lower case"),
        (
            "[types]",
            '[[capture]]\npattern = "("\n[types]',
            "capture[0].pattern: the pattern is not a regular",
        ),
        (
            "[types]",
            '[[capture]]\npattern = "(?P<owner>.)"\n[types]',
            "the group 'owner' means nothing here",
        ),
        (
            "[types]",
            '[[row]]\nmatches = { symbol = "(a+)+" }\nis = "cash"\n[types]',
            "repeats a group",
        ),
        ("[types]", '[[row]]\nis = "treasure"\n[types]', 'row[0].is: unknown word "treasure"'),
        ("[types]", "[[row]]\nwidth = 1\n[types]", "row[0].is: is missing"),
        ("[types]", "[types.words]\nx = 3\n[other]", "types.words.x: must be"),
    ],
)
def test_every_fault_is_named_by_its_place(old, new, words):
    assert old in SMALL
    with pytest.raises(ConfigurationError) as caught:
        read(SMALL.replace(old, new, 1))
    assert words in caught.value.what
    assert caught.value.exit_code == 3
    assert caught.value.where == "acme.toml"


def test_text_that_is_not_toml_is_a_fault():
    with pytest.raises(ConfigurationError, match="end of document: not TOML"):
        parse_toml("name = ", "acme.toml")


def test_all_faults_are_named_at_once():
    with pytest.raises(
        ConfigurationError, match=r"account\.currency: an ISO 4217 code; time\.day_ends: HH:MM"
    ):
        read(SMALL + '\n[account]\ncurrency = "x"\n[time]\nday_ends = "x"\n')


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b",
        "(a|aa)+b",
        "(?:x*)*",
        "((a)b+){2,}",
        r"(a)\1",
        "(?P<x>a)(?P=x)",
        "(?=a)a",
        "(?<!a)b",
        ".*.*.*.*x",
        ".*.*.*.{1,99}x",
        "a" * 401,
        "[",
    ],
)
def test_a_pattern_that_could_stall_the_program_is_refused(pattern):
    assert regular_expressions.fault(pattern)


@pytest.mark.parametrize(
    "pattern", ["a+b*", r"(?P<x>[A-Z()+*]+) \(x\)", "(?:ab){2}", "(abc)?", "[]a]+x"]
)
def test_a_harmless_pattern_is_allowed(pattern):
    assert regular_expressions.fault(pattern) is None


def test_the_slowest_allowed_pattern_ends_soon():
    pattern = ".*a.*a.*ab"
    assert regular_expressions.fault(pattern) is None
    start = time.thread_time()
    assert regular_expressions.match(pattern, "a" * regular_expressions.MAX_TEXT_LENGTH) is None
    assert time.thread_time() - start < 5
    assert regular_expressions.match(".*", "x" * (regular_expressions.MAX_TEXT_LENGTH + 1)) is None


def test_a_user_extends_a_shipped_dialect_of_the_same_name(read_csv, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'description = 1\nname = "tastytrade"\ntitle = "Mine"\nextends = "tastytrade"\n'
        '[columns]\nquantity = ["Quantity", "Amount"]\n'
    )
    header = "Account,Symbol,Type,Amount,Exp Date,Strike Price,Call/Put,P/L Open,Cost,Net Liq"
    outcome = read_csv(f"{header}\n5WX00001,QZA,STOCK,10,,,,50,-950,1000\n", folder=tmp_path)
    assert outcome.positions[0]["cost_basis"] == 950


def test_a_dialect_of_the_user_that_replaces_another_is_taken_where_both_fit(read_csv, tmp_path):
    (tmp_path / "mine.toml").write_text(
        'description = 1\nname = "mine"\ntitle = "Mine"\nextends = "tastytrade"\n'
        '[detect]\nreplaces = ["tastytrade", "variance"]\n[account]\ncurrency = "EUR"\n'
    )
    header = "Account,Symbol,Type,Quantity,Exp Date,Strike Price,Call/Put,P/L Open,Cost,Net Liq"
    outcome = read_csv(f"{header}\n5WX00001,QZA,STOCK,10,,,,50,-950,1000\n", folder=tmp_path)
    assert outcome.meta["currency"] == "EUR"


def test_a_fallback_is_considered_only_where_no_other_dialect_fits(read_csv, tmp_path):
    (tmp_path / "any.toml").write_text(
        SMALL.replace("[detect]", "[detect]\nfallback = true")
        .replace('["Ticker"]', '["Symbol"]')
        .replace('["Amount"]', '["Quantity"]')
        .replace('["Quote"]', '["Mark"]')
    )
    outcome = read_csv("Symbol,Quantity,Mark\nQZA,1,2\n", folder=tmp_path)
    assert outcome.positions[0]["market_value"] == 2
    both = "Account,Symbol,Type,Quantity,Exp Date,Mark,Cost\n5WX00001,QZA,STOCK,1,,2,-2\n"
    assert read_csv(both, folder=tmp_path).meta["currency"] == "USD"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'description = 1\nname = "a"\ntitle = "A"\nextends = "nobody"\n',
            'there is no dialect "nobody"',
        ),
        ('description = 1\nname = "a"\ntitle = "A"\nextends = "a"\n', "cannot extend itself"),
        ('description = 1\nname = "a"\ntitle = "A"\nextends = []\n', "extends: must be text"),
        (
            'description = 1\nname = "a"\ntitle = "A"\nextends = "schwab"\n[columns]\nextends = ["tastytrade"]\n',
            "columns.extends",
        ),
        (
            'description = 1\nname = "a"\ntitle = "A"\nextends = "schwab"\n[money]\nextends = "etrade"\n',
            "money.extends: unknown key",
        ),
        ("title = 7\n", "name: is missing"),
        ("name = 7\n", "name: is missing, or is not text"),
        ("description = " + "1" * 5000, "line 1: a number of more than 100 digits"),
        ("description = 1e99999999999999999999", "line 1: a number of more than 100 digits"),
        ("x = " + "[" * 3000, "line 1: nested deeper than 32 levels"),
    ],
)
def test_a_faulty_dialect_of_the_user_stops_the_run_with_its_name(tmp_path, text, words):
    (tmp_path / "broken.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=words) as caught:
        known_dialects.load(tmp_path)
    assert caught.value.where == "broken.toml"


def test_a_dialect_that_is_not_text_or_too_long_is_a_fault(tmp_path):
    (tmp_path / "broken.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="line 1: not UTF-8"):
        known_dialects.load(tmp_path)
    (tmp_path / "broken.toml").write_text("#" * 300_000)
    with pytest.raises(ConfigurationError, match="is larger than 262144 bytes"):
        known_dialects.load(tmp_path)


def test_too_many_dialect_files_are_no_configuration(tmp_path):
    for number in range(201):
        (tmp_path / f"{number}.toml").touch()
    with pytest.raises(ConfigurationError, match="more than 200"):
        known_dialects.load(tmp_path)


def test_a_dialect_is_checked_without_reading_a_file(tmp_path, capsys):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text(SMALL)
    assert run(["csv", "check", str(good)]) == 0
    bad.write_text(SMALL.replace("[types]", "[typos]").replace('"acme"', '"bad"'))
    assert run(["csv", "check", str(bad), os.devnull + "-none"]) == 3
    said = capsys.readouterr().out
    assert "good.toml: good" in said
    assert "typos: unknown key" in said
    assert "cannot be read" in said


def test_all_shipped_dialects_pass_the_check_and_are_read_as_their_files_have_them():
    folder = Path(known_dialects.__file__).parent.parent / "dialects"
    files = [path for path in folder.glob("*.toml") if path.name != "other_reports.toml"]
    assert len(files) >= 8
    shipped = {
        name: structs.asdict(known.dialect) for name, known in known_dialects.load(None).items()
    }
    current = {
        dialect.name: structs.asdict(dialect) for dialect in map(known_dialects.check, files)
    }
    assert current == shipped, "run: python scripts/gather_dialects.py"
    assert list(shipped) == [path.stem for path in sorted(files)]


def test_a_shipped_dialect_is_read_without_checks_as_it_is_with_them():
    for known in known_dialects.load(None).values():
        checked = read_dialect(known.table, known.dialect.name)
        assert structs.asdict(known.dialect) == structs.asdict(checked)
        assert repr(known.dialect) == repr(checked)


def test_the_shipped_reports_that_are_not_positions_are_read_without_checks_as_they_are_with_them():
    text = (
        Path(known_dialects.__file__).parents[1] / "dialects" / "other_reports.toml"
    ).read_text()
    reports = [structure(table, OtherReport) for table in parse_toml(text, "")["report"]]
    assert known_dialects.other_reports() == tuple(reports)


def test_the_groups_of_a_pattern_are_those_that_python_finds_in_it():
    odd = [r"\(?P<a>b", r"[(?P<a>]", r"[]\](?P<a>](?P<b>x)", r"\\(?P<a>(?P<b>x)|y)", "(x)"]
    used = [
        part.pattern for known in known_dialects.load(None).values() for part in known.dialect.parts
    ]

    assert len(used) >= 5
    for pattern in (*odd, *used):
        assert regular_expressions.group_names(pattern) == set(re.compile(pattern).groupindex)


def test_every_shipped_dialect_says_where_its_knowledge_comes_from():
    for known in known_dialects.load(None).values():
        assert known.dialect.evidence
        if known.dialect.name not in {
            "generic",
            "generic_comma",
            "generic_apostrophe",
            "generic_spaces",
            "template",
        }:
            assert known.dialect.first_seen <= known.dialect.last_seen
            assert known.dialect.seen


REFERENCE = Path(__file__).parents[3] / "docs" / "dialects.md"
TABLES = {
    "captures": "[[capture]]",
    "rows": "[[row]]",
    "places": "[[column]]",
    "joins": "[[join]]",
    "parts": "[[part]]",
}


def test_the_reference_explains_every_key_field_and_word():
    text = REFERENCE.read_text(encoding="utf-8")
    for table in structs.fields(dialect.Dialect):
        shown = TABLES.get(table.name, f"[{table.name}]")
        assert shown in text or f"`{table.name}`" in text, table.name
    for cls in vars(dialect).values():
        if (
            isinstance(cls, type)
            and issubclass(cls, Struct)
            and cls not in {dialect.Dialect, dialect.OtherReport}
        ):
            for field in structs.fields(cls):
                name = field.name.rstrip("_")
                assert f"`{name}`" in text or f".{name}`" in text, f"{cls.__name__}.{name}"
    for words in (
        dialect.Field,
        dialect.RowClass,
        dialect.Sign,
        dialect.Where,
        dialect.MultiplierSource,
        dialect.RepeatedHeader,
        dialect.Marked,
    ):
        for word in words:
            assert f"`{word.value}`" in text, word


def test_the_dialect_in_the_reference_is_a_good_one():
    text = REFERENCE.read_text(encoding="utf-8")
    start = text.index('    description = 1\n    name = "acme"')
    block = text[start : text.index("### Top level")]
    assert read("\n".join(line[4:] for line in block.splitlines())).name == "acme"


def test_the_template_in_the_reference_is_read(read_csv):
    text = REFERENCE.read_text(encoding="utf-8")
    start = text.index("    Account,Symbol,Type,Quantity,Call/Put")
    lines = text[start : text.index("Costs and prices have no sign")].splitlines()
    outcome = read_csv("\n".join(line.strip() for line in lines if line.strip()) + "\n")
    assert [one["side"] for one in outcome.positions] == ["long", "short"]
    assert outcome.cautions() == []


def test_every_shipped_dialect_stands_on_the_page_of_csv_files():
    page = REFERENCE.parent / "brokers" / "csv.md"
    text = page.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in known_dialects.load(None))
