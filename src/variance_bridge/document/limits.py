"""The limits of `limits.toml`: how far numbers of one document may be apart before they contradict each other."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path

import attrs

_FILE = Path(__file__).with_name("limits.toml")


@attrs.frozen(kw_only=True)
class Limits:
    """The limits by table and name; the file says what each is and why."""

    last_factor: Decimal
    last_option_factor: Decimal
    last_slack: Decimal
    contradicted_factor: Decimal
    rank_least: int
    rank_most: int
    greeks_delta: Decimal
    greeks_delta_noise: Decimal
    greeks_noise: Decimal
    times_first_year: int
    times_last_year: int
    times_fetch_takes: int
    times_expiry_days: int
    times_days_ahead: int


@cache
def limits() -> Limits:
    """The limits, read once."""
    text = _FILE.read_text(encoding="utf-8")
    tables = tomllib.loads(text, parse_float=Decimal)
    named = {
        f"{table}_{name}": value for table, entry in tables.items() for name, value in entry.items()
    }
    return Limits(**named)
