from __future__ import annotations

import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from variance_bridge.cli.tables.positions_filter_and_order import Order
from variance_bridge.cli.tables.positions_table import positions_table
from variance_bridge.document.convert import in_canonical_order
from variance_bridge.formatting import money, price, quantity
from variance_bridge.model import (
    Balances,
    Caution,
    Environment,
    Flag,
    Greeks,
    Holding,
    InstrumentType,
    Meta,
    OptionType,
    Portfolio,
    Quote,
    RejectedRow,
    Rejection,
    Side,
)
from variance_bridge.reading.freshness import Freshness
from variance_bridge.reading.load import Snapshot
from variance_bridge.testing.hypothesis_portfolios import portfolios

FETCHED = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
D = Decimal


def option(root: str, expiration: date, kind: OptionType, strike: str, side: Side, **members):
    letter = kind.value[0].upper()
    code = f"{expiration:%y%m%d}{letter}{int(D(strike) * 1000):08d}"
    return Holding(
        **{
            "root": root,
            "symbol": f"{members.pop('contract', root):<6}{code}",
            "type": InstrumentType.OPTION,
            "side": side,
            "quantity": D(1),
            "option_type": kind,
            "strike": D(strike),
            "expiration": expiration,
            "multiplier": D(100),
            **members,
        }
    )


def priced(underlying: str, mark: str) -> Quote:
    return Quote(underlying_price=D(underlying), mark=D(mark))


MARCH, JUNE = date(2026, 3, 20), date(2026, 6, 18)
SHARES = Holding(
    root="QZA", symbol="QZA", type=InstrumentType.STOCK, side=Side.LONG, quantity=D(200),
    average_price=D("41.255"), cost_basis=D(8251), market_value=D(8804), unrealized_pl=D(553),
    day_pl=D(-36), quote=priced("44.02", "44.02"), greeks=Greeks(delta=D(200), beta_delta=D("17.5")),
)  # fmt: skip
CALL = option(
    "QZA", MARCH, OptionType.CALL, "47.5", Side.SHORT, quantity=D(2), average_price=D("1.2"),
    cost_basis=D(240), market_value=D(-310), unrealized_pl=D(-70), day_pl=D("12.5"),
    quote=priced("44.02", "1.55"),
    greeks=Greeks(delta=D("-58.4"), beta_delta=D("-5.11"), theta=D("6.2")),
)  # fmt: skip
WEEKLY = option(
    "SPX", JUNE, OptionType.PUT, "5750", Side.SHORT, contract="SPXW", average_price=D("12.35"),
    cost_basis=D(1235), market_value=D(-880), unrealized_pl=D(355),
    quote=priced("6012.5", "8.8"), greeks=Greeks(beta_delta=D("11.02"), theta=D("21.4")),
)  # fmt: skip
FUTURE = Holding(
    root="/ES", symbol="/ESM6", type=InstrumentType.FUTURE, side=Side.LONG, quantity=D(1),
    expiration=JUNE, multiplier=D(50), average_price=D(6001), cost_basis=D(300050),
    market_value=D(301250), unrealized_pl=D(1200), quote=Quote(mark=D(6025)),
)  # fmt: skip
ON_FUTURE = Holding(
    root="/ES", symbol="./ESM6 EW3H6 260320P5900", underlying="/ESM6",
    type=InstrumentType.FUTURE_OPTION, side=Side.SHORT, quantity=D(1), option_type=OptionType.PUT,
    strike=D(5900), expiration=MARCH, multiplier=D(50), average_price=D("31.25"),
    cost_basis=D("1562.5"), market_value=D(-1225), unrealized_pl=D("337.5"),
    quote=Quote(mark=D("24.5")), greeks=Greeks(theta=D("48.75")),
)  # fmt: skip
COIN = Holding(
    root="BTC-USD", symbol="BTC/USD", type=InstrumentType.CRYPTO, side=Side.LONG,
    quantity=D("0.01234567"),
)  # fmt: skip
PORTFOLIO = Portfolio(
    meta=Meta(
        source="acme", fetched_at=FETCHED, account_hash="0f1e2d3c4b5a***", currency="USD",
        environment=Environment.SIMULATOR,
        rejected=(RejectedRow(row=9, reason=Rejection.SYMBOL_MISSING),),
        flags=(
            Flag(caution=Caution.QUOTE_STALE, row=1),
            Flag(caution=Caution.QUOTE_STALE, row=2),
            Flag(caution=Caution.TIME_FROM_FILE),
        ),
    ),
    positions=in_canonical_order((SHARES, CALL, WEEKLY, FUTURE, ON_FUTURE, COIN)),
    balances=Balances(currency="USD", net_liquidating_value=D("31415.9"), cash=D(-200)),
)  # fmt: skip


def shown(
    portfolio: Portfolio,
    width: int,
    *,
    colour: bool = False,
    warnings: tuple[str, ...] = (),
    order: Order | None = None,
) -> str:
    snapshot = Snapshot(
        portfolio=portfolio, freshness=Freshness.STALE, age=timedelta(minutes=75),
        read_at=portfolio.meta.fetched_at + timedelta(minutes=75), warnings=warnings,
        path=Path("x.json"),
    )  # fmt: skip
    screen = io.StringIO()
    console = Console(
        file=screen, width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    console.print(positions_table(snapshot, order), crop=False)
    return screen.getvalue()


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


def holding(**changes) -> Portfolio:
    return Portfolio(
        meta=Meta(source="acme", fetched_at=FETCHED, currency="USD"),
        positions=(attrs.evolve(SHARES, **changes),),
    )


AT_80 = """\
acme  0f1e2d3c4b5a***  simulator  1 h 15 min old (2026-03-02 15:30 UTC, file
time)  partial: 1 rejected

 Position                     Side          Qty  Days       Value          P/L
 ─────────────────────────────────────────────────────────────────────────────
 /ES  6,025.00                                         -1,225.00*    +1,537.50
   /ESM6                      long            1   108  301,250.00    +1,200.00
   /ESM6 2026-03-20 5900 put  short           1    18   -1,225.00      +337.50

 BTC/USD                      long   0.01234567                 –            –

 QZA  44.02                                              8,494.00      +483.00
   QZA                        long          200          8,804.00      +553.00
   2026-03-20 47.5 call       short           2    18     -310.00       -70.00

 SPXW 2026-06-18 5750 put     short           1   108     -880.00      +355.00

 6 positions                                           $6,389.00*  +$2,375.50*

* Sums leave out the notional of futures and what is unknown.
Not shown at this width: Underlying, Avg, Mark, P/L %, Day, Delta, β-Delta,
Theta.
Net liq $31,415.90   Cash -$200.00
Cautions: quote stale (2)
Positions: fresh up to 1 h, readable up to 24 h
"""
AT_140 = """\
acme  0f1e2d3c4b5a***  simulator  1 h 15 min old (2026-03-02 15:30 UTC, file time)  partial: 1 rejected

 Position                     Side          Qty  Days  Underlying       Avg      Mark       Value          P/L   P/L %       Day  β-Delta
 ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
 /ES                                                                                   -1,225.00*    +1,537.50                 –        –
   /ESM6                      long            1   108              6,001.00  6,025.00  301,250.00    +1,200.00   +0.4%         –        –
   /ESM6 2026-03-20 5900 put  short           1    18    6,025.00     31.25     24.50   -1,225.00      +337.50  +21.6%         –        –

 BTC/USD                      long   0.01234567                           –         –           –            –       –         –        –

 QZA                                                                                     8,494.00      +483.00            -23.50   +12.39
   QZA                        long          200                      41.255     44.02    8,804.00      +553.00   +6.7%    -36.00   +17.50
   2026-03-20 47.5 call       short           2    18       44.02      1.20      1.55     -310.00       -70.00  -29.2%    +12.50    -5.11

 SPXW 2026-06-18 5750 put     short           1   108    6,012.50     12.35      8.80     -880.00      +355.00  +28.7%         –   +11.02

 6 positions                                                                           $6,389.00*  +$2,375.50*          -$23.50*  +23.41*

* Sums leave out the notional of futures and what is unknown.
Not shown at this width: Delta, Theta.
Net liq $31,415.90   Cash -$200.00
Cautions: quote stale (2)
Positions: fresh up to 1 h, readable up to 24 h
"""


@pytest.mark.parametrize(("width", "expected"), [(80, AT_80), (140, AT_140)])
def test_the_table_looks_like_this(width, expected):
    assert lines(shown(PORTFOLIO, width)) == expected.splitlines()


def test_sides_gains_and_losses_are_coloured_and_a_simulator_is_loud():
    text = shown(PORTFOLIO, 140, colour=True)

    for coloured in (
        "[32mlong ", "[31mshort", "[32m    +553.00", "[31m     -70.00", "7;33msimulator\x1b", "33m1 h 15 min old",
    ):  # fmt: skip
        assert coloured in text, coloured


def test_an_expired_option_stands_out():
    gone = attrs.evolve(CALL, expiration=date(2026, 3, 2))
    portfolio = Portfolio(meta=PORTFOLIO.meta, positions=(gone,))

    assert re.search(r"\x1b\[1;31m *0\x1b", shown(portfolio, 140, colour=True))


@pytest.mark.parametrize("width", [1, 20, 50, 61, 80, 100, 120, 200])
def test_no_number_is_cut_however_narrow_the_terminal(width):
    text = shown(PORTFOLIO, width)

    assert "…" not in text
    for cell in ("0.01234567", "5900 put", "-70.00", "1,200.00"):
        assert cell in text


@pytest.mark.parametrize("width", [40, 50, 60])
def test_a_narrow_terminal_gets_names_on_several_lines(width):
    screen = lines(shown(Portfolio(meta=PORTFOLIO.meta, positions=(CALL, SHARES)), width))

    assert max(map(len, screen)) <= width
    assert any("-70.00" in line for line in screen)


def test_rounded_money_says_so():
    assert "rounded to the cent" in shown(holding(market_value=D("1.005")), 80)
    assert "rounded" not in shown(holding(market_value=D("1.01")), 80)


def test_a_caution_that_a_warning_explains_is_not_repeated():
    warned = ("x.csv: 2 prices are old (flag quote_stale)",)
    assert "Cautions: " not in shown(PORTFOLIO, 80, warnings=warned)


@given(portfolios(), st.integers(1, 200))
def test_every_portfolio_can_be_shown_at_every_width(portfolio, width):
    portfolio = attrs.evolve(portfolio, positions=in_canonical_order(portfolio.positions))
    text = shown(portfolio, width)

    assert "…" not in text
    for one in portfolio.positions:
        assert quantity(one.quantity) in text


def test_what_is_wide_enough_is_as_wide_as_rich_makes_it():
    wide = lines(shown(PORTFOLIO, 400))
    rule = next(line for line in wide if "──" in line)

    assert f"\n{rule}" in shown(PORTFOLIO, len(rule) + 1).replace(" \n", "\n")
    assert f"\n{rule}" not in shown(PORTFOLIO, len(rule)).replace(" \n", "\n")


def test_nothing_held_is_a_table_of_nothing():
    text = shown(Portfolio(meta=PORTFOLIO.meta), 80)

    assert "0 positions" in text
    assert "–" in text


def test_money_of_another_currency_is_in_no_sum_and_named():
    foreign = attrs.evolve(SHARES, symbol="QZF", currency="CAD", market_value=D(77_000))
    portfolio = Portfolio(
        meta=Meta(source="acme", fetched_at=FETCHED, currency="USD"), positions=(SHARES, foreign)
    )
    text = shown(portfolio, 100)

    assert "QZF  CAD" in text
    assert "77,000.00" in text
    assert "85,804.00" not in text
    assert text.count("8,804.00*") == 2
    assert "* Sums leave out what is not in USD." in text


@pytest.mark.parametrize("base", [None, "CAD"])
def test_one_currency_of_all_holdings_is_the_currency_of_the_sums(base):
    portfolio = Portfolio(
        meta=Meta(source="acme", fetched_at=FETCHED, currency=base),
        positions=tuple(
            attrs.evolve(SHARES, symbol=symbol, currency="CAD") for symbol in ("QZA", "QZB")
        ),
    )
    text = shown(portfolio, 100)

    assert "17,608.00" in text
    assert "*" not in text


def test_the_notional_of_a_future_is_shown_and_in_no_sum():
    text = shown(Portfolio(meta=PORTFOLIO.meta, positions=(FUTURE, ON_FUTURE)), 100)

    assert "301,250.00" in text
    assert "300,025.00" not in text
    assert text.count(" -1,225.00*") == text.count("-$1,225.00*") == 1
    assert "* Sums leave out the notional of futures" in text


def test_the_sum_of_what_is_partly_unknown_says_so():
    unknown = attrs.evolve(SHARES, symbol="QZB", market_value=None)
    text = shown(Portfolio(meta=PORTFOLIO.meta, positions=(SHARES, unknown)), 100)

    assert "8,804.00*" in text
    assert "what is unknown." in text


@pytest.mark.parametrize(
    ("function", "amount", "expected"),
    [
        (money, None, "–"),
        (money, D("0.005"), "0.01"),
        (money, D("-0.005"), "-0.01"),
        (money, D(0), "0.00"),
        (money, D("8" * 38 + ".5"), "88,888,888,888,888,888,888,888,888,888,888,888,888.50"),
        (price, D(100), "100.00"),
        (price, D("0.0012"), "0.0012"),
        (price, D("47.58333333333"), "47.583333"),
        (price, D("1E+3"), "1,000.00"),
        (quantity, D("1000.500"), "1,000.5"),
        (quantity, D("1E+2"), "100"),
    ],
)
def test_numbers_are_shown_exactly(function, amount, expected):
    assert function(amount) == expected


def test_an_option_shows_the_price_that_shares_in_the_same_account_state():
    unpriced = attrs.evolve(CALL, quote=Quote(mark=D("1.55")))
    portfolio = Portfolio(meta=PORTFOLIO.meta, positions=(SHARES, unpriced))
    (row,) = [line for line in lines(shown(portfolio, 140)) if "47.5 call" in line]

    assert row.split()[5:7] == ["18", "44.02"]


@pytest.mark.parametrize(
    ("quote", "mark"),
    [
        (Quote(mark=D(5), bid=D(1), ask=D(2), last=D(9)), "5.00"),
        (Quote(bid=D(1), ask=D("2.5"), last=D(9)), "~1.75"),
        (Quote(bid=D(3), ask=D(2), last=D(9)), "~9.00"),
        (Quote(bid=D(0), ask=D(0)), "–"),
        (Quote(underlying_price=D("12.95")), "~12.95"),
        (None, "–"),
    ],
)
def test_a_mark_that_is_not_stated_is_derived_and_marked_and_explained(quote, mark):
    text = shown(holding(quote=quote, average_price=None, greeks=None), 140)
    explained = "~ No mark is stated: the middle of bid and ask, else the last price."

    if mark == "–":
        assert " Mark" not in text
    else:
        assert f" {mark} " in text
    assert (explained in text) is mark.startswith("~")


def test_where_there_is_no_room_for_the_side_the_quantity_has_its_sign():
    text = shown(Portfolio(meta=PORTFOLIO.meta, positions=(CALL, SHARES)), 40)

    assert " Side " not in text
    assert re.search(r" -2 +-70\.00", text)
    assert re.search(r" 200 +\+553\.00", text)


def test_money_in_another_currency_than_the_sums_names_it():
    foreign = attrs.evolve(SHARES, symbol="QZF", currency="CAD", market_value=D(77_000))
    text = shown(Portfolio(meta=PORTFOLIO.meta, positions=(SHARES, foreign)), 140)

    assert " CAD 77,000.00 " in text
    assert " 8,804.00 " in text
    assert "$8,804.00*" in text


def test_sorted_by_profit_the_share_of_it_has_room_before_other_columns():
    few = Portfolio(meta=PORTFOLIO.meta, positions=(CALL, SHARES))

    assert " P/L % " not in shown(few, 60)
    assert " P/L % " in shown(few, 60, order=Order(sort="pl"))
