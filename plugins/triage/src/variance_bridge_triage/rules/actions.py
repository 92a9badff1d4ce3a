"""What needs attention, danger before profit, each with its reason in one line.

A rule that lacks a number has not found "nothing": it is not judged, and the report says so for each strategy, with the
number. Where the rules differ from those of the public Variance engine, whose thresholds they use:

- The engine takes a profit (HARVEST) before it looks at danger; here a tested or expiring strategy is shown as that, and
  its profit beside it.

- EXPIRING also names what has expired and is still listed, which the engine overlooks. No other rule looks at it: its
  prices are out of date. What is settled on opening prices (SPX, VIX) it names on the last day of trading and the day before.
- HARVEST looks at the options only, so that the price of the shares does not hide the credit of a covered call; "within
  the first days" counts from the oldest leg and includes the opening day, where the engine counts from the newest and
  takes the opening day for an unknown one.
- SIZE_THREAT counts losses only: a hedge that gains in a fall is not a threat. It tries a rise too, but not on a hedge,
  whose loss is the portfolio's gain. Where gamma is unknown it goes by delta alone and says so. No loss is larger than all
  that the strategy can still lose, where that is known: delta and gamma of an option in its last hours, extrapolated over
  a day's move, are many times the width of its spread.
- DEFENSE and GAMMA look at short options only, each with its own days to expiry: a long option or a future in its last
  days is not short gamma.
- HEDGE_CHECK brings up every idle hedge, as the engine's report does; its rule about cheap volatility needs market data
  that positions do not carry.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache, partial

from msgspec import Struct

from variance_bridge import formatting
from variance_bridge.formatting import UNKNOWN, money, percent, plural, quantity, strike
from variance_bridge.model import Holding, Side
from variance_bridge.money import Sum, add_up
from variance_bridge.prices import Prices, price_for
from variance_bridge.symbology import InstrumentType, SymbolError, parse
from variance_bridge.trading_hours import EXCHANGE_TIME
from variance_bridge_triage.rules.delta_text import delta_words
from variance_bridge_triage.rules.doubts import NO_DOUBTS, Doubted, doubts_about
from variance_bridge_triage.rules.metrics import (
    Facts,
    beta_gamma,
    in_the_money,
)
from variance_bridge_triage.rules.possible_losses import max_loss
from variance_bridge_triage.rules.thresholds import Thresholds
from variance_bridge_triage.strategies.lots import OPTIONS

EXPIRE = (*OPTIONS, InstrumentType.FUTURE)

_ONE_DAY = timedelta(days=1)
_TWO_WEEKS = timedelta(weeks=2)
"""The last day of trading is nearer to the expiration than that, whatever holidays lie between."""

TRADING_DAYS = 252
"""In a year: a day's volatility is the yearly one divided by the root of this."""


class Action(StrEnum):
    """What to look at, the most urgent first."""

    EXPIRING = "EXPIRING"
    DEFENSE = "DEFENSE"
    GAMMA = "GAMMA"
    SIZE_THREAT = "SIZE_THREAT"
    HEDGE_CHECK = "HEDGE_CHECK"
    HARVEST = "HARVEST"


class Finding(Struct, frozen=True):
    """An action and why, in one line with its numbers; of two that are the same action the larger `weight` comes first."""

    action: Action
    reason: str
    weight: Decimal = Decimal(0)


class Lacking(Struct, frozen=True):
    """What a rule would have needed to know."""

    needs: str


class NotJudged(Struct, frozen=True, kw_only=True):
    """A rule that could not be judged for one cluster, and what it needs."""

    action: Action
    needs: str


class Judgement(Struct, frozen=True, kw_only=True):
    """About one cluster: what was found, the most urgent first, and what could not be judged."""

    findings: tuple[Finding, ...]
    not_judged: tuple[NotJudged, ...]


class Unavailable(Struct, frozen=True, kw_only=True):
    """A rule that could not be judged for want of data: for `clusters` of `of` clusters."""

    action: Action
    needs: str
    clusters: int
    of: int


class Circumstances(Struct, frozen=True, kw_only=True):
    """What the rules know beside the cluster.

    Attributes:
        now: aware.
        today: the day in New York.
        net_liquidity: what losses are measured against.
        currency: the account's; None where unknown.
        benchmark: what deltas are weighted against.
        benchmark_price: in the currency that the thresholds state; None where unknown.
        portfolio_beta_delta: of all positions.
        doubted: the positions whose numbers are in doubt.
    """

    thresholds: Thresholds
    now: datetime
    today: date
    prices: Prices
    net_liquidity: Decimal
    currency: str | None
    benchmark: str
    benchmark_price: Decimal | None
    portfolio_beta_delta: Sum
    doubted: Doubted = NO_DOUBTS


Outcome = Finding | Lacking | None
Rule = Callable[[Facts, Circumstances], Outcome]


def judge(facts: Facts, circumstances: Circumstances) -> Judgement:
    """What the rules say about one cluster. Of what has expired no rule but EXPIRING says anything: its prices are old."""
    findings: list[Finding] = []
    lacking: list[tuple[Action, str]] = []
    for action in (Action.EXPIRING,) if facts.expired else _BY_THEMSELVES:
        outcome = RULES[action](facts, circumstances)
        if isinstance(outcome, Lacking):
            lacking.append((action, outcome.needs))
        elif outcome is not None:
            findings.append(outcome)
    if not findings and not facts.expired:
        idle = hedge_check(facts, circumstances)
        if isinstance(idle, Lacking):
            lacking.append((Action.HEDGE_CHECK, idle.needs))
        elif idle is not None:
            findings.append(idle)
    return Judgement(findings=tuple(findings), not_judged=_not_judged(tuple(lacking)))


@lru_cache(maxsize=256)  # what is lacking is lacking in many clusters
def _not_judged(lacking: tuple[tuple[Action, str], ...]) -> tuple[NotJudged, ...]:
    return tuple(NotJudged(action=action, needs=needs) for action, needs in lacking)


def unavailable(not_judged: Sequence[Sequence[NotJudged]]) -> list[Unavailable]:
    """Which rules could not be judged for want of what, and for how many clusters; for each cluster what could not."""
    counts = Counter((n.action, n.needs) for of_cluster in not_judged for n in of_cluster)
    order = list(Action)
    return [
        Unavailable(action=action, needs=needs, clusters=count, of=len(not_judged))
        for (action, needs), count in sorted(
            counts.items(), key=lambda item: (order.index(item[0][0]), item[0][1])
        )
    ]


def expiring(facts: Facts, circumstances: Circumstances) -> Outcome:
    """Something expires today or trades for the last time, or has expired and is still listed."""
    if facts.dte is None or facts.dte > 0:
        if (ending := _last_day_of_trading(facts, circumstances.today)) is not None:
            return ending
        undated = any(leg.type in EXPIRE and leg.expiration is None for leg in facts.cluster.legs)
        return Lacking("the expiration of every option and future") if undated else None
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
    ended = "; settled on the opening prices, no longer traded" if _has_ended(facts) else ""
    return finding(f"expires today ({facts.expiration}{which}){ended}")


def _last_day_of_trading(facts: Facts, today: date) -> Finding | None:
    """Options that are settled on opening prices (SPX, VIX) trade for the last time before the day of expiration.

    A day of warning before that: afterwards nothing can be done about them.
    """
    ending = [
        (ends, leg.expiration)
        for leg in facts.options
        if leg.expiration is not None
        and today < leg.expiration <= today + _TWO_WEEKS
        and (ends := _last_trading_day(leg.symbol)) is not None
        and ends < leg.expiration
        and ends - _ONE_DAY <= today
    ]
    if not ending:
        return None
    ends, expiration = min(ending)
    coming = f" is {ends}" if today < ends else ""
    return Finding(
        Action.EXPIRING,
        f"last day of trading{coming}: settled on the opening prices of {expiration}",
    )


def _has_ended(facts: Facts) -> bool:
    """Whether all that expires on the day of the nearest expiration can no longer be traded on it."""
    ends = [
        _last_trading_day(leg.symbol) if leg.type is InstrumentType.OPTION else None
        for leg in facts.cluster.legs
        if leg.expiration == facts.expiration
    ]
    return all(end is not None and end < facts.expiration for end in ends if facts.expiration)


@lru_cache(maxsize=1024)
def _last_trading_day(symbol: str) -> date | None:
    try:
        return parse(symbol, instrument_type=InstrumentType.OPTION).last_trading_day
    except SymbolError:
        return None


def harvest(facts: Facts, circumstances: Circumstances) -> Outcome:
    """Enough of a credit is earned."""
    options = facts.options
    if not any(leg.side is Side.SHORT for leg in options):
        return None
    cost = add_up(leg.paid_to_open for leg in options).complete
    earned = add_up(leg.profit for leg in options).complete
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
    limit, net = circumstances.thresholds.size_threat.share, circumstances.net_liquidity
    if net <= 0:
        return Lacking("a net liquidity above zero")
    most = _all_that_can_be_lost(facts, circumstances)
    if most is not None and most / net <= limit:
        return None
    if facts.beta_delta.complete == facts.beta_gamma.complete == 0:
        return None  # no move of the market costs it anything, whatever the benchmark's price
    lacking = _unmeasurable(facts, circumstances)
    if lacking is not None:
        return lacking
    loss, fall = _worst_day(facts, circumstances)
    share = (loss if most is None else min(loss, most)) / net
    if share <= limit:
        return Lacking("the beta-weighted gamma of every leg") if _curved_unseen(facts) else None
    move = f"{circumstances.benchmark} {percent(fall * _day_of(circumstances), 1, sign=True)}"
    return Finding(
        Action.SIZE_THREAT,
        f"{move} in a day ({quantity(abs(fall))} SD) costs "
        f"{_loss_words(facts, loss, most, circumstances.currency)}: "
        f"{percent(share, 1)} of net liq (limit {percent(limit)})",
        weight=share,
    )


def _all_that_can_be_lost(facts: Facts, circumstances: Circumstances) -> Decimal | None:
    """None where no number limits the loss, or where one that does is in doubt (a sign that is unconfirmed)."""
    doubted = circumstances.doubted
    in_doubt = None in doubted or any(doubts_about(facts.cluster.legs, doubted))
    if facts.currency is not None or in_doubt:
        return None
    return max_loss(facts)


def _loss_words(facts: Facts, loss: Decimal, most: Decimal | None, currency: str | None) -> str:
    """How much, and by what it was measured."""
    if most is not None and most < loss:
        mixed = 0 < len(facts.options) < len(facts.cluster.legs)
        until = " until its options expire" if mixed else ""
        return f"at most {money(most, currency)}, all that it can still lose{until}"
    gamma = facts.beta_gamma
    if gamma.complete is None:
        by = f" (by delta alone: gamma is known for {gamma.known} of {gamma.count} legs)"
    else:
        by = " (by delta and gamma)" if most is None and facts.options else ""
    return f"about {money(loss, currency)}{by}"


def _unmeasurable(facts: Facts, circumstances: Circumstances) -> Lacking | None:
    """What no loss can be measured without; first what is hardest to get, so that nobody gets the rest in vain."""
    benchmark, stated = circumstances.benchmark, circumstances.thresholds.benchmark.currency
    if facts.beta_delta.complete is None:
        return Lacking("the beta-weighted delta of every leg")
    if circumstances.currency not in (None, stated):
        # Deltas are in shares of the benchmark: a loss in its currency is not a share of an account in another.
        return Lacking(f"the price of {benchmark} in {circumstances.currency}")
    if circumstances.benchmark_price is None:
        return Lacking(f"the price of {benchmark}")
    return None


def _day_of(circumstances: Circumstances) -> Decimal:
    """The benchmark's standard deviation of a day, as a fraction."""
    return circumstances.thresholds.benchmark.volatility / Decimal(TRADING_DAYS).sqrt()


def _worst_day(facts: Facts, circumstances: Circumstances) -> tuple[Decimal, Decimal]:
    """The largest loss of the moves that are tried, and the move in standard deviations. Unknown gamma counts as none."""
    price = circumstances.benchmark_price or Decimal(0)
    delta, gamma = facts.beta_delta.amount or Decimal(0), facts.beta_gamma.amount or Decimal(0)
    hedge = is_hedge(facts, circumstances)
    losses = []
    for deviations in circumstances.thresholds.size_threat.moves:
        if hedge and deviations > 0:
            continue
        points = price * _day_of(circumstances) * deviations
        losses.append((-(delta * points + gamma * points**2 / 2), deviations))
    return max(losses, default=(Decimal(0), Decimal(0)))


def _curved_unseen(facts: Facts) -> bool:
    """Whether an unknown gamma could make a loss larger: that of a bought option makes it smaller."""
    return any(
        beta_gamma(leg) is None and not (leg.type in OPTIONS and leg.side is Side.LONG)
        for leg in facts.cluster.legs
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
    if len(depths) == len(close):
        return None
    unpriced = any(price_for(leg, circumstances.prices) is None for _days, leg in close)
    return Lacking("the price of the underlying" if unpriced else "call or put of every option")


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
    """An index hedge; asked for only where nothing else was found."""
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
        f"index hedge: beta delta {delta_words(facts.beta_delta.amount)} against "
        f"{delta_words(whole.amount)} of the portfolio{of}; {change} of its cost",
    )


RULES: dict[Action, Rule] = {
    Action.EXPIRING: expiring,
    Action.DEFENSE: defense,
    Action.GAMMA: gamma,
    Action.SIZE_THREAT: size_threat,
    Action.HEDGE_CHECK: hedge_check,
    Action.HARVEST: harvest,
}
_BY_THEMSELVES = tuple(action for action in RULES if action is not Action.HEDGE_CHECK)
"""All rules but the one for what nothing else was found about."""
