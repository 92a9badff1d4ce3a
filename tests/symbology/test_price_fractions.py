"""Prices in 8ths, 32nds and 64ths."""

from __future__ import annotations

import re
from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.symbology import FractionError, futures_product, parse_fraction


@pytest.mark.parametrize(
    ("text", "denominator", "value"),
    [
        ("117'22", 32, "117.6875"),
        ("110'155", 32, "110.484375"),
        ("110'152", 32, "110.4765625"),
        ("110'157", 32, "110.4921875"),
        ("110'150", 32, "110.46875"),
        ("103'138", 32, "103.43359375"),
        ("103'131", 32, "103.41015625"),
        ('112"14', 64, "112.21875"),
        ('112"14', 32, "112.4375"),
        ('0"21', 64, "0.328125"),
        ("0''21", 64, "0.328125"),
        ("0'25", 64, "0.390625"),
        ("0'25", 32, "0.78125"),
        ("-0'21", 64, "-0.328125"),
        ("\u22120'21", 64, "-0.328125"),
        ("+0'21", 64, "0.328125"),
        ("-1'00", 64, "-1"),
        ("-0'00", 64, "0"),
        ("0\u201921", 64, "0.328125"),
        ("425'6", 8, "425.75"),
        (" 425'0 ", 8, "425"),
        ("117'00", 32, "117"),
        ("117'31", 32, "117.96875"),
        ("117'318", 32, "117.99609375"),
    ],
)
def test_a_fraction_is_its_exact_decimal(text, denominator, value):
    assert parse_fraction(text, denominator) == Decimal(value)
    assert not parse_fraction(text, denominator).is_signed() or value.startswith("-")


@pytest.mark.parametrize(
    ("text", "denominator"),
    [
        ("", 32),
        ("117", 32),
        ("117.5", 32),
        ("117'", 32),
        ("117'5", 32),
        ("117'32", 32),
        ("117'154", 32),
        ("117'159", 32),
        ("117'1555", 32),
        ("117'64", 64),
        ("0'215", 64),
        ("0'5", 64),
        ("425'8", 8),
        ("425'60", 8),
        ("'22", 32),
        ("1,117'22", 32),
        ("--1'22", 32),
        ("1 '22", 32),
        ("\u0661'22", 32),
        ("1'2\u0662", 32),
        ("1'22", 16),
        ("1'22", 0),
        ("9" * 5000 + "'22", 32),
    ],
)
def test_what_is_not_a_fraction_of_the_denominator_is_refused(text, denominator):
    with pytest.raises(FractionError) as caught:
        parse_fraction(text, denominator)
    assert not re.search(r"\b(117|425|1'22)\b", str(caught.value))


@given(st.integers(0, 10**9 - 1), st.integers(0, 31), st.booleans())
def test_a_number_of_32nds_is_exact_and_its_sign_counts_for_the_whole(whole, parts, negative):
    text = f"{'-' if negative else ''}{whole}'{parts:02d}"
    expected = (whole * 32 + parts) * (-1 if negative else 1)
    assert parse_fraction(text, 32) * 32 == expected


@pytest.mark.parametrize(
    ("digit", "eighths"),
    [("0", 0), ("1", 1), ("2", 2), ("3", 3), ("5", 4), ("6", 5), ("7", 6), ("8", 7)],
)
def test_the_third_digit_of_a_32nd_is_the_first_decimal_of_its_eighths(digit, eighths):
    assert parse_fraction(f"110'15{digit}", 32) == 110 + Decimal(15 * 8 + eighths) / 256
    assert f"{eighths * 125:04d}"[1] == digit


def test_a_narrow_decimal_context_does_not_round_a_price():
    with localcontext(prec=3):
        found = parse_fraction("110'155", 32)
    assert found == Decimal("110.484375")


def test_the_denominators_of_the_product_table_can_all_be_read():
    product = futures_product("/ZN")
    assert parse_fraction("110'155", product.fraction) == Decimal("110.484375")
    assert parse_fraction("0'25", product.option_fraction) == Decimal("0.390625")
    corn = futures_product("/ZC")
    assert parse_fraction("425'6", corn.fraction) == Decimal("425.75")
