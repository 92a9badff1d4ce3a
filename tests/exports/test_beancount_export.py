"""The format `beancount`: balances, prices, and a name for every symbol."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import attrs
import pytest

from variance_bridge import (
    Balances,
    Holding,
    InstrumentType,
    Meta,
    OptionType,
    Portfolio,
    Quote,
    Side,
)
from variance_bridge.exports.beancount_ledger import export

META = Meta(
    source="acme",
    account_hash="a1b2c3***",
    fetched_at=datetime(2026, 3, 2, 15, tzinfo=UTC),
    currency="USD",
)
STOCK = Holding(
    root="QZZ",
    symbol="QZZ",
    type=InstrumentType.STOCK,
    side=Side.LONG,
    quantity=Decimal(10),
    multiplier=Decimal(1),
    quote=Quote(mark=Decimal("1.50")),
)
OPTION = Holding(
    root="QZZ",
    symbol="QZZ   260320P00450000",
    type=InstrumentType.OPTION,
    side=Side.SHORT,
    quantity=Decimal(2),
    strike=Decimal(450),
    expiration=date(2026, 3, 20),
    option_type=OptionType.PUT,
    multiplier=Decimal(100),
    quote=Quote(mark=Decimal("2.35")),
)
FUTURE = Holding(
    root="/ES",
    symbol="/ESM6",
    type=InstrumentType.FUTURE,
    side=Side.LONG,
    quantity=Decimal(1),
    multiplier=Decimal(50),
    quote=Quote(mark=Decimal(6855)),
)
CASH = Balances(currency="USD", net_liquidating_value=Decimal(9), cash=Decimal("-7.25"))


def ledger(*holdings: Holding, balances: Balances | None = None) -> list[str]:
    portfolio = Portfolio(meta=META, positions=holdings, balances=balances)
    return export([portfolio]).decode().splitlines()


def test_a_ledger_asserts_balances_on_the_next_day_and_states_prices_of_the_day():
    text = export([Portfolio(meta=META, positions=(OPTION, STOCK), balances=CASH)]).decode()

    assert text == (
        "; What is held, written by Variance Bridge.\n"
        ";   acme a1b2c3*** as of 2026-03-02T15:00:00Z\n"
        "\n"
        "2026-03-02 open Equity:Opening-Balances\n"
        "\n"
        "2026-03-02 commodity QZZ\n"
        '  symbol: "QZZ"\n'
        "2026-03-02 commodity QZZ260320P00450000\n"
        '  symbol: "QZZ   260320P00450000"\n'
        "\n"
        "2026-03-02 open Assets:Acme:A1b2c3:Cash\n"
        "2026-03-02 pad Assets:Acme:A1b2c3:Cash Equity:Opening-Balances\n"
        "2026-03-03 balance Assets:Acme:A1b2c3:Cash  -7.25 USD\n"
        "2026-03-02 open Assets:Acme:A1b2c3:Positions\n"
        "2026-03-02 pad Assets:Acme:A1b2c3:Positions Equity:Opening-Balances\n"
        "2026-03-03 balance Assets:Acme:A1b2c3:Positions  -2 QZZ260320P00450000\n"
        "2026-03-03 balance Assets:Acme:A1b2c3:Positions  10 QZZ\n"
        "\n"
        "2026-03-02 price QZZ  1.5 USD\n"
        "2026-03-02 price QZZ260320P00450000  235 USD\n"
    )


def test_lots_of_one_symbol_are_one_balance():
    lines = ledger(STOCK, attrs.evolve(STOCK, quantity=Decimal("2.5")))

    assert [line.split("  ")[1] for line in lines if " balance " in line] == ["12.5 QZZ"]


def test_a_future_has_a_balance_and_no_price():
    lines = ledger(FUTURE)

    assert any(line.endswith("  1 ESM6") for line in lines)
    assert not any(" price " in line for line in lines)


def test_a_price_that_is_not_stated_follows_from_the_value_where_that_is_exact():
    exact = attrs.evolve(STOCK, quote=None, market_value=Decimal(25))
    rounded = attrs.evolve(exact, symbol="QZY", quantity=Decimal(3))

    assert [line for line in ledger(exact, rounded) if " price " in line] == [
        "2026-03-02 price QZZ  2.5 USD"
    ]


def test_a_stock_whose_symbol_is_a_currency_is_not_taken_for_money():
    lines = ledger(attrs.evolve(STOCK, root="USD", symbol="USD"), balances=CASH)

    assert any(line.endswith("  10 USD-STOCK") for line in lines)
    assert "2026-03-02 price USD-STOCK  1.5 USD" in lines


@pytest.mark.parametrize("word", ["TRUE", "FALSE", "NULL"])
def test_a_symbol_that_is_a_word_of_the_language_has_another_name(word):
    lines = ledger(attrs.evolve(STOCK, root=word, symbol=word))

    assert f"2026-03-02 commodity {word}-STOCK" in lines
    assert f'  symbol: "{word}"' in lines


def test_symbols_that_differ_only_in_their_marks_keep_apart():
    lines = ledger(
        attrs.evolve(STOCK, symbol="BRK/B"),
        attrs.evolve(STOCK, symbol="BRK-B"),
        attrs.evolve(STOCK, symbol="BRK B"),
    )
    named = [line.split(" balance ")[1].split()[-1] for line in lines if " balance " in line]

    assert named == ["BRK-B", "BRK-B-STOCK", "BRK-B-2"]


def test_an_account_without_anything_is_opened_and_never_padded():
    empty = attrs.evolve(CASH, cash=Decimal(0))
    lines = ledger(balances=empty)

    assert not any(" pad " in line for line in lines)
    assert "2026-03-03 balance Assets:Acme:A1b2c3:Cash  0 USD" in lines


@pytest.mark.parametrize(
    ("quantity", "asserted"),
    [
        ("0.01", "0.01 ~ 0"),
        ("0.10", "0.1 ~ 0"),
        ("0.02", "0.02"),
        ("1", "1"),
        ("100", "100"),
        ("1234567890.123456789012345678", "1234567890.123456789012345678"),
        ("12345678901.123456789012345678", "12345678901.123456789012345678 ~ 0.00000000000000001"),
        ("1234567890123456789012345678901", "1234567890123456789012345678901 ~ 1000"),
    ],
)
def test_a_balance_that_beancount_would_round_or_take_for_nothing_states_its_tolerance(
    quantity, asserted
):
    lines = ledger(attrs.evolve(STOCK, quantity=Decimal(quantity)))

    assert [line.split("  ")[1] for line in lines if " balance " in line] == [f"{asserted} QZZ"]


def test_accounts_that_are_not_named_are_accounts_of_their_own():
    unnamed = attrs.evolve(META, account_hash=None)
    text = export([Portfolio(meta=unnamed, positions=(STOCK,)) for _ in range(3)]).decode()

    assert [line.split()[2] for line in text.splitlines() if " open Assets" in line] == [
        "Assets:Acme:Unknown:Positions",
        "Assets:Acme:Unknown-2:Positions",
        "Assets:Acme:Unknown-3:Positions",
    ]
