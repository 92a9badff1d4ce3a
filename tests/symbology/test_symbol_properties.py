"""What holds for every symbol, generated or broken."""

from __future__ import annotations

import re
import string
import time
import tomllib
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from variance_bridge.symbology import (
    Deliverable,
    InstrumentType,
    OptionType,
    SymbolError,
    future_option_symbol,
    futures_product,
    listed_option,
    option_symbol,
    parse,
    root,
)

MONTH_CODES = "FGHJKMNQUVXZ"
PRODUCTS = (
    "ES",
    "MES",
    "6A",
    "10Y",
    "2YY",
    "M2K",
    "SR3",
    "QBTC",
    "CL",
    "MCL",
    "GC",
    "ZN",
    "VXM",
    "BTC",
)
CANONICAL = (
    "SPY   260515C00690000",
    "BRKB  250620C00190000",
    "GOOGL1250117C00150000",
    "F     250620P00002170",
    "/ESZ5",
    "/VX01F6",
    "/VXX22",
    "/10YV6",
    "./ESZ5 EW3U5 250919C5175",
    "./MESM6EX3H6 260320P6450",
    "./6EM6 EUUJ6 260403C1.225",
    "./MNQZ6MN5CU6260930P30675",
    "./6AH6 260206C0.68",
    "./EX3H26P6450",
    "BRK/B",
    "BAC/PRL",
    "BTC/USD",
    "AAPL",
)

CLASS_SHARES = files("variance_bridge.symbology") / "data" / "class_shares.toml"
SPELLED_OUT = {
    share.replace("/", ""): share for share in tomllib.loads(CLASS_SHARES.read_text())["listed"]
}
"""The class shares that are also written without their separator: `BRKB` is `BRK/B`."""

days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
shares = st.from_regex(r"[A-Z]{1,5}(/[A-Z])?", fullmatch=True).filter(lambda text: text != "N/A")
"""Without the mark for no value, which no exchange lists and `parse` refuses."""
strikes = st.integers(1, 99_999_999).map(lambda mills: Decimal(mills).scaleb(-3))
rights = st.sampled_from(OptionType)
letters = st.text(string.ascii_uppercase, min_size=1, max_size=6)
adjusted_roots = st.builds(
    str.__add__,
    st.text(string.ascii_uppercase, min_size=1, max_size=5),
    st.sampled_from(string.digits),
)
month_codes = st.sampled_from(MONTH_CODES)
year_digits = st.sampled_from(string.digits)
class_shares = st.sampled_from(["BRK/B", "BRK B", "BF.B", "HEI-A"])
indexes = st.sampled_from(["SPX", "$SPX", "VIX", "NDX", "SPXW", "RUTW"])
contracts = st.builds("{}{}{}".format, st.sampled_from(PRODUCTS), month_codes, year_digits)


def is_contract(text: str) -> bool:
    """Whether it is the code of a listed future: `BF0` is Brent of January and not the name of a series."""
    code = re.fullmatch(rf"([A-Z0-9]+)[{MONTH_CODES}][0-9]{{1,2}}", text)
    return code is not None and futures_product(f"/{code[1]}") is not None


series = st.builds(
    "{}{}{}".format,
    st.from_regex(r"[A-Z][A-Z0-9]{1,3}", fullmatch=True).filter(lambda text: not is_contract(text)),
    month_codes,
    year_digits,
)
plain_strikes = st.decimals("0.0001", "99999", places=4).map(
    lambda strike: format(strike, "f").rstrip("0").rstrip(".")
)
word_hints = st.none() | st.sampled_from(InstrumentType) | st.sampled_from(["FOP", "Cash", "?"])
anything = st.text(max_size=60) | st.text(string.printable, max_size=60)


def osi(option_root, expiration, right, strike):
    mills = int(strike * 1000)
    return f"{option_root:<6}{expiration:%y%m%d}{right.value[0].upper()}{mills:08d}"


@given(letters | adjusted_roots, days, rights, strikes)
def test_an_osi_symbol_is_read_exactly_and_written_back(option_root, expiration, right, strike):
    symbol = osi(option_root, expiration, right, strike)
    found = parse(symbol)
    assert found.symbol == symbol == option_symbol(option_root, expiration, right, strike)
    assert (found.expiration, found.option_type, found.strike) == (expiration, right, strike)
    adjusted = option_root[-1].isdigit()
    assert found.deliverable is (Deliverable.ADJUSTED if adjusted else Deliverable.STANDARD)


@given(letters | adjusted_roots | class_shares | indexes, days, rights, strikes)
def test_an_option_built_from_its_terms_is_the_one_that_its_symbol_names(
    option_root, expiration, right, strike
):
    try:
        symbol = option_symbol(option_root, expiration, right, strike)
    except SymbolError:
        with pytest.raises(SymbolError):
            listed_option(option_root, expiration, right, strike)
        return
    assert listed_option(option_root, expiration, right, strike) == parse(symbol)


@given(letters | adjusted_roots, days, rights, strikes)
def test_the_quick_reading_and_the_careful_one_agree(option_root, expiration, right, strike):
    symbol = osi(option_root, expiration, right, strike)
    careful = parse(symbol, instrument_type=InstrumentType.OPTION)
    assert parse(symbol) == careful
    assert parse(symbol.replace(" ", "").lower()) == careful
    assert parse(symbol, expires_on=expiration) == careful


@given(letters, days, rights, strikes)
def test_a_data_feeds_option_name_is_the_same_option(option_root, expiration, right, strike):
    plain = format(strike.normalize(), "f")
    feed = f".{option_root}{expiration:%y%m%d}{right.value[0].upper()}{plain}"
    assert parse(feed) == parse(osi(option_root, expiration, right, strike))


@given(contracts)
def test_a_future_is_written_back(contract):
    found = parse(f"/{contract}")
    assert found.symbol == f"/{contract}"
    assert found == parse(contract, instrument_type="Future")
    assert found.root == f"/{contract[:-2]}"


@given(contracts, series, days, rights, plain_strikes)
def test_a_futures_option_is_written_back(future, contract, expiration, right, strike):
    names = f"/{future} {contract:<6}" if len(future) > 5 else f"{f'/{future}':<6}{contract:<6}"
    symbol = f".{names}{expiration:%y%m%d}{right.value[0].upper()}{strike}"
    found = parse(symbol)
    assert found.symbol == symbol
    assert symbol == future_option_symbol(f"/{future}", expiration, right, strike, contract)
    assert (found.root, found.underlying, found.contract) == (
        f"/{future[:-2]}",
        f"/{future}",
        contract,
    )
    assert (found.expiration, found.option_type, found.strike) == (
        expiration,
        right,
        Decimal(strike),
    )


@given(contracts, days, rights, plain_strikes)
def test_a_futures_option_without_its_series_is_written_back(future, expiration, right, strike):
    symbol = future_option_symbol(f"/{future}", expiration, right, strike)
    found = parse(symbol)
    assert (found.symbol, found.contract, found.underlying) == (symbol, None, f"/{future}")
    assert (found.expiration, found.option_type, found.strike) == (
        expiration,
        right,
        Decimal(strike),
    )


@given(shares)
@example("BRKB")
@example("BRK/B")
@example("XYZ")
def test_a_share_is_written_back(ticker):
    found = parse(ticker, instrument_type=InstrumentType.STOCK)
    assert found.symbol == SPELLED_OUT.get(ticker, ticker)
    assert found.type is InstrumentType.STOCK


@given(shares, days, rights, strikes)
@example("BRKB", date(2026, 1, 16), OptionType.PUT, Decimal(400))
@example("XYZ", date(2026, 1, 16), OptionType.CALL, Decimal(5))
def test_a_share_and_its_options_share_one_root(ticker, expiration, right, strike):
    option = osi(ticker.replace("/", ""), expiration, right, strike)
    expected = SPELLED_OUT.get(ticker, ticker).replace("/", "-")
    assert parse(ticker, instrument_type="Equity").root == expected
    assert parse(option, underlying=ticker).root == expected


@given(contracts, series, days)
def test_a_future_and_its_options_share_one_root(future, contract, expiration):
    option = future_option_symbol(f"/{future}", expiration, OptionType.PUT, 100, contract)
    assert root(option) == root(f"/{future}")


@given(letters, days, rights, strikes)
def test_a_root_holds_no_date_and_no_strike(option_root, expiration, right, strike):
    found = root(osi(option_root, expiration, right, strike))
    assert not any(char.isdigit() for char in found)
    assert len(found) <= 7


@given(contracts)
def test_a_root_holds_no_contract_month(contract):
    assert root(f"/{contract}") == root(f"/{contract[:-2]}")


@given(contracts, st.integers(0, 9), st.sampled_from(MONTH_CODES), st.integers(0, 99))
def test_no_product_is_itself_a_contract(contract, digit, month, year):
    found = reading(f"/{contract[:-1]}{digit}{month}{year}")
    assert isinstance(found, SymbolError)


@given(
    st.sampled_from(CANONICAL),
    st.integers(0, 30),
    st.sampled_from(string.printable + "éА０"),
    st.sampled_from(["replace", "insert", "delete"]),
)
def test_a_changed_character_is_refused_or_makes_another_symbol(symbol, place, char, change):
    place %= len(symbol)
    end = place if change == "insert" else place + 1
    assert_refused_or_stable(symbol[:place] + ("" if change == "delete" else char) + symbol[end:])


def reading(text, **hints):
    """The instrument, or the refusal."""
    try:
        return parse(text, **hints)
    except SymbolError as refusal:
        return refusal


def assert_refused_or_stable(text, **hints):
    found = reading(text, **hints)
    if isinstance(found, SymbolError):
        return
    if found.type is InstrumentType.OPTION:
        hints["underlying"] = found.underlying
    again = parse(found.symbol, **hints)
    assert attrs.evolve(again, contract_month=found.contract_month) == found


@pytest.mark.slow
@pytest.mark.parametrize("symbol", CANONICAL)
def test_every_changed_character_is_refused_or_makes_another_symbol(symbol):
    kind = parse(symbol).type
    for place in range(len(symbol) + 1):
        for char in ["", *string.printable, "é", "А", "０"]:
            for end in (place, place + 1):
                text = symbol[:place] + char + symbol[end:]
                assert_refused_or_stable(text)
                assert_refused_or_stable(text, instrument_type=kind)


@given(
    anything | st.none() | st.integers() | st.floats() | st.binary() | st.lists(st.text()),
    word_hints | anything | st.integers(),
    st.none() | anything | st.integers(),
    st.none() | st.dates() | st.datetimes() | anything,
    st.none() | st.dates() | st.datetimes() | anything,
)
@example("/ESZ5", None, None, datetime(1, 1, 1), None)
@example("/ESZ5", None, None, None, date(9999, 12, 31))
@example("/ESZ5", None, None, None, date(1, 1, 1))
@example("./ESZ5 EW4X5 000101P6000", None, None, None, None)
def test_nothing_is_raised_but_a_symbol_error(symbol, kind, underlying, expires_on, as_of):
    found = reading(
        symbol,
        instrument_type=kind,
        underlying=underlying,
        expires_on=expires_on,
        as_of=as_of,
    )
    if isinstance(found, SymbolError):
        assert found.reason
        assert found.position >= 0
    else:
        assert found.symbol


@given(st.text(string.ascii_uppercase + string.digits + " ./-':$", min_size=4, max_size=60))
def test_an_error_never_repeats_the_text(text):
    found = reading(text)
    if isinstance(found, SymbolError):
        said = f"{found} {found.reason} {found.args}".split()
        assert all(word not in said for word in text.split() if len(word) > 3)
        assert found.__cause__ is None


@given(anything, word_hints)
def test_whatever_is_read_reads_the_same_again(text, kind):
    assert_refused_or_stable(text, instrument_type=kind)


def garbage():
    """Texts made to provoke backtracking, at the longest that is read and at ten kilobytes."""
    pieces = [
        "A",
        "1",
        " ",
        "A ",
        "1 ",
        "/",
        "./ES",
        "260515C",
        "1.",
        "JAN 1 ",
        "100 (",
        "(",
        "'",
        "$1",
        ",1",
        "C1",
        "A,",
    ]
    endings = ["", "!", "C", "260515C1", " PUT", "(PREV. /ESZ5)", "EXP 09/11/26"]
    heads = ["", "CALL (SPY) ", "PUT ", "1/50 JUL 21 ", ".", "/", "O:"]
    for length in (128, 10_000):
        for head in heads:
            for piece in pieces:
                for ending in endings:
                    body = piece * (length // len(piece) + 1)
                    yield (head + body)[: length - len(ending)] + ending


def seconds_of(text, kind):
    began = time.thread_time()
    assert_refused_or_stable(text, instrument_type=kind)
    return time.thread_time() - began


def test_garbage_of_any_length_is_done_with_in_bounded_time():
    kinds = (None, InstrumentType.OPTION, InstrumentType.FUTURE_OPTION, InstrumentType.BOND)
    slow = [(text, kind) for text in garbage() for kind in kinds if seconds_of(text, kind) > 0.010]
    assert [
        (len(text), kind)
        for text, kind in slow
        if min(seconds_of(text, kind) for _ in range(5)) > 0.010
    ] == []
