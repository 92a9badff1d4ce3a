"""What a large move by each expiration would cost, for the expiry calendar of the page and of the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from variance_bridge.money import total
from variance_bridge.symbology import Deliverable
from variance_bridge_triage.render.legs import Rung, day, ladder, one_line
from variance_bridge_triage.rules.expected_move import expected_move
from variance_bridge_triage.rules.metrics import Facts
from variance_bridge_triage.rules.possible_losses import stress_loss

DEVIATIONS = 2
"""Of the implied volatility to the expiration, up and down: each strategy is tried with the moves of its own underlying."""


class ExpiryRisk(Struct, frozen=True, kw_only=True):
    """One day of expirations, and what a move of `DEVIATIONS` would cost by then.

    Attributes:
        rung: the day and its contracts.
        loss: the sum over the strategies of which this is the first expiration, each moved the way that is worse for it; None
            where no part is known.
        left_out: what of that day is not in `loss`, each with the reason: `BABA (adjusted)`.
    """

    rung: Rung
    loss: Decimal | None
    left_out: tuple[str, ...]


def expiry_risks(strategies: Sequence[Facts], today: date) -> list[ExpiryRisk]:
    """Each day on which something expires, the next first. Of strategies in one currency, or the sums mean nothing."""
    return [_risk_of(rung, strategies) for rung in ladder(strategies, today)]


def _risk_of(rung: Rung, strategies: Sequence[Facts]) -> ExpiryRisk:
    losses, left_out = [], []
    for facts in strategies:
        if all(leg.expiration != rung.expiration for leg in facts.cluster.legs):
            continue
        loss = _loss(facts) if facts.expiration == rung.expiration else None
        if loss is None:
            name = one_line(facts.cluster.root)
            left_out.append(f"{name} ({_why_left_out(facts, rung.expiration)})")
        else:
            losses.append(loss)
    return ExpiryRisk(
        rung=rung,
        loss=total(*losses) if losses else None,
        left_out=tuple(dict.fromkeys(left_out)),
    )


def _loss(facts: Facts) -> Decimal | None:
    move = expected_move(facts)
    if move is None or facts.price is None:
        return None
    low = max(facts.price - DEVIATIONS * move, Decimal(0))
    return stress_loss(facts, low, facts.price + DEVIATIONS * move)


def _why_left_out(facts: Facts, expiration: date) -> str:
    if facts.expired:
        return "expired"
    if facts.expiration is not None and facts.expiration != expiration:
        return f"counted on {day(facts.expiration).strip()}"
    if any(leg.deliverable is Deliverable.ADJUSTED for leg in facts.options):
        return "adjusted"
    if facts.price is None:
        return "price unknown"
    if expected_move(facts) is None:
        return "volatility unknown"
    return "value unknown"


def lost(loss: Decimal) -> Decimal:
    """The loss as a signed amount; nothing lost is 0, without a sign."""
    return -loss if loss else Decimal(0)
