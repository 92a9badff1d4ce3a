"""What is true of the clusters of any positions whatever."""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from decimal import Decimal
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from variance_bridge.model import Greeks, Side
from variance_bridge.money import total
from variance_bridge_triage.strategies import clusters
from variance_bridge_triage.strategies.clusters import cluster
from variance_bridge_triage.strategies.strategy_names import strategies

QUANTITIES = st.sampled_from(["1", "-1", "2", "-2", "3", "-3", "0.5", "-0.5"])
STRIKES = st.sampled_from(["90", "95", "100", "105", "110"])
RIGHTS = st.sampled_from(["C", "P"])
DAYS = st.sampled_from(["10d", "30d", "95d"])
OPENED = st.sampled_from(["", "@2025-12-01", "@2025-12-02"])
DATES = [date(2025, 12, 1), date(2025, 12, 2), date(2025, 12, 3)]
SHARES = st.sampled_from(["100 stock", "-100 stock", "150.5 stock", "250 stock", "-30 stock"])


@st.composite
def option_texts(draw, days=DAYS, opened=OPENED):
    terms = draw(STRIKES) + draw(RIGHTS)
    return f"{draw(QUANTITIES)} {terms} {draw(days)} {draw(opened)}"


@st.composite
def share_texts(draw):
    return f"{draw(SHARES)} {draw(OPENED)}"


portfolios = st.lists(st.one_of(option_texts(), option_texts(), share_texts()), max_size=9)
one_expiration = st.lists(
    st.one_of(option_texts(days=st.just("30d"), opened=st.just("")), SHARES), max_size=9
)


def contract(leg):
    return (leg.symbol, leg.side, leg.opened_on)


def quantities(legs):
    sums = Counter()
    for leg in legs:
        sums[contract(leg)] += leg.quantity
    return dict(sums)


def legs_of(clusters):
    return [leg for found in clusters for leg in found.legs]


def valued(positions):
    """Amounts that cannot be divided evenly, different for every position."""
    return [
        attrs.evolve(
            position,
            unrealized_pl=Decimal(f"{100 + number}.07"),
            cost_basis=Decimal(f"{7 * number}.003"),
            greeks=Greeks(delta=Decimal(f"-{number}.123456789"), theta=Decimal(number)),
        )
        for number, position in enumerate(positions, 1)
    ]


@given(portfolios)
def test_every_contract_is_in_exactly_one_cluster(hold, today, texts):
    positions = [hold(text) for text in texts]
    assert quantities(legs_of(cluster(positions, today))) == quantities(positions)


@given(portfolios)
def test_amounts_are_shared_out_and_add_up_to_the_last_digit(hold, today, texts):
    positions = valued([hold(text) for text in texts])
    legs = legs_of(cluster(positions, today))
    for name in ("unrealized_pl", "cost_basis"):
        assert total(*(getattr(leg, name) for leg in legs)) == total(
            *(getattr(position, name) for position in positions)
        )
    for name in ("delta", "theta"):
        assert total(*(getattr(leg.greeks, name) for leg in legs)) == total(
            *(getattr(position.greeks, name) for position in positions)
        )


@given(portfolios, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(hold, today, texts, shuffle):
    positions = valued([hold(text) for text in texts])
    shuffled = shuffle.sample(positions, len(positions))
    assert cluster(shuffled, today) == cluster(positions, today)


@given(portfolios, st.data())
def test_splitting_a_row_into_two_lots_changes_no_cluster(hold, today, texts, data):
    positions = [hold(text) for text in texts]
    split = []
    for position in positions:
        share = data.draw(st.sampled_from([None, "0.25", "0.5", "0.1"]))
        first = position.quantity * Decimal(share or 0)
        split += [
            attrs.evolve(position, quantity=quantity)
            for quantity in (first, position.quantity - first)
            if quantity
        ]
    assert cluster(split, today) == cluster(positions, today)


@given(portfolios, st.data())
def test_the_days_on_which_legs_were_opened_change_nothing(hold, today, texts, data):
    positions = [hold(text) for text in texts]
    dayless = [attrs.evolve(position, opened_on=None) for position in positions]
    spread = [
        attrs.evolve(position, opened_on=data.draw(st.sampled_from([None, *DATES])))
        for position in positions
    ]
    assert _strategies(spread, today) == _strategies(dayless, today)


def _strategies(positions, today):
    found = []
    for each in cluster(positions, today):
        amounts = Counter()
        for leg in each.legs:
            amounts[leg.symbol, leg.side] += leg.quantity
        found.append((each.root, each.strategy, each.units, amounts))
    return found


@given(portfolios)
def test_clustering_the_legs_again_gives_the_same_clusters(hold, today, texts):
    clusters = cluster([hold(text) for text in texts], today)
    assert cluster(legs_of(clusters), today) == clusters


@given(portfolios)
def test_a_cluster_by_itself_is_still_that_cluster(hold, today, texts):
    for found in cluster([hold(text) for text in texts], today):
        assert cluster(found.legs, today) == (found,)


def mirror_names():
    """Each name with the one of the turned legs; names without a turned form are left out."""
    table = strategies()
    turned = {}
    for signature, entries in table.entries.items():
        opposite = tuple(sorted((kind, -ratio, a, b) for kind, ratio, a, b in signature))
        for entry in entries:
            for other in table.entries.get(opposite, ()):
                if other.widths == entry.widths and other.deep == entry.deep:
                    turned.setdefault(entry.name, set()).add(other.name)
    return turned


@given(one_expiration)
@example(["100 stock", "4 90P 30d", "-1 95P 30d"])
@example(["100 stock", "3 90P 30d", "-1 95P 30d"])
def test_turning_every_side_turns_every_strategy(hold, today, texts):
    positions = [hold(text) for text in texts]
    flipped = [
        attrs.evolve(p, side=Side.SHORT if p.side is Side.LONG else Side.LONG) for p in positions
    ]
    there, back = cluster(positions, today), cluster(flipped, today)
    mirrors = mirror_names()
    if any(found.strategy not in mirrors for found in (*there, *back)):
        return
    assert Counter(unsigned(found) for found in back) == Counter(unsigned(c) for c in there)
    turned = Counter((unsigned(c), frozenset(mirrors[c.strategy])) for c in there)
    for found in back:
        fitting = [key for key in turned if key[0] == unsigned(found) and found.strategy in key[1]]
        assert fitting
        turned[fitting[0]] -= 1
        turned += Counter()


def unsigned(found):
    return tuple(sorted((leg.symbol, leg.quantity) for leg in found.legs))


@given(one_expiration)
def test_no_short_option_stays_naked_beside_a_free_long_one(hold, today, texts):
    positions = [hold(text) for text in texts]
    clusters = cluster(positions, today)
    for right in ("call", "put"):
        longs, shorts = _sides(positions, right)
        covered = sum(min(_sides(found.legs, right)) for found in clusters)
        assert covered == min(longs, shorts)


def _sides(legs, right):
    sums = {Side.LONG: Decimal(0), Side.SHORT: Decimal(0)}
    for leg in legs:
        if leg.option_type is not None and leg.option_type.value == right:
            sums[leg.side] += leg.quantity
    return sums[Side.LONG], sums[Side.SHORT]


whole_contracts = st.lists(
    st.one_of(
        option_texts(opened=st.just("")).filter(lambda text: "0.5" not in text),
        st.sampled_from(["100 stock", "300 stock"]),
    ),
    max_size=10,
)


@given(whole_contracts)
def test_what_can_be_covered_is_never_shown_as_naked(hold, today, texts):
    positions = [hold(text) for text in texts]
    clusters = cluster(positions, today)
    for right in ("call", "put"):
        whole = _naked(positions, right)
        assert sum(_naked(found.legs, right) for found in clusters) == whole


def _naked(legs, right):
    """Short options that neither an option of the same or a later expiration nor shares cover."""
    naked = 0
    options = [leg for leg in legs if leg.option_type is not None and leg.option_type == right]
    for leg in sorted(options, key=lambda leg: (leg.expiration, leg.side is Side.LONG)):
        naked = naked + leg.quantity if leg.side is Side.SHORT else max(0, naked - leg.quantity)
    shares = sum(leg.quantity for leg in legs if leg.option_type is None)
    return max(0, naked - (shares // 100 if right == "call" else 0))


def test_a_calendar_never_leaves_naked_what_a_diagonal_would_cover(hold, today):
    legs = ["-1 100C 10d", "1 105C 20d", "-1 105C 30d", "1 100C 40d"]
    strategies_ = [found.strategy for found in cluster([hold(leg) for leg in legs], today)]
    assert strategies_ == ["Diagonal Spread (Call)", "Diagonal Spread (Call)"]


@pytest.mark.slow
def test_every_process_finds_the_same_clusters():
    """Python walks sets of dates in another order in every process."""
    found = {_clusters_of_another_process(seed) for seed in ("1", "2", "3")}
    assert len(found) == 1


def _clusters_of_another_process(seed):
    script = Path(__file__).with_name("print_clusters.py")
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    run = subprocess.run(
        [sys.executable, str(script)], env=environment, capture_output=True, text=True, check=True
    )
    assert "Iron Condor" in run.stdout
    return run.stdout


@pytest.mark.slow
def test_clustering_twenty_thousand_legs_takes_at_most_twenty_times_as_long_as_making_them(
    hold, today
):
    """Beside other work of the same process, because machines differ: 0.2 s and 1.2 s where it was written.

    What other tests left in memory is not looked through by the cycle collector meanwhile.
    """
    gc.freeze()
    generator = random.Random(20251222)
    texts = [
        f"{generator.choice([-3, -2, -1, 1, 2, 3])} {generator.randint(1, 4000)}"
        f"{generator.choice('CP')} {generator.randint(1, 50)}d"
        for _leg in range(20_000)
    ]
    start = time.process_time()
    positions = [hold("50000 stock"), *(hold(text) for text in texts)]
    made = time.process_time()
    cluster(positions, today)
    ended = time.process_time()
    gc.unfreeze()
    assert ended - made < 20 * (made - start)


def test_the_work_grows_nearly_with_the_number_of_legs(hold, today):
    """Counted in calls, which do not depend on the machine: ten times the legs, less than twelve times the work."""

    def calls(legs):
        positions = [hold("9000 stock")] + [
            hold(f"{(-1) ** (k // 2) * (k % 3 + 1)} {k}{'CP'[k % 2]} {k % 7 + 1}d")
            for k in range(legs)
        ]
        count = 0

        def count_call(_frame, event, _argument):
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(count_call)
        try:
            cluster(positions, today)
        finally:
            sys.setprofile(None)
        return count

    assert calls(2000) < 12 * calls(200)


def test_few_objects_are_alive_at_once_for_each_leg(hold, today, monkeypatch):
    """Python's collector walks through all of them again and again, which was a fifth of the time of many legs."""
    positions = [
        hold(f"{(-1) ** (k // 3) * (k % 4 + 1)} {100 + k % 50}{'CP'[k % 2]} {k + 1}d")
        for k in range(400)
    ]
    counts = []

    def counting(function):
        def counted(*given):
            gc.collect()
            # Which of the interpreter's own objects the collector knows differs by version.
            counts.append(
                sum("variance_bridge" in str(type(each).__module__) for each in gc.get_objects())
            )
            return function(*given)

        return counted

    for name in ("merge", "_taken_from"):
        monkeypatch.setattr(clusters, name, counting(getattr(clusters, name)))
    assert cluster(positions, today)
    before, then = counts
    assert then - before < 2.05 * len(positions)
