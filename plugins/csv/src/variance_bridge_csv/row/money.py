"""What the amounts of a row mean: cost, value and profit, brought to the signs of the lingua franca and cross-checked.

All arithmetic is exact. What does not fit is left out or flagged, never adjusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal, Rounded
from enum import Enum, auto

import attrs

from variance_bridge.model import Caution, Quote, Side
from variance_bridge.money import signed, within_tolerance
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect.model import Basis, MoneyRules, Sign

MAX_DIGITS = 38
"""Significant digits of a computed amount; what has more is not written."""

_EXACT = Context(prec=200)
_WRITABLE = Context(prec=MAX_DIGITS, traps=[Rounded])
_ROUNDING = Context(prec=MAX_DIGITS, traps=[])
_CENT = Decimal("0.01")
_HALF = Decimal("0.5")
_ONE, _TWO = Decimal(1), Decimal(2)
_PRICE_TOLERANCE = Decimal("0.005")
"""How far, as a share of the price, a profit may be from the prices beside it: they are not of the same second."""


class CostCheck(Enum):
    """What profit, price and cost together say of the cost's sign."""

    IMPOSSIBLE = auto()
    CONFIRMED = auto()
    CONTRADICTED = auto()


@attrs.frozen(kw_only=True)
class Amounts:
    """The amounts of a row as the file has them, and what they belong to."""

    type: InstrumentType
    side: Side
    quantity: Decimal
    multiplier: Decimal | None
    quote: Quote
    cost_total: Decimal | None
    cost_per_unit: Decimal | None
    value: Decimal | None
    gain: Decimal | None
    day_gain: Decimal | None


@attrs.frozen(kw_only=True)
class Money:
    """The amounts of a position in the signs of the lingua franca; `mark` is the one that agrees with the value."""

    average_price: Decimal | None = None
    cost_basis: Decimal | None = None
    market_value: Decimal | None = None
    unrealized_pl: Decimal | None = None
    day_pl: Decimal | None = None
    mark: Decimal | None = None
    cautions: tuple[Caution, ...] = ()
    check: CostCheck = CostCheck.IMPOSSIBLE
    sign_agrees: bool | None = None
    """Whether the sign of the cost agrees with the side by the dialect's convention; None without a cost."""


def weigh(amounts: Amounts, rules: MoneyRules) -> Money:
    """The position's money.

    Without a multiplier there is none: what the file says could not be checked against any price.
    """
    mark = _mark(amounts, rules)
    if amounts.multiplier is None:
        return Money(mark=mark)
    units = _EXACT.multiply(amounts.quantity, amounts.multiplier)
    notional = amounts.type is not InstrumentType.FUTURE or rules.futures_cost
    total = amounts.cost_total if notional else None
    meaningless = not notional and amounts.cost_total is not None
    cautions = [Caution.COST_MEANINGLESS] if meaningless else []
    per_unit = _per_unit(amounts, rules)
    basis, agrees = _signed_basis(total, per_unit, amounts, rules)
    basis, check, doubts = _checked(basis, amounts, units, mark)
    cautions += doubts
    average, basis_total, more = _cost(basis, total, per_unit, amounts, units)
    value, mark, still_more = _value(amounts, rules, mark, basis_total, check, notional=notional)
    return Money(
        average_price=average,
        cost_basis=basis_total,
        market_value=value,
        unrealized_pl=amounts.gain,
        day_pl=amounts.day_gain,
        mark=mark,
        cautions=(*cautions, *more, *still_more),
        check=check,
        sign_agrees=agrees,
    )


def product(*factors: Decimal) -> Decimal | None:
    """The exact product, or None when it has more digits than are written."""
    result, *others = factors
    try:
        for factor in others:
            result = _WRITABLE.multiply(result, factor)
    except Rounded:
        return None
    return result


def quotient(dividend: Decimal, divisor: Decimal) -> Decimal | None:
    """The quotient where it is exact in `MAX_DIGITS` digits, else None: no digit is invented."""
    result = _ROUNDING.divide(dividend, divisor)
    exact = result.is_finite() and _EXACT.multiply(result, divisor) == dividend
    return _without_exponent(result) if exact else None


def _without_exponent(value: Decimal) -> Decimal:
    return Decimal(format(value.normalize(_ROUNDING), "f"))


def _mark(amounts: Amounts, rules: MoneyRules) -> Decimal | None:
    mark = amounts.quote.mark
    if mark is not None and rules.price is Sign.POSITION and amounts.side is Side.SHORT:
        return abs(mark)
    return mark


def _per_unit(amounts: Amounts, rules: MoneyRules) -> Decimal | None:
    price = amounts.cost_per_unit
    if price is None or rules.cost_per_unit_basis is Basis.PER_UNIT or amounts.multiplier is None:
        return price
    return quotient(price, amounts.multiplier)


def _paid(amount: Decimal, sign: Sign, side: Side) -> Decimal:
    """The amount as the basis of that side: positive where the sign agrees with the side."""
    if sign is Sign.ABSOLUTE:
        return abs(amount)
    paid = amount.copy_negate() if sign is Sign.CASH_FLOW else amount
    return signed(side, paid)


def _signed_basis(
    total: Decimal | None, per_unit: Decimal | None, amounts: Amounts, rules: MoneyRules
) -> tuple[Decimal | None, bool | None]:
    """The total cost, negative where its sign contradicts the side; and whether it agrees."""
    if total is not None:
        basis, sign = _paid(total, rules.cost_total, amounts.side), rules.cost_total
    elif per_unit is not None and amounts.multiplier is not None:
        unit = _paid(per_unit, rules.cost_per_unit, amounts.side)
        computed = product(unit, amounts.quantity, amounts.multiplier)
        if computed is None:
            return None, None
        basis, sign = computed, rules.cost_per_unit
    else:
        return None, None
    return basis, None if sign is Sign.ABSOLUTE or not basis else basis > 0


def _checked(
    basis: Decimal | None, amounts: Amounts, units: Decimal, mark: Decimal | None
) -> tuple[Decimal | None, CostCheck, list[Caution]]:
    """The basis if it can be relied upon, what profit and prices say of it, and what to tell the reader.

    A basis whose sign contradicts the side stands only if profit and prices confirm its size; one whose sign agrees
    falls only if they say that it should be the opposite.
    """
    if basis is None:
        return None, CostCheck.IMPOSSIBLE, []
    fits = _fits(basis, amounts, units, mark)
    if basis < 0:
        size_fits = _fits(basis.copy_negate(), amounts, units, mark)
        return (
            (basis.copy_negate() if size_fits else None),
            CostCheck.CONTRADICTED,
            [Caution.COST_CONTRADICTED],
        )
    if fits is None:
        return basis, CostCheck.IMPOSSIBLE, []
    if fits:
        return basis, CostCheck.CONFIRMED, []
    opposite_fits = basis > 0 and _fits(basis.copy_negate(), amounts, units, mark)
    return (
        None if opposite_fits else basis,
        CostCheck.CONTRADICTED,
        [Caution.COST_CONTRADICTED],
    )


def _fits(basis: Decimal, amounts: Amounts, units: Decimal, mark: Decimal | None) -> bool | None:
    """Whether profit = value - cost holds for a price between those of the row; None where that cannot be told."""
    if amounts.gain is None:
        return None
    prices = list(_prices(amounts, units, mark))
    if not prices:
        return None
    worth = _EXACT.add(signed(amounts.side, amounts.gain), basis)
    low, high = min(prices), max(prices)
    slack = max(
        _EXACT.multiply(_PRICE_TOLERANCE, max(abs(low), abs(high))),
        _EXACT.divide(_CENT, units),
    )
    if amounts.cost_total is None and amounts.cost_per_unit is not None:
        slack += _half_step(amounts.cost_per_unit)
    return _EXACT.multiply(low - slack, units) <= worth <= _EXACT.multiply(high + slack, units)


def _prices(amounts: Amounts, units: Decimal, mark: Decimal | None) -> Iterator[Decimal]:
    """The prices at which a broker may have valued the position."""
    quote = amounts.quote
    if amounts.value is not None:
        yield abs(_EXACT.divide(amounts.value, units))
    for price in (mark, quote.last, quote.bid, quote.ask):
        if price is not None:
            yield price
    if amounts.type is InstrumentType.STOCK and quote.underlying_price is not None:
        yield quote.underlying_price


def _cost(
    basis: Decimal | None,
    total: Decimal | None,
    per_unit: Decimal | None,
    amounts: Amounts,
    units: Decimal,
) -> tuple[Decimal | None, Decimal | None, list[Caution]]:
    """Average price and cost basis: both as given where they agree; else the total; the other one only if exact."""
    if basis is None:
        return None, None, []
    if total is None:
        return (None if per_unit is None else abs(per_unit)), basis, []
    if per_unit is None:
        return quotient(basis, units), basis, []
    if within_tolerance(basis, _EXACT.multiply(abs(per_unit), units), amounts.quantity):
        return abs(per_unit), basis, []
    rounding = _EXACT.multiply(_half_step(per_unit), units)
    if abs(_EXACT.subtract(basis, _EXACT.multiply(abs(per_unit), units))) <= rounding:
        return None, basis, []
    return None, basis, [Caution.COST_CONTRADICTED]


def _half_step(price: Decimal) -> Decimal:
    """Half of the last digit that a price is written with."""
    return _EXACT.scaleb(_HALF, int(price.as_tuple().exponent))


def _value(
    amounts: Amounts,
    rules: MoneyRules,
    mark: Decimal | None,
    basis: Decimal | None,
    check: CostCheck,
    *,
    notional: bool,
) -> tuple[Decimal | None, Decimal | None, list[Caution]]:
    """Market value, the mark that agrees with it, and what to tell.

    In this order: the file's value; mark x quantity x multiplier; profit + cost where the prices confirm it, because
    that is the broker's own valuation; the middle of bid and ask.
    """
    units = product(amounts.quantity, amounts.multiplier or _ONE)
    if units is None:
        return None, mark, []
    if amounts.value is not None and notional:
        return _stated_value(amounts, rules, mark, units)
    if not rules.value_from_price:
        return None, mark, []
    if mark is not None:
        return _worth(mark, units, amounts.side), mark, []
    if check is CostCheck.CONFIRMED and basis is not None and amounts.gain is not None:
        return _EXACT.add(amounts.gain, signed(amounts.side, basis)), None, []
    middle = _middle(amounts.quote)
    return (None if middle is None else _worth(middle, units, amounts.side)), None, []


def _worth(price: Decimal, units: Decimal, side: Side) -> Decimal | None:
    size = product(price, units)
    return None if size is None else signed(side, size)


def _stated_value(
    amounts: Amounts, rules: MoneyRules, mark: Decimal | None, units: Decimal
) -> tuple[Decimal | None, Decimal | None, list[Caution]]:
    value = amounts.value or Decimal(0)
    if rules.value is Sign.ABSOLUTE:
        value = signed(amounts.side, value.copy_abs())
    elif rules.value is Sign.CASH_FLOW:
        value = value.copy_negate()
    if signed(amounts.side, value) < 0:
        return None, mark, [Caution.VALUE_CONTRADICTED]
    if mark is None or not rules.value_from_price:
        return value, mark, []
    computed = signed(amounts.side, _EXACT.multiply(mark, units))
    if within_tolerance(value, computed, amounts.quantity):
        return value, mark, []
    # The mark is written with fewer digits than it was multiplied with: the value has them, where it can be divided.
    if abs(_EXACT.subtract(value, computed)) <= _EXACT.multiply(_half_step(mark), units):
        return value, quotient(abs(value), units), []
    return value, None, [Caution.VALUE_CONTRADICTED]


def _middle(quote: Quote) -> Decimal | None:
    if quote.bid is None or quote.ask is None or not 0 <= quote.bid <= quote.ask or not quote.ask:
        return None
    return _EXACT.divide(_EXACT.add(quote.bid, quote.ask), _TWO)
