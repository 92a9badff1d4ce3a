"""The tables behind the symbols, the interface of the package, and what importing it costs."""

from __future__ import annotations

import doctest
import pickle
import subprocess
import sys
import tomllib
from datetime import date
from decimal import Decimal, localcontext
from importlib.resources import files
from pathlib import Path

import pytest

from variance_bridge import symbology
from variance_bridge.symbology import (
    Deliverable,
    InstrumentType,
    OptionType,
    SymbolError,
    future_option_symbol,
    futures_product,
    index_of,
    instrument_type_of,
    option_symbol,
    parse,
    root,
)

DATA = files("variance_bridge.symbology") / "data"


def table(name):
    return tomllib.loads((DATA / name).read_text(encoding="utf-8"))


PRODUCTS = table("futures_products.toml")["products"]


@pytest.mark.parametrize(
    ("code", "multiplier"),
    [
        ("ES", "50"),
        ("MES", "5"),
        ("NQ", "20"),
        ("MNQ", "2"),
        ("MYM", "0.5"),
        ("RTY", "50"),
        ("M2K", "5"),
        ("CL", "1000"),
        ("MCL", "100"),
        ("GC", "100"),
        ("MGC", "10"),
        ("6E", "125000"),
        ("M6E", "12500"),
        ("RB", "42000"),
        ("LE", "400"),
        ("10Y", "1000"),
        ("MBT", "0.1"),
        ("ZB", "1000"),
        ("ZN", "1000"),
        ("ZC", "50"),
        ("SI", "5000"),
    ],
)
def test_a_product_has_the_multiplier_that_brokers_state(code, multiplier):
    assert futures_product(f"/{code}").multiplier == Decimal(multiplier)
    assert futures_product(code.lower()) is futures_product(f"/{code}")


def test_at_least_eighty_products_are_listed_and_every_entry_is_sound():
    assert len(PRODUCTS) >= 80
    for code in PRODUCTS:
        product = futures_product(code)
        assert product.root == f"/{code}"
        assert product.multiplier > 0
        assert product.title
        assert len(product.exchange) == 4
        assert len(product.currency) == 3
        assert (product.fraction is None) == (product.option_fraction is None)


def test_no_series_belongs_to_two_products():
    owners = {}
    for code, entry in PRODUCTS.items():
        for series in entry.get("option_roots", []):
            assert owners.setdefault(series, code) == code
            assert series == code or series not in PRODUCTS


def test_every_bare_root_of_the_table_is_its_own_root_and_never_a_contract():
    for code in PRODUCTS:
        found = parse(f"/{code}")
        assert (found.root, found.symbol, found.contract_month) == (f"/{code}", f"/{code}", None)
        assert root(f"/{code}Z5") == f"/{code}"


def test_every_series_of_the_table_leads_to_its_product():
    for code, entry in PRODUCTS.items():
        for series in entry.get("option_roots", []):
            assert root(f"./{series}H26P100") == f"/{code}"


@pytest.mark.parametrize(
    ("series", "product"),
    [
        ("OYM", "YM"), ("OEH", "EH"), ("HCO", "HCL"), ("OYG", "YG"), ("OZG", "ZG"), ("OZI", "ZI"),
        ("ML1", "CL"), ("NL2", "CL"), ("WL3", "CL"), ("XL4", "CL"), ("ON1", "NG"), ("G1M", "GC"), ("G5R", "GC"),
        ("M1S", "SI"), ("H1E", "HG"), ("VY1", "ZN"), ("GY2", "ZN"), ("WY3", "ZN"), ("HY4", "ZN"), ("HU5", "UB"),
        ("GF1", "ZF"), ("GX1", "TN"), ("R1U", "RTY"), ("MJ1", "6J"), ("WE1", "6E"), ("1FG", "MGC"), ("ZO1", "ZL"),
    ],
)  # fmt: skip
def test_series_and_weeklies_of_every_weekday_lead_to_their_product(series, product):
    found = parse(f"./{product}Z5 {series}X5 251118C100")
    assert (found.root, found.underlying, found.contract) == (
        f"/{product}",
        f"/{product}Z5",
        f"{series}X5",
    )
    assert root(f"./{series}X25C100") == f"/{product}"


@pytest.mark.parametrize(
    ("code", "multiplier", "exchange"),
    [("MTN", 100, "XCBT"), ("MWN", 100, "XCBT"), ("B", 1000, "IFEU"), ("G", 100, "IFEU")],
)
def test_micro_treasuries_and_products_of_one_letter_are_listed(code, multiplier, exchange):
    product = futures_product(code)
    assert (product.multiplier, product.exchange) == (multiplier, exchange)
    assert parse(f"/{code}Z25").symbol == f"/{code}Z5"


def test_an_unknown_product_is_none():
    assert futures_product("/NOPE") is None
    assert futures_product("") is None


@pytest.mark.parametrize(
    ("option_root", "index"),
    [
        ("SPXW", "SPX"),
        ("SPX", "SPX"),
        ("ndxp", "NDX"),
        ("RUTW", "RUT"),
        ("VIXW", "VIX"),
        ("XSP", "XSP"),
        ("AAPL", None),
    ],
)
def test_the_index_of_an_option_root(option_root, index):
    assert index_of(option_root) == index


def test_every_class_share_shares_its_root_with_its_options_in_every_spelling():
    for symbol in table("class_shares.toml")["listed"]:
        base, share_class = symbol.split("/")
        expected = f"{base}-{share_class}"
        spellings = [
            symbol,
            f"{base}.{share_class}",
            f"{base}-{share_class}",
            f"{base} {share_class}",
        ]
        assert {root(text) for text in spellings} == {expected}
        assert parse(base + share_class, instrument_type="Equity").symbol == symbol
        assert root(f"{base + share_class:<6}260116C00050000") == expected
        assert parse(f"{base} {share_class} 16JAN26 50 C").underlying == symbol


def test_every_index_shares_its_root_with_all_its_options():
    for index, entry in table("index_options.toml")["indexes"].items():
        for option_root in (index, *entry.get("option_roots", [])):
            found = parse(f"{option_root:<6}260116C00050000")
            assert (
                (found.root, found.underlying) == (index, index) == (root(index), root(f"${index}"))
            )


def test_every_word_of_the_table_names_its_type_in_any_case_and_joining():
    for kind, words in table("instrument_type_words.toml")["words"].items():
        for word in words:
            assert instrument_type_of(word) is InstrumentType(kind)
            assert instrument_type_of(word.upper().replace(" ", "_")) is InstrumentType(kind)
            assert word == " ".join(word.casefold().replace("_", " ").replace("-", " ").split())


def test_no_word_names_two_types():
    words = [
        word for listed in table("instrument_type_words.toml")["words"].values() for word in listed
    ]
    assert len(words) == len(set(words))


@pytest.mark.parametrize("word", ["", "whatever", "x" * 1000, None, 5, object()])
def test_an_unknown_word_is_not_a_hint(word):
    assert instrument_type_of(word) is None
    assert parse("AAPL", instrument_type=word) == parse("AAPL")


def test_every_type_is_a_word_for_itself():
    for kind in InstrumentType:
        assert instrument_type_of(kind.value) is kind
        assert instrument_type_of(kind) is kind


def test_an_instrument_cannot_be_changed_and_can_be_hashed_and_pickled():
    instrument = parse("SPY   260515C00690000")
    with pytest.raises(AttributeError):
        instrument.root = "QQQ"
    assert {instrument: 1}[parse("SPY260515C00690000")] == 1
    assert pickle.loads(pickle.dumps(instrument)) == instrument


def test_a_symbol_error_survives_pickling_and_says_where_without_saying_what():
    with pytest.raises(SymbolError) as caught:
        parse("  SPY   260230C00690000")
    error = pickle.loads(pickle.dumps(caught.value))
    assert (error.reason, error.position) == ("a date that does not exist", 8)
    assert str(error) == "a date that does not exist (at character 9)"


@pytest.mark.parametrize("text", [None, 5, b"SPY", "", " ", "$"])
def test_what_is_not_text_is_refused_at_its_beginning(text):
    with pytest.raises(SymbolError) as caught:
        parse(text)
    assert caught.value.position == 0


def test_the_longest_text_that_is_read_has_128_characters():
    description = "SPDR S&P 500 ETF TRUST UNITS".ljust(88, "X")
    text = f"CALL (SPY) {description} JAN 25 19 $265 (100 SHS)"
    assert parse(text[:11] + "X" * (128 - len(text)) + text[11:]).strike == 265
    with pytest.raises(SymbolError, match="longer than 128") as caught:
        parse(text[:11] + "X" * (129 - len(text)) + text[11:])
    assert caught.value.position == 128


def test_a_foreign_character_is_pointed_at_in_the_text_as_it_was_given():
    with pytest.raises(SymbolError) as caught:
        parse("  SP\u0423")
    assert caught.value.position == 4


@pytest.mark.parametrize(
    ("terms", "symbol"),
    [
        (("GLD", date(2026, 1, 23), "Call", Decimal(240)), "GLD   260123C00240000"),
        (("BRK/B", date(2026, 1, 23), OptionType.PUT, "480.5"), "BRKB  260123P00480500"),
        (("spxw", date(2026, 1, 23), "P", 6000), "SPXW  260123P06000000"),
        (("BABA2", date(2026, 1, 23), "put", Decimal("1E+2")), "BABA2 260123P00100000"),
        (("ABC", date(2026, 1, 23), "C", Decimal("0.0010")), "ABC   260123C00000001"),
        (("SPX", date(2026, 6, 16), "C", 5500), "SPXW  260616C05500000"),
        (("$SPX", date(2026, 6, 18), "C", 5500), "SPX   260618C05500000"),
        (("VIX", date(2026, 3, 25), "C", 20), "VIXW  260325C00020000"),
    ],
)
def test_an_option_is_written_from_its_terms(terms, symbol):
    assert option_symbol(*terms) == symbol


@pytest.mark.parametrize(
    "terms",
    [
        ("GLD", date(2026, 1, 23), "Call", 240.0),
        ("GLD", date(2026, 1, 23), "Call", True),
        ("GLD", date(2026, 1, 23), "Call", None),
        ("GLD", date(2026, 1, 23), "Call", Decimal("NaN")),
        ("GLD", date(2026, 1, 23), "Call", Decimal("Infinity")),
        ("GLD", date(2026, 1, 23), "Call", Decimal(-5)),
        ("GLD", date(2026, 1, 23), "Call", Decimal(0)),
        ("GLD", date(2026, 1, 23), "Call", Decimal("1E-4")),
        ("GLD", date(2026, 1, 23), "Call", Decimal(100_000)),
        ("GLD", date(2026, 1, 23), "Call", "two"),
        ("GLD", date(2026, 1, 23), "Straddle", 240),
        ("GLD", "2026-01-23", "Call", 240),
        ("GLD", date(1999, 1, 23), "Call", 240),
        ("GLD", date(2100, 1, 23), "Call", 240),
        ("GLD", None, "Call", 240),
        ("/ESZ5", date(2026, 1, 23), "Call", 240),
        ("TOOLONG", date(2026, 1, 23), "Call", 240),
        ("ABCDE/B1", date(2026, 1, 23), "Call", 240),
        ("", date(2026, 1, 23), "Call", 240),
    ],
)
def test_terms_that_osi_cannot_write_are_refused(terms):
    with pytest.raises(SymbolError):
        option_symbol(*terms)


@pytest.mark.parametrize(
    ("terms", "symbol"),
    [
        (("/6AH6", date(2026, 2, 6), "Call", Decimal("0.68")), "./6AH6 260206C0.68"),
        (("/ESZ25", date(2026, 1, 2), "Put", "5900"), "./ESZ5 260102P5900"),
        (("CLZ6", date(2026, 11, 17), "C", 75, "LOZ6"), "./CLZ6 LOZ6  261117C75"),
        (("/MESM6", date(2026, 3, 20), "P", 6450, "EX3H26"), "./MESM6EX3H6 260320P6450"),
        (("/6JM1", date(2021, 5, 7), "P", Decimal("9E-3"), "JPUK1"), "./6JM1 JPUK1 210507P0.009"),
        (("/CLM0", date(2020, 5, 14), "P", Decimal("-5.50"), "LOM0"), "./CLM0 LOM0  200514P-5.5"),
        (("/CLM0", date(2020, 5, 14), "P", "-0"), "./CLM0 200514P0"),
    ],
)
def test_a_futures_option_is_written_from_its_terms(terms, symbol):
    assert future_option_symbol(*terms) == symbol
    assert parse(symbol).symbol == symbol


@pytest.mark.parametrize(
    "terms",
    [
        ("/ES", date(2026, 1, 2), "Put", 5900),
        ("AAPL", date(2026, 1, 2), "Put", 5900),
        ("/ESZ5", date(2026, 1, 2), "Put", 5900.0),
        ("/ESZ5", date(2026, 1, 2), "Put", 0),
        ("/ESZ5", date(2026, 1, 2), "Neither", 5900),
        ("/ESZ5", date(2026, 1, 2), "Put", 5900, "EW"),
        ("/ESZ5", date(2026, 1, 2), "Put", 5900, ""),
        ("/ESZ5", "2026-01-02", "Put", 5900),
        ("/ESZ5", date(1999, 1, 2), "Put", 5900),
        ("", date(2026, 1, 2), "Put", 5900),
        (None, date(2026, 1, 2), "Put", 5900),
    ],
)
def test_terms_that_make_no_futures_option_are_refused(terms):
    with pytest.raises(SymbolError):
        future_option_symbol(*terms)


@pytest.mark.parametrize(
    ("right", "strike", "reason"),
    [("X", 5, "nor a put"), ("P", 0, "strike of 0"), ("P", -5, "strike below 0")],
)
def test_a_refused_term_of_a_futures_option_is_named(right, strike, reason):
    with pytest.raises(SymbolError, match=reason):
        future_option_symbol("/ESZ5", date(2026, 1, 2), right, strike)


def test_a_narrow_decimal_context_does_not_change_a_strike():
    with localcontext(prec=2):
        assert parse("ABC   260116C12345678").strike == Decimal("12345.678")
        assert option_symbol("ABC", date(2026, 1, 16), "C", Decimal("12345.678"))[-8:] == "12345678"
        assert parse("./6JM1 JPUK1 210507P0.0091234").symbol == "./6JM1 JPUK1 210507P0.0091234"


def test_the_hints_of_an_instant_are_read_as_its_day():
    from datetime import UTC, datetime

    instant = datetime(2026, 3, 20, 20, 0, tzinfo=UTC)
    assert parse("SPY   260320C00690000", expires_on=instant).expiration == date(2026, 3, 20)


@pytest.mark.parametrize("hint", ["expires_on", "as_of"])
def test_a_hint_that_is_not_a_date_is_refused(hint):
    with pytest.raises(SymbolError, match=f"{hint} is not a date"):
        parse("/ESZ5", **{hint: "2026-03-20"})


def test_the_package_exports_what_it_promises_and_no_more():
    assert sorted(symbology.__all__) == symbology.__all__
    assert all(getattr(symbology, name).__name__ == name for name in symbology.__all__)
    assert set(symbology.__all__) <= set(dir(symbology))
    with pytest.raises(AttributeError, match="no attribute 'parse_everything'"):
        _ = symbology.parse_everything
    assert Deliverable.ADJUSTED == "adjusted"


def test_importing_the_package_loads_no_grammar_and_no_heavy_library():
    script = (
        "import sys\n"
        "from variance_bridge.symbology import InstrumentType\n"
        "heavy = {'requests', 'jsonschema', 'rich', 'click', 'cattrs', 'keyring'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "ours = {name for name in sys.modules if name.startswith('variance_bridge.symbology.')}\n"
        "assert ours == {'variance_bridge.symbology.instrument'}, ours\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_an_option_is_read_without_the_table_of_futures():
    script = (
        "from variance_bridge.symbology import parse, tables\n"
        "assert parse('SPXW  260515C00690000').root == 'SPX'\n"
        "assert tables._products.cache_info().currsize == 0\n"
        "assert parse('/ESZ5').root == '/ES'\n"
        "assert tables._products.cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_every_table_states_its_source():
    for entry in DATA.iterdir():
        if entry.name.endswith(".toml"):
            assert "# Source: " in entry.read_text(encoding="utf-8"), entry.name


def test_the_examples_of_the_documentation_are_true():
    page = Path(__file__).parents[2] / "docs" / "symbology.md"
    found = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert found.attempted >= 4
    assert not found.failed
