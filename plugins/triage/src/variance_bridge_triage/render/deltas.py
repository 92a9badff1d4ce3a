"""Deltas as they are shown: weighted against the benchmark where that is known, so that a column has one unit. Pure."""

from __future__ import annotations

from decimal import Decimal

from variance_bridge.formatting import number
from variance_bridge_triage.rules.report import Report

_MANY = 100
"""From this delta on its tenths are noise."""


def is_weighted(report: Report) -> bool:
    """Whether the weighted delta is known for most of what has a delta; that of cash is 0 and says nothing."""
    listed = [entry.facts for entry in report.entries]
    weighted = sum(bool(facts.beta_delta.amount) for facts in listed)
    plain = sum(bool(facts.delta.amount) for facts in listed)
    return weighted > 0 and 2 * weighted >= plain


def delta_words(amount: Decimal | None) -> str:
    """`-61.0`, `+195`: the delta with its sign."""
    places = 0 if amount is not None and abs(amount) >= _MANY else 1
    return number(amount, places, sign=True)
