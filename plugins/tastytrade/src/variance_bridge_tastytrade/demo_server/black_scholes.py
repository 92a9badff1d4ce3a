"""Prices and greeks for an invented market: the generalised Black-Scholes formula, in floats.

Nothing here touches money that a client computes: the simulator rounds the results to ticks and serves them as
decimal strings, as the real API does with its own model's numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

DAYS_PER_YEAR: Final = 365.0


@dataclass(frozen=True)
class Valuation:
    """Per unit of the underlying: theta per day, vega per volatility point, rho per point of interest."""

    price: float
    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def value(
    right: str,
    underlying: float,
    strike: float,
    years: float,
    volatility: float,
    rate: float,
    carry: float,
) -> Valuation:
    """A European option. `carry` is rate less dividend yield for shares, and 0 for futures (Black 1976)."""
    sign = 1.0 if right == "C" else -1.0
    deviation = volatility * math.sqrt(years)
    d1 = (math.log(underlying / strike) + (carry + volatility**2 / 2) * years) / deviation
    d2 = d1 - deviation
    forward = underlying * math.exp((carry - rate) * years)
    paid = strike * math.exp(-rate * years)
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    price = sign * (forward * _normal(sign * d1) - paid * _normal(sign * d2))
    decay = (
        -forward * density * volatility / (2 * math.sqrt(years))
        - sign * (carry - rate) * forward * _normal(sign * d1)
        - sign * rate * paid * _normal(sign * d2)
    )
    return Valuation(
        price=max(price, 0.0),
        delta=sign * math.exp((carry - rate) * years) * _normal(sign * d1),
        gamma=forward * density / (underlying**2 * deviation),
        theta=decay / DAYS_PER_YEAR,
        vega=forward * density * math.sqrt(years) / 100,
        rho=sign * years * paid * _normal(sign * d2) / 100,
    )


def _normal(x: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))
