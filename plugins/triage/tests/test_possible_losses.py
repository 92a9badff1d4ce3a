"""No limit of a loss is below what a count over a wide range of prices finds, and where nothing limits it none is stated."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
from msgspec import structs

from variance_bridge.model import Caution, Flag, Greeks, Quote
from variance_bridge.symbology import InstrumentType, OptionType
from variance_bridge_triage.rules.actions import Action
from variance_bridge_triage.rules.metrics import facts
from variance_bridge_triage.rules.possible_losses import max_loss
from variance_bridge_triage.strategies.clusters import Cluster

OPTIONS = {InstrumentType.OPTION, InstrumentType.FUTURE_OPTION}
HIGHEST = 150
"""Five times the highest strike of these tests; of futures prices are tried as far below zero."""
LIMIT = Decimal(2500)
"""A twentieth of the net liquidity that is assumed."""


def payoff(legs, at):
    """What the legs are worth when all is exercised at that price of the underlying."""
    worth = 0
    for leg in legs:
        size = int(leg.quantity) * int(leg.multiplier or 1) * leg.side.sign
        if leg.type not in OPTIONS:
            worth += size * at
        elif leg.option_type is OptionType.CALL:
            worth += size * max(at - int(leg.strike), 0)
        else:
            worth += size * max(int(leg.strike) - at, 0)
    return worth


def counted(legs, price):
    """The largest loss from today's value that a count over prices finds; None where it grows without end."""
    futures = any(leg.root.startswith("/") for leg in legs)
    outright = [leg for leg in legs if leg.type not in OPTIONS]
    paid = [leg for leg in legs if leg.type is not InstrumentType.FUTURE]
    free = [leg for leg in legs if leg.type is InstrumentType.FUTURE]
    today = sum(int(leg.market_value) for leg in paid) + payoff(free, price)
    lowest = -HIGHEST if futures else 0
    at = [payoff(legs, each) for each in range(lowest, HIGHEST + 1)]
    if at[-1] < at[-2] or (futures and at[0] < at[1]):
        return None
    worst = min(at) if outright else min(*at, 0)
    return max(today - worst, 0)


def leg_of(hold, dice, root, multiplier, price):
    quantity = dice.choice([-5, -2, -1, 1, 2, 3])
    kind = dice.choice("CPCPX")
    sign = 1 if quantity > 0 else -1
    if kind == "X" and root == "/CL":
        return hold(f"{quantity} future", root=root, multiplier=multiplier, quote=Quote(mark=price))
    if kind == "X":
        shares = quantity * int(multiplier)
        worth = Decimal(shares * int(price) + sign * dice.choice([0, 0, 500]))
        return hold(f"{shares} stock", root=root, market_value=worth)
    strike = dice.randrange(-25 if root == "/CL" else 1, 30)
    intrinsic = max(int(price) - strike if kind == "C" else strike - int(price), 0)
    worth = (intrinsic * int(multiplier) + dice.randrange(400)) * quantity
    changes = {"multiplier": multiplier, "market_value": Decimal(worth)}
    return structs.replace(
        hold(f"{quantity} {abs(strike)}{kind}", root=root, **changes), strike=Decimal(strike)
    )


def random_legs(hold, dice):
    root = dice.choice(["XYZ", "/CL"])
    multiplier, price = Decimal(dice.choice([10, 100, 1000])), Decimal(dice.choice([5, 20]))
    legs = [leg_of(hold, dice, root, multiplier, price) for _ in range(dice.randrange(1, 6))]
    return tuple(legs), int(price)


def most(legs, today):
    return max_loss(facts(Cluster(root="", strategy="", units=Decimal(1), legs=legs), today, {}))


def test_the_limit_is_what_a_count_over_prices_finds(hold, today):
    dice, limited = random.Random(7), 0
    for _ in range(250):
        legs, price = random_legs(hold, dice)
        expected = counted(legs, price)
        assert most(legs, today) == expected, legs
        limited += expected is not None
    assert 50 < limited < 200


def exposed(leg):
    """With greeks that let the estimate be far too large in a fall and in a rise."""
    return structs.replace(leg, greeks=Greeks(beta_delta=Decimal(0), beta_gamma=Decimal(-(10**6))))


def test_a_size_threat_is_silent_only_where_so_much_cannot_be_lost(hold, triaged):
    dice, benchmark = random.Random(11), hold("1 stock", root="SPY", quote=Quote(mark=Decimal(600)))
    fired = silent = 0
    for _ in range(40):
        legs, price = random_legs(hold, dice)
        report = triaged([*map(exposed, legs), benchmark])
        for entry in (each for each in report.entries if each.facts.cluster.root != "SPY"):
            loss = counted(entry.facts.cluster.legs, price)
            threatens = any(each.action is Action.SIZE_THREAT for each in entry.findings)
            assert threatens == (loss is None or loss > LIMIT), entry.facts.cluster
            fired += threatens
            silent += not threatens
    assert fired > 20
    assert silent > 5


def worth(hold, text, value, **changes):
    return hold(text, market_value=Decimal(value), **changes)


def test_a_short_put_on_a_future_below_zero_is_unlimited(hold, today):
    put = structs.replace(worth(hold, "-1 50P", -6, root="/CL"), strike=Decimal(-50))
    assert most((put,), today) is None


def test_morning_and_evening_settlement_of_one_day_do_not_limit_each_other(hold, today):
    short = worth(hold, "-1 100P", -300, root="SPX")
    long = worth(hold, "1 95P", 60, root="SPX")
    assert most((short, long), today) == 260
    evening = structs.replace(long, symbol=long.symbol.replace("SPX ", "SPXW"))
    assert most((short, evening), today) is None


def test_options_on_two_futures_do_not_limit_each_other(hold, today):
    short, long = (
        worth(hold, text, value, root="/ES") for text, value in (("-1 100P", -300), ("1 95P", 60))
    )
    assert most((short, long), today) is not None
    assert most((short, structs.replace(long, underlying="/ESM6")), today) is None


@pytest.mark.parametrize("ticker", ["XYZ1", "?"])
def test_an_option_that_may_be_adjusted_limits_nothing(hold, today, ticker):
    put = worth(hold, "-1 100P", -300, deliverable=None)
    assert most((put,), today) == 9700
    adjusted = structs.replace(put, symbol=f"{ticker:<6}{put.symbol[6:]}")
    assert most((adjusted,), today) is None


@pytest.mark.parametrize(
    ("text", "value"), [("1 95P", -60), ("-1 95P", 60), ("100 stock", -500), ("2 bond", -500)]
)
def test_a_value_of_the_wrong_sign_limits_nothing(hold, today, text, value):
    assert most((worth(hold, text, value),), today) is None


def test_shares_count_at_their_value_and_not_at_the_older_price_of_their_option(hold, today):
    old = Quote(underlying_price=Decimal(50))
    legs = (worth(hold, "-1 105C", -150, quote=old), worth(hold, "100 stock", 10000))
    assert most(legs, today) == 9850


def test_a_box_can_lose_its_value_before_it_expires(hold, today):
    box = (("1 90C", 1500), ("-1 110C", -300), ("1 110P", 1100), ("-1 90P", -350))
    assert most(tuple(worth(hold, *leg) for leg in box), today) == 1950


SHARES, SOLD = ("100 stock", 10000), ("-100 stock", -10000)
PUT, CALL = ("1 95P", 20), ("1 105C", 20)


@pytest.mark.parametrize(
    ("legs", "days", "loss"),
    [
        ([SHARES, PUT], 1, 520),
        ([SHARES, PUT], 0, 10020),
        ([SHARES, ("-1 105C", -150)], 0, 9850),
        ([SOLD, CALL], 1, 520),
        ([SOLD, CALL], 0, None),
        ([("-1 95C", -520), CALL], 0, 500),
    ],
)
def test_an_option_protects_shares_until_its_last_day(hold, today, legs, days, loss):
    assert most(tuple(worth(hold, f"{text} {days}d", value) for text, value in legs), today) == loss


def test_the_limit_of_shares_with_options_is_one_until_these_expire(hold, triaged):
    legs = [
        exposed(worth(hold, text, value))
        for text, value in [("1000 stock", 100000), ("10 95P", 200)]
    ]
    benchmark = hold("1 stock", root="SPY", quote=Quote(mark=Decimal(600)))
    reasons = [
        each.reason for entry in triaged([*legs, benchmark]).entries for each in entry.findings
    ]
    assert [reason.partition(":")[0].partition("costs ")[2] for reason in reasons] == [
        "at most $5,200.00, all that it can still lose until its options expire"
    ]


def test_numbers_of_any_length_are_counted_to_the_last_digit(hold, today):
    size = 10**28 + 1
    short = worth(hold, "-1 100P", -300 * size, quantity=Decimal(size))
    long = worth(hold, "1 95P", 60 * size, quantity=Decimal(size))
    assert most((short, long), today) == 260 * size


@pytest.mark.parametrize("symbol", [True, False])
def test_where_a_sign_is_in_doubt_the_estimate_is_not_limited(hold, triaged, symbol):
    leg = exposed(worth(hold, "1 95P", 100))
    benchmark = hold("1 stock", root="SPY", quote=Quote(mark=Decimal(600)))

    def threatens(*flags):
        entries = triaged([leg, benchmark], flags=flags).entries
        return any(
            each.action is Action.SIZE_THREAT for entry in entries for each in entry.findings
        )

    assert not threatens()
    where = leg.symbol if symbol else None
    assert threatens(Flag(caution=Caution.SIGN_UNCONFIRMED, symbol=where))
    assert not threatens(Flag(caution=Caution.SIGN_UNCONFIRMED, symbol="OTHER"))
