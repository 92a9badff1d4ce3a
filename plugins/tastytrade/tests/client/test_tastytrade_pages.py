"""A list of positions that comes in pages is read to its end."""

from __future__ import annotations

import pytest

from variance_bridge.errors import DataRefused
from variance_bridge_tastytrade.client.items_and_pages import all_items, items_of


def page(number, items, total):
    return {"data": {"items": items}, "pagination": {"page-offset": number, "total-items": total}}


def asking(*pages):
    asked = []

    def ask(params):
        asked.append(params)
        return pages[min(len(asked), len(pages)) - 1]

    return ask, asked


def test_all_pages_are_one_envelope():
    ask, asked = asking(page(0, [1, 2], 5), page(1, [3, 4], 5), page(2, [5], 5))

    assert items_of(all_items(ask, "positions"), "positions") == [1, 2, 3, 4, 5]
    assert asked == [[], [("page-offset", "1")], [("page-offset", "2")]]


@pytest.mark.parametrize("pagination", [None, {"total-items": 0}, {"total-items": 2}])
def test_one_page_stays_as_it_came(pagination):
    envelope = {"data": {"items": [1, 2]}, "pagination": pagination}
    ask, asked = asking(envelope)

    assert all_items(ask, "positions") is envelope
    assert asked == [[]]


@pytest.mark.parametrize(
    "pages",
    [
        (page(0, [1, 2], 5),),
        (page(0, [1, 2], 5), page(1, [3, 4], 5), page(2, [], 5)),
        (page(0, [1, 2], 4), page(1, [3, 4, 5], 4)),
        (page(0, [], 3),),
        (page(0, [1], 2), {"data": {}}),
    ],
)
def test_a_list_that_does_not_come_to_its_announced_end_is_refused(pages):
    ask, asked = asking(*pages)

    with pytest.raises(DataRefused):
        all_items(ask, "positions")
    assert len(asked) < 5
