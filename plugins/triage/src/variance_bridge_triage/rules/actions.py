"""What needs attention, in order of priority, each with its reason in one line.

A rule that lacks a number is skipped, and the report says which number. Where the rules differ from those of the public Variance
engine, whose thresholds they use:

- EXPIRING also names what has expired and is still listed, which the engine overlooks. No other rule looks at it: its
  prices are out of date.
- HARVEST looks at the options only, so that the price of the shares does not hide the credit of a covered call; "within
  the first days" counts from the oldest leg and includes the opening day, where the engine counts from the newest and
  takes the opening day for an unknown one.
- SIZE_THREAT counts losses only: a hedge that gains in a fall is not a threat. It tries a rise too, but not on a hedge,
  whose loss is the portfolio's gain.
- DEFENSE and GAMMA look at short options only, each with its own days to expiry: a long option or a future in its last
  days is not short gamma.
- HEDGE_CHECK brings up every idle hedge, as the engine's report does; its rule about cheap volatility needs market data
  that positions do not carry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial

import attrs

from variance_bridge import formatting
from variance_bridge.exchange import EXCHANGE_TIME
from variance_bridge.formatting import UNKNOWN, money, number, percent, plural, quantity, strike
from variance_bridge.model import Holding, Side
from variance_bridge_triage.rules.metrics import (
    Facts,
    Prices,
    Sum,
    add_up,
    in_the_money,
    price_for,
    profit,
    signed_cost,
)
from variance_bridge_triage.rules.thresholds import Thresholds

TRADING_DAYS = 252
"""In a year: a day's volatility is the yearly one divided by the root of this."""


class Action(StrEnum):
    """What to look at, the most urgent first."""

    EXPIRING = "EXPIRING"
    HARVEST = "HARVEST"
    SIZE_THREAT = "SIZE_THREAT"
    DEFENSE = "DEFENSE"
    GAMMA = "GAMMA"
    HEDGE_CHECK = "HEDGE_CHECK"


@attrs.frozen
class Finding:
    """An action and why, in one line with its numbers."""

    action: Action
    reason: str


@attrs.frozen
class Lacking:
    """What a rule would have needed to know."""

    needs: str


@attrs.frozen(kw_only=True)
class Unavailable:
    """A rule that was skipped for want of data: for `clusters` of `of` clusters."""

    action: Action
    needs: str
    clusters: int
    of: int


@attrs.frozen(kw_only=True)
class Circumstances:
    """What the rules know beside the cluster.

    Attributes:
        now: aware.
        today: the day in New York.
        net_liquidity: what losses are measured against.
        currency: the account's; None where unknown.
        benchmark_price: None where unknown.
        portfolio_beta_delta: of all positions.
    """

    thresholds: Thresholds
    now: datetime
    today: date
    prices: Prices
    net_liquidity: Decimal
    currency: str | None
    benchmark_price: Decimal | None
    portfolio_beta_delta: Sum


Outcome = Finding | Lacking | None
Rule = Callable[[Facts, Circumstances], Outcome]


def judge(
    clusters: Sequence[Facts], circumstances: Circumstances
) -> tuple[list[tuple[Finding, ...]], list[Unavailable]]:
    """The findings of each cluster, most urgent first, and which rules were skipped for want of what."""
    findings: list[tuple[Finding, ...]] = []
    lacking: dict[tuple[Action, str], int] = {}
    for facts in clusters:
        found: list[Finding] = []
        for action, rule in RULES.items():
            if facts.expired and action is not Action.EXPIRING:
                continue
            outcome = rule(facts, circumstances)
            if isinstance(outcome, Lacking):
                lacking[action, outcome.needs] = lacking.get((action, outcome.needs), 0) + 1
            elif outcome is not None and not (found and action is Action.HEDGE_CHECK):
                found.append(outcome)
        findings.append(tuple(found))
    order = list(Action)
    skipped = [
        Unavailable(action=action, needs=needs, clusters=count, of=len(clusters))
        for (action, needs), count in sorted(
            lacking.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
    ]
    return findings, skipped


def expiring(facts: Facts, circumstances: Circumstances) -> Outcome:
    """Something expires today, or has expired and is still listed."""
    if facts.dte is None or facts.dte > 0:
        return None
    finding = partial(Finding, Action.EXPIRING)
    if facts.dte < 0:
        ago = _days(-facts.dte)
        return finding(f"expired {ago} ago, on {facts.expiration}: check assignment, then sync")
    instants = [leg.expires_at for leg in facts.cluster.legs if leg.expiration == facts.expiration]
    known = [instant for instant in instants if instant is not None]
    if known and max(known) <= circumstances.now:
        time = f"{max(known).astimezone(EXCHANGE_TIME):%H:%M}"
        return finding(f"expired today at {time} New York: check assignment, then sync")
    legs = len(instants)
    of = len(facts.cluster.legs)
    which = "" if legs == of else f", {legs} of {of} legs"
    return finding(f"expires today ({facts.expiration}{which})")


def harvest(facts: Facts, circumstances: Circumstances) -> Outcome:
    """Enough of a credit is earned."""
    options = facts.options
    if not any(leg.side is Side.SHORT for leg in options):
        return None
    cost = add_up(map(signed_cost, options)).complete
    earned = add_up(map(profit, options)).complete
    if cost is None or earned is None:
        return Lacking("the profit and cost of every option")
    if cost >= 0:
        return None
    rules, fraction = circumstances.thresholds.harvest, earned / -cost
    target = circumstances.thresholds.target(facts.cluster.strategy)
    currency = facts.currency or circumstances.currency
    credit = f"{percent(fraction)} of the {money(-cost, currency)} credit"
    gain = money(earned, currency, sign=True)
    if fraction >= target:
        aim = f"target {percent(target)}"
        return Finding(Action.HARVEST, f"{credit} earned ({gain}; {aim})")
    if fraction < rules.quick_target:
        return None
    opened = [leg.opened_on for leg in options if leg.opened_on is not None]
    if len(opened) < len(options):
        return Lacking("the opening day of every option")
    held = (circumstances.today - min(opened)).days
    if not 0 <= held < rules.quick_days:
        return None
    aim = f"target {percent(rules.quick_target)} within {_days(rules.quick_days)}"
    return Finding(Action.HARVEST, f"{credit} earned in {_days(held)} ({gain}; {aim})")


def is_hedge(facts: Facts, circumstances: Circumstances) -> bool | None:
    """Whether the cluster insures the portfolio against a fall; None when deltas that decide it are unknown."""
    rules = circumstances.thresholds.hedge_check
    cluster = facts.cluster
    if cluster.root not in rules.roots or cluster.strategy not in rules.strategies:
        return False
    own, whole = facts.beta_delta.complete, circumstances.portfolio_beta_delta.amount
    if own is None or whole is None:
        return None
    return own < rules.beta_delta and whole > 0


def size_threat(facts: Facts, circumstances: Circumstances) -> Outcome:
    """A bad day of the market would cost too much of the account."""
    rules, benchmark = circumstances.thresholds.size_threat, circumstances.thresholds.benchmark
    if circumstances.benchmark_price is None:
        return Lacking(f"the price of {benchmark.symbol}")
    if circumstances.net_liquidity <= 0:
        return Lacking("a net liquidity above zero")
    delta, gamma = facts.beta_delta.complete, facts.beta_gamma.complete
    if delta is None or gamma is None:
        return Lacking("the beta-weighted delta and gamma of every leg")
    day = benchmark.volatility / Decimal(TRADING_DAYS).sqrt()
    hedge = is_hedge(facts, circumstances)
    losses = []
    for deviations in rules.moves:
        if hedge and deviations > 0:
            continue
        points = circumstances.benchmark_price * day * deviations
        losses.append((-(delta * points + gamma * points**2 / 2), deviations))
    loss, deviations = max(losses, default=(Decimal(0), Decimal(0)))
    share = loss / circumstances.net_liquidity
    if share <= rules.share:
        return None
    move = f"{benchmark.symbol} {percent(day * deviations, 1, sign=True)} in a day"
    size = quantity(abs(deviations))
    return Finding(
        Action.SIZE_THREAT,
        f"{move} ({size} SD) costs about {money(loss, circumstances.currency)}: "
        f"{percent(share, 1)} of net liq (limit {percent(rules.share)})",
    )


def _in_window(facts: Facts, circumstances: Circumstances) -> list[tuple[int, Holding]]:
    """Short options that are close to expiry but not of today, with their days to go, the closest first."""
    window = circumstances.thresholds.window_days(facts.cluster.strategy)
    close = [
        ((leg.expiration - circumstances.today).days, leg)
        for leg in facts.options
        if leg.side is Side.SHORT and leg.expiration is not None
    ]
    return sorted(
        ((days, leg) for days, leg in close if 0 < days <= window), key=lambda each: each[0]
    )


def _depths(
    close: Iterable[tuple[int, Holding]], prices: Prices
) -> list[tuple[Decimal, Decimal, int, Holding]]:
    """How deep each is in the money, with the price of its underlying and its days to go; the deepest first."""
    depths = []
    for days, leg in close:
        price = price_for(leg, prices)
        depth = None if price is None else in_the_money(leg, price)
        if price is not None and depth is not None:
            depths.append((depth, price, days, leg))
    return sorted(depths, key=lambda each: (-each[0], each[2]))


def defense(facts: Facts, circumstances: Circumstances) -> Outcome:
    """A short option is tested, and its end is near."""
    close = _in_window(facts, circumstances)
    depths = _depths(close, circumstances.prices)
    tested = [each for each in depths if each[0] > 0]
    if tested:
        depth, price, days, leg = tested[0]
        deep = f"{percent(depth / price, 1)} in the money" if price else "in the money"
        return Finding(
            Action.DEFENSE,
            f"tested: {formatting.price(price)} against {_short(leg)}, {deep}, "
            f"{_time_left(facts, circumstances, days)}",
        )
    return Lacking("the price of the underlying") if len(depths) < len(close) else None


def gamma(facts: Facts, circumstances: Circumstances) -> Outcome:
    """A short option's end is near, and it is not tested."""
    close = _in_window(facts, circumstances)
    depths = _depths(close, circumstances.prices)
    if not close or any(depth > 0 for depth, _price, _days, _leg in depths):
        return None
    time = _time_left(facts, circumstances, close[0][0])
    if len(depths) < len(close):
        return Finding(Action.GAMMA, f"{time}; no price to tell whether it is tested")
    depth, price, _days, leg = depths[0]
    far = percent(-depth / price, 1) if price else UNKNOWN
    return Finding(Action.GAMMA, f"{time}; {far} from {_short(leg)}")


def _days(count: int) -> str:
    return plural(count, "day")


def _short(leg: Holding) -> str:
    right = leg.option_type.value if leg.option_type else "option"
    return f"short {strike(leg.strike)} {right}"


def _time_left(facts: Facts, circumstances: Circumstances, days: int) -> str:
    window = circumstances.thresholds.window_days(facts.cluster.strategy)
    return f"{_days(days)} to go (window {window})"


def hedge_check(facts: Facts, circumstances: Circumstances) -> Outcome:
    """An index hedge with no other finding."""
    hedge = is_hedge(facts, circumstances)
    if hedge is None:
        return Lacking("the beta-weighted delta of every leg")
    if not hedge:
        return None
    whole = circumstances.portfolio_beta_delta
    of = "" if whole.known == whole.count else f" ({whole.known} of {whole.count} positions)"
    change = percent(facts.pl_fraction, sign=True)
    return Finding(
        Action.HEDGE_CHECK,
        f"index hedge: beta delta {number(facts.beta_delta.amount, 1)} against "
        f"{number(whole.amount, 1, sign=True)} of the portfolio{of}; {change} of its cost",
    )


RULES: dict[Action, Rule] = {
    Action.EXPIRING: expiring,
    Action.HARVEST: harvest,
    Action.SIZE_THREAT: size_threat,
    Action.DEFENSE: defense,
    Action.GAMMA: gamma,
    Action.HEDGE_CHECK: hedge_check,
}
