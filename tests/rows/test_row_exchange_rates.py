"""Exchange rates that rows state."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from variance_bridge.rows import exchange_rates

D = Decimal
DAY = date(2026, 1, 14)


@pytest.mark.parametrize(
    ("stated", "target", "rates"),
    [
        ([("USD", D(1)), ("EUR", D("1.16")), ("EUR", D("1.160"))], "USD", {"EUR": D("1.16")}),
        ([("USD", D(1)), ("EUR", D("1.16"))], None, {"EUR": D("1.16")}),
        ([("USD", D(1)), ("EUR", D("1.16")), ("EUR", D("1.17"))], "USD", {}),
        ([("USD", D(1)), ("EUR", D(1))], None, {}),
        ([("USD", D(1)), ("BSD", D(1))], "USD", {"BSD": D(1)}),
        ([("USD", D("0.8")), ("EUR", D("0.9"))], "CHF", {"USD": D("0.8"), "EUR": D("0.9")}),
        ([("USD", D("0.8")), ("EUR", D("0.9"))], None, {}),
        ([("EUR", D(0)), ("GBP", D(-1)), ("JPY", None), (None, D(2))], "USD", {}),
        ([], "USD", {}),
    ],
)
def test_each_currency_has_its_rate_unless_rows_contradict_each_other(stated, target, rates):
    found = exchange_rates(stated, target, DAY)

    assert {each.currency: each.rate for each in found} == rates
    assert {each.target for each in found} <= {target or "USD"}
    assert {each.day for each in found} <= {DAY}
