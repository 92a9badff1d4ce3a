"""Random portfolios with the days on which their legs were opened, as an API states them, and without, as an export does.

The strategies and the actions are the same. One rule needs the days (a quick profit): without them it is not judged.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal

import attrs
import pytest

from variance_bridge.model import Balances, Benchmark, Greeks, Quote
from variance_bridge_triage.rules.actions import Action

PORTFOLIOS = 200
ROOTS = ("AAA", "BBB", "SPX", "/ES")
TEMPLATES = (
    ("-1 95P", "-1 105C"),
    ("1 90P", "-1 95P", "-1 105C", "1 110C"),
    ("1 90P", "-1 95P"),
    ("-1 105C", "1 110C"),
    ("1 95C", "-2 100C", "1 105C"),
    ("-1 100C", "1 100C 60d"),
    ("-1 105C", "1 100C 95d"),
    ("100 stock", "-1 105C"),
    ("200 stock", "-1 105C", "1 95P"),
    ("100 stock", "1 90P"),
    ("-1 95P", "-1 105C", "1 110C"),
    ("1 100C", "-2 105C"),
    ("-1 95P", "1 105C"),
    ("-1 100C", "1 100P", "1 100C 60d", "-1 100P 60d"),
    ("-1 90P",),
    ("1 105C",),
)
DAYS = [f"2025-12-{day:02d}" for day in (1, 2, 3, 18, 19, 20)]


def portfolio(hold, seed):
    """Some strategies, each leg opened on a day of its own or all on one, moved along the strikes; some legs alone."""
    generator = random.Random(seed)
    positions = []
    for root in generator.sample(ROOTS, generator.randint(1, len(ROOTS))):
        for _strategy in range(generator.randint(1, 4)):
            day = generator.choice(DAYS)
            shift, times = generator.choice([-10, -5, 0, 5, 10]), generator.choice([1, 1, 2, 3])
            for leg in generator.choice(TEMPLATES):
                opened = day if generator.random() < 0.6 else generator.choice(DAYS)
                text = f"{_moved(leg, root, shift, times)} @{opened}"
                positions.append(_valued(hold(text, root=root), generator))
    return positions


def _moved(leg, root, shift, times):
    amount, what, *rest = leg.split()
    if what == "stock":
        amount, what = (
            (amount, what) if not root.startswith("/") else (int(amount) // 100, "future")
        )
        return f"{int(amount) * times} {what}"
    days = rest[0] if rest else "30d"
    return f"{int(amount) * times} {int(what[:-1]) + shift}{what[-1]} {days}"


def _valued(position, generator):
    cost = Decimal(generator.randint(50, 900))
    return attrs.evolve(
        position,
        cost_basis=cost * position.quantity,
        unrealized_pl=Decimal(generator.randint(-300, 300)) * position.quantity,
        quote=Quote(underlying_price=Decimal(generator.choice([92, 101, 108]))),
        greeks=Greeks(
            delta=Decimal(generator.randint(-60, 60)),
            beta_delta=Decimal(generator.randint(-60, 60)),
            beta_gamma=Decimal(generator.randint(-3, 3)),
        ),
    )


def triage_of(triaged, positions):
    balances = Balances(
        currency="USD", net_liquidating_value=Decimal(30000), cash=Decimal(0), buying_power=None
    )
    stated = Benchmark(symbol="SPY", price=Decimal(600))
    return triaged(positions, balances=balances, benchmark=stated)


def identity(entry):
    """What identifies a strategy, its legs without their days."""
    legs = Counter()
    for leg in entry.facts.cluster.legs:
        legs[leg.symbol, leg.side] += leg.quantity
    cluster = entry.facts.cluster
    return cluster.root, cluster.strategy, cluster.units, tuple(sorted(legs.items()))


@pytest.mark.parametrize("seed", range(PORTFOLIOS))
def test_an_export_without_opening_days_gives_the_strategies_and_actions_of_the_api(
    hold, triaged, seed
):
    positions = portfolio(hold, seed)
    dayless = [attrs.evolve(position, opened_on=None) for position in positions]
    by_api = {identity(entry): entry for entry in triage_of(triaged, positions).entries}
    by_export = {identity(entry): entry for entry in triage_of(triaged, dayless).entries}
    assert by_api.keys() == by_export.keys()
    for key, entry in by_api.items():
        stated, other = findings(entry), findings(by_export[key])
        quick = actions(stated - other)
        assert quick <= {Action.HARVEST}
        # A hedge with another finding is not idle.
        assert actions(other - stated) <= ({Action.HEDGE_CHECK} if quick else set())
        if quick:
            needs = [each.needs for each in by_export[key].not_judged]
            assert "the opening day of every option" in needs


def findings(entry):
    return {(finding.action, finding.reason) for finding in entry.findings}


def actions(found):
    return {action for action, _reason in found}


def test_the_portfolios_are_of_many_kinds(hold, triaged):
    strategies, found = set(), set()
    for seed in range(0, PORTFOLIOS, 4):
        for entry in triage_of(triaged, portfolio(hold, seed)).entries:
            strategies.add(entry.facts.cluster.strategy)
            found |= actions(findings(entry))
    assert len(strategies) >= 25
    assert found >= {Action.SIZE_THREAT, Action.HARVEST}
