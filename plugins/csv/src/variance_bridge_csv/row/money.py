"""What the amounts of a row mean: cost, value and profit, brought to the signs of the lingua franca and cross-checked.

All arithmetic is exact. What does not fit is left out or flagged, never adjusted.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Context, Decimal, Rounded
from enum import Enum, auto

from msgspec import Struct

from variance_bridge.model import Caution, Quote, Side
from variance_bridge.money import signed
from variance_bridge.rounding_tolerance import within_tolerance
from variance_bridge.symbology import InstrumentType
from variance_bridge_csv.dialect_format.dialect_options import Basis, MoneyRules, Sign
from variance_bridge_csv.row.cell_values import MAX_DIGITS

_EXACT = Context(prec=200)
_WRITABLE = Context(prec=MAX_DIGITS, traps=[Rounded])
_ROUNDING = Context(prec=MAX_DIGITS, traps=[])
_CENT = Decimal("0.01")
_HALF = Decimal("0.5")
_ONE, _TWO = Decimal(1), Decimal(2)
_PRICE_TOLERANCE = Decimal("0.005")
"""How far, as a share of the price, a profit may be from the prices beside it: they are not of the same second."""
_VALUE_TOLERANCE = Decimal("0.02")
"""How far, as a share, a value may be from the last price: it may come from a price of another moment."""
_SHIFTS = tuple(Decimal(10) ** places for places in (-3, -2, -1, 1, 2, 3))
"""What a value is multiplied with when a cell was cut, shifted, or read with the wrong decimal mark."""
_FEES, _FEES_SHARE = Decimal(100), Decimal("0.01")
"""Commissions beyond these, in money and as a share of the cost, are not taken for commissions."""
_BY_THE_PIECE = frozenset(
    {InstrumentType.STOCK, InstrumentType.CRYPTO, InstrumentType.FUND, InstrumentType.BOND}
)
"""What is worth its last price. An option's last trade may be days old: brokers value it between bid and ask."""
# Python 3.11 takes longer to find a member of an enumeration than to call a function: what every row asks for stands here.
_FUTURE = InstrumentType.FUTURE
_LIKE_POSITION = Sign.POSITION
_ABSOLUTE = Sign.ABSOLUTE
_CASH_FLOW = Sign.CASH_FLOW
_SHORT = Side.SHORT
_PER_UNIT = Basis.PER_UNIT


class CostCheck(Enum):
    """What profit, price and cost together say of the cost's sign."""

    IMPOSSIBLE = auto()
    CONFIRMED = auto()
    CONTRADICTED = auto()


_IMPOSSIBLE = CostCheck.IMPOSSIBLE


class Amounts(Struct, kw_only=True):
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


class Money(Struct, kw_only=True):
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
    value_shifted: bool = False
    """The value is ten, a hundred or a thousand times price x quantity, or such a part of it, and nothing confirms it."""


def weigh(amounts: Amounts, rules: MoneyRules) -> Money:
    """The position's money.

    Without a multiplier no price can be compared: the totals that the file states are kept as they are.
    """
    mark = _mark(amounts, rules)
    is_future = amounts.type is _FUTURE
    if is_future and rules.futures_cost_as_stated and amounts.cost_total:
        return _as_stated(amounts, amounts.cost_total, rules, mark)
    notional = not is_future or rules.futures_cost
    if amounts.multiplier is None:
        return _totals(amounts, rules, mark, notional=notional)
    units = _EXACT.multiply(amounts.quantity, amounts.multiplier)
    total = amounts.cost_total if notional else None
    meaningless = not notional and amounts.cost_total is not None
    cautions = [Caution.COST_MEANINGLESS] if meaningless else []
    per_unit = _per_unit(amounts, rules)
    basis, agrees = _signed_basis(total, per_unit, amounts, rules)
    if total is None and notional and basis is not None and basis > 0:
        total = _from_profit(basis, per_unit, amounts, rules, units)
        basis = total or basis
    basis, check, doubts = _checked(basis, amounts, units, mark)
    cautions += doubts
    average, basis_total, more = _cost(basis, total, per_unit, amounts, rules, units)
    if amounts.value is not None and notional:
        value, mark, still_more = _stated_value(amounts, rules, mark, units, basis_total)
    else:
        value, still_more = _computed_value(amounts, rules, mark, basis_total, check), []
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
        value_shifted=_is_shifted(amounts, rules, units, basis_total) if notional else False,
    )


def _as_stated(amounts: Amounts, cost: Decimal, rules: MoneyRules, mark: Decimal | None) -> Money:
    """The money of a future whose cost is not its notional: its notional value has nothing to do with it."""
    return Money(
        cost_basis=_paid(cost, rules.cost_total, amounts.side),
        unrealized_pl=amounts.gain,
        day_pl=amounts.day_gain,
        mark=mark,
    )


def _totals(amounts: Amounts, rules: MoneyRules, mark: Decimal | None, *, notional: bool) -> Money:
    """The money of a position whose multiplier is not known: what the file states of the whole of it."""
    cautions: list[Caution] = []
    basis, agrees = _signed_basis(amounts.cost_total if notional else None, None, amounts, rules)
    if basis is not None and basis < 0:
        basis = None
        cautions.append(Caution.COST_CONTRADICTED)
    value = _directed(amounts, rules) if amounts.value is not None and notional else None
    if value is not None and signed(amounts.side, value) < 0:
        value = None
        cautions.append(Caution.VALUE_CONTRADICTED)
    check = CostCheck.IMPOSSIBLE
    if basis is not None and value is not None and amounts.gain is not None:
        fits = _confirms(amounts, value, basis)
        check = CostCheck.CONFIRMED if fits else CostCheck.CONTRADICTED
        cautions += [] if fits else [Caution.COST_CONTRADICTED]
    shifted = value is not None and _is_shifted_from_profit(amounts, value, basis)
    per_unit = amounts.cost_per_unit if rules.cost_per_unit_basis is Basis.PER_UNIT else None
    return Money(
        average_price=None if per_unit is None or basis is None else abs(per_unit),
        cost_basis=basis,
        market_value=value,
        unrealized_pl=amounts.gain,
        day_pl=amounts.day_gain,
        mark=mark,
        cautions=tuple(cautions),
        check=check,
        sign_agrees=agrees,
        value_shifted=shifted,
    )


def contradict_side(amounts: Amounts, rules: MoneyRules) -> bool:
    """Whether the value says that a position is short which is long by its quantity, and no cost says that it is long.

    The other way round proves nothing: a column without signs has a short position's amounts positive.
    """
    if amounts.side is _SHORT or amounts.type is _FUTURE:
        return False
    value = amounts.value
    if value is None or value >= 0 or rules.value is not _LIKE_POSITION:
        return False
    cost, sign = amounts.cost_total, rules.cost_total
    if cost is None:
        cost, sign = amounts.cost_per_unit, rules.cost_per_unit
    says_long = cost is not None and sign is not _ABSOLUTE and _paid(cost, sign, amounts.side) > 0
    return not says_long


def product(first: Decimal, *others: Decimal) -> Decimal | None:
    """The exact product, or None when it has more digits than are written."""
    result = first
    try:
        for factor in others:
            result = _WRITABLE.multiply(result, factor)
    except Rounded:
        return None
    return result


def exact_product(*factors: Decimal) -> Decimal:
    """The exact product, with all its digits."""
    result, *others = factors
    for factor in others:
        result = _EXACT.multiply(result, factor)
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
    if mark is not None and rules.price is _LIKE_POSITION and amounts.side is _SHORT:
        return abs(mark)
    return mark


def _per_unit(amounts: Amounts, rules: MoneyRules) -> Decimal | None:
    price = amounts.cost_per_unit
    if price is None or rules.cost_per_unit_basis is _PER_UNIT or amounts.multiplier is None:
        return price
    return quotient(price, amounts.multiplier)


def _paid(amount: Decimal, sign: Sign, side: Side) -> Decimal:
    """The amount as the basis of that side: positive where the sign agrees with the side."""
    if sign is _ABSOLUTE:
        return abs(amount)
    paid = amount.copy_negate() if sign is _CASH_FLOW else amount
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
    return basis, None if sign is _ABSOLUTE or not basis else basis > 0


def _from_profit(
    basis: Decimal,
    per_unit: Decimal | None,
    amounts: Amounts,
    rules: MoneyRules,
    units: Decimal,
) -> Decimal | None:
    """The total cost as value and profit tell it, where it is the unit price's but for rounding and commissions.

    A unit price is rounded, and at some brokers has no commissions in it; the broker's own total is neither.
    """
    if amounts.value is None or amounts.gain is None or per_unit is None:
        return None
    told = signed(amounts.side, _EXACT.subtract(_directed(amounts, rules), amounts.gain))
    slack = _EXACT.multiply(_half_step(per_unit), units)
    # Commissions make what was bought dearer, and what was received for a short position less.
    more = signed(amounts.side, _EXACT.subtract(told, basis))
    fees = Decimal(0)
    if rules.cost_per_unit_excludes_fees:
        fees = max(_FEES, _EXACT.multiply(basis, _FEES_SHARE))
    return told if told > 0 and -slack <= more <= slack + fees else None


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
        return basis, _IMPOSSIBLE, []
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
        valued_at = abs(_ROUNDING.divide(amounts.value, units))
        beside = quote.last if mark is None else mark
        # A value that its own price contradicts confirms nothing.
        if (
            beside is None
            or beside == valued_at
            or amounts.type not in _BY_THE_PIECE
            or _is_near(valued_at, beside)
        ):
            yield valued_at
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
    rules: MoneyRules,
    units: Decimal,
) -> tuple[Decimal | None, Decimal | None, list[Caution]]:
    """Average price and cost basis: both as given where they agree; else the total; the other one only if exact."""
    if basis is None:
        return None, None, []
    if total is None:
        return (None if per_unit is None else _size(per_unit)), basis, []
    if per_unit is None:
        return quotient(basis, units), basis, []
    if within_tolerance(basis, _EXACT.multiply(_size(per_unit), units), amounts.quantity):
        return _size(per_unit), basis, []
    rounding = _EXACT.multiply(_half_step(per_unit), units)
    if abs(_EXACT.subtract(basis, _EXACT.multiply(_size(per_unit), units))) <= rounding:
        return None, basis, []
    if rules.cost_per_unit_excludes_fees and amounts.cost_total is None:
        return None, basis, []
    return None, basis, [Caution.COST_CONTRADICTED]


def _size(amount: Decimal) -> Decimal:
    """The amount without its sign. `abs` would round at 28 digits, and makes another number of each."""
    return amount if amount >= 0 else amount.copy_negate()


def _half_step(price: Decimal) -> Decimal:
    """Half of the last digit that a price is written with."""
    return _EXACT.scaleb(_HALF, int(price.as_tuple().exponent))


def _computed_value(
    amounts: Amounts,
    rules: MoneyRules,
    mark: Decimal | None,
    basis: Decimal | None,
    check: CostCheck,
) -> Decimal | None:
    """The market value that the file does not state.

    In this order: mark x quantity x multiplier; profit + cost where the prices confirm it, because that is the broker's
    own valuation; the middle of bid and ask.
    """
    units = product(amounts.quantity, amounts.multiplier or _ONE)
    if units is None or not rules.value_from_price:
        return None
    if mark is not None:
        return _worth(mark, units, amounts.side)
    if check is CostCheck.CONFIRMED and basis is not None and amounts.gain is not None:
        return _EXACT.add(amounts.gain, signed(amounts.side, basis))
    middle = _middle(amounts.quote)
    return None if middle is None else _worth(middle, units, amounts.side)


def _worth(price: Decimal, units: Decimal, side: Side) -> Decimal | None:
    size = product(price, units)
    return None if size is None else signed(side, size)


def _directed(amounts: Amounts, rules: MoneyRules) -> Decimal:
    """The file's value with the sign of the position."""
    value = amounts.value or Decimal(0)
    if rules.value is _ABSOLUTE:
        return signed(amounts.side, value.copy_abs())
    return value.copy_negate() if rules.value is _CASH_FLOW else value


def _stated_value(
    amounts: Amounts,
    rules: MoneyRules,
    mark: Decimal | None,
    units: Decimal,
    basis: Decimal | None,
) -> tuple[Decimal | None, Decimal | None, list[Caution]]:
    """The file's value, the mark that agrees with it, and a caution where the prices contradict it."""
    value = _directed(amounts, rules)
    if signed(amounts.side, value) < 0:
        return None, mark, [Caution.VALUE_CONTRADICTED]
    if not rules.value_from_price:
        return value, mark, []
    if mark is None:
        return value, None, _against_last(amounts, value, units, basis)
    computed = signed(amounts.side, _EXACT.multiply(mark, units))
    if within_tolerance(value, computed, amounts.quantity):
        return value, mark, []
    # The mark is written with fewer digits than it was multiplied with: the value has them, where it can be divided.
    if abs(_EXACT.subtract(value, computed)) <= _EXACT.multiply(_half_step(mark), units):
        return value, quotient(abs(value), units), []
    return value, None, [Caution.VALUE_CONTRADICTED]


def _against_last(
    amounts: Amounts, value: Decimal, units: Decimal, basis: Decimal | None
) -> list[Caution]:
    last = amounts.quote.last
    if last is None or amounts.type not in _BY_THE_PIECE:
        return []
    slack = _EXACT.divide(_CENT, units)
    near = _is_near(abs(_EXACT.divide(value, units)), last, slack)
    confirmed = basis is not None and _confirms(amounts, value, basis)
    return [] if near or confirmed else [Caution.VALUE_CONTRADICTED]


def _is_near(price: Decimal, other: Decimal, slack: Decimal = Decimal(0)) -> bool:
    allowed = max(_EXACT.multiply(_VALUE_TOLERANCE, abs(other)), _half_step(other), slack)
    return abs(_EXACT.subtract(price, abs(other))) <= allowed


def _confirms(amounts: Amounts, value: Decimal, basis: Decimal) -> bool:
    """Whether profit = value - cost."""
    if amounts.gain is None:
        return False
    computed = _EXACT.subtract(value, signed(amounts.side, basis))
    return within_tolerance(amounts.gain, computed, amounts.quantity)


def _is_shifted_from_profit(amounts: Amounts, value: Decimal, basis: Decimal | None) -> bool:
    """Whether cost and profit say that the value has its decimal mark in another place."""
    if basis is None or amounts.gain is None or _confirms(amounts, value, basis):
        return False
    return any(_confirms(amounts, _EXACT.multiply(value, shift), basis) for shift in _SHIFTS)


def _is_shifted(amounts: Amounts, rules: MoneyRules, units: Decimal, basis: Decimal | None) -> bool:
    """Whether the value is price x quantity with its decimal mark in another place, and cost and profit do not confirm it."""
    price = amounts.quote.last if amounts.quote.mark is None else amounts.quote.mark
    if not amounts.value:
        return False
    # Asked here too: where the file states no profit, the call alone costs as much as all that follows.
    if amounts.gain is not None and _is_shifted_from_profit(
        amounts, _directed(amounts, rules), basis
    ):
        return True
    if not price or not rules.value_from_price:
        return False
    value, worth = amounts.value.copy_abs(), _EXACT.multiply(price, units).copy_abs()
    if value == worth:
        return False
    if value < _EXACT.multiply(worth, _TWO) and worth < _EXACT.multiply(value, _TWO):
        return False
    ratio = _ROUNDING.divide(value, worth)
    if not any(_is_near(ratio, shift) for shift in _SHIFTS):
        return False
    return basis is None or not _confirms(amounts, _directed(amounts, rules), basis)


def _middle(quote: Quote) -> Decimal | None:
    if quote.bid is None or quote.ask is None or not 0 <= quote.bid <= quote.ask or not quote.ask:
        return None
    return _EXACT.divide(_EXACT.add(quote.bid, quote.ask), _TWO)
