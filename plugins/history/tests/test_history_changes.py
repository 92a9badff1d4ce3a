"""What changed between two documents."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from variance_bridge import Holding, InstrumentType, Side
from variance_bridge_history.position_changes import Held, _place, changes, held

TODAY = date(2026, 1, 16)
CALL, LATER, PUT, OVER = (
    "MCD   260320C00310000",
    "MCD   260417C00315000",
    "MCD   260320P00280000",
    "MCD   260102C00300000",
)


def option(symbol, quantity):
    day = date(2000 + int(symbol[6:8]), int(symbol[8:10]), int(symbol[10:12]))
    right = "call" if symbol[12] == "C" else "put"
    return Held(
        root="MCD", symbol=symbol, quantity=Decimal(quantity), expiration=day, option_type=right
    )


def share(symbol, quantity):
    return Held(root=symbol, symbol=symbol, quantity=Decimal(quantity))


def of(*rows):
    return {row.symbol: row for row in rows}


def symbols(found):
    return [each.symbol for each in found]


def test_each_change_has_its_list():
    old = of(share("F", 100), share("GM", 5), option(CALL, -1), option(OVER, -2), share("T", 1))
    new = of(share("F", 150), share("GM", 5), option(LATER, -1), option(PUT, 1))
    found = changes(old, new, TODAY)

    assert symbols(found.opened) == [PUT]
    assert symbols(found.closed) == ["T"]
    assert [(c.symbol, c.before, c.after) for c in found.changed] == [("F", 100, 150)]
    assert symbols(found.expired) == [OVER]
    assert [(r.closed.symbol, r.opened.symbol) for r in found.rolled] == [(CALL, LATER)]


@pytest.mark.parametrize(
    ("closed", "opened"),
    [
        (option(CALL, -1), option(PUT, -1)),  # another right
        (option(CALL, -1), option(LATER, 1)),  # the other side
        (option(CALL, -1), option(LATER, -2)),  # another quantity
        (share("F", 100), share("GM", 100)),
    ],
)
def test_what_differs_in_more_than_strike_and_day_is_not_a_roll(closed, opened):
    found = changes(of(closed), of(opened), TODAY)

    assert found.rolled == ()
    assert (symbols(found.closed), symbols(found.opened)) == ([closed.symbol], [opened.symbol])


def test_each_new_option_takes_the_place_of_one_that_was_closed():
    days = [f"26{month:02d}20" for month in range(3, 10)]
    old = [option(f"MCD   {day}C00310000", -1) for day in days[:4]]
    new = [option(f"MCD   {day}C00320000", -1) for day in days[:3]]
    found = changes(of(*old), of(*new), TODAY)

    assert [(r.closed.symbol, r.opened.symbol) for r in found.rolled] == [
        (closed.symbol, opened.symbol) for closed, opened in zip(old, new, strict=False)
    ]
    assert symbols(found.closed) == [old[3].symbol]
    assert found.opened == ()


def test_rolls_are_found_without_comparing_every_pair(monkeypatch):
    compared = 0

    def compare(one, other):
        nonlocal compared
        compared += 1
        return one is other

    monkeypatch.setattr(Held, "__eq__", compare)
    strikes = [f"{strike:05d}000" for strike in range(1, 2001)]
    old = of(*(option(f"MCD   260320C{strike}", -1) for strike in strikes))
    new = of(*(option(f"MCD   260417C{strike}", -1) for strike in strikes))
    places = []
    monkeypatch.setattr(
        "variance_bridge_history.position_changes._place",
        lambda each, place=_place: places.append(1) or place(each),
    )
    found = changes(old, new, TODAY)

    assert len(found.rolled) == 2000
    assert len(places) + compared <= 3 * 4000


def deliverable(symbol, quantity, *, multiplier=100):
    return replace(option(symbol, quantity), delivered="MCD", delivers=multiplier and Decimal(multiplier))  # fmt: skip


@pytest.mark.parametrize(
    ("gone", "before", "after", "looks"),
    [
        (deliverable(PUT, -2), 0, 200, "assigned"),
        (deliverable(PUT, 2), 200, 0, "exercised"),
        (deliverable(CALL, -1), 100, 0, "assigned"),
        (deliverable(CALL, 1), 0, 100, "exercised"),
        (deliverable(CALL, -1), 0, -100, "assigned"),
        (deliverable(PUT, -2), 0, 250, "assigned"),
        (deliverable(PUT, -2), 0, 100, None),
        (deliverable(PUT, -2), 200, 0, None),
        (deliverable(PUT, -2), 100, 100, None),
        (deliverable(PUT, -2, multiplier=None), 0, 200, None),
        (option(PUT, -2), 0, 200, None),
    ],
)
@pytest.mark.parametrize("today", [TODAY, date(2026, 6, 1)], ids=["closed", "expired"])
def test_an_option_looks_assigned_when_what_it_delivers_moved(gone, before, after, looks, today):
    found = changes(of(gone, share("MCD", before)), of(share("MCD", after)), today)
    (change,) = (each for each in (*found.closed, *found.expired) if each.symbol == gone.symbol)

    assert change.looks == looks


def test_shares_that_moved_explain_an_option_once():
    old = of(deliverable(PUT, -1), deliverable("MCD   260320P00290000", -1))
    found = changes(old, of(share("MCD", 100)), TODAY)

    assert [each.looks for each in found.closed] == ["assigned", None]


def test_an_assigned_option_was_not_rolled():
    new = of(share("MCD", 100), option("MCD   260417P00280000", -1))
    found = changes(of(deliverable(PUT, -1)), new, TODAY)

    assert found.rolled == ()
    assert [each.looks for each in found.closed] == ["assigned"]


def test_an_option_that_is_gone_on_its_last_day_was_closed():
    last = option(OVER, 1)

    assert symbols(changes(of(last), {}, last.expiration).closed) == [OVER]
    assert symbols(changes(of(last), {}, date(2026, 1, 3)).expired) == [OVER]


def test_lots_count_together_and_short_is_negative():
    lots = [
        Holding(root="F", symbol="F", type=InstrumentType.STOCK, side=side, quantity=Decimal(size))
        for side, size in ((Side.LONG, 10), (Side.LONG, 5), (Side.SHORT, 40))
    ]

    assert held(lots)["F"].quantity == -25


rows = st.dictionaries(
    st.sampled_from([CALL, LATER, PUT, OVER]), st.integers(-3, 3).filter(bool), max_size=4
)


@given(rows, rows)
def test_every_symbol_that_differs_is_in_exactly_one_list(before, after):
    old, new = (of(*(option(*row) for row in each.items())) for each in (before, after))
    found = changes(old, new, TODAY)
    seen = [
        *symbols(found.opened),
        *symbols(found.closed),
        *symbols(found.changed),
        *symbols(found.expired),
        *(each for roll in found.rolled for each in (roll.closed.symbol, roll.opened.symbol)),
    ]

    assert sorted(seen) == sorted(
        symbol for symbol in before.keys() | after.keys() if before.get(symbol) != after.get(symbol)
    )


@given(rows)
def test_nothing_changed_between_a_document_and_itself(before):
    same = of(*(option(*row) for row in before.items()))
    found = changes(same, same, TODAY)

    assert not any((found.opened, found.closed, found.changed, found.rolled, found.expired))
