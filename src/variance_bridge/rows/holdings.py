"""A position from the terms and prices of its row. What the broker states twice must agree. Pure and exact."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal

from variance_bridge.model import Caution, Holding, Quote, Side
from variance_bridge.money import cost_basis, difference, market_value, signed
from variance_bridge.rounding_tolerance import within_tolerance
from variance_bridge.rows.members import Members
from variance_bridge.symbology import Deliverable, Instrument, InstrumentType

MAX_SYMBOL_LENGTH = 64
"""Of the schema."""

_BROKER_SYMBOL = re.compile(r"[!-~](?:[ -~]*[!-~])?")
# A future may have any price, and of what is unnamed nothing is known; all else is worth zero or more to its owner.
_OF_ANY_WORTH = frozenset({InstrumentType.FUTURE, InstrumentType.CASH, InstrumentType.OTHER})
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_ADJUSTED = Deliverable.ADJUSTED


def holding(
    row: Members,
    instrument: Instrument,
    side: Side,
    quantity: Decimal,
    *,
    multiplier: Decimal | None,
    average_price: Decimal | None = None,
    mark: Decimal | None = None,
    cost: Decimal | None = None,
    value: Decimal | None = None,
    day_pl: Decimal | None = None,
    expires_at: datetime | None = None,
    opened_on: date | None = None,
    broker_symbol: str | None = None,
    source: str | None = None,
) -> Holding:
    """The position of a row, with its money: cost, value and unrealized profit follow from price, quantity, multiplier.

    For members that are not named here, evolve it: `attrs.evolve(holding(...), sector=row.word("sector"))`.

    Args:
        row: where cautions go: `adjusted_deliverable`, `cost_contradicted`, `value_contradicted`.
        instrument: from the row's symbol or terms.
        side: long or short.
        quantity: contracts, shares or coins; not zero. Its sign is ignored, because `side` says it.
        multiplier: the broker's (`Members.multiplier`); None is unknown, and then nothing is computed.
        average_price: what a unit cost on average.
        mark: what a unit is worth.
        cost: the total cost that the row states, whatever its sign. It stands for a product that cannot be computed;
            where it contradicts `average_price`, neither is kept.
        value: the total value that the row states, negative for a short position; likewise, with `mark`.
        day_pl: what the position gained today, signed. Not kept where `value` contradicts `mark`.
        expires_at: the instant at which the contract expires.
        opened_on: the day on which the position was opened.
        broker_symbol: as the broker spells it; kept where it differs from the canonical symbol.
        source: of the mark: the name of the broker.
    """
    size = quantity.copy_abs()  # `abs` would round at 28 digits
    if instrument.deliverable is _ADJUSTED:
        row.caution(Caution.ADJUSTED_DELIVERABLE)
    if multiplier is not None and average_price is not None:
        computed, stated = cost_basis(average_price, size, multiplier), cost
        cost = computed
        if stated is not None and not within_tolerance(abs(stated), abs(computed), size):
            row.caution(Caution.COST_CONTRADICTED)
            average_price = cost = None
    elif cost is not None:
        cost = abs(cost)
    if multiplier is not None and mark is not None:
        computed, stated = market_value(side, mark, size, multiplier), value
        value = computed
        if stated is not None and not within_tolerance(stated, computed, size):
            row.caution(Caution.VALUE_CONTRADICTED)
            mark = value = day_pl = None
    elif value is not None and value * side.sign < 0 and instrument.type not in _OF_ANY_WORTH:
        row.caution(Caution.VALUE_CONTRADICTED)
        value = None
    profit = None
    if cost is not None and value is not None:
        profit = difference(value, signed(side, cost))
    return Holding(
        root=instrument.root,
        symbol=instrument.symbol,
        broker_symbol=_publishable(broker_symbol, instrument.symbol),
        underlying=instrument.underlying,
        type=instrument.type,
        side=side,
        quantity=size,
        option_type=instrument.option_type,
        strike=instrument.strike,
        expiration=instrument.expiration,
        deliverable=instrument.deliverable,
        multiplier=multiplier,
        average_price=average_price,
        cost_basis=cost,
        market_value=value,
        unrealized_pl=profit,
        day_pl=day_pl,
        expires_at=expires_at,
        opened_on=opened_on,
        quote=None if mark is None else Quote(mark=mark, source=source),
    )


def _publishable(spelled: str | None, canonical: str) -> str | None:
    """The broker's spelling, where it differs and the schema lets it pass."""
    if spelled is None or spelled == canonical:
        return None
    text = spelled.strip()
    if text == canonical or len(text) > MAX_SYMBOL_LENGTH or not _BROKER_SYMBOL.fullmatch(text):
        return None
    return text
