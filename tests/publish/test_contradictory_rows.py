"""One row whose numbers contradict each other costs itself a member, a flag or its place, and no other row anything."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from variance_bridge.document.check import check
from variance_bridge.model import (
    Caution,
    Counts,
    Flag,
    Greeks,
    Holding,
    Meta,
    Portfolio,
    Quote,
    RejectedRow,
    Rejection,
    Side,
    Status,
)
from variance_bridge.pipeline.contradictory_rows import settle
from variance_bridge.symbology import InstrumentType
from variance_bridge.testing.hypothesis_portfolios import portfolios

D = Decimal
NOW = datetime(2026, 2, 6, 15, 0, tzinfo=UTC)
GOOD = Holding(
    root="SPY", symbol="SPY", type=InstrumentType.STOCK, side=Side.LONG, quantity=D(10),
    multiplier=D(1), average_price=D(600), cost_basis=D(6000), market_value=D(6500),
    unrealized_pl=D(500), quote=Quote(mark=D(650)),
)  # fmt: skip
OTHER = Holding(
    root="QZA", symbol="QZA", type=InstrumentType.STOCK, side=Side.LONG, quantity=D(100),
    multiplier=D(1), average_price=D(10), cost_basis=D(1000), market_value=D(1200),
    unrealized_pl=D(200), quote=Quote(bid=D("11.9"), ask=D("12.1"), last=D(12)),
)  # fmt: skip


def portfolio(*positions, flags=()):
    count = len(positions)
    return Portfolio(
        meta=Meta(
            source="acme",
            fetched_at=NOW,
            account_hash="0123456789ab***",
            status=Status.COMPLETE,
            counts=Counts(fetched=count, normalized=count, closed=0, rejected=0),
            flags=flags,
        ),
        positions=positions,
    )


def changed(**changes):
    return attrs.evolve(OTHER, **changes)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (changed(market_value=D(120_000), unrealized_pl=D(119_000)), Rejection.NUMBERS_CONTRADICT),
        (changed(unrealized_pl=D(200_000)), Rejection.NUMBERS_CONTRADICT),
        (changed(cost_basis=D(100_000), unrealized_pl=None), Rejection.NUMBERS_CONTRADICT),
        (changed(market_value=D(-1200), unrealized_pl=None), Rejection.NUMBERS_CONTRADICT),
        (changed(currency="GBX"), Rejection.NUMBERS_CONTRADICT),
        (changed(root="QZB"), Rejection.TERMS_CONTRADICT),
    ],
)
def test_a_row_that_nobody_can_trust_is_rejected_and_the_others_are_kept(row, reason):
    settled = settle(portfolio(GOOD, row))

    assert settled.violations == []
    assert settled.portfolio.positions == (GOOD,)
    meta = settled.portfolio.meta
    assert meta.rejected == (RejectedRow(row=2, reason=reason, symbol="QZA"),)
    assert meta.counts == Counts(fetched=2, normalized=1, closed=0, rejected=1)
    assert meta.status is Status.PARTIAL


def test_a_rejected_row_is_named_as_a_flag_of_the_plugin_names_it():
    wrong = changed(unrealized_pl=D(200_000))
    flags = (Flag(caution=Caution.QUOTE_STALE, row=7, symbol="QZA"),)

    (rejected,) = settle(portfolio(GOOD, wrong, flags=flags)).portfolio.meta.rejected

    assert rejected.row == 7


@pytest.mark.parametrize(
    ("row", "expected", "caution"),
    [
        (
            changed(quote=Quote(bid=D(13), ask=D(12), last=D(12))),
            changed(quote=Quote(last=D(12))),
            Caution.QUOTE_UNUSABLE,
        ),
        (
            changed(quote=Quote(bid=D(-1), ask=D("12.1"), last=D(12))),
            changed(quote=Quote(ask=D("12.1"), last=D(12))),
            Caution.QUOTE_UNUSABLE,
        ),
        (
            changed(greeks=Greeks(delta=D(-100), beta_delta=D(50))),
            changed(greeks=Greeks(beta_delta=D(50))),
            Caution.QUOTE_UNUSABLE,
        ),
        (
            changed(opened_on=date(2026, 3, 1)),
            OTHER,
            Caution.TIME_CONTRADICTED,
        ),
        (
            changed(quote=Quote(last=D(12), as_of=NOW + timedelta(days=1))),
            changed(quote=Quote(last=D(12))),
            Caution.TIME_CONTRADICTED,
        ),
        (
            changed(expires_at=NOW, expiration=date(2027, 1, 15), type=InstrumentType.OTHER),
            changed(expiration=date(2027, 1, 15), type=InstrumentType.OTHER),
            Caution.TIME_CONTRADICTED,
        ),
        (
            changed(quote=Quote(last=D(12), iv_rank=D(2543), iv_percentile=D(60))),
            changed(quote=Quote(last=D(12), iv_percentile=D(60))),
            Caution.QUOTE_UNUSABLE,
        ),
        (
            changed(unrealized_pl=D(150)),
            changed(unrealized_pl=D(150)),
            Caution.COST_CONTRADICTED,
        ),
    ],
)
def test_a_row_loses_what_is_wrong_is_flagged_and_stays(row, expected, caution):
    settled = settle(portfolio(GOOD, row))

    assert settled.violations == []
    assert set(settled.portfolio.positions) == {GOOD, expected}
    assert settled.portfolio.meta.flags == (Flag(caution=caution, symbol="QZA"),)
    assert settled.portfolio.meta.status is Status.COMPLETE


def test_a_position_that_was_reported_twice_is_kept_twice_and_flagged():
    settled = settle(portfolio(GOOD, OTHER, OTHER))

    assert settled.violations == []
    assert len(settled.portfolio.positions) == 3
    assert settled.portfolio.meta.flags == (Flag(caution=Caution.POSITION_REPEATED, symbol="QZA"),)


def test_a_future_that_is_held_long_and_short_is_flagged():
    long = Holding(
        root="/ES", symbol="/ESZ6", type=InstrumentType.FUTURE, side=Side.LONG, quantity=D(2)
    )
    settled = settle(portfolio(GOOD, long, attrs.evolve(long, side=Side.SHORT)))

    assert settled.violations == []
    assert len(settled.portfolio.positions) == 3
    assert settled.portfolio.meta.flags == (
        Flag(caution=Caution.POSITION_REPEATED, symbol="/ESZ6"),
    )


def test_a_contradiction_of_the_whole_document_is_left_for_the_gate():
    counts = Counts(fetched=9, normalized=2, closed=0, rejected=0)
    whole = portfolio(GOOD, OTHER)
    wrong = attrs.evolve(whole, meta=attrs.evolve(whole.meta, counts=counts))

    settled = settle(wrong)

    assert settled.portfolio is wrong
    assert [violation.pointer for violation in settled.violations] == ["/meta/counts/fetched"]


@given(portfolios())
def test_what_is_sound_is_returned_as_it_is(whole):
    settled = settle(whole)

    assert settled.portfolio.positions is whole.positions
    assert settled.portfolio.meta.rejected == whole.meta.rejected
    assert settled.violations == []


AMOUNTS = st.none() | st.integers(-(10**6), 10**6).map(Decimal)


@given(
    st.builds(
        changed,
        market_value=AMOUNTS,
        unrealized_pl=AMOUNTS,
        cost_basis=AMOUNTS,
        average_price=AMOUNTS,
        opened_on=st.none() | st.dates(),
        quote=st.builds(Quote, bid=AMOUNTS, ask=AMOUNTS, mark=AMOUNTS, last=AMOUNTS),
        greeks=st.builds(Greeks, delta=AMOUNTS, gamma=AMOUNTS, implied_volatility=AMOUNTS),
    )
)
def test_whatever_one_row_says_the_others_are_published(row):
    settled = settle(portfolio(GOOD, row))

    assert settled.violations == check(settled.document) == []
    assert GOOD in settled.portfolio.positions
    counts = settled.portfolio.meta.counts
    assert counts.normalized + counts.rejected == 2
