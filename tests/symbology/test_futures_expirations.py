"""Which contract of a futures product a day of expiration tells, and which it contradicts."""

from __future__ import annotations

from datetime import date

import pytest

from variance_bridge.symbology import contract_expiring, future_may_expire, futures_product
from variance_bridge.symbology.tables import read_table


@pytest.mark.parametrize(
    ("root", "day", "contract"),
    [
        ("/MES", date(2027, 3, 19), "/MESH7"),
        ("/6E", date(2026, 12, 14), "/6EZ6"),
        ("/VX", date(2026, 2, 18), "/VXG26"),
        ("/CL", date(2026, 2, 20), None),
        ("/GC", date(2026, 2, 25), None),
        ("/SR3", date(2026, 12, 15), None),
        ("/QZQ", date(2026, 12, 15), None),
    ],
)
def test_a_day_tells_the_contract_only_of_products_that_expire_in_its_month(root, day, contract):
    assert contract_expiring(root, day) == contract


@pytest.mark.parametrize(
    ("root", "month", "day", "may"),
    [
        ("/MES", "2027-03", date(2027, 3, 19), True),
        ("/MES", "2027-06", date(2027, 3, 19), False),
        ("/MES", "2028-03", date(2027, 3, 19), False),
        ("/CL", "2026-03", date(2026, 2, 20), True),
        ("/BZ", "2026-03", date(2026, 1, 30), True),
        ("/SR3", "2026-09", date(2026, 12, 15), True),
        ("/CL", "2026-07", date(2026, 2, 20), False),
    ],
)
def test_a_contract_expires_in_or_near_the_month_that_it_is_named_after(root, month, day, may):
    assert future_may_expire(root, month, day) is may


def test_every_product_that_expires_in_its_month_is_listed():
    for code in read_table("futures_products.toml")["expire_in_their_month"]:
        product = futures_product(code)
        assert product is not None, code
        assert product.expires_in_its_month
