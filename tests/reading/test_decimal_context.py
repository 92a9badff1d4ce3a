"""A program that rounds its own decimals, or forbids rounding them, reads the same numbers."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Context, Inexact, Rounded, localcontext
from pathlib import Path

import pytest

from variance_bridge import PortfolioParser, load_all
from variance_bridge.reading.engine_rows import positions

NOW = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
FULL = Path(__file__).parents[2] / "schemas" / "examples" / "full.json"


def all_that_is_read():
    book = load_all([FULL], NOW, any_age=True)
    (snapshot,) = book.snapshots
    return (
        repr(book),
        repr(book.totals_by_currency),
        repr(list(book.rows())),
        PortfolioParser(any_age=True).parse(FULL),
        repr(positions(snapshot.portfolio, NOW)),
    )


@pytest.mark.parametrize("context", [Context(prec=3), Context(prec=3, traps=[Inexact, Rounded])])
def test_the_decimal_context_of_the_program_around_changes_nothing(context):
    expected = all_that_is_read()
    with localcontext(context):
        assert all_that_is_read() == expected
