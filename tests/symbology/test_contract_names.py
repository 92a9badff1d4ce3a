"""Contracts as people call them."""

from __future__ import annotations

import pytest

from variance_bridge.symbology import contract_name


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("SPY   261218P00640000", "SPY 2026-12-18 640 put"),
        ("SPXW  260116P06800000", "SPXW 2026-01-16 6800 put"),
        ("BABA2 260116C00047500", "BABA2 2026-01-16 47.5 call adj"),
        ("./ESH6 EW3F6 260116P6000", "/ESH6 EW3F6 2026-01-16 6000 put"),
        ("/ESH6", "/ESH6"),
        ("BRK/B", "BRK/B"),
        ("a private fund", "a private fund"),
        ("", ""),
    ],
)
def test_an_option_is_called_by_its_terms_and_all_else_by_its_symbol(symbol, name):
    assert contract_name(symbol) == name
