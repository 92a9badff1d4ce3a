"""Cells: exact values by a declared grammar, or nothing."""

from __future__ import annotations

from datetime import date, time
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from variance_bridge_csv.dialect_format import date_formats
from variance_bridge_csv.dialect_format.dialect_options import CellRules, Field
from variance_bridge_csv.row import cell_values
from variance_bridge_csv.row.cell_values import CellFault

RULES = CellRules(fractions=True)
UNUSED_UNIT = {Field.COST_TOTAL: ("units",)}
EUROPEAN = CellRules(decimal=",", thousands=".", currency_signs=("€",))


def number(text, rules=RULES, field=Field.COST_TOTAL, fraction=None):
    return cell_values.number_reader(field, rules)(text, fraction)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0.00", "0.00"),
        ("1,361.76", "1361.76"),
        ("-4,528.80", "-4528.80"),
        ("(1.00)", "-1.00"),
        ("($1,140.00)", "-1140.00"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("+$5", "5"),
        ("- $5", "-5"),
        ("+100", "100"),
        (".00", "0.00"),
        ("-.31", "-0.31"),
        ("5.", "5"),
        ("\u22125", "-5"),
        ("\u00a012\u00a0", "12"),
        ("\u200b12", "12"),
        ("'-189,652", "-189652"),
        ('="00012"', "12"),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
    ],
)
def test_numbers_are_read_exactly(text, value):
    found = number(text)
    assert found == Decimal(value)
    assert not (found == 0 and found.is_signed())


@pytest.mark.parametrize(
    "text",
    [
        "1e3",
        "1E+05",
        "nan",
        "inf",
        "1,2,3",
        "12,34",
        "1,,234",
        "1.2.3",
        "--5",
        "-(5)",
        "(5",
        "5)",
        "-",
        "$",
        "5 USD",
        "٣",
        "１",
        "0x10",
        "1_000",
        "12%",
        "117'22",
        "1" * 39,
        "0." + "0" * 60,
    ],
)
def test_what_is_not_a_number_is_refused_and_not_repeated(text):
    with pytest.raises(CellFault) as caught:
        number(text)
    assert text not in str(caught.value)


@pytest.mark.parametrize("text", ["", "--", "  ", "\ufeff"])
def test_unknown_is_not_zero(text):
    assert number(text) is None


def test_null_words_of_one_column_count_there_only():
    rules = CellRules(column_nulls={Field.GAIN: ("Incomplete",)})
    assert number("Incomplete", rules, Field.GAIN) is None
    with pytest.raises(CellFault):
        number("Incomplete", rules, Field.VALUE)


def test_the_marks_are_declared_and_never_inferred():
    assert number("1.250,50 €".replace(" €", ""), EUROPEAN) == Decimal("1250.50")
    assert number("€1.250", EUROPEAN) == Decimal(1250)
    assert number("1.250") == Decimal("1.250")
    with pytest.raises(CellFault):
        number("1,250.50", EUROPEAN)


def test_trailing_minus_and_units_only_where_declared():
    assert number("5-", CellRules(trailing_minus=True)) == -5
    with pytest.raises(CellFault):
        number("5-")
    rules = CellRules(suffixes={Field.DTE: ("d",)}, prefixes={Field.MARK: ("C", "P")})
    assert number("28d", rules, Field.DTE) == 28
    assert number("C4.39", rules, Field.MARK) == Decimal("4.39")
    with pytest.raises(CellFault):
        number("28d", rules, Field.QUANTITY)


@pytest.mark.parametrize(
    ("text", "fraction", "value"),
    [
        ("117'22", 32, "117.6875"),
        ("110'155", 32, "110.484375"),
        ("0'25", 64, "0.390625"),
        ('0"21', 64, "0.328125"),
        ("-0'21", 64, "-0.328125"),
        ("425'6", 8, "425.75"),
    ],
)
def test_prices_in_fractions_are_those_of_the_product(text, fraction, value):
    assert number(text, fraction=fraction) == Decimal(value)


def test_a_fraction_of_an_unknown_product_is_refused():
    with pytest.raises(CellFault):
        number("117'22", fraction=None)
    with pytest.raises(CellFault):
        number("117'33", fraction=32)


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12
    )
)
def test_every_number_is_read_back_from_every_way_it_is_written(value):
    size = f"{abs(value):,.4f}"
    written = (
        {size, f"${size}", f"+{size}"}
        if value >= 0
        else {f"-{size}", f"-${size}", f"$-{size}", f"({size})", f"(${size})"}
    )
    for text in written:
        assert number(text) == value


@given(st.text(max_size=60))
def test_any_text_is_a_number_unknown_or_refused(text):
    for rules in (RULES, EUROPEAN):
        for fraction in (None, 32, 64):
            try:
                found = number(text, rules, fraction=fraction)
            except CellFault:
                continue
            assert found is None or found.is_finite()


@pytest.mark.parametrize(
    ("text", "formats", "day"),
    [
        ("Mar 20, 2026", ("%b %d, %Y",), date(2026, 3, 20)),
        ("Jan  5 2026", ("%b %d, %Y", "%b %d %Y"), date(2026, 1, 5)),
        ("JAN 23 2026", ("%b %d %Y",), date(2026, 1, 23)),
        ("2026-01-05", ("%Y-%m-%d",), date(2026, 1, 5)),
        ("1/5/26", ("%m/%d/%Y", "%m/%d/%y"), date(2026, 1, 5)),
        ("17-Jan-25", ("%d-%b-%y",), date(2025, 1, 17)),
        ("January 5, 2026", ("%B %d, %Y",), date(2026, 1, 5)),
        ("20251107;153946", ("%Y%m%d;%H%M%S",), date(2025, 11, 7)),
        ("202611", ("%Y%m%d",), None),
        ("2026111", ("%Y%m%d",), None),
        ("261126", ("%Y%m%d", "%y%m%d"), date(2026, 11, 26)),
        ("5DEC25", ("%d%b%y",), date(2025, 12, 5)),
    ],
)
def test_dates_are_read_by_the_declared_formats(text, formats, day):
    assert date_formats.parse_day(text, formats) == day


@pytest.mark.parametrize(
    "text", ["Feb 30, 2026", "Foo 3, 2026", "45674", "Mar 20", "20 Mar 2026", "Mar 20, 2026 x"]
)
def test_what_is_not_a_date_of_the_format_or_the_calendar_is_none(text):
    assert date_formats.parse_day(text, ("%b %d, %Y",)) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("06:04 PM", time(18, 4)),
        ("12:01 AM", time(0, 1)),
        ("12:00 PM", time(12, 0)),
        ("11:27 a.m", time(11, 27)),
        ("9:24:05 pm", time(21, 24, 5)),
        ("13:00 PM", None),
        ("00:00 AM", None),
    ],
)
def test_times_of_day(text, found):
    assert date_formats.parse_time(text, ("%I:%M %p", "%I:%M:%S %p")) == found


@given(st.text(max_size=50))
def test_any_text_is_a_date_or_none(text):
    assert (
        date_formats.parse_day(text, ("%b %d, %Y", "%Y-%m-%d", "%m/%d/%y")) is None
        or len(text) >= 6
    )


@pytest.mark.parametrize("name", ["ET", "et", "America/New_York", "UTC"])
def test_zones_have_the_names_that_brokers_use(name):
    assert date_formats.zone(name) is not None


@pytest.mark.parametrize("name", ["", "XX", "../etc", "/etc/localtime", "a\x00b", "America"])
def test_an_unknown_zone_is_none(name):
    assert date_formats.zone(name) is None


@given(
    st.from_regex(r"-?[0-9]{0,20}(\.[0-9]{0,20})?", fullmatch=True),
    st.sampled_from([CellRules(), CellRules(thousands=""), CellRules(nulls=("0", "--"))]),
)
@example("-1000000000000000.0000000000000", CellRules())
def test_a_number_in_its_simplest_form_has_the_value_that_the_grammar_gives_it(text, rules):
    grammar = cell_values.number_reader(
        Field.COST_TOTAL, structs.replace(rules, suffixes=UNUSED_UNIT)
    )
    simple = cell_values.number_reader(Field.COST_TOTAL, rules)

    def outcome(read):
        try:
            return str(read(text, None))
        except CellFault:
            return "not a number"

    assert outcome(simple) == outcome(grammar)
