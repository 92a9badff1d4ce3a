"""The actions: each fires at its threshold and not before, and says why with its numbers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest

from variance_bridge.model import Balances, Benchmark, Counts, Greeks, Quote, Status
from variance_bridge.symbology import Deliverable, parse
from variance_bridge.symbology.expirations import last_trading_day
from variance_bridge_triage.rules.actions import _TWO_WEEKS, Action
from variance_bridge_triage.rules.possible_losses import max_loss
from variance_bridge_triage.rules.thresholds import shipped_thresholds

NOW = datetime(2025, 12, 22, 15, 30, tzinfo=UTC)


def sold(hold, text, *, cost, profit, **changes):
    return hold(text, cost_basis=Decimal(cost), unrealized_pl=Decimal(profit), **changes)


def found(report, action):
    return [
        finding.reason
        for entry in report.entries
        for finding in entry.findings
        if finding.action is action
    ]


def lacking(report, action):
    return [(u.needs, u.clusters, u.of) for u in report.unavailable if u.action is action]


def test_what_expires_today_in_new_york_is_expiring(hold, triaged):
    report = triaged([hold("-1 105C 0d"), hold("-1 95P 1d")])
    assert found(report, Action.EXPIRING) == ["expires today (2025-12-22)"]


@pytest.mark.parametrize(
    ("moment", "days"),
    [
        ("2025-12-23T04:59:59+00:00", 0),
        ("2025-12-23T05:00:00+00:00", -1),
        ("2026-03-08T04:59:59+00:00", -75),
        ("2026-03-09T03:59:59+00:00", -76),
        ("2026-03-09T04:00:00+00:00", -77),
    ],
)
def test_days_are_new_york_days_on_both_sides_of_a_clock_change(hold, triaged, moment, days):
    report = triaged([hold("-1 105C 0d")], now=datetime.fromisoformat(moment))
    assert report.entries[0].facts.dte == days


def test_what_has_expired_is_called_expired_and_not_zero_days(hold, triaged):
    report = triaged([hold("-1 105C -3d")])
    assert found(report, Action.EXPIRING) == [
        "expired 3 days ago, on 2025-12-19: check assignment, then sync"
    ]
    assert report.entries[0].facts.expired


def test_of_what_has_expired_nothing_else_is_said(hold, triaged):
    report = triaged([sold(hold, "-1 105C -3d", cost="400", profit="390"), hold("-1 95C -3d")])
    assert {f.action for entry in report.entries for f in entry.findings} == {Action.EXPIRING}
    assert report.unavailable == ()


@pytest.mark.parametrize(
    ("instant", "words"),
    [
        (NOW - timedelta(hours=1), "expired today at 09:30 New York: check assignment, then sync"),
        (NOW, "expired today at 10:30 New York: check assignment, then sync"),
        (NOW + timedelta(seconds=1), "expires today (2025-12-22)"),
    ],
)
def test_what_expired_today_says_when(hold, triaged, instant, words):
    report = triaged([hold("-1 105C 0d", expires_at=instant)], now=NOW)
    assert found(report, Action.EXPIRING) == [words]


@pytest.mark.parametrize(
    ("today", "symbol", "reasons"),
    [
        ("2025-12-16", "SPX   251219P06000000", []),
        ("2025-12-17", "SPX   251219P06000000", ["last day of trading is 2025-12-18: settled on the opening prices of 2025-12-19"]),
        ("2025-12-18", "SPX   251219P06000000", ["last day of trading: settled on the opening prices of 2025-12-19"]),
        ("2025-12-19", "SPX   251219P06000000", ["expires today (2025-12-19); settled on the opening prices, no longer traded"]),
        ("2025-12-18", "SPXW  251219P06000000", []),
        ("2025-12-21", "SPX   251219P06000000", ["expired 2 days ago, on 2025-12-19: check assignment, then sync"]),
        ("2025-12-19", "SPXW  251219P06000000", ["expires today (2025-12-19)"]),
        ("2026-06-17", "SPX   260618P06000000", ["last day of trading: settled on the opening prices of 2026-06-18"]),
        ("2026-03-17", "VIX   260318P00020000", ["last day of trading: settled on the opening prices of 2026-03-18"]),
        ("2026-03-24", "VIXW  260325P00020000", ["last day of trading: settled on the opening prices of 2026-03-25"]),
    ],
)  # fmt: skip
def test_what_is_settled_in_the_morning_is_expiring_before_it_can_no_longer_be_traded(
    hold, triaged, today, symbol, reasons
):
    leg = attrs.evolve(
        hold("-1 6000P 30d", root=symbol[:3], symbol=symbol),
        expiration=parse(symbol).expiration,
    )
    report = triaged([leg], now=datetime.fromisoformat(f"{today}T15:30:00+00:00"))
    assert found(report, Action.EXPIRING) == reasons


def test_no_last_day_of_trading_is_further_from_the_expiration_than_is_looked():
    days = [date(2020, 1, 1) + timedelta(days=n) for n in range(20 * 366)]
    ends = [(day, last_trading_day("SPX", day)) for day in days]
    assert max(day - end for day, end in ends if end is not None) < _TWO_WEEKS


def test_the_number_of_expiring_legs_is_reported(hold, triaged):
    report = triaged([hold("-1 100C 0d"), hold("1 100C 60d")])
    assert found(report, Action.EXPIRING) == ["expires today (2025-12-22, 1 of 2 legs)"]


@pytest.mark.parametrize(("profit", "fires"), [("199.99", False), ("200.00", True)])
def test_half_of_a_credit_is_harvested(hold, triaged, profit, fires):
    report = triaged([sold(hold, "-1 105C 45d", cost="400", profit=profit)])
    expected = ["50% of the $400.00 credit earned (+$200.00; target 50%)"] if fires else []
    assert found(report, Action.HARVEST) == expected


def test_a_straddle_is_harvested_at_a_quarter(hold, triaged):
    legs = [
        sold(hold, "-1 100C 45d", cost="400", profit="150"),
        sold(hold, "-1 100P 45d", cost="400", profit="50"),
    ]
    assert found(triaged(legs), Action.HARVEST) == [
        "25% of the $800.00 credit earned (+$200.00; target 25%)"
    ]


@pytest.mark.parametrize(
    ("opened", "fires"),
    [("2025-12-22", True), ("2025-12-18", True), ("2025-12-17", False), ("2025-12-23", False)],
)
def test_a_quarter_within_five_days_is_harvested(hold, triaged, opened, fires):
    report = triaged([sold(hold, f"-1 105C 45d @{opened}", cost="400", profit="100")])
    assert bool(found(report, Action.HARVEST)) is fires


def test_quick_profit_is_measured_from_the_oldest_leg(hold, triaged):
    legs = [
        sold(hold, "-1 105C 45d @2025-12-21", cost="400", profit="100"),
        sold(hold, "-1 95P 45d @2025-12-01", cost="400", profit="100"),
    ]
    assert found(triaged(legs), Action.HARVEST) == []


def test_a_debit_is_never_harvested(hold, triaged):
    report = triaged([sold(hold, "1 105C 45d", cost="400", profit="4000")])
    assert found(report, Action.HARVEST) == []


def test_what_cost_nothing_has_no_credit_to_harvest(hold, triaged):
    legs = [
        sold(hold, "-1 105C 45d", cost="400", profit="300"),
        sold(hold, "1 110C 45d", cost="400", profit="0"),
    ]
    assert found(triaged(legs), Action.HARVEST) == []


def test_the_price_of_the_shares_does_not_hide_the_credit_of_a_covered_call(hold, triaged):
    legs = [
        sold(hold, "100 stock", cost="10000", profit="-300"),
        sold(hold, "-1 105C 45d", cost="200", profit="120"),
    ]
    assert found(triaged(legs), Action.HARVEST) == [
        "60% of the $200.00 credit earned (+$120.00; target 50%)"
    ]


def test_harvest_without_a_cost_is_silent_and_says_so_once(hold, triaged):
    legs = [hold("-1 105C 45d", unrealized_pl=Decimal(5)), hold("-1 50C 45d", root="ABC")]
    report = triaged(legs)
    assert found(report, Action.HARVEST) == []
    assert lacking(report, Action.HARVEST) == [("the profit and cost of every option", 2, 2)]


def test_quick_harvest_without_an_opening_day_says_what_it_lacks(hold, triaged):
    report = triaged([sold(hold, "-1 105C 45d", cost="400", profit="100")])
    assert lacking(report, Action.HARVEST) == [("the opening day of every option", 1, 1)]


SPY = Quote(mark=Decimal(600))
DAY = Decimal("0.20") / Decimal(252).sqrt()
FALL = 600 * DAY * 2


def exposed(hold, beta_delta, *, beta_gamma="0", text="-1 95P 45d", **changes):
    greeks = Greeks(beta_delta=Decimal(beta_delta), beta_gamma=Decimal(beta_gamma))
    return hold(text, greeks=greeks, **changes)


def benchmark(hold):
    return hold("1 stock", root="SPY", quote=SPY, greeks=Greeks(beta_delta=Decimal(1)))


def test_a_bad_day_that_costs_a_twentieth_of_the_account_is_a_size_threat(hold, triaged):
    limit = 2500 / FALL
    just_below, just_above = limit - Decimal("0.001"), limit + Decimal("0.001")
    assert found(triaged([exposed(hold, just_below), benchmark(hold)]), Action.SIZE_THREAT) == []
    assert found(triaged([exposed(hold, just_above), benchmark(hold)]), Action.SIZE_THREAT) == [
        "SPY -2.5% in a day (2 SD) costs about $2,500.02 (by delta and gamma): 5.0% of net liq (limit 5%)"
    ]


def test_net_liquidity_is_the_brokers_where_it_tells_it(hold, triaged):
    balances = Balances(
        currency="USD", net_liquidating_value=Decimal(500000), cash=Decimal(0), buying_power=None
    )
    positions = [exposed(hold, "200"), benchmark(hold)]
    assert found(triaged(positions), Action.SIZE_THREAT)
    report = triaged(positions, balances=balances)
    assert found(report, Action.SIZE_THREAT) == []
    assert (report.net_liquidity, report.net_liquidity_origin) == (500000, "balances")


def test_balances_in_another_currency_measure_nothing(hold, triaged):
    balances = Balances(currency="EUR", net_liquidating_value=Decimal(500000), cash=Decimal(0))
    report = triaged([benchmark(hold)], balances=balances)
    assert (report.net_liquidity, report.net_liquidity_origin) == (
        50000,
        "assumed (shipped thresholds)",
    )
    assert report.totals.net_liquidity is None


def test_an_account_without_a_value_measures_no_loss(hold, triaged):
    balances = Balances(currency="USD", net_liquidating_value=Decimal(0), cash=Decimal(0))
    report = triaged([exposed(hold, "200"), benchmark(hold)], balances=balances)
    assert found(report, Action.SIZE_THREAT) == []
    assert lacking(report, Action.SIZE_THREAT) == [("a net liquidity above zero", 2, 2)]


def test_gamma_makes_a_loss_larger(hold, triaged):
    delta = 2400 / FALL
    calm = triaged([exposed(hold, delta), benchmark(hold)])
    curved = triaged([exposed(hold, delta, beta_gamma="-1"), benchmark(hold)])
    assert not found(calm, Action.SIZE_THREAT)
    assert found(curved, Action.SIZE_THREAT)


def test_gamma_is_weighted_by_what_weighting_did_to_delta(hold, triaged):
    greeks = Greeks(delta=Decimal(10), beta_delta=Decimal(20), gamma=Decimal("-0.5"))
    report = triaged([hold("-1 95P 45d", greeks=greeks)])
    assert report.entries[0].facts.beta_gamma.complete == -2


def test_a_rise_threatens_too(hold, triaged):
    report = triaged([exposed(hold, "-200", text="-1 105C 45d"), benchmark(hold)])
    assert found(report, Action.SIZE_THREAT) == [
        "SPY +2.5% in a day (2 SD) costs about $3,023.72 (by delta and gamma): 6.0% of net liq (limit 5%)"
    ]


def test_a_hedge_that_gains_is_not_a_threat(hold, triaged):
    hedge = exposed(hold, "-400", text="1 5800P 45d", root="SPX")
    positions = [hedge, exposed(hold, "500", text="100 stock"), benchmark(hold)]
    threats = found(triaged(positions), Action.SIZE_THREAT)
    assert len(threats) == 1
    assert threats[0].startswith("SPY -2.5%")


def test_without_a_price_of_the_benchmark_the_size_is_not_judged(hold, triaged):
    report = triaged([exposed(hold, "9999")])
    assert found(report, Action.SIZE_THREAT) == []
    assert lacking(report, Action.SIZE_THREAT) == [("the price of SPY", 1, 1)]


def test_without_gamma_the_size_goes_by_delta_alone_and_says_so(hold, triaged):
    greeks = Greeks(beta_delta=Decimal(999))
    report = triaged([hold("-1 95P 45d", greeks=greeks), benchmark(hold)])
    assert found(report, Action.SIZE_THREAT) == [
        (
            "SPY -2.5% in a day (2 SD) costs about $15,103.46 (by delta alone: gamma is known for "
            "0 of 1 legs): 30.2% of net liq (limit 5%)"
        )
    ]
    assert lacking(report, Action.SIZE_THREAT) == []


@pytest.mark.parametrize(("text", "judged"), [("-1 95P 45d", False), ("1 95P 45d", True)])
def test_a_small_delta_without_gamma_is_small_only_for_bought_options(hold, triaged, text, judged):
    option = hold(text, greeks=Greeks(beta_delta=Decimal(1)))
    report = triaged([option, benchmark(hold)])
    assert found(report, Action.SIZE_THREAT) == []
    expected = [] if judged else [("the beta-weighted gamma of every leg", 1, 2)]
    assert lacking(report, Action.SIZE_THREAT) == expected


def test_the_known_part_of_gamma_counts(hold, triaged):
    legs = [
        exposed(hold, 2000 / FALL, beta_gamma="-5"),
        hold("-1 105C 45d", greeks=Greeks(beta_delta=Decimal(0))),
    ]
    (reason,) = found(triaged([*legs, benchmark(hold)]), Action.SIZE_THREAT)
    assert "gamma is known for 1 of 2 legs" in reason


def test_without_delta_the_size_is_not_judged(hold, triaged):
    report = triaged([hold("-1 95P 45d"), benchmark(hold)])
    assert lacking(report, Action.SIZE_THREAT) == [("the beta-weighted delta of every leg", 1, 2)]


def test_the_price_of_the_benchmark_that_the_sync_used_is_enough(hold, triaged):
    stated = Benchmark(symbol="SPY", price=Decimal(600))
    report = triaged([exposed(hold, "9999")], benchmark=stated)
    assert "SPY -2.5% in a day (2 SD)" in found(report, Action.SIZE_THREAT)[0]
    assert lacking(report, Action.SIZE_THREAT) == []


def test_the_benchmark_is_the_one_that_the_file_states(hold, triaged):
    stated = Benchmark(symbol="ES50", price=Decimal(600))
    report = triaged([exposed(hold, "9999"), benchmark(hold)], benchmark=stated)
    assert found(report, Action.SIZE_THREAT)[0].startswith("ES50 -2.5% in a day")


def test_a_price_of_the_user_goes_before_the_one_of_the_file(hold, triaged):
    shipped = shipped_thresholds()
    own = attrs.evolve(shipped, benchmark=attrs.evolve(shipped.benchmark, price=Decimal(1)))
    stated = Benchmark(symbol="SPY", price=Decimal(600))
    report = triaged([exposed(hold, "9999")], benchmark=stated, thresholds=own)
    assert report.benchmark_price == 1


def test_a_loss_in_dollars_is_not_a_share_of_an_account_in_yen(hold, triaged):
    report = triaged([exposed(hold, "9999"), benchmark(hold)], currency="JPY")
    assert found(report, Action.SIZE_THREAT) == []
    assert lacking(report, Action.SIZE_THREAT) == [("the price of SPY in JPY", 2, 2)]


def test_shares_have_no_gamma_to_know(hold, triaged):
    shares = hold("500 stock", greeks=Greeks(beta_delta=Decimal(500)))
    assert found(triaged([shares, benchmark(hold)]), Action.SIZE_THREAT)


def worth(hold, text, value, price=None, **changes):
    quote = None
    if price is not None:
        name = "mark" if "stock" in text or "future" in text else "underlying_price"
        quote = Quote(**{name: Decimal(price)})
    return hold(text, market_value=Decimal(value), quote=quote, **changes)


def limit_of(hold, triaged, *legs):
    """What the strategy of these legs can lose at most, and that they are one strategy."""
    (entry,) = triaged(legs).entries
    return max_loss(entry.facts)


CREDIT_SPREAD = [("1 95P", 60), ("-1 100P", -300)]
AT_MOST = [
    (CREDIT_SPREAD, 260),
    ([("-1 100C", -300), ("1 105C", 60)], 260),
    ([("1 95P", 300), ("-1 90P", -60)], 240),
    ([("1 90P", 30), ("-1 95P", -100), ("-1 105C", -100), ("1 110C", 30)], 360),
    ([("-1 95P", -100)], 9400),
    ([("1 95P", 100)], 100),
    ([("-1 105C", -100)], None),
    ([("-1 95P", -100), ("-1 105C", -100)], None),
    ([("1 95P", 200), ("-2 90P", -160)], 8540),
    ([("-1 100C 30d", -300), ("1 100C 60d", 400)], None),
]


@pytest.mark.parametrize(("legs", "most"), AT_MOST)
def test_the_most_that_options_can_lose_is_known_where_it_is_limited(hold, triaged, legs, most):
    assert limit_of(hold, triaged, *(worth(hold, *leg) for leg in legs)) == most


def test_shares_lose_what_they_are_worth_and_a_short_sale_is_unlimited(hold, triaged):
    assert limit_of(hold, triaged, worth(hold, "100 stock", 10000)) == 10000
    assert limit_of(hold, triaged, worth(hold, "-100 stock", -10000, 100)) is None
    covered = [worth(hold, "100 stock", 10000, 100), worth(hold, "-1 105C", -150, 100)]
    assert limit_of(hold, triaged, *covered) == 9850
    coin = worth(hold, "2 crypto", 900, root="BTC-USD", symbol="BTC/USD")
    assert limit_of(hold, triaged, coin) == 900


def test_a_price_of_a_future_has_no_floor(hold, triaged):
    put = worth(hold, "-1 95P", -100, root="/CL")
    assert limit_of(hold, triaged, put) is None
    spread = [put, worth(hold, "1 90P", 40, root="/CL")]
    assert limit_of(hold, triaged, *spread) == 190


@pytest.mark.parametrize(
    "changes",
    [
        {"market_value": None},
        {"multiplier": None},
        {"deliverable": Deliverable.ADJUSTED},
        {"strike": None},
        {"option_type": None},
        {"expiration": None},
    ],
)
def test_without_a_number_nothing_limits_a_loss(hold, triaged, changes):
    legs = [worth(hold, *leg) for leg in CREDIT_SPREAD]
    report = triaged([legs[0], attrs.evolve(legs[1], **changes)])
    short = next(each.facts for each in report.entries if legs[1].symbol in symbols(each))
    assert max_loss(short) is None


def symbols(entry):
    return [leg.symbol for leg in entry.facts.cluster.legs]


def test_a_size_threat_never_states_more_than_all_that_can_be_lost(hold, triaged):
    legs = [
        exposed(hold, "10000", text="-20 100P 45d", market_value=Decimal(-6000)),
        exposed(hold, "-5000", text="20 95P 45d", market_value=Decimal(1200)),
    ]
    assert found(triaged([*legs, benchmark(hold)]), Action.SIZE_THREAT) == [
        (
            "SPY -2.5% in a day (2 SD) costs at most $5,200.00, all that it can still lose: "
            "10.4% of net liq (limit 5%)"
        )
    ]


def test_a_spread_that_cannot_lose_a_twentieth_of_the_account_is_not_a_size_threat(hold, triaged):
    legs = [
        exposed(hold, "10000", text="-1 100P 45d", market_value=Decimal(-300)),
        exposed(hold, "-5000", text="1 95P 45d", market_value=Decimal(60)),
    ]
    report = triaged([*legs, benchmark(hold)])
    assert found(report, Action.SIZE_THREAT) == []
    assert lacking(report, Action.SIZE_THREAT) == []


def test_what_is_worth_little_needs_no_delta_to_be_no_size_threat(hold, triaged):
    report = triaged([worth(hold, "1 95P 45d", 100)])
    assert lacking(report, Action.SIZE_THREAT) == []
    large = triaged([worth(hold, "1 95P 45d", 2501)])
    assert lacking(large, Action.SIZE_THREAT) == [("the beta-weighted delta of every leg", 1, 1)]


def test_the_most_in_another_currency_limits_nothing(hold, triaged):
    legs = [
        exposed(hold, amount, text=text, market_value=Decimal(value), currency="EUR")
        for amount, text, value in (("10000", "-1 100P", -300), ("-5000", "1 95P", 60))
    ]
    assert found(triaged([*legs, benchmark(hold)]), Action.SIZE_THREAT)


AT_100 = Quote(underlying_price=Decimal(100))


@pytest.mark.parametrize(
    ("days", "fires"), [(0, False), (1, True), (21, True), (22, False), (-1, False)]
)
def test_a_tested_short_option_is_defended_in_its_last_three_weeks(hold, triaged, days, fires):
    report = triaged([hold(f"-1 95C {days}d", quote=AT_100)])
    assert bool(found(report, Action.DEFENSE)) is fires
    assert found(report, Action.GAMMA) == []


@pytest.mark.parametrize(
    ("strike", "tested"), [("99.99C", True), ("100C", False), ("100.01P", True)]
)
def test_a_short_option_is_tested_beyond_its_strike(hold, triaged, strike, tested):
    report = triaged([hold(f"-1 {strike} 14d", quote=AT_100)])
    assert bool(found(report, Action.DEFENSE)) is tested
    assert bool(found(report, Action.GAMMA)) is not tested


def test_defense_says_what_is_tested_and_how_deep(hold, triaged):
    legs = [hold("-1 98C 14d", quote=AT_100), hold("-1 90P 14d", quote=AT_100)]
    assert found(triaged(legs), Action.DEFENSE) == [
        "tested: 100.00 against short 98 call, 2.0% in the money, 14 days to go (window 21)"
    ]


def test_gamma_says_how_far_the_nearest_strike_is(hold, triaged):
    legs = [hold("-1 108C 14d", quote=AT_100), hold("-1 95P 14d", quote=AT_100)]
    assert found(triaged(legs), Action.GAMMA) == [
        "14 days to go (window 21); 5.0% from short 95 put"
    ]


@pytest.mark.parametrize(("days", "fires"), [(15, False), (14, True)])
def test_a_calendar_has_a_shorter_window(hold, triaged, days, fires):
    legs = [hold(f"-1 105C {days}d", quote=AT_100), hold("1 105C 70d", quote=AT_100)]
    assert bool(found(triaged(legs), Action.GAMMA)) is fires


def test_long_options_and_futures_have_no_gamma_window(hold, triaged):
    future = hold("1 future", root="/ES", expiration=(datetime(2025, 12, 30, tzinfo=UTC)).date())
    report = triaged([hold("1 105C 14d", quote=AT_100), future])
    assert report.actions == ()


def test_the_price_of_the_underlying_is_taken_from_another_position_of_it(hold, triaged):
    stock = hold("50 stock", quote=Quote(mark=Decimal(100)))
    assert found(triaged([hold("-1 95C 14d"), stock]), Action.DEFENSE)


def test_without_a_price_gamma_says_so_and_defense_is_silent(hold, triaged):
    report = triaged([hold("-1 95C 14d")])
    assert found(report, Action.GAMMA) == [
        "14 days to go (window 21); no price to tell whether it is tested"
    ]
    assert lacking(report, Action.DEFENSE) == [("the price of the underlying", 1, 1)]


def hedged(hold, own="-20", shares="100", **changes):
    put = exposed(hold, own, text="1 580P 60d", root="SPY", **changes)
    return [put, exposed(hold, shares, text="100 stock")]


def test_an_idle_index_hedge_is_brought_up(hold, triaged):
    money = {"cost_basis": Decimal(400), "unrealized_pl": Decimal(-40)}
    assert found(triaged(hedged(hold, **money)), Action.HEDGE_CHECK) == [
        "index hedge: beta delta -20.0 against +80.0 of the portfolio; -10% of its cost"
    ]


@pytest.mark.parametrize(("own", "shares"), [("-5", "100"), ("-20", "20"), ("-20", "10")])
def test_a_small_hedge_or_a_portfolio_that_is_not_long_needs_no_check(hold, triaged, own, shares):
    assert found(triaged(hedged(hold, own, shares)), Action.HEDGE_CHECK) == []


def test_a_hedge_with_another_action_is_not_idle(hold, triaged):
    put = exposed(hold, "-20", text="1 580P 0d", root="SPY")
    report = triaged([put, exposed(hold, "100", text="100 stock")])
    assert [f.action for f in report.entries[0].findings] == [Action.EXPIRING]


def test_a_put_on_a_single_stock_is_not_an_index_hedge(hold, triaged):
    put = exposed(hold, "-20", text="1 95P 60d", root="ABC")
    assert found(triaged([put, exposed(hold, "100", text="100 stock")]), Action.HEDGE_CHECK) == []


def test_a_hedge_check_without_deltas_is_silent_and_says_so(hold, triaged):
    report = triaged([hold("1 580P 60d", root="SPY")])
    assert lacking(report, Action.HEDGE_CHECK) == [("the beta-weighted delta of every leg", 1, 1)]


def test_actions_stand_in_their_order_of_priority(hold, triaged):
    expiring = hold("-1 95C 0d", root="EEE")
    harvest = sold(hold, "-1 105C 45d", cost="400", profit="300", root="HHH")
    defense = hold("-1 95C 14d", root="DDD", quote=AT_100)
    gamma = hold("-1 105C 14d", root="GGG", quote=AT_100)
    threat = exposed(hold, "500", text="-1 95P 45d", root="SSS")
    hedge = exposed(hold, "-20", text="1 580P 60d", root="SPX")
    positions = [hedge, gamma, defense, threat, harvest, expiring, benchmark(hold)]
    report = triaged(positions)
    assert [entry.finding.action for entry in report.actions] == list(Action)


def test_a_cluster_shows_its_most_urgent_action_and_keeps_the_others(hold, triaged):
    both = sold(hold, "-1 105C 14d", cost="400", profit="300", quote=AT_100)
    (entry,) = triaged([both]).entries
    assert [finding.action for finding in entry.findings] == [Action.GAMMA, Action.HARVEST]


def test_danger_stands_before_profit():
    order = ["EXPIRING", "DEFENSE", "GAMMA", "SIZE_THREAT", "HEDGE_CHECK", "HARVEST"]
    assert list(Action) == order


def test_the_larger_threat_comes_first(hold, triaged):
    small = exposed(hold, "300", root="AAA")
    large = exposed(hold, "900", root="ZZZ")
    report = triaged([small, large, benchmark(hold)])
    assert [entry.facts.cluster.root for entry in report.actions] == ["ZZZ", "AAA"]


def test_a_hedge_that_has_another_action_lacks_nothing_for_its_check(hold, triaged):
    report = triaged([hold("1 580P 0d", root="SPY")])
    assert lacking(report, Action.HEDGE_CHECK) == []


def test_all_is_clear_only_where_everything_is_known(triaged, all_known):
    report = triaged(**all_known)
    assert report.all_clear
    assert report.verdict == ("Nothing needs action.",)


def test_a_rule_that_lacks_a_number_has_not_found_nothing(hold, triaged, all_known):
    blind = hold("-1 50C 45d", root="ABC")
    report = triaged(**{**all_known, "positions": [*all_known["positions"], blind]})
    assert not report.all_clear
    assert report.verdict == (
        "No rule asks for action, but 1 of 2 strategies could not be judged fully.",
    )
    assert [entry.facts.cluster.root for entry in report.undecided] == ["ABC"]
    assert [(each.action, each.needs) for each in report.undecided[0].not_judged] == [
        (Action.SIZE_THREAT, "the beta-weighted delta of every leg"),
        (Action.HARVEST, "the profit and cost of every option"),
    ]


def test_unread_rows_are_part_of_the_verdict(triaged, all_known):
    counts = Counts(fetched=5, normalized=1, closed=0, rejected=4)
    report = triaged(**{**all_known, "status": Status.PARTIAL, "counts": counts})
    assert not report.all_clear
    assert report.verdict == ("Nothing in the 1 readable row needs action; 4 rows are unread.",)


def test_an_account_of_which_no_row_could_be_read_is_not_called_empty(triaged):
    counts = Counts(fetched=1, normalized=0, closed=0, rejected=1)
    report = triaged([], status=Status.PARTIAL, counts=counts)
    assert report.verdict == ("No row could be read: 1 row is unread.",)


def test_without_balances_nothing_is_clear(triaged, all_known):
    report = triaged(**{**all_known, "balances": None})
    assert not report.all_clear
    assert report.verdict == (
        "Nothing needs action if net liquidity is $50,000.00, which is assumed.",
    )


def test_what_the_user_says_the_account_is_worth_is_not_assumed(triaged, all_known):
    shipped = shipped_thresholds()
    own = attrs.evolve(shipped, origin="/home/me/triage.toml", states_net_liquidity=True)
    report = triaged(**{**all_known, "balances": None}, thresholds=own)
    assert report.all_clear
    assert report.verdict == ("Nothing needs action.",)


def test_old_positions_are_no_reason_for_an_all_clear(triaged, all_known):
    report = triaged(**all_known, age=timedelta(days=3))
    assert not report.all_clear
    assert report.verdict == ("Nothing needs action.", "The positions are 3 d 0 h old.")


def test_an_option_or_future_without_a_date_may_be_expiring(hold, triaged):
    future = attrs.evolve(hold("1 future", root="/ES"), expiration=None)
    report = triaged([future])
    assert lacking(report, Action.EXPIRING) == [("the expiration of every option and future", 1, 1)]


def test_an_option_without_a_right_is_not_judged_for_being_tested(hold, triaged):
    unknown = attrs.evolve(hold("-1 95C 14d", quote=AT_100), option_type=None)
    report = triaged([unknown])
    assert lacking(report, Action.DEFENSE) == [("call or put of every option", 1, 1)]


def test_thresholds_decide(hold, triaged):
    shipped = shipped_thresholds()
    strict = attrs.evolve(shipped, harvest=attrs.evolve(shipped.harvest, target=Decimal("0.9")))
    position = sold(hold, "-1 105C 45d", cost="400", profit="300")
    assert found(triaged([position], thresholds=strict), Action.HARVEST) == []


def test_amounts_of_a_position_in_another_currency_say_it(hold, triaged):
    report = triaged([sold(hold, "-1 105C 45d", cost="400", profit="300", currency="CHF")])
    assert found(report, Action.HARVEST) == [
        "75% of the CHF 400.00 credit earned (+CHF 300.00; target 50%)"
    ]


def test_a_partial_delta_of_the_portfolio_is_marked(hold, triaged):
    report = triaged([*hedged(hold), hold("5 stock", root="ABC")])
    assert "portfolio (2 of 3 positions)" in found(report, Action.HEDGE_CHECK)[0]


def test_an_empty_account_needs_nothing(triaged):
    report = triaged([], age=timedelta(0))
    assert (report.entries, report.unavailable) == ((), ())


def test_a_share_that_is_listed_in_two_countries_does_not_lend_its_price(hold, price, triaged):
    foreign = price(hold("100 stock", root="RY", currency="CAD"))
    foreign = attrs.evolve(foreign, quote=Quote(mark=Decimal(180)))
    short_call = hold("-1 140C 10d", root="RY")
    report = triaged([foreign, short_call])
    assert found(report, Action.DEFENSE) == []
    assert lacking(report, Action.DEFENSE) == [("the price of the underlying", 1, 2)]
    own = attrs.evolve(foreign, currency="USD")
    assert found(triaged([own, short_call]), Action.DEFENSE)
