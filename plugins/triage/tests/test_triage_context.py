"""A program that rounds its own decimals, or forbids rounding them, sees the same triage."""

from __future__ import annotations

from decimal import Context, Inexact, Rounded, localcontext

import pytest


@pytest.mark.parametrize("context", [Context(prec=3), Context(prec=3, traps=[Inexact, Rounded])])
def test_the_decimal_context_of_the_program_around_changes_nothing(triaged, hold, context):
    legs = ["-3 100P 40d", "2 95P 40d", "-1 110C 40d", "150 stock", "1 120C 90d"]
    positions = [hold(leg) for leg in legs]
    expected = repr(triaged(positions))
    with localcontext(context):
        assert repr(triaged(positions)) == expected
